import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { check } from '../../notation/check.ts'
import { renderPicture } from '../../notation/draw.ts'
import { parse } from '../../notation/parse.ts'
import { durationText } from './duration.ts'
import { traceNotation, tracePicture } from './notation.ts'
import { proofLines, proofsOf } from './proofs.ts'
import { renderTrace } from './render.ts'
import { traceTable } from './table.ts'
import { type TraceOptions, type TraceResult, trace } from './trace.ts'

const suites = join(import.meta.dirname, '../../../../shared/suites')

const read = (text: string, options?: TraceOptions) => trace(Buffer.from(text.replaceAll('\n', '\r\n')), options)

/** The flow of the notation, without networks and facts. */
function flow(result: TraceResult): string {
  const line = traceNotation(result).split('\n')[1]!
  return line.replace(/^(\|-+ [^|]* -+\| )+(\/ )?/, '').replace(/ \/ Border$/, '')
}

const submitted =
  'Received: from laptop ([10.0.0.5]) by mail.sender.test with ESMTPSA id 1; Mon, 23 Nov 2026 15:45:13 +0000\n'
const direct = `Authentication-Results: mx.recipient.test; spf=pass smtp.mailfrom=sender.test
Received: from out.sender.test (out.sender.test [192.0.2.10]) (using TLSv1.3 with cipher X) by mx.recipient.test with ESMTPS id 2 for <bob@recipient.test>; Mon, 23 Nov 2026 15:45:10 +0000
${submitted}Date: Mon, 23 Nov 2026 15:45:00 +0000
From: Anna <anna@sender.test>
To: bob@recipient.test
Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=

hi
`

test('the basic system of the article is found in a message that it carried', () => {
  const result = read(direct, { trustedBy: ['recipient.test'] })
  assert.equal(flow(result), 'Author ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient')
  assert.equal(result.trust, 'configured')
  assert.deepEqual(
    result.steps.map((step) => [step.number, step.verified, step.entersHere, step.delayMs, step.clocksDifferByMs]),
    [
      [1, false, false, 13_000, undefined],
      [2, true, true, 0, 3000],
    ],
  )
  assert.equal(result.totalMs, 10_000)
  assert.equal(result.subject, 'grüße')
  assert.deepEqual(
    result.authentication.map((each) => each.standing),
    ['verified'],
  )
  const text = renderTrace(result)
  for (const expected of [
    '------ Border ------',
    'clocks differ by at least 3 s',
    'TLSv1.3',
    'Author logged in',
    'our own Border',
  ]) {
    assert.ok(text.includes(expected), `${expected}\n${text}`)
  }
})

const forwarded = `Return-Path: <SRS0=abcd=XY=sender.test=anna@old.test>
Delivered-To: bob@recipient.test
Received: from mail.old.test (mail.old.test [192.0.2.30]) by mx.recipient.test with ESMTPS id 3 for <bob@recipient.test>; Mon, 23 Nov 2026 15:45:20 +0000
Delivered-To: bob@old.test
Received: from out.sender.test (out.sender.test [192.0.2.10]) by mail.old.test with ESMTP id 2 for <bob@old.test>; Mon, 23 Nov 2026 15:45:10 +0000
${submitted}From: Anna <anna@sender.test>

hi
`

