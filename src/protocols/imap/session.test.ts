// Sessions as dialogues: states, sign-in, limits, what is told when, byte-exact bodies.

import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { type Bench, MemoryClient, openBench, PASSWORD, USER } from '../testing.ts'
import { type ServeImapOptions, serveImap } from './serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
let bench: Bench
let bugs: unknown[] = []
const clients: MemoryClient[] = []

before(async () => {
  bench = await openBench(folder)
})
after(async () => {
  await bench.close()
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  const { store, account } = bench
  for (const mailbox of store.mailboxes(account)) {
    await store.commit(
      mailbox.specialUse === null
        ? [{ kind: 'mailbox.delete', account, mailbox: mailbox.id }]
        : [{ kind: 'placement.expunge', account, mailbox: mailbox.id, uids: [[1, 1e9]], onlyDeleted: false }],
    )
  }
})
afterEach(() => {
  for (const client of clients.splice(0)) client.hangUp()
  assert.deepEqual(bugs, [])
  bugs = []
})

function connect(options: Partial<ServeImapOptions> = {}): MemoryClient {
  const client = new MemoryClient()
  const { store, accounts, world } = bench
  const limits = { failureDelayMs: 1, failures: 3, messageBytes: 1_000_000, ...options.limits }
  const report = (error: unknown): number => bugs.push(error)
  void serveImap(client.stream, { store, accounts, allowPlaintext: true, report, ...options, limits }, world)
  clients.push(client)
  return client
}

async function signedIn(): Promise<MemoryClient> {
  const client = connect()
  await client.line()
  await client.command(`LOGIN ${USER} "${PASSWORD}"`)
  return client
}

async function append(client: MemoryClient, text: string, flags = ''): Promise<void> {
  client.send(`app APPEND INBOX ${flags} {${text.length}+}\r\n${text}\r\n`)
  assert.match((await client.until(/^app /)).at(-1)!, /^app OK/)
}

const SIMPLE = (n: number): string => `Subject: message ${n}\r\n\r\nBody ${n}\r\n`

async function selected(messages = 0): Promise<MemoryClient> {
  const client = await signedIn()
  for (let n = 1; n <= messages; n++) await append(client, SIMPLE(n))
  await client.command('SELECT INBOX')
  return client
}

test('before sign-in only what needs none is allowed', async () => {
  const client = connect()
  await client.follow(`
    S: * OK [CAPABILITY IMAP4rev1
    C: a SELECT INBOX
    S: a BAD sign in first
    C: b FETCH 1 FLAGS
    S: b BAD sign in first
    C: c NOOP
    S: c OK
    C: d XYZZY
    S: d BAD
    C: nonsense
    S: * BAD
    C: e LOGOUT
    S: * BYE
    S: e OK
    S: (closed)`)
})

test('who never signs in is cut off, silent or busy', async () => {
  await connect({ limits: { signInMs: 20 } }).follow(`
    S: * OK
    S: * BYE
    S: (closed)`)
  const busy = connect({ limits: { signInMs: 60_000 } })
  await busy.line()
  for (let i = 0; i < 19; i++) assert.match((await busy.command('SELECT INBOX')).at(-1)!, /^a BAD/)
  await busy.follow(`
    C: a SELECT INBOX
    S: a BAD
    S: * BYE
    S: (closed)`)
})

test('without TLS passwords are not taken', async () => {
  const client = connect({ allowPlaintext: false, tlsIdentity: { certificatePem: '', privateKeyPem: '' } })
  await client.follow(`
    S: /STARTTLS.*LOGINDISABLED/
    C: a LOGIN ${USER} "${PASSWORD}"
    S: a NO [PRIVACYREQUIRED]
    C: b AUTHENTICATE PLAIN
    S: b NO [PRIVACYREQUIRED]
    C: c STARTTLS
    S: c OK
    S: (closed)`)
})

test('what was sent before the TLS handshake does not count', async () => {
  const client = connect({ tlsIdentity: { certificatePem: '', privateKeyPem: '' } })
  let handshakes = 0
  client.stream.startTls = async () => {
    handshakes++
    return { protocol: 'TLSv1.3', cipher: '', authorized: false }
  }
  await client.line()
  client.send('a STARTTLS\r\nb LOGIN injected "command"\r\nc SELECT {99}\r\n')
  assert.match((await client.line())!, /^a OK/)
  client.send('d NOOP\r\n')
  assert.match((await client.line())!, /^d OK/)
  assert.equal(handshakes, 1)
})

