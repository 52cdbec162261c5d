// How many messages a second one MSA/Transmitter carries out: 2 KB each, submitted on loopback from the local network, each
// durable in the queue before its 250, then by the Transmitter to a sink that takes everything, over kept connections; without
// a signature and with DKIM (rsa-2048 and ed25519). Figures are from the first submission to the last message in the sink.
// One process, whose CPU is printed; the load and the sink are others. A quiet machine, please.
//
//   npm run bench:outbound -- [messages] [sessions] [signed | unsigned]
//   npm run bench:outbound -- peers FOLDER [messages] [sessions] [rounds]   (beside Postfix: outbound-peers.ts)

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { parse } from '../src/notation/parse.ts'
import type { ZoneRecord } from '../src/protocols/dns/zone.ts'
import { INTERNET_PORTS } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { startSystem } from '../src/system/start.ts'
import { labZone } from '../src/system/zones.ts'
import type { DnsAnswer, DnsRecords, DnsType } from '../src/world/dns.ts'
import { realWorld } from '../src/world/real/world.ts'

const SENDER_IP = '127.0.10.1'
const AUTHOR_IP = '127.0.99.1'
const SINK_IP = '127.0.50.1'
const SMTP_PORT = 4525
const DESTINATIONS = 10
const MESSAGE_BYTES = 2048
const DESCRIPTION = (signs: boolean) => `
Author@anna ==> MSA/Transmitter@sender --> /
sender: domain=sender.test, ip=${SENDER_IP}, network=127.0.99.0/24, dkim=${signs ? 'yes' : 'no'}
anna: address=anna@sender.test
`

/** What we publish ourselves. */
let ours: readonly ZoneRecord[] = []

interface Order {
  readonly port: number
  readonly sessions: number
  readonly messages: number
}

if (process.argv[2] === 'load') process.on('message', (order) => void load(order as Order))
else if (process.argv[2] === 'sink') sink()
else if (process.argv[2] === 'peers') {
  const [, , , folder = '', ...numbers] = process.argv
  await (await import('./outbound-peers.ts')).besidePeers(folder, ...numbers.map(Number))
} else await measure(Number(process.argv[2] ?? 5000), Number(process.argv[3] ?? 20), process.argv[4])

async function measure(messages: number, sessions: number, only?: string): Promise<void> {
  for (const kind of ['unsigned', 'signed']) {
    if (only !== undefined && only !== kind) continue
    // Not /tmp, which may be memory.
    const folder = mkdtempSync(join(process.cwd(), '.bench-outbound-'))
    const loader = fork(import.meta.filename, ['load'])
    const sinking = fork(import.meta.filename, ['sink'])
    try {
      await once(sinking, 'message')
      const system = await startSystem(planSystem(parse(DESCRIPTION(kind === 'signed')).model).plan, {
        worldOf: ({ id }) => realWorld({ folder: join(folder, id), dns: () => ({ resolve: answer }) }),
        publish: (agents) => {
          ours = labZone(agents).records
        },
        ports: { ...INTERNET_PORTS, smtp: SMTP_PORT, submission: 4587, submissions: 4465 },
        search: false,
        iterations: 4096,
        log: (agent, level, text) => level !== 'info' && console.error(`${agent}: ${text}`),
      })
      const { port } = system.agents[0]!.endpoint('submission')!
      const warm = Math.min(1000, messages)
      await line(loader, sinking, { port, sessions, messages: warm })
      console.log(`${kind}: ${await line(loader, sinking, { port, sessions, messages })}`)
      await system.stop()
    } finally {
      loader.kill()
      sinking.kill()
      rmSync(folder, { recursive: true })
    }
  }
}

/** Every domain has the sink as its host. */
async function answer<T extends DnsType>(name: string, type: T): Promise<DnsAnswer<DnsRecords[T]>> {
  const found =
    type === 'A' ? [SINK_IP] : ours.filter((one) => one.name === name && one.type === type).map(({ data }) => data)
  const records = found as DnsRecords[T][]
  return records.length > 0
    ? { status: 'records', records, ttlS: 60, authenticated: false }
    : { status: 'no-data', authenticated: false }
}

