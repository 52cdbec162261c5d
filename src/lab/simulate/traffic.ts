// Days of mail through a system, in the simulated world: what arrived, what was refused where, how long it took, how long
// the queues were, how much spam got through and how much honest mail did not.

import { formatDate } from '../../message/date.ts'
import { SmtpConnection } from '../../protocols/smtp/client.ts'
import { replyText } from '../../protocols/smtp/reply.ts'
import { forwardPathOf, reversePathOf } from '../../roles/routing.ts'
import type { RunningAgent } from '../../system/agent.ts'
import type { AgentPlan, SystemPlan } from '../../system/plan.ts'
import { type Cost, Meter } from './cost.ts'
import { type Fault, type Happened, trouble } from './faults.ts'
import { lettersOf, STRANGERS_RECORDS } from './letters.ts'
import { AUTHORS, domainOf, draw, type Kind, type Message, type Mix, SPAMMERS_RECORDS, USUAL } from './senders.ts'
import { summary } from './summary.ts'
import { type SimulatedStage, untilNothingWaits } from './world.ts'

export interface TrafficOptions {
  readonly messages: number
  readonly days: number
  readonly faults: readonly Fault[]
  /** These and no others, one after another. */
  readonly strikes?: readonly Happened[]
  /** Of which kinds the messages are (default: USUAL). */
  readonly mix?: Mix
  /** Domains that forgers name (default: every agent's). */
  readonly claims?: readonly string[]
  /** Asked again and again: the day ends there, and what was until then is the result. */
  readonly isEnough?: () => boolean
  /** Is shown what became of each message, by Message-ID, when the days are over. */
  readonly look?: (fates: ReadonlyMap<string, Fate>, meter: Meter) => void
}

/** What became of one message. */
export interface Fate {
  readonly kind: Kind
  /** The flow whose letter it is, and the domain that it says it comes from. */
  readonly flow: number
  readonly claim: string
  readonly sentMs: number
  readonly first: string
  reply: string
  takenMs: number | undefined
  /** In mailboxes, by which. */
  inbox: number
  junk: number
  arrivedMs: number | undefined
  /** The same by the clock of the world, which no fault turns. */
  doneMs: number | undefined
  /** A second copy in the same account. */
  isTwice: boolean
  /** By which agent a notice of failure was written, and what it says. */
  bounced: string | undefined
  bouncedBy: string | undefined
  /** The notice went to whom the message says it is from, and not to a postmaster alone. */
  isTold: boolean
}

export interface OfKind {
  readonly sent: number
  readonly inbox: number
  readonly junk: number
  readonly refused: number
  /** Taken, given up later, and a notice of it went to the address that it came from. Nobody wrote that who is forged. */
  readonly bounced: number
  /** The same, but nothing proves who wrote it: only a postmaster heard of it. */
  readonly unheard: number
  /** Taken, and neither arrived nor told: still in a queue, or lost. */
  readonly missing: number
}

export interface TrafficResult {
  /** Where it was ended before its time: what was asked for. */
  readonly stopped?: { readonly messages: number; readonly days: number }
  readonly messages: number
  readonly days: number
  readonly kinds: Readonly<Record<Kind, OfKind>>
  /** Honest messages of which somebody has a second copy. */
  readonly duplicates: number
  /** Of honest mail, from the first try to the mailbox, seconds. */
  readonly delaysS: Readonly<Record<'p50' | 'p90' | 'p99' | 'max', number>>
  /** Why mail was refused, where, and how much of which kind. */
  readonly refusals: readonly {
    readonly at: string
    readonly why: string
    readonly kind: Kind
    readonly count: number
  }[]
  /** What each agent had to do. */
  readonly load: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly longestQueue: Readonly<Record<string, number>>
  readonly queues: readonly Sample[]
  readonly faults: readonly Happened[]
  /** Of the whole world, for each message. */
  readonly eventsPerMessage: number
  readonly bytesPerMessage: number
  /** What it cost, for each message, and what each agent had of it. */
  readonly cost: Cost
  readonly costs: Readonly<Record<string, Cost>>
  /** How many relays each agent has, where it has several (`Transmitter*12`): they share its load. */
  readonly relays: Readonly<Record<string, number>>
  readonly eventLogHash: string
}

/** Queue lengths at a moment. */
export interface Sample {
  readonly atMs: number
  readonly lengths: Readonly<Record<string, number>>
}

const DAY_MS = 86_400_000
const SAMPLES = 200
/** After the last message, what waits is waited for. */
const AFTER_MS = 6 * DAY_MS
/** An honest sender comes again after these, as an MSA's queue or a person does; a spammer once; a bot never. */
const AGAIN_MS: Readonly<Record<Kind, readonly number[]>> = {
  honest: [60_000, 300_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 28_800_000],
  spam: [600_000],
  forged: [],
  botnet: [],
  stolen: [60_000, 300_000, 900_000],
  relayed: [],
}
const OBSERVER_IP = '127.0.99.250'

