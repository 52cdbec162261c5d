// How long it takes to make a store's database anew from its bodies and its journal: 100,000 messages (or as many as the
// first argument says) of 5 KB in 1,000 accounts, the database deleted, rebuilt, verified. Plain output.

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../src/store/embedded.ts'
import { delivery, makeAccount, summary } from '../src/store/testing.ts'
import { rebuildStore } from '../src/store/upkeep/rebuild.ts'
import { verifyStore } from '../src/store/upkeep/verify.ts'
import { realWorld } from '../src/world/real/world.ts'

const messages = Number(process.argv[2] ?? 100_000)
// Not /tmp, which may be memory.
const folder = mkdtempSync(join(process.cwd(), '.bench-rebuild-'))
const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await work()
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return result
}

try {
  await timed(`${messages} messages delivered`, async () => {
    const store = await openStore(world)
    const accounts = await Promise.all(Array.from({ length: 1000 }, (_, n) => makeAccount(store, `user${n}@here.test`)))
    let count = 0
    const worker = async () => {
      while (count < messages) {
        const n = count++
        const about = summary({ subject: `Message ${n}`, messageId: [`<${n}@sender.test>`] })
        await store.commit([await delivery(store, accounts[n % 1000]!, `${n} `.padEnd(5000, 'x'), { summary: about })])
      }
    }
    await Promise.all(Array.from({ length: 100 }, worker))
    await store.close()
  })
  rmSync(join(folder, 'store/store.db'))
  const { emails, lost, last } = await timed('rebuilt', () => rebuildStore(world))
  const { findings } = await timed('verified, every body read', () => verifyStore(world))
  console.log(`${emails} emails, ${lost.length} bodies lost, ${findings.length} findings, ${last} records`)
} finally {
  rmSync(folder, { recursive: true })
}
