// Where one recipient's mail goes from here: into a mailbox of this agent, on to a forwarding target, back through an
// SRS address to who sent it, to another system, or nowhere. Every role that takes mail asks here, so that RCPT, local
// submission and bounces can never disagree.

import { type ForwardPath, formatAddress, type Mailbox, parseSmtpPath, type ReversePath } from '../message/address.ts'
import type { Envelope, EnvelopeRecipient } from '../protocols/smtp/envelope.ts'
import type { Command } from '../store/commands.ts'
import type { Account, BlobRef, QueueEntry } from '../store/types.ts'
import { type Agent, isOwnDomain } from './agent.ts'
import { isPaused } from './forwarder/health.ts'
import { reverseSrs } from './forwarder/srs.ts'
import { untagged } from './msa/tagged.ts'
import { isReportAddress } from './reports/addresses.ts'

export type Way =
  | { readonly kind: 'mailbox'; readonly account: Account; readonly address: string }
  /** `keep`: whose mailbox gets a copy. */
  | { readonly kind: 'forward'; readonly from: string; readonly to: string; readonly keep: Account | undefined }
  /** An address that our own Forwarder made (SRS): a bounce on its way back. */
  | { readonly kind: 'return'; readonly to: string }
  | { readonly kind: 'elsewhere'; readonly address: string; readonly domain: string }
  | { readonly kind: 'unknown'; readonly address: string }

/** Forwards from one address here to another, in a row: more are a circle. */
const MAX_FORWARDS = 10

/** Where mail for this recipient goes from here. */
export function wayFor(agent: Agent, path: ForwardPath, forwards = 0): Way {
  const mailbox: Pick<Mailbox, 'localPart' | 'domain'> =
    path.type === 'postmaster' ? { localPart: 'postmaster', domain: agent.domain as Mailbox['domain'] } : path.mailbox
  const address = formatAddress(mailbox)
  if (!isOwnDomain(agent, mailbox.domain)) return { kind: 'elsewhere', address, domain: mailbox.domain }
  const forward = forwardOf(agent, address.toLowerCase())
  if (forward !== undefined) {
    if (domainOf(forward.to) !== agent.domain) return { kind: 'forward', ...forward }
    // From one address here to another: the message stays, and nothing is sent to ourselves.
    return forwards < MAX_FORWARDS
      ? wayFor(agent, forwardPathOf(forward.to), forwards + 1)
      : { kind: 'unknown', address }
  }
  const account = agent.store.accountByAddress(address)
  if (account !== undefined) return { kind: 'mailbox', account, address }
  if (isReportAddress(agent, address)) {
    const postmaster = agent.store.accountByAddress(`postmaster@${agent.domain}`)
    if (postmaster !== undefined) return { kind: 'mailbox', account: postmaster, address }
  }
  if (/^srs[01][=+-]/i.test(mailbox.localPart)) {
    const to = reverseSrs(agent, mailbox.localPart)
    if (to !== undefined) return { kind: 'return', to }
  }
  // A tag of ours on an address of ours (BATV): whoever answers to it answers to the address.
  const bare = untagged(agent, address)
  return bare === address ? { kind: 'unknown', address } : wayFor(agent, forwardPathOf(bare), forwards + 1)
}

/** The forward of this address: of the description, or set up by its owner; undefined too while it is paused. */
function forwardOf(agent: Agent, from: string): { from: string; to: string; keep: Account | undefined } | undefined {
  if (!agent.roles.has('Forwarder')) return undefined
  const { forwards, keeps } = agent.settings.forwarder
  const fixed = forwards.find((one) => one.from === from)
  const own = fixed === undefined ? agent.store.forward(from) : undefined
  if (fixed === undefined && own?.state !== 'active') return undefined
  if (isPaused(agent, from)) return undefined
  const { to } = (fixed ?? own)!
  const isKept = fixed === undefined ? own!.keep : keeps
  return { from, to, keep: isKept ? agent.store.accountByAddress(from) : undefined }
}

/** One way of a message, and the recipients that lead there. */
export interface Leg {
  readonly way: Way
  readonly recipient: EnvelopeRecipient
  /** All of them, by their place in the envelope. */
  readonly places: readonly number[]
}

/** The ways of one message: one copy for each mailbox and each target, however many addresses lead there. */
export function waysTo(agent: Agent, { recipients }: Envelope): Leg[] {
  const ways = new Map<string, Leg & { places: number[] }>()
  for (const [place, recipient] of recipients.entries()) {
    const way = wayFor(agent, recipient.forwardPath)
    const end = way.kind === 'mailbox' ? way.account.id : 'to' in way ? way.to : way.address
    const key = `${way.kind} ${end}`
    const known = ways.get(key)
    if (known === undefined) ways.set(key, { way, recipient, places: [place] })
    else known.places.push(place)
  }
  return [...ways.values()]
}

/** What one message needs in the queue, beside its recipients. */
export interface QueuedMail {
  readonly trace: string
  readonly blob: BlobRef
  readonly reversePath: string
  readonly parameters: QueueEntry['parameters']
  readonly origin: QueueEntry['origin']
}

/** When a queue entry is due, if not at once, and what it waits for. */
export interface Later {
  readonly dueMs: number
  readonly why: string
}

/** The command that puts one recipient of a message into the Transmitter's queue; due at once, if nothing else is said. */
export function queueCommand(agent: Agent, mail: QueuedMail, forwardPath: string, later?: Later): Command {
  const nowMs = agent.world.clock.now()
  return {
    kind: 'queue.add',
    entry: {
      ...mail,
      forwardPath,
      domain: domainOf(forwardPath),
      acceptedAtMs: nowMs,
      nextAttemptAtMs: later?.dueMs ?? nowMs,
      expiresAtMs: (later?.dueMs ?? nowMs) + agent.settings.transmitter.expiresAfterS * 1000,
      attempts: 0,
      state: 'waiting',
      lastReply: later?.why ?? '',
    },
  }
}

/** What a queue entry keeps of the wishes that came with a recipient (RFC 3461 §4). */
export function wishesOf({ notify, orcpt }: EnvelopeRecipient): Pick<QueueEntry['parameters'], 'notify' | 'orcpt'> {
  return { notify, orcpt: orcpt === undefined ? undefined : `${orcpt.type};${orcpt.address}` }
}

/** The domain of an address text, lower case. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}

/** A reverse-path as the store keeps it: '' is `<>`. */
export function reversePathText(path: ReversePath): string {
  return path.type === 'null' ? '' : formatAddress(path.mailbox)
}

/** The other way round, for addresses that the store kept. */
export function reversePathOf(text: string): ReversePath {
  if (text === '') return { type: 'null' }
  const parsed = parseSmtpPath(`<${text}>`, 'reverse', { utf8: true })
  if (!parsed.ok) throw new Error(`the store holds a reverse-path that cannot be read: ${parsed.reason}`)
  return parsed.path
}

export function forwardPathOf(text: string): ForwardPath {
  const parsed = parseSmtpPath(`<${text}>`, 'forward', { utf8: true })
  if (!parsed.ok) throw new Error(`the store holds a forward-path that cannot be read: ${parsed.reason}`)
  return parsed.path
}
