import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyRecord, makeEd25519Key } from '../../identity/dkim/keys.ts'
import { signDkim } from '../../identity/dkim/sign.ts'
import { directCpu, fixedClock, fixedDns } from '../../identity/testing.ts'
import { parseHeader } from '../../message/header.ts'
import { EXIT } from '../read-description.ts'
import { type VerifyOptions, verify, verifyWith } from './verify.ts'

const key = makeEd25519Key({ bytes: (length) => Buffer.alloc(length, 5), float: () => 0, integer: () => 0 })
const record = keyRecord(key, 'sender.example', 's1')
const dns = fixedDns({
  'sender.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  '_dmarc.sender.example': { TXT: ['v=DMARC1; p=reject'] },
  [record.name]: { TXT: [record.text] },
  '_dmarc.silent.example': { timeout: true },
})
const quiet = { explain: false, json: false }

async function run(text: string, options: Partial<VerifyOptions> = {}): Promise<{ code: number; out: string }> {
  let out = ''
  const code = await verifyWith(Buffer.from(text), { ...quiet, ...options }, dns, (more) => (out += more))
  return { code, out }
}

async function signed(text: string): Promise<string> {
  const message = Buffer.from(text.replace(/\n/g, '\r\n'))
  const signing = { domain: 'sender.example', selector: 's1', privateKey: key }
  const field = await signDkim(parseHeader(message), [signing], { cpu: directCpu, clock: fixedClock(1_700_000_000) })
  return Buffer.concat([field, message]).toString()
}

test('an honest message: every check in a line, each step with --explain', async () => {
  const message = await signed('From: anna@sender.example\nSubject: hello\n\nHello\n')
  const given = { ip: '192.0.2.1', helo: 'mail.sender.example', from: 'anna@sender.example' }
  const short = await run(message, given)
  assert.equal(short.code, EXIT.ok)
  assert.match(short.out, /^SPF {4}pass {6}mailfrom sender\.example \(ip4:192\.0\.2\.1\)$/m)
  assert.match(short.out, /^DKIM {3}pass {6}d=sender\.example s=s1 ed25519-sha256, 256 bits$/m)
  assert.match(short.out, /^DMARC {2}pass {6}From sender\.example, policy reject$/m)
  assert.match(short.out, /^ARC {4}none$/m)
  const long = await run(message, { ...given, explain: true })
  assert.match(long.out, /^ {9}DMARC record: _dmarc\.sender\.example: v=DMARC1; p=reject$/m)
  assert.ok(long.out.split('\n').length > short.out.split('\n').length + 5)
})

test('a file that lost its carriage returns still verifies, and the output says what was done', async () => {
  const message = (await signed('From: anna@sender.example\n\nHello\n')).replace(/\r\n/g, '\n')
  const { out } = await run(message)
  assert.match(out, /^Line ends were made CRLF/m)
  assert.match(out, /^DKIM {3}pass/m)
})

test('address, HELO and reverse-path are taken from the message where nobody gives them, and named as claims', async () => {
  const received =
    'Received: from mail.sender.example (mail.sender.example [192.0.2.1]) by mx.here.example with ESMTP; Mon, 1 Jan 2024 00:00:00 +0000\n'
  const { out, code } = await run(`Return-Path: <anna@sender.example>\n${received}From: anna@sender.example\n\nx\n`)
  assert.match(
    out,
    /on its word: address 192\.0\.2\.1, HELO mail\.sender\.example, reverse-path <anna@sender\.example>/,
  )
  assert.equal(code, EXIT.ok)
})

test('a forged message is a finding; DNS that does not answer is another exit; without an address SPF says so', async () => {
  const forged = await run('From: anna@sender.example\n\nx\n', { from: '' })
  assert.equal(forged.code, EXIT.findings)
  assert.match(forged.out, /No address is known/)
  assert.equal((await run('From: a@silent.example\n\nx\n')).code, EXIT.unreachable)
})

test('what strangers wrote cannot steer the terminal; --json is data', async () => {
  const { out } = await run('From: "\x1b[31m" <a@x\x1b.example>\nReturn-Path: <\x1b[2J@x>\n\nx\n', { explain: true })
  assert.ok(!out.includes('\x1b'))
  const data = JSON.parse((await run('From: anna@sender.example\n\nx\n', { json: true })).out)
  assert.equal(data.checks.find(({ name }: { name: string }) => name === 'DMARC').result, 'fail')
})

test('options that make no sense are named', async (t) => {
  const said: string[] = []
  t.mock.method(console, 'error', (text: string) => void said.push(text))
  assert.equal(await verify('-', { ...quiet, ip: 'somewhere' }), EXIT.usage)
  assert.equal(await verify('-', { ...quiet, dns: 'somewhere' }), EXIT.usage)
  assert.equal(await verify('/does/not/exist', { ...quiet, dns: '[::1]:5353' }), EXIT.usage)
  assert.deepEqual(said.length, 3)
})
