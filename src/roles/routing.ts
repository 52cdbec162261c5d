// Where one recipient's mail goes from here: into a mailbox of this agent, on to a forwarding target, back through an
// SRS address to who sent it, to another system, or nowhere. Every role that takes mail asks here, so that RCPT, local
// submission and bounces can never disagree.

import { type ForwardPath, formatAddress, type Mailbox, parseSmtpPath, type ReversePath } from '../message/address.ts'
import type { Envelope, EnvelopeRecipient } from '../protocols/smtp/envelope.ts'
import type { Command } from '../store/commands.ts'
import type { BlobRef } from '../store/nouns/bodies.ts'
import type { Account, Group } from '../store/nouns/people.ts'
import type { QueueEntry } from '../store/nouns/queue.ts'
import { type Agent, type BackedDomain, isOwnDomain, type Partner } from './agent.ts'
import { isPaused } from './forwarder/health.ts'
import { reverseSrs } from './forwarder/srs.ts'
import { untagged } from './msa/tagged.ts'
import { isReportAddress } from './reports/addresses.ts'

export type Way =
  /** `group`: the address here that stands for several of whom this is one. */
  | { readonly kind: 'mailbox'; readonly account: Account; readonly address: string; readonly group?: string }
  /** `keep`: whose mailbox gets a copy. */
  | {
      readonly kind: 'forward'
      readonly from: string
      readonly to: string
      readonly keep: Account | undefined
      readonly group?: string
    }
  /** An address that our own Forwarder made (SRS): a bounce on its way back. */
  | { readonly kind: 'return'; readonly to: string }
  /** The mailbox is at another agent, whose Receiver this is: it is handed over while the sender waits. */
  | { readonly kind: 'home'; readonly address: string; readonly domain: string; readonly at: Partner }
  /** Its own hosts take the mail, whose backup MX this is: it is handed over, or waits here while they are away. */
  | { readonly kind: 'backup'; readonly address: string; readonly backed: BackedDomain }
  | { readonly kind: 'elsewhere'; readonly address: string; readonly domain: string }
  | { readonly kind: 'unknown'; readonly address: string }

/** An address that stands for several (RFC 5321 §3.9.1): the ways to its members, each once. */
export interface GroupWays {
  readonly group: Group
  readonly ways: readonly MemberWay[]
}

type MemberWay = Extract<Way, { kind: 'mailbox' | 'forward' }>

/** Forwards from one address here to another, in a row: more are a circle. */
const MAX_FORWARDS = 10

/** Members of a group that are groups, one below the other: more are a circle. */
const MAX_DEPTH = 10
/** Mail to these names at a group is for whoever answers for it (RFC 2142 §6, RFC 5321 §3.9.2). */
const OWNERS = /^(?:owner-(.+)|(.+)-(?:owner|request))$/

/**
 * Where mail for this recipient goes from here. To a group there are several ways (`groupFor`); whoever needs one gets
 * that to its owner.
 */
export function wayFor(agent: Agent, path: ForwardPath, forwards = 0): Way {
  const mailbox: Pick<Mailbox, 'localPart' | 'domain'> =
    path.type === 'postmaster' ? { localPart: 'postmaster', domain: agent.domain as Mailbox['domain'] } : path.mailbox
  const address = formatAddress(mailbox)
  const { domain } = mailbox
  const home = agent.settings.receiver.homes.find((one) => one.domain === domain)
  if (home !== undefined) return { kind: 'home', address, domain, at: home.at }
  const backed = agent.settings.receiver.backs.find((one) => one.domain === domain)
  if (backed !== undefined) return { kind: 'backup', address, backed }
  if (!isOwnDomain(agent, domain) || agent.settings.msa.keepsNone)
    return agent.settings.receiver.isOpen
      ? { kind: 'forward', from: address, to: address, keep: undefined }
      : { kind: 'elsewhere', address, domain }
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
  const owner = agent.store.group(address)?.owner ?? ownerOf(agent, address.toLowerCase())
  if (owner !== undefined && forwards < MAX_FORWARDS) return wayFor(agent, forwardPathOf(owner), forwards + 1)
  if (/^srs[01][=+-]/i.test(mailbox.localPart)) {
    const to = reverseSrs(agent, mailbox.localPart)
    if (to !== undefined) return { kind: 'return', to }
  }
  // A tag of ours on an address of ours (BATV): whoever answers to it answers to the address.
  const bare = untagged(agent, address)
  if (bare !== address) return wayFor(agent, forwardPathOf(bare), forwards + 1)
  const catchAll = agent.store.accountByAddress(`@${mailbox.domain}`)
  return catchAll === undefined ? { kind: 'unknown', address } : { kind: 'mailbox', account: catchAll, address }
}

/**
 * The members of the group that has this address; undefined: it is none. What comes from nobody (a bounce) is for its
 * owner: a group must not multiply it.
 */
