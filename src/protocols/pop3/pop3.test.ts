import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { UNDELETE } from '../../store/nouns/mail.ts'
import { summarise } from '../../store/summary.ts'
import { DiskError } from '../../world/disk.ts'
import { type Bench, MemoryClient, openBench, PASSWORD, USER } from '../testing.ts'
import { servePop3 } from './serve.ts'
import { DotStuffer, TopFinder } from './stuffing.ts'

const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
let bench: Bench
let mailbox: number
let uidValidity: number

before(async () => {
  bench = await openBench(folder)
})
after(async () => {
  await bench.close()
  rmSync(folder, { recursive: true })
})

async function deliver(text: string): Promise<void> {
  const source = Buffer.from(text)
  const { store, account } = bench
  const blob = await store.putBlob([source])
  const summary = summarise(source)
  const delivery = { kind: 'email.deliver', account, mailboxes: ['inbox'], blob, summary, flags: [] } as const
  const [result] = await store.commit([{ ...delivery, receivedAtMs: 0, verdict: null }])
  assert.ok(result?.ok)
}

/** The INBOX holds exactly these messages. */
async function fill(...texts: string[]): Promise<void> {
  const { store, account } = bench
  const inbox = store.mailboxByUse(account, 'inbox')!
  mailbox = inbox.id
  uidValidity = inbox.uidValidity
  await store.commit([{ kind: 'placement.expunge', account, mailbox, uids: [[1, 1e9]], onlyDeleted: false }])
  for (const text of texts) await deliver(text)
}

beforeEach(() => fill('Subject: one\r\n\r\n.dot\r\n..\r\nend', 'Subject: two\r\n\r\n1\r\n2\r\n3\r\n'))

type Options = Partial<Parameters<typeof servePop3>[1]>

function connect(options: Options = {}): MemoryClient {
  const client = new MemoryClient()
  const report = (error: unknown): void => console.error('a bug in the session', error)
  const { store, accounts, world } = bench
  const limits = { failureDelayMs: 1, failures: 3 }
  void servePop3(client.stream, { store, accounts, allowPlaintext: true, limits, report, ...options }, world)
  return client
}

const SIGN_IN = `
  S: +OK Borderpost
  C: USER ${USER}
  S: +OK
  C: PASS ${PASSWORD}
  S: +OK`

const uids = (): number[] => bench.store.placements(bench.account, mailbox).map((placement) => placement.uid)

test('a session reads, looks at the top, and deletes at QUIT', async () => {
  const [first, second] = uids()
  const client = connect()
  await client.follow(`${SIGN_IN} 2 messages
    C: STAT
    S: +OK 2 54
    C: LIST
    S: +OK
    S: 1 29
    S: 2 25
    S: .
    C: UIDL
    S: +OK
    S: 1 ${uidValidity}-${first}
    S: 2 ${uidValidity}-${second}
    S: .
    C: UIDL 2
    S: +OK 2 ${uidValidity}-${second}
    C: RETR 1
    S: +OK 29 octets
    S: Subject: one
    S: /^$/
    S: /^\\.\\.dot$/
    S: /^\\.\\.\\.$/
    S: /^end$/
    S: /^\\.$/
    C: TOP 2 1
    S: +OK
    S: Subject: two
    S: /^$/
    S: 1
    S: .
    C: TOP 2 100
    S: +OK
    S: Subject: two
    S: /^$/
    S: 1
    S: 2
    S: 3
    S: .
    C: DELE 1
    S: +OK
    C: RETR 1
    S: -ERR
    C: STAT
    S: +OK 1 25
    C: RSET
    S: +OK
    C: DELE 2
    S: +OK
    C: QUIT
    S: +OK bye
    S: (closed)`)
  assert.deepEqual(uids(), [first])
  assert.deepEqual(bench.store.placements(bench.account, mailbox)[0]!.flags, ['\\Seen'])
})

test('what DELE took can be brought back for a while', async () => {
  const { store, account } = bench
  await store.commit([{ kind: 'setting.put', key: UNDELETE, value: 'yes' }])
  await connect().follow(`${SIGN_IN}
    C: DELE 2
    S: +OK
    C: QUIT
    S: +OK bye
    S: (closed)`)
  const [deleted, ...others] = store.deleted.list(account, 10)
  assert.deepEqual([deleted!.subject, deleted!.mailbox, others], ['two', 'INBOX', []])
  await store.commit([
    { kind: 'deleted.restore', account, id: deleted!.id, nowMs: 1 },
    { kind: 'setting.put', key: UNDELETE, value: 'no' },
  ])
  assert.equal(uids().length, 2)
})

test('a client that vanishes deletes nothing', async () => {
  const client = connect()
  await client.follow(`${SIGN_IN}
    C: DELE 1
    S: +OK`)
  client.hangUp()
  while (!client.closed) await bench.world.clock.sleep(1)
  assert.equal(uids().length, 2)
})

