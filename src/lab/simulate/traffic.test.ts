import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import { completed } from './completed.ts'
import { FAULTS, type Fault } from './faults.ts'
import { plotWaiting } from './plot.ts'
import { renderTraffic } from './render.ts'
import { type TrafficResult, traffic } from './traffic.ts'
import { simulatedStage } from './world.ts'

const SYSTEM = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@new ==> Recipient@bob

Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob

--> / --> Receiver/MDA@sender ==> Recipient@anna
`

async function days(seed: number, messages: number, faults: readonly Fault[] = []): Promise<TrafficResult> {
  const { plan, findings } = planSystem(completed(parse(SYSTEM).model).model)
  assert.deepEqual(findings, [])
  return traffic(await simulatedStage(plan, { seed }), { messages, days: 1, faults })
}

test('a quiet day: honest mail arrives within seconds, forgeries are refused, and the numbers add up', async () => {
  const result = await days(1, 200)
  const { honest, forged } = result.kinds
  assert.equal(
    Object.values(result.kinds).reduce((sum, { sent }) => sum + sent, 0),
    200,
  )
  for (const kind of Object.values(result.kinds)) {
    const { sent, inbox, junk, refused, bounced, missing } = kind
    assert.equal(inbox + junk + refused + bounced + missing, sent)
  }
  assert.equal(honest.inbox, honest.sent)
  assert.equal(forged.inbox, 0)
  assert.ok(forged.refused > 0)
  assert.ok(result.delaysS.max < 10, JSON.stringify(result.delaysS))
  assert.equal(result.faults.length, 0)
  assert.ok(result.refusals.some(({ kind, why }) => kind === 'forged' && why.startsWith('550 5.7.26')))
})

test('a bad day: everything goes wrong, and what was taken arrives, or somebody hears of it', async () => {
  const result = await days(2, 200, FAULTS)
  const { honest } = result.kinds
  assert.deepEqual(new Set(result.faults.map(({ fault }) => fault)), new Set(FAULTS))
  assert.equal(honest.missing, 0, renderTraffic(result))
  assert.equal(honest.inbox + honest.junk + honest.bounced + honest.refused, honest.sent)
  assert.ok(honest.inbox > 0.9 * honest.sent, renderTraffic(result))
  assert.ok(result.delaysS.max > 60, JSON.stringify(result.delaysS))
  assert.ok(Object.values(result.longestQueue).some((length) => length > 0))
  const svg = plotWaiting(result.queues, result.days)
  assert.match(svg, /^<svg [^>]+>\n<title>Messages waiting in queues<\/title>/)
  assert.equal(
    svg.match(/<polyline /g)!.length,
    Object.values(result.longestQueue).filter((length) => length > 0).length,
  )
  assert.match(renderTraffic(result), /What went wrong:\n/)
})

test('trouble is felt in the delays of honest mail, and none of it is lost', async () => {
  const quiet = await days(3, 300)
  assert.deepEqual([quiet.duplicates, quiet.faults.length], [0, 0])
  for (const fault of ['outage', 'dns', 'slow'] as const) {
    const { kinds, delaysS, faults, cost, costs } = await days(3, 300, [fault])
    const { honest } = kinds
    assert.deepEqual(new Set(faults.map((one) => one.fault)), new Set([fault]))
    assert.ok(delaysS.max > quiet.delaysS.max + 1, `${fault}: ${JSON.stringify(delaysS)}`)
    assert.ok(delaysS.p50 <= delaysS.p90 && delaysS.p90 <= delaysS.p99 && delaysS.p99 <= delaysS.max)
    assert.deepEqual([honest.missing, honest.unheard], [0, 0], fault)
    // What connections and bytes cost is of the same size: trouble makes mail late, not dear.
    assert.ok(cost.bytes > 0.9 * quiet.cost.bytes && cost.bytes < 2 * quiet.cost.bytes, `${fault}: ${cost.bytes}`)
    assert.deepEqual(Object.keys(costs), ['sender', 'new', 'old'])
  }
})

test('notices to hosts that do not listen are waited for as long as they are tried, in as many steps as there are tries', async () => {
  const text = `
    --> / --> Open Relay@relay --> / --> Receiver/MDA@victim ==> Recipient@vera

    relay: domain=relay.test, ip=127.0.40.1
    victim: deny=127.0.40.1`
  const stage = await simulatedStage(planSystem(completed(parse(text).model).model).plan, { seed: 1 })
  const { simulation } = stage.system
  const { run } = simulation
  let steps = 0
  simulation.run = (until) => {
    steps++
    return run.call(simulation, until)
  }
  const result = await traffic(stage, { messages: 12, days: 0.1, faults: [], mix: { honest: 100 } })
  assert.equal(result.kinds.honest.bounced, 12)
  assert.ok(simulation.nowMs > 4 * 86_400_000, 'the notices were tried for days')
  assert.ok(steps < 2000, `${steps} steps, ${simulation.nowMs}`)
})

test('a day that is ended tells what was until then, and goes on no more', async () => {
  const { plan } = planSystem(completed(parse(SYSTEM).model).model)
  const stage = await simulatedStage(plan, { seed: 4 })
  const { simulation } = stage.system
  const startMs = simulation.nowMs
  const isEnough = () => simulation.nowMs - startMs > 6 * 3_600_000
  const result = await traffic(stage, { messages: 200, days: 1, faults: FAULTS, isEnough })
  assert.deepEqual(result.stopped, { messages: 200, days: 1 })
  assert.ok(result.days >= 0.25 && result.days < 0.26, String(result.days))
  const sent = Object.values(result.kinds).reduce((sum, one) => sum + one.sent, 0)
  assert.equal(result.messages, sent)
  assert.ok(sent > 20 && sent < 100, String(sent))
  assert.ok(result.kinds.honest.inbox > 0)
  assert.ok(result.queues.every(({ atMs }) => atMs <= 0.26 * 86_400_000))
  const atEndMs = simulation.nowMs
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(simulation.nowMs, atEndMs)
})

test('an agent with several relays says how much each of them had', async () => {
  const text = SYSTEM.replace('MSA/Transmitter@sender -->', 'MSA/Transmitter@sender*12 -->')
  const { plan } = planSystem(completed(parse(text).model).model)
  const result = await traffic(await simulatedStage(plan, { seed: 1 }), { messages: 20, days: 1, faults: [] })
  assert.deepEqual(result.relays, { sender: 12 })
  assert.match(renderTraffic(result), /, each of its 12 relays \d+(?:\.\d)? messages in or out\n/)
})

test('the same seed is the same day to the byte, another seed another day', async () => {
  const [one, again, other] = [await days(5, 60, FAULTS), await days(5, 60, FAULTS), await days(6, 60, FAULTS)]
  assert.deepEqual(again, one)
  assert.notEqual(other.eventLogHash, one.eventLogHash)
})
