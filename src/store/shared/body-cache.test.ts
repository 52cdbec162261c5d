import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../../world/testing.ts'
import { hashOf } from '../bodies/segment.ts'
import { BodyCache } from './body-cache.ts'

const body = (name: string, bytes = 1000) => Buffer.from(name.padEnd(bytes, '.'))
const hash = (content: Buffer) => hashOf([content])

test('keeps up to its limit; what was not read for longest goes first, also over a restart', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const cache = await BodyCache.open(world.disk, 'cache', 5000)
    const bodies = ['a', 'b', 'c', 'd', 'e'].map((name) => body(name))
    for (const one of bodies) cache.put(hash(one), one)
    await cache.close()
    assert.deepEqual(await cache.get(hash(bodies[0]!)), bodies[0])
    const more = body('f')
    cache.put(hash(more), more)
    await cache.close()
    const there = async (kept: BodyCache) => {
      const found = await Promise.all([...bodies, more].map((one) => kept.get(hash(one))))
      return found.map((one) => one !== undefined)
    }
    assert.deepEqual(await there(cache), [true, false, true, true, true, true])
    assert.deepEqual(await there(await BodyCache.open(world.disk, 'cache', 5000)), [
      true,
      false,
      true,
      true,
      true,
      true,
    ])
    const smaller = await BodyCache.open(world.disk, 'cache', 2000)
    assert.equal((await there(smaller)).filter(Boolean).length, 2)
    // One that would push out a quarter of all is not kept.
    const large = body('large', 600)
    smaller.put(hash(large), large)
    await smaller.close()
    assert.equal(await smaller.get(hash(large)), undefined)
  })
})

test('what is torn, damaged or deleted is not given out, and may come again', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const one = body('one')
    const path = `cache/${hash(one).slice(0, 2)}/${hash(one)}-${one.length}`
    for (const spoil of [
      () => world.disk.writeFile(path, one.subarray(0, 500)),
      () => world.disk.writeFile(path, body('two')),
      () => world.disk.remove(path),
    ]) {
      const cache = await BodyCache.open(world.disk, 'cache', 5000)
      cache.put(hash(one), one)
      await cache.close()
      await spoil()
      assert.equal(await cache.get(hash(one)), undefined)
      cache.put(hash(one), one)
      await cache.close()
      assert.deepEqual(await cache.get(hash(one)), one)
      cache.forget(hash(one))
      await cache.close()
      assert.equal(await world.disk.readFile(path), undefined)
      assert.equal(await cache.get(hash(one)), undefined)
    }
  })
})

test('a disk that is full keeps nothing, and nobody is refused for it', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const full = Object.create(world.disk) as typeof world.disk
    const { DiskError } = await import('../../world/disk.ts')
    full.open = async (path, create) => {
      const file = await world.disk.open(path, create)
      return {
        size: 0,
        append: async () => {
          throw new DiskError('full', 'no space')
        },
        truncate: (size) => file.truncate(size),
        close: () => file.close(),
        sync: () => file.sync(),
        read: (offset, length) => file.read(offset, length),
      }
    }
    const cache = await BodyCache.open(full, 'cache', 5000)
    const one = body('one')
    cache.put(hash(one), one)
    await cache.close()
    assert.equal(await cache.get(hash(one)), undefined)
    assert.deepEqual(await world.disk.list(`cache/${hash(one).slice(0, 2)}`), [])
  })
})
