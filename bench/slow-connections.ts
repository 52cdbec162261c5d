// Does honest mail still arrive while thousands of connections say next to nothing? One Receiver on loopback with its
// usual 1,000 places; 5,000 slow connections from as many addresses (silent ones, some that drip a command, some that
// drip a message), which come back whenever they are dropped. Prints p50 and p95 of honest mail, quiet and under attack.
// Goal: no more than 2 s added at p95, and nobody honest refused.
//
//   node bench/slow-connections.ts [connections] [seconds]

import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseSmtpPath } from '../src/message/smtp-path.ts'
import { parse } from '../src/notation/parse.ts'
import { SmtpConnection } from '../src/protocols/smtp/client.ts'
import { RunningAgent } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { RealNetwork } from '../src/world/real/network.ts'
import { realClock, realWorld } from '../src/world/real/world.ts'
import { DnsTable } from '../src/world/simulated/dns.ts'

const PLACES = 1000
/** A slow connection that is dropped comes back: 500 a second in all. */
const RETURNS_AFTER_MS = 10_000
const MAIL_PER_SECOND = 20
const BOB = 'bob@recipient.test'

if (process.argv[2] === 'attack') attack(Number(process.argv[3]), Number(process.argv[4]))
else await defend(Number(process.argv[2] ?? 5000), Number(process.argv[3] ?? 20))

// ---- the attackers, in a process of their own

function attack(port: number, count: number): void {
  let open = 0
  let made = 0
  const begin = (i: number): void => {
    const localAddress = `127.${50 + Math.floor(i / 62_500)}.${Math.floor(i / 250) % 250}.${1 + (i % 250)}`
    const socket = connect({ host: '127.0.0.1', port, localAddress })
    const opening = [
      '',
      'EHLO slow.test\r\n',
      `EHLO slow.test\r\nMAIL FROM:<s@slow.test>\r\nRCPT TO:<${BOB}>\r\nDATA\r\n`,
    ][i % 3]!
    let drip: NodeJS.Timeout | undefined
    socket.once('connect', () => {
      made++
      open++
      socket.write(opening)
      drip = setInterval(() => i % 3 > 0 && socket.write('x'), 5000)
    })
    socket.resume()
    socket.on('error', () => {})
    socket.once('close', () => {
      clearInterval(drip)
      if (drip !== undefined) open--
      setTimeout(() => begin(i), RETURNS_AFTER_MS)
    })
  }
  for (let i = 0; i < count; i++) setTimeout(() => begin(i), i * 2)
  setInterval(() => process.send?.({ open, made }), 500)
}

// ---- the Receiver, and honest mail

async function defend(count: number, seconds: number): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-slow-'))
  const { plan } = planSystem(
    parse(`Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob
sender:    domain=sender.test, ip=127.0.10.1
recipient: domain=recipient.test, ip=127.0.20.1, connections=${PLACES}
bob:  address=${BOB}, name="Bob", password=demo`).model,
  )
  const world = realWorld({ folder, dns: () => new DnsTable() })
  const running = await RunningAgent.start(plan.agents.find(({ id }) => id === 'recipient')!, world, {
    iterations: 1000,
    transmitterPort: 25,
    log: (...said) => console.error(...said),
  })
  const { port } = await running.open('smtp', { address: '127.0.0.1', port: 0 })
  try {
    const quiet = await measure(port, seconds)
    console.log(`quiet: ${summary(quiet)}`)
    const attackers = fork(new URL(import.meta.url), ['attack', String(port), String(count)])
    let seen = { open: 0, made: 0 }
    attackers.on('message', (message) => {
      seen = message as typeof seen
    })
    while (seen.made < count && attackers.connected) await realClock.sleep(200)
    const before = seen.made
    const busy = await measure(port, seconds)
    console.log(`${count} slow connections: ${summary(busy)}`)
    console.log(`  ${seen.open} slow connections held a place of ${PLACES}, ${seen.made - before} came back`)
    const addedMs = at(busy.tookMs, 0.95) - at(quiet.tookMs, 0.95)
    console.log(`added at p95: ${addedMs.toFixed(0)} ms (goal: at most 2000)`)
    attackers.kill()
    if (addedMs > 2000 || busy.refused > 0) process.exitCode = 1
  } finally {
    await running.stop()
    rmSync(folder, { recursive: true })
  }
  process.exit()
}

interface Measured {
  readonly tookMs: number[]
  refused: number
}

/** Honest mail at a steady rate, each message over a connection of its own, from changing addresses. */
async function measure(port: number, seconds: number): Promise<Measured> {
  const measured: Measured = { tookMs: [], refused: 0 }
  const underWay: Promise<void>[] = []
  for (let i = 0; i < seconds * MAIL_PER_SECOND; i++) {
    underWay.push(deliver(port, i, measured))
    await realClock.sleep(1000 / MAIL_PER_SECOND)
  }
  await Promise.all(underWay)
  measured.tookMs.sort((a, b) => a - b)
  return measured
}

async function deliver(port: number, i: number, measured: Measured): Promise<void> {
  const from = parseSmtpPath(`<anna${i}@sender.test>`, 'reverse')
  const to = parseSmtpPath(`<${BOB}>`, 'forward')
  if (!from.ok || !to.ok) throw new Error('These are addresses.')
  const began = performance.now()
  const connection = await SmtpConnection.open({
    network: new RealNetwork(`127.0.${100 + (i % 100)}.${1 + (Math.floor(i / 100) % 250)}`),
    clock: realClock,
    endpoint: { address: '127.0.0.1', port },
    serverName: 'mail.recipient.test',
    heloName: 'mail.sender.test',
    tls: 'none',
  })
  if (!(connection instanceof SmtpConnection)) {
    measured.refused++
    return
  }
  const result = await connection.send({
    envelope: { reversePath: from.path, recipients: [{ forwardPath: to.path }], body: '7BIT', smtputf8: false },
    message: Buffer.from(`From: anna@sender.test\r\nTo: ${BOB}\r\nSubject: ${i}\r\n\r\nHello.\r\n`),
  })
  await connection.quit()
  if (result.recipients[0]!.state === 'accepted') measured.tookMs.push(performance.now() - began)
  else measured.refused++
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN
}

function summary({ tookMs, refused }: Measured): string {
  const [p50, p95] = [at(tookMs, 0.5), at(tookMs, 0.95)].map((ms) => ms.toFixed(0))
  return `p50 ${p50} ms, p95 ${p95} ms, ${tookMs.length} delivered, ${refused} refused`
}
