import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Seal } from '../../world/seal.ts'
import { testWorld } from '../../world/testing.ts'
import { noise } from '../testing.ts'
import { CHUNK_BYTES, type Packing, packed, packedSize, unpacked, within } from './packed.ts'

const plainly: Packing = { cpu: testWorld().world.cpu, seal: undefined }
const key = Buffer.alloc(32, 7)
const sealing: Packing = { ...plainly, seal: new Seal([key]) }
const hash = 'ab'.repeat(32)

/** Half of it is words. */
function body(name: number, bytes: number): Buffer {
  const all = noise(name, bytes)
  all.fill('words and words ', 0, Math.ceil(bytes * 0.6))
  return all
}

test('what was packed comes back, whole and in every part', async () => {
  for (const bytes of [200, 5000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 1_000_003]) {
    for (const way of [plainly, sealing]) {
      const plain = body(bytes, bytes)
      const pack = await packed(way, hash, plain)
      assert.ok(pack !== undefined && pack.length < bytes * 0.95, String(bytes))
      assert.equal(await packedSize(within(pack)), bytes)
      assert.ok((await unpacked(way, hash, within(pack)))?.equals(plain))
      for (const offset of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, bytes - 1, bytes, bytes + 10]) {
        for (const length of [0, 1, 100, CHUNK_BYTES, 2 * CHUNK_BYTES]) {
          const part = await unpacked(way, hash, within(pack), { offset, length })
          assert.ok(part?.equals(plain.subarray(offset, offset + length)), `${bytes}: ${offset} ${length}`)
        }
      }
    }
  }
})

test('a part of a large body is read from the chunks it lies in alone', async () => {
  const plain = body(1, 40 * CHUNK_BYTES)
  const pack = (await packed(plainly, hash, plain))!
  let read = 0
  const counted = (offset: number, length: number) => {
    const bytes = within(pack)(offset, length) as Buffer
    read += bytes.length
    return bytes
  }
  const part = await unpacked(plainly, hash, counted, { offset: 30 * CHUNK_BYTES - 10, length: 20 })
  assert.ok(part?.equals(plain.subarray(30 * CHUNK_BYTES - 10, 30 * CHUNK_BYTES + 10)))
  assert.ok(read < 3 * CHUNK_BYTES, String(read))
})

test('what gets no shorter is left as it is, but sealed where everything is', async () => {
  for (const bytes of [0, 1, 100, 5000, CHUNK_BYTES + 1]) {
    const pack = (await packed(sealing, hash, noise(bytes, bytes)))!
    assert.notEqual(pack.length, bytes)
    assert.ok(!pack.includes(noise(bytes, bytes).subarray(0, 50)) || bytes < 20)
    assert.ok((await unpacked(sealing, hash, within(pack)))?.equals(noise(bytes, bytes)))
    if (bytes > 0) assert.equal(await unpacked(sealing, 'cd'.repeat(32), within(pack)), undefined, 'another body')
    if (bytes > 0) await assert.rejects(unpacked(plainly, hash, within(pack)), /there is no key/)
  }
  for (const bytes of [0, 100, 5000, 1_000_000])
    assert.equal(await packed(plainly, hash, noise(bytes, bytes)), undefined)
})

test('damage is found, or gives what another hash tells, but never throws and never grows', async () => {
  const pack = (await packed(plainly, hash, body(3, 600_000)))!
  for (let at = 0; at < pack.length; at += at < 40 ? 1 : 997) {
    for (const value of [0, 0xff, pack[at]! ^ 1]) {
      const damaged = Buffer.from(pack)
      damaged[at] = value
      const length = (await unpacked(plainly, hash, within(damaged)))?.length ?? 0
      assert.ok(length <= damaged.readUInt32BE(5))
    }
  }
  for (const end of [0, 5, 9, 12, 30, 5000]) {
    assert.equal(await unpacked(plainly, hash, within(pack.subarray(0, end))), undefined)
  }
})
