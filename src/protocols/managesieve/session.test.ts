import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { type Bench, MemoryClient, openBench, PASSWORD, USER } from '../testing.ts'
import { LineReader } from './reader.ts'
import { serveManageSieve } from './serve.ts'
import type { ManageSieveLimits } from './session.ts'

const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
let bench: Bench

before(async () => {
  bench = await openBench(folder)
})
after(async () => {
  await bench.close()
  rmSync(folder, { recursive: true })
})

/** Bob has no scripts. */
beforeEach(async () => {
  const { store, account } = bench
  await store.commit([
    { kind: 'script.activate', account, id: null },
    ...store.scripts(account).map(({ id }) => ({ kind: 'script.remove', account, id }) as const),
  ])
})

function connect(options: { allowPlaintext?: boolean; limits?: Partial<ManageSieveLimits> } = {}): MemoryClient {
  const client = new MemoryClient()
  const report = (error: unknown): void => console.error('a bug in the session', error)
  const { store, accounts, world } = bench
  const limits = { failureDelayMs: 1, failures: 3, ...options.limits }
  void serveManageSieve(client.stream, { store, accounts, allowPlaintext: true, report, ...options, limits }, world)
  return client
}

const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`).toString('base64')

async function signedIn(options: Parameters<typeof connect>[0] = {}): Promise<MemoryClient> {
  const client = connect(options)
  await client.until(/^OK/)
  await client.follow(`
    C: AUTHENTICATE "PLAIN" "${plain(USER, PASSWORD)}"
    S: OK`)
  return client
}

const literal = (text: string) => `{${Buffer.byteLength(text)}+}\r\n${text}`

test('what the server can is told first, and again when asked', async () => {
  const client = connect()
  const lines = await client.until(/^OK/)
  assert.ok(lines.includes('"SASL" "SCRAM-SHA-256 PLAIN LOGIN"'))
  assert.ok(lines.includes('"VERSION" "1.0"'))
  assert.match(lines.find((line) => line.startsWith('"SIEVE"'))!, /\bfileinto\b.*\bvacation\b/)
  client.send('capability\r\n')
  assert.deepEqual((await client.until(/^OK/)).slice(0, -1), lines.slice(0, -1))
})

test('a script is put, listed, made active, read, renamed and deleted', async () => {
  const client = await signedIn()
  client.send(
    `PUTSCRIPT "Büro" ${literal('require "fileinto";\r\nfileinto "Büro";\r\n')}\r\n`.replace(/[^\0-\x7f]/g, (c) =>
      Buffer.from(c).toString('latin1'),
    ),
  )
  await client.follow(`
    S: OK
    C: PUTSCRIPT "second" "keep;"
    S: OK
    C: SETACTIVE "second"
    S: OK
    C: LISTSCRIPTS
    S: "BÃ¼ro"
    S: "second" ACTIVE
    S: OK
    C: GETSCRIPT "second"
    S: {5}
    S: keep;
    S: OK
    C: DELETESCRIPT "second"
    S: NO (ACTIVE)
    C: RENAMESCRIPT "second" "third"
    S: OK
    C: RENAMESCRIPT "third" "BÃ¼ro"
    S: NO (ALREADYEXISTS)
    C: SETACTIVE ""
    S: OK
    C: DELETESCRIPT "third"
    S: OK
    C: GETSCRIPT "third"
    S: NO (NONEXISTENT)
    C: SETACTIVE "third"
    S: NO (NONEXISTENT)
    C: NOOP "abc"
    S: OK (TAG "abc") "done"
    C: LOGOUT
    S: OK
    S: (closed)`)
  assert.deepEqual(
    bench.store.scripts(bench.account).map(({ name }) => name),
    ['Büro'],
  )
})

test('what is wrong with a script is told with its places, and it is not kept', async () => {
  const client = await signedIn()
  client.send(`PUTSCRIPT "bad" ${literal('keep;\r\nsnooze;\r\n')}\r\n`)
  assert.equal(await client.line(), `NO "line 2, column 1: unknown command 'snooze'"`)
  client.send(`CHECKSCRIPT ${literal('a;\r\nb;')}\r\n`)
  assert.match((await client.response())!, /^NO \{\d+\}\r\nline 1, column 1: .*\r\nline 2, column 1: /)
  assert.equal(bench.store.scripts(bench.account).length, 0)
  await client.follow(`
    C: CHECKSCRIPT "keep;"
    S: OK`)
})

test('room: a script too large is passed over, too many and too much in all are refused', async () => {
  const client = await signedIn({ limits: { scriptBytes: 100, quota: { scripts: 2, bytes: 120 } } })
  client.send(`PUTSCRIPT "huge" ${literal('#'.repeat(5000))}\r\n`)
  await client.follow(`
    S: NO (QUOTA/MAXSIZE)
    C: HAVESPACE "a" 101
    S: NO (QUOTA/MAXSIZE)
    C: HAVESPACE "a" 100
    S: OK`)
  client.send(`PUTSCRIPT "a" ${literal(`#${'a'.repeat(90)}\n`)}\r\n`)
  await client.follow(`
    S: OK
    C: HAVESPACE "b" 40
    S: NO (QUOTA)
    C: PUTSCRIPT "b" "keep;"
    S: OK
    C: PUTSCRIPT "c" "keep;"
    S: NO (QUOTA/MAXSCRIPTS)
    C: PUTSCRIPT "b" "stop;"
    S: OK`)
})

test('nothing works before signing in; three wrong passwords end it; who has signed in may leave', async () => {
  const client = connect()
  await client.until(/^OK/)
  await client.follow(`
    C: LISTSCRIPTS
    S: NO
    C: AUTHENTICATE "NONSENSE"
    S: NO
    C: AUTHENTICATE "PLAIN"
    S: ""
    C: "*"
    S: NO
    C: AUTHENTICATE "PLAIN" "${plain(USER, PASSWORD)}"
    S: OK
    C: AUTHENTICATE "PLAIN"
    S: NO
    C: STARTTLS
    S: NO
    C: UNAUTHENTICATE
    S: OK
    C: LISTSCRIPTS
    S: NO
    C: AUTHENTICATE "PLAIN" "${plain(USER, 'wrong')}"
    S: NO
    C: AUTHENTICATE "PLAIN" "${plain(USER, 'wrong')}"
    S: NO
    C: AUTHENTICATE "PLAIN" "${plain(USER, 'wrong')}"
    S: BYE
    S: (closed)`)
})

test('without TLS no password is taken unless that is allowed', async () => {
  const client = connect({ allowPlaintext: false })
  assert.ok((await client.until(/^OK/)).includes('"SASL" ""'))
  await client.follow(`
    C: AUTHENTICATE "PLAIN" "${plain(USER, PASSWORD)}"
    S: NO (ENCRYPT-NEEDED)`)
})

test('garbage is answered, and lines without end end the session', async () => {
  const client = await signedIn()
  for (const line of [
    '\0\0',
    'PUTSCRIPT "open',
    'GETSCRIPT',
    'GETSCRIPT "a" "b"',
    'HAVESPACE "a" x',
    'FROB "x"',
    'SETACTIVE (',
    '"x"',
  ]) {
    client.send(`${line}\r\n`)
    assert.match((await client.line())!, /^NO /, line)
  }
  client.send(`PUTSCRIPT "a\r\nb" "keep;"\r\n`)
  assert.match((await client.line())!, /^NO /)
  assert.match((await client.line())!, /^NO /)
  client.send('x'.repeat(10_000))
  await client.follow(`
    S: BYE
    S: (closed)`)
})

test('commands do not depend on how the bytes are cut', () => {
  const text = `NOOP "a"\r\nPUTSCRIPT "b" {5+}\r\nkeep;\r\nHAVESPACE "c" 7\r\nCHECKSCRIPT {3+}\r\na\r\n`
  const all = (cuts: readonly number[]) => {
    const reader = new LineReader(1000)
    const lines: string[] = []
    let from = 0
    for (const cut of [...cuts, text.length].sort((a, b) => a - b)) {
      reader.push(Buffer.from(text.slice(from, cut)))
      from = Math.max(from, cut)
      for (let line = reader.next(); line !== undefined; line = reader.next()) lines.push(JSON.stringify(line))
    }
    return lines
  }
  const whole = all([])
  assert.equal(whole.length, 4)
  fc.assert(fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => assert.deepEqual(all(cuts), whole)))
})

test('over real sockets: STARTTLS, then the capabilities anew, and nothing said before counts', async () => {
  const { store, accounts, world } = bench
  const tlsIdentity = await world.keymaker.tlsIdentity(['localhost'])
  const listener = await world.network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
    void serveManageSieve(stream, { store, accounts, tlsIdentity }, world)
  })
  const socket = connectTcp(listener.endpoint.port, '127.0.0.1')
  let heard = ''
  const until = async (source: { on: typeof socket.on; off: typeof socket.off }, last: RegExp) => {
    while (!last.test(heard)) {
      await new Promise<void>((resolve) => {
        const take = (chunk: Buffer): void => {
          heard += chunk.toString()
          source.off('data', take)
          resolve()
        }
        source.on('data', take)
      })
    }
    const text = heard
    heard = ''
    return text
  }
  assert.match(await until(socket, /^OK .*\r\n/m), /"SASL" ""\r\n"STARTTLS"\r\n/)
  socket.write('STARTTLS\r\nLISTSCRIPTS\r\n')
  assert.equal((await until(socket, /\r\n/)).slice(0, 2), 'OK')
  const secure = connectTls({ socket, rejectUnauthorized: false, servername: 'localhost' })
  await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
  const told = await until(secure, /^OK .*\r\n/m)
  assert.match(told, /"SASL" "SCRAM-SHA-256 PLAIN LOGIN"/)
  assert.ok(!told.includes('STARTTLS') && !told.includes('NO '))
  secure.write(
    `AUTHENTICATE "PLAIN" "${plain(USER, PASSWORD)}"\r\nPUTSCRIPT "s" {5+}\r\nkeep;\r\nLISTSCRIPTS\r\nLOGOUT\r\n`,
  )
  assert.match(await until(secure, /(?:OK[^\n]*\n[^O]*){4}/), /^OK .*\r\nOK .*\r\n"s"\r\nOK .*\r\nOK /)
  secure.destroy()
  await listener.close()
})
