// Moving from a real Dovecot and to one: by its Maildir on disk, over IMAP with TLS, and out into a Maildir that it takes.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { generate } from 'selfsigned'
import { worldOf } from '../../src/cli/agents-in.ts'
import { copyMail } from '../../src/cli/verbs/copy.ts'
import { exportMail, importMail } from '../../src/cli/verbs/moving.ts'
import { openStore } from '../../src/store/embedded.ts'
import { deliver, makeAccount } from '../../src/store/testing.ts'

const DOVECOT = '/usr/sbin/dovecot'
const MBSYNC = '/usr/bin/mbsync'
const PASSWORD = 'correct horse'
const NOBODY = 65_534
const isMissing = !existsSync(DOVECOT)
const isRoot = process.getuid?.() === 0
const skip = isMissing ? 'dovecot is not installed' : isRoot ? false : 'dovecot must be started by root'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Dovecot {
  readonly port: number
  readonly ca: string
  readonly homes: string
  readonly child: ChildProcess
}

async function startDovecot(folder: string): Promise<Dovecot> {
  const port = await freePort()
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: false },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  const [ca, key, homes] = [join(folder, 'ca.pem'), join(folder, 'key.pem'), join(folder, 'homes')]
  writeFileSync(ca, made.cert)
  writeFileSync(key, made.private)
  mkdirSync(homes)
  chownSync(homes, NOBODY, NOBODY)
  chmodSync(folder, 0o755)
  const config = join(folder, 'dovecot.conf')
  writeFileSync(
    config,
    `base_dir = ${folder}/run
log_path = ${folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <${ca}
ssl_key = <${key}
default_vsz_limit = 1G
mail_location = maildir:~/Maildir
first_valid_uid = 1
passdb {
  driver = static
  args = password=${PASSWORD.replaceAll(' ', '_')}
}
userdb {
  driver = static
  args = uid=${NOBODY} gid=${NOBODY} home=${homes}/%u
}
namespace inbox {
  inbox = yes
  mailbox Gesendet {
    special_use = \\Sent
    auto = subscribe
  }
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${port}
    ssl = yes
  }
}
`,
  )
  const child = spawn(DOVECOT, ['-F', '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  return { port, ca, homes, child }
}

async function client({ port }: Dovecot, user: string): Promise<ImapFlow> {
  const options = { host: '127.0.0.1', port, secure: true, logger: false, tls: { rejectUnauthorized: false } } as const
  for (let attempt = 0; ; attempt++) {
    const imap = new ImapFlow({ ...options, auth: { user, pass: PASSWORD.replaceAll(' ', '_') } })
    try {
      await imap.connect()
      return imap
    } catch (error) {
      if (attempt === 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** Copies everything with mbsync; gives the folder. */
function mbsync({ port, ca }: Dovecot, folder: string): string {
  const to = join(folder, 'by-mbsync')
  mkdirSync(to)
  const config = join(folder, 'mbsyncrc')
  writeFileSync(
    config,
    `IMAPStore there
Host localhost
Port ${port}
User old
Pass ${PASSWORD.replaceAll(' ', '_')}
SSLType IMAPS
CertificateFile ${ca}

MaildirStore here
Path ${to}/
Inbox ${to}/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Near
CopyArrivalDate yes
SyncState *
`,
  )
  const { status, stderr } = spawnSync(MBSYNC, ['-c', config, '-a'], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
  return to
}

/** What a client of another system sees of a mailbox. */
async function seenBy(imap: ImapFlow, path: string) {
  const lock = await imap.getMailboxLock(path)
  const messages: unknown[] = []
  for await (const { uid, flags, internalDate, source } of imap.fetch('1:*', {
    uid: true,
    flags: true,
    internalDate: true,
    source: true,
  }))
    messages.push([
      uid,
      [...flags!].filter((flag) => flag !== '\\Recent').sort(),
      Number(new Date(internalDate!)),
      source!.toString('latin1'),
    ])
  const { uidValidity } = imap.mailbox as { uidValidity: bigint }
  lock.release()
  return { uidValidity: Number(uidValidity), messages }
}

async function seenHere(agent: string, path: string) {
  const store = await openStore(worldOf(agent))
  const bob = store.accountByAddress('bob@here.test')!.id
  const { id, uidValidity } = store.mailboxByPath(bob, path)!
  const messages: unknown[] = []
  for (const { uid, flags, email } of store.placements(bob, id)) {
    const { blob, receivedAtMs } = store.email(bob, email)!
    messages.push([uid, [...flags].sort(), receivedAtMs, (await store.readBlob(blob))!.toString('latin1')])
  }
  await store.close()
  return { uidValidity, messages }
}

test('mail moves from Dovecot, by its Maildir and over IMAP, and to Dovecot, with UIDs, flags and dates', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-dovecot-'))
  const dovecot = await startDovecot(folder)
  t.after(async () => {
    const ended = new Promise((resolve) => dovecot.child.on('exit', resolve))
    dovecot.child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true })
  })
  const old = await client(dovecot, 'old')
  for (const path of ['Familie', 'Familie.Brüder']) await old.mailboxCreate(path)
  const flags = [['\\Seen'], ['\\Flagged', '$Label1', 'Wichtig'], [], ['\\Answered', 'NonJunk']]
  for (let at = 0; at < 24; at++) {
    const path = ['INBOX', 'Gesendet', 'Familie.Brüder'][at % 3]!
    const text = `From: a@b.test\r\nSubject: ${at}\r\n\r\nFrom here\r\n${'x'.repeat(at * 400)}\r\n`
    await old.append(path, text, flags[at % 4]!, new Date(Date.UTC(2020, 1, at + 1, 10, 20, 30)))
  }
  await old.mailboxOpen('INBOX')
  await old.messageDelete('2,5', { uid: true })
  await old.mailboxClose()
  const there = {
    INBOX: await seenBy(old, 'INBOX'),
    Sent: await seenBy(old, 'Gesendet'),
    'Familie/Brüder': await seenBy(old, 'Familie.Brüder'),
  }
  assert.equal(there.INBOX.messages.length, 6)

  const print = (text: string) => t.diagnostic(text)
  const agents = { disk: join(folder, 'disk'), imap: join(folder, 'imap') }
  for (const agent of Object.values(agents)) {
    const store = await openStore(worldOf(agent))
    await makeAccount(store)
    await store.close()
  }
  assert.equal(
    await importMail(agents.disk, 'bob@here.test', join(dovecot.homes, 'old/Maildir'), { json: false }, print),
    0,
  )
  writeFileSync(join(folder, 'password'), `${PASSWORD.replaceAll(' ', '_')}\n`)
  const options = { passwordFile: join(folder, 'password'), ca: dovecot.ca, json: false }
  const from = `imap://old@localhost:${dovecot.port}/`
  for (let time = 0; time < 2; time++)
    assert.equal(await copyMail(from, agents.imap, 'bob@here.test', options, print), 0)
  for (const [path, mailbox] of Object.entries(there)) {
    assert.deepEqual(await seenHere(agents.imap, path), mailbox, `over IMAP: ${path}`)
    // On disk Dovecot's folder for what was sent is called as it is called.
    const name = path === 'Sent' ? 'Gesendet' : path
    assert.deepEqual(await seenHere(agents.disk, name), mailbox, `on disk: ${name}`)
  }

  if (existsSync(MBSYNC)) {
    const copied = mbsync(dovecot, folder)
    const store = await openStore(worldOf(join(folder, 'mbsync')))
    await makeAccount(store)
    await store.close()
    for (let time = 0; time < 2; time++)
      assert.equal(await importMail(join(folder, 'mbsync'), 'bob@here.test', copied, { json: false }, print), 0)
    // It keeps no keywords, numbers messages itself, and leaves a field of its own in each.
    const plain = ([, flags, atMs, text]: unknown[]) => [
      (flags as string[]).filter((flag) => flag.startsWith('\\')),
      atMs,
      (text as string).replace(/^X-TUID: .*\r\n/m, ''),
    ]
    for (const path of ['INBOX', 'Familie/Brüder'] as const) {
      const { messages } = await seenHere(join(folder, 'mbsync'), path)
      const given = there[path].messages as unknown[][]
      assert.deepEqual((messages as unknown[][]).map(plain), given.map(plain), `by mbsync: ${path}`)
    }
  } else t.diagnostic('mbsync is not installed: its Maildir is not tried')

  // Out again, into the Maildir of somebody else at that Dovecot.
  const store = await openStore(worldOf(agents.imap))
  await deliver(store, store.accountByAddress('bob@here.test')!.id, 'Subject: after the move\r\n\r\nHello.\r\n')
  await store.close()
  const out = join(dovecot.homes, 'new/Maildir')
  mkdirSync(out, { recursive: true })
  assert.equal(
    await exportMail(agents.imap, 'bob@here.test', out, { format: 'maildir', zip: false, json: false }, print),
    0,
  )
  assert.ok(readdirSync(out).includes('.Familie.Br&APw-der'))
  assert.equal(spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, join(dovecot.homes, 'new')]).status, 0)
  const moved = await client(dovecot, 'new')
  const inbox = await seenBy(moved, 'INBOX')
  assert.equal(inbox.messages.length, 7)
  assert.deepEqual({ ...inbox, messages: inbox.messages.slice(0, 6) }, there.INBOX)
  assert.deepEqual(await seenBy(moved, 'Familie.Brüder'), there['Familie/Brüder'])
  assert.deepEqual(await seenBy(moved, 'Sent'), there.Sent)
  await moved.logout()
  await old.logout()
})
