// Mailboxes that go on where another system stopped: UIDVALIDITY, UIDs, what POP3 calls a message; and nothing comes twice.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import type { Brought, Command } from './commands.ts'
import { type EmbeddedStore, openStore } from './embedded.ts'
import { delivery, done, makeAccount, nowMs } from './testing.ts'
import { contentOf } from './testing-life.ts'
import { checkStore } from './upkeep/check.ts'
import { rebuildStore } from './upkeep/rebuild.ts'

const itemOf = (number: number) => number.toString(16).padStart(32, '0')

async function bring(store: EmbeddedStore, account: number, mailbox: number, brought: Brought) {
  const [result] = await store.commit([
    await delivery(store, account, `mail ${brought.item}`, { mailboxes: [mailbox], brought }),
  ])
  return result!
}

const adopt = async (store: EmbeddedStore, command: Omit<Extract<Command, { kind: 'mailbox.adopt' }>, 'kind'>) =>
  (await store.commit([{ kind: 'mailbox.adopt', ...command }]))[0]!

test('a mailbox goes on with its UIDVALIDITY, UIDs and UIDLs; what is between was never given', () => {
  const there = testWorld()
  return there.run(async () => {
    const world = there.world
    const store = await openStore(world)
    const bob = await makeAccount(store)
    const inbox = store.mailboxByUse(bob, 'inbox')!.id
    assert.ok((await adopt(store, { account: bob, mailbox: inbox, uidValidity: 77 })).ok)
    assert.ok((await bring(store, bob, inbox, { item: itemOf(1), uid: 4, uidl: '00000004000000aa' })).ok)
    assert.ok((await bring(store, bob, inbox, { item: itemOf(2), uid: 5 })).ok)
    assert.ok((await bring(store, bob, inbox, { item: itemOf(3), uid: 900_000_000, uidl: 'last' })).ok)
    assert.ok((await adopt(store, { account: bob, mailbox: inbox, uidNext: 4_000_000_000 })).ok)
    const next = await done(store, await delivery(store, bob, 'new mail'))
    assert.equal(next.placements![0]!.uid, 4_000_000_000)
    assert.equal(store.mailbox(bob, inbox)!.uidValidity, 77)
    assert.deepEqual(store.contents.uidRanges(bob, inbox), [
      [4, 5],
      [900_000_000, 900_000_000],
      [4_000_000_000, 4_000_000_000],
    ])
    assert.deepEqual(
      store.lists.maildrop(bob, inbox).map(({ uid, uidl }) => [uid, uidl]),
      [
        [4, '00000004000000aa'],
        [5, null],
        [900_000_000, 'last'],
        [4_000_000_000, null],
      ],
    )
    assert.deepEqual(await checkStore(store), [])
    const before = contentOf(store.database)
    await store.close()
    await rebuildStore(world)
    const again = await openStore(world)
    assert.deepEqual(contentOf(again.database), before)
    await again.close()
  })
})

test('what would make a client mistake one message for another is refused, and keeps nothing', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    const inbox = store.mailboxByUse(bob, 'inbox')!
    const archive = store.mailboxByUse(bob, 'archive')!
    assert.ok((await bring(store, bob, inbox.id, { item: itemOf(1), uid: 10, uidl: 'ten' })).ok)
    const before = contentOf(store.database)
    const refusals = [
      await bring(store, bob, inbox.id, { item: itemOf(1) }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uid: 10 }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uid: 3 }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uid: 2 ** 32 - 1 }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uid: 11.5 }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uidl: 'ten' }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uidl: `${inbox.uidValidity}-99` }),
      await bring(store, bob, inbox.id, { item: itemOf(2), uidl: 'two words' }),
      await bring(store, bob, inbox.id, { item: 'short' }),
      await adopt(store, { account: bob, mailbox: inbox.id, uidValidity: 5 }),
      await adopt(store, { account: bob, mailbox: inbox.id, uidNext: 10 }),
      await adopt(store, { account: bob, mailbox: archive.id, uidValidity: inbox.uidValidity }),
      await adopt(store, { account: bob, mailbox: archive.id, uidValidity: 2 ** 32 - 1 }),
      await adopt(store, { account: bob, mailbox: archive.id, uidValidity: 0 }),
    ]
    assert.deepEqual(
      refusals.map((result) => (result.ok ? 'ok' : result.reason)),
      ['exists', ...Array(7).fill('conflict'), 'forbidden', ...Array(5).fill('conflict')],
    )
    const { blob: _, ...after } = contentOf(store.database)
    const { blob: __, ...unchanged } = before
    assert.deepEqual({ ...after, journal: [] }, { ...unchanged, journal: [] })
    await store.close()
  })
})

test('a UIDVALIDITY that was brought once is never another mailbox’s, and what comes later is higher', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    const create = (path: string): Command => ({ kind: 'mailbox.create', account: bob, path, nowMs })
    const [made, adopted] = await store.commit([
      create('Old'),
      { kind: 'mailbox.adopt', account: bob, mailbox: { from: 0 }, uidValidity: 3_000_000_000, modseq: 5_000 },
    ])
    assert.ok(made?.ok && adopted?.ok)
    assert.ok(store.modseq(bob) > 5_000)
    await done(store, { kind: 'mailbox.delete', account: bob, mailbox: made.id! })
    const { id } = await done(store, create('Old'))
    assert.ok(store.mailbox(bob, id!)!.uidValidity > 3_000_000_000)
    assert.equal((await adopt(store, { account: bob, mailbox: id!, uidValidity: 3_000_000_000 })).ok, false)
    // Another person's mailbox may well have the same.
    const anna = await makeAccount(store, 'anna@here.test')
    const theirs = store.mailboxByUse(anna, 'inbox')!.id
    assert.ok((await adopt(store, { account: anna, mailbox: theirs, uidValidity: 3_000_000_000 })).ok)
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test('what is brought into Junk teaches nothing: nobody here decided that', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    const junk = store.mailboxByUse(bob, 'junk')!.id
    assert.ok((await bring(store, bob, junk, { item: itemOf(1) })).ok)
    assert.deepEqual(store.lessons(0, 10), [])
    await store.close()
  })
})
