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
  const assumed = newestFirst.map(writerOf).find((name) => name !== undefined)
  const ours = trustedBy && trustedBy.length > 0 ? trustedBy.map((name) => name.toLowerCase()) : [assumed ?? []].flat()
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

/** The organisation that wrote the line; of a handover also a host without a public name, by whatever it calls itself. */
function writerOf(received: Received): string | undefined {
  const host = hostName(received.by)
  if (host !== undefined) return organisation(host) ?? host
  const isTaken = received.isHandover && received.ip !== undefined && !isPrivateIp(received.ip)
  return isTaken ? received.by?.toLowerCase() : undefined
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
  /** The newest line of ours that tells of a handover among us. */
  let within: Received | undefined
  for (const [index, received] of newestFirst.entries()) {
    const by = hostName(received.by)
    const isNamed = isOneOf(by ?? received.by?.toLowerCase() ?? '', ours) || isWhoHanded(received, within)
    // A line without a host's name (qmail, local pickup) is ours only between two that are.
    if (by === undefined && !isNamed && !received.isHandover) continue
    // Nor is one by a host without a public name that took it from its own network.
    if (by === undefined && !isNamed && isInside(received, ours, trustedIps)) continue
    if (!isNamed) break
    count = index + 1
    if (!isHandover(received)) continue
    // Without an address there is only the greeting: by our own host it is a word among us.
    if (isWithoutAddress(received) && isOneOf(hostName(received.helo) ?? '', ours)) continue
    if (received.authenticated) break // what our own Author's machine wrote below is a claim again
    if (isOneOf(judged.get(index) ?? '', ours) || !isInside(received, ours, trustedIps)) {
      entry = index
      break
    }
    within = received
  }
  return { count, entry }
}

/** The line is by whoever a host of ours names as having handed the message on among us: by his address, or by his name. */
function isWhoHanded({ by, byIp }: Received, within: Received | undefined): boolean {
  if (within === undefined || by === undefined) return false
  if (byIp !== undefined && byIp === within.ip) return true
  const name = by.toLowerCase()
  const isBare = !name.includes('.') && name !== 'localhost'
  return isBare && [within.helo, within.reverseName].some((each) => each?.toLowerCase().split('.')[0] === name)
}

/** Was the handover inside our own network: by an address or a confirmed name of ours. */
function isInside(received: Received, ours: readonly string[], trustedIps: readonly string[]): boolean {
  const { ip, reverseName } = received
  if (ip === undefined) return false
  const name = hostName(reverseName)
  if (trustedIps.includes(ip) || (name !== undefined && isOneOf(name, ours))) return true
  if (isBetweenExchanges(received) && isOneOf(hostName(received.helo) ?? '', ours)) return true
  // A private address is ours, unless our own line confirms another's name for it (a lab, where all are on loopback).
  return isPrivateIp(ip) && name === undefined
}

/**
 * Exchange writes what a host calls itself, and hands on between public addresses. Who is not of the system comes by the
 * Frontend Transport, from an address that is not beside its own.
 */
function isBetweenExchanges({ with: protocol, via, ip, byIp, authenticated }: Received): boolean {
  if (authenticated || !/^(?:Microsoft SMTP Server|https)$/i.test(protocol ?? '')) return false
  const network = (text: string | undefined) => (text?.includes(':') ? text.split(':', 3).join(':') : undefined)
  return via !== 'Frontend Transport' || (network(ip) !== undefined && network(ip) === network(byIp))
}

function placeInNetworks(steps: readonly Step[], ours: readonly string[]): void {
  let newer: Step | undefined
  for (const step of steps.toReversed()) {
    const own = step.verified ? (organisation(ours[0]) ?? ours[0]) : undefined
    const named = organisation(step.received.by)
    // Under whatever name: it was found to be ours by who named it.
    step.network = own !== undefined && !isOneOf(hostName(step.received.by) ?? '', ours) ? own : named
    step.network ??= networkBefore(newer)
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

/** The name that a proof of the host speaks for (RFC 7489 §3.2): below a suffix whose owner gives names to strangers, theirs. */
export function aligned(host: string): string {
  const name = host.toLowerCase()
  return getDomain(name, { allowPrivateDomains: true }) ?? name
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
