// What the gate of outgoing mail is told comes from memory, and is at every moment what the store holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from './commands.ts'
import { MET_AGAIN_DAYS } from './nouns/outgoing.ts'
import { printOf } from './read/outgoing.ts'
import { done, makeAccount } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'

const NOTHING = { acquainted: 0, recipients: 0, strangers: 0, suspects: 0, refused: 0, complaints: 0 }
const counted = (sender: string, hour: number, recipients: number): Command => {
  return { kind: 'outgoing.count', sender, hour, counts: { ...NOTHING, recipients }, prints: [] }
}

test(
  'asked again and again: after each commit it is what was committed, and what was told before stays as it was',
  onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    const { outgoing } = store
    const sent = (sender: string) => outgoing.hours(sender, 0).map(({ hour, recipients }) => [hour, recipients])
    assert.deepEqual([sent('one'), sent('other')], [[], []])
    await done(store, counted('one', 5, 2))
    const first = outgoing.hours('one', 0)
    assert.deepEqual([sent('one'), sent('other')], [[[5, 2]], []])
    await done(store, counted('one', 5, 1))
    await done(store, counted('one', 6, 4))
    await done(store, counted('other', 6, 7))
    assert.deepEqual(
      [sent('one'), sent('other'), outgoing.hours('one', 6).length],
      [[[5, 3], [6, 4]], [[6, 7]], 1], // biome-ignore format: rows
    )
    assert.equal(first[0]!.recipients, 2)

    assert.equal(outgoing.standing('one'), undefined)
    await done(store, { kind: 'outgoing.stand', sender: 'one', standing: '{"rung":"slow"}' })
    assert.equal(outgoing.standing('one'), '{"rung":"slow"}')
    await done(store, { kind: 'outgoing.stand', sender: 'one', standing: null })
    assert.equal(outgoing.standing('one'), undefined)

    const met = (day: number) =>
      done(store, { kind: 'acquaintance.put', account: bob, prints: [printOf('carl@far.test')], day })
    const days = () => ['carl@far.test', 'CARL@far.test', 'eve@far.test'].map((one) => outgoing.metDay(bob, one))
    assert.deepEqual(days(), [undefined, undefined, undefined])
    await met(100)
    assert.deepEqual(days(), [100, 100, undefined])
    await met(100 + MET_AGAIN_DAYS)
    assert.deepEqual(days(), [100, 100, undefined], 'noted lately')
    await met(101 + MET_AGAIN_DAYS)
    assert.deepEqual(days(), [131, 131, undefined])
    await done(store, { kind: 'outgoing.prune', beforeHour: 6, likeBeforeHour: 6, beforeDay: 200 })
    assert.deepEqual([days(), sent('one')], [[undefined, undefined, undefined], [[6, 4]]])
  }),
)