test('a Forwarder is found, with reasons, outside the Border until the Recipient trusts it', () => {
  const result = read(forwarded, { trustedBy: ['mx.recipient.test'] })
  assert.equal(
    flow(result),
    'Author ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old --> / --> Receiver/MDA@recipient ==> Recipient',
  )
  assert.equal(result.forwarder?.oldAddress, 'bob@old.test')
  assert.equal(result.forwarder?.originalSender, 'anna@sender.test')
  assert.equal(result.forwarder?.evidence.length, 3)
  const trusted = read(forwarded, { trustedBy: ['mx.recipient.test'], trustedForwarders: ['old.test'] })
  assert.equal(
    flow(trusted),
    'Author ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@recipient ==> Recipient',
  )
  assert.equal(traceNotation(trusted).match(/Recipient's Network/g)?.length, 1)
})

test('a forged line in our name below the Border is not believed, nor are forged results', () => {
  const result = read(
    `Authentication-Results: mx.recipient.test; spf=softfail smtp.mailfrom=bank.test
Received: from evil (evil.attack.test [192.0.2.66]) by mx.recipient.test with ESMTP id 9; Mon, 23 Nov 2026 15:45:20 +0000
Authentication-Results: mx.recipient.test; spf=pass smtp.mailfrom=bank.test
Received: from mail.bank.test (mail.bank.test [192.0.2.77]) by mx.recipient.test with ESMTPS id 8; Mon, 23 Nov 2026 15:45:10 +0000
Authentication-Results: mx.recipient.test; spf=pass smtp.mailfrom=bank.test
From: ceo@bank.test

x
`,
    { trustedBy: ['mx.recipient.test'] },
  )
  assert.deepEqual(
    result.steps.map((step) => step.verified),
    [false, true],
  )
  assert.deepEqual(
    result.authentication.map((each) => each.standing),
    ['verified', 'claimed', 'claimed'],
  )
  assert.equal(result.blocks.filter((block) => block.verified).length, 2)
})

test('without our hosts named the newest writer is assumed; with others named nothing is verified', () => {
  assert.equal(read(direct).trust, 'assumed')
  assert.match(renderTrace(read(direct)), /Taken as our own: recipient\.test/)
  const none = read(direct, { trustedBy: ['elsewhere.test'] })
  assert.equal(none.trust, 'none')
  assert.ok(none.steps.every((step) => !step.verified && !step.entersHere))
  assert.match(renderTrace(none), /all of it is claimed/)
})

test('mail within our own system never crosses the Border', () => {
  const result = read(`${submitted}From: a@sender.test\n\nx`, { trustedBy: ['sender.test'] })
  assert.equal(flow(result), 'Author ==> MSA/MDA@sender ==> Recipient')
  assert.match(renderTrace(result), /never crossed the Border/)
})

test('inside our own network lines are followed through private addresses and confirmed names', () => {
  const result = read(
    `Received: from mx1.recipient.test (mx1.recipient.test [192.0.2.2]) by store.recipient.test with LMTP id 4; Mon, 23 Nov 2026 15:45:22 +0000
Received: from localhost (localhost [127.0.0.1]) by mx1.recipient.test with ESMTP id 3; Mon, 23 Nov 2026 15:45:21 +0000
${direct.replace('mx.recipient.test with', 'mx1.recipient.test with')}`,
    { trustedBy: ['recipient.test'] },
  )
  assert.deepEqual(
    result.steps.map((step) => step.entersHere),
    [false, true, false, false],
  )
  assert.equal(
    flow(result),
    'Author ==> MSA/Transmitter@sender --> / --> Receiver@recipient-receiver ==> MDA@recipient-mda ==> Recipient',
  )
})

test('a message without Received lines, and no message at all', () => {
  for (const text of ['Subject: x\n\nbody', '', '\0\0', 'Received:\nReceived: ;;;\n\n']) {
    const result = read(text)
    renderTrace(result)
    renderPicture(tracePicture(result))
  }
  assert.match(renderTrace(read('Subject: x\n\n')), /no path/)
  assert.equal(traceNotation(read('')), '')
})

test('durations', () => {
  for (const [ms, text] of [
    [0, '0 s'],
    [59_400, '59 s'],
    [185_000, '3 min 5 s'],
    [7_200_000, '2 h'],
    [90_061_000, '1 d 1 h'],
  ] as const) {
    assert.equal(durationText(ms), text)
  }
})

test('nothing of a message reaches the terminal as a control', () => {
  const text = renderTrace(read(`Subject: =?utf-8?q?=1B[31m=E2=80=AEx?=\n${direct}`))
  assert.doesNotMatch(text, /[\x1b\u202e]/)
})

test('any header gives a trace, and its notation is read without errors', () => {
  const host = fc.constantFrom(
    'a.test',
    'mx.b.test',
    'localhost',
    '[10.0.0.1]',
    '192.0.2.1',
    'x',
    '?',
    '(a',
    'münchen.test',
  )
  const line = fc
    .tuple(host, host, host)
    .map(([from, ip, by]) => `Received: from ${from} (${from} [${ip}]) by ${by} with ESMTPA; 1 Jan 2026 00:00 +0000\n`)
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const result = read(`${lines.join('')}Delivered-To: a@b.test\nDelivered-To: c@d.test\nList-Id: <l.b.test>\n\n`)
      renderTrace(result)
      const parsed = parse(traceNotation(result))
      assert.deepEqual(
        [...parsed.findings, ...check(parsed.model)].filter((found) => found.severity === 'error'),
        [],
      )
    }),
  )
})

const CORPORA = [
  ...['arc', 'bounces', 'corpus-spamassassin', 'dkim', 'mime-ambiguity', 'mime-fixtures', 'mime-mailparser-rs'],
  ...['mime-mime4j', 'received', 'reports', 'spam-fixtures'],
]