test('what another session expunged meanwhile is deleted without complaint', async () => {
  const client = connect()
  await client.follow(`${SIGN_IN}
    C: DELE 1
    S: +OK`)
  await bench.store.commit([
    { kind: 'placement.expunge', account: bench.account, mailbox, uids: [[1, 1e9]], onlyDeleted: false },
  ])
  await client.follow(`
    C: QUIT
    S: +OK bye`)
})

test('commands may be pipelined', async () => {
  const client = connect()
  await client.line()
  client.send(`USER ${USER}\r\nPASS ${PASSWORD}\r\nSTAT\r\nDELE 9\r\nNOOP\r\nQUIT\r\n`)
  const answers: string[] = []
  for (let line = await client.line(); line !== undefined; line = await client.line()) answers.push(line.slice(0, 4))
  assert.deepEqual(answers, ['+OK ', '+OK ', '+OK ', '-ERR', '+OK ', '+OK '])
})

test('wrong passwords are refused with [AUTH], and the third ends the session', async () => {
  const client = connect()
  await client.follow(`
    S: +OK
    C: PASS x
    S: -ERR USER first
    C: USER ${USER}
    S: +OK
    C: PASS wrong
    S: -ERR [AUTH]
    C: AUTH PLAIN ${Buffer.from(`\0${USER}\0wrong`).toString('base64')}
    S: -ERR [AUTH]
    C: AUTH PLAIN
    S: +
    C: *
    S: -ERR
    C: STAT
    S: -ERR
    C: USER ${USER}
    S: +OK
    C: PASS wrong
    S: -ERR [AUTH]
    S: (closed)`)
})

test('without TLS no password is taken unless that is allowed', async () => {
  const client = connect({ allowPlaintext: false })
  await client.follow(`
    S: +OK
    C: USER ${USER}
    S: -ERR say STLS first
    C: AUTH PLAIN AAAA
    S: -ERR say STLS first
    C: STLS
    S: -ERR`)
  client.send('CAPA\r\n')
  const capabilities = await client.until(/^\.$/)
  assert.ok(!capabilities.includes('USER') && !capabilities.some((line) => line.startsWith('SASL')))
})

test('garbage is answered and never breaks the session', async () => {
  const client = connect()
  await client.line()
  client.send('\r\n\0\0\r\nRETR\r\nXYZ 1 2 3\r\nLIST -1\r\n')
  for (let i = 0; i < 5; i++) assert.match((await client.line())!, /^-ERR/)
  client.send(`USER ${'x'.repeat(100_000)}`)
  client.send('\r\nNOOP\r\n')
  assert.match((await client.line())!, /^-ERR/)
  assert.match((await client.line())!, /^\+OK/)
})

test('dot-stuffing does not depend on how the message is cut, and undoes itself', () => {
  const text = fc.array(fc.constantFrom('.', '\r\n', '\n', 'a', '\r'), { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.array(fc.nat(30), { maxLength: 5 }), (message, cuts) => {
      const whole = new DotStuffer()
      const expected = whole.feed(Buffer.from(message)).toString() + whole.end().toString()
      const pieces = new DotStuffer()
      let out = ''
      let from = 0
      for (const cut of [...cuts, message.length].sort((a, b) => a - b)) {
        out += pieces.feed(Buffer.from(message.slice(from, cut))).toString()
        from = Math.max(from, cut)
      }
      assert.equal(out + pieces.end().toString(), expected)
      assert.ok(expected.endsWith('.\r\n') && expected.indexOf('\r\n.\r\n') === expected.lastIndexOf('\r\n.\r\n'))
      const lines = expected.split('\r\n').slice(0, -2)
      assert.ok(!lines.includes('.'), 'the message ends only at its end')
    }),
  )
})

test('the top ends after the header and so many lines, however the message is cut', () => {
  const message = Buffer.from('A: b\r\n\r\n1\r\n2\r\n')
  const top = (text: Buffer, lines: number, at: number): [string, boolean] => {
    const finder = new TopFinder(lines)
    let out = finder.feed(text.subarray(0, at)).toString()
    if (!finder.isFound) out += finder.feed(text.subarray(at)).toString()
    return [out, finder.isFound]
  }
  for (let at = 0; at <= message.length; at++) {
    assert.deepEqual(top(message, 0, at), ['A: b\r\n\r\n', true])
    assert.deepEqual(top(message, 1, at), ['A: b\r\n\r\n1\r\n', true])
    assert.deepEqual(top(message, 3, at), [message.toString(), false])
  }
  assert.deepEqual(top(Buffer.from('A: b\n\nx\ny\n'), 1, 5), ['A: b\n\nx\n', true])
})

const signedIn = async (options: Options = {}) => {
  const client = connect(options)
  await client.follow(SIGN_IN)
  return client
}

