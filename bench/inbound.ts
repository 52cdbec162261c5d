// How many messages a second one Receiver/MDA takes in: 2 KB each, signed with RSA and Ed25519, over SMTP on loopback,
// with every check of identity (SPF, DKIM, DMARC, ARC, iprev against a DNS server on loopback) and each durable before its
// 250; then the same unsigned (no signature to verify; SPF, DMARC and iprev all the same). `unfiltered`: these with
// `filter=no`, which is what peers without a filter do, and SPF, DMARC and iprev besides.
// One process, whose CPU is printed; the load comes from another. A quiet machine, please.
//
//   npm run bench -- [milliseconds for each line] [sessions, as in 1,10,50] [signed | unsigned | unfiltered]

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parse } from '../src/notation/parse.ts'
import { Resolver } from '../src/protocols/dns/resolver.ts'
import { startDnsServer } from '../src/protocols/dns/server.ts'
import { ZoneTable } from '../src/protocols/dns/zone.ts'
import { dkimFields } from '../src/roles/transmitter/signing.ts'
import { INTERNET_PORTS } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { startSystem } from '../src/system/start.ts'
import { labZone } from '../src/system/zones.ts'
import { realWorld } from '../src/world/real/world.ts'

const SENDER_IP = '127.0.10.1'
const RECIPIENT_IP = '127.0.20.1'
const MAILBOXES = 100
const SESSIONS = [1, 10, 50]
const MESSAGE_BYTES = 2048
const DESCRIPTION = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob
sender:    domain=sender.test, ip=${SENDER_IP}
recipient: domain=recipient.test, ip=${RECIPIENT_IP}, messages-per-minute=999999999
anna: address=anna@sender.test
bob:  address=bob@recipient.test
`

interface Order {
  readonly port: number
  readonly sessions: number
  readonly runMs: number
  readonly message: string
}

interface Done {
  readonly latenciesMs: number[]
  readonly refused: string[]
  readonly elapsedMs: number
}

if (process.argv[2] === 'load') process.on('message', (order) => void load(order as Order))
else
  await measure(Number(process.argv[2] ?? 5000), process.argv[3]?.split(',').map(Number) ?? SESSIONS, process.argv[4])

async function measure(runMs: number, sessionCounts: readonly number[], only?: string): Promise<void> {
  // Not /tmp, which may be memory.
  const folder = mkdtempSync(join(process.cwd(), '.bench-inbound-'))
  const loader = fork(import.meta.filename, ['load'])
  try {
    const zones = new ZoneTable([{ origin: '', records: [] }])
    const outside = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })
    const dns = await startDnsServer({ network: outside.network, at: { address: '127.0.0.1', port: 0 }, zones })
    const description = only === 'unfiltered' ? `${DESCRIPTION}recipient: filter=no\n` : DESCRIPTION
    const { plan } = planSystem(parse(description).model)
    const system = await startSystem(plan, {
      worldOf: ({ id }) =>
        realWorld({
          folder: join(folder, id),
          dns: (parts) => new Resolver({ ...parts, servers: [dns.endpoint] }),
        }),
      ports: {
        ...INTERNET_PORTS,
        smtp: 3525,
        submission: 3587,
        submissions: 3465,
        imap: 3143,
        imaps: 3993,
        pop3: 3110,
        pop3s: 3995,
      },
      search: true,
      iterations: 4096,
      log: (agent, level, text) => level !== 'info' && console.error(`${agent}: ${text}`),
      publish: (agents) => zones.set(labZone(agents)),
    })
    const [sender, recipient] = system.agents
    const nowMs = Date.now()
    for (let n = 0; n < MAILBOXES; n++) {
      const account = { address: `user${n}@recipient.test`, displayName: '', credentials: null, nowMs }
      await recipient!.agent.store.commit([{ kind: 'account.create', ...account }])
    }
    const head =
      'From: anna@sender.test\r\nTo: user@recipient.test\r\nSubject: bench\r\nMessage-ID: <1@sender.test>\r\n\r\n'
    const textOf = (bytes: number) => Buffer.from(head.padEnd(bytes, 'All work and no play. ').concat('\r\n'))
    const plain = textOf(MESSAGE_BYTES - 1100)
    const signed = Buffer.concat([...(await dkimFields(sender!.agent, plain)), plain]).toString('latin1')
    const unsigned = textOf(MESSAGE_BYTES - 80).toString('latin1')
    const messages = only === 'unfiltered' ? { unfiltered: unsigned } : { signed, unsigned }
    const { port } = recipient!.endpoint('smtp')!
    console.log(`${MAILBOXES} mailboxes, each line ${runMs} ms after a warm-up`)
    for (const [kind, message] of Object.entries(messages)) {
      if (only !== undefined && only !== kind) continue
      console.log(`${kind} messages of ${message.length + 80} bytes`)
      await run(loader, { port, sessions: 10, runMs: Math.min(2000, runMs), message })
      for (const sessions of sessionCounts) await line(loader, { port, sessions, runMs, message })
    }
    const { store } = recipient!.agent
    const account = store.accountByAddress('user1@recipient.test')!.id
    const [email] = store.emails(account, store.listEmails(account, {}, 'newest').slice(0, 1))
    const { spf, dkim, dmarc } = email!.verdict!
    console.log(`found at the Border in the last one: spf=${spf} dkim=${dkim} dmarc=${dmarc}`)
    await system.stop()
    await dns.close()
  } finally {
    loader.kill()
    rmSync(folder, { recursive: true })
  }
}

/** Runs one load and prints what came of it. */
async function line(loader: ChildProcess, order: Order): Promise<void> {
  const cpuBefore = process.cpuUsage()
  const threadBefore = process.threadCpuUsage()
  const { latenciesMs, refused, elapsedMs } = await run(loader, order)
  const micros = ({ user, system }: NodeJS.CpuUsage) => ((user + system) / latenciesMs.length).toFixed(0)
  const each = micros(process.cpuUsage(cpuBefore))
  const onNetworkThread = micros(process.threadCpuUsage(threadBefore))
  latenciesMs.sort((a, b) => a - b)
  const at = (part: number) => latenciesMs[Math.floor(latenciesMs.length * part)]?.toFixed(2)
  const rate = Math.round(latenciesMs.length / (elapsedMs / 1000))
  console.log(
    `${String(order.sessions).padStart(3)} sessions: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${each} us CPU (${onNetworkThread} on the network thread)` +
      (refused.length > 0 ? `, ${refused.length} refused: ${refused[0]}` : ''),
  )
}

async function run(loader: ChildProcess, order: Order): Promise<Done> {
  loader.send(order)
  const [done] = await once(loader, 'message')
  return done as Done
}

/** The other process: sessions that send one message after another, pipelined as relays do. */
async function load({ port, sessions, runMs, message }: Order): Promise<void> {
  const latenciesMs: number[] = []
  const refused: string[] = []
  const startMs = performance.now()
  let number = 0
  const session = async () => {
    const socket = connect({ port, host: RECIPIENT_IP, localAddress: SENDER_IP, noDelay: true })
    let buffered = ''
    let wake = () => {}
    socket.on('data', (bytes) => {
      buffered += bytes.toString('latin1')
      wake()
    })
    // Resolves with the last line of so many replies.
    const replies = async (count: number): Promise<string> => {
      for (;;) {
        const ends = [...buffered.matchAll(/^\d{3} .*\r\n/gm)]
        const last = ends[count - 1]
        if (last !== undefined) {
          buffered = buffered.slice(last.index + last[0].length)
          return last[0]
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    await replies(1)
    socket.write('EHLO mail.sender.test\r\n')
    await replies(1)
    while (performance.now() - startMs < runMs) {
      const id = ++number
      const began = performance.now()
      socket.write(`MAIL FROM:<anna@sender.test>\r\nRCPT TO:<user${id % MAILBOXES}@recipient.test>\r\nDATA\r\n`)
      await replies(3)
      // A hop of its own makes every message another one, to the byte.
      socket.write(
        `Received: from a by mail.sender.test with ESMTPSA id ${process.pid}.${startMs}.${id};\r\n` +
          `\tMon, 2 Nov 2026 00:00:00 +0000\r\n${message}.\r\n`,
      )
      const said = await replies(1)
      if (said.startsWith('250')) latenciesMs.push(performance.now() - began)
      else refused.push(said)
    }
    socket.end('QUIT\r\n')
  }
  await Promise.all(Array.from({ length: sessions }, session))
  process.send!({ latenciesMs, refused, elapsedMs: performance.now() - startMs } satisfies Done)
}
