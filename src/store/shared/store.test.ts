// A store that several nodes share, over a real PostgreSQL of this test's own: every node sees what any of them committed,
// nothing acknowledged is lost and nothing is there twice when nodes end and the database restarts under load.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError } from '../../world/disk.ts'
import { openStore } from '../embedded.ts'
import type { Change } from '../store.ts'
import { deliver, delivery, done, makeAccount } from '../testing.ts'
import { liveSome } from '../testing-life.ts'
import { Lease } from './lease.ts'
import { shareView } from './snapshot.ts'
import { openSharedStore, type SharedStore } from './store.ts'
import { newNode, postgres, sameEverywhere, sharedTest } from './testing.ts'
import { tidyShared } from './tidy.ts'

sharedTest('what one node commits, all have, in the same order, to the row; those who watch are told', async (open) => {
  const [one, two] = [await open(), await open()]
  await liveSome(one, 8)
  await two.follow()
  const bob = two.accountByAddress('bob@here.test')!.id
  const heard = new Promise<Change>((resolve) => two.watch(bob, resolve))
  await deliver(one, bob, 'news')
  assert.equal((await heard).account, bob)
  // Both write to the same account at once.
  const many = Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? one : two))
  const made = await Promise.all(many.map((store, n) => deliver(store, bob, `message ${n}`)))
  assert.equal(new Set(made.map(({ placements }) => placements![0]!.uid)).size, 60)
  await Promise.all([liveSome(one, 10, 'ann'), liveSome(two, 10, 'carl')])
  await sameEverywhere([one, two, await open()])
  const [email] = two.emails(bob, two.listEmails(bob, { mailbox: two.mailboxByUse(bob, 'inbox')!.id }, 'newest'))
  assert.match(String(await two.readBlob(email!.blob)), /message|news|bob/)
  assert.deepEqual(
    await two.readBlob(email!.blob, { offset: 2, length: 3 }),
    (await one.readBlob(email!.blob))!.subarray(2, 5),
  )
})

sharedTest(
  'a commit is seen by the one who made it at once; who is here is known anew on other nodes',
  async (open) => {
    const [one, two] = [await open(), await open()]
    const bob = await makeAccount(one)
    await two.follow()
    assert.equal(two.accountByAddress('bob@here.test')?.id, bob)
    assert.equal(two.accountByAddress('bobby@here.test'), undefined)
    await done(one, { kind: 'account.credentials', account: bob, credentials: 'secret' })
    assert.equal(one.accountByAddress('bob@here.test')?.credentials, 'secret')
    await two.follow()
    assert.equal(two.accountByAddress('bob@here.test')?.credentials, 'secret')
  },
)

