// Clients that people run, as child processes against servers on loopback: each skipped where it is not installed.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { summarise } from '../store/summary.ts'
import { serveImap } from './imap/serve.ts'
import { servePop3 } from './pop3/serve.ts'
import { type Bench, openBench, PASSWORD, USER } from './testing.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
const home = join(folder, 'home')
let bench: Bench
let imapPort: number
let pop3Port: number
let pop3sPort: number
let stlsPort: number
const closers: (() => Promise<void>)[] = []

before(async () => {
  mkdirSync(home)
  bench = await openBench(join(folder, 'server'))
  const { store, accounts, world } = bench
  const report = (error: unknown): void => console.error('a bug in the session', error)
  const options = { store, accounts, allowPlaintext: true, report }
  const at = { address: '127.0.0.1', port: 0 }
  const imap = await world.network.listen(at, (stream) => void serveImap(stream, options, world))
  const pop3 = await world.network.listen(at, (stream) => void servePop3(stream, options, world))
  const tlsIdentity = await world.keymaker.tlsIdentity(['localhost'])
  const secured = { store, accounts, tlsIdentity, report }
  const pop3s = await world.network.listen(at, (stream) => void servePop3(stream, secured, world), tlsIdentity)
  const pop3WithTls = await world.network.listen(at, (stream) => void servePop3(stream, secured, world))
  imapPort = imap.endpoint.port
  pop3Port = pop3.endpoint.port
  pop3sPort = pop3s.endpoint.port
  stlsPort = pop3WithTls.endpoint.port
  closers.push(
    () => imap.close(),
    () => pop3.close(),
    () => pop3s.close(),
    () => pop3WithTls.close(),
  )
})

after(async () => {
  for (const close of closers) await close()
  await bench.close()
  rmSync(folder, { recursive: true })
})

const MESSAGES = [1, 2, 3].map(
  (n) =>
    `From: Ann <ann@sender.test>\r\nTo: ${USER}\r\nSubject: message ${n}\r\nMessage-ID: <${n}@sender.test>\r\n` +
    `Date: Mon, 23 Nov 2026 12:00:0${n} +0100\r\n\r\nHello ${n}.\r\n.\r\n.end\r\n`,
)

/** The INBOX holds MESSAGES. */
beforeEach(async () => {
  const { store, account } = bench
  const mailbox = inbox()
  await store.commit([{ kind: 'placement.expunge', account, mailbox, uids: [[1, 1e9]], onlyDeleted: false }])
  for (const text of MESSAGES) {
    const source = Buffer.from(text)
    const blob = await store.putBlob([source])
    const delivery = { kind: 'email.deliver', account, mailboxes: ['inbox'], blob, flags: [], verdict: null } as const
    await store.commit([{ ...delivery, summary: summarise(source), receivedAtMs: Date.UTC(2026, 10, 23) }])
  }
})

const inbox = (): number => bench.store.mailboxByUse(bench.account, 'inbox')!.id
const placements = () => bench.store.placements(bench.account, inbox())

function missing(t: TestContext, program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return false
  } catch {
    t.skip(`${program} is not installed`)
    return true
  }
}

const environment = () => ({ ...process.env, HOME: home })
const options = () => ({ env: environment(), timeout: 20_000 })

test('curl reads by IMAP and POP3', async (t) => {
  if (missing(t, 'curl')) return
  const login = ['-s', '--noproxy', '*', '-u', `${USER}:${PASSWORD}`]
  const uid = placements()[0]!.uid
  const byImap = await run('curl', [...login, `imap://127.0.0.1:${imapPort}/INBOX;UID=${uid}`], options())
  assert.equal(byImap.stdout, MESSAGES[0])
  const byPop3 = await run('curl', [...login, `pop3://127.0.0.1:${pop3Port}/2`], options())
  assert.equal(byPop3.stdout, MESSAGES[1])
  const search = await run(
    'curl',
    [...login, '-X', 'SEARCH SUBJECT "message 3"', `imap://127.0.0.1:${imapPort}/INBOX`],
    options(),
  )
  assert.match(search.stdout, /^\* SEARCH 3\r\n/)
  const file = join(home, 'new.eml')
  writeFileSync(file, MESSAGES[0]!.replace('message 1', 'uploaded'))
  await run('curl', [...login, '-T', file, `imap://127.0.0.1:${imapPort}/Drafts`], options())
  const drafts = bench.store.mailboxByUse(bench.account, 'drafts')!
  assert.equal(drafts.total, 1)
})

