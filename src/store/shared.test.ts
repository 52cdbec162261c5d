// A store that several nodes share, over a real PostgreSQL of this test's own: every node sees what any of them committed,
// nothing acknowledged is lost and nothing is there twice when nodes end and the database restarts under load.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DiskError } from '../world/disk.ts'
import { RealS3 } from '../world/real/s3.ts'
import { realWorld } from '../world/real/world.ts'
import { type TestPostgres, testPostgres } from '../world/testing/postgres.ts'
import { testS3 } from '../world/testing/s3.ts'
import type { World } from '../world/world.ts'
import { checkStore } from './check.ts'
import { openStore } from './embedded.ts'
import { Lease } from './lease.ts'
import { openSharedStore, type SharedStore } from './shared.ts'
import { shareView } from './shared-snapshot.ts'
import { tidyShared } from './shared-tidy.ts'
import type { Change } from './store.ts'
import { deliver, delivery, done, makeAccount } from './testing.ts'
import { contentOf, liveSome } from './testing-life.ts'

let postgres: TestPostgres | undefined
let folder = ''
let nodes = 0
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'borderpost-shared-'))
  postgres = await testPostgres()
})
after(async () => {
  await postgres?.end()
  rmSync(folder, { recursive: true })
})

const keys = { accessKey: 'ours', secretKey: 'known to both', region: 'here-1' }

function newNode(): World {
  const noDns = { resolve: () => Promise.reject(new Error('No DNS here.')) }
  const world = realWorld({ folder: join(folder, `node${++nodes}`), dns: () => noDns })
  return { ...world, s3: (url) => new RealS3(url, keys) }
}

function sharedTest(
  name: string,
  work: (open: (world?: World, bodies?: string) => Promise<SharedStore>) => Promise<void>,
): void {
  test(name, async (t) => {
    if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
    const shard = name
    const stores: SharedStore[] = []
    try {
      await work(async (world = newNode(), bodies?: string) => {
        const store = await openSharedStore(world, { url: postgres!.url, shard, bodies })
        stores.push(store)
        return store
      })
    } finally {
      for (const store of stores) await store.close()
    }
  })
}

/** Every view has what the log has. */
async function sameEverywhere(stores: readonly SharedStore[]): Promise<void> {
  for (const store of stores) await store.follow()
  const [first, ...others] = stores.map((store) => contentOf(store.database))
  for (const other of others) assert.deepEqual(other, first)
  for (const store of stores) assert.deepEqual(await checkStore(store), [])
}

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
  const [refused] = await two.commit([mail])
  assert.equal(refused?.ok, false)
  await deliver(two, bob, 'short-lived')
  await sameEverywhere([one, two])
  await db.close()
})

sharedTest('bodies in S3: each once, for all nodes, and gone when nobody names them', async (open) => {
  const s3 = await testS3(keys)
  const world = newNode()
  const [one, two] = [await open(world, s3.url), await open(newNode(), s3.url)]
  try {
    const bob = await makeAccount(one)
    await two.follow()
    const large = 'x'.repeat(3_000_000)
    const made = await deliver(one, bob, large)
    await two.follow()
    assert.equal(String(await two.readBlob(two.email(bob, made.emailId!)!.blob)), large)
    // Both at once.
    await Promise.all([one, two].flatMap((store) => [1, 2, 3].map((n) => deliver(store, bob, `same ${n}`))))
    assert.equal(s3.objects.size, 4)
    await sameEverywhere([one, two])
    await done(one, { kind: 'email.destroy', account: bob, email: made.emailId! })
    const db = world.postgres(postgres!.url)
    await db.query("UPDATE borderpost_body SET touched = now() - interval '2 days'")
    await tidyShared(one, world.disk)
    assert.equal(s3.objects.size, 3)
    await deliver(two, bob, large)
    assert.equal(s3.objects.size, 4)
    await db.close()
    const there = [...s3.objects].find(([, content]) => String(content) === 'same 1')!
    s3.objects.set(there[0], Buffer.from('Same 1'))
    const three = await open(newNode(), s3.url)
    await three.follow()
    assert.match((await checkStore(three)).join(), /is damaged/)
    s3.objects.delete(there[0])
    assert.match((await checkStore(three)).join(), /is missing/)
    s3.objects.set(there[0], there[1])
    assert.deepEqual(await checkStore(three), [])
  } finally {
    await s3.end()
  }
})

sharedTest('S3 that is away, or refuses: mail is refused meanwhile, and nothing is half there', async (open) => {
  const s3 = await testS3(keys)
  const one = await open(newNode(), s3.url)
  try {
    const bob = await makeAccount(one)
    await deliver(one, bob, 'before')
    for (const trouble of ['silence', 503, 403, 500] as const) {
      s3.trouble = trouble
      await assert.rejects(deliver(one, bob, `while ${trouble}`), { name: 'DiskError', code: 'failed', message: /S3/ })
      s3.trouble = undefined
      await deliver(one, bob, `while ${trouble}`)
    }
    assert.equal(one.mailboxByUse(bob, 'inbox')?.total, 5)
    assert.deepEqual(await checkStore(one), [])
    assert.equal(s3.objects.size, 5)
    const unknown = await open(newNode(), s3.url.replace('/mail', '/other'))
    await assert.rejects(unknown.putBlob([Buffer.from('nowhere')]), /404 NoSuchBucket/)
  } finally {
    await s3.end()
  }
})

sharedTest('a folder is of one engine: neither takes what the other has', async (open) => {
  const [own, nodes] = [newNode(), newNode()]
  await (await openStore(own)).close()
  await assert.rejects(open(own), { code: 'exists', message: /move it away/ })
  await (await openStore(own)).close()
  await (await open(nodes)).close()
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
