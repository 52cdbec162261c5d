import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildDsn } from '../../../message/dsn.ts'
import { parseDomain } from '../../../message/mailbox.ts'
import { readBounce } from './read.ts'
import { byPhrase, type Reason, reasonOf, statusIn } from './reasons.ts'

const message = (header: string, body: string) => Buffer.from(`${header.trim()}\n\n${body}`.replace(/\r?\n/g, '\r\n'))

test('a reply is classed by its words, then by its enhanced code, then by its code and the command', () => {
  const cases: [string, string | undefined, string | undefined, Reason][] = [
    ['550 5.1.1 <bob@recipient.test>: User unknown', '5.1.1', 'RCPT', 'user-unknown'],
    ['552 5.1.1 mailbox is over quota', '5.1.1', 'RCPT', 'mailbox-full'],
    [
      "550-5.7.26 Unauthenticated email from sender.test is not accepted due to domain's DMARC policy",
      '5.7.26',
      'DATA',
      'auth-failure',
    ],
    ['421 4.7.0 Too many connections from your IP', '4.7.0', 'CONNECT', 'rate-limited'],
    ['554 5.7.1 Client host [192.0.2.1] blocked using lists.test', '5.7.1', 'RCPT', 'blocked'],
    ['550 5.7.1 This message looks like spam', '5.7.1', 'DATA', 'spam'],
    ['552 5.3.4 Message size exceeds fixed limit', '5.3.4', 'MAIL', 'too-big'],
    ['550 5.2.1 The account is disabled', '5.2.1', 'RCPT', 'suspended'],
    ['550 5.1.8 sender domain does not exist', '5.1.8', 'MAIL', 'sender-refused'],
    ['553 sorry, that domain is not in my list of allowed rcpthosts (#5.7.1)', '5.7.1', 'RCPT', 'relay-denied'],
    ['550 nope', undefined, 'RCPT', 'user-unknown'],
    ['554 nope', '5.2.2', 'DATA', 'mailbox-full'],
    ['550 nope', undefined, 'CONNECT', 'blocked'],
    ['nope', undefined, undefined, 'unknown'],
  ]
  for (const [text, status, command, reason] of cases) assert.equal(reasonOf({ text, status, command }), reason, text)
})

test('what an address or a link is called says nothing', () => {
  assert.equal(byPhrase('<mailbox-full@spam.test>: see https://help.test/page#user-unknown'), undefined)
  assert.equal(statusIn('550 5.1.1 no'), '5.1.1')
  assert.equal(statusIn('from 192.5.1.1 and 4.2.2.1'), undefined)
})

test('our own notification is read again: both recipients, the message, and what was said', () => {
  const domain = parseDomain('sender.test')!
  const built = buildDsn({
    reportingHost: 'mx.sender.test',
    from: { localPart: 'postmaster', domain },
    to: { localPart: 'anna', domain },
    messageId: '<1@sender.test>',
    nowMs: Date.UTC(2026, 0, 1),
    envelopeId: 'QQ314159',
    recipients: [
      {
        recipient: { localPart: 'bob', domain: parseDomain('recipient.test')! },
        action: 'failed',
        status: '5.1.1',
        remoteHost: 'mx.recipient.test',
        diagnostic: '550 5.1.1 no such mailbox',
      },
      {
        recipient: { localPart: 'eva', domain: parseDomain('recipient.test')! },
        action: 'failed',
        status: '4.4.7',
        diagnostic: '451 4.2.2 mailbox full',
      },
    ],
    original: message('Message-ID: <orig@sender.test>\nSubject: Hello', 'Hi\n'),
    returns: 'full',
    boundary: () => 'b',
  })
  const bounce = readBounce(built)!
  assert.deepEqual(
    bounce.recipients.map(({ address, reason, isHard, remoteHost }) => ({ address, reason, isHard, remoteHost })),
    [
      { address: 'bob@recipient.test', reason: 'user-unknown', isHard: true, remoteHost: 'mx.recipient.test' },
      { address: 'eva@recipient.test', reason: 'mailbox-full', isHard: false, remoteHost: '' },
    ],
  )
  assert.deepEqual(
    [bounce.kind, bounce.messageId, bounce.subject, bounce.envelopeId, bounce.reportingHost],
    ['failed', 'orig@sender.test', 'Hello', 'QQ314159', 'mx.sender.test'],
  )
})

test('free text: each recipient has his own reply, and the message that comes back ends it', () => {
  const bounce = readBounce(
    message(
      'From: MAILER-DAEMON@mx.sender.test\nTo: anna@sender.test\nSubject: failure notice',
      `Hi. I could not deliver your message.

<bob@recipient.test>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 no such user here
Giving up on 192.0.2.7.

<eva@recipient.test>:
Remote host said: 452 4.2.2 mailbox full
I'm not going to try again; this message has been in the queue too long.

--- Below this line is a copy of the message.

Message-ID: <orig@sender.test>
To: carl@recipient.test
Subject: 550 spam detected
`,
    ),
  )!
  assert.deepEqual(
    bounce.recipients.map(({ address, reason, status }) => [address, reason, status]),
    [
      ['bob@recipient.test', 'user-unknown', '5.1.1'],
      ['eva@recipient.test', 'mailbox-full', '4.2.2'],
    ],
  )
  assert.equal(bounce.messageId, 'orig@sender.test')
})

test('an answer from holidays, a warning and a letter are not failures', () => {
  const away = readBounce(
    message(
      'From: bob@recipient.test\nTo: anna@sender.test\nSubject: Out of office\nAuto-Submitted: auto-replied',
      'Back on Monday.\n',
    ),
  )
  assert.deepEqual([away?.kind, away?.recipients[0]?.address], ['auto-reply', 'bob@recipient.test'])
  const late = readBounce(
    message(
      'From: Mail Delivery System <mailer-daemon@mx.test>\nTo: anna@sender.test\nSubject: Warning: message delayed 24 hours',
      'A message has not yet been delivered:\n\n  bob@recipient.test\n    Delay reason: connection timed out\n',
    ),
  )
  assert.deepEqual(
    [late?.kind, late?.recipients[0]?.reason, late?.recipients[0]?.isHard],
    ['delayed', 'network', false],
  )
  assert.equal(
    readBounce(
      message(
        'From: bob@recipient.test\nTo: anna@sender.test\nSubject: Lunch?',
        'User unknown is a good name for a band. 550 people say so.\n',
      ),
    ),
    undefined,
  )
})

test('hostile bounces end: no recipients without bound, no time without bound', () => {
  const many = Array.from({ length: 5000 }, (_, at) => `Final-Recipient: rfc822; a${at}@x.test\nAction: failed\n`).join(
    '\n',
  )
  const report = message('From: <>\nSubject: x\nContent-Type: message/delivery-status', many)
  assert.equal(readBounce(report)?.recipients.length, 1000)
  for (const text of [
    'a@b.test '.repeat(60_000),
    '<'.repeat(400_000),
    '550 user mailbox account '.repeat(20_000),
    'x@'.repeat(200_000),
  ])
    readBounce(message('From: MAILER-DAEMON@x.test\nSubject: failure notice', text))
})