test('curl reads by POP3 over TLS, from the start or by STLS, and signs in by SASL', async (t) => {
  if (missing(t, 'curl')) return
  const login = ['-s', '-k', '--noproxy', '*', '-u', `${USER}:${PASSWORD}`]
  const { uidValidity } = bench.store.mailboxByUse(bench.account, 'inbox')!
  for (const way of [[`pop3s://127.0.0.1:${pop3sPort}`], ['--ssl-reqd', `pop3://127.0.0.1:${stlsPort}`]]) {
    const [url, ...more] = [way.at(-1)!, ...way.slice(0, -1)]
    for (const mechanism of ['PLAIN', 'LOGIN']) {
      const read = await run('curl', [...login, ...more, '--login-options', `AUTH=${mechanism}`, `${url}/3`], options())
      assert.equal(read.stdout, MESSAGES[2])
    }
    const listed = await run('curl', [...login, ...more, '-X', 'UIDL', `${url}/`], options())
    const expected = placements().map(({ uid }, i) => `${i + 1} ${uidValidity}-${uid}\r\n`)
    assert.equal(listed.stdout, expected.join(''))
    const top = await run('curl', [...login, ...more, '-X', 'TOP 1 1', `${url}/`], options())
    assert.match(top.stdout, /^From: Ann[\s\S]*\r\n\r\nHello 1\.\r\n$/)
  }
})

test('mutt opens the maildrop by POP3 and deletes one', async (t) => {
  if (missing(t, 'mutt')) return
  const config = join(home, 'muttrc-pop')
  mkdirSync(join(home, 'Mail'), { recursive: true })
  const lines = ['ssl_starttls=no', 'ssl_force_tls=no', 'delete=yes', 'quit=yes', 'pop_delete=yes']
  const text = [
    `pop_user="${USER}"`,
    `pop_pass="${PASSWORD}"`,
    'pop_authenticators="scram-sha-256:plain:user"',
    ...lines,
  ]
  writeFileSync(config, `${text.map((line) => `set ${line}\n`).join('')}push "<delete-message><quit>"\n`)
  const command = `mutt -n -F ${config} -f 'pop://127.0.0.1:${pop3Port}/'`
  const uids = placements().map((placement) => placement.uid)
  const env = { ...environment(), TERM: 'xterm' }
  const seen = await run('script', ['-qec', command, '/dev/null'], { ...options(), env })
  for (const n of [1, 2, 3]) assert.match(seen.stdout, new RegExp(`message ${n}`))
  assert.deepEqual(
    placements().map((placement) => placement.uid),
    uids.slice(1),
  )
})

test('fetchmail that leaves mail here takes each message once, by its UIDL', async (t) => {
  if (missing(t, 'fetchmail')) return
  const sink = join(home, 'sink-keep')
  const config = join(home, 'fetchmailrc-keep')
  const login = `user "${USER}" password "${PASSWORD}" sslproto ''`
  const text = `poll 127.0.0.1 protocol pop3 port ${pop3Port} uidl ${login} keep mda "cat >> ${sink}"\n`
  writeFileSync(config, text, { mode: 0o600 })
  const files = ['--idfile', join(home, 'ids-keep'), '--pidfile', join(home, 'pid-keep')]
  const fetch = () => run('fetchmail', ['-f', config, '--nosyslog', ...files], options())
  await fetch()
  // Exit code 1: nothing new.
  await assert.rejects(fetch(), { code: 1 })
  const taken = readFileSync(sink, 'latin1')
  assert.equal(taken.match(/^Subject: message/gm)?.length, 3)
  assert.equal(placements().length, 3)
})

