// Verify, rebuild, backup and restore: what each finds, brings back and leaves alone, also while mail comes in.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DiskError } from '../../world/disk.ts'
import { testWorld } from '../../world/testing.ts'
import type { World } from '../../world/world.ts'
import { compact } from '../bodies/compact.ts'
import { type EmbeddedStore, openStore } from '../embedded.ts'
import { partPath } from '../journal/journal.ts'
import { deliver, done, makeAccount } from '../testing.ts'
import { contentOf, liveSome } from '../testing-life.ts'
import { backUpStore, restoreStore } from './backup.ts'
import { rebuildStore } from './rebuild.ts'
import { verifyStore } from './verify.ts'

function twoHosts() {
  const { world, run, simulation, host } = testWorld()
  const other = () => simulation.host(`other ${++others}`, [`192.0.2.${100 + others}`]).world
  let others = 0
  return { world, run, host, other }
}

/** A database as it is compared between stores: where bodies lie may differ. */
function withoutPlaces(content: Record<string, unknown[]>): Record<string, unknown[]> {
  const rows = (content.blob ?? []) as { hash: Uint8Array; refs: number }[]
  return { ...content, blob: rows.map(({ hash, refs }) => [Buffer.from(hash).toString('hex'), refs]) }
}

async function restored(from: World, to: World) {
  const result = await restoreStore(from.disk, to, 'store', 0)
  const store = await openStore(to)
  const content = contentOf(store.database)
  await store.close()
  assert.deepEqual((await verifyStore(to)).findings, [])
  return { ...result, content }
}

describe('rebuild', () => {
  test('brings the store back when its database is gone, or nothing but noise', async () => {
    const { world, run } = twoHosts()
    await run(async () => {
      const store = await openStore(world)
      await liveSome(store, 20)
      const before = contentOf(store.database)
      await store.close()
      for (const noise of [undefined, Buffer.from('SQLite format 3\0 no more')]) {
        await world.disk.remove('store/store.db')
        if (noise !== undefined) await world.disk.writeFile('store/store.db', noise)
        await world.disk.writeFile('store/text.db', Buffer.from('an index of what was there'))
        const { emails, lost } = await rebuildStore(world)
        assert.deepEqual([emails > 5, lost], [true, []])
        assert.equal(await world.disk.readFile('store/text.db'), undefined)
        const again = await openStore(world)
        assert.deepEqual(contentOf(again.database), before)
        await again.close()
      }
    })
  })

  test('finds bodies that lie elsewhere, and names those that are nowhere', async () => {
    const { world, run } = twoHosts()
    await run(async () => {
      const store = await openStore(world)
      const bob = await makeAccount(store)
      const { emailId } = await deliver(store, bob, 'one')
      await deliver(store, bob, 'two')
      await deliver(store, bob, `large${'x'.repeat(300_000)}`)
      await store.close()
      await world.disk.rename('store/bodies/0000000001.segment', 'store/bodies/0000000007.segment')
      const { moved, lost } = await rebuildStore(world)
      assert.deepEqual([moved, lost], [2, []])
      const again = await openStore(world)
      assert.equal(String(await again.readBlob(again.email(bob, emailId!)!.blob)), 'one')
      await again.close()
      assert.deepEqual((await verifyStore(world)).findings, [])
      await world.disk.remove('store/bodies/0000000007.segment')
      assert.equal((await rebuildStore(world)).lost.length, 2)
      assert.equal((await verifyStore(world)).findings.length, 2)
    })
  })

  test('is refused while the store is in use', async () => {
    const { world, run } = twoHosts()
    await run(async () => {
      const store = await openStore(world)
      await assert.rejects(rebuildStore(world), { code: 'locked' })
      await store.close()
    })
  })
})

