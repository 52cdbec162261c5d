import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EmbeddedStore, openStore } from '../store/embedded.ts'
import { deliver, done, makeAccount, nowMs } from '../store/testing.ts'
import { checkStore } from '../store/upkeep/check.ts'
import { type TestWorld, testWorld } from '../world/testing.ts'
import { ImapRefusal, tokensOf } from './imap-client.ts'
import { type ImapAccount, ImapSource } from './imap-source.ts'
import { bringIn } from './import.ts'
import { oldHouse } from './testing-house.ts'

async function seen(store: EmbeddedStore, account: number) {
  const found: unknown[] = []
  for (const { id, path, uidValidity, total } of store.mailboxes(account)) {
    if (total === 0) continue
    for (const { uid, email, flags } of store.placements(account, id)) {
      const { blob, receivedAtMs } = store.email(account, email)!
      const text = (await store.readBlob(blob))!.toString('latin1')
      found.push([path, uidValidity, uid, text, [...flags].sort(), receivedAtMs])
    }
  }
  return found
}

async function fill(store: EmbeddedStore, account: number, count: number) {
  for (const path of ['Familie/Brüder', 'a "b" \\c', 'Leer'])
    await done(store, { kind: 'mailbox.create', account, path, nowMs })
  const paths = ['INBOX', 'Sent', 'Familie/Brüder', 'a "b" \\c']
  for (let at = 0; at < count; at++) {
    const { id } = store.mailboxByPath(account, paths[at % 4]!)!
    const flags = [['\\Seen'], ['\\Flagged', '$Label1'], [], ['\\Answered', 'Wichtig']][at % 3]!
    await deliver(store, account, `Subject: ${at}\r\n\r\n({3}\r\nBODY[] ")${'x'.repeat(at * 31)}\r\n`, {
      mailboxes: [id],
      flags,
      receivedAtMs: nowMs - at * 1000,
    })
  }
  for (const path of paths) {
    const { id } = store.mailboxByPath(account, path)!
    await done(store, { kind: 'placement.expunge', account, mailbox: id, uids: [[3, 4]], onlyDeleted: false })
  }
}

async function copy(there: TestWorld, store: EmbeddedStore, account: number, from: ImapAccount) {
  const source = new ImapSource(from)
  const result = await bringIn({ store, clock: there.world.clock, account }, await source.mailboxes())
  source.close()
  return result
}

for (const port of [993, 143]) {
  test(`an account is copied over TLS from port ${port}, with UIDs, flags and dates; again, and only what is new comes`, async () => {
    const there = testWorld()
    await there.run(async () => {
      const old = await oldHouse(there, port)
      await fill(old.store, old.bob, 80)
      const store = await openStore(there.world)
      const bob = await makeAccount(store)
      const first = await copy(there, store, bob, old.account)
      assert.deepEqual([first.brought, first.notes, first.stopped], [72, [], undefined])
      assert.deepEqual(await seen(store, bob), await seen(old.store, old.bob))
      assert.ok(store.modseq(bob) > old.store.modseq(old.bob), 'change counters go on')
      assert.ok(store.mailboxByPath(bob, 'Leer'))
      await deliver(old.store, old.bob, 'Subject: late\r\n\r\n')
      const second = await copy(there, store, bob, old.account)
      assert.deepEqual([second.brought, second.known, second.notes], [1, 72, []])
      assert.deepEqual(await seen(store, bob), await seen(old.store, old.bob))
      assert.deepEqual(await checkStore(store), [])
      await store.close()
      await old.store.close()
    })
  })
}

test('connections that are lost again and again: everything comes, once', async () => {
  let connections = 0
  for (let seed = 1; seed <= 5; seed++) {
    const there = testWorld(seed)
    await there.run(async () => {
      const old = await oldHouse(there, 993, 30)
      await fill(old.store, old.bob, 160)
      const store = await openStore(there.world)
      const bob = await makeAccount(store)
      const result = await copy(there, store, bob, old.account)
      assert.deepEqual([result.brought, result.notes, result.stopped], [152, [], undefined])
      assert.deepEqual(await seen(store, bob), await seen(old.store, old.bob))
      connections += old.connections()
      await store.close()
      await old.store.close()
    })
  }
  assert.ok(connections > 10, `only ${connections} connections`)
})

test('a wrong password, and a certificate of somebody else, end it with a reason', async () => {
  const there = testWorld()
  await there.run(async () => {
    const old = await oldHouse(there, 993)
    const wrong = new ImapSource({ ...old.account, password: 'wrong' })
    await assert.rejects(
      wrong.mailboxes(),
      (error: Error) => error instanceof ImapRefusal && /cannot sign in/.test(error.message),
    )
    const { host } = old.account
    const other = new ImapSource({ ...old.account, host: { ...host, tls: { ...host.tls, trusted: [] } } })
    await assert.rejects(other.mailboxes(), { name: 'NetworkError', code: 'tls' })
    await old.store.close()
  })
})

test('responses are taken apart', () => {
  assert.deepEqual(
    tokensOf([
      '1 FETCH (UID 5 FLAGS (\\Seen $x) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {3}',
      Buffer.from('a)b'),
      ' X NIL)',
    ]),
    [
      '1',
      'FETCH',
      [
        'UID',
        '5',
        'FLAGS',
        ['\\Seen', '$x'],
        'INTERNALDATE',
        '17-Jul-1996 02:44:25 -0700',
        'BODY[]',
        Buffer.from('a)b'),
        'X',
        null,
      ],
    ],
  )
  assert.deepEqual(tokensOf(['LIST (\\Sent) "/" "a \\"b\\" \\\\c"']), ['LIST', ['\\Sent'], '/', 'a "b" \\c'])
  assert.deepEqual(tokensOf(['FETCH (BODY[HEADER.FIELDS (X)] "y"']), ['FETCH', ['BODY[HEADER.FIELDS (X)]', 'y']])
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('(', ')', '"', '\\', 'a', ' ', '[', ']', '{1}') }),
      (text) => void tokensOf([text]),
    ),
  )
})
