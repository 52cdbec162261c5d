// Everyday use by a real client, imapflow, over real sockets.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { generate } from 'selfsigned'
import { summarise } from '../../store/summary.ts'
import type { TlsIdentity } from '../../world/network.ts'
import { type Bench, openBench, PASSWORD, USER } from '../testing.ts'
import { serveImap } from './serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
let bench: Bench
let tlsIdentity: TlsIdentity
let port: number
let close: () => Promise<void>

before(async () => {
  bench = await openBench(folder)
  const made = await generate([{ name: 'commonName', value: 'localhost' }])
  tlsIdentity = { certificatePem: made.cert, privateKeyPem: made.private }
  const listener = await bench.world.network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
    const { store, accounts } = bench
    const report = (error: unknown): void => console.error('a bug in the session', error)
    void serveImap(stream, { store, accounts, tlsIdentity, report }, bench.world)
  })
  port = listener.endpoint.port
  close = () => listener.close()
})

after(async () => {
  await close()
  await bench.close()
  rmSync(folder, { recursive: true })
})

async function withClient(work: (client: ImapFlow) => Promise<void>): Promise<void> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    auth: { user: USER, pass: PASSWORD },
    tls: { rejectUnauthorized: false },
    logger: false,
  })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.logout()
  }
}

async function count(client: ImapFlow, path: string): Promise<number | undefined> {
  const status = await client.status(path, { messages: true })
  return status === false ? undefined : status.messages
}

const MESSAGE = [
  'From: Ann Äuthor <ann@sender.test>',
  'To: bob@here.test',
  'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
  'Date: Mon, 23 Nov 2026 12:00:00 +0100',
  'Message-ID: <1@sender.test>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="b"',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Sch=C3=B6ne Gr=C3=BC=C3=9Fe',
  '--b',
  'Content-Type: application/octet-stream',
  "Content-Disposition: attachment; filename*=utf-8''%C3%BC.bin",
  'Content-Transfer-Encoding: base64',
  '',
  'AAEC',
  '--b--',
  '',
].join('\r\n')

test('imapflow signs in over STARTTLS, lists, appends, reads, flags, searches, moves and deletes', async () => {
  await withClient(async (client) => {
    assert.equal(client.secureConnection, true)
    const uses = (await client.list()).map((mailbox) => [mailbox.path, mailbox.specialUse ?? ''])
    assert.deepEqual(uses, [
      ['INBOX', '\\Inbox'],

      ['Sent', '\\Sent'],
      ['Drafts', '\\Drafts'],
      ['Archive', '\\Archive'],
      ['Junk', '\\Junk'],
      ['Trash', '\\Trash'],
    ])
    const made = await client.mailboxCreate(['Projekte', 'Österreich & so'])
    assert.equal(made.created, true)
    assert.equal(made.path, 'Projekte/Österreich & so')

    const appended = await client.append('INBOX', MESSAGE, ['\\Flagged'], new Date('2026-11-23T11:00:00Z'))
    assert.ok(appended && appended.uid === 1)
    await client.mailboxOpen('INBOX')
    const message = await client.fetchOne('1', {
      uid: true,
      flags: true,
      envelope: true,
      bodyStructure: true,
      source: true,
      internalDate: true,
      size: true,
      threadId: true,
    })
    assert.ok(message)
    assert.equal(message.envelope?.subject, 'Grüße')
    assert.deepEqual(message.envelope?.from, [{ name: 'Ann Äuthor', address: 'ann@sender.test' }])
    assert.equal(message.source?.toString('utf8'), MESSAGE)
    assert.deepEqual(message.flags, new Set(['\\Flagged']))
    assert.equal(message.bodyStructure?.childNodes?.[1]?.dispositionParameters?.filename, 'ü.bin')
    assert.equal(new Date(message.internalDate!).toISOString(), '2026-11-23T11:00:00.000Z')
    assert.match(message.emailId!, /^M\d+$/)

    const { content } = await client.download('1', '1')
    const chunks: Buffer[] = []
    for await (const chunk of content!) chunks.push(chunk)
    assert.equal(Buffer.concat(chunks).toString(), 'Schöne Grüße')

    assert.equal(await client.messageFlagsAdd('1', ['\\Answered', '$Work']), true)
    assert.deepEqual(await client.search({ keyword: '$Work', body: 'SCHÖNE', from: 'äuthor' }), [1])
    assert.deepEqual(await client.search({ unKeyword: '$Work' }), [])
    const copied = await client.messageCopy('1', 'Projekte/Österreich & so')
    assert.ok(copied && copied.uidMap?.get(1) === 1)
    const moved = await client.messageMove('1', 'Trash')
    assert.ok(moved && moved.uidMap?.get(1) === 1)
    assert.equal(await count(client, 'Trash'), 1)
    await client.mailboxOpen('Trash')
    assert.equal(await client.messageDelete('1:*'), true)
    assert.equal(await count(client, 'Trash'), 0)
    await client.mailboxDelete('Projekte/Österreich & so')
  })
})

test('a message that is delivered while a client idles is announced at once, and so are flags and expunges', async () => {
  await withClient(async (client) => {
    await client.mailboxOpen('INBOX')
    const arrived = new Promise<{ count: number }>((resolve) => client.once('exists', resolve))
    void client.idle()
    const source = Buffer.from(MESSAGE)
    const { store, account } = bench
    const blob = await store.putBlob([source])
    const delivery = { kind: 'email.deliver', account, mailboxes: ['inbox'], blob, flags: [], verdict: null } as const
    await store.commit([{ ...delivery, summary: summarise(source), receivedAtMs: 0 }])
    assert.equal((await arrived).count, 1)

    const inbox = store.mailboxByUse(account, 'inbox')!
    const uid = store.placements(account, inbox.id)[0]!.uid
    const uids: [number, number][] = [[uid, uid]]
    const flagged = new Promise<{ flags: Set<string> }>((resolve) => client.once('flags', resolve))
    await store.commit([{ kind: 'flags.store', account, mailbox: inbox.id, uids, mode: 'add', flags: ['\\Seen'] }])
    assert.ok((await flagged).flags.has('\\Seen'))
    const gone = new Promise<{ seq: number }>((resolve) => client.once('expunge', resolve))
    await store.commit([{ kind: 'placement.expunge', account, mailbox: inbox.id, uids, onlyDeleted: false }])
    assert.equal((await gone).seq, 1)
  })
})

test('a wrong password is refused, and nothing is offered without TLS', async () => {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    auth: { user: USER, pass: 'wrong' },
    tls: { rejectUnauthorized: false },
    logger: false,
  })
  await assert.rejects(
    client.connect(),
    (error: { authenticationFailed?: boolean }) => error.authenticationFailed === true,
  )
})
