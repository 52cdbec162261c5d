// Deleted mail that can be brought back, on both engines: by whatever way it went, as it was, for as long as it is said.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import { compact } from './bodies/compact.ts'
import type { Command } from './commands.ts'
import { openStore } from './embedded.ts'
import { holdKey, UNDELETE } from './nouns/mail.ts'
import type { Store } from './store.ts'
import { deliver, done, makeAccount, nowMs, summary } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'
import { contentOf } from './testing-life.ts'
import { backUpStore, restoreStore } from './upkeep/backup.ts'
import { checkStore } from './upkeep/check.ts'
import { rebuildStore } from './upkeep/rebuild.ts'

const dayMs = 86_400_000
const keeping: Command = { kind: 'setting.put', key: UNDELETE, value: 'yes' }

/** One message by its subject. */
async function bring(
  store: Store,
  bob: number,
  subject: string,
  mailbox: 'inbox' | 'junk' | 'trash' | 'drafts' = 'inbox',
) {
  const made = await deliver(store, bob, `Subject: ${subject}\r\n\r\nwords\r\n`, {
    mailboxes: [mailbox],
    summary: summary({ subject, messageId: [`<${subject}@sender.test>`] }),
    flags: ['\\Seen', '\\Deleted', 'Töpfe', 'work'],
  })
  const { mailbox: id, uid } = made.placements![0]!
  return { email: made.emailId!, mailbox: id, uids: [[uid, uid]] as const, thread: made.threadId! }
}

const subjects = (store: Store, bob: number) => store.deleted.list(bob, 100).map(({ subject }) => subject)

test(
  'whatever takes a message away, it can be brought back as it was; drafts and what was taken back are not kept',
  onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    const before = await bring(store, bob, 'before it was said')
    await done(store, { kind: 'email.destroy', account: bob, email: before.email })
    await done(store, keeping)
    const one = await bring(store, bob, 'one')
    const two = await bring(store, bob, 'two', 'junk')
    const three = await bring(store, bob, 'three', 'trash')
    const draft = await bring(store, bob, 'draft', 'drafts')
    const undone = await bring(store, bob, 'undone')
    const folder = (await done(store, { kind: 'mailbox.create', account: bob, path: 'Work/2026', nowMs })).id!
    const four = await bring(store, bob, 'four')
    await done(store, {
      kind: 'placement.copy',
      account: bob,
      mailbox: four.mailbox,
      uids: four.uids,
      to: folder,
      move: true,
    })
    const twice = await bring(store, bob, 'in two places')
    await done(store, {
      kind: 'placement.copy',
      account: bob,
      mailbox: twice.mailbox,
      uids: twice.uids,
      to: folder,
      move: false,
    })
    await store.commit([
      { kind: 'placement.expunge', account: bob, mailbox: one.mailbox, uids: one.uids, onlyDeleted: true },
      { kind: 'email.destroy', account: bob, email: two.email },
      { kind: 'placement.expunge', account: bob, mailbox: three.mailbox, uids: three.uids, onlyDeleted: false },
      { kind: 'placement.expunge', account: bob, mailbox: twice.mailbox, uids: twice.uids, onlyDeleted: false },
      { kind: 'email.destroy', account: bob, email: draft.email },
      {
        kind: 'placement.expunge',
        account: bob,
        mailbox: undone.mailbox,
        uids: undone.uids,
        onlyDeleted: false,
        nowMs: 0,
      },
    ])
    assert.deepEqual(subjects(store, bob).sort(), ['one', 'three', 'two'], 'one of two places is left')
    await done(store, { kind: 'mailbox.delete', account: bob, mailbox: folder })
    assert.deepEqual(subjects(store, bob).sort(), ['four', 'in two places', 'one', 'three', 'two'])
    assert.deepEqual(await checkStore(store as never), [])
    // Whose places are gone, or were the bin, come to the inbox.
    const uses = new Map([
      ['one', 'inbox'],
      ['two', 'junk'],
      ['three', 'inbox'],
      ['four', 'inbox'],
    ])
    for (const { id, subject, sizeBytes, receivedAtMs } of store.deleted.list(bob, 100)) {
      const back = await done(store, { kind: 'deleted.restore', account: bob, id, nowMs: nowMs + dayMs })
      const email = store.email(bob, back.emailId!)!
      assert.deepEqual([email.subject, email.sizeBytes, email.receivedAtMs], [subject, sizeBytes, receivedAtMs])
      assert.match(String(await store.readBlob(email.blob)), new RegExp(`^Subject: ${subject}\r\n`))
      const [placed, ...others] = store.placementsOf(bob, email.id)
      assert.equal(others.length, 0)
      assert.deepEqual(placed!.flags, ['Töpfe', '\\Seen', 'work'])
      assert.equal(placed!.savedAtMs, nowMs + dayMs)
      const use = uses.get(subject)
      if (use !== undefined) assert.equal(store.mailboxByUse(bob, use)!.id, placed!.mailbox, subject)
    }
    assert.deepEqual(store.deleted.list(bob, 100), [])
    const [again] = await store.commit([{ kind: 'deleted.restore', account: bob, id: one.email, nowMs }])
    assert.ok(!again!.ok && again!.reason === 'no-email')
    assert.deepEqual(await checkStore(store as never), [])
  }),
)