test('mbsync mirrors all mailboxes both ways', async (t) => {
  if (missing(t, 'mbsync')) return
  const mail = join(home, 'mail')
  mkdirSync(mail)
  const config = join(home, 'mbsyncrc')
  writeFileSync(
    config,
    `IMAPAccount here
Host 127.0.0.1
Port ${imapPort}
User ${USER}
Pass "${PASSWORD}"
SSLType None
AuthMechs *

IMAPStore far
Account here

MaildirStore near
Path ${mail}/
Inbox ${mail}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
`,
  )
  await run('mbsync', ['-c', config, '-a'], options())
  const arrived = readdirSync(join(mail, 'INBOX', 'new'))
  assert.equal(arrived.length, 3)
  const texts = arrived.map((name) => readFileSync(join(mail, 'INBOX', 'new', name), 'latin1'))
  assert.ok(texts.some((text) => text.includes('Subject: message 2') && text.endsWith('Hello 2.\n.\n.end\n')))
  // One is deleted here, one comes from here.
  rmSync(join(mail, 'INBOX', 'new', arrived[0]!))
  writeFileSync(join(mail, 'INBOX', 'new', '1.local'), 'Subject: from here\n\nHi.\n')
  await run('mbsync', ['-c', config, '-a'], options())
  const subjects = bench.store.emails(
    bench.account,
    placements().map((placement) => placement.email),
  )
  assert.equal(subjects.length, 3)
  assert.ok(subjects.some((email) => email.subject === 'from here'))
})

test('mutt opens the mailbox, shows its messages and deletes one', async (t) => {
  if (missing(t, 'mutt')) return
  const config = join(home, 'muttrc')
  mkdirSync(join(home, 'Mail'), { recursive: true }) // else it asks whether to make it
  writeFileSync(
    config,
    `set imap_user="${USER}"
set imap_pass="${PASSWORD}"
set ssl_starttls=no
set ssl_force_tls=no
set imap_authenticators="scram-sha-256:plain"
set delete=yes
set quit=yes
push "<delete-message><quit>"
`,
  )
  const uids = placements().map((placement) => placement.uid)
  const url = `imap://127.0.0.1:${imapPort}/INBOX`
  const command = `mutt -n -F ${config} -f '${url}'`
  const seen = await run('script', ['-qec', command, '/dev/null'], {
    ...options(),
    env: { ...environment(), TERM: 'xterm' },
  })
  for (const n of [1, 2, 3]) assert.match(seen.stdout, new RegExp(`message ${n}`))
  assert.deepEqual(
    placements().map((placement) => placement.uid),
    uids.slice(1),
  )
})

test('fetchmail takes everything by POP3 and by IMAP, and deletes what it took', async (t) => {
  if (missing(t, 'fetchmail')) return
  for (const [protocol, port] of [
    ['pop3', pop3Port],
    ['imap', imapPort],
  ] as const) {
    const sink = join(home, `sink-${protocol}`)
    const config = join(home, 'fetchmailrc')
    const login = `user "${USER}" password "${PASSWORD}" sslproto ''`
    const text = `poll 127.0.0.1 protocol ${protocol} port ${port} ${login} fetchall no keep mda "cat >> ${sink}"\n`
    writeFileSync(config, text, { mode: 0o600 })
    const work = run(
      'fetchmail',
      ['-f', config, '--nosyslog', '--idfile', join(home, 'ids'), '--pidfile', join(home, 'pid')],
      options(),
    )
    const outcome = await work.catch((error: { code?: number; stdout: string; stderr: string }) => error)
    if (protocol === 'pop3') {
      const taken = readFileSync(sink, 'latin1')
      for (const n of [1, 2, 3]) assert.match(taken, new RegExp(`Subject: message ${n}`))
      assert.equal(placements().length, 0, `${outcome.stdout}${outcome.stderr}`)
    } else assert.match(`${outcome.stdout}${outcome.stderr}`, /No mail/i)
  }
})
