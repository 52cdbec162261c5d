import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import { deliver, makeAccount } from '../../store/testing.ts'
import { ADMIN_SOCKET, courierAtDoor, openAdminDoor } from '../../system/admin-door.ts'
import { NetworkError } from '../../world/network.ts'
import { worldOf } from '../agents-in.ts'
import { exportMail, importMail } from './moving.ts'

function agentWithBob(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-moving-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  const agent = join(folder, 'MDA@here')
  const open = () => openStore(worldOf(agent))
  return { folder, agent, open, complaints }
}

test('an mbox file and a Maildir on disk come in; a running agent keeps its store', async (t) => {
  const { folder, agent, open, complaints } = agentWithBob(t)
  const store = await open()
  await makeAccount(store)
  let text = ''
  const print = (more: string) => {
    text += more
  }
  const mbox = join(folder, 'mail')
  writeFileSync(mbox, 'From a Mon Nov 23 10:00:00 2026\nStatus: RO\nSubject: x\n\nbody\n\n')
  assert.equal(await importMail(agent, 'bob@here.test', mbox, { json: false }, print), 2)
  assert.match(complaints.join(), /is (already )?held by .*stop the agent, run this again/)
  await store.close()

  assert.equal(await importMail(agent, 'bob@here.test', mbox, { json: false }, print), 0)
  const maildir = join(folder, 'Maildir')
  for (const sub of ['cur', 'new', 'tmp', '.Gesendet/cur']) mkdirSync(join(maildir, sub), { recursive: true })
  writeFileSync(join(maildir, '.Gesendet/cur/1.x:2,FS'), 'Subject: y\n\nbody\n')
  utimesSync(join(maildir, '.Gesendet/cur/1.x:2,FS'), 1_700_000_000, 1_700_000_000)
  assert.equal(await importMail(agent, 'bob@here.test', maildir, { into: 'Alt', json: false }, print), 0)
  assert.equal(await importMail(agent, 'bob@here.test', maildir, { into: 'Alt', json: true }, print), 0)
  assert.equal(
    text,
    'bob@here.test: 1 message came, in 1 mailbox.\nbob@here.test: 1 message came, in 2 mailboxes.\n' +
      '{"mailboxes":2,"brought":0,"known":1,"bytes":17,"notes":[],"moreNotes":0}\n',
  )
  const again = await open()
  const bob = again.accountByAddress('bob@here.test')!.id
  const inbox = again.placements(bob, again.mailboxByPath(bob, 'INBOX')!.id)
  assert.deepEqual(
    inbox.map(({ flags }) => flags),
    [['\\Seen']],
  )
  const sent = again.placements(bob, again.mailboxByPath(bob, 'Alt/Gesendet')!.id)
  assert.deepEqual(
    sent.map(({ flags }) => flags),
    [['\\Flagged', '\\Seen']],
  )
  assert.equal(again.email(bob, sent[0]!.email)!.receivedAtMs, 1_700_000_000_000)
  await again.close()
})

test('an agent that runs takes mail through its door; nothing comes twice, and what it refuses is told', async (t) => {
  const { folder, agent, open, complaints } = agentWithBob(t)
  const store = await open()
  const bob = await makeAccount(store)
  const door = await openAdminDoor({ store, world: worldOf(agent) }, join(agent, ADMIN_SOCKET))
  const text = (at: number) =>
    `From a@b.test Mon Nov 23 10:00:00 2026\nStatus: RO\nSubject: ${at}\n\n${'x'.repeat(at)}\n\n`
  const mbox = join(folder, 'mail')
  writeFileSync(mbox, Array.from({ length: 200 }, (_, at) => text(at * 7)).join(''))
  let said = ''
  const print = (more: string) => {
    said += more
  }
  assert.equal(await importMail(agent, 'bob@here.test', mbox, { json: false }, print), 0)
  assert.equal(await importMail(agent, 'bob@here.test', mbox, { json: false }, print), 0)
  assert.equal(
    said,
    'bob@here.test: 200 messages came, in 1 mailbox.\nbob@here.test: 0 messages came, in 1 mailbox; 200 had come before.\n',
  )
  const inbox = store.placements(bob, store.mailboxByUse(bob, 'inbox')!.id)
  assert.deepEqual([inbox.length, inbox[0]!.flags], [200, ['\\Seen']])
  const last = await store.readBlob(store.email(bob, inbox[199]!.email)!.blob)
  assert.equal(last!.toString(), `Subject: 1393\r\n\r\n${'x'.repeat(1393)}\r\n`)

  const quota = { kind: 'quota.put', account: bob, bytes: 1000, messages: null } as const
  assert.ok((await store.commit([quota]))[0]!.ok)
  assert.equal(await importMail(agent, 'bob@here.test', mbox, { into: 'More', json: false }, print), 1)
  assert.match(said, /Not everything: The account is full\./)
  assert.equal(await importMail(agent, 'anna@here.test', mbox, { json: false }, print), 1)
  assert.deepEqual(complaints, ['Nobody here has the address anna@here.test.'])
  await door.close()
  await store.close()
})