/** Lets the days pass. */
export async function traffic(
  stage: SimulatedStage,
  { messages, days, faults, mix = USUAL, claims, isEnough, look, strikes }: TrafficOptions,
): Promise<TrafficResult> {
  const { system, plan } = stage
  const { simulation } = system
  system.publish([...STRANGERS_RECORDS, ...SPAMMERS_RECORDS])
  const { letters } = lettersOf(plan)
  if (letters.length === 0) throw new Error('no letter can be sent along any flow of this drawing')
  const relays = plan.agents.filter(({ settings }) => settings.receiver.isOpen)
  const cast = { letters, mix, claims: claims ?? [...new Set(plan.agents.map(({ domain }) => domain))], relays }
  if ((mix.relayed ?? 0) > 0 && relays.length === 0) throw new Error('no agent of this drawing is an Open Relay')
  const random = simulation.random('traffic')
  const { clock } = stage.computer(OBSERVER_IP)
  const fates = new Map<string, Fate>()
  const load = count(stage, fates)
  const gate = gates(plan)
  const meter = new Meter(simulation)
  const samples: Sample[] = []
  const startMs = simulation.nowMs
  const endMs = startMs + days * DAY_MS
  const ips = new Set([OBSERVER_IP, ...letters.map(({ ip }) => ip)])

  const writing = async () => {
    const underWay = new Set<Promise<void>>()
    for (let n = 1; n <= messages; n++) {
      // Poisson: the next comes when it comes. In whole microseconds: the last digits of a logarithm are others elsewhere.
      await clock.sleep(Math.round((-Math.log(1 - random.float()) * days * DAY_MS * 1000) / messages) / 1000)
      const message = draw(cast, random)
      ips.add(message.ip)
      const id = `${n}.${message.kind}.${random.bytes(4).toString('hex')}@${domainOf(message.from)}`
      const { kind } = message
      const fate: Fate = {
        kind,
        flow: message.letter.flow,
        claim: domainOf(message.from),
        sentMs: simulation.nowMs,
        first: gate(message),
        reply: '',
        takenMs: undefined,
        inbox: 0,
        junk: 0,
        arrivedMs: undefined,
        doneMs: undefined,
        isTwice: false,
        bounced: undefined,
        bouncedBy: undefined,
        isTold: false,
      }
      fates.set(id, fate)
      const writing = write(stage, message, id, fate).finally(() => underWay.delete(writing))
      underWay.add(writing)
    }
    await Promise.all(underWay)
  }
  const watching = async () => {
    while (simulation.nowMs < endMs) {
      samples.push({ atMs: simulation.nowMs - startMs, lengths: queueLengths(stage, samples.at(-1)) })
      await clock.sleep((days * DAY_MS) / SAMPLES)
    }
  }
  const hosts = () => ['dns', ...plan.agents.map(({ id }) => id), ...[...ips].map((ip) => `computer ${ip}`)]
  const happened: Happened[] = []
  const troubles = trouble(system, { clock }, hosts, { faults, days, strikes }, happened)
  const { promise: enough, resolve: end } = Promise.withResolvers<void>()
  let isStopped = false as boolean
  const forget =
    isEnough &&
    simulation.trace(() => {
      if (isStopped || !isEnough()) return
      isStopped = true
      end()
    })
  const all = Promise.all([writing(), watching(), troubles])
  await simulation.finish(isEnough ? Promise.race([all, enough]) : all, days * DAY_MS + AFTER_MS)
  await untilNothingWaits(system, simulation.nowMs + AFTER_MS, () => isStopped)
  forget?.()
  meter.stop()
  look?.(fates, meter)
  const written = isStopped ? Math.max(1, fates.size) : messages
  const passed = Math.min(days, (simulation.nowMs - startMs) / DAY_MS)
  return {
    ...(isStopped && { stopped: { messages, days } }),
    messages: isStopped ? fates.size : messages,
    days: isStopped ? passed : days,
    ...summary([...fates.values()]),
    load,
    longestQueue: Object.fromEntries(
      plan.agents.map(({ id }) => [id, Math.max(0, ...samples.map(({ lengths }) => lengths[id] ?? 0))]),
    ),
    queues: samples,
    faults: happened.map((one) => ({ ...one, atMs: one.atMs - startMs })).sort((a, b) => a.atMs - b.atMs),
    eventsPerMessage: Math.round(simulation.eventCount / written),
    bytesPerMessage: Math.round(meter.bytes / written),
    cost: meter.total(written),
    relays: relaysIn(plan),
    costs: Object.fromEntries(plan.agents.map(({ id, ip }) => [id, meter.of(ip)])),
    eventLogHash: simulation.eventLogHash(),
  }
}

function relaysIn({ model }: SystemPlan): Record<string, number> {
  const most = new Map<string, number>()
  for (const { actor, relays } of model.blocks) if (relays > 1) most.set(actor, Math.max(relays, most.get(actor) ?? 1))
  return Object.fromEntries(most)
}