test("a maildrop is one session's alone, and free again after it", async () => {
  const first = await signedIn()
  const second = connect()
  await second.follow(`
    S: +OK
    C: USER ${USER}
    S: +OK
    C: PASS ${PASSWORD}
    S: -ERR [IN-USE]
    C: STAT
    S: -ERR`)
  await first.follow(`
    C: QUIT
    S: +OK bye
    S: (closed)`)
  await second.follow(`
    C: USER ${USER}
    S: +OK
    C: PASS ${PASSWORD}
    S: +OK 2 messages
    C: QUIT
    S: +OK`)
})

test('a newer session takes over from a silent one, whose deletions then do not happen', async () => {
  const limits = { failureDelayMs: 1, takeOverMs: 0 }
  const silent = await signedIn({ limits })
  await silent.follow(`
    C: DELE 1
    S: +OK`)
  const newer = await signedIn({ limits })
  await silent.follow(`
    C: QUIT
    S: -ERR [SYS/TEMP] you were silent
    S: (closed)`)
  assert.equal(uids().length, 2)
  await newer.follow(`
    C: DELE 2
    S: +OK
    C: QUIT
    S: +OK bye`)
  assert.equal(uids().length, 1)
})

test('a client that hangs up frees the maildrop', async () => {
  const client = await signedIn()
  client.hangUp()
  while (!client.closed) await bench.world.clock.sleep(1)
  const next = await signedIn()
  await next.follow(`
    C: QUIT
    S: +OK`)
})

test('who comes again too soon is told so', async () => {
  const limits = { loginDelayMs: 3_600_000 }
  const client = await signedIn({ limits })
  client.send('CAPA\r\n')
  assert.ok((await client.until(/^\.$/)).includes('LOGIN-DELAY 3600'))
  await client.follow(`
    C: QUIT
    S: +OK`)
  await connect({ limits }).follow(`
    S: +OK
    C: USER ${USER}
    S: +OK
    C: PASS ${PASSWORD}
    S: -ERR [LOGIN-DELAY]`)
})

test('capabilities, mechanisms and languages are told', async () => {
  const client = connect()
  await client.line()
  client.send('CAPA\r\n')
  const capabilities = await client.until(/^\.$/)
  for (const line of ['UTF8 USER', 'LANG', 'EXPIRE NEVER', 'SASL SCRAM-SHA-256 PLAIN LOGIN', 'PIPELINING'])
    assert.ok(capabilities.includes(line), line)
  await client.follow(`
    C: AUTH
    S: +OK
    S: SCRAM-SHA-256
    S: PLAIN
    S: LOGIN
    S: .
    C: LANG
    S: +OK
    S: en
    S: .
    C: LANG en
    S: +OK en
    C: LANG tlh
    S: -ERR
    C: AUTH LOGIN
    S: + VXNlcm5hbWU6
    C: ${Buffer.from(USER).toString('base64')}
    S: + UGFzc3dvcmQ6
    C: ${Buffer.from(PASSWORD).toString('base64')}
    S: +OK 2 messages
    C: QUIT
    S: +OK`)
})

test('when the store refuses, QUIT says so and nothing is deleted', async () => {
  const { store } = bench
  const refusing = new Proxy(store, {
    get: (target, name) => {
      if (name === 'commit') return () => Promise.reject(new DiskError('full', 'no room'))
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const client = connect({ store: refusing })
  await client.follow(`${SIGN_IN}
    C: RETR 2
    S: +OK`)
  await client.until(/^\.$/)
  await client.follow(`
    C: DELE 1
    S: +OK
    C: QUIT
    S: -ERR [SYS/TEMP]
    S: (closed)`)
  assert.equal(uids().length, 2)
})

test('a message that another program expunged is missed when it is asked for', async () => {
  const client = await signedIn()
  const all = { uids: [[1, 1e9]], onlyDeleted: false } as const
  await bench.store.commit([{ kind: 'placement.expunge', account: bench.account, mailbox, ...all }])
  await client.follow(`
    C: RETR 1
    S: -ERR another program
    C: TOP 1 0
    S: -ERR another program
    C: STAT
    S: +OK 2
    C: QUIT
    S: +OK`)
})

test('a large message comes in pieces, to the byte', async () => {
  const line = `${'x'.repeat(70)}\r\n.dots\r\n`
  const text = `Subject: large\r\n\r\n${line.repeat(20_000)}`
  await fill(text)
  const client = await signedIn()
  client.send('RETR 1\r\n')
  assert.equal(await client.line(), `+OK ${text.length} octets`)
  const lines = await client.until(/^\.$/)
  const unstuffed = lines.slice(0, -1).map((one) => one.replace(/^\./, ''))
  assert.equal(`${unstuffed.join('\r\n')}\r\n`, text)
  assert.ok(client.largestWrite < 600_000, `${client.largestWrite}`)
  await client.follow(`
    C: QUIT
    S: +OK`)
})