describe('backup', () => {
  test('brings back what was there, to the row; the next one copies only what is new', async () => {
    const { world, run, other } = twoHosts()
    await run(async () => {
      const backup = other()
      const store = await openStore(world)
      await liveSome(store, 20)
      const first = await backUpStore(world, backup.disk)
      assert.deepEqual((await restored(backup, other())).content, contentOf(store.database))
      const nothingNew = await backUpStore(world, backup.disk)
      assert.deepEqual([nothingNew.position, nothingNew.copiedBytes], [first.position, 0])
      await liveSome(store, 3, 'ann')
      const second = await backUpStore(world, backup.disk)
      assert.ok(second.copiedBytes < first.copiedBytes / 2, `${second.copiedBytes} of ${first.copiedBytes}`)
      const { content, last } = await restored(backup, other())
      assert.deepEqual([content, last], [contentOf(store.database), second.position])
      await store.close()
    })
  })

  test('is of one moment, while mail comes and goes, space is won back and snapshots are taken', async () => {
    const { world, run, other } = twoHosts()
    await run(async () => {
      const backup = other()
      const store = await openStore(world, 'store', { smallBytes: 60_000 })
      let isOver = false
      const living = (async () => {
        for (let round = 0; !isOver; round++) {
          await liveSome(store, 8, `person${round % 3}`)
          await world.clock.sleep(50)
        }
      })()
      const tidying = (async () => {
        while (!isOver) {
          await world.clock.sleep(400)
          await compact(store)
        }
      })()
      for (let n = 0; n < 6; n++) {
        await world.clock.sleep(1000)
        await backUpStore(world, backup.disk)
        await restored(backup, other())
      }
      isOver = true
      await Promise.all([living, tidying])
      await backUpStore(world, backup.disk)
      assert.deepEqual(
        withoutPlaces((await restored(backup, other())).content),
        withoutPlaces(contentOf(store.database)),
      )
      await store.close()
    })
  })

  test('that was not finished leaves the one before it as it was', async () => {
    const { world, run, simulation } = testWorld()
    const keeper = simulation.host('keeper', ['192.0.2.9'])
    await run(async () => {
      const store = await openStore(world)
      await liveSome(store, 10)
      const before = contentOf(store.database)
      const { position } = await backUpStore(world, keeper.world.disk)
      await liveSome(store, 10, 'ann')
      let failures = 0
      for (let path = 1; ; path++) {
        let count = 0
        const disk = keeper.world.disk
        const failing = Object.assign(Object.create(disk), disk, {
          open: async (name: string, create: boolean) => {
            if (++count === path) throw new Error('unplugged')
            return disk.open(name, create)
          },
          writeFile: async (name: string, bytes: Uint8Array) => {
            if (++count === path) throw new Error('unplugged')
            return disk.writeFile(name, bytes)
          },
        })
        const unplugged = await backUpStore(world, failing).then(
          () => false,
          () => true,
        )
        if (!unplugged) break
        failures++
        const place = simulation.host(`restored ${path}`, [`192.0.2.${20 + path}`]).world
        const { content, last } = await restored(keeper.world, place)
        assert.deepEqual([last, content], [position, before])
      }
      assert.ok(failures > 3)
      await store.close()
    })
  })

  test('what was given since is not given again: UIDs, ids and states that programs have seen', async () => {
    const { world, run, other } = twoHosts()
    await run(async () => {
      const backup = other()
      const before = await openStore(world)
      const bob = await makeAccount(before)
      await deliver(before, bob, 'kept')
      await backUpStore(world, backup.disk)
      const lost = await deliver(before, bob, 'lost with the disk')
      const seen = before.modseq(bob)
      const { uidValidity } = before.mailboxByUse(bob, 'inbox')!
      await before.close()
      const there = other()
      await restoreStore(backup.disk, there)
      const store = await openStore(there)
      assert.equal(store.listEmails(bob, {}, 'oldest').length, 1)
      // Whoever remembers a state of then is told to begin anew, and not that nothing has changed.
      assert.equal(store.changes.emails(bob, seen), undefined)
      const inbox = store.mailboxByUse(bob, 'inbox')!
      assert.equal(inbox.uidValidity, uidValidity)
      assert.ok(inbox.highestModseq > seen)
      const fresh = await deliver(store, bob, 'new')
      assert.ok(fresh.placements![0]!.uid > lost.placements![0]!.uid)
      assert.ok(fresh.emailId! > lost.emailId!)
      await store.close()
      assert.deepEqual((await verifyStore(there)).findings, [])
    })
  })

  test('a crash of the restore, whenever it comes, leaves no store that gives UIDs and ids twice', async () => {
    const { world, run, simulation } = testWorld()
    const backup = simulation.host('backup', ['192.0.2.9']).world
    await run(async () => {
      const before = await openStore(world)
      const people = [await makeAccount(before), await makeAccount(before, 'ann@here.test')]
      for (const person of people) await deliver(before, person, 'kept')
      await backUpStore(world, backup.disk)
      const lost = []
      for (const person of people) lost.push(await deliver(before, person, 'lost with the disk'))
      await before.close()
      let refusals = 0
      let isOver = false
      for (let n = 1; !isOver; n++) {
        const afterMs = n * 0.7
        const there = simulation.host(`there ${n}`, [`198.51.100.${n}`])
        const restoring = restoreStore(backup.disk, there.world).then(() => {
          isOver = true
        })
        await Promise.race([restoring, world.clock.sleep(afterMs)])
        there.crash()
        there.restart()
        const made = (await there.world.disk.list('store')).length > 0
        let store = await openStore(there.world).catch((error: unknown) => {
          assert.ok(error instanceof DiskError && error.code === 'failed', String(error))
          refusals++
          return undefined
        })
        // Where nothing had been begun, there is an empty store now.
        if (store !== undefined && store.accounts().length === 0) {
          assert.ok(!made)
          await store.close()
          continue
        }
        if (store === undefined) {
          await restoreStore(backup.disk, there.world)
          store = await openStore(there.world)
        }
        for (const [index, person] of people.entries()) {
          const fresh = await deliver(store, person, 'new')
          assert.ok(fresh.placements![0]!.uid > lost[index]!.placements![0]!.uid, `after ${afterMs} ms`)
          assert.ok(fresh.emailId! > lost[index]!.emailId!)
        }
        await store.close()
        assert.deepEqual((await verifyStore(there.world)).findings, [])
      }
      assert.ok(refusals > 5, `${refusals}`)
    })
  })

  test('does not overwrite a store, and is not restored when there is none', async () => {
    const { world, run, other } = twoHosts()
    await run(async () => {
      const backup = other()
      await (await openStore(world)).close()
      await assert.rejects(restoreStore(backup.disk, other()), { code: 'missing' })
      await backUpStore(world, backup.disk)
      await assert.rejects(restoreStore(backup.disk, world), { code: 'exists' })
    })
  })
})

