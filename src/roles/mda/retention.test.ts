import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import { deliver, done, makeAccount, summary } from '../../store/testing.ts'
import { testWorld } from '../../world/testing.ts'
import type { RetentionSettings } from '../agent.ts'
import { retain, retentionCommands } from './retention.ts'

const dayMs = 86_400_000
const SETTINGS: RetentionSettings = {
  undeleteS: 14 * 86_400,
  keepsAll: false,
  rules: [
    { mailbox: 'junk', afterS: 30 * 86_400 },
    { mailbox: 'trash', afterS: 30 * 86_400 },
    { mailbox: 'lists/news', afterS: 7 * 86_400 },
  ],
  people: [
    { address: 'Eve@here.test', rules: [], keeps: true },
    {
      address: 'joe@here.test',
      rules: [
        { mailbox: 'trash', afterS: null },
        { mailbox: 'lists/news', afterS: 86_400 },
      ],
      keeps: false,
    },
  ],
}

test('what lies in Junk, in the bin or where it is said goes when it has been there for so long, not when it is old', async () => {
  const { world, simulation } = testWorld()
  const work = async () => {
    const { clock } = world
    const store = await openStore(world)
    const people = await Promise.all(['bob', 'eve', 'joe'].map((name) => makeAccount(store, `${name}@here.test`)))
    await store.commit(retentionCommands(store, SETTINGS))
    assert.deepEqual(retentionCommands(store, SETTINGS), [], 'once is enough')
    for (const account of people) {
      await done(store, { kind: 'mailbox.create', account, path: 'Lists/News', nowMs: clock.now() })
      const news = store.mailboxByPath(account, 'Lists/News')!.id
      const trash = store.mailboxByUse(account, 'trash')!.id
      const bring = (subject: string, where: 'inbox' | 'junk' | number, receivedAtMs = clock.now()) =>
        deliver(store, account, subject, { mailboxes: [where], receivedAtMs, summary: summary({ subject }) })
      await bring('spam', 'junk')
      await bring('kept', 'inbox', clock.now() - 400 * dayMs)
      await bring('news', news)
      // Years old, and thrown away today.
      const old = await bring('old', 'inbox', clock.now() - 1000 * dayMs)
      await done(store, { kind: 'email.update', account, email: old.emailId!, mailboxes: [trash] })
    }
    const there = (account: number) =>
      store
        .emails(account, store.listEmails(account, {}, 'oldest'))
        .map(({ subject }) => subject)
        .sort()
    const after = async (days: number) => {
      await clock.sleep(days * dayMs)
      await retain(store, clock, SETTINGS)
      return people.map(there)
    }
    const all = ['kept', 'news', 'old', 'spam']
    assert.deepEqual(await after(0), [all, all, all])
    assert.deepEqual(await after(2), [all, all, ['kept', 'old', 'spam']])
    assert.deepEqual(await after(6), [['kept', 'old', 'spam'], all, ['kept', 'old', 'spam']])
    assert.deepEqual(await after(23), [['kept'], all, ['kept', 'old']])
    const [bob, eve] = people as [number, number]
    const deleted = () =>
      store.deleted
        .list(bob, 9)
        .map(({ subject }) => subject)
        .sort()
    assert.deepEqual(deleted(), ['old', 'spam'], 'the news were deleted more than fourteen days ago')
    // Eve deletes all; nothing of hers may go.
    for (const id of store.listEmails(eve, {}, 'oldest'))
      await done(store, { kind: 'email.destroy', account: eve, email: id })
    await after(15)
    assert.deepEqual([deleted(), store.deleted.list(eve, 9).length], [[], 4])
    // Without a window nothing more is kept, and what there is goes.
    const off = { ...SETTINGS, undeleteS: 0, people: [] }
    await store.commit(retentionCommands(store, off))
    for (const id of store.listEmails(bob, {}, 'oldest'))
      await done(store, { kind: 'email.destroy', account: bob, email: id })
    assert.deepEqual(deleted(), [])
    await clock.sleep(1)
    await retain(store, clock, off)
    assert.equal(store.deleted.list(eve, 9).length, 0)
    await store.close()
  }
  await simulation.finish(work(), 100 * dayMs)
})
