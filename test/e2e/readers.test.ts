// Programs that nobody here wrote read mail: imapflow, mutt, neomutt, mbsync, offlineimap, fetchmail. Each is skipped where it is missing.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Demo, type DemoPerson, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap, byPop3, countOf, withImap } from './mailbox.ts'
import { certificateOf, missing, muttHome, run } from './programs.ts'
import { Smtp } from './smtp.ts'

let demo: Demo
let bob: DemoPerson
before(async () => {
  demo = await startDemo()
  bob = demo.person('bob')
})
after(endDemos)

let count = 0
/** A letter from Anna lies in Bob's inbox; its subject. */
async function letterFromAnna(): Promise<string> {
  const anna = demo.person('anna')
  const subject = `letter ${++count}`
  const before = await countOf(bob)
  const smtp = await Smtp.signedIn(anna)
  const reply = await smtp.send(
    anna.address,
    [bob.address],
    Buffer.from(
      `From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: ${subject}\r\n\r\nHello Bob.\r\nFrom here.\r\n`,
    ),
  )
  assert.equal(reply.code, 250, reply.text)
  await smtp.quit()
  await until(subject, async () => ((await countOf(bob)) > before ? true : undefined))
  return subject
}

test('imapflow: special mailboxes, append, flags, move, copy, delete, search', async () => {
  await withImap(bob, async (imap) => {
    const special = new Map((await imap.list()).map(({ path, specialUse }) => [specialUse, path]))
    for (const use of ['\\Inbox', '\\Sent', '\\Drafts', '\\Junk', '\\Trash', '\\Archive'])
      assert.ok(special.has(use), `${use} in ${[...special.keys()]}`)
    await imap.mailboxCreate('Projekte/Größe 📬')
    assert.ok((await imap.list()).some(({ path }) => path === 'Projekte/Größe 📬'))
    const source = 'From: bob@recipient.test\r\nSubject: kept\r\n\r\nBody\r\n'
    const appended = await imap.append('Drafts', source, ['\\Draft', '$Label1'], new Date('2020-02-02T12:00:00Z'))
    assert.ok(appended !== false && appended.uid !== undefined)
    await imap.mailboxOpen('Drafts')
    const one = await imap.fetchOne(
      `${appended.uid}`,
      { source: true, flags: true, internalDate: true, envelope: true },
      { uid: true },
    )
    assert.ok(one)
    assert.equal(one.source!.toString(), source)
    assert.deepEqual([...one.flags!].filter((flag) => flag !== '\\Recent').sort(), ['$Label1', '\\Draft'])
    assert.equal(new Date(one.internalDate!).toISOString(), '2020-02-02T12:00:00.000Z')
    assert.equal(one.envelope!.subject, 'kept')
    await imap.messageFlagsAdd({ uid: `${appended.uid}` }, ['\\Flagged'], { uid: true })
    await imap.messageFlagsRemove({ uid: `${appended.uid}` }, ['\\Draft'], { uid: true })
    assert.deepEqual(await imap.search({ flagged: true, draft: false }, { uid: true }), [appended.uid])
    const copied = await imap.messageCopy(`${appended.uid}`, 'Archive', { uid: true })
    assert.ok(copied && copied.uidMap?.size === 1)
    const moved = await imap.messageMove(`${appended.uid}`, 'Projekte/Größe 📬', { uid: true })
    assert.ok(moved && moved.uidMap?.size === 1)
    assert.deepEqual(await imap.search({ all: true }), [])
    await imap.mailboxOpen('Projekte/Größe 📬')
    const there = await imap.fetchOne('1', { source: true, flags: true })
    assert.ok(
      there && there.source!.toString() === source && there.flags!.has('\\Flagged') && there.flags!.has('$Label1'),
    )
    await imap.messageDelete('1')
    assert.equal(((await imap.status('Projekte/Größe 📬', { messages: true })) as { messages: number }).messages, 0)
    await imap.mailboxRename('Projekte/Größe 📬', 'Projekte/klein')
    await imap.mailboxDelete('Projekte/klein')
    assert.ok(!(await imap.list()).some(({ path }) => path.startsWith('Projekte/')))
  })
})