for (const suite of CORPORA) {
  test(`every message of ${suite} has a path, a notation without errors and a picture`, async (t) => {
    const folder = join(suites, suite)
    if (!existsSync(folder)) return t.skip(`conformance data is absent: ${suite}`)
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const message = readFileSync(path)
      const result = trace(message)
      assert.equal(result.blocks.length > 0, result.steps.length > 0, path)
      renderTrace(result)
      traceTable(result)
      proofLines(await proofsOf(message, result, undefined))
      assert.match(renderPicture(tracePicture(result)), /^<svg/)
      const parsed = parse(traceNotation(result))
      const errors = [...parsed.findings, ...check(parsed.model)].filter((found) => found.severity === 'error')
      assert.deepEqual(errors, [], path)
    }
  })
}

test('messages that began and ended on one host, and one whose line keeps the other host to itself', () => {
  const local =
    'Received: by mail.home.example (Postfix, from userid 889) id 1; Fri, 27 Nov 2026 10:00:00 +0000\nFrom: a@b\n\nx'
  assert.equal(flow(read(local)), 'Author ==> MSA/MDA@home ==> Recipient')
  const agent =
    'Received: from MAILER-DAEMON id e0 by df.home.example (some agent); Fri, 27 Nov 2026 10:00:00 +0000\n\nx'
  assert.match(flow(read(agent)), /@home/)
  const bare = 'Received: (qmail 24486 invoked by uid 501); 20 May 2000 01:55:02 -0000\n\nx'
  assert.equal(flow(read(bare)), 'Author ==> MSA/Transmitter@host-unknown')
  const old = 'Received: from machine.example by x.home.example; 21 Nov 1997 10:01:22 -0600\n\nx'
  assert.equal(flow(read(old)), 'Transmitter@machine --> / --> Receiver/MDA@home ==> Recipient')
})

test('ten thousand lines and a header of ten megabytes: no more is read than a path can have', () => {
  const line = (n: number) =>
    `Received: from h${n}.a.example (h${n}.a.example [192.0.2.1]) by h${n + 1}.a.example with ESMTP id ${n}; Fri, 27 Nov 2026 10:00:00 +0000\r\n`
  const many = trace(Buffer.from(Array.from({ length: 10_000 }, (_, n) => line(10_000 - n)).join('')))
  assert.equal(many.steps.length, 200)
  assert.ok(renderTrace(many).length < 100_000)
  const long = trace(
    Buffer.from(`Received: from a.example ${'(x '.repeat(3_500_000)} by b.example; now\r\nFrom: a@b\r\n\r\nx`),
  )
  assert.equal(long.steps.length, 1)
  assert.ok(long.steps[0]!.received.raw.length <= 64 * 1024)
})

test('lines below a sign-in that lead elsewhere are doubtful, and no part of the path', () => {
  const message = Buffer.from(
    'Received: from out.sender.example (out.sender.example [192.0.2.5]) by mx.home.example with ESMTPS id 3;\r\n Fri, 27 Nov 2026 10:00:02 +0000\r\n' +
      'Received: from sender.example by out.sender.example with ESMTPSA id 2; Fri, 27 Nov 2026 10:00:01 +0000\r\n' +
      'Received: from mail.bank.example (mail.bank.example [198.51.100.9]) by relay.innocent.example with ESMTPS id 1;\r\n Fri, 27 Nov 2026 10:00:00 +0000\r\n' +
      'From: a@sender.example\r\n\r\nhello\r\n',
  )
  const result = trace(message, { trustedBy: ['mx.home.example'] })
  assert.match(result.steps[0]!.doubt!, /^out\.sender\.example took the message from somebody who had signed in there/)
  assert.deepEqual(
    result.blocks.map(({ roles, id }) => `${roles.join('/')}@${id}`),
    ['Author@', 'MSA/Transmitter@sender', 'Receiver/MDA@home', 'Recipient@'],
  )
  assert.match(renderTrace(result), /^ {7}doubtful: out\.sender\.example took/m)
  // A relay under contract signs in, too: its line leads there.
  const contract = Buffer.from(
    message
      .toString()
      .replace('from sender.example by', 'from mail.sender.example ([192.0.2.7]) by')
      .replace('from mail.bank.example (mail.bank.example [198.51.100.9])', 'from desk (desk [10.0.0.1])')
      .replaceAll('relay.innocent.example', 'mail.sender.example'),
  )
  assert.equal(trace(contract, { trustedBy: ['mx.home.example'] }).steps[0]!.doubt, undefined)
})

