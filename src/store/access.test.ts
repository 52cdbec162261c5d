// What may be held, who may see it, annotations, and a mailbox at a glance.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from './commands.ts'
import { deliver, delivery, done, makeAccount, nowMs } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'
import { checkStore } from './upkeep/check.ts'
import type { KeptStore } from './view.ts'

function inStore(work: (store: KeptStore, bob: number, inbox: number) => Promise<void>) {
  return onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    await work(store, bob, store.mailboxByPath(bob, 'INBOX')!.id)
    assert.deepEqual(await checkStore(store), [])
  })
}

async function refusal(store: KeptStore, command: Command): Promise<string> {
  const [result] = await store.commit([command])
  return result!.ok ? 'done' : result!.reason
}

test(
  'a quota refuses what does not fit, and nothing of it is kept; moving needs no room',
  inStore(async (store, bob, inbox) => {
    assert.equal(store.isLimited(bob), false)
    await deliver(store, bob, 'one')
    const { usedBytes, usedMessages } = store.access.quota(bob)!
    assert.equal(usedMessages, 1)
    await done(store, { kind: 'quota.put', account: bob, bytes: null, messages: 2 })
    assert.equal(store.isLimited(bob), true)
    await deliver(store, bob, 'two')
    assert.equal(await refusal(store, await delivery(store, bob, 'three')), 'over-quota')
    const trash = store.mailboxByPath(bob, 'Trash')!.id
    const copy = { kind: 'placement.copy', account: bob, mailbox: inbox, uids: [[1, 2]], to: trash } as const
    assert.equal(await refusal(store, { ...copy, move: false }), 'over-quota')
    assert.equal(await refusal(store, { ...copy, move: true }), 'done')
    await done(store, { kind: 'quota.put', account: bob, bytes: usedBytes * 2 + 1, messages: null })
    assert.equal(await refusal(store, await delivery(store, bob, 'three')), 'over-quota')
    assert.equal(store.access.quota(bob)!.usedMessages, 2)
    await done(store, { kind: 'quota.put', account: bob, bytes: null, messages: null })
    assert.equal(store.isLimited(bob), false)
    await deliver(store, bob, 'three')
  }),
)

test(
  'the UIDs that are there are known without a list of all, and so is the first unseen message',
  inStore(async (store, bob, inbox) => {
    assert.deepEqual(store.contents.uidRanges(bob, inbox), [])
    for (let i = 0; i < 10; i++) await deliver(store, bob, `message ${i}`)
    assert.deepEqual(store.contents.uidRanges(bob, inbox), [[1, 10]])
    const uids = [
      [1, 1],
      [4, 5],
      [10, 10],
    ] as const // prettier-ignore
    await done(store, { kind: 'placement.expunge', account: bob, mailbox: inbox, uids, onlyDeleted: false })
    assert.deepEqual(store.contents.uidRanges(bob, inbox), [
      [2, 3],
      [6, 9],
    ]) // prettier-ignore
    const seen = { kind: 'flags.store', account: bob, mailbox: inbox, mode: 'add', flags: ['\\Seen'] } as const
    assert.equal(store.contents.firstUnseen(bob, inbox), 2)
    await done(store, { ...seen, uids: [[1, 7]] })
    assert.equal(store.contents.firstUnseen(bob, inbox), 8)
    await done(store, { ...seen, uids: [[1, 9]] })
    assert.equal(store.contents.firstUnseen(bob, inbox), undefined)
    await done(store, { ...seen, uids: [[8, 9]], flags: ['\\Deleted', '$Label'] })
    assert.equal(store.contents.deleted(bob, inbox).messages, 2)
    assert.deepEqual(store.mailbox(bob, inbox)!.keywords, ['$Label'])
  }),
)

test(
  'access rights and annotations are kept, listed, and go with their mailbox',
  inStore(async (store, bob) => {
    const eve = await makeAccount(store, 'eve@here.test')
    const made = await done(store, { kind: 'mailbox.create', account: bob, path: 'Shared', nowMs })
    const mailbox = (made as { id: number }).id
    const right = { kind: 'acl.put', account: bob, mailbox } as const
    await done(store, { ...right, identifier: 'Eve@here.test', rights: 'lr' })
    await done(store, { ...right, identifier: 'anyone', rights: 'l' })
    assert.deepEqual(store.access.sharedWith(['eve@here.test', 'anyone']), [{ account: bob, mailbox }])
    await done(store, { ...right, identifier: 'anyone', rights: '' })
    assert.deepEqual(store.access.rights(bob, mailbox), [{ identifier: 'eve@here.test', rights: 'lr' }])
    const note = (reader: number, entry: string, text: string | null) => ({
      reader,
      entry,
      value: text === null ? null : Buffer.from(text),
    })
    const put = { kind: 'metadata.put', account: bob, mailbox, most: 2 } as const
    await done(store, { ...put, entries: [note(0, '/comment', 'all'), note(eve, '/comment', 'mine')] })
    assert.equal(await refusal(store, { ...put, entries: [note(0, '/more', 'x')] }), 'over-quota')
    assert.deepEqual(
      store.access.annotations(bob, mailbox, bob).map(({ value }) => String(value)),
      ['all'],
      'nobody sees the private annotation of another',
    )
    await done(store, { ...put, entries: [note(0, '/comment', null)] })
    assert.deepEqual(
      store.access.annotations(bob, mailbox, eve).map(({ value }) => String(value)),
      ['mine'],
    )
    await done(store, { kind: 'mailbox.delete', account: bob, mailbox })
    assert.deepEqual(store.access.annotations(bob, mailbox, eve), [])
    assert.deepEqual(store.access.sharedWith(['eve@here.test']), [])
    assert.equal(await refusal(store, { ...put, entries: [] }), 'no-mailbox')
  }),
)

test(
  'REPLACE puts one message and takes another away in one commit, or does neither',
  inStore(async (store, bob, inbox) => {
    await deliver(store, bob, 'draft')
    const fresh = await delivery(store, bob, 'better draft')
    const [result] = await store.commit([{ ...fresh, replaces: { mailbox: inbox, uid: 1 } }])
    assert.ok(result!.ok)
    assert.deepEqual(store.contents.uidRanges(bob, inbox), [[2, 2]])
    assert.equal(await refusal(store, { ...fresh, replaces: { mailbox: inbox, uid: 1 } }), 'no-email')
    assert.equal(store.mailbox(bob, inbox)!.total, 1)
  }),
)
