// What disks and machines do to a store: the n-th operation fails, for every n, with a full disk and with an I/O
// error; the machine crashes at every event. Acknowledged messages are there once, refused ones are not, the store
// stays usable and sound.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Database,
  type Disk,
  DiskError,
  type DiskFile,
  type OwnerFile,
  type OwnerFiles,
  type Statement,
} from '../world/disk.ts'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { type EmbeddedStore, openStore } from './embedded.ts'
import { delivery, makeAccount } from './testing.ts'
import { between, FAULTY_ENGINE } from './testing-engine.ts'
import { checkStore } from './upkeep/check.ts'
import { rebuildStore } from './upkeep/rebuild.ts'

const address = 'bob@here.test'

/** A world whose disk operations, those of the database too, ask first whether they fail. */
function faulty(world: World, meet: (operation: string) => void): World {
  const file = (inner: DiskFile): DiskFile => ({
    get size() {
      return inner.size
    },
    append: async (chunks) => {
      meet('append')
      return inner.append(chunks)
    },
    sync: async () => {
      meet('sync')
      return inner.sync()
    },
    read: (offset, length) => inner.read(offset, length),
    truncate: (size) => inner.truncate(size),
    close: () => inner.close(),
  })
  const statement = (inner: Statement): Statement => ({
    run: (...parameters) => {
      meet('run')
      return inner.run(...parameters)
    },
    get: (...parameters) => {
      meet('get')
      return inner.get(...parameters)
    },
    all: (...parameters) => inner.all(...parameters),
    iterate: (...parameters) => inner.iterate(...parameters),
  })
  const database = (inner: Database): Database => ({
    exec: (sql) => {
      // A rollback needs no space and no writing.
      if (sql !== 'ROLLBACK') meet(sql.slice(0, 10))
      inner.exec(sql)
    },
    prepare: (sql) => statement(inner.prepare(sql)),
    settleLog: () => inner.settleLog(),
    close: () => inner.close(),
  })
  const ownerFile = (inner: OwnerFile): OwnerFile => ({
    get size() {
      return inner.size
    },
    append: (chunks) => {
      meet('journal append')
      inner.append(chunks)
      try {
        meet('journal sync')
      } catch (error) {
        // A sync has no space to ask for.
        throw new DiskError('failed', (error as Error).message)
      }
    },
    read: (offset, length) => inner.read(offset, length),
    truncate: (size) => {
      meet('journal truncate')
      inner.truncate(size)
    },
    close: () => inner.close(),
  })
  const files = (inner: OwnerFiles): OwnerFiles => ({
    open: (path, create) => {
      if (create) meet('journal open')
      return ownerFile(inner.open(path, create))
    },
    list: (path) => inner.list(path),
    remove: (path) => inner.remove(path),
  })
  const { disk } = world
  const changed: Partial<Disk> = {
    open: async (path, create) => {
      if (create) meet('open')
      return file(await disk.open(path, create))
    },
    writeFile: async (path, bytes) => {
      meet('writeFile')
      return disk.writeFile(path, bytes)
    },
    ownDatabase: (path) => {
      between.wrap = (inner) => ({ database: database(inner.database), files: files(inner.files) })
      return disk.ownDatabase(path, FAULTY_ENGINE)
    },
  }
  return { ...world, disk: Object.assign(Object.create(disk), disk, changed) }
}

interface Told {
  readonly acknowledged: string[]
  readonly refused: string[]
}

// Four messages at a time, some too large for a segment.
async function pour(store: EmbeddedStore, told: Told, prefix: string, waves: number): Promise<void> {
  const bob = store.accountByAddress(address)!.id
  for (let wave = 0; wave < waves; wave++) {
    const names = [1, 2, 3, 4].map((n) => `${prefix} ${wave}.${n}\r\n`)
    await Promise.all(
      names.map(async (name, n) => {
        try {
          const text = name + 'x'.repeat(n === 2 ? 300_000 : 100)
          const [result] = await store.commit([await delivery(store, bob, text)])
          told[result?.ok ? 'acknowledged' : 'refused'].push(name)
        } catch (error) {
          if (!(error instanceof DiskError)) throw error
          told.refused.push(name)
        }
      }),
    )
  }
}

