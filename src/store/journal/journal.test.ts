// The journal is the truth: the view made from it anew is the view that was there, row for row; a machine that stops between
// any two steps leaves both in agreement; what is torn or damaged is known as such.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Database, Disk, OwnerFile, OwnerFiles, Statement } from '../../world/disk.ts'
import { DiskError } from '../../world/disk.ts'
import { testWorld } from '../../world/testing.ts'
import type { World } from '../../world/world.ts'
import { compact } from '../bodies/compact.ts'
import { openStore } from '../embedded.ts'
import { done, makeAccount } from '../testing.ts'
import { between, FAULTY_ENGINE } from '../testing-engine.ts'
import { contentOf, liveSome } from '../testing-life.ts'
import { rebuildStore } from '../upkeep/rebuild.ts'
import { verifyStore } from '../upkeep/verify.ts'
import { linkOf, partHeader, readPart, recordsOf } from './format.ts'
import { partPath } from './journal.ts'

const view = (world: World) => {
  const database = world.disk.openDatabase('store/store.db', 'read')
  try {
    return contentOf(database)
  } finally {
    database.close()
  }
}

test('the view made anew from the journal is the same, row for row', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    await Promise.all([liveSome(store, 40), liveSome(store, 30, 'ann')])
    await world.clock.sleep(2 * 3_600_000)
    const { bodiesDropped } = await compact(store)
    assert.ok(bodiesDropped > 10)
    await liveSome(store, 10, 'carl')
    await store.close()
    const before = view(world)
    const { last, from, moved, lost } = await rebuildStore(world)
    assert.deepEqual(view(world), before)
    assert.deepEqual([from, moved, lost], [0, 0, []])
    assert.ok(last > 200)
    assert.deepEqual((await verifyStore(world)).findings, [])
  })
})

test('from a snapshot the view is the same, too, and the journal before it is gone', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    let store = await openStore(world, 'store', { smallBytes: 100_000 })
    await liveSome(store, 60)
    // In the middle of it, because the journal grew. It is not waited for, but its end is.
    assert.equal(await store.snapshot(), undefined)
    await liveSome(store, 10, 'ann')
    await store.close()
    const before = view(world)
    const { from } = await rebuildStore(world)
    assert.ok(from > 0)
    assert.deepEqual(view(world), before)
    store = await openStore(world)
    await done(store, { kind: 'setting.put', key: 'after', value: 'all' })
    await store.close()
    assert.deepEqual((await verifyStore(world)).findings, [])
  })
})

for (const [case_, applied] of [
  ['older than its journal', 1],
  ['whose journal somebody deleted', undefined],
] as const) {
  test(`a store ${case_} begins with a snapshot, and can be rebuilt from then on`, async () => {
    const { world, run } = testWorld()
    await run(async () => {
      let store = await openStore(world)
      await liveSome(store, 12)
      await store.close()
      for (const name of await world.disk.list('store/journal')) await world.disk.remove(`store/journal/${name}`)
      if (applied !== undefined) {
        // As the migration leaves it.
        const database = world.disk.openDatabase('store/store.db', 'write')
        database.exec(`UPDATE journal SET applied = ${applied}`)
        database.close()
      }
      store = await openStore(world)
      await liveSome(store, 3, 'ann')
      const content = contentOf(store.database)
      await store.close()
      assert.equal((await world.disk.list('store/snapshot')).length, 2)
      await world.disk.remove('store/store.db')
      await rebuildStore(world)
      assert.deepEqual(view(world), content)
      assert.deepEqual((await verifyStore(world)).findings, [])
    })
  })
}

test('a database that lost its last transactions gets them from the journal', async () => {
  const { world, run, host } = testWorld()
  await run(async () => {
    let store = await openStore(world)
    await liveSome(store, 5)
    await world.disk.copyDatabase('store/store.db', 'store/older.db')
    await liveSome(store, 5, 'ann')
    await world.clock.sleep(2 * 3_600_000)
    await compact(store)
    const content = contentOf(store.database)
    host.crash()
    const after = host.restart()
    await after.disk.rename('store/older.db', 'store/store.db')
    store = await openStore(after)
    assert.deepEqual(contentOf(store.database), content)
    await store.close()
    assert.deepEqual((await verifyStore(after)).findings, [])
  })
})