export function groupFor(agent: Agent, path: ForwardPath, isBounce: boolean): GroupWays | undefined {
  const group = groupAt(agent, path) ?? listAt(agent, path)
  if (group === undefined) return undefined
  if (isBounce) {
    const way = wayFor(agent, forwardPathOf(group.owner))
    return { group, ways: way.kind === 'mailbox' || way.kind === 'forward' ? [way] : [] }
  }
  if ('isList' in group) {
    const from = group.address
    const ways = group.members.map((to) => ({ kind: 'forward', from, to, keep: undefined, group: from }) as const)
    return { group, ways }
  }
  const ways = new Map<number, MemberWay>()
  for (const member of membersOf(agent, group)) {
    const way = wayFor(agent, forwardPathOf(member))
    if (way.kind !== 'mailbox' && way.kind !== 'forward') continue
    // What goes on to another address stays here too: one reply answers for all members.
    const account = way.kind === 'mailbox' ? way.account : (way.keep ?? agent.store.accountByAddress(way.from))
    if (account === undefined || ways.has(account.id)) continue
    const address = group.address
    ways.set(
      account.id,
      way.kind === 'mailbox' ? { ...way, address, group: address } : { ...way, keep: account, group: address },
    )
  }
  return { group, ways: [...ways.values()] }
}

/** Whose mailboxes mail from within is put into at once: one, or those of a group's members; undefined: it goes on. */
export function homesFor(agent: Agent, address: string): Account[] | undefined {
  const path = forwardPathOf(address)
  const group = groupFor(agent, path, false)
  if (group !== undefined) return group.ways.flatMap((way) => holderOf(way) ?? [])
  const way = wayFor(agent, path)
  return way.kind === 'mailbox' ? [way.account] : undefined
}

/** Whose mailbox gets a copy. */
export const holderOf = (way: Way) =>
  way.kind === 'mailbox' ? way.account : way.kind === 'forward' ? way.keep : undefined

function groupAt(agent: Agent, path: ForwardPath): Group | undefined {
  if (path.type === 'postmaster' || !isOwnDomain(agent, path.mailbox.domain)) return undefined
  return agent.store.group(formatAddress(path.mailbox))
}

/** A mailing list here: its members are anywhere, and each gets a message of its own. */
export function listAt(agent: Agent, path: ForwardPath): (Group & { readonly isList: true }) | undefined {
  if (path.type === 'postmaster') return undefined
  const address = formatAddress(path.mailbox).toLowerCase()
  const list = agent.settings.forwarder.lists.find((one) => one.address === address)
  return list && { ...list, owner: `postmaster@${agent.domain}`, isList: true }
}

/** Every member, those of groups within it too: each address once, so that circles end. */
function membersOf(agent: Agent, group: Group, seen = new Set([group.address]), depth = 0): string[] {
  return group.members.flatMap((member) => {
    if (seen.has(member)) return []
    seen.add(member)
    const inner = agent.store.group(member)
    if (inner === undefined) return [member]
    return depth < MAX_DEPTH ? membersOf(agent, inner, seen, depth + 1) : []
  })
}

function ownerOf(agent: Agent, address: string): string | undefined {
  const at = address.lastIndexOf('@')
  const [, before, after] = OWNERS.exec(address.slice(0, at)) ?? []
  const name = before ?? after
  if (name === undefined) return undefined
  const of = name + address.slice(at)
  const isList = agent.settings.forwarder.lists.some((list) => list.address === of)
  return isList ? `postmaster@${agent.domain}` : agent.store.group(of)?.owner
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

/** Its last member may have gone since RCPT let it through. */
const waysOf = ({ group: { address }, ways }: GroupWays): readonly Way[] =>
  ways.length > 0 ? ways : [{ kind: 'unknown', address }]

/** The ways of one message: one copy for each mailbox and each target, however many addresses lead there. */
export function waysTo(agent: Agent, { recipients, reversePath }: Envelope): Leg[] {
  const ways = new Map<string, Leg & { places: number[] }>()
  for (const [place, recipient] of recipients.entries()) {
    const group = groupFor(agent, recipient.forwardPath, reversePath.type === 'null')
    for (const way of group === undefined ? [wayFor(agent, recipient.forwardPath)] : waysOf(group)) {
      const end = way.kind === 'mailbox' ? way.account.id : 'to' in way ? way.to : way.address
      const key = `${way.kind} ${end}`
      const known = ways.get(key)
      if (known === undefined) ways.set(key, { way, recipient, places: [place] })
      else known.places.push(place)
    }
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
  /** Somebody must let it go. */
  readonly isHeld?: boolean
  /** For whose sake it waits (roles/outgoing). */
  readonly sender?: string
}

/** The command that puts one recipient of a message into the Transmitter's queue; due at once, if nothing else is said. */
export function queueCommand(agent: Agent, mail: QueuedMail, forwardPath: string, later?: Later): Command {
  const nowMs = agent.world.clock.now()
  const expiresAtMs = (later?.dueMs ?? nowMs) + agent.settings.transmitter.expiresAfterS * 1000
  const { deliverBy } = mail.parameters
  return {
    kind: 'queue.add',
    entry: {
      ...mail,
      parameters: later?.sender === undefined ? mail.parameters : { ...mail.parameters, sender: later.sender },
      forwardPath,
      domain: domainOf(forwardPath),
      acceptedAtMs: nowMs,
      nextAttemptAtMs: later?.dueMs ?? nowMs,
      expiresAtMs: deliverBy?.mode === 'return' ? Math.min(expiresAtMs, deliverBy.atMs) : expiresAtMs,
      attempts: 0,
      state: later?.isHeld ? 'held' : 'waiting',
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
