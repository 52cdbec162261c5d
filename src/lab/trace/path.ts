// The path of a message by its Received lines (RFC 5321 §4.4), oldest first: who handed it to whom, when, how protected.
// A line is believed only if one of our own hosts wrote it. Hosts write on top, so from the top down lines are ours
// until the first that took the message from a stranger: there is the Border, and below it everything is a claim.

import { getDomain } from 'tldts'
import { parseAuthenticationResults } from '../../message/authentication-results.ts'
import { fieldsNamed, type Header, type HeaderField, rawValue, unfolded } from '../../message/header.ts'
import { isIp, isPrivateIp } from '../../message/ip.ts'
import { parseReceived, type Received } from '../../message/received.ts'

export interface Step {
  /** 1 is the oldest line. */
  number: number
  received: Received
  /** Whose network the writer stands in: by its own name, or by that of the host to which it handed the message on within. */
  network?: string
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
  const judged = judgedLines(header, lines, newestFirst)
  const believed = believedLines(newestFirst, ours, trustedIps, judged)
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
  placeInNetworks(steps, ours)
  return { steps, trust, ours }
}

/** An MSA may keep an Author's address to itself: then the line has no address and is a handover all the same. */
function isHandover(received: Received): boolean {
  return received.isHandover || (received.authenticated && received.by !== undefined) || isWithoutAddress(received)
}

function isWithoutAddress({ ip, helo, by, with: protocol }: Received): boolean {
  const isBetween = ip === undefined && hostName(helo) !== undefined && hostName(by) !== undefined && helo !== by
  return isBetween && (protocol === undefined || /^(?:u?e?smtps?|utf8smtps?)$/i.test(protocol))
}

/**
 * A private address is of the writer's own network, whatever it is called there; but of a lab on one computer all are on
 * loopback, and a confirmed name tells them apart.
 */
export function isOwnAddress({ ip, reverseName, by }: Received): boolean {
  if (ip === undefined || !isPrivateIp(ip)) return false
  const [name, writer] = [organisation(reverseName), organisation(by)]
  return !ip.startsWith('127.') || name === undefined || writer === undefined || name === writer
}

/** Above which lines somebody wrote down whether the host may send in that name (SPF): he was at his Border. */
function judgedLines(
  header: Header,
  lines: readonly HeaderField[],
  newestFirst: readonly Received[],
): ReadonlyMap<number, string> {
  const judged = new Map<number, string>()
  let at = 0
  for (const field of fieldsNamed(header, 'authentication-results')) {
    while (at < lines.length && (lines[at]!.start < field.start || !isHandover(newestFirst[at]!))) at++
    const found = parseAuthenticationResults(unfolded(header, field))
    if (found?.methods.some(({ method }) => method === 'spf')) judged.set(at, found.authservId)
  }
  return judged
}

function believedLines(
  newestFirst: Received[],
  ours: readonly string[],
  trustedIps: readonly string[],
  judged: ReadonlyMap<number, string>,
) {
  let count = 0
  let entry = -1
  for (const [index, received] of newestFirst.entries()) {
    const by = hostName(received.by)
    // A line without a host's name (qmail, local pickup) is ours only between two that are.
    if (by === undefined && !received.isHandover) continue
    // Nor is one by a host without a public name that took it from its own network.
    if (by === undefined && isInside(received, ours, trustedIps)) continue
    if (by === undefined || !isOneOf(by, ours)) break
    count = index + 1
    if (!isHandover(received)) continue
    // Without an address there is only the greeting: by our own host it is a word among us.
    if (isWithoutAddress(received) && isOneOf(hostName(received.helo) ?? '', ours)) continue
    if (received.authenticated) break // what our own Author's machine wrote below is a claim again
    if (isOneOf(judged.get(index) ?? '', ours) || !isInside(received, ours, trustedIps)) {
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

function placeInNetworks(steps: readonly Step[], ours: readonly string[]): void {
  let newer: Step | undefined
  for (const step of steps.toReversed()) {
    step.network =
      organisation(step.received.by) ?? networkBefore(newer) ?? (step.verified ? organisation(ours[0]) : undefined)
    if (step.kind === 'handover') newer = step
  }
}

/** Whose network it was that handed the message over. */
function networkBefore(newer: Step | undefined): string | undefined {
  if (newer === undefined) return undefined
  const { received } = newer
  if (isOwnAddress(received)) return newer.network
  return organisation(received.reverseName) ?? organisation(received.helo)
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
