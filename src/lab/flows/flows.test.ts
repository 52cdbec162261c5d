import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import type { SystemPlan } from '../../system/plan.ts'
import { SeededRandom } from '../../world/simulated/random.ts'
import { completed } from '../simulate/completed.ts'
import { USUAL } from '../simulate/senders.ts'
import { type Calibration, calibrate, compare, withFaults } from './calibrate.ts'
import { type CoarseOptions, flows } from './flows.ts'
import { ENDS } from './journeys.ts'
import { passRates } from './parameters.ts'
import { BySize, messagesOf, populationsOf } from './populations.ts'
import { renderCalibration, renderCoarse, renderCompared } from './render.ts'

const SYSTEM = `
Author@anna ==> MSA@office ==> Transmitter@isp --> / --> Receiver/MDA@new ==> Recipient@bob

Author@anna ==> MSA@office ==> Transmitter@isp --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob

office: domain=office.test, population=200000, people=3
isp:    domain=isp.test, population=1000, dmarc=none
old:    domain=old.test, population=5000
new:    domain=new.test, population=20, people=10000
`

const plan: SystemPlan = planSystem(completed(parse(SYSTEM).model).model).plan
const source = { seed: '1', messages: 160, days: 1, mix: USUAL }
const day: CoarseOptions = { seed: '1', messages: 400_000, days: 1, mix: USUAL, outages: 0, byDay: true }
let measured: Promise<Calibration> | undefined
const calibration = () => (measured ??= calibrate(plan, source))

test('parameters come from what the fine level did, and say so', async () => {
  const { parameters, check } = await calibration()
  assert.deepEqual(parameters.source, source)
  assert.notEqual(check.source.seed, source.seed)
  const rate = (kind: string, way: string) => passRates(parameters).find((one) => one.kind === kind && one.way === way)
  // SPF, DKIM, DMARC, ARC: behind the Forwarder its seal is there, and no forgery proves anything.
  assert.deepEqual(rate('honest', '>office>isp>old>new')!.rates, [100, 100, 100, 100])
  assert.deepEqual(rate('honest', '>office>isp>new')!.rates, [100, 100, 100, 0])
  assert.deepEqual(rate('forged', '>new')!.rates, [0, 0, 0, 0])
  assert.ok(parameters.costs['isp old']!.bytes > 1000)
  assert.ok(parameters.costs['bots new']!.connections >= 1)
  assert.ok(parameters.lookups.new! > 1)
  assert.match(
    renderCalibration(await calibration()),
    /measured at the fine level, seed 1, 160 messages in 1 days; held/,
  )
})

test('on the same small system both levels agree, as far as chance lets two days agree', async () => {
  const compared = compare(plan, await calibration())
  assert.ok(compared.deviations.some(({ kind, end }) => kind === 'forged' && end === 'refused'))
  for (const one of compared.deviations) assert.ok(Math.abs(one.points) <= one.chance + 4, JSON.stringify(one))
  // One half goes straight and the other through the Forwarder: the median may be either's.
  for (const one of compared.values)
    assert.ok(Math.abs(one.percent) < (one.what.startsWith('delay, half') ? 60 : 15), JSON.stringify(one))
  assert.match(renderCompared(compared), /honest, inbox +100\.0 % +100\.0 % +\+0\.0/)
})

test('a parameter that is wrong is seen in the deviation', async () => {
  const { parameters, check } = await calibration()
  const acts = Object.fromEntries(
    Object.entries(parameters.acts).map(([key, counts]) => [key, key.startsWith('forged') ? { inbox: 1 } : counts]),
  )
  const compared = compare(plan, { parameters: { ...parameters, acts }, check, faultChecks: {} })
  const forged = compared.deviations.find(({ kind, end }) => kind === 'forged' && end === 'inbox')!
  assert.ok(forged.points > 90, JSON.stringify(forged))
})

test('every message of a day ends somewhere or waits, and the same seed is the same day', async () => {
  const { parameters } = await calibration()
  const populations = populationsOf(plan, { isAsDrawn: false })
  const [one, again, other] = ['1', '1', '2'].map((seed) =>
    flows(populations, parameters, { ...day, seed, outages: 1 }),
  )
  assert.deepEqual(again, one)
  assert.notEqual(other!.flowLogHash, one!.flowLogHash)
  assert.equal(one!.agents, 206_020)
  for (const kind of Object.values(one!.kinds))
    assert.equal(
      ENDS.reduce((sum, end) => sum + kind[end], kind.waiting),
      kind.sent,
    )
  assert.ok(Math.abs(one!.messages - day.messages) < 5000)
  assert.match(renderCoarse(one!), /^206,020 agents, /)
})

