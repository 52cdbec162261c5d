// A queue of N messages, nine tenths of them for a place that takes connections and says nothing, the rest spread over a
// hundred others that are away too: how long it takes to put them in, what the process holds in memory meanwhile, what the
// store's questions cost, and how fast mail to a living place goes through while they lie there. The embedded store, or with
// POSTGRES=postgres://… a shared one; POSTGRES=own starts a PostgreSQL for this run (Debian: postgresql).
//
//   node bench/queue.ts [messages]

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { parse } from '../src/notation/parse.ts'
import { queueCommand } from '../src/roles/routing.ts'
import { INTERNET_PORTS } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { startSystem } from '../src/system/start.ts'
import { realWorld } from '../src/world/real/world.ts'
import { testPostgres } from '../src/world/testing/postgres.ts'

const count = Number(process.argv[2] ?? 100_000)
const PROBES = 1000
const BATCH = 500
const SMTP_PORT = 4525
const ALIVE_IP = '127.0.50.1'
const SILENT_IP = '127.0.50.2'
const AWAY_IP = '127.0.50.3'
const own = process.env.POSTGRES === 'own' ? await testPostgres() : undefined
if (process.env.POSTGRES === 'own' && own === undefined) throw new Error('PostgreSQL is not installed')
const url = own?.url ?? process.env.POSTGRES
const shared = url === undefined ? '' : `, store="${url}"`
const DESCRIPTION = `
Author@anna ==> MSA/Transmitter@sender --> /
sender: domain=sender.test, ip=127.0.10.1, dkim=no${shared}
anna: address=anna@sender.test
`
const hostOf = (name: string) => (name === 'alive.test' ? ALIVE_IP : name === 'silent.test' ? SILENT_IP : AWAY_IP)
const folder = mkdtempSync(join(process.cwd(), '.bench-queue-'))
const seen = { taken: 0 }
const silent = createServer(() => {}).listen(SMTP_PORT, SILENT_IP)
const alive = createServer({ noDelay: true }, (socket) => {
  let text = ''
  let isData = false
  socket.write('220 alive.test\r\n')
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
    let said = ''
    for (;;) {
      const end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n')
      if (end < 0) break
      const word = isData ? '' : text.slice(0, 4)
      text = text.slice(end + (isData ? 5 : 2))
      if (isData) seen.taken++
      isData = word === 'DATA'
      said += isData ? '354 go on\r\n' : word === 'EHLO' ? '250-alive.test\r\n250 PIPELINING\r\n' : '250 ok\r\n'
    }
    socket.write(said)
  })
}).listen(SMTP_PORT, ALIVE_IP)

/** Of its own: pages of files are the machine's cache. */
const megabytes = () => {
  const [, kilobytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Math.round(kilobytes === undefined ? process.memoryUsage.rss() / 1024 / 1024 : Number(kilobytes) / 1024)
}
const seconds = (ms: number) => (ms / 1000).toFixed(1)

try {
  const system = await startSystem(planSystem(parse(DESCRIPTION).model).plan, {
    worldOf: ({ id }) =>
      realWorld({
        folder: join(folder, id),
        dns: () => ({
          resolve: async (name: string, type: string) =>
            type === 'A'
              ? { status: 'records' as const, records: [hostOf(name)] as never, ttlS: 60, authenticated: false }
              : { status: 'no-data' as const, authenticated: false },
        }),
      }),
    ports: { ...INTERNET_PORTS, smtp: SMTP_PORT, submission: 4587, submissions: 4465 },
    search: false,
    iterations: 4096,
    log: (agent, level, text) => level === 'error' && console.error(`${agent}: ${text}`),
  })
  const { agent } = system.agents[0]!
  const { store } = agent
  const blob = await store.putBlob([Buffer.from(`From: anna@sender.test\r\n\r\n${'x'.repeat(2000)}\r\n`)])
  const mail = { blob, reversePath: 'anna@sender.test', parameters: {}, origin: 'msa' } as const
  const put = (trace: string, to: string) => queueCommand(agent, { ...mail, trace }, to)
  await store.commit([put('first', 'x@alive.test')])
  const idle = await through('idle')
  const before = megabytes()
  const beganMs = performance.now()
  let most = before
  for (let n = 0; n < count; n += BATCH) {
    const length = Math.min(BATCH, count - n)
    const to = (i: number) => (i % 10 === 0 ? `x@away${(i / 10) % 100}.test` : 'x@silent.test')
    await store.commit(Array.from({ length }, (_, i) => put(`t${n + i}`, to(n + i))))
    most = Math.max(most, megabytes())
  }
  const tookMs = performance.now() - beganMs
  console.log(
    `${count} messages queued in ${seconds(tookMs)} s (${Math.round((1000 * count) / tookMs)}/s); memory ${before} MB before, ${most} MB at most, ${megabytes()} MB after`,
  )
  const questions: Record<string, () => unknown> = {
    'the domains that are due': () => store.queue.lanesDue('', Date.now(), 200),
    'when something is due': () => store.queue.nextDueMs(),
    'a page of the largest': () => store.queue.due({ domain: 'silent.test', share: '' }, Date.now(), 100),
    'how many there are': () => store.queue.length(),
  }
  for (const [name, ask] of Object.entries(questions)) {
    const startMs = performance.now()
    for (let n = 0; n < 20; n++) ask()
    console.log(`  ${name}: ${((performance.now() - startMs) / 20).toFixed(2)} ms`)
  }
  const full = await through(`with ${count} queued`)
  console.log(
    `  ${(full / idle).toFixed(2)} times as long; memory ${megabytes()} MB; ${store.queue.length()} in the queue`,
  )
  const stopMs = performance.now()
  await system.stop()
  console.log(`stopped in ${seconds(performance.now() - stopMs)} s`)

  /** Puts in one after another, each once the one before has arrived; milliseconds of the slowest twentieth. */
  async function through(when: string): Promise<number> {
    const waits: number[] = []
    for (let n = 0; n < PROBES; n++) {
      const startMs = performance.now()
      const wanted = seen.taken + 1
      await store.commit([put(`p${when}${n}`, 'x@alive.test')])
      while (seen.taken < wanted) await new Promise((resolve) => setImmediate(resolve))
      waits.push(performance.now() - startMs)
    }
    waits.sort((a, b) => a - b)
    const at = (part: number) => waits[Math.floor(waits.length * part)]!
    console.log(`one message through, ${when}: p50 ${at(0.5).toFixed(2)} ms, p95 ${at(0.95).toFixed(2)} ms`)
    return at(0.95)
  }
} finally {
  silent.close()
  alive.close()
  rmSync(folder, { recursive: true })
  await own?.end()
}
process.exit()
