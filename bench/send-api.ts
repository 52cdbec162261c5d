// What a message costs that comes by the sending API, beside SMTP submission: 2 KB each, durable in the queue before the
// answer; JSON, the same once by its key, as it is, and a hundred in one batch. Nothing is carried out meanwhile. The CPU is
// that of the process with the agent and its web server; the load is another. A quiet machine, please.
//
//   node bench/send-api.ts [messages] [at once]

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parse } from '../src/notation/parse.ts'
import { RunningAgent } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { backendsOf } from '../src/system/web.ts'
import { createWeb } from '../src/web/server.ts'
import { httpServer } from '../src/world/real/http.ts'
import { realWorld } from '../src/world/real/world.ts'

const ANNA = 'anna@sender.test'
const BASIC = `Basic ${Buffer.from(`${ANNA}:demo`).toString('base64')}`
const DESCRIPTION = `
Author@anna ==> MSA/Transmitter@sender --> /
sender: domain=sender.test, ip=127.0.10.1, network=127.0.0.0/8
anna: address=${ANNA}, password=demo, bulk=yes
`
const WAYS = ['smtp', 'json', 'json with a key', 'raw', 'batch of 100'] as const
const TEXT = `${'All the same words in every line of it, as always.\r\n'.repeat(36)}`
const BATCH = 100

interface Order {
  readonly way: (typeof WAYS)[number]
  readonly smtp: number
  readonly web: number
  readonly messages: number
  readonly atOnce: number
}

if (process.argv[2] === 'load') process.on('message', (order) => void load(order as Order))
else await measure(Number(process.argv[2] ?? 4000), Number(process.argv[3] ?? 8))

async function measure(messages: number, atOnce: number): Promise<void> {
  // Not /tmp, which may be memory.
  const folder = mkdtempSync(join(process.cwd(), '.bench-send-api-'))
  const loader = fork(import.meta.filename, ['load'])
  try {
    const plan = planSystem(parse(DESCRIPTION).model).plan.agents[0]!
    const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
    const world = realWorld({ folder, dns })
    const running = await RunningAgent.start(plan, world, { iterations: 4096, transmitterPort: 25, log: () => {} })
    const smtp = (await running.open('submission', { address: '127.0.0.1', port: 0 })).port
    const web = createWeb({ world, serverFactory: httpServer, backends: backendsOf([running]) })
    const at = { smtp, web: Number(new URL(await web.listen({ host: '127.0.0.1', port: 0 })).port), atOnce }
    for (const way of WAYS) {
      for (const count of [500, messages]) {
        const before = process.cpuUsage()
        loader.send({ ...at, way, messages: count } satisfies Order)
        const [ms] = (await once(loader, 'message')) as [number]
        const { user, system } = process.cpuUsage(before)
        if (count !== messages) continue
        const cpu = Math.round((user + system) / count)
        console.log(`${way}: ${Math.round((count * 1000) / ms)} messages/s, ${cpu} µs CPU each`)
      }
    }
    await web.close()
    await running.stop(0)
  } finally {
    loader.kill()
    rmSync(folder, { recursive: true })
  }
}

let sent = 0

async function load({ way, smtp, web, messages, atOnce }: Order): Promise<void> {
  const began = performance.now()
  let left = messages
  const keepAlive = new Agent({ keepAlive: true, maxSockets: atOnce })
  const worker = async () => {
    const session = way === 'smtp' ? await openSmtp(smtp) : undefined
    while (left > 0) {
      const count = way === 'batch of 100' ? Math.min(BATCH, left) : 1
      left -= count
      const n = ++sent
      if (session) await session(n)
      else await post(keepAlive, web, way, n, count)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  keepAlive.destroy()
  process.send!(performance.now() - began)
}

async function openSmtp(port: number): Promise<(n: number) => Promise<void>> {
  const socket = connect(port, '127.0.0.1')
  const say = async (text: string, code: string) => {
    if (text !== '') socket.write(text)
    for (let heard = ''; ; ) {
      heard += String((await once(socket, 'data'))[0])
      if (!/^\d{3} .*\r\n$/m.test(heard)) continue
      if (!heard.trimEnd().split('\r\n').at(-1)!.startsWith(code)) throw new Error(heard)
      return
    }
  }
  await say('', '220')
  await say('EHLO load\r\n', '250')
  return async (n) => {
    await say(`MAIL FROM:<${ANNA}>\r\n`, '250')
    await say(`RCPT TO:<p${n % 50}@far.test>\r\n`, '250')
    await say('DATA\r\n', '354')
    await say(`From: ${ANNA}\r\nTo: p${n % 50}@far.test\r\nSubject: Number ${n}\r\n\r\n${TEXT}.\r\n`, '250')
  }
}

async function post(agent: Agent, port: number, way: Order['way'], n: number, count: number): Promise<void> {
  const to = `p${n % 50}@far.test`
  const letter = { from: ANNA, subject: `Number ${n}`, text: TEXT }
  const isRaw = way === 'raw'
  const messages = Array.from({ length: count }, (_, at) => ({ to: `p${at % 50}@far.test` }))
  const body = isRaw
    ? `From: ${ANNA}\r\nTo: ${to}\r\nSubject: Number ${n}\r\n\r\n${TEXT}`
    : JSON.stringify(way === 'batch of 100' ? { ...letter, messages } : { ...letter, to })
  const path = isRaw ? '/api/send/raw' : way === 'batch of 100' ? '/api/send/batch' : '/api/send'
  const headers = {
    ...{ authorization: BASIC, 'content-type': isRaw ? 'message/rfc822' : 'application/json' },
    'content-length': Buffer.byteLength(body),
    ...(way === 'json with a key' && { 'idempotency-key': `key-${n}` }),
  }
  const asked = request({ agent, port, host: '127.0.0.1', method: 'POST', path, headers }).end(body)
  const [answer] = await once(asked, 'response')
  let said = ''
  for await (const chunk of answer) said += chunk
  if (answer.statusCode > 202) throw new Error(said)
}
