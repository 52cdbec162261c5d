// The hosts of a path, oldest first: who wrote each line, who stood before the first, and who wrote none; and which of them
// belong together.

import { isAccessLine, type Received } from '../../message/received.ts'
import type { Background } from './background.ts'
import type { ForwarderSigns } from './forwarder.ts'
import { hostName, isOwnAddress, organisation, type Step } from './path.ts'

export interface Node {
  host: string
  organisation: string
  ip?: string
  isAuthor: boolean
  /** One of our own hosts, by what they wrote. */
  isOurs: boolean
  /** The handover that brought the message here. */
  step?: Step
}

/** One relay, or several between which the message went to and fro (a scanner): it cannot be told who did what. */
export type Unit = Node[]

/** The hosts, as the lines that are not doubted tell them. */
export function readNodes(steps: readonly Step[], signs: ForwarderSigns | undefined, background: Background): Node[] {
  const nodes: Node[] = []
  const handovers = steps.filter((step) => step.kind === 'handover' && step.doubt === undefined)
  for (const [index, step] of handovers.entries()) {
    const { received } = step
    const isLast = index === handovers.length - 1
    const last = nodes.at(-1)
    if (last) {
      last.ip ??= received.ip
      if (isGap(last, step)) nodes.push({ ...originOf(step), isAuthor: false })
    } else {
      const isAuthor = isAuthors(step, isLast, signs, background)
      const origin = { ...originOf(step), isAuthor }
      if (!isAuthor && isHandedInAt(origin, steps)) nodes.push({ ...origin, host: 'unknown', isAuthor: true })
      nodes.push(origin)
    }
    nodes.push({
      host: received.by ?? 'unknown',
      organisation: step.network ?? originNameOf(handovers[index + 1]) ?? received.by ?? 'unknown',
      isAuthor: false,
      isOurs: step.verified,
      step,
    })
  }
  return nodes.length > 0 ? nodes : withinOneHost(steps)
}

/** No line tells of two hosts: a message that began and ended on one, or whose one line keeps the other to itself. */
function withinOneHost(steps: readonly Step[]): Node[] {
  const newest = steps.findLast(({ doubt }) => doubt === undefined)
  if (newest === undefined) return []
  const host = newest.received.by ?? 'unknown'
  const node: Node = {
    host,
    organisation: newest.network ?? host,
    isAuthor: false,
    isOurs: newest.verified,
    step: newest,
  }
  const author: Node = { host: 'unknown', organisation: node.organisation, isAuthor: true, isOurs: node.isOurs }
  return isHandedInAt(node, steps) ? [author, node] : [node]
}

/** Who handed the message over, by the name that was found for the address, else by the greeting. */
function originOf(step: Step): Omit<Node, 'isAuthor'> {
  const { ip, reverseName, helo } = step.received
  const name = hostName(reverseName) ?? hostName(helo)
  return {
    host: name ?? ip ?? 'unknown',
    organisation: organisation(name) ?? ip ?? 'unknown',
    ip,
    isOurs: step.verified && !step.entersHere,
  }
}

/** What is known of a host without a public name from whoever took the message there. */
const originNameOf = (newer: Step | undefined): string | undefined =>
  newer === undefined ? undefined : originOf(newer).organisation

/** The writer of the line before is not who handed the message on: between them stands a host that wrote no line. */
function isGap(last: Node, { received }: Step): boolean {
  if (received.ip === undefined || isOwnAddress(received)) return false
  const candidates = [organisation(received.reverseName), organisation(received.helo)].filter(
    (each) => each !== undefined,
  )
  return candidates.length > 0 && !candidates.includes(last.organisation)
}

/**
 * Relays write lines ("there should be one for each relay"); who stands first wrote none: it is the Author's machine,
 * if the line says so, or if relays follow. But the first line may be a Forwarder's own, and a machine that greets by its
 * confirmed name to another organisation is a relay that wrote none.
 */
function isAuthors(step: Step, isLast: boolean, signs: ForwarderSigns | undefined, background: Background): boolean {
  const { received } = step
  if (received.authenticated) return true
  // Who asks whether a host may send in that name (SPF) asks a stranger.
  if (step.entersHere || isLast || isJudged(step, background)) return false
  const by = organisation(received.by)
  const origin = organisation(received.reverseName ?? received.helo)
  if (received.ip === undefined || isOwnAddress(received)) return true
  if (origin !== by && isRelay(received)) return false
  if (signs === undefined) return true
  const named = organisations([...signs.domains, signs.host])
  if (named.length > 0 && by !== undefined && !named.includes(by)) return true
  return origin === by
}

const isJudged = (step: Step, background: Background): boolean =>
  background.resultsOf(step)?.methods.some(({ method }) => method === 'spf') ?? false

/** Greets by the name that was confirmed for its address, and that name is none of a provider's customer. */
function isRelay({ reverseName, helo }: Received): boolean {
  const name = hostName(reverseName)
  return name !== undefined && name === hostName(helo) && !isAccessLine(name)
}

/** The oldest line tells that the message began on this host: by a program there, or by a page in a browser. */
function isHandedInAt(origin: Omit<Node, 'isAuthor'>, steps: readonly Step[]): boolean {
  const oldest = steps[0]
  if (oldest === undefined || oldest.kind !== 'inside' || oldest.doubt !== undefined) return false
  const { raw, with: protocol, by } = oldest.received
  if (/invoked from network|\(fetchmail-/i.test(raw) || /^(?:pop3|imap)|scan/i.test(protocol ?? '')) return false
  const at = organisation(by)
  if (at === undefined) return by !== undefined || /invoked by (?:uid|alias)/i.test(raw)
  return at === origin.organisation
}

/** Neighbours of one organisation, but never across the Border and never the Author with a server. */
export function groupNodes(nodes: readonly Node[]): Node[][] {
  const groups: Node[][] = []
  for (const node of nodes) {
    const last = groups.at(-1)?.at(-1)
    const isSame = last && !last.isAuthor && last.isOurs === node.isOurs && last.organisation === node.organisation
    if (isSame) groups.at(-1)!.push(node)
    else groups.push([node])
  }
  return groups
}

/** Relay by relay; what lies between two visits of the same host is one unit with it. */
export function unitsOf(group: readonly Node[]): Unit[] {
  const units: Unit[] = []
  for (const node of group) {
    const before = units.findIndex((unit) => unit.some(({ host }) => host === node.host))
    if (before < 0) units.push([node])
    else units.splice(before, units.length - before, [...units.slice(before).flat(), node])
  }
  return units
}

function organisations(domains: readonly (string | undefined)[]): string[] {
  return domains.flatMap((domain) => organisation(domain) ?? [])
}
