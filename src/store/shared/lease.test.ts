// Who does the work of one, when a node is cut off, is stopped for a while, or the database goes over to a replica: never two
// at once, and what one who has lost it still tries to commit is refused.

import assert from 'node:assert/strict'
import { symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskError } from '../../world/disk.ts'
import { PostgresError } from '../../world/postgres.ts'
import { temporaryFolder, testPostgres } from '../../world/testing/postgres.ts'
import type { World } from '../../world/world.ts'
import { openKeptStore } from '../open.ts'
import { delivery, makeAccount, nowMs } from '../testing.ts'
import { openSharedStore, type SharedStore } from './store.ts'
import { newNode, postgres, sameEverywhere } from './testing.ts'

const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** A node whose line to PostgreSQL can be cut. */
function cuttable(): { world: World; line: { isCut: boolean } } {
  const world = newNode()
  const line = { isCut: false }
  const postgres: World['postgres'] = (url) => {
    const real = world.postgres(url)
    return {
      query: async (sql, parameters) => {
        if (line.isCut) throw new PostgresError('unreachable', 'the line is cut')
        return real.query(sql, parameters)
      },
      listen: (channel, onNews) => real.listen(channel, onNews),
      close: () => real.close(),
    }
  }
  return { world: { ...world, postgres }, line }
}

test('a node that is cut off ends its work before another begins, and may not go on when it is back', async (t) => {
  if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const options = { url: postgres.url, shard: 'cut off' }
  const { world, line } = cuttable()
  const [one, two] = [await openKeptStore(world, options), await openKeptStore(newNode(), options)]
  const told: string[] = []
  const work = (name: string) => ({
    begin: () => void told.push(`${name} begins`),
    end: async () => void told.push(`${name} ends`),
  })
  const first = one.alone(work('one'))
  await until(() => told.length === 1)
  const second = two.alone(work('two'))
  assert.deepEqual([one.isAlone(), two.isAlone()], [true, false])
  line.isCut = true
  await until(() => told.length === 3)
  line.isCut = false
  assert.deepEqual(told, ['one begins', 'one ends', 'two begins'])
  assert.deepEqual([one.isAlone(), two.isAlone()], [false, true])
  await second.stop()
  await first.stop()
  await Promise.all([one.store.close(), two.store.close()])
})

test('a node that was stopped while another took over: what only one may do is refused, what happened is kept', async (t) => {
  if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const options = { url: postgres.url, shard: 'stopped' }
  const [one, two] = [await openKeptStore(newNode(), options), await openKeptStore(newNode(), options)]
  let isWorking = false
  const work = { begin: () => void (isWorking = true), end: async () => {} }
  const first = one.alone(work)
  await until(() => isWorking)
  const learned = { kind: 'learned.put', states: [], throughLesson: 0 } as const
  assert.equal((await one.store.commit([learned]))[0]?.ok, true)
  // As if it had slept: in the database its time is over, and another has it.
  const db = newNode().postgres(postgres.url)
  await db.query(
    "UPDATE borderpost_lease SET until = now() + interval '1 minute', holder = 'two' WHERE shard = 'stopped'",
  )
  await db.close()
  await assert.rejects(one.store.commit([learned]), { name: 'DiskError', message: /another has taken over/ })
  const bob = await makeAccount(one.store)
  const mail = await delivery(one.store, bob, 'a bounce')
  const path = { reversePath: '', forwardPath: 'bob@else.test', domain: 'else.test' }
  const times = { acceptedAtMs: nowMs, nextAttemptAtMs: nowMs, expiresAtMs: nowMs, attempts: 0 }
  const rest = { state: 'waiting', lastReply: '', parameters: {}, origin: 'msa', trace: 'trace' } as const
  const [queued] = await one.store.commit([
    { kind: 'queue.add', entry: { blob: mail.blob, ...path, ...times, ...rest } },
  ])
  const id = queued?.ok ? queued.id! : 0
  const both = await Promise.allSettled([
    one.store.commit([mail, { kind: 'queue.remove', id }]),
    one.store.commit([{ kind: 'setting.put', key: 'other', value: 'kept' }]),
  ])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
  assert.equal(one.store.queue.length(), 1)
  assert.equal(one.store.mailboxByUse(bob, 'inbox')?.total, 0)
  // The other side took it: that is so, whoever has the lease.
  assert.equal((await one.store.commit([{ kind: 'queue.remove', id }]))[0]?.ok, true)
  await sameEverywhere([one.store as SharedStore, two.store as SharedStore])
  await first.stop()
  await Promise.all([one.store.close(), two.store.close()])
})

test('the primary dies under load and its replica is promoted: what was acknowledged is there, once', async (t) => {
  const primary = await testPostgres()
  if (primary === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const replica = (await testPostgres(primary))!
  const { folder, remove } = temporaryFolder()
  // An address that goes over to whoever is the primary.
  const address = join(folder, 'address')
  symlinkSync(primary.folder, address)
  try {
    const options = { url: `postgres://postgres@/postgres?host=${address}`, shard: 'promoted' }
    const nodes = [newNode(), newNode()]
    const before = await Promise.all(nodes.map((node) => openSharedStore(node, options)))
    const bob = await makeAccount(before[0]!)
    await before[1]!.follow()
    const acknowledged: string[] = []
    let [isOver, count] = [false, 0]
    const worker = async (store: SharedStore) => {
      while (!isOver) {
        const text = `message ${++count}`
        try {
          await store.commit([await delivery(store, bob, text)])
          acknowledged.push(text)
        } catch (error) {
          if (!(error instanceof DiskError)) throw error
        }
      }
    }
    const load = Promise.all(before.flatMap((store) => [worker(store), worker(store)]))
    await until(() => acknowledged.length > 50)
    await primary.kill()
    replica.promote()
    unlinkSync(address)
    symlinkSync(replica.folder, address)
    const there = acknowledged.length
    await until(() => acknowledged.length > there + 50)
    isOver = true
    await load
    const late = await openSharedStore(newNode(), options)
    await sameEverywhere([...before, late])
    const store = before[1]!
    const found: string[] = []
    for (const email of store.emails(bob, store.listEmails(bob, {}, 'oldest'))) {
      found.push(String(await store.readBlob(email.blob)))
    }
    assert.equal(new Set(found).size, found.length, 'nothing twice')
    for (const text of acknowledged) assert.ok(found.includes(text), text)
    for (const one of [...before, late]) await one.close()
  } finally {
    await replica.end()
    await primary.end()
    remove()
  }
})