sharedTest('a batch that meets a bug is left out on every node, and the others of its group are kept', async (open) => {
  const [one, two] = [await open(), await open()]
  const bad = { kind: 'setting.put', key: 'x', value: { not: 'text' } as unknown as string } as const
  const results = await Promise.allSettled([
    done(one, { kind: 'setting.put', key: 'a', value: '1' }),
    one.commit([{ kind: 'setting.put', key: 'half', value: '1' }, bad]),
    done(one, { kind: 'setting.put', key: 'b', value: '2' }),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  await sameEverywhere([one, two])
  assert.deepEqual([two.setting('a'), two.setting('half'), two.setting('b')], ['1', undefined, '2'])
})

sharedTest(
  'the database restarts and crashes under load: kept once, or refused; nodes go on by themselves',
  async (open) => {
    const stores = [await open(), await open()]
    const bob = await makeAccount(stores[0]!)
    await stores[1]!.follow()
    const acknowledged: string[] = []
    let isOver = false
    let count = 0
    const worker = async (store: SharedStore) => {
      while (!isOver) {
        const name = `message ${++count}`
        try {
          const mail = await delivery(store, bob, `${name}\r\n`)
          await store.commit([mail])
          acknowledged.push(name)
        } catch (error) {
          if (!(error instanceof DiskError)) throw error
        }
      }
    }
    const load = Promise.all(stores.flatMap((store) => [worker(store), worker(store), worker(store)]))
    for (let round = 0; round < 3; round++) {
      const before = acknowledged.length
      await postgres!.restart()
      while (acknowledged.length < before + 20) await new Promise((resolve) => setTimeout(resolve, 20))
      await postgres!.kill()
      await postgres!.start()
      while (acknowledged.length < before + 60) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    isOver = true
    await load
    await sameEverywhere([...stores, await open()])
    const found = new Map<string, number>()
    const store = stores[0]!
    for (const email of store.emails(bob, store.listEmails(bob, {}, 'oldest'))) {
      const name = String(await store.readBlob(email.blob)).trim()
      found.set(name, (found.get(name) ?? 0) + 1)
    }
    for (const name of acknowledged) assert.equal(found.get(name), 1, name)
    assert.deepEqual(
      [...found.values()].filter((times) => times > 1),
      [],
    )
  },
)

sharedTest('a group whose answer did not come is there once, however often it is asked for', async (open) => {
  const store = await open()
  const seq = await store.log.append('token', ['[]'])
  assert.equal(await store.log.append('token', ['[]']), seq)
  assert.equal((await store.log.extent()).last, seq)
})

sharedTest('a node whose view is lost, or older than the journal, begins with a snapshot', async (open) => {
  const [world, late] = [newNode(), newNode()]
  const one = await open(world)
  await (await open(late)).close()
  await liveSome(one, 12)
  for (let n = 0; n < 2; n++) {
    await shareView(world.disk, one.log, 'store/store.db')
    await liveSome(one, 3, `after${n}`)
  }
  assert.ok((await one.log.extent()).first > 10)
  await sameEverywhere([one, await open(), await open(late)])
})

sharedTest('tidying: bodies that nobody named for a day go, and may come again', async (open) => {
  const world = newNode()
  const one = await open(world)
  const bob = await makeAccount(one)
  const { emailId } = await deliver(one, bob, 'short-lived')
  const kept = await deliver(one, bob, 'kept')
  const { blob } = one.email(bob, emailId!)!
  await done(one, { kind: 'email.destroy', account: bob, email: emailId! })
  await tidyShared(one, world.disk)
  assert.ok(await one.log.body(blob.hash), 'wanted a moment ago')
  const db = world.postgres(postgres!.url)
  await db.query("UPDATE borderpost_body SET touched = now() - interval '2 days'")
  await tidyShared(one, world.disk, 'store/store.db', 1)
  assert.equal(await one.log.body(blob.hash), undefined)
  assert.ok(await one.log.body(one.email(bob, kept.emailId!)!.blob.hash))
  assert.equal((await one.log.snapshots()).length, 1)
  const stale = { kind: 'email.deliver', account: bob, mailboxes: ['inbox'], blob } as const
  const mail = { ...(await delivery(one, bob, 'other')), ...stale }
  // A node that does not know that it was there a moment ago asks, and is told that it is gone.
  const two = await open()
  await assert.rejects(two.commit([mail]), DiskError)
  await deliver(two, bob, 'short-lived')
  await sameEverywhere([one, two])
  await db.close()
})

sharedTest('a folder is of one engine: neither takes what the other has', async (open) => {
  const [own, nodes] = [newNode(), newNode()]
  await (await openStore(own)).close()
  await assert.rejects(open(own), { code: 'exists', message: /move it away/ })
  await (await openStore(own)).close()
  const node = await open(nodes)
  await assert.rejects(open(nodes), { code: 'locked', message: /held by/ })
  await node.close()
  await assert.rejects(openStore(nodes), /only follows a shared store/)
})

sharedTest('work for one: another takes over when it ends, and never two at once', async (open) => {
  const [one, two] = [await open(), await open()]
  const working = new Set<string>()
  let most = 0
  const lease = (store: SharedStore, name: string) =>
    new Lease(newNode(), store.log, 'work', {
      begin: () => {
        working.add(name)
        most = Math.max(most, working.size)
      },
      end: async () => {
        working.delete(name)
      },
    })
  const [first, second] = [lease(one, 'one'), lease(two, 'two')]
  first.start()
  while (working.size === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  second.start()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.deepEqual([...working], ['one'])
  await first.stop()
  while (working.size === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual([[...working], most], [['two'], 1])
  await second.stop()
})

test('a database that cannot be reached is an error that says so', async () => {
  const started = openSharedStore(newNode(), { url: 'postgres://nobody@127.0.0.1:1/none', shard: 'none' })
  await assert.rejects(started, { name: 'DiskError', message: /PostgreSQL: .*ECONNREFUSED/ })
})
