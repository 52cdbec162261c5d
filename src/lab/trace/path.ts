// The path of a message by its Received lines (RFC 5321 §4.4), oldest first: who handed it to whom, when, how protected.
// A line is believed only if one of our own hosts wrote it. Hosts write on top, so from the top down lines are ours
// until the first that took the message from a stranger: there is the Border, and below it everything is a claim.

import { getDomain } from 'tldts'
import { fieldsNamed, type Header, rawValue } from '../../message/header.ts'
import { isIp, isPrivateIp } from '../../message/ip.ts'
import { parseReceived, type Received } from '../../message/received.ts'

export interface Step {
  /** 1 is the oldest line. */
  number: number
  received: Received
  /** A handover between hosts, or something inside one (a scanner, a local delivery, a fetch by POP). */
  kind: 'handover' | 'inside'
  /** Written by one of our own hosts. All others are claims. */
  verified: boolean
  /** Why this line was probably never written by a relay: a sentence. */
  doubt?: string
  /** Here the message came across the Border to us. */
  entersHere: boolean
  /** Since the step before, or since the Date field for the first. Never negative. */
  delayMs?: number
  /** The clock of this step is behind the one before by at least this much. */
  clocksDifferByMs?: number
}

/** How the trace knows which lines are ours: told, guessed from the newest line, or not at all. */
export type Trust = 'configured' | 'assumed' | 'none'

export interface Path {
  steps: Step[]
  trust: Trust
  /** Domains or hosts whose lines are taken as ours. */
  ours: readonly string[]
}

const MAX_STEPS = 200

/** Reads the path. `trustedBy` and `trustedIps` name our own hosts; a domain stands for all hosts in it. */
export function readPath(
  header: Header,
  trustedBy: readonly string[] | undefined,
  trustedIps: readonly string[] = [],
): Path {
  const lines = fieldsNamed(header, 'received').slice(0, MAX_STEPS)
  const newestFirst = lines.map((field) => parseReceived(rawValue(header, field).toString('latin1')))
  const newestHost = newestFirst.map((received) => hostName(received.by)).find((name) => name !== undefined)
  const assumed = newestHost === undefined ? [] : [organisation(newestHost) ?? newestHost]
  const ours = trustedBy && trustedBy.length > 0 ? trustedBy.map((name) => name.toLowerCase()) : assumed
  const believed = believedLines(newestFirst, ours, trustedIps)
  const steps = newestFirst.map(
    (received, index): Step => ({
      number: newestFirst.length - index,
      received,
      kind: isHandover(received) ? 'handover' : 'inside',
      verified: index < believed.count,
      entersHere: index === believed.entry,
    }),
  )
  const trust = believed.count === 0 ? 'none' : trustedBy && trustedBy.length > 0 ? 'configured' : 'assumed'
  steps.reverse()
  doubtForged(steps)
  return { steps, trust, ours }
}

/**
 * Where somebody signed in to hand the message over, he is its Author or a relay under contract: then the line below was
 * written by that relay. If it leads elsewhere, whoever signed in brought the lines below with him.
 */
function doubtForged(steps: readonly Step[]): void {
  const handovers = steps.filter(({ kind }) => kind === 'handover')
  const at = handovers.findLastIndex(
    (step, i) => i > 0 && step.received.authenticated && !leadsFrom(step, handovers[i - 1]!),
  )
  if (at < 0) return
  const { by } = handovers[at]!.received
  for (const step of steps) {
    if (step === handovers[at]) return
    step.doubt = `${by} took the message from somebody who had signed in there, and this line leads elsewhere: he can have written it`
  }
}

/** Is who wrote the older line the one that handed the message on in the newer. */
function leadsFrom({ received }: Step, older: Step): boolean {
  const by = older.received.by?.toLowerCase()
  if (by === undefined) return false
  return [received.reverseName, received.helo].some(
    (name) => name !== undefined && (name.toLowerCase() === by || (organisation(name) ?? name) === organisation(by)),
  )
}

/** An MSA may keep an Author's address to itself: then the line has no address and is a handover all the same. */
function isHandover(received: Received): boolean {
  return received.isHandover || (received.authenticated && received.by !== undefined)
}

function believedLines(newestFirst: Received[], ours: readonly string[], trustedIps: readonly string[]) {
  let count = 0
  let entry = -1
  for (const [index, received] of newestFirst.entries()) {
    const by = hostName(received.by)
    // A line without a host's name (qmail, local pickup) is ours only between two that are.
    if (by === undefined && !received.isHandover) continue
    if (by === undefined || !isOneOf(by, ours)) break
    count = index + 1
    if (!isHandover(received)) continue
    if (received.authenticated) break // what our own Author's machine wrote below is a claim again
    if (!isInside(received, ours, trustedIps)) {
      entry = index
      break
    }
  }
  return { count, entry }
}

/** Was the handover inside our own network: by an address or a confirmed name of ours. */
function isInside({ ip, reverseName }: Received, ours: readonly string[], trustedIps: readonly string[]): boolean {
  if (ip === undefined) return false
  const name = hostName(reverseName)
  if (trustedIps.includes(ip) || (name !== undefined && isOneOf(name, ours))) return true
  // A private address is ours, unless our own line confirms another's name for it (a lab, where all are on loopback).
  return isPrivateIp(ip) && name === undefined
}

/** True if the host is one of the names, or in one of the domains. */
export function isOneOf(host: string, names: readonly string[]): boolean {
  return names.some((name) => host === name || host.endsWith(`.${name}`))
}

/** A host name of at least two labels, lower case; undefined for bare words, addresses and nothing. */
export function hostName(text: string | undefined): string | undefined {
  const name = text?.toLowerCase().replace(/\.$/, '')
  if (!name || name.length > 253 || isIp(name) || !/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(name)) return undefined
  return name.includes('.') && !/\.\d+$/.test(name) && !/\.(?:local|lan|localdomain|internal)$/.test(name)
    ? name
    : undefined
}

/** The organisation that a host belongs to, by the registered domain: `mx3.mail.example.org` to `example.org`. */
export function organisation(host: string | undefined): string | undefined {
  const name = hostName(host)
  return name && (getDomain(name, { allowPrivateDomains: false }) ?? name)
}

/** Fills in the delays. Clocks are not in step: a negative delay says only by how much, at least (friendly: no error). */
export function measureDelays(steps: readonly Step[], sentMs: number | undefined): void {
  let before = sentMs
  for (const step of steps) {
    const now = step.received.date?.epochMs
    if (now === undefined) continue
    if (before !== undefined) {
      if (now >= before) step.delayMs = now - before
      else {
        step.delayMs = 0
        step.clocksDifferByMs = before - now
      }
    }
    before = now
  }
}