test('imapflow: IDLE tells of new mail', async () => {
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('INBOX')
    const told = new Promise<number>((resolve) => imap.on('exists', ({ count }) => resolve(count)))
    void imap.idle()
    const before = await countOf(bob)
    await letterFromAnna()
    assert.equal(
      await Promise.race([told, new Promise<number>((resolve) => setTimeout(resolve, 5000, -1))]),
      before + 1,
    )
  })
})

for (const mutt of ['mutt', 'neomutt'])
  test(`${mutt}: read, keep a copy, move into another mailbox`, {
    skip: missing(mutt) || missing('script'),
  }, async () => {
    const subject = await letterFromAnna()
    const { folder, parameters, env } = await muttHome(bob)
    const copies = join(folder, 'copies')
    const keys = [
      `<tag-pattern>~A<enter><tag-prefix><copy-message>${copies}<enter>`,
      `<untag-pattern>~A<enter><limit>~s "${subject}"<enter><set-flag>!<save-message>=Archive<enter><sync-mailbox><exit>`,
    ].join('')
    const before = await byImap(bob)
    // mutt wants a terminal.
    const command = [mutt, ...parameters, '-e', `push '${keys}'`].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    const ran = await run('script', ['-qec', command.join(' '), '/dev/null'], { env })
    assert.equal(ran.code, 0, ran.output)
    const found = ['new', 'cur'].flatMap((part) =>
      readdirSync(join(copies, part)).map((name) => readFileSync(join(copies, part, name), 'latin1')),
    )
    assert.deepEqual(
      found.map((text) => text.replace(/^(?:Content-Length|Lines|Status): .*\n/gm, '')).sort(),
      before.map((source) => source.toString('latin1').replaceAll('\r\n', '\n')).sort(),
    )
    assert.equal(await countOf(bob), before.length - 1)
    assert.ok((await byImap(bob, 'Archive')).some((source) => source.includes(subject)))
  })

test('mbsync: all mailboxes to Maildir, and back', { skip: missing('mbsync') }, async () => {
  const folder = temporaryFolder()
  const maildir = join(folder, 'mail')
  mkdirSync(maildir)
  writeFileSync(join(folder, 'certificate'), await certificateOf(bob.imaps))
  writeFileSync(
    join(folder, 'mbsyncrc'),
    `IMAPStore far
Host ${bob.imaps.host}
Port ${bob.imaps.port}
User ${bob.address}
Pass ${bob.password}
SSLType IMAPS
CertificateFile ${join(folder, 'certificate')}

MaildirStore near
Path ${maildir}/
Inbox ${maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Remove Both
SyncState *
`,
  )
  const sync = async () => {
    const ran = await run('mbsync', ['-c', join(folder, 'mbsyncrc'), '-a'], { env: { HOME: folder } })
    assert.equal(ran.code, 0, ran.output)
  }
  const filesOf = (mailbox: string) =>
    ['new', 'cur'].flatMap((part) =>
      readdirSync(join(maildir, mailbox, part)).map((name) => join(maildir, mailbox, part, name)),
    )
  const subject = await letterFromAnna()
  await sync()
  const wanted = (await byImap(bob)).map((source) => source.toString('latin1').replaceAll('\r\n', '\n')).sort()
  // mbsync marks what it has synced with a field of its own.
  const found = filesOf('INBOX')
    .map((path) => readFileSync(path, 'latin1').replace(/^X-TUID: .*\n/m, ''))
    .sort()
  assert.deepEqual(found, wanted)
  assert.ok(found.some((text) => text.includes(subject)))

  // Back: a new mailbox, a new message, a flag and a deletion.
  mkdirSync(join(maildir, 'Fresh', 'cur'), { recursive: true })
  for (const part of ['new', 'tmp']) mkdirSync(join(maildir, 'Fresh', part))
  writeFileSync(
    join(maildir, 'Fresh', 'cur', '1.2.here:2,FS'),
    'From: bob@recipient.test\nSubject: from Maildir\n\nText\n',
  )
  const before = await countOf(bob)
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('INBOX')
    await imap.messageDelete('1')
  })
  await sync()
  assert.equal(filesOf('INBOX').length, before - 1)
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('Fresh')
    const message = await imap.fetchOne('1', { source: true, flags: true })
    assert.ok(message)
    assert.match(message.source!.toString(), /Subject: from Maildir\r\n(?:X-TUID: .*\r\n)?\r\nText\r\n$/)
    assert.ok(message.flags!.has('\\Flagged') && message.flags!.has('\\Seen'))
  })
  await sync()
  assert.equal(filesOf('Fresh').length, 1, 'nothing twice')

  // A flag goes from there to here, another from here to there, and what is deleted here is deleted there.
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('Fresh')
    await imap.messageFlagsAdd('1', ['\\Answered'])
    await imap.append('Fresh', 'Subject: second\r\n\r\nText\r\n')
  })
  await sync()
  const first = filesOf('Fresh').find((path) => readFileSync(path, 'latin1').includes('from Maildir'))!
  const second = filesOf('Fresh').find((path) => path !== first)!
  assert.match(first, /,FRS$/)
  rmSync(first)
  renameSync(second, join(maildir, 'Fresh', 'cur', `${basename(second).replace(/:2,.*/, '')}:2,F`))
  await sync()
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('Fresh')
    const left = await imap.fetchAll('1:*', { envelope: true, flags: true })
    assert.deepEqual(
      left.map(({ envelope }) => envelope!.subject),
      ['second'],
    )
    assert.ok(left[0]!.flags!.has('\\Flagged'))
    // Another mailbox under the same name: mbsync sees it by its UIDVALIDITY and touches neither side.
    await imap.mailboxClose()
    await imap.mailboxDelete('Fresh')
    await imap.mailboxCreate('Fresh')
    await imap.append('Fresh', 'Subject: another\r\n\r\nanother\r\n')
  })
  const ran = await run('mbsync', ['-c', join(folder, 'mbsyncrc'), '-a'], { env: { HOME: folder } })
  assert.match(ran.output, /UIDVALIDITY/i)
  assert.equal(await countOf(bob, 'Fresh'), 1)
  assert.ok(filesOf('Fresh').some((path) => readFileSync(path, 'latin1').includes('Subject: second')))
})

