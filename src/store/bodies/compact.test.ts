import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../../world/testing.ts'
import { type EmbeddedStore, openStore } from '../embedded.ts'
import { deliver, delivery, done, makeAccount, noise } from '../testing.ts'
import { checkStore } from '../upkeep/check.ts'
import { rebuildStore } from '../upkeep/rebuild.ts'
import { SEGMENT_BYTES } from './blobs.ts'
import { compact } from './compact.ts'

const address = 'bob@here.test'
const bodyBytes = 250_000
// One segment and a little of the next.
const bodies = Math.ceil(SEGMENT_BYTES / bodyBytes) + 3

const text = (n: number) => Buffer.concat([Buffer.from(`${n}:`.padEnd(10)), noise(n, bodyBytes - 10)])

async function fill(store: EmbeddedStore): Promise<{ bob: number; ids: number[] }> {
  const bob = await makeAccount(store, address)
  const ids: number[] = []
  for (let n = 0; n < bodies; n++) ids.push((await deliver(store, bob, text(n))).emailId!)
  return { bob, ids }
}

async function assertThere(store: EmbeddedStore, ids: readonly number[]): Promise<void> {
  const bob = store.accountByAddress(address)!.id
  for (const [n, id] of ids.entries()) {
    const email = store.email(bob, id)
    if (email !== undefined)
      assert.deepEqual(await store.readBlob(email.blob, { offset: 0, length: 5 }), text(n).subarray(0, 5))
  }
}

test('space is won back online; refs read before still lead to the body; a crash in between loses nothing', async () => {
  const { world, run, host, simulation } = testWorld()
  const store = await run(openStore(world))
  const { bob, ids } = await run(fill(store))
  const kept = ids.filter((_, n) => n % 4 === 0)
  const old = store.emails(bob, kept)
  await run(async () => {
    assert.equal((await compact(store)).segmentsRemoved, 0, 'nothing is dead yet')
    const gone = ids.filter((id) => !kept.includes(id))
    await store.commit(gone.map((email) => ({ kind: 'email.destroy', account: bob, email })))
  })

  // Somewhere among the copies.
  let events = 0
  simulation.trace(() => events++)
  void compact(store)
  await simulation.run(() => events === 100)
  host.crash()
  const after = host.restart()
  await run(async () => {
    const again = await openStore(after)
    await assertThere(again, ids)
    const usedBefore = host.disk.usedBytes
    const result = await compact(again)
    assert.deepEqual(result.problems, [])
    assert.equal(result.segmentsRemoved, 1)
    assert.ok(host.disk.usedBytes < usedBefore * 0.7)
    await assertThere(again, ids)
    for (const email of old) assert.equal((await again.readBlob(email.blob))?.length, bodyBytes)
    assert.deepEqual(await checkStore(again), [])
    assert.equal((await compact(again)).segmentsRemoved, 0)
    await again.close()
  })
})

test('large bodies: the file goes with its last name; one that no commit named goes after an hour', async () => {
  const { world, run, host } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store, address)
    const large = noise('y', 400_000)
    const one = await deliver(store, bob, large)
    const two = await deliver(store, bob, large)
    await store.putBlob([noise('z', 500_000)])
    assert.equal(host.disk.bytesIn('store/bodies'), 900_000)
    await done(store, { kind: 'email.destroy', account: bob, email: one.emailId! })
    await compact(store)
    assert.equal(host.disk.bytesIn('store/bodies'), 900_000, 'still named, and just put')
    await done(store, { kind: 'email.destroy', account: bob, email: two.emailId! })
    await world.clock.sleep(2 * 3600_000)
    assert.equal((await compact(store)).bodiesDropped, 1)
    assert.equal(host.disk.bytesIn('store/bodies'), 0)
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test('a body found again just before the sweep is not swept away from under its finder', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store, address)
    for (const size of [100, 400_000]) {
      const body = 'q'.repeat(size)
      const { emailId } = await deliver(store, bob, body)
      await done(store, { kind: 'email.destroy', account: bob, email: emailId! })
      await world.clock.sleep(2 * 3600_000)
      // Found before, during and after: each finder can name it.
      const before = await delivery(store, bob, body)
      const pass = compact(store)
      const during = await delivery(store, bob, body)
      await pass
      const after = await delivery(store, bob, body)
      for (const mail of [before, during, after]) {
        const [result] = await store.commit([mail])
        assert.ok(result?.ok, JSON.stringify(result))
        assert.equal((await store.readBlob(mail.blob))?.length, size)
      }
      await world.clock.sleep(2 * 3600_000)
      for (const { id } of store.emails(bob, store.listEmails(bob, {}, 'oldest'))) {
        await done(store, { kind: 'email.destroy', account: bob, email: id })
      }
      // Now the sweep comes first.
      const sweeping = compact(store)
      const late = await delivery(store, bob, body)
      await sweeping
      const [result] = await store.commit([late])
      assert.ok(result?.ok, JSON.stringify(result))
      assert.equal((await store.readBlob(late.blob))?.length, size)
      assert.deepEqual(await checkStore(store), [])
    }
    await store.close()
  })
})

