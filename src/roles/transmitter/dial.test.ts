import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, NetworkError, type Stream } from '../../world/network.ts'
import { simulate } from '../../world/simulated/simulation.ts'
import { dial } from './dial.ts'

const TIMEOUT_MS = 30_000
type Fate = 'refuses' | 'is silent' | number

/** A network whose addresses answer after so many milliseconds, refuse, or never do; when each was tried. */
function scene(fates: Readonly<Record<string, Fate>>) {
  const simulation = simulate({ seed: 1 })
  const { clock } = simulation.host('here', ['192.0.2.100']).world
  const tried: string[] = []
  const left: string[] = []
  const network = {
    connect: async ({ address }: Endpoint) => {
      tried.push(`${address} ${Math.round(clock.monotonic())}`)
      const fate = fates[address]!
      if (fate === 'refuses') throw new NetworkError('refused', `${address} refuses`)
      await clock.sleep(fate === 'is silent' ? TIMEOUT_MS : fate)
      if (fate === 'is silent') throw new NetworkError('timeout', `${address} is silent`)
      return { destroy: () => void left.push(address) } as unknown as Stream
    },
  } as unknown as Parameters<typeof dial>[0]['network']
  const endpoints = Object.keys(fates).map((address) => ({ address, port: 25 }))
  const run = async () => {
    const { endpoint, stream, failed, error } = await simulation.finish(dial({ network, clock }, endpoints, TIMEOUT_MS))
    return { by: stream && endpoint.address, failed: failed.map(({ address }) => address), error: error?.message }
  }
  return { run, tried, left, simulation }
}

test('one that answers soon is asked alone', async () => {
  const { run, tried, left, simulation } = scene({ a: 100, b: 10 })
  assert.equal((await run()).by, 'a')
  await simulation.runFor(1000)
  assert.deepEqual([tried, left], [['a 0'], []])
})

test('one that is silent costs a moment, one that refuses none; who answers late is left', async () => {
  const { run, tried, left, simulation } = scene({ a: 'is silent', b: 'refuses', c: 400, d: 10 })
  assert.deepEqual(await run(), { by: 'd', failed: ['b'], error: undefined })
  assert.deepEqual(tried, ['a 0', 'b 250', 'c 250', 'd 500'])
  await simulation.runFor(60_000)
  assert.deepEqual(left, ['c'])
})

test('when nobody answers, that is said once all have been asked, and few at a time are', async () => {
  const fates = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`a${i}`, 'is silent' as const]))
  const { run, tried } = scene(fates)
  const { by, failed, error } = await run()
  assert.deepEqual([by, failed.length, error], [undefined, 9, 'a8 is silent'])
  assert.deepEqual(tried.filter((line) => Number(line.split(' ')[1]) < TIMEOUT_MS).length, 4)
})