test('agents that are away make mail wait where it is, and lose none of it', async () => {
  const { parameters } = await calibration()
  const populations = populationsOf(plan, { isAsDrawn: false })
  const quiet = flows(populations, parameters, day)
  const bad = flows(populations, parameters, { ...day, outages: 5 })
  assert.equal(quiet.populations.isp!.longestQueue, 0)
  assert.ok(bad.populations.isp!.longestQueue > 0)
  assert.ok(bad.delaysS.p99 > quiet.delaysS.p99 + 60, JSON.stringify([bad.delaysS, quiet.delaysS]))
  const { honest, botnet } = bad.kinds
  assert.equal(honest.refused + honest.bounced + honest.unheard + honest.missing, 0)
  assert.ok(honest.waiting < honest.sent / 20)
  // A bot does not come again.
  assert.ok(bad.refusals.some(({ kind, why }) => kind === 'botnet' && why === 'not reached'))
  assert.equal(botnet.waiting, 0)
})

test('what is too much for the connections of an agent waits', async () => {
  const { parameters } = await calibration()
  const narrow = populationsOf(plan, { isAsDrawn: false })
  const populations = narrow.populations.map((one) => (one.id === 'isp' ? { ...one, count: 1, opens: 1 } : one))
  // One connection, and 180,000 messages: about 0.2 s each.
  const { populations: of, kinds } = flows({ ...narrow, populations }, parameters, { ...day, messages: 600_000 })
  assert.ok(of.isp!.longestQueue > 1000, String(of.isp!.longestQueue))
  assert.ok(kinds.honest.waiting > 0)
})

test('large agents have more of the mail, small ones less, and all of it is in proportion', () => {
  const sizes = new BySize(50, new SeededRandom(1, 'sizes'))
  const random = new SeededRandom(1, 'picks')
  const counts = new Map<number, number>()
  for (let n = 0; n < 50_000; n++) {
    const i = sizes.pick(random.float(), random.float())
    counts.set(i, (counts.get(i) ?? 0) + 1)
  }
  const all = [...counts.values()].sort((a, b) => b - a)
  assert.ok(all[0]! > 2500 && all.at(-1)! < 200, String(all))
  assert.equal(Math.max(...counts.keys()) < 50, true)
})

test('how much a day is follows from the people', () => {
  const populations = populationsOf(plan, { isAsDrawn: false })
  assert.equal(messagesOf(populations, { honest: 60, spam: 40 }), Math.round((600_000 * 20 * 100) / 60))
})

test('faults are measured: what goes on at once, how much later, what waits; both levels agree on the very same strikes', async () => {
  const faults = ['outage', 'diskfull', 'slow'] as const
  const calibrated = await withFaults(plan, await calibration(), faults)
  const { outage, slow, diskfull } = calibrated.parameters.faults
  const known = (effects: typeof outage, agent: string) => effects!.agents[agent]!
  assert.equal(known(outage, 'new').known, 0)
  assert.equal(known(outage, 'new').strangers, 0)
  // Who is slow takes it all the same, later.
  assert.equal(known(slow, 'new').known, 1)
  assert.ok(known(slow, 'new').lateS[0]! > 1, JSON.stringify(known(slow, 'new')))
  assert.ok(slow!.cost.busyS > 1, JSON.stringify(slow!.cost))
  assert.ok(known(diskfull, 'new').known < 0.2, JSON.stringify(known(diskfull, 'new')))

  const compared = compare(plan, calibrated)
  assert.deepEqual([...new Set(compared.faults.map(({ fault }) => fault))], faults)
  for (const { fault, what, fine, coarse } of compared.faults) {
    if (what.startsWith('honest')) assert.ok(Math.abs(coarse - fine) < 8, `${fault} ${what}: ${fine} ${coarse}`)
    if (what.startsWith('bytes')) assert.ok(Math.abs(coarse / fine - 1) < 0.3, `${fault} ${what}: ${fine} ${coarse}`)
  }
  assert.match(renderCompared(compared), /\n {2}slow: honest, later than 20 s, % /)

  const populations = populationsOf(plan, { isAsDrawn: false })
  const quiet = flows(populations, calibrated.parameters, day)
  const bad = flows(populations, calibrated.parameters, { ...day, outages: 5, faults: ['slow'] })
  assert.ok(bad.late > quiet.late && bad.cost.busyS > quiet.cost.busyS)
  assert.equal(bad.kinds.honest.refused + bad.kinds.honest.missing, 0)
})
