// What attackers have sent to other mail systems, sent to ours: a Receiver and an MSA in the simulated world. Each test
// begins with the number that docs/hostile.md explains.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainAt, TestSystem, TWO_AGENTS } from '../../src/system/testing.ts'

const BOB = 'bob@recipient.test'
const IP = '192.0.2.10'
const HELLO = `EHLO mail.good.test\r\n`
const BEGIN = `${HELLO}MAIL FROM:<gina@good.test>\r\nRCPT TO:<${BOB}>\r\n`
const LETTER = `From: gina@good.test\r\nTo: ${BOB}\r\nSubject: one\r\n\r\nHello\r\n`

const hosts = new WeakMap<TestSystem, ReturnType<TestSystem['stranger']>>()

/** Says bytes to the Receiver, each piece when the answer to the one before has come, tarpit and all; what was heard. */
async function say(world: TestSystem, pieces: readonly (string | Buffer)[], service: 'smtp' | 'submission' = 'smtp') {
  const host = hosts.get(world) ?? world.stranger(IP, domainAt('good.test', IP))
  hosts.set(world, host)
  return world.say(host, service === 'smtp' ? 'recipient' : 'sender', pieces, { service, silenceMs: 25_000 })
}

const delivered = async (world: TestSystem) => [
  ...(await world.mail('recipient', BOB)),
  ...(await world.mail('recipient', BOB, 'junk')),
]

test('S1: no line end but CRLF ends a message: never two messages', async () => {
  for (const end of ['\n.\n', '\n.\r', '\r.\n', '\r.\r', '\n.\r\n', '\r.\r\n', '\r\n\0.\r\n']) {
    const world = await TestSystem.start(TWO_AGENTS)
    const smuggled = `${end}MAIL FROM:<evil@good.test>\r\nRCPT TO:<${BOB}>\r\nDATA\r\n${LETTER}.\r\n`
    const heard = await say(world, [`${BEGIN}DATA\r\n`, `${LETTER}x${smuggled}`, 'NOOP\r\n'])
    assert.match(heard, /354 [^\r]*\r\n550 5\.6\.0 [^\r]*\r\n250 2\.0\.0 ok\r\n$/, JSON.stringify(end))
    assert.equal((await delivered(world)).length, 0)
  }
})

test('S4: a bare LF in a command hides no second one', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [HELLO, `MAIL FROM:<gina@good.test>\nRCPT TO:<${BOB}>\r\n`, 'DATA\r\n'])
  assert.match(heard, /500 5\.5\.2 [^\r]*\r\n503 /)
})

test('S5: a message in segments of one byte, with every kind of dot, arrives as it was', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const body = '.\r\n..\r\n...\r\n.a\r\n \r\n.\r\n'
  const stuffed = `${LETTER}${body}`.replace(/^\./gm, '..')
  const host = world.stranger(IP, domainAt('good.test', IP))
  const dialogue = async () => {
    const endpoint = world.system.agent('recipient').endpoint('smtp')!
    const stream = await host.world.network.connect(endpoint, { timeoutMs: 1000 })
    await stream.read(5000)
    await stream.write(Buffer.from(`${BEGIN}DATA\r\n`))
    await host.world.clock.sleep(2000)
    for (const byte of Buffer.from(`${stuffed}.\r\n`)) await stream.write(Uint8Array.of(byte))
    await host.world.clock.sleep(5000)
    stream.destroy()
  }
  await world.run(dialogue())
  const [mail] = await delivered(world)
  assert.ok(mail!.text.endsWith(`Hello\r\n${body}`), mail!.text)
})

test('S6: BDAT with a wrong size, after DATA, or with commands behind its chunk: no second message, no hang', async () => {
  for (const size of ['-1', '2147483648', '18446744073709551616', 'x', '5 FIRST']) {
    const world = await TestSystem.start(TWO_AGENTS)
    const heard = await say(world, [BEGIN, `BDAT ${size}\r\nMAIL FROM:<evil@good.test>\r\n`])
    assert.match(heard, /\r\n5\d\d 5\.\d\.\d [^\r]*\r\n$/, size)
  }
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [BEGIN, `BDAT ${LETTER.length} LAST\r\n${LETTER}NOOP\r\n`, 'BDAT 0 LAST\r\n'])
  assert.match(heard, /250 2\.0\.0 accepted[^\r]*\r\n250 2\.0\.0 ok\r\n503 /)
  assert.equal((await delivered(world)).length, 1)
})