test('verify finds a bit that turned over in a body, in the snapshot, in the journal', async () => {
  const { world, run } = twoHosts()
  await run(async () => {
    const store: EmbeddedStore = await openStore(world)
    await liveSome(store, 20)
    await store.snapshot()
    for (let n = 0; n < 5; n++) await done(store, { kind: 'setting.put', key: 'n', value: String(n) })
    await store.close()
    assert.deepEqual((await verifyStore(world)).findings, [])
    const journal = (await world.disk.list('store/journal')).at(-1)!
    assert.equal(partPath(1), `journal/${journal}`)
    const cases: [string, number, RegExp][] = [
      ['store/bodies/0000000001.segment', -1, /is damaged/],
      ['store/snapshot/0000000001.db', 5000, /snapshot .* is not what was written/],
      [`store/journal/${journal}`, -120, /damaged at record \d+/],
    ]
    for (const [path, at, finding] of cases) {
      const file = await world.disk.open(path, false)
      const bytes = await file.read(0, file.size)
      await file.close()
      const flipped = Buffer.from(bytes)
      flipped[at < 0 ? bytes.length + at : at]! ^= 16
      await world.disk.writeFile(path, flipped)
      const { findings } = await verifyStore(world)
      assert.match(findings.join('\n'), finding)
      await world.disk.writeFile(path, bytes)
    }
    assert.deepEqual((await verifyStore(world)).findings, [])
  })
})