async function line(loader: ChildProcess, sinking: ChildProcess, order: Order): Promise<string> {
  const cpuBefore = process.cpuUsage()
  const threadBefore = process.threadCpuUsage()
  const beganMs = performance.now()
  sinking.send(order.messages)
  loader.send(order)
  const accepted = once(loader, 'message').then(() => performance.now() - beganMs)
  await once(sinking, 'message')
  const elapsedMs = performance.now() - beganMs
  const micros = ({ user, system }: NodeJS.CpuUsage) => ((user + system) / order.messages).toFixed(0)
  const rate = (ms: number) => Math.round(order.messages / (ms / 1000))
  return (
    `${order.messages} messages, ${order.sessions} sessions: ${rate(elapsedMs)}/s through, ${rate(await accepted)}/s taken, ` +
    `${micros(process.cpuUsage(cpuBefore))} us CPU each (${micros(process.threadCpuUsage(threadBefore))} on the network thread)`
  )
}

/** Sessions that submit one message after another. */
async function load({ port, sessions, messages }: Order): Promise<void> {
  const head =
    'From: anna@sender.test\r\nTo: user@far.test\r\nSubject: bench\r\nDate: Mon, 2 Nov 2026 00:00:00 +0000\r\n'
  const text = head.padEnd(MESSAGE_BYTES - 100).replace(/ +$/, '')
  const body = 'All work and no play. '.repeat(200)
  let number = 0
  const session = async () => {
    const socket = connect({ port, host: SENDER_IP, localAddress: AUTHOR_IP, noDelay: true })
    let buffered = ''
    let wake = () => {}
    socket.on('data', (bytes) => {
      buffered += bytes.toString('latin1')
      wake()
    })
    const replies = async (count: number): Promise<void> => {
      for (;;) {
        const ends = [...buffered.matchAll(/^(\d)\d\d .*\r\n/gm)]
        const last = ends[count - 1]
        if (last !== undefined) {
          if (ends.some(([, digit]) => Number(digit) > 3)) throw new Error(buffered)
          buffered = buffered.slice(last.index + last[0].length)
          return
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    await replies(1)
    socket.write('EHLO computer.sender.test\r\n')
    await replies(1)
    while (number < messages) {
      const id = ++number
      socket.write(`MAIL FROM:<anna@sender.test>\r\nRCPT TO:<user@far${id % DESTINATIONS}.test>\r\nDATA\r\n`)
      await replies(3)
      const content = `Message-ID: <${process.pid}.${performance.now()}.${id}@sender.test>\r\n${text}\r\n\r\n${body}`
      socket.write(`${content.slice(0, MESSAGE_BYTES - 2)}\r\n.\r\n`)
      await replies(1)
    }
    socket.end('QUIT\r\n')
  }
  await Promise.all(Array.from({ length: sessions }, session))
  process.send!('done')
}

/** Takes everything, and says when it has so many. */
function sink(): void {
  let wanted = 0
  let taken = 0
  process.on('message', (count) => {
    wanted = count as number
    taken = 0
  })
  const server = createServer({ noDelay: true }, (socket) => {
    let isData = false
    let buffered = ''
    socket.write('220 sink.test\r\n')
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      buffered += bytes.toString('latin1')
      let said = ''
      for (;;) {
        const end = isData ? buffered.indexOf('\r\n.\r\n') : buffered.indexOf('\r\n')
        if (end < 0) break
        const word = buffered.slice(0, 4).toUpperCase()
        buffered = buffered.slice(end + (isData ? 5 : 2))
        if (isData) {
          taken++
          isData = false
          said += '250 2.0.0 taken\r\n'
        } else if (word === 'DATA') {
          isData = true
          said += '354 go on\r\n'
        } else if (word === 'EHLO') said += '250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 99999999\r\n'
        else if (word === 'QUIT') said += '221 2.0.0 goodbye\r\n'
        else said += '250 2.0.0 ok\r\n'
      }
      if (said !== '') socket.write(said)
      if (taken >= wanted && wanted > 0) {
        wanted = 0
        process.send!('all')
      }
    })
  })
  server.listen(SMTP_PORT, SINK_IP, () => process.send!('ready'))
}