test(
  'it is kept for so long, beside the quota and as much as the quota; then its space comes back; what is held stays',
  onBothEngines(async (store) => {
    await done(store, keeping)
    const [bob, eve] = [await makeAccount(store), await makeAccount(store, 'eve@here.test')]
    await done(store, { kind: 'setting.put', key: holdKey(eve), value: 'yes' })
    for (const [n, account] of [bob, eve, bob, eve, bob, eve].entries()) {
      const { email } = await bring(store, account, `${n} ${'x'.repeat(100)}`)
      await store.commit([{ kind: 'email.destroy', account, email, nowMs: nowMs + n * dayMs }])
    }
    const [{ sizeBytes }] = store.deleted.list(bob, 1) as unknown as [{ sizeBytes: number }]
    const prune = (beforeMs: number) => done(store, { kind: 'deleted.prune', beforeMs, atMost: 100 })
    // Three are there, and two fit.
    await done(store, { kind: 'quota.put', account: bob, bytes: 2 * sizeBytes + 10, messages: null })
    await done(store, { kind: 'quota.put', account: eve, bytes: 10, messages: null })
    assert.equal(store.access.quota(bob)!.usedBytes, 0, 'it costs no quota')
    await prune(0)
    assert.deepEqual(
      subjects(store, bob).map((subject) => subject[0]),
      ['4', '2'],
    )
    await prune(nowMs + 3 * dayMs)
    assert.deepEqual(
      subjects(store, bob).map((subject) => subject[0]),
      ['4'],
    )
    assert.equal(store.deleted.list(eve, 9).length, 3, 'held')
    const [first] = store.deleted.list(eve, 9)
    const [refused] = await store.commit([{ kind: 'deleted.forget', account: eve, ids: [first!.id] }])
    assert.ok(!refused!.ok && refused!.reason === 'forbidden')
    const [full] = await store.commit([{ kind: 'deleted.restore', account: eve, id: first!.id, nowMs }])
    assert.ok(!full!.ok && full!.reason === 'over-quota')
    const [last] = store.deleted.list(bob, 9)
    await done(store, { kind: 'deleted.forget', account: bob, ids: [last!.id, 12345] })
    assert.deepEqual(subjects(store, bob), [])
    await done(store, { kind: 'account.remove', account: eve })
    assert.deepEqual(await checkStore(store as never), [])
    const unnamed = (store as unknown as { database: { prepare(sql: string): { get(): { n: number } } } }).database
    assert.equal(unnamed.prepare('SELECT count(*) AS n FROM blob WHERE refs > 0').get().n, 0)
  }),
)

test('deleted mail survives compaction, a backup and a view made anew; when its time is over the space is free', async () => {
  const { world, run, host, simulation } = testWorld()
  const other = simulation.host('other', ['192.0.2.9']).world
  const third = simulation.host('third', ['192.0.2.10']).world
  await run(async () => {
    const store = await openStore(world)
    await done(store, keeping)
    const bob = await makeAccount(store)
    const large = 'words '.repeat(100_000)
    for (const text of ['small', large]) {
      const { emailId } = await deliver(store, bob, text)
      await done(store, { kind: 'email.destroy', account: bob, email: emailId! })
    }
    await world.clock.sleep(2 * 3600_000)
    await compact(store)
    await backUpStore(world, other.disk)
    const before = contentOf(store.database)
    await store.close()
    assert.deepEqual((await rebuildStore(world)).lost, [])
    const rebuilt = await openStore(world)
    assert.deepEqual(contentOf(rebuilt.database), before)
    await restoreStore(other.disk, third)
    const restored = await openStore(third)
    for (const { id } of restored.deleted.list(bob, 9)) {
      const { emailId } = await done(restored, { kind: 'deleted.restore', account: bob, id, nowMs })
      const text = String(await restored.readBlob(restored.email(bob, emailId!)!.blob))
      assert.ok(text === 'small' || text === large)
    }
    assert.equal(restored.listEmails(bob, {}, 'oldest').length, 2)
    assert.deepEqual(await checkStore(restored), [])
    await restored.close()
    const used = host.disk.bytesIn('store/bodies')
    await done(rebuilt, { kind: 'deleted.prune', beforeMs: Number.MAX_SAFE_INTEGER, atMost: 10 })
    await world.clock.sleep(2 * 3600_000)
    assert.equal((await compact(rebuilt)).bodiesDropped, 2)
    assert.ok(host.disk.bytesIn('store/bodies') < used)
    await rebuilt.close()
  })
})