/** A folder that offlineimap keeps equal to the person's mailboxes, and a way to have it do that. */
async function offlineImap({ address, password, imaps }: DemoPerson) {
  const folder = temporaryFolder()
  const fingerprint = new X509Certificate(await certificateOf(imaps)).fingerprint256.replaceAll(':', '').toLowerCase()
  writeFileSync(
    join(folder, 'rc'),
    `[general]
accounts = person
metadata = ${folder}/metadata
[Account person]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = ${folder}/mail
sep = /
[Repository far]
type = IMAP
remotehost = ${imaps.host}
remoteport = ${imaps.port}
remoteuser = ${address}
remotepass = ${password}
ssl = yes
cert_fingerprint = ${fingerprint}
`,
  )
  const sync = async () => {
    const ran = await run('offlineimap', ['-c', join(folder, 'rc'), '-o', '-u', 'basic'], { env: { HOME: folder } })
    assert.equal(ran.code, 0, ran.output)
  }
  const files = (mailbox: string): string[] =>
    ['new', 'cur'].flatMap((part) => {
      const path = join(folder, 'mail', mailbox, part)
      return readdirSync(path).map((name) => join(path, name))
    })
  return { folder, sync, files }
}

test('offlineimap: all mailboxes to Maildir, and flags, deletions and new mail both ways', {
  skip: missing('offlineimap'),
}, async () => {
  await withImap(bob, async (imap) => {
    await imap.mailboxCreate('Offline')
    for (const name of ['one', 'two', 'three']) await imap.append('Offline', `Subject: ${name}\r\n\r\n${name}\r\n`)
  })
  const { folder, sync, files } = await offlineImap(bob)
  const fileOf = (name: string): string | undefined =>
    files('Offline').find((path) => readFileSync(path, 'latin1').includes(`Subject: ${name}\n`))
  await sync()
  assert.equal(files('INBOX').length, await countOf(bob))
  assert.equal(files('Offline').length, 3)

  // From here: a flag, a deletion, a new message. From there: a flag, a deletion.
  const flagged = fileOf('one')!
  renameSync(flagged, join(folder, 'mail/Offline/cur', `${basename(flagged).replace(/:2,.*/, '')}:2,FS`))
  rmSync(fileOf('two')!)
  writeFileSync(join(folder, 'mail/Offline/cur', '1.2.here:2,S'), 'Subject: from here\n\nText\n')
  await sync()
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('Offline')
    const flagsOf = new Map<string, Set<string>>()
    for await (const { envelope, flags } of imap.fetch('1:*', { envelope: true, flags: true })) {
      flagsOf.set(envelope!.subject!, flags!)
    }
    assert.deepEqual([...flagsOf.keys()].sort(), ['from here', 'one', 'three'])
    assert.ok(flagsOf.get('one')!.has('\\Flagged') && flagsOf.get('one')!.has('\\Seen'))
    assert.ok(flagsOf.get('from here')!.has('\\Seen'))
    assert.ok(!flagsOf.get('three')!.has('\\Seen'))
    const [three] = (await imap.search({ subject: 'three' })) as number[]
    await imap.messageFlagsAdd(`${three}`, ['\\Answered'])
    const [one] = (await imap.search({ subject: 'one' })) as number[]
    await imap.messageDelete(`${one}`)
  })
  await sync()
  assert.equal(fileOf('one'), undefined)
  assert.match(fileOf('three')!, /:2,R$/)
  await sync()
  assert.equal(files('Offline').length, 2, 'nothing twice')

  // Another mailbox under the same name has another UIDVALIDITY: nothing of the one is taken for the other.
  await withImap(bob, async (imap) => {
    await imap.mailboxDelete('Offline')
    await imap.mailboxCreate('Offline')
    await imap.append('Offline', 'Subject: another\r\n\r\nanother\r\n')
  })
  const ran = await run('offlineimap', ['-c', join(folder, 'rc'), '-o', '-u', 'basic'], { env: { HOME: folder } })
  assert.match(ran.output, /UID ?validity/i)
  assert.equal(await countOf(bob, 'Offline'), 1)
})

