// How many messages a second the store keeps, each durable before its commit resolves: 5 KB and 50 KB messages, at 1,
// 10 and 100 in flight, spread over 1,000 accounts. Plain output; run on a disk that is otherwise quiet.

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../src/store/embedded.ts'
import { delivery, makeAccount } from '../src/store/testing.ts'
import { realWorld } from '../src/world/real/world.ts'

const runMs = Number(process.argv[2] ?? 2000)
// Not /tmp, which may be memory.
const folder = mkdtempSync(join(process.cwd(), '.bench-store-'))
const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })
try {
  const store = await openStore(world)
  const accounts = await Promise.all(Array.from({ length: 1000 }, (_, i) => makeAccount(store, `user${i}@here.test`)))
  for (const sizeBytes of [5_000, 50_000]) {
    const filler = 'x'.repeat(sizeBytes - 20)
    for (const inFlight of [1, 10, 100]) {
      const latenciesMs: number[] = []
      const cpuBefore = process.cpuUsage()
      const start = performance.now()
      const worker = async () => {
        while (performance.now() - start < runMs) {
          const account = accounts[world.random.integer(accounts.length)]!
          const began = performance.now()
          const text = `${world.random.float()}`.padEnd(20) + filler
          await store.commit([await delivery(store, account, text)])
          latenciesMs.push(performance.now() - began)
        }
      }
      await Promise.all(Array.from({ length: inFlight }, worker))
      const seconds = (performance.now() - start) / 1000
      const cpu = process.cpuUsage(cpuBefore)
      latenciesMs.sort((a, b) => a - b)
      const at = (part: number) => latenciesMs[Math.floor(latenciesMs.length * part)]?.toFixed(2)
      const each = ((cpu.user + cpu.system) / latenciesMs.length).toFixed(0)
      const rate = Math.round(latenciesMs.length / seconds)
      console.log(
        `${sizeBytes / 1000} KB, ${inFlight} in flight: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${each} us CPU`,
      )
    }
  }
  await store.close()
} finally {
  rmSync(folder, { recursive: true })
}
