// Counting: nothing is written for each message, all of it each minute, and what the disk refuses is not lost.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import { checkStore } from '../../store/upkeep/check.ts'
import { DiskError } from '../../world/disk.ts'
import { testWorld } from '../../world/testing.ts'
import { Observations, type TlsSessionRow } from './observations.ts'

const good: TlsSessionRow = { policy: 'no-policy-found', result: 'success', sendingIp: '', mx: '', ip: '' }
const failed = (n: number): TlsSessionRow => ({ ...good, result: 'validation-failure', detail: `fault ${n}` })

test('a thousand sessions are a few rows, written together after a minute; a refusing disk gets them later', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const said: string[] = []
    const log = (_level: string, text: string) => void said.push(text)
    const observations = new Observations({ clock: world.clock, store, secret: Buffer.alloc(32), log })
    const seen = () => store.reports.days(0, 10).map(({ domain, messages, worthy }) => [domain, messages, worthy])
    for (let n = 0; n < 1000; n++) observations.session(n % 2 ? 'a.test' : 'b.test', good, n % 4 > 0)
    await world.clock.sleep(30_000)
    assert.deepEqual(seen(), [])
    await world.clock.sleep(40_000)
    assert.deepEqual(seen(), [
      ['a.test', 500, 500],
      ['b.test', 500, 250],
    ])
    assert.equal(store.reports.rows({ kind: 'tls', domain: 'a.test', day: dayOf(world.clock.now()) }).length, 1)
    const refuse = () => Promise.reject(new DiskError('full', 'no space'))
    mock.method(store, 'commit', refuse, { times: 1 })
    for (let n = 0; n < 1200; n++) observations.session('a.test', failed(n), true)
    await world.clock.sleep(70_000)
    assert.equal(said.length, 1)
    observations.session('a.test', good, true)
    await world.clock.sleep(70_000)
    assert.deepEqual(seen()[0], ['a.test', 1701, 1701])
    // An address literal has no DNS that could ask for reports; what comes after the stop is not counted.
    observations.session('[192.0.2.1]', good, true)
    observations.session('b.test', good, true)
    await observations.stop()
    observations.session('b.test', good, true)
    assert.deepEqual(seen()[1], ['b.test', 501, 251])
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test('reports leave spread over the night, at a moment that a restart does not change', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const parts = { clock: world.clock, store, secret: Buffer.alloc(32), log: () => {} }
    const dueOf = async (domain: string) => {
      const observations = new Observations(parts)
      observations.session(domain, good, true)
      await observations.stop()
      return store.reports.days(0, 1000).find((duty) => duty.domain === domain)!.dueMs
    }
    const midnightMs = (dayOf(world.clock.now()) + 1) * 86_400_000
    const due: number[] = []
    for (let n = 0; n < 50; n++) due.push((await dueOf(`d${n}.test`)) - midnightMs)
    assert.ok(due.every((ms) => ms >= 600_000 && ms <= 600_000 + 4 * 3_600_000))
    assert.ok(new Set(due).size > 45)
    assert.equal((await dueOf('d0.test')) - midnightMs, due[0])
    await store.close()
  })
})

const dayOf = (ms: number) => Math.floor(ms / 86_400_000)
