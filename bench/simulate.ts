// How fast the simulated world is, and that its cost grows linearly: days of traffic through the demo's system, one
// process, ever more messages. Prints messages a second of real time, CPU and events for each message, memory.
//
//   npm run bench:simulate -- [most messages]

import { readFileSync } from 'node:fs'
import { traffic } from '../src/lab/simulate/traffic.ts'
import { simulatedStage } from '../src/lab/simulate/world.ts'
import { parse } from '../src/notation/parse.ts'
import { planSystem } from '../src/system/description.ts'

const most = Number(process.argv[2] ?? 8000)
const text = readFileSync(new URL('../src/system/demo.borderpost', import.meta.url), 'utf8')
const { plan } = planSystem(parse(text).model)

console.log('messages  per second  ms CPU each  events each  MB')
for (let messages = 500; messages <= most; messages *= 2) {
  const before = process.cpuUsage()
  const startMs = performance.now()
  const stage = await simulatedStage(plan, { seed: 1 })
  const { eventsPerMessage } = await traffic(stage, { messages, days: Math.max(1, messages / 20_000), faults: [] })
  const tookMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(before)
  const cells = [
    String(messages).padStart(8),
    (messages / (tookMs / 1000)).toFixed(0).padStart(10),
    ((user + system) / 1000 / messages).toFixed(2).padStart(11),
    String(eventsPerMessage).padStart(11),
    (process.memoryUsage().rss / 1e6).toFixed(0).padStart(6),
  ]
  console.log(cells.join('  '))
}
