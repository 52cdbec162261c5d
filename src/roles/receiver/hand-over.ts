// A Receiver that keeps no mailstore hands over to the MDA it stands before (`Receiver ==> MDA`), by LMTP, while the sender
// waits: the MDA's answer is the answer, so nothing is accepted here that might come back as a bounce. What the Border
// found out travels with the message in a field that only this relationship can write.

import type { ForwardPath, ReversePath } from '../../message/address.ts'
import type { RepliesByRecipient } from '../../protocols/smtp/policy.ts'
import { type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import type { Agent, Partner } from '../agent.ts'
import type { Way } from '../routing.ts'
import { eventCommand } from '../tracking.ts'
import { handOver as connect } from '../transmitter/connect.ts'
import { verdictOf } from './findings.ts'
import type { Handled } from './handle.ts'
import { type About, detailOf, type Ours } from './keep.ts'

/** A sender waits five minutes for the reply to RCPT (RFC 5321 §4.5.3.2.3), its people do not. */
const ASK_MS = 20_000
/** And ten minutes for that to the final dot. */
const HAND_OVER_MS = 240_000
/** What an MDA said of a recipient is true for a while. */
const KNOWN_MS = 300_000
const REMEMBERED = 10_000
const FIELD = 'Borderpost-Verdict'
const MAX_VERDICT = 64 * 1024
/** What it and the other fields in front add to a message at most. */
export const HANDED_BYTES = 4 * MAX_VERDICT

type HomeWay = Extract<Way, { kind: 'home' }>

/** Whom the MDAs know, remembered for a while. One for all connections of a Receiver. */
export class Homes {
  readonly #agent: Agent
  readonly #known = new Map<string, { readonly untilMs: number; readonly reply: Reply }>()

  constructor(agent: Agent) {
    this.#agent = agent
    homes.set(agent, this)
  }

  /** The Forwarders that this Recipient trusts, as his MDA said when it was asked about him. */
  trustedBy(address: string): readonly string[] {
    return (this.#known.get(address.toLowerCase())?.reply.lines ?? [])
      .filter((line) => line.startsWith(TRUSTS))
      .flatMap((line) => line.slice(TRUSTS.length).split(' '))
  }

  /** What the MDA would say to this recipient; undefined: it takes mail for him. */
  async refusal(way: HomeWay, path: ForwardPath): Promise<Reply | undefined> {
    const { clock } = this.#agent.world
    const key = way.address.toLowerCase()
    const known = this.#known.get(key)
    if (known !== undefined && known.untilMs > clock.monotonic()) return objection(known.reply)
    const opened = await this.#open(way.at, ASK_MS)
    if (opened.kind === 'failed') return unreachable(way.at, opened.reply)
    const { smtp } = opened
    const envelope = {
      reversePath: NOBODY,
      recipients: [{ forwardPath: path }],
      body: '7BIT',
      smtputf8: false,
    } as const
    const { recipients } = await smtp.ask(envelope)
    void smtp.quit()
    const answer = recipients[0]!.reply
    if (answer.code === 421) return unreachable(way.at, answer)
    // A full mailbox may have room in a moment.
    if (answer.code < 400 || answer.code >= 500) this.#remember(key, answer)
    return objection(answer)
  }

  /** Hands the message over for these recipients of one MDA; what it says to each, in their order. */
  async offer(
    agent: Agent,
    ours: Ours,
    those: readonly Handled[],
    reversePath: ReversePath,
  ): Promise<readonly Reply[]> {
    const { at } = those[0]!.way as HomeWay
    const opened = await this.#open(at, HAND_OVER_MS)
    if (opened.kind === 'failed') return those.map(() => unreachable(at, opened.reply))
    const { body, smtputf8, ret, envid } = ours.mail.envelope
    const message = Buffer.concat([verdictField(agent, ours, those[0]!), ...ours.front, ours.kept])
    const recipients = those.map(({ recipient }) => recipient)
    const result = await opened.smtp.send({
      envelope: { reversePath, recipients, body, smtputf8, ret, envid },
      message,
    })
    void opened.smtp.quit()
    return result.recipients.map(({ reply: said }) => (said.code === 421 ? unreachable(at, said) : said))
  }

  #open(at: Partner, patienceMs: number) {
    const agent = this.#agent
    const deadlineMs = agent.world.clock.monotonic() + patienceMs
    const taker = { at: agent.partnerAt(at, 'lmtp'), name: at.hostName, lmtp: true }
    return connect(agent, agent.domain, taker, { deadlineMs, dataTerminationMs: HAND_OVER_MS })
  }

  #remember(key: string, said: Reply): void {
    this.#known.delete(key)
    if (this.#known.size >= REMEMBERED) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(key, { untilMs: this.#agent.world.clock.monotonic() + KNOWN_MS, reply: said })
  }
}

const homes = new WeakMap<Agent, Homes>()

/** What the description says of a Recipient whose mailbox is elsewhere, and what he told his MDA since. */
export function trustedAtHome(agent: Agent, { address, domain }: HomeWay): readonly string[] {
  const home = agent.settings.receiver.homes.find((one) => one.domain === domain)
  const described = home?.trusts.get(address.toLowerCase()) ?? []
  return [...new Set([...described, ...(homes.get(agent)?.trustedBy(address) ?? [])])]
}

/** The MDA's side: it takes mail for this Recipient, and these Forwarders he trusts. For its own Receivers only. */
export function welcome(domains: readonly string[]): Reply {
  const lines: string[] = []
  for (const domain of domains) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + domain.length < LINE) lines[lines.length - 1] = `${line} ${domain}`
    else lines.push(`${TRUSTS}${domain}`)
  }
  return reply(250, '2.1.5', ...lines, 'recipient ok')
}

