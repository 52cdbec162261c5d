import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import { Guesses } from './guesses.ts'

const BOB = 'bob@recipient.test'

/** How many of so many guesses are let through. */
function tried(guesses: Guesses, count: number, who: (n: number) => [name: string, ip: string]): number {
  let passed = 0
  for (let n = 0; n < count; n++) {
    if (!guesses.admits(...who(n))) continue
    guesses.count(...who(n))
    passed++
  }
  return passed
}

test('one place guesses at one name: soon it must wait, and later it may again', async () => {
  const { world, run } = testWorld()
  const guesses = new Guesses(world.clock)
  assert.equal(
    tried(guesses, 1000, () => [BOB, '192.0.2.1']),
    20,
  )
  assert.ok(!guesses.admits('BOB@recipient.test', '::ffff:192.0.2.1'))
  assert.ok(guesses.admits(BOB, '198.51.100.1'))
  await run(world.clock.sleep(15 * 60_000))
  assert.ok(guesses.admits(BOB, '192.0.2.1'))
})

test('N3: ten thousand addresses guess at one name; the owner signs in where he always does', () => {
  const { world } = testWorld()
  const guesses = new Guesses(world.clock)
  guesses.count(BOB, '192.0.2.1')
  guesses.right(BOB, '192.0.2.1')
  const passed = tried(guesses, 10_000, (n) => [BOB, `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`])
  assert.ok(passed <= 100, String(passed))
  for (let n = 0; n < 50; n++) {
    assert.ok(guesses.admits(BOB, '192.0.2.1'))
    guesses.count(BOB, '192.0.2.1')
    guesses.right(BOB, '192.0.2.1')
  }
})

test('N3: one password sprayed over many names, from one place or from all of its network', () => {
  const { world } = testWorld()
  const guesses = new Guesses(world.clock)
  assert.equal(
    tried(guesses, 10_000, (n) => [`person${n}@recipient.test`, '192.0.2.9']),
    60,
  )
  const network = tried(guesses, 10_000, (n) => [`person${n}@recipient.test`, `192.0.2.${n & 255}`])
  assert.ok(network <= 200, String(network))
  assert.equal(
    tried(guesses, 10_000, (n) => [`person${n}@recipient.test`, `2001:db8::${n.toString(16)}`]),
    60,
  )
  // Others are not held back.
  assert.ok(guesses.admits('person1@recipient.test', '203.0.113.1'))
})

test('what was right does not count, however often', () => {
  const { world } = testWorld()
  const guesses = new Guesses(world.clock)
  for (let n = 0; n < 1000; n++) {
    const [name, ip] = [`person${n}@recipient.test`, '192.0.2.9']
    assert.ok(guesses.admits(name, ip))
    guesses.count(name, ip)
    guesses.right(name, ip)
  }
})

test('a hundred guesses at once are a hundred: the place waits the longer', async () => {
  const { world, run } = testWorld()
  const guesses = new Guesses(world.clock)
  for (let n = 0; n < 100; n++) assert.ok(guesses.admits(BOB, '192.0.2.1'))
  for (let n = 0; n < 100; n++) guesses.count(BOB, '192.0.2.1')
  await run(world.clock.sleep(15 * 60_000))
  assert.ok(!guesses.admits(BOB, '192.0.2.1'))
  await run(world.clock.sleep(60 * 60_000))
  assert.ok(guesses.admits(BOB, '192.0.2.1'))
})