test('S9: no password in the clear at the MSA', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [HELLO, 'AUTH PLAIN AGFubmFAc2VuZGVyLnRlc3QAZGVtbw==\r\n'], 'submission')
  assert.doesNotMatch(heard, /\r\n250[ -]AUTH|\r\n235 /)
  assert.match(heard, /\r\n5\d\d 5\.\d\.\d+ [^\r]*\r\n$/)
})

test('S12: a command of ten megabytes is one fault; a header line of two megabytes is a letter', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [HELLO, Buffer.alloc(10_000_000, 65), '\r\nNOOP\r\n'])
  assert.match(heard, /500 5\.5\.6 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
  const long = await say(world, [`${BEGIN}DATA\r\n`, `X: ${'y'.repeat(2_000_000)}\r\n${LETTER}.\r\n`])
  assert.match(long, /354 [^\r]*\r\n250 /)
})

test('S13: empty, broken and eight-bit local parts are refused', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const bad = ['<"">', '<""@recipient.test>', '<b\xf6b@recipient.test>', '<"b\\"@recipient.test>', '<@recipient.test>']
  for (const path of bad) {
    const heard = await say(world, [
      `${HELLO}MAIL FROM:<gina@good.test>\r\n`,
      Buffer.from(`RCPT TO:${path}\r\n`, 'latin1'),
    ])
    assert.match(heard, /\r\n5\d\d 5\.\d\.\d [^\r]*\r\n$/, path)
  }
})

test('S14: local parts that were commands elsewhere are only names', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const names = ['$' + '{run{/bin/sh}}', '|cmd', '../x', '`id`', '"; id;"', '"a b"', 'x%00', 'bob+$(id)']
  for (const name of names) {
    const heard = await say(world, [`${HELLO}MAIL FROM:<${name}@good.test>\r\nRCPT TO:<${name}@recipient.test>\r\n`])
    assert.match(heard, /\r\n(?:550 5\.1\.1|503 5\.5\.1) [^\r]*\r\n$/, name)
  }
  assert.deepEqual(world.complaints, [])
})

test('S15: parameters cannot bring line ends into notifications', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  for (const parameter of [
    'NOTIFY=FAILURE ORCPT=rfc822;a+0Ab',
    'ORCPT=utf-8;a\\x{A}b',
    `ORCPT=rfc822;${'a'.repeat(501)}`,
  ]) {
    const heard = await say(world, [`${HELLO}MAIL FROM:<gina@good.test>\r\nRCPT TO:<${BOB}> ${parameter}\r\n`])
    assert.match(heard, /\r\n5(?:01|55) 5\.5\.4 [^\r]*\r\n$/, parameter)
  }
})

test('S18: a route is dropped, what follows the address is no part of it', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [
    `${HELLO}MAIL FROM:<@a.test,@b.test:gina@good.test>\r\nRCPT TO:<${BOB}>evil@else.test\r\n`,
    `RCPT TO:<@a.test:${BOB}>\r\nDATA\r\n`,
    `${LETTER}.\r\n`,
  ])
  assert.match(heard, /\r\n5\d\d 5\.\d\.\d [^\r]*\r\n250 2\.1\.5 [^\r]*\r\n354 [^\r]*\r\n250 /)
  assert.match((await delivered(world))[0]!.text, /^Return-Path: <gina@good\.test>\r\n/)
})

test('S19: a HELO that looks like something else cannot forge the Received field', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const helo = 'x)by.evil(;[127.0.0.1]'
  await say(world, [`EHLO ${helo}\r\nMAIL FROM:<gina@good.test>\r\nRCPT TO:<${BOB}>\r\nDATA\r\n`, `${LETTER}.\r\n`])
  const [mail] = await delivered(world)
  const received = /^Received: .*(?:\r\n[ \t].*)*/m.exec(mail!.text)![0]
  assert.match(received, /by mail\.recipient\.test/)
  assert.match(received, new RegExp(IP.replaceAll('.', '\\.')))
  assert.match(await say(world, [`EHLO ${'a'.repeat(300)}\r\n`]), /\r\n501 /)
})