/** A world whose machine stops at the n-th step of the engine: nothing is done after that. */
function stopping(world: World, step: (name: string) => void, mustRun: () => void): World {
  const { disk } = world
  const statement = (inner: Statement): Statement => ({
    run: (...parameters) => {
      step('run')
      return inner.run(...parameters)
    },
    get: (...parameters) => {
      mustRun()
      return inner.get(...parameters)
    },
    all: (...parameters) => inner.all(...parameters),
    iterate: (...parameters) => inner.iterate(...parameters),
  })
  const database = (inner: Database): Database => ({
    exec: (sql) => {
      step(`before ${sql}`)
      inner.exec(sql)
      step(`after ${sql}`)
    },
    prepare: (sql) => statement(inner.prepare(sql)),
    settleLog: () => inner.settleLog(),
    close: () => inner.close(),
  })
  const file = (inner: OwnerFile): OwnerFile => ({
    get size() {
      return inner.size
    },
    append: (chunks) => {
      step('before append')
      inner.append(chunks)
      step('after append')
    },
    read: (offset, length) => inner.read(offset, length),
    truncate: (size) => {
      step('before truncate')
      inner.truncate(size)
      step('after truncate')
    },
    close: () => inner.close(),
  })
  const files = (inner: OwnerFiles): OwnerFiles => ({
    open: (path, create) => {
      step('before open')
      return file(inner.open(path, create))
    },
    list: (path) => inner.list(path),
    remove: (path) => inner.remove(path),
  })
  const changed: Partial<Disk> = {
    ownDatabase: (path) => {
      between.wrap = (inner) => ({ database: database(inner.database), files: files(inner.files) })
      return disk.ownDatabase(path, FAULTY_ENGINE)
    },
  }
  return { ...world, disk: Object.assign(Object.create(disk), disk, changed) }
}

/** Sets one after another, each with a neighbour of its own batch; knows which were kept, and which refused. */
async function setSome(world: World, told: { kept: string[]; refused: string[] }): Promise<void> {
  const store = await openStore(world)
  for (let wave = 0; wave < 3; wave++) {
    await Promise.all(
      [1, 2, 3].map(async (n) => {
        const key = `${wave}.${n}`
        try {
          await store.commit([
            { kind: 'setting.put', key, value: 'a' },
            { kind: 'setting.put', key: `${key} too`, value: 'b' },
          ])
          told.kept.push(key)
        } catch (error) {
          if (!(error instanceof DiskError)) throw error
          told.refused.push(key)
        }
      }),
    )
  }
  await store.close()
}

for (const commitFails of [false, true]) {
  test(`the machine stops between any two steps${commitFails ? ', where commits had failed' : ''}`, async (t) => {
    let stops = 0
    for (let stopAt = 1; ; stopAt++) {
      const { world, host, simulation, run } = testWorld(stopAt)
      let steps = 0
      let appends = 0
      let stoppedAt = ''
      const told = { kept: [] as string[], refused: [] as string[] }
      const mustRun = () => {
        if (stoppedAt !== '') throw new Error('The machine has stopped.')
      }
      const step = (name: string) => {
        if (stoppedAt === '' && ++steps === stopAt) stoppedAt = name
        mustRun()
        if (name === 'after append') appends++
        // That of the second wave, and two of its three batches when they are tried alone.
        if (commitFails && name === 'before COMMIT' && appends > 2 && appends < 6)
          throw new DiskError('full', 'No space.')
      }
      const mortal = stopping(world, step, mustRun)
      let ended = false
      void setSome(mortal, told).then(
        () => {
          ended = true
        },
        () => {},
      )
      await simulation.run(() => ended || stoppedAt !== '')
      if (stoppedAt === '') {
        assert.equal(told.refused.length, commitFails ? 2 : 0)
        break
      }
      stops++
      // What was answered before the machine stopped.
      const [kept, refused] = [[...told.kept], [...told.refused]]
      host.crash()
      const after = host.restart()
      await run(async () => {
        const store = await openStore(after)
        for (const key of kept)
          assert.equal(store.setting(key), 'a', `${key} is lost: stopped at ${stopAt}, ${stoppedAt}`)
        for (const key of refused)
          assert.equal(store.setting(key), undefined, `${key} was refused, ${stopAt}, ${stoppedAt}`)
        for (let wave = 0; wave < 3; wave++) {
          for (const n of [1, 2, 3]) {
            const [one, other] = [store.setting(`${wave}.${n}`), store.setting(`${wave}.${n} too`)]
            assert.equal(one === undefined, other === undefined, 'a batch is kept whole or not at all')
          }
        }
        await done(store, { kind: 'setting.put', key: 'and then', value: 'on' })
        await store.close()
        const before = view(after)
        await rebuildStore(after)
        assert.deepEqual(view(after), before, `stopped at ${stopAt}, ${stoppedAt}`)
      })
    }
    assert.ok(stops > 60)
    t.diagnostic(`stopped ${stops} times`)
  })
}

