// A store changes its engine and comes back: every row is as it was, whatever was broken off meanwhile; and nobody writes to
// the place that it left.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError } from '../../world/disk.ts'
import { testS3 } from '../../world/testing/s3.ts'
import type { World } from '../../world/world.ts'
import { openStore } from '../embedded.ts'
import { openSharedStore } from '../shared/store.ts'
import { keys, newNode, postgres, sameEverywhere } from '../shared/testing.ts'
import { deliver, makeAccount } from '../testing.ts'
import { contentOf, liveSome } from '../testing-life.ts'
import type { KeptStore } from '../view.ts'
import { checkStore } from './check.ts'
import { moveBodies, moveToOwn, moveToShared } from './move.ts'

const nothing = () => {}

/** All that a view says, but where bodies lie and where the journal is. */
function told(store: KeptStore): unknown {
  const { journal: _, blob, ...rest } = contentOf(store.database)
  const bodies = (blob as Record<string, unknown>[]).filter(({ refs }) => refs !== 0)
  return { ...rest, blob: bodies.map(({ segment: _s, offset: _o, stored: _t, ...row }) => row) }
}

function moveTest(name: string, work: (options: { url: string; shard: string }) => Promise<void>): void {
  test(name, async (t) => {
    if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
    await work({ url: postgres.url, shard: name })
  })
}

/** Breaks off after so many steps. */
function breakingOff(after: number): () => void {
  let steps = 0
  return () => {
    if (++steps > after) throw new DiskError('failed', 'broken off')
  }
}

moveTest(
  'from a folder into PostgreSQL and S3, and back, broken off at every stage: all as it was',
  async (options) => {
    const s3 = await testS3(keys)
    const shared = { ...options, bodies: s3.url }
    const [world, second] = [newNode(), newNode()]
    try {
      const store = await openStore(world)
      await liveSome(store, 12)
      await liveSome(store, 5, 'ann')
      const before = told(store)
      await store.close()

      for (const after of [0, 5, 25]) {
        await assert.rejects(moveToShared(world, shared, breakingOff(after)), /broken off/)
        const still = await openStore(world)
        assert.deepEqual(told(still), before)
        await still.close()
      }
      const there = s3.objects.size
      assert.ok(there > 10)
      const moved = await moveToShared(world, shared, nothing)
      assert.ok(moved.bodies >= there)
      assert.equal(s3.objects.size, moved.bodies, 'each once')

      const [one, two] = [await openSharedStore(world, shared), await openSharedStore(second, shared)]
      assert.deepEqual(told(one), before)
      await sameEverywhere([one, two])
      await liveSome(two, 4, 'carl')
      await sameEverywhere([one, two])
      const later = told(two)
      const bob = two.accountByAddress('bob@here.test')!.id
      await two.close()
      await one.close()

      for (const after of [0, 5, 25, 45]) {
        await assert.rejects(moveToOwn(world, shared, breakingOff(after)), /broken off/)
        const still = await openSharedStore(world, shared)
        assert.deepEqual(told(still), later)
        await still.close()
      }
      await moveToOwn(world, shared, nothing)
      const own = await openStore(world)
      assert.deepEqual(told(own), later)
      assert.deepEqual(await checkStore(own), [])
      await deliver(own, bob, 'after all')
      await own.close()
      await assert.rejects(openSharedStore(second, shared), /was moved out of PostgreSQL/)
      // What is there is enough to make the view anew.
      const { rebuildStore } = await import('./rebuild.ts')
      assert.deepEqual((await rebuildStore(world)).lost, [])
    } finally {
      await s3.end()
    }
  },
)

moveTest('a node that writes meanwhile is noticed, in both directions', async (options) => {
  const node = newNode()
  let count = 0
  const write = async () => {
    const other = await openSharedStore(node, options)
    await makeAccount(other, `other${++count}@here.test`)
    await other.close()
  }
  /** Somebody writes just before the place is changed. */
  const disturbed = (world: World): World => {
    const { disk } = world
    const writeFile = disk.writeFile.bind(disk)
    disk.writeFile = async (path, bytes, more) => {
      if (path.endsWith('moving.json')) await write()
      return writeFile(path, bytes, more)
    }
    return world
  }
  const world = newNode()
  const store = await openStore(world)
  await liveSome(store, 4)
  await store.close()
  await assert.rejects(moveToShared(disturbed(world), options, nothing), /has written to this store meanwhile/)
  const still = await openStore(world)
  assert.deepEqual(
    still.accounts().map(({ address }) => address),
    ['bob@here.test'],
  )
  await still.close()
  await assert.rejects(moveToShared(world, options, nothing), /has a store of .* already/)

  const back = newNode()
  const one = await openSharedStore(back, options)
  await liveSome(one, 4)
  await one.close()
  const { writeFile } = back.disk
  await assert.rejects(moveToOwn(disturbed(back), options, nothing), /has written meanwhile/)
  back.disk.writeFile = writeFile
  const again = await openSharedStore(back, options)
  const lease = again.log.lease('work', 'a node that runs', 10_000)
  assert.equal(await lease, true)
  await assert.rejects(moveToOwn(back, options, nothing), /A node of this store runs/)
  await again.log.release('work', 'a node that runs')
  assert.equal(again.accounts().length, 3)
  await again.close()
  assert.ok((await moveToOwn(back, options, nothing)).emails > 0)
})

moveTest('bodies from the database into S3 and back, while nodes run', async (options) => {
  const s3 = await testS3(keys)
  const world = newNode()
  const store = await openSharedStore(world, { ...options, bodies: s3.url })
  const before = await openSharedStore(newNode(), options)
  try {
    await liveSome(before, 25)
    await store.follow()
    const bodies = { ...options, bodies: s3.url }
    await assert.rejects(moveBodies(world, bodies, 's3', breakingOff(3)), /broken off/)
    const moved = await moveBodies(world, bodies, 's3', nothing)
    assert.ok(moved > 3)
    assert.equal(await moveBodies(world, bodies, 's3', nothing), 0)
    assert.deepEqual(await checkStore(store), [])
    const there = s3.objects.size
    assert.ok(there > moved)
    assert.equal(await moveBodies(world, bodies, 'database', nothing), there)
    assert.equal(s3.objects.size, 0)
    assert.deepEqual(await checkStore(store), [])
  } finally {
    await store.close()
    await before.close()
    await s3.end()
  }
})