test('S20: twenty faults end the session', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  assert.match(await say(world, [HELLO, 'FROB\r\n'.repeat(30)]), /421 4\.\d\.\d [^\r]*\r\n$/)
})

test('S21: XCLIENT, XFORWARD and PROXY from a stranger are nothing', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [
    HELLO,
    'XCLIENT ADDR=127.0.0.1\r\nXFORWARD ADDR=127.0.0.1\r\nPROXY TCP4 127.0.0.1 1 2 3\r\n',
  ])
  assert.match(heard, /(?:500 [^\r]*\r\n){3}$/)
})

test('A25: results in our own name are removed, however they are written', async () => {
  for (const name of [
    'mail.recipient.test',
    'MAIL.Recipient.TEST',
    '(x) mail.recipient.test',
    '"mail.recipient.test"',
    '" mail.recipient.test "',
    '\r\n mail.recipient.test 1',
  ]) {
    const world = await TestSystem.start(TWO_AGENTS)
    await say(world, [
      `${BEGIN}DATA\r\n`,
      `Authentication-Results: ${name}; dkim=pass header.d=forged.test\r\n${LETTER}.\r\n`,
    ])
    assert.doesNotMatch((await delivered(world))[0]!.text, /forged\.test/, name)
  }
})

test('P6, A24: nested comments and ten thousand groups in From: one answer, and the Receiver lives', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  for (const from of ['('.repeat(100_000), 'g:'.repeat(10_000), 'a@b.test, '.repeat(10_000), '"\\'.repeat(50_000)]) {
    const heard = await say(world, [`${BEGIN}DATA\r\n`, `From: ${from}\r\nSubject: x\r\n\r\nx\r\n.\r\n`])
    assert.match(heard, /354 [^\r]*\r\n(?:250|550) /)
  }
  assert.deepEqual(world.complaints, [])
})

test('P1, P3: thousands of parts, deep nests and floods of fields are answered', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const nest = Array.from(
    { length: 1000 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`,
  )
  for (const text of [
    `Content-Type: multipart/mixed; boundary=x\r\n\r\n${'--x\r\n\r\na\r\n'.repeat(20_000)}`,
    nest.join(''),
    'Content-Type: message/rfc822\r\n\r\n'.repeat(5000),
    `${'To: a@b.test\r\n'.repeat(20_000)}\r\n`,
  ])
    assert.match(
      await say(world, [`${BEGIN}DATA\r\n`, `From: gina@good.test\r\n${text}\r\n.\r\n`]),
      /354 [^\r]*\r\n(?:250|550) /,
    )
  assert.deepEqual(world.complaints, [])
})

test('N1: no way of writing an address makes a relay of us', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const paths = [
    'u@else.test',
    'u%else.test@recipient.test',
    'u%else.test@[127.0.20.1]',
    '"u@else.test"',
    '"u%else.test"',
    '"u@else.test"@recipient.test',
    'u@else.test@recipient.test',
    '@recipient.test:u@else.test',
    '@[127.0.20.1]:u@else.test',
    'else.test!u',
    'else.test!u@recipient.test',
    'else.test!u@[127.0.20.1]',
    'u@else.test.',
    'u@localhost',
    'u@[192.0.2.1]',
    'u@[IPv6:::1]',
    'u@recipient.test(else.test)',
    'u%else.test',
    '""',
    'u@sub.recipient.test',
    'u@RECIPIENT.TEST.else.test',
  ]
  for (const from of ['gina@good.test', '', 'bob@recipient.test']) {
    const commands = paths.map((path) => `RCPT TO:<${path}>\r\n`)
    for (const command of commands) {
      const heard = await say(world, [`${HELLO}MAIL FROM:<${from}>\r\n`, command])
      assert.match(heard, /\r\n(?:421|5\d\d) \d\.\d\.\d [^\r]*\r\n$/, command)
    }
  }
})

test('N2: VRFY and EXPN tell nobody who exists', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const heard = await say(world, [HELLO, 'VRFY bob\r\nVRFY nobody\r\nEXPN bob\r\n'])
  assert.match(heard, /(252 [^\r]*)\r\n\1\r\n502 /)
})
