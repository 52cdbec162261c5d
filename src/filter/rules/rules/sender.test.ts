import { PROVEN, UNPROVEN } from '../testing.ts'
import { expectRules, type Row } from './expect.ts'
import { identityRules } from './identity.ts'
import { receivedRules } from './received.ts'
import { recipientRules } from './recipients.ts'
import { senderRules } from './sender.ts'

const field = (name: string, value: string | string[] | undefined) => ({ fields: { [name]: value } })
const from = (value: string) => field('From', value)
const to = (value: string | undefined) => field('To', value)

const SENDER: Row[] = [
  ['from-missing', field('From', undefined)],
  ['from-repeated', field('From', ['a@sender.example', 'b@other.example'])],
  ['from-empty', from('nobody')],
  ['from-ambiguous', from('a@b@sender.example')],
  ['from-ambiguous', from('<@other.example,@x.example:a@sender.example>')],
  ['from-several-domains', from('a@sender.example, b@other.example')],
  ['from-several-without-sender', from('a@sender.example, b@sender.example')],
  ['name-other-address', from('"admin@bank.example" <x@evil.example>')],
  ['name-other-domain', from('"www.bank.com" <x@evil.example>')],
  ['name-of-brand', from('PayPal Service <x@evil.example>')],
  ['name-of-brand', from('"Apple ID" <x@evil.example>')],
  ['name-brand-disguised', from('=?utf-8?q?P=D0=B0yP=D0=B0l?= <x@evil.example>')],
  ['name-turned', from('=?utf-8?q?knab=E2=80=AE?= <x@evil.example>')],
  ['name-invisible', from('=?utf-8?q?Ba=E2=80=8Bnk?= <x@evil.example>')],
  ['name-mixed-alphabets', from('=?utf-8?q?B=D0=B0nking?= <x@evil.example>')],
  ['name-with-seal', from('=?utf-8?q?Bank_=E2=9C=94?= <x@evil.example>')],
  ['name-padded', from(`"Bank${' '.repeat(40)}." <x@evil.example>`)],
  ['name-of-recipient', from('"bob@home.example" <x@evil.example>')],
  ['name-of-our-domain', from('"home.example support" <x@evil.example>')],
  ['name-of-office', from('IT Support <someone@gmail.com>')],
  ['name-needless-encoding', from('=?utf-8?B?QmFuaw==?= <x@evil.example>')],
  ['from-imitates-brand', from('a@paypa1.com')],
  ['from-imitates-brand', from('a@rnicrosoft.com')],
  ['from-contains-brand', from('a@paypal-security.example')],
  ['from-imitates-us', { ...from('a@h0me-office.example'), facts: { ownDomains: ['home-office.example'] } }],
  ['from-imitates-us', { ...from('a@homeofice.example'), facts: { ownDomains: ['homeoffice.example'] } }],
  ['from-mixed-alphabets', from('a@раypal.example')],
  ['from-abused-ending', from('a@prices.icu')],
  ['from-nowhere', from('a@server.localdomain')],
  ['from-bare-ip', from('a@[192.0.2.7]')],
  ['from-digits', from('anna83771b@sender.example')],
  ['from-digits-at-free-mail', from('anna84736251@gmail.com')],
  ['reply-to-other-free-mail', field('Reply-To', 'someone@gmail.com')],
  ['reply-to-imitates-from', { fields: { From: 'a@sender-bank.example', 'Reply-To': 'a@sender-bamk.example' } }],
]

const RECIPIENTS: Row[] = [
  ['to-missing', to(undefined)],
  ['to-undisclosed', to('undisclosed-recipients:;')],
  ['to-empty', to('friends')],
  ['to-is-sender', to('alice@sender.example')],
  ['to-sender-forged-as-recipient', { ...from('bob@home.example'), identity: UNPROVEN }],
  ['to-not-recipient', to('carol@other.example')],
  ['to-many', to(Array.from({ length: 40 }, (_, i) => `p${(i * 7) % 40}@x${i}.example`).join(', '))],
  ['to-sorted', to('adam@a.example, bert@a.example, carl@a.example, dora@a.example, emil@a.example, fritz@a.example')],
  ['to-alike', to('bob@a.example, bobo@a.example, bobby@a.example, bobcat@a.example, bob1@a.example')],
  ['to-broken', to('bob@home@example')],
  ['to-placeholder', to('{{email}} <a@b.example>')],
]

