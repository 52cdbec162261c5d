// How fast the simulated world is, how many agents fit into one process, and that the cost grows linearly with messages: a day of
// traffic through the demo's system with ever more messages, then through a description of very many agents
// (bench/large-system.ts). By the clock and by CPU time, because the machine may have other things to do.
//
//   npm run bench:simulate -- [most messages] [agents] [messages of a day of the large system]…
//
// A million in one process, alone on the machine (it tells each minute how far the day has come):
//
//   npm run bench:simulate -- 0 10000 1000000

import { readFileSync } from 'node:fs'
import { traffic } from '../src/lab/simulate/traffic.ts'
import { simulatedStage } from '../src/lab/simulate/world.ts'
import { parse } from '../src/notation/parse.ts'
import { planSystem } from '../src/system/description.ts'
import type { SystemPlan } from '../src/system/plan.ts'
import { largeSystem } from './large-system.ts'

const [most = 8000, agents = 0, ...large] = process.argv.slice(2).map(Number)

const COLUMNS = {
  agents: 6,
  messages: 8,
  'agents start in s': 17,
  'their CPU s': 11,
  seconds: 8,
  'CPU s': 8,
  'per second': 10,
  'per CPU second': 14,
  'ms CPU each': 11,
  'events each': 11,
  MB: 6,
}
const row = (cells: readonly string[]) =>
  console.log(cells.map((cell, i) => cell.padStart(Object.values(COLUMNS)[i]!)).join('  '))

function lap() {
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return { clockS: (performance.now() - startMs) / 1000, cpuS: (user + system) / 1e6 }
  }
}

const TELL_EVERY_MS = 60_000
const megabytes = () => (process.memoryUsage.rss() / 1e6).toFixed(0)

async function day(plan: SystemPlan, messages: number): Promise<void> {
  const starting = lap()
  const stage = await simulatedStage(plan, { seed: 1, mail: 'counted' })
  const start = starting()
  const passing = lap()
  const { simulation } = stage.system
  const telling = setInterval(() => {
    const hour = (simulation.nowMs / 3_600_000).toFixed(1)
    console.error(`${hour} h of the day, ${megabytes()} MB, ${passing().clockS.toFixed(0)} s`)
  }, TELL_EVERY_MS)
  const { eventsPerMessage, kinds, eventLogHash } = await traffic(stage, { messages, days: 1, faults: [] })
  clearInterval(telling)
  const { clockS, cpuS } = passing()
  row([
    String(plan.agents.length),
    String(messages),
    start.clockS.toFixed(1),
    start.cpuS.toFixed(1),
    clockS.toFixed(1),
    cpuS.toFixed(1),
    (messages / clockS).toFixed(0),
    (messages / cpuS).toFixed(0),
    ((1000 * cpuS) / messages).toFixed(2),
    String(eventsPerMessage),
    megabytes(),
  ])
  const { honest } = kinds
  if (honest.inbox + honest.junk + honest.refused + honest.bounced !== honest.sent)
    throw new Error(`of ${honest.sent} honest messages ${honest.missing} are missing (${eventLogHash})`)
}

row(Object.keys(COLUMNS))
const demo = readFileSync(new URL('../src/system/demo.borderpost', import.meta.url), 'utf8')
for (let messages = 500; messages <= most; messages *= 2) await day(planSystem(parse(demo).model).plan, messages)
if (agents > 0) {
  const reading = lap()
  const { plan, findings } = planSystem(parse(largeSystem(agents)).model)
  if (findings.length > 0) throw new Error(findings[0]!.message)
  const { clockS, cpuS } = reading()
  console.log(`\n${plan.agents.length} agents: read and planned in ${clockS.toFixed(1)} s (CPU ${cpuS.toFixed(1)} s)`)
  for (const messages of large) await day(plan, messages)
}