async function found(store: EmbeddedStore): Promise<string[]> {
  const bob = store.accountByAddress(address)!.id
  const bodies: string[] = []
  for (const email of store.emails(bob, store.listEmails(bob, {}, 'oldest'))) {
    const body = String(await store.readBlob(email.blob))
    bodies.push(body.slice(0, body.indexOf('\n') + 1))
  }
  return bodies.sort()
}

async function live(world: World, told: Told): Promise<void> {
  const store = await openStore(world)
  if (store.accountByAddress(address) === undefined) await makeAccount(store, address)
  await pour(store, told, 'first', 3)
  await store.close()
}

async function operations(): Promise<number> {
  const { world, run } = testWorld()
  let count = 0
  await run(
    live(
      faulty(world, () => count++),
      { acknowledged: [], refused: [] },
    ),
  )
  return count
}

for (const code of ['full', 'failed'] as const) {
  test(`each operation in turn fails (${code}): refused or kept, never between`, async (t) => {
    const total = await operations()
    let refusals = 0
    for (let n = 1; n <= total; n++) {
      const { world, run } = testWorld(n)
      let at = 0
      let failedAt = ''
      const told: Told = { acknowledged: [], refused: [] }
      const bad = faulty(world, (operation) => {
        if (++at !== n) return
        failedAt = operation
        throw new DiskError(code, `operation ${n}`)
      })
      await run(async () => {
        // When it meets the fault while opening, nothing is in the way of the next try.
        const store = await openStore(bad).catch((error) => {
          assert.equal((error as DiskError).message, `operation ${n}`)
          return openStore(bad)
        })
        await makeAccount(store, address).catch((error) => {
          assert.equal((error as DiskError).message, `operation ${n}`)
          return makeAccount(store, address)
        })
        await pour(store, told, 'first', 3)
        assert.deepEqual(await found(store), [...told.acknowledged].sort(), `${n}: ${failedAt}`)
        const before = told.refused.length
        await pour(store, told, 'then', 1)
        assert.equal(told.refused.length, before, `the store takes mail again after ${n}: ${failedAt}`)
        assert.deepEqual(await checkStore(store), [], `${n}: ${failedAt}`)
        refusals += before
        await store.close()
        const mustBeAsTold = async () => {
          const again = await openStore(world)
          assert.deepEqual(await found(again), [...told.acknowledged].sort(), `${n}: ${failedAt}`)
          assert.deepEqual(await checkStore(again), [])
          await again.close()
        }
        await mustBeAsTold()
        // The journal says the same: nothing that was refused is in it.
        await rebuildStore(world)
        await mustBeAsTold()
      })
    }
    assert.ok(refusals > 10)
    t.diagnostic(`${total} operations, ${refusals} messages refused`)
  })
}

test('the machine crashes at every moment: what was acknowledged is there once', async (t) => {
  let events = 0
  {
    const { world, run, simulation } = testWorld()
    simulation.trace(() => events++)
    await run(live(world, { acknowledged: [], refused: [] }))
  }
  let acknowledged = 0
  for (let moment = 1; moment <= events; moment++) {
    const { world, run, simulation, host } = testWorld(moment)
    const told: Told = { acknowledged: [], refused: [] }
    let count = 0
    simulation.trace(() => count++)
    void live(world, told)
    await simulation.run(() => count >= moment)
    const known = [...told.acknowledged]
    host.crash()
    const after = host.restart()
    await run(async () => {
      const store = await openStore(after)
      if (store.accountByAddress(address) === undefined) {
        assert.deepEqual(known, [])
        await makeAccount(store, address)
      }
      const there = await found(store)
      assert.equal(new Set(there).size, there.length)
      for (const name of known) assert.ok(there.includes(name), `crash at ${moment}: ${name} is lost`)
      assert.deepEqual(await checkStore(store), [])
      const next: Told = { acknowledged: [], refused: [] }
      await pour(store, next, 'then', 1)
      assert.deepEqual(next.refused, [])
      assert.deepEqual(await found(store), [...there, ...next.acknowledged].sort())
      assert.deepEqual(await checkStore(store), [])
      await store.close()
    })
    acknowledged += known.length
  }
  assert.ok(acknowledged > events)
  t.diagnostic(`${events} moments, ${acknowledged} messages acknowledged before a crash`)
})