test('through the door comes what an import needs, into the account it was opened for, and nothing else', async (t) => {
  const { agent, open } = agentWithBob(t)
  const store = await open()
  const bob = await makeAccount(store)
  const anna = await makeAccount(store, 'anna@here.test')
  const world = worldOf(agent)
  const path = join(agent, ADMIN_SOCKET)
  const door = await openAdminDoor({ store, world }, path)
  const courier = await courierAtDoor(world, path, 'bob@here.test')
  const remove = { kind: 'account.remove', account: bob } as const
  await assert.rejects(courier.commit([remove]), /not how mail is brought/)
  const ofAnna = { kind: 'mailbox.create', account: anna, path: 'X', nowMs: 1 } as const
  await assert.rejects(courier.commit([ofAnna]), /not how mail is brought/)
  const [made] = await courier.commit([{ ...ofAnna, account: bob }])
  assert.ok(made!.ok)
  assert.deepEqual(
    await store.readBlob(await courier.putBlob([Buffer.from('a\n'), Buffer.from('b')])),
    Buffer.from('a\nb'),
  )
  // The agent stops: who brings something hears of it.
  await door.close()
  await assert.rejects(courier.putBlob([Buffer.from('c')]), NetworkError)
  courier.close()
  assert.deepEqual([store.mailboxByPath(anna, 'X'), store.mailboxByPath(bob, 'X')?.path], [undefined, 'X'])
  await store.close()
})

test('what cannot be brought is said', async (t) => {
  const { folder, agent, open, complaints } = agentWithBob(t)
  const store = await open()
  await makeAccount(store)
  await store.close()
  const print = () => {}
  assert.equal(await importMail(join(folder, 'none'), 'bob@here.test', folder, { json: false }, print), 2)
  assert.equal(await importMail(agent, 'anna@here.test', folder, { json: false }, print), 2)
  assert.equal(await importMail(agent, 'bob@here.test', join(folder, 'none'), { json: false }, print), 2)
  mkdirSync(join(folder, 'node/store'), { recursive: true })
  writeFileSync(join(folder, 'node/store/store.db'), '')
  assert.equal(await importMail(join(folder, 'node'), 'bob@here.test', folder, { json: false }, print), 2)
  writeFileSync(join(folder, 'letter.txt'), 'Dear Bob,\n')
  assert.equal(await importMail(agent, 'bob@here.test', join(folder, 'letter.txt'), { json: false }, print), 2)
  assert.deepEqual(
    complaints.map((one) => one.replaceAll(folder, '')),
    [
      '/none holds no store. Name the folder of an agent.',
      'anna@here.test has no account in MDA@here. It has: bob@here.test.',
      '/none is not there.',
      '/node is a node of a store that several share; its mail is in PostgreSQL. A client can move it over IMAP.',
      '/letter.txt holds no mail that is known here: mbox files, Maildirs, folders or a zip of them.',
    ],
  )
})

test('mail goes out as a folder and as a zip while the agent runs, and comes in again', async (t) => {
  const { folder, agent, open } = agentWithBob(t)
  const store = await open()
  const bob = await makeAccount(store)
  await makeAccount(store, 'anna@here.test')
  for (const flags of [['\\Seen'], ['\\Flagged', 'Wichtig'], []])
    await deliver(store, bob, `Subject: x\r\n\r\n${flags.join()}\r\n`, { flags, receivedAtMs: 1_700_000_000_000 })
  let text = ''
  const print = (more: string) => {
    text += more
  }
  const rest = { json: false, zip: false }
  assert.equal(await exportMail(agent, 'bob@here.test', join(folder, 'out'), { format: 'maildir', ...rest }, print), 0)
  const zip = join(folder, 'mail.zip')
  for (const format of ['mbox', 'maildir']) {
    const there = `${zip}-${format}`
    assert.equal(await exportMail(agent, 'bob@here.test', there, { ...rest, format, zip: true }, print), 0)
    assert.deepEqual(
      [existsSync(there), existsSync(`${there}.parts`), existsSync(`${there}.list`)],
      [true, false, false],
    )
    assert.equal(await exportMail(agent, 'bob@here.test', there, { ...rest, format, zip: true }, print), 2)
  }
  await store.close()
  const written = 'bob@here.test: 3 messages written, of 6 mailboxes.\n'
  assert.equal(text, written.repeat(3))
  for (const from of [join(folder, 'out'), `${zip}-maildir`, `${zip}-mbox`])
    assert.equal(await importMail(agent, 'anna@here.test', from, { json: false }, print), 0)
  assert.match(text, /3 messages came, in 6 mailboxes\.\n.*0 messages came, in 6 mailboxes; 3 had come before\.\n/)
  const again = await open()
  const anna = again.accountByAddress('anna@here.test')!.id
  const [given, got] = [bob, anna].map((account) => {
    const inbox = again.mailboxByUse(account, 'inbox')!
    return again.placements(account, inbox.id).map(({ uid, flags, email }) => {
      const { receivedAtMs, blob } = again.email(account, email)!
      return [uid, flags, receivedAtMs, blob.hash]
    })
  })
  assert.deepEqual(got!.slice(0, 3), given)
  await again.close()
})