/** An Author goes to the MSA; whoever is not honest straight to the Receiver of the address, or to the relay he found. */
function gates({ agents }: SystemPlan): (message: Message) => string {
  const receivers = agents.filter(({ roles, isAtTheBorder }) => roles.has('Receiver') && isAtTheBorder)
  const byDomain = new Map<string, AgentPlan>()
  // The first of each counts, and before all others one that stands before the MDA.
  for (const one of receivers.toReversed()) byDomain.set(one.domain, one)
  for (const one of receivers.toReversed())
    for (const home of one.settings.receiver.homes) byDomain.set(home.domain, one)
  return ({ kind, letter, first }) => {
    if (first !== undefined) return first.id
    const isStrangers = letter.door === 'smtp' && !letter.first.settings.receiver.isOpen
    if (AUTHORS.has(kind) || isStrangers) return letter.first.id
    return (byDomain.get(domainOf(letter.to)) ?? letter.first).id
  }
}

/** Offers it until somebody says yes or no, or the sender has had enough. */
async function write(stage: SimulatedStage, message: Message, id: string, fate: Fate): Promise<void> {
  const world = stage.computer(message.ip)
  const source = sourceOf(message, id, world.clock.now())
  for (const waitMs of [0, ...AGAIN_MS[message.kind]]) {
    if (waitMs > 0) await world.clock.sleep(waitMs)
    fate.reply = await offer(world, stage.agent(fate.first), message, source)
    if (fate.reply.startsWith('2')) {
      fate.takenMs = stage.system.simulation.nowMs
      return
    }
    if (!fate.reply.startsWith('4')) return
  }
}

async function offer(
  world: ReturnType<SimulatedStage['computer']>,
  first: RunningAgent,
  { kind, letter, from, reversePath = from, to, helo }: Message,
  source: Buffer,
): Promise<string> {
  const { plan } = first
  const password = AUTHORS.has(kind) ? letter.password : undefined
  const endpoint = first.endpoint(AUTHORS.has(kind) ? letter.door : 'smtp')
  if (endpoint === undefined) return '451 4.4.1 the host is starting'
  const connection = await SmtpConnection.open({
    network: world.network,
    clock: world.clock,
    endpoint,
    serverName: plan.hostName,
    heloName: helo,
    tls: password === undefined ? 'opportunistic' : 'required',
    ...(password === undefined ? {} : { login: { user: letter.from, password, cpu: world.cpu, random: world.random } }),
  })
  if (!(connection instanceof SmtpConnection)) return replyText(connection.reply)
  const { recipients } = await connection.send({
    envelope: {
      reversePath: reversePathOf(reversePath),
      recipients: [{ forwardPath: forwardPathOf(to) }],
      body: '7BIT',
      smtputf8: false,
    },
    message: source,
  })
  await connection.quit()
  return replyText(recipients[0]!.reply)
}

function sourceOf({ from, to, subject, text }: Message, id: string, nowMs: number): Buffer {
  const head = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${formatDate(nowMs)}`,
    `Message-ID: <${id}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`)
}

/** Of agents that have a queue. While an agent is down, what it had is what it has. */
function queueLengths(stage: SimulatedStage, last: Sample | undefined): Record<string, number> {
  return Object.fromEntries(
    stage.plan.agents.flatMap(({ id }) => {
      const isUp = stage.system.hostOf(id).isUp
      const length = isUp ? stage.agent(id).agent.store.queue.length() : (last?.lengths[id] ?? 0)
      return length === 0 ? [] : [[id, length] as const]
    }),
  )
}

/** Notes what becomes of each message, as it happens; gives what each agent does. */
function count(stage: SimulatedStage, fates: ReadonlyMap<string, Fate>): Record<string, Record<string, number>> {
  const load: Record<string, Record<string, number>> = {}
  const { startMs } = stage.system.simulation
  for (const [id, state] of stage.system.states) {
    const done: Record<string, number> = {}
    load[id] = done
    const fateOf = new Map<string, Fate>()
    /** Who has got what. */
    const had = new Map<number, Set<Fate>>()
    state.observer = {
      delivered({ id: account }, { specialUse }, { messageId, receivedAtMs }) {
        if (specialUse !== 'inbox' && specialUse !== 'junk') return
        for (const one of messageId) {
          const fate = fates.get(one)
          if (fate === undefined) continue
          const his = had.get(account) ?? new Set()
          had.set(account, his)
          fate[specialUse]++
          fate.isTwice ||= his.has(fate)
          his.add(fate)
          fate.doneMs ??= stage.system.simulation.nowMs
          fate.arrivedMs = Math.min(fate.arrivedMs ?? Number.POSITIVE_INFINITY, receivedAtMs - startMs)
        }
      },
      happened({ kind, trace, messageId, detail, text, forwardPath }) {
        done[kind] = (done[kind] ?? 0) + 1
        const named = fates.get(messageId)
        if (named !== undefined) fateOf.set(trace, named)
        const returned = typeof detail.bounceOf === 'string' ? fateOf.get(detail.bounceOf) : undefined
        if (returned !== undefined) returned.isTold ||= !forwardPath.startsWith('postmaster@')
        const fate = kind === 'bounced' ? fateOf.get(trace) : undefined
        if (fate === undefined) return
        fate.bounced = typeof detail.reply === 'string' ? detail.reply : text
        fate.bouncedBy = id
      },
    }
  }
  return load
}