test('a failed sync: the segment is given up, another is begun, and what was synced stays readable', async () => {
  const { world, run, host } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store, address)
    const first = await delivery(store, bob, 'first\r\n')
    await store.commit([first])
    const second = await delivery(store, bob, 'second\r\n')
    host.disk.fault({ operation: 'sync', code: 'failed' })
    await assert.rejects(store.commit([second]), { name: 'DiskError', code: 'failed' })
    assert.equal(store.findBlob(second.blob.hash), undefined)
    const again = await delivery(store, bob, 'second\r\n')
    assert.equal(again.blob.segment, first.blob.segment + 1)
    await store.commit([again])
    assert.deepEqual(await found(store), ['first\r\n', 'second\r\n'])
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test('a torn tail is cut off at the start', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    let store = await openStore(world)
    const bob = await makeAccount(store, address)
    const { blob } = await delivery(store, bob, 'whole, but in no commit\r\n')
    const { segment, offset, sizeBytes } = blob
    await store.close()
    const path = `store/bodies/${String(segment).padStart(10, '0')}.segment`
    const file = await world.disk.open(path, false)
    const whole = await file.read(0, file.size)
    await file.append([whole.subarray(0, 50)])
    await file.sync()
    await file.close()
    store = await openStore(world)
    const next = await delivery(store, bob, 'next\r\n')
    assert.equal(next.blob.offset, offset + sizeBytes + 44, 'after the whole record')
    await store.commit([next])
    assert.deepEqual(await found(store), ['next\r\n'])
    await store.close()
  })
})

test('damage on disk is found, not handed out', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store, address)
    const good = await delivery(store, bob, 'good\r\n')
    await store.commit([good])
    const { blob } = good
    await store.close()
    const path = `store/bodies/${String(blob.segment).padStart(10, '0')}.segment`
    const bytes = (await world.disk.readFile(path))!
    bytes[blob.offset + 45]! ^= 1
    await world.disk.writeFile(path, bytes)
    const again = await openStore(world)
    await assert.rejects(again.readBlob(blob), { name: 'DiskError', code: 'failed' })
    assert.match((await checkStore(again)).join(), /is damaged/)
    await again.close()
  })
})

test('a body that a failed sync took away before it was named: nothing of the batch is done', async () => {
  const { world, run } = testWorld()
  await run(
    (async () => {
      let isBroken = false
      const store = await openStore(
        faulty(world, (operation) => {
          if (isBroken && operation === 'sync') throw new DiskError('failed', 'I/O error')
        }),
      )
      const bob = await makeAccount(store, address)
      const [waiting, other] = [await delivery(store, bob, 'a bounce'), await delivery(store, bob, 'another')]
      isBroken = true
      await assert.rejects(store.commit([other]), DiskError)
      isBroken = false
      // As the queue does it: what comes in the place of another, and the other's end.
      const end = { kind: 'setting.put', key: 'end', value: 'the mail is out of the queue' } as const
      await assert.rejects(store.commit([waiting, end]), DiskError)
      assert.equal(store.setting('end'), undefined)
      const [again] = await store.commit([await delivery(store, bob, 'a bounce'), end])
      assert.equal(again?.ok, true)
      assert.equal(store.listEmails(bob, {}, 'oldest').length, 1)
      await store.close()
    })(),
  )
})
