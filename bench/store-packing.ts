// What packing saves, and what it costs: every file of a folder of mail is a message of a new store (as often as it takes to
// fill two segments, each time a little different), which is packed; all are read before and after. Plain output.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SEGMENT_BYTES } from '../src/store/bodies/blobs.ts'
import { compact } from '../src/store/bodies/compact.ts'
import { openStore } from '../src/store/embedded.ts'
import { delivery, makeAccount } from '../src/store/testing.ts'
import { realWorld } from '../src/world/real/world.ts'

const corpus = process.argv[2]
if (corpus === undefined) throw new Error('Name a folder of mail, one message a file.')
const files = readdirSync(corpus, { recursive: true, encoding: 'utf8' }).filter((name) =>
  statSync(join(corpus, name)).isFile(),
)
const messages = files.map((name) => readFileSync(join(corpus, name)))
// Not /tmp, which may be memory.
const folder = mkdtempSync(join(process.cwd(), '.bench-store-'))
const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })
try {
  const store = await openStore(world)
  const bob = await makeAccount(store)
  let bytes = 0
  for (let round = 0; bytes < 2.2 * SEGMENT_BYTES; round++) {
    for (let at = 0; at < messages.length; at += 100) {
      const some = messages
        .slice(at, at + 100)
        .map((one, n) => Buffer.concat([Buffer.from(`X-Round: ${round} ${at + n}\r\n`), one]))
      for (const one of some) bytes += one.length
      await store.commit(await Promise.all(some.map((one) => delivery(store, bob, one))))
    }
  }
  const kept = () => {
    const names = readdirSync(join(folder, 'store/bodies'), { recursive: true, encoding: 'utf8' })
    return names.reduce((sum, name) => sum + statSync(join(folder, 'store/bodies', name)).size, 0)
  }
  const read = async () => {
    const emails = store.emails(bob, store.listEmails(bob, {}, 'oldest'))
    const start = performance.now()
    const cpu = process.cpuUsage()
    for (const { blob } of emails) await store.readBlob(blob)
    const { user, system } = process.cpuUsage(cpu)
    const each = (us: number) => (us / emails.length).toFixed(0)
    return `${emails.length} bodies read one after another: ${each((performance.now() - start) * 1000)} us, ${each(user + system)} us CPU each`
  }
  console.log(
    `${messages.length} messages, ${(bytes / 2 ** 20).toFixed(0)} MB in ${(kept() / 2 ** 20).toFixed(0)} MB; ${await read()}`,
  )
  const cpu = process.cpuUsage()
  const start = performance.now()
  const { packed } = await compact(store)
  const { user, system } = process.cpuUsage(cpu)
  console.log(
    `packed ${packed} in ${((performance.now() - start) / 1000).toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s CPU: ${(kept() / 2 ** 20).toFixed(0)} MB (the last segment is not packed yet); ${await read()}`,
  )
  await store.close()
} finally {
  rmSync(folder, { recursive: true })
}
