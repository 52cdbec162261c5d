import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { makeEd25519Key } from '../../identity/dkim/keys.ts'
import { quickCpu } from './cpu.ts'
import { SeededRandom } from './random.ts'

const [key, another] = [1, 2].map((seed) => makeEd25519Key(new SeededRandom(seed, 'key'))) as [
  ReturnType<typeof makeEd25519Key>,
  ReturnType<typeof makeEd25519Key>,
]
const data = Buffer.from('what is signed')

test('a signature that was made here is right for its data and its key, and for nothing else', async () => {
  const cpu = quickCpu()
  const signature = await cpu.sign(null, data, key)
  const right = createPublicKey(key)
  assert.equal(await cpu.verify(null, data, right, signature), true)
  assert.equal(await cpu.verify(null, Buffer.from('other data'), right, signature), false)
  assert.equal(await cpu.verify(null, data, createPublicKey(another), signature), false)
  assert.equal(await cpu.verify(null, data, right, Buffer.alloc(64)), false)
  assert.equal(await cpu.verify(null, data, right, Buffer.alloc(3)), false)
})

test('a signature from elsewhere is verified', async () => {
  const signature = await quickCpu().sign(null, data, key)
  const cpu = quickCpu()
  assert.equal(await cpu.verify(null, data, createPublicKey(key), signature), true)
  assert.equal(await cpu.verify(null, data, createPublicKey(another), signature), false)
})

test('what comes of a password depends on the password, the salt and the cost', async () => {
  const cpu = quickCpu()
  const [one, two] = [Buffer.from('one'), Buffer.from('two')]
  const made = await Promise.all([
    cpu.pbkdf2(one, one, 4096),
    cpu.pbkdf2(two, one, 4096),
    cpu.pbkdf2(one, two, 4096),
    cpu.pbkdf2(one, one, 4097),
    cpu.argon2id(one, one, { memoryKiB: 8, passes: 1 }),
    cpu.argon2id(one, one, { memoryKiB: 8, passes: 2 }),
  ])
  assert.equal(new Set(made.map((bytes) => bytes.toString('hex'))).size, made.length)
  assert.ok(made.every(({ length }) => length === 32))
})
