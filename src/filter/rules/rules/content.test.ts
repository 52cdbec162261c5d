import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNPROVEN, viewOf } from '../testing.ts'
import { bulkRules } from './bulk.ts'
import { contentRules } from './content.ts'
import { expectRules, type Row } from './expect.ts'

const text = (value: string) => ({ text: `${value}\r\n` })
const linked = (value: string) => text(`${value} https://evil.example/login`)
const unproven = (draft: object) => ({ ...draft, identity: UNPROVEN })

const BULK: Row[] = [
  [
    'bulk-one-click',
    { fields: { 'List-Unsubscribe': '<https://a.example/>', 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' } },
  ],
  ['bulk-list', { fields: { 'List-Id': '<a.b.example>', 'List-Post': '<mailto:a@b.example>' } }],
  ['bulk-list-unnamed', { fields: { Precedence: 'bulk' } }],
  ['bulk-junk-by-its-own-word', { fields: { Precedence: 'junk' } }],
  ['bulk-without-way-out', text('If you no longer wish to get this, write to us.')],
  ['bulk-unsubscribe-broken', { fields: { 'List-Unsubscribe': 'no' } }],
  [
    'bulk-unproven',
    {
      fields: { 'List-Unsubscribe': '<https://a.example/>' },
      identity: { ...UNPROVEN, dmarc: { ...UNPROVEN.dmarc!, result: 'fail' } },
    },
  ],
  ['bulk-judged-before', { fields: { 'X-Spam-Flag': 'YES' } }],
  ['bulk-cover-sender', { fields: { 'List-Unsubscribe': '<https://a.example/>', Subject: 'Re: us' } }],
  ['bulk-code-for-recipient', text('Buy this.\r\n\r\nqzxkvbtrwplm')],
  ['person-signed', { fields: { 'Content-Type': 'multipart/signed; boundary=a' }, body: '--a\r\n\r\nx\r\n--a--\r\n' }],
  ['person-quotes', { fields: { 'In-Reply-To': '<1@a.example>' }, text: '> one\r\n> two\r\nthree\r\n' }],
  ['person-short-plain', { fields: { 'In-Reply-To': '<1@a.example>' }, text: 'Fine.\r\n' }],
]

const CONTENT: Row[] = [
  ['content-advance-fee', text('I am the next of kin of the deceased; my late father left it.')],
  ['content-millions', text('The deceased left ten million dollars.')],
  ['content-lottery', text('You have won! Tell our claims agent your winning number.')],
  ['content-pharmacy', text('Viagra and Cialis from our online pharmacy')],
  ['content-adult', text('Hardcore porn for you')],
  ['content-credit', text('Refinance now at the lowest rates')],
  ['content-income', text('Work from home and be your own boss')],
  ['content-income-much', text('Work from home, be your own boss, make money, quit your job')],
  ['content-pressure', text('Act now.')],
  ['content-pressure-much', text('Act now! Limited time! Hurry!')],
  ['content-promise', text('Risk free, with a money back guarantee')],
  ['content-promise-much', text('Risk free, absolutely free, no obligation, money back guarantee')],
  [
    'content-excuse',
    text('You received this email because you asked. To be removed, write to us. If you no longer wish it, tell us.'),
  ],
  ['content-not-spam', text('This is not spam.')],
  ['content-statute', text('Under bill s.1618 title III this cannot be considered spam')],
  ['content-reply-to-remove', text('Answer with REMOVE in the subject')],
  ['content-click-here', linked('Click here:')],
  ['content-account-threat', linked('Your account has been suspended.')],
  ['content-account-confirm', unproven(linked('Please verify your account:'))],
  ['content-phishing', linked('Your mailbox is full. Verify your account.')],
  ['content-extortion', text('I recorded you with your webcam. Send bitcoin.')],
  ['content-wallet', text('Pay to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq')],
  ['content-gift-cards', text('Are you available? Buy me some gift cards.')],
  [
    'content-false-boss',
    { ...text('Are you available? I need a favor.'), fields: { From: 'The Boss <boss123@gmail.com>' } },
  ],
  ['content-bank-change', unproven(text('Please note our new bank details.'))],
  ['content-parcel', unproven(linked('Your parcel could not be delivered.'))],
  ['content-stocks', text('Hot stock! Strong buy, target price 5.')],
  ['content-casino', text('Online casino with free spins')],
  ['content-imitations', text('Rolex replica watches')],
  ['content-greets-nobody', text('Dear friend,')],
  ['content-greets-mailbox', { ...text('Dear huber, you must act.'), facts: { recipients: ['huber@home.example'] } }],
  ['content-capitals', text('THIS IS THE OFFER OF THE YEAR AND YOU MUST READ IT '.repeat(8))],
  [
    'content-shouted-lines',
    text('THIS IS THE OFFER\r\nOF ALL THE YEARS\r\nREAD IT TO THE END\r\nTELL EVERY FRIEND\r\nof yours'),
  ],
  ['content-money', text('Get $10,000 then $20,000 then $30,000')],
  ['content-exclamations', text('Now!! Yes!! Go!!')],
  ['content-spaced-letters', text('best v-i-a-g-r-a-p-i-l-l here')],
  ['content-disguised-words', text('Buy v1agra')],
]

expectRules(bulkRules, BULK)
expectRules(contentRules, CONTENT)

test('in a list or a conversation a topic proves nothing', () => {
  const talk = {
    fields: { 'In-Reply-To': '<1@a.example>' },
    text: '> viagra and cialis\r\n> from an online pharmacy\r\n\r\nthis is what I got!\r\n',
  }
  for (const rule of contentRules) assert.ok(!rule.test(viewOf(talk)), rule.id)
})
