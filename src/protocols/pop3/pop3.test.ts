import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { summarise } from '../../store/summary.ts'
import { type Bench, MemoryClient, openBench, PASSWORD, USER } from '../testing.ts'
import { servePop3 } from './serve.ts'
import { DotStuffer, endOfTop } from './stuffing.ts'

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

function connect(options: { allowPlaintext?: boolean } = {}): MemoryClient {
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

test('the top ends after the header and so many lines', () => {
  const message = Buffer.from('A: b\r\n\r\n1\r\n2\r\n')
  assert.equal(endOfTop(message, 0), 8)
  assert.equal(endOfTop(message, 1), 11)
  assert.equal(endOfTop(message, 3), -1)
  assert.equal(endOfTop(Buffer.from('A: b\r\n'), 0), -1)
})