test('AUTHENTICATE with PLAIN and LOGIN, with and without an initial response', async () => {
  const plain = Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64')
  const [user, password] = [USER, PASSWORD].map((text) => Buffer.from(text).toString('base64'))
  for (const script of [
    `C: a AUTHENTICATE PLAIN ${plain}`,
    `C: a AUTHENTICATE plain
     S: +
     C: ${plain}`,
    `C: a AUTHENTICATE LOGIN
     S: + VXNlcm5hbWU6
     C: ${user}
     S: + UGFzc3dvcmQ6
     C: ${password}`,
    `C: a AUTHENTICATE LOGIN ${user}
     S: + UGFzc3dvcmQ6
     C: ${password}`,
  ]) {
    await connect().follow(`
      S: * OK
      ${script}
      S: a OK [CAPABILITY IMAP4rev1
      C: b SELECT INBOX
      S: * OK`)
  }
  await connect().follow(`
    S: * OK
    C: a AUTHENTICATE PLAIN
    S: +
    C: *
    S: a BAD
    C: b AUTHENTICATE GSSAPI
    S: b NO [CANNOT]
    C: c AUTHENTICATE PLAIN !!!
    S: c BAD`)
})

test('AUTHENTICATE SCRAM-SHA-256 proves both sides', async () => {
  const client = connect()
  await client.line()
  const bare = `n=${USER},r=nonce`
  client.send(`a AUTHENTICATE SCRAM-SHA-256 ${Buffer.from(`n,,${bare}`).toString('base64')}\r\n`)
  const first = Buffer.from((await client.line())!.slice(2), 'base64').toString()
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(first)!
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const salted = pbkdf2Sync(PASSWORD, Buffer.from(salt!, 'base64'), Number(iterations), 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  const message = `${bare},${first},c=biws,r=${nonce}`
  const signature = hmac(createHash('sha256').update(clientKey).digest(), message)
  const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
  client.send(`${Buffer.from(`c=biws,r=${nonce},p=${Buffer.from(proof).toString('base64')}`).toString('base64')}\r\n`)
  const verifier = hmac(hmac(salted, 'Server Key'), message).toString('base64')
  assert.equal(Buffer.from((await client.line())!.slice(2), 'base64').toString(), `v=${verifier}`)
  client.send('\r\n')
  assert.match((await client.line())!, /^a OK/)
})

test('too many wrong passwords end the session', async () => {
  await connect().follow(`
    S: * OK
    C: a LOGIN ${USER} wrong
    S: a NO [AUTHENTICATIONFAILED]
    C: b LOGIN nobody "'; DROP TABLE account --"
    S: b NO [AUTHENTICATIONFAILED]
    C: c LOGIN ${USER} wrong
    S: * BYE
    S: c NO [AUTHENTICATIONFAILED]
    S: (closed)`)
})

test('literals before sign-in are small, and an APPEND that is too big is refused before it is sent', async () => {
  const client = connect()
  await client.follow(`
    S: * OK
    C: a LOGIN {9000}
    S: a NO [TOOBIG]
    C: b LOGIN {13}
    S: + go on
    C: ${USER} "${PASSWORD}"
    S: b OK
    C: c APPEND INBOX {99999999}
    S: c NO [TOOBIG]
    C: d APPEND INBOX {1000001+}`)
  client.send('x'.repeat(1_000_001))
  await client.follow(`
    C: 
    S: d NO [TOOBIG]
    C: e APPEND Nowhere {3+}
    C: abc
    S: e NO [TRYCREATE]
    C: f NOOP
    S: f OK`)
})

test('a body comes back byte for byte, whole and in parts', async () => {
  const client = await selected()
  const text = `Subject: x\r\nX-Bin: \xff\xfe\r\n\r\n${'line\r\n'.repeat(100)}\xff\x80"\\{}\n.\r\nbare\rcr`
  await append(client, text)
  client.send('a FETCH 1 BODY.PEEK[]\r\n')
  assert.equal(await client.response(), `* 1 FETCH (BODY[] {${text.length}}\r\n${text})`)
  await client.line()
  for (const [offset, length] of [
    [0, 5],
    [600, 100],
    [5000, 10],
  ]) {
    client.send(`a FETCH 1 BODY.PEEK[]<${offset}.${length}>\r\n`)
    const part = text.slice(offset, offset! + length!)
    assert.equal(await client.response(), `* 1 FETCH (BODY[]<${offset}> {${part.length}}\r\n${part})`)
    await client.line()
  }
})

test('a large body is streamed from the blob and is exact', async () => {
  const client = await selected()
  const text = `Subject: big\r\n\r\n${Array.from({ length: 60_000 }, (_, i) => `line ${i}`).join('\r\n')}\r\n`
  assert.ok(text.length > 600_000)
  await append(client, text)
  client.send('a UID FETCH 1:* (UID BODY.PEEK[] FLAGS)\r\n')
  const answer = await client.response()
  assert.ok(answer?.includes(`BODY[] {${text.length}}\r\n${text} FLAGS (\\Recent)`))
})

test('BODY[] sets \\Seen and says so, BODY.PEEK[] and EXAMINE do not', async () => {
  const client = await selected(1)
  await client.follow(`
    C: a FETCH 1 BODY.PEEK[TEXT]
    S: * 1 FETCH (BODY[TEXT] {8}
    S: Body 1
    S: )
    S: a OK
    C: b EXAMINE INBOX
    S: * OK [MAILBOXID
    S: * FLAGS
    S: * 1 EXISTS
    S: * 0 RECENT
    S: * OK [UIDVALIDITY
    S: * OK [UNSEEN 1]
    S: * OK [PERMANENTFLAGS ()]
    S: * OK [HIGHESTMODSEQ
    S: * OK [UIDNEXT
    S: * OK [URLMECH INTERNAL]
    S: b OK [READ-ONLY]
    C: c FETCH 1 RFC822.TEXT
    S: * 1 FETCH (RFC822.TEXT {8}
    S: Body 1
    S: )
    S: c OK
    C: d STORE 1 FLAGS (\\Seen)
    S: d NO [CANNOT]
    C: e EXPUNGE
    S: e NO [CANNOT]`)
  await client.command('SELECT INBOX')
  await client.follow(`
    C: f FETCH 1 BODY[TEXT]
    S: * 1 FETCH (FLAGS (\\Seen) BODY[TEXT] {8}
    S: Body 1
    S: )
    S: f OK`)
})

test('another session’s expunges are told only where numbers may change', async () => {
  const [one, two] = [await selected(4), await selected()]
  await two!.command('STORE 1,3 +FLAGS.SILENT (\\Deleted)')
  await two!.command('EXPUNGE')
  await one!.follow(`
    C: a FETCH 2,4 UID
    S: /^\\* 2 FETCH \\(UID \\d+\\)/
    S: /^\\* 4 FETCH \\(UID \\d+\\)/
    S: a OK
    C: b STORE 2 +FLAGS (\\Flagged)
    S: /^\\* 2 FETCH \\(FLAGS \\(\\\\Flagged \\\\Recent\\)\\)/
    S: b OK
    C: c FETCH 1 FLAGS
    S: c OK [EXPUNGEISSUED]
    C: d NOOP
    S: * 1 EXPUNGE
    S: * 2 EXPUNGE
    S: * 2 RECENT
    S: d OK`)
  await two!.follow(`
    C: a NOOP
    S: * 1 FETCH (FLAGS (\\Flagged))
    S: a OK`)
})

test('IDLE tells arrivals, flags and expunges, and ends with DONE only', async () => {
  const [one, two] = [await selected(), await selected()]
  await one!.follow(`
    C: a IDLE
    S: + idling`)
  await append(two!, SIMPLE(1))
  await one!.follow(`
    S: * 1 EXISTS
    S: /^\\* [01] RECENT/`)
  await two!.command('STORE 1 +FLAGS ($Forwarded)')
  await one!.follow(`
    S: * FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen $Forwarded)
    S: * OK [PERMANENTFLAGS
    S: /^\\* 1 FETCH \\(FLAGS \\(\\$Forwarded/`)
  await two!.command('UID STORE 1:* +FLAGS.SILENT (\\Deleted)')
  await one!.line()
  await two!.command('CLOSE')
  await one!.follow('S: * 1 EXPUNGE')
  one!.send('DONE\r\nb NOOP\r\n')
  assert.match((await one!.until(/^a /)).at(-1)!, /^a OK/)
  assert.match((await one!.line())!, /^b OK/)
  await one!.follow(`
    C: c IDLE
    S: + idling
    C: oops
    S: c BAD`)
})

test('a mailbox that another session deletes is emptied under who has it selected, and can be left', async () => {
  const [one, two] = [await signedIn(), await signedIn()]
  await one!.command('CREATE gone')
  one!.send(`b APPEND gone {${SIMPLE(1).length}+}\r\n${SIMPLE(1)}\r\n`)
  await one!.until(/^b /)
  await one!.command('SELECT gone')
  await two!.command('DELETE gone')
  await one!.follow(`
    C: a NOOP
    S: * 1 EXPUNGE
    S: * 0 RECENT
    S: a OK
    C: b APPEND gone {3+}
    C: abc
    S: b NO [TRYCREATE]
    C: c UID STORE 1 FLAGS ()
    S: c OK
    C: d CLOSE
    S: d OK`)
})

test('STORE UNCHANGEDSINCE refuses what has changed (RFC 7162)', async () => {
  const client = await selected(2)
  const [answer] = await client.command('FETCH 1 (MODSEQ)').then((lines) => lines.filter((line) => /FETCH/.test(line)))
  const modseq = Number(/MODSEQ \((\d+)\)/.exec(answer!)![1])
  await client.command('STORE 1 +FLAGS.SILENT (\\Answered)')
  const refused = await client.command(`STORE 1 (UNCHANGEDSINCE ${modseq}) +FLAGS (\\Flagged)`)
  assert.match(refused.at(-1)!, /^a OK \[MODIFIED 1\]/)
  const changes = await client.command(`FETCH 1:* (FLAGS) (CHANGEDSINCE ${modseq})`)
  assert.ok(changes.some((line) => /^\* 1 FETCH \(FLAGS \(\\Answered.*\) MODSEQ/.test(line)))
})

test('mailbox names that cannot be are refused, and never become paths', async () => {
  const client = await signedIn()
  for (const name of ['"../../etc"', '"a//b"', '"/a"', '"a/."', '"&AG"', '""', '"a\x01"', `"${'x/'.repeat(60)}y"`]) {
    const [answer] = await client.command(`CREATE ${name}`)
    assert.match(answer!, /^a (NO \[CANNOT\]|BAD)/, name)
  }
  assert.match((await client.command(`CREATE "${'x'.repeat(2_000)}"`)).at(-1)!, /^a NO/)
  await client.follow(`
    C: b CREATE inbox
    S: b NO [ALREADYEXISTS]
    C: c DELETE InBoX
    S: c NO [CANNOT]
    C: d CREATE "Archiv/2026/"
    S: d OK
    C: e RENAME Archiv Archiv/2026/x
    S: e NO [CANNOT]
    C: f DELETE Archiv
    S: f OK
    C: g LIST "" Archiv%
    S: * LIST (\\Noselect \\HasChildren) "/" "Archiv"
    S: * LIST (\\HasNoChildren \\Archive) "/" "Archive"
    S: g OK
    C: h CREATE Werbung (USE (\\Junk))
    S: /^h (OK|NO)/`)
})

test('deeply nested searches and lists are refused, not run', async () => {
  const client = await selected(1)
  assert.match((await client.command(`SEARCH ${'('.repeat(30_000)}`)).at(-1)!, /^a BAD/)
  assert.match((await client.command(`SEARCH ${'NOT '.repeat(10_000)}ALL`)).at(-1)!, /^a BAD/)
  assert.match((await client.command(`SEARCH ${'OR SEEN '.repeat(60)}ALL`)).at(-1)!, /^a BAD/)
  assert.match((await client.command('SEARCH CHARSET KLINGON ALL')).at(-1)!, /^a NO \[BADCHARSET/)
  assert.match((await client.command('FETCH 1 BODY[1.')).at(-1)!, /^a BAD/)
  assert.match((await client.command('NOOP')).at(-1)!, /^a OK/)
})

test('COPY keeps source and target apart, in one commit; MOVE expunges in the same', async () => {
  const client = await selected(3)
  await client.follow(`
    C: a COPY 1:2 Archive
    S: /^a OK \\[COPYUID \\d+ \\d+:\\d+ \\d+:\\d+\\]/
    C: b COPY 1 Nowhere
    S: b NO [TRYCREATE]
    C: c MOVE 2:3 Archive
    S: /^\\* OK \\[COPYUID /
    S: * 2 EXPUNGE
    S: * 2 EXPUNGE
    S: * 1 RECENT
    S: c OK
    C: d STATUS Archive (MESSAGES UNSEEN)
    S: * STATUS "Archive" (MESSAGES 4 UNSEEN 4)
    S: d OK`)
})

test('a client that leaves in the middle leaves nothing behind', async () => {
  const client = await selected()
  client.send('a APPEND INBOX {100+}\r\nhalf a message')
  client.hangUp()
  while (!client.closed) await bench.world.clock.sleep(1)
  assert.equal(bench.store.mailboxByUse(bench.account, 'inbox')!.total, 0)
})