const behindOurBorder = (handedBy: string, results: string, below: string) =>
  trace(
    Buffer.from(
      `Authentication-Results: mx.home.example; ${results}\r\n` +
        `Received: from ${handedBy} by mx.home.example with ESMTPS id 3; Fri, 27 Nov 2026 10:00:02 +0000\r\n` +
        `Received: ${below}\r\n` +
        'From: a@sender.example\r\n\r\nhello\r\n',
    ),
    { trustedBy: ['mx.home.example'] },
  ).steps[0]!.doubt

for (const [what, doubt, [handedBy, results, below]] of [
  [
    'a line by who handed it over',
    undefined,
    [
      'out.sender.example (out.sender.example [192.0.2.5])',
      'spf=pass smtp.mailfrom=a@sender.example',
      'from desk (desk [10.0.0.1]) by mail.sender.example with ESMTPA id 2; Fri, 27 Nov 2026 10:00:01 +0000',
    ],
  ],
  [
    'a line that ends elsewhere',
    /ends at relay\.innocent\.example, but out\.sender\.example handed/,
    [
      'out.sender.example (out.sender.example [192.0.2.5])',
      'spf=pass smtp.mailfrom=a@sender.example',
      'from mail.bank.example (mail.bank.example [198.51.100.9]) by relay.innocent.example with ESMTPS id 1; Fri, 27 Nov 2026 10:00:00 +0000',
    ],
  ],
  [
    'a relay between that wrote no line, and may send in the name of who wrote the one before',
    undefined,
    [
      'out.carrier.example (out.carrier.example [192.0.2.5])',
      'spf=pass smtp.mailfrom=a@sender.example',
      'from desk (desk [10.0.0.1]) by mail.sender.example with ESMTPA id 2; Fri, 27 Nov 2026 10:00:01 +0000',
    ],
  ],
  [
    'the same without that proof',
    /nothing shows that they belong together/,
    [
      'out.carrier.example (out.carrier.example [192.0.2.5])',
      'spf=fail smtp.mailfrom=a@sender.example',
      'from desk (desk [10.0.0.1]) by mail.sender.example with ESMTPA id 2; Fri, 27 Nov 2026 10:00:01 +0000',
    ],
  ],
  [
    'a greeting that nothing proves',
    /only called itself mail\.sender\.example/,
    [
      'mail.sender.example (unknown [192.0.2.66])',
      'spf=fail smtp.mailfrom=a@sender.example',
      'from desk (desk [10.0.0.1]) by mail.sender.example with ESMTPA id 2; Fri, 27 Nov 2026 10:00:01 +0000',
    ],
  ],
  [
    "another's mail, sent as one's own",
    /^sender\.example sends the message as its own/,
    [
      'out.sender.example (out.sender.example [192.0.2.5])',
      'spf=pass smtp.mailfrom=a@sender.example',
      'from mail.bank.example (mail.bank.example [198.51.100.9]) by out.sender.example with ESMTPS id 1; Fri, 27 Nov 2026 10:00:00 +0000',
    ],
  ],
  [
    'a date of the day after tomorrow',
    /dated more than a day after mx\.home\.example took/,
    [
      'out.sender.example (out.sender.example [192.0.2.5])',
      'spf=pass smtp.mailfrom=a@sender.example',
      'from desk (desk [10.0.0.1]) by out.sender.example with ESMTPA id 1; Sun, 29 Nov 2026 10:00:00 +0000',
    ],
  ],
] as const)
  test(`forged lines: ${what}${doubt === undefined ? ' is believed' : ' is doubted'}`, () => {
    const found = behindOurBorder(handedBy, results, below)
    if (doubt === undefined) assert.equal(found, undefined)
    else assert.match(found!, doubt)
  })

test('an Open Relay floats in nobody’s network', () => {
  const result = trace(
    Buffer.from(
      'Authentication-Results: mx.home.example; spf=fail smtp.mailfrom=a@sender.example; dkim=none\r\n' +
        'Received: from relay.anybody.example (relay.anybody.example [192.0.2.5]) by mx.home.example with ESMTPS id 3; Fri, 27 Nov 2026 10:00:02 +0000\r\n' +
        'Received: from mail.sender.example (mail.sender.example [198.51.100.9]) by relay.anybody.example with ESMTP id 2; Fri, 27 Nov 2026 10:00:01 +0000\r\n' +
        'From: a@sender.example\r\n\r\nhello\r\n',
    ),
    { trustedBy: ['mx.home.example'] },
  )
  assert.equal(
    flow(result).replace(/^Nobody's.*?\| /, ''),
    'Transmitter@sender --> / --> Open Relay@anybody --> / --> Receiver/MDA@home ==> Recipient',
  )
})