/** A message as they come: text, and an attachment. */
function letter(n: number, bytes: number): Buffer {
  const attached = noise(n, Math.floor(bytes / 3))
    .toString('base64')
    .replaceAll(/.{76}/g, '$&\r\n')
  return Buffer.from(`Subject: letter ${n}\r\n\r\n${attached}\r\n`.padEnd(bytes, 'All work and no play. '))
}

test('full segments and large bodies are packed; every part of every body reads as before, also after a crash on the way', async () => {
  const { world, run, host, simulation } = testWorld()
  const [small, large] = [Math.ceil(SEGMENT_BYTES / 200_000) + 3, 3]
  const sizeOf = (n: number) => (n < small ? 200_000 : 900_000 + n)
  const bob = await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store, address)
    for (let n = 0; n < small + large; n++) await deliver(store, bob, letter(n, sizeOf(n)))
    void compact(store)
    return bob
  })
  let events = 0
  simulation.trace(() => events++)
  await simulation.run(() => events === 150)
  host.crash()
  const after = host.restart()
  await run(async () => {
    const store = await openStore(after)
    const emails = store.emails(bob, store.listEmails(bob, {}, 'oldest'))
    assert.equal(emails.length, small + large)
    const before = host.disk.bytesIn('store/bodies')
    const { packed, problems, segmentsRemoved } = await compact(store)
    assert.deepEqual(problems, [])
    assert.ok(packed >= large && segmentsRemoved === 1, `${packed} ${segmentsRemoved}`)
    assert.ok(host.disk.bytesIn('store/bodies') < before * 0.8)
    // Once is enough.
    assert.deepEqual(await compact(store), {
      bodiesDropped: 0,
      segmentsRemoved: 0,
      bytesFreed: 0,
      packed: 0,
      problems: [],
    })
    for (const [n, { blob }] of emails.entries()) {
      const body = letter(n, sizeOf(n))
      assert.ok((await store.readBlob(blob))?.equals(body), 'by what was known of it before')
      const now = store.findBlob(blob.hash)!
      assert.equal(now.sizeBytes, body.length)
      for (const [offset, length] of [
        [0, 1],
        [150_000, 300_000],
        [262_143, 2],
        [body.length - 5, 50],
        [body.length + 9, 3],
      ] as const) {
        const part = await store.readBlob(now, { offset, length })
        assert.ok(part?.equals(body.subarray(offset, offset + length)), `${n}: ${offset} ${length}`)
      }
    }
    assert.deepEqual(await checkStore(store), [])
    await store.close()
    assert.deepEqual((await rebuildStore(after)).lost, [])
    const again = await openStore(after)
    assert.deepEqual(await checkStore(again), [])
    // What comes again is known, and goes with its last name.
    const { blob } = await delivery(again, bob, letter(small, sizeOf(small)))
    assert.ok((await again.readBlob(blob))?.equals(letter(small, sizeOf(small))))
    for (const { id } of emails) await done(again, { kind: 'email.destroy', account: bob, email: id })
    await after.clock.sleep(2 * 3600_000)
    await compact(again)
    assert.deepEqual(await again.blobs.ownFiles(), [])
    await again.close()
  })
})
