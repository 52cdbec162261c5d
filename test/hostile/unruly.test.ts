// Clients at the Border who do not do as they should, at every state of the dialogue: each hears a reply that says so, nobody
// gets a message that was not wholly sent to him, and nobody gets one twice.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainAt, TestSystem, TWO_AGENTS } from '../../src/system/testing.ts'

const BOB = 'bob@recipient.test'
const IP = '192.0.2.10'
const HELLO = 'EHLO mail.good.test\r\n'
const FROM = 'MAIL FROM:<gina@good.test>\r\n'
const TO = `RCPT TO:<${BOB}>\r\n`
const LETTER = `From: gina@good.test\r\nTo: ${BOB}\r\nSubject: one\r\n\r\nHello\r\n`

/** What is said, each piece when the answer to the one before has come; the codes that are heard; messages in Bob's mailboxes. */
const DIALOGUES: readonly (readonly [what: string, said: readonly string[], heard: string, messages: number])[] = [
  ['MAIL before EHLO', [FROM, TO], '220 503 503', 0],
  ['RCPT before MAIL', [HELLO, TO, 'DATA\r\n'], '220 250 503 503', 0],
  ['DATA without a recipient', [HELLO, FROM, 'DATA\r\n'], '220 250 250 554', 0],
  [
    'a second MAIL',
    [HELLO, FROM, 'MAIL FROM:<evil@good.test>\r\n', TO, 'DATA\r\n', `${LETTER}.\r\n`],
    '220 250 250 503 250 354 250',
    1,
  ],
  ['EHLO in the middle', [HELLO, FROM, TO, HELLO, 'DATA\r\n'], '220 250 250 250 250 503', 0],
  ['RSET in the middle', [HELLO, FROM, TO, 'RSET\r\n', 'DATA\r\n'], '220 250 250 250 250 503', 0],
  ['an empty message', [HELLO, FROM, TO, 'DATA\r\n', '.\r\n'], '220 250 250 250 354 250', 1],
  ['a header and no end of it', [HELLO, FROM, TO, 'DATA\r\n', 'Subject: x\r\n.\r\n'], '220 250 250 250 354 250', 1],
  [
    'one recipient three times',
    [HELLO, FROM, TO, TO, TO, 'DATA\r\n', `${LETTER}.\r\n`],
    '220 250 250 250 250 250 354 250',
    1,
  ],
  [
    'a source route',
    [HELLO, FROM, `RCPT TO:<@a.test,@b.test:${BOB}>\r\n`, 'DATA\r\n', `${LETTER}.\r\n`],
    '220 250 250 250 354 250',
    1,
  ],
  ['percent relay', [HELLO, FROM, 'RCPT TO:<eva%other.test@recipient.test>\r\n'], '220 250 250 550', 0],
  ['bang relay', [HELLO, FROM, 'RCPT TO:<recipient.test!bob>\r\n'], '220 250 250 501', 0],
  [
    'quoted local part',
    [HELLO, FROM, 'RCPT TO:<"bob"@recipient.test>\r\n', 'DATA\r\n', `${LETTER}.\r\n`],
    '220 250 250 250 354 250',
    1,
  ],
  [
    'upper case',
    [
      'eHlO mail.good.test\r\n',
      'mAiL fRoM:<gina@good.test>\r\n',
      'rcpt to:<BOB@RECIPIENT.TEST>\r\n',
      'data\r\n',
      `${LETTER}.\r\n`,
    ],
    '220 250 250 250 354 250',
    1,
  ],
  ['trailing dot of the domain', [HELLO, FROM, 'RCPT TO:<bob@recipient.test.>\r\n'], '220 250 250 501', 0],
  ['address literal of another', [HELLO, FROM, 'RCPT TO:<bob@[192.0.2.99]>\r\n'], '220 250 250 550', 0],
  ['postmaster without a domain', [HELLO, FROM, 'RCPT TO:<Postmaster>\r\n'], '220 250 250 250', 0],
  [
    'null path, two recipients',
    [HELLO, 'MAIL FROM:<>\r\n', TO, 'RCPT TO:<postmaster@recipient.test>\r\n'],
    '220 250 250 250 250',
    0,
  ],
  [
    'a space before the path',
    [HELLO, 'MAIL FROM: <gina@good.test>\r\n', `RCPT TO: <${BOB}>\r\n`],
    '220 250 250 250',
    0,
  ],
  ['no brackets', [HELLO, 'MAIL FROM:gina@good.test\r\n', `RCPT TO:${BOB}\r\n`], '220 250 250 250', 0],
  [
    'SIZE beyond every number',
    [HELLO, 'MAIL FROM:<gina@good.test> SIZE=99999999999999999999999\r\n'],
    '220 250 501',
    0,
  ],
  ['SIZE negative', [HELLO, 'MAIL FROM:<gina@good.test> SIZE=-1\r\n'], '220 250 501', 0],
  ['BODY nobody knows', [HELLO, 'MAIL FROM:<gina@good.test> BODY=FROB\r\n'], '220 250 555', 0],
  [
    'BINARYMIME with DATA',
    [HELLO, 'MAIL FROM:<gina@good.test> BODY=BINARYMIME\r\n', TO, 'DATA\r\n'],
    '220 250 555 503 503',
    0,
  ],
  ['DATA with a word', [HELLO, FROM, TO, 'DATA now\r\n'], '220 250 250 250 501', 0],
  [
    'BDAT begun and left',
    [HELLO, FROM, TO, `BDAT ${LETTER.length}\r\n${LETTER}`, 'QUIT\r\n'],
    '220 250 250 250 250 221',
    0,
  ],
  ['DATA after BDAT', [HELLO, FROM, TO, 'BDAT 5\r\nSubje', 'DATA\r\n'], '220 250 250 250 250 503', 0],
  [
    'BDAT and RCPT',
    [HELLO, FROM, TO, 'BDAT 5\r\nSubje', 'RCPT TO:<postmaster@recipient.test>\r\n'],
    '220 250 250 250 250 503',
    0,
  ],
  [
    'QUIT right behind the message',
    [HELLO, FROM, TO, 'DATA\r\n', `${LETTER}.\r\nQUIT\r\n`],
    '220 250 250 250 354 250 221',
    1,
  ],
  [
    'a letter behind a MAIL that was refused',
    [HELLO, `MAIL FROM:<gina@good.test> FROB=1\r\n${TO}DATA\r\n`, `${LETTER}.\r\n`],
    '220 250 555 503 503 500 500 500 500 500 500',
    0,
  ],
  ['HTTP', [`POST / HTTP/1.1\r\nHost: mx.recipient.test\r\n\r\n${HELLO}${FROM}`], '220 421', 0],
  ['TLS on the plain port', [`\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'x'.repeat(200)}\r\n`], '220 500', 0],
  ['STARTTLS with a word', [HELLO, 'STARTTLS now\r\n'], '220 250 501', 0],
  ['AUTH at the Border', [HELLO, 'AUTH LOGIN\r\n'], '220 250 502', 0],
  ['EHLO with a broken literal', ['EHLO [999.1.1.1]\r\n', FROM], '220 250 250', 0],
  ['EHLO in our own name', ['EHLO mx.recipient.test\r\n', FROM], '220 250 250', 0],
  ['EHLO with a NUL', ['EHLO mail\0.good.test\r\n'], '220 500', 0],
  ['XCLIENT', [HELLO, 'XCLIENT ADDR=127.0.0.1\r\n'], '220 250 500', 0],
  ['TURN and ETRN', [HELLO, 'TURN\r\n', 'ETRN recipient.test\r\n'], '220 250 500 500', 0],
  ['a local part of 300', [HELLO, FROM, `RCPT TO:<${'a'.repeat(300)}@recipient.test>\r\n`], '220 250 250 501', 0],
  ['a command of 5000', [HELLO, `NOOP ${'x'.repeat(5000)}\r\n`], '220 250 500', 0],
  ['a parameter of RCPT that is none', [HELLO, FROM, `RCPT TO:<${BOB}> FROB\r\n`], '220 250 250 555', 0],
  [
    'an unknown, then a known recipient',
    [HELLO, FROM, 'RCPT TO:<nobody@recipient.test>\r\n', TO, 'DATA\r\n', `${LETTER}.\r\n`],
    '220 250 250 550 250 354 250',
    1,
  ],
  [
    'only unknown recipients, and DATA all the same',
    [HELLO, `${FROM}RCPT TO:<nobody@recipient.test>\r\nDATA\r\n`, `${LETTER}.\r\n`],
    '220 250 250 550 554 500 500 500 500 500 500',
    0,
  ],
  ['text after QUIT', [HELLO, `QUIT\r\n${FROM}${TO}`], '220 250 221', 0],
  ['tabs for spaces', [HELLO, 'MAIL\tFROM:<gina@good.test>\r\n'], '220 250 500', 0],
  ['an address with a comment', [HELLO, FROM, 'RCPT TO:<bob(x)@recipient.test>\r\n'], '220 250 250 501', 0],
  [
    'two addresses in one RCPT',
    [HELLO, FROM, `RCPT TO:<${BOB}>,<postmaster@recipient.test>\r\n`],
    '220 250 250 501',
    0,
  ],
]

for (const [what, said, codes, messages] of DIALOGUES)
  test(what, async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const host = world.stranger(IP, domainAt('good.test', IP))
    const heard = await world.say(host, 'recipient', said, { service: 'smtp', silenceMs: 25_000 })
    assert.equal(heard.match(/^\d{3}(?= )/gm)?.join(' '), codes, heard)
    const arrived = [...(await world.mail('recipient', BOB)), ...(await world.mail('recipient', BOB, 'junk'))]
    assert.equal(arrived.length, messages)
  })