test('the same mail over JMAP is where IMAP says (RFC 9698)', async () => {
  const url = await withImap(bob, async (imap) => {
    assert.ok(imap.capabilities.has('JMAPACCESS'))
    let told: string | undefined
    const take = async ({ attributes }: { attributes: { value: string }[] }) => {
      told = attributes[0]!.value
    }
    const { exec } = imap as unknown as { exec: (...words: unknown[]) => Promise<{ next: () => void }> }
    ;(await exec.call(imap, 'GETJMAPACCESS', [], { untagged: { JMAPACCESS: take } })).next()
    return told!
  })
  const authorization = `Basic ${Buffer.from(`${bob.address}:${bob.password}`).toString('base64')}`
  const answer = await fetch(url, { headers: { authorization } })
  assert.equal(((await answer.json()) as { username: string }).username, bob.address)
})

for (const [protocol, doorOf] of [
  ['pop3', () => bob.pop3s],
  ['imap', () => bob.imaps],
] as const)
  test(`fetchmail: by ${protocol} to an MDA`, { skip: missing('fetchmail') }, async () => {
    await letterFromAnna()
    const folder = temporaryFolder()
    const out = join(folder, 'out')
    mkdirSync(out)
    const door = doorOf()
    writeFileSync(
      join(folder, 'rc'),
      `poll ${door.host} service ${door.port} protocol ${protocol}
  user "${bob.address}" is "bob" here password "${bob.password}"
  ssl sslcertck no keep fetchall no rewrite
  mda "cat > $(mktemp ${out}/XXXXXX)"
`.replace('sslcertck no', 'no sslcertck'),
      { mode: 0o600 },
    )
    const wanted = (await (protocol === 'pop3' ? byPop3 : byImap)(bob)).map(withoutTrace).sort()
    const ran = await run(
      'fetchmail',
      ['-f', join(folder, 'rc'), '--pidfile', join(folder, 'pid'), '-i', join(folder, 'ids')],
      {
        env: { HOME: folder, FETCHMAILHOME: folder },
      },
    )
    assert.equal(ran.code, 0, ran.output)
    const found = readdirSync(out)
      .map((name) => withoutTrace(readFileSync(join(out, name))))
      .sort()
    assert.deepEqual(found, wanted)
  })

/** fetchmail adds a Received field at the top of the others and may drop Return-Path: what follows must be equal. */
function withoutTrace(source: Buffer): string {
  const text = source.toString('latin1').replaceAll('\r\n', '\n')
  return text.slice(text.indexOf('DKIM-Signature:'))
}