const line = (text: string) => field('Received', text)
const LATER = 'Mon, 30 Nov 2026 12:00:00 +0000'
const RECEIVED: Row[] = [
  ['received-none', field('Received', undefined)],
  ['received-in-future', line(`from a.example (a.example [192.0.2.1]) by b.example with ESMTP id 1; ${LATER}`)],
  [
    'received-backwards',
    field('Received', [
      'from a.example (a.example [192.0.2.1]) by b.example with ESMTP id 1; Fri, 13 Nov 2026 12:00:00 +0000',
      'from c.example (c.example [192.0.2.2]) by a.example with ESMTP id 2; Mon, 23 Nov 2026 12:00:00 +0000',
    ]),
  ],
  ['received-undated', line('from a.example (a.example [192.0.2.1]) by b.example with ESMTP id 1')],
  [
    'received-impossible-address',
    line('from a.example (a.example [392.0.2.1]) by b.example; Mon, 23 Nov 2026 12:00:00 +0000'),
  ],
  ['received-unreadable', line('xyzzy')],
  [
    'received-many',
    field(
      'Received',
      new Array<string>(30).fill(
        'from a.example (a.example [192.0.2.1]) by b.example; Mon, 23 Nov 2026 11:00:00 +0000',
      ),
    ),
  ],
  ['helo-forged-provider', { identity: { helo: 'yahoo.com', iprev: { result: 'pass', name: 'host.evil.example' } } }],
  ['helo-number', { identity: { helo: '192.0.2.10' } }],
  ['helo-not-a-name', { identity: { helo: 'desktop' } }],
  ['helo-of-ours', { identity: { helo: 'home.example', ...UNPROVEN } }],
  ['helo-dynamic', { identity: { iprev: { result: 'pass', name: 'dsl-192-0-2-10.provider.example' } } }],
  ['early-talker', { facts: { session: { earlyTalker: true } } }],
  ['free-mail-never-there', { ...from('a@yahoo.com'), identity: 'none' }],
]

const dmarcFail = (policy: string) => ({ ...UNPROVEN, dmarc: { ...UNPROVEN.dmarc!, result: 'fail', policy } })
const spf = (result: string) => ({ ...UNPROVEN, spf: { result, domain: 'sender.example' } })
const IDENTITY: Row[] = [
  ['spf-fail', { identity: spf('fail') }],
  ['spf-softfail', { identity: spf('softfail') }],
  ['spf-neutral', { identity: spf('neutral') }],
  ['spf-broken', { identity: spf('permerror') }],
  ['spf-for-everybody', { identity: { spf: { result: 'pass', domain: 'sender.example', letsEverybody: true } } }],
  ['nothing-vouches', { identity: UNPROVEN }],
  ['signature-broken', { identity: { dkim: [{ result: 'fail', domain: 'sender.example' }] } }],
  ['signature-of-stranger', { identity: { ...UNPROVEN, dkim: [{ result: 'pass', domain: 'other.example' }] } }],
  ['signature-leaves-room', { identity: { dkim: [{ result: 'pass', domain: 'sender.example', unsignedBytes: 90 }] } }],
  ['signature-weak', { identity: { dkim: [{ result: 'fail', domain: 'sender.example', keyBits: 768 }] } }],
  ['dmarc-fail-reject', { identity: dmarcFail('reject') }],
  ['dmarc-fail-quarantine', { identity: dmarcFail('quarantine') }],
  ['dmarc-fail-none', { identity: dmarcFail('none') }],
  ['dmarc-pass', {}],
  ['signed-by-author-domain', {}],
  ['own-domain-unproven', { ...from('boss@home.example'), identity: UNPROVEN }],
  ['free-mail-unproven', { ...from('a@gmail.com'), identity: dmarcFail('none') }],
  ['iprev-none', { identity: { iprev: { result: 'permerror' } } }],
  ['iprev-fail', { identity: { iprev: { result: 'fail' } } }],
  ['null-sender-no-report', { identity: { reversePath: '' } }],
  ['return-path-of-stranger', { identity: { ...UNPROVEN, reversePath: 'x@other.example' } }],
  ['arc-broken', { identity: { ...PROVEN, arc: { result: 'fail' } } }],
  ['answers-ours', { facts: { answersOurs: true } }],
]

expectRules(senderRules, SENDER)
expectRules(recipientRules, RECIPIENTS)
expectRules(receivedRules, RECEIVED)
expectRules(identityRules, IDENTITY)