describe('damage', () => {
  /** A store whose view is older than its journal; gives the journal's bytes and what each record must lead to. */
  async function olderView(world: World) {
    const store = await openStore(world)
    await makeAccount(store)
    await world.disk.copyDatabase('store/store.db', 'store/older.db')
    for (let n = 1; n <= 6; n++) await done(store, { kind: 'setting.put', key: 'n', value: String(n) })
    await store.close()
    const path = `store/${partPath(1)}`
    return { path, bytes: (await world.disk.readFile(path))! }
  }

  test('a torn tail, wherever it is torn, is cut off; what was whole before it is applied', async () => {
    const { world, run } = testWorld()
    await run(async () => {
      const { path, bytes } = await olderView(world)
      const { records } = readPart(bytes)!
      const before = records.at(-2)!
      for (let size = before.end; size < bytes.length; size++) {
        for (const tail of [Buffer.alloc(0), Buffer.alloc(200)]) {
          await world.disk.copyDatabase('store/older.db', 'store/store.db')
          await world.disk.writeFile(path, Buffer.concat([bytes.subarray(0, size), tail]))
          const store = await openStore(world)
          assert.equal(store.setting('n'), '5')
          await done(store, { kind: 'setting.put', key: 'n', value: 'next' })
          await store.close()
          assert.equal(readPart((await world.disk.readFile(path))!)!.records.length, records.length)
        }
      }
    })
  })

  test('a flipped bit that the view needs: the store does not open, and says why; the bit turned back, it does', async () => {
    const { world, run } = testWorld()
    await run(async () => {
      const { path, bytes } = await olderView(world)
      const { records } = readPart(bytes)!
      for (let at = records[0]!.end; at < records.at(-2)!.end; at++) {
        await world.disk.copyDatabase('store/older.db', 'store/store.db')
        const flipped = Buffer.from(bytes)
        flipped[at]! ^= 1 << (at % 8)
        await world.disk.writeFile(path, flipped)
        await assert.rejects(openStore(world), /Record \d is missing or damaged in journal/, `byte ${at}`)
        assert.deepEqual(await world.disk.readFile(path), flipped, 'nothing was cut off')
      }
      await world.disk.writeFile(path, bytes)
      const store = await openStore(world)
      assert.equal(store.setting('n'), '6')
      await store.close()
    })
  })

  test('a flipped bit that the view has applied is found by verify, loses nothing, and a snapshot takes its place', async () => {
    const { world, run } = testWorld()
    await run(async () => {
      const { path, bytes } = await olderView(world)
      const sound = view(world)
      const flipped = Buffer.from(bytes)
      flipped[readPart(bytes)!.records[3]!.end - 2]! ^= 4
      await world.disk.writeFile(path, flipped)
      const { findings } = await verifyStore(world)
      assert.match(findings.join('\n'), /the journal is damaged at record 4/)
      await assert.rejects(rebuildStore(world), /nothing was changed|Nothing was changed|missing or damaged/)
      assert.deepEqual(view(world), sound)
      const store = await openStore(world)
      await store.snapshot()
      await done(store, { kind: 'setting.put', key: 'n', value: 'next' })
      await store.close()
      const before = view(world)
      await rebuildStore(world)
      assert.deepEqual(view(world), before)
      assert.deepEqual((await verifyStore(world)).findings, [])
    })
  })

  test('of an append that was torn, later pages may be there: nobody takes them for what came later', () => {
    const header = { number: 1, first: 1, continues: false }
    const one = recordsOf(1, [Buffer.from('one')], linkOf(header))
    const two = recordsOf(2, [Buffer.from('two'), Buffer.from('three')], one.link)
    const three = recordsOf(4, [Buffer.from('four')], two.link)
    const begin = Buffer.concat([partHeader(header), ...one.chunks])
    const torn = Buffer.concat([begin, Buffer.alloc(35), ...two.chunks.slice(2)])
    assert.deepEqual([readPart(torn)!.records.length, readPart(torn)!.lastBeyond], [1, 0])
    const damaged = Buffer.concat([begin, Buffer.alloc(35), ...two.chunks.slice(2), ...three.chunks])
    assert.deepEqual([readPart(damaged)!.records.length, readPart(damaged)!.lastBeyond], [1, 4])
    // What was taken back and written over does not link up with what was behind it.
    const other = recordsOf(2, [Buffer.from('TWO'), Buffer.from('three')], one.link)
    const mixed = Buffer.concat([begin, ...other.chunks.slice(0, 2), ...two.chunks.slice(2)])
    assert.deepEqual(
      readPart(mixed)!.records.map(({ text }) => String(text)),
      ['one', 'TWO'],
    )
  })
})
