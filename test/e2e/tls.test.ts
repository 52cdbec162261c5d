// N7: which TLS our servers speak, asked from outside by OpenSSL's own client at every door: TLS 1.2 and newer, ciphers
// with forward secrecy and authenticated encryption, no renegotiation; names that nobody has change nothing.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { type Demo, type Door, endDemos, startDemo } from './demo.ts'

const isMissing = spawnSync('openssl', ['version']).status !== 0
const skip = isMissing ? 'openssl is missing' : false

let demo: Demo
let doors: [name: string, door: Door, startTls: string[]][] = []
before(async () => {
  if (isMissing) return
  demo = await startDemo()
  const [anna, bob] = [demo.person('anna'), demo.person('bob')]
  doors = [
    ['smtp', demo.receiver('recipient'), ['-starttls', 'smtp']],
    ['submission', anna.submission, ['-starttls', 'smtp']],
    ['submissions', anna.submissions, []],
    ['imap', bob.imap, ['-starttls', 'imap']],
    ['imaps', bob.imaps, []],
    ['pop3', bob.pop3, ['-starttls', 'pop3']],
    ['pop3s', bob.pop3s, []],
  ]
})
after(endDemos)

/** Runs `openssl s_client`, says `input` once it is connected; everything that it printed. */
function client({ host, port }: Door, options: readonly string[], input = 'Q\n'): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `${host}:${port}`, ...options])
  let printed = ''
  const timer = setTimeout(() => child.kill(), 20_000)
  child.stdout.on('data', (bytes) => {
    printed += bytes
  })
  child.stderr.on('data', (bytes) => {
    printed += bytes
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return new Promise((resolve) =>
    child.on('close', () => {
      clearTimeout(timer)
      resolve(printed)
    }),
  )
}

const protocolIn = (printed: string) => /^New, (TLSv[\d.]+), Cipher is (\S+)/m.exec(printed)

test('TLS 1.2 and 1.3 at every door', { skip }, async () => {
  for (const [name, door, startTls] of doors)
    for (const version of ['1_2', '1_3']) {
      const agreed = protocolIn(await client(door, [...startTls, `-tls${version}`]))
      assert.equal(agreed?.[1], `TLSv${version.replace('_', '.')}`, `${name} TLS ${version}`)
      assert.match(agreed![2]!, /GCM|CHACHA20/)
    }
})

test('nothing older (RFC 8996)', { skip }, async () => {
  for (const [name, door, startTls] of doors)
    for (const version of ['1', '1_1']) {
      const printed = await client(door, [...startTls, `-tls${version}`, '-cipher', 'ALL:@SECLEVEL=0'])
      assert.doesNotMatch(printed, /Cipher is (?!\(NONE\))\S/, `${name} TLS ${version}`)
    }
})

test('no weak cipher, and none without forward secrecy, however much the client wants it', { skip }, async () => {
  const weak = [
    'RC4',
    '3DES',
    'aNULL',
    'eNULL',
    'kRSA',
    'MD5',
    'CAMELLIA',
    'kDHE',
    'ECDHE+AES+SHA256',
    'SHA1',
    'SHA384',
  ]
  for (const cipher of weak) {
    // Those that are no cipher suite of this program's TLS 1.2 are none that it could ask for.
    const known = spawnSync('openssl', ['ciphers', '-s', '-tls1_2', `${cipher}:!AESGCM:@SECLEVEL=0`])
    if (known.status !== 0 || known.stdout.toString().trim() === '') continue
    for (const [name, door, startTls] of doors) {
      const wanted = ['-tls1_2', '-cipher', `${cipher}:!AESGCM:!CHACHA20:@SECLEVEL=0`]
      assert.doesNotMatch(await client(door, [...startTls, ...wanted]), /Cipher is (?!\(NONE\))\S/, `${name} ${cipher}`)
    }
  }
})

test('renegotiation is refused', { skip }, async () => {
  for (const [name, door, startTls] of doors) {
    const printed = await client(door, [...startTls, '-tls1_2'], 'R\nR\nQ\n')
    assert.match(printed, /RENEGOTIATING/, name)
    assert.match(printed, /no renegotiation|alert|error/i, name)
    assert.doesNotMatch(printed, /RENEGOTIATING\n(?:depth|verify)/, name)
  }
})

test('a server name that nobody has gets the same certificate as none', { skip }, async () => {
  const subject = (printed: string) => /^subject=.*$/m.exec(printed)?.[0]
  for (const [name, door, startTls] of doors) {
    const plain = subject(await client(door, [...startTls, '-noservername']))
    assert.ok(plain, name)
    for (const other of ['nobody.test', `${'a.'.repeat(120)}test`, '127.0.0.1'])
      assert.equal(subject(await client(door, [...startTls, '-servername', other])), plain, `${name} ${other}`)
  }
})