const TRUSTS = 'trusts '
const LINE = 450

const NOBODY: ReversePath = { type: 'null' }

const objection = (said: Reply) => (said.code < 400 ? undefined : said)

const unreachable = ({ hostName }: Partner, why: Reply) =>
  reply(
    451,
    '4.4.1',
    `the mailboxes at ${hostName} cannot be reached now, try again later (${replyText(why)})`.slice(0, 400),
  )

/**
 * The reply to the final dot, when everything taken is for people whose mail is kept elsewhere. Recipients of different
 * judgement, or of different MDAs, are transactions of their own. @throws DiskError
 */
export async function handOver(
  agent: Agent,
  homes: Homes,
  ours: Ours,
  taken: readonly Handled[],
  about: About,
): Promise<{ readonly replies: ReadonlyMap<number, Reply>; readonly commands: readonly Command[] }> {
  const groups = Map.groupBy(taken, ({ way, judgement }) => `${(way as HomeWay).at.id} ${judgement.outcome}`)
  const replies = new Map<number, Reply>()
  const commands: Command[] = []
  for (const those of groups.values()) {
    const said = await homes.offer(agent, ours, those, ours.mail.envelope.reversePath)
    for (const [i, one] of those.entries()) {
      const answer = said[i]!
      const way = one.way as HomeWay
      for (const place of one.places) replies.set(place, answer)
      const kind = answer.code < 400 ? 'transmitted' : answer.code < 500 ? 'deferred' : 'refused'
      const text = `${way.at.hostName} said of ${way.address}, while the sender waited: ${replyText(answer)}`
      const detail = { ...detailOf(ours), reason: one.judgement.reason }
      commands.push(eventCommand(agent, { ...about, role: 'Receiver', kind, forwardPath: way.address, text, detail }))
    }
  }
  return { replies, commands }
}

/** One reply where the client takes one; else one for each, refusals of ours among them. */
export function replyFor(
  recipients: number,
  replies: ReadonlyMap<number, Reply>,
  isByRecipient: boolean,
  otherwise: (place: number) => Reply,
): Reply | RepliesByRecipient {
  const each = Array.from({ length: recipients }, (_one, place) => replies.get(place) ?? otherwise(place))
  const taken = each.find(({ code }) => code < 400)
  return isByRecipient && taken !== undefined
    ? { each, final: taken }
    : (each.find(({ code }) => code >= 400) ?? each[0]!)
}

/** What the Border found out, for who knows us: the first field of what is handed over. */
export function verdictField(agent: Agent, { identity }: Ours, { judgement, forwarder, content }: Handled): Buffer {
  const client = { ip: identity.ip, helo: identity.helo }
  const verdict = { by: agent.id, client, ...verdictOf(identity, judgement, forwarder, content) }
  const text = Buffer.from(JSON.stringify(verdict))
    .toString('base64')
    .replace(/.{1,72}/g, '\r\n $&')
  return Buffer.from(`${FIELD}:${text}\r\n`)
}

/** What another Border found out, and about whom. */
export interface HandedVerdict {
  readonly verdict: Verdict
  readonly client: { readonly ip: string; readonly helo: string }
  /** Without that field. */
  readonly message: Buffer
}

/** The other side: undefined where it does not begin so. Only to be asked of what such a Receiver sent. */
export function readVerdict(source: Buffer): HandedVerdict | undefined {
  const head = source.subarray(0, MAX_VERDICT).toString('latin1')
  const [field] = /^Borderpost-Verdict:(?:\r\n [A-Za-z0-9+/=]{1,72})+\r\n(?=\S|\r\n)/.exec(head) ?? []
  if (field === undefined) return undefined
  const encoded = field.slice(FIELD.length + 1).replace(/\s/g, '')
  const { client, ...verdict } = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
  return { verdict, client, message: source.subarray(field.length) }
}
