// From hosts to actors: neighbouring hosts of one organisation are one block, and its place on the path gives its roles.
// "We have named the blocks by the role they play in processing a message" (the article). Before the Border all of it
// is what others claim; a role is a reading of the path, not a fact.

import { isPrivateIp } from '../../message/ip.ts'
import type { Received } from '../../message/received.ts'
import type { ForwarderSigns } from './forwarder.ts'
import { hostName, organisation, type Path, type Step } from './path.ts'

export interface TraceBlock {
  /** Short name for the notation: `@sender`; '' for people. */
  id: string
  roles: string[]
  /** The registered domain, or the address where no name is known. */
  organisation: string
  hosts: string[]
  /** The address from which it reached the next block. */
  ip?: string
  side: 'sender' | 'forwarder' | 'recipient'
  /** All we know of it was written by our own hosts. */
  verified: boolean
  /** The handover that brought the message here. */
  step?: Step
}

export interface TraceHop {
  /** Indices of blocks. */
  from: number
  to: number
  arrow: 'direct' | 'indirect' | 'flow'
  crossesBorder: boolean
  /** The Received line of the handover; none for the last step to the Recipient. */
  step?: Step
}

export interface Blocks {
  blocks: TraceBlock[]
  hops: TraceHop[]
}

interface Node {
  host: string
  organisation: string
  ip?: string
  isAuthor: boolean
  /** One of our own hosts, by what they wrote. */
  isOurs: boolean
  /** The handover that brought the message here. */
  step?: Step
}

/** The blocks of the path, from Author to Recipient as far as they can be told. */
export function readBlocks(
  path: Path,
  signs: ForwarderSigns | undefined,
  trustedForwarders: readonly string[],
): Blocks {
  const groups = groupNodes(readNodes(path.steps, signs !== undefined))
  const firstOwn = groups.findIndex((group) => group[0]!.isOurs)
  const theirs = firstOwn < 0 ? groups : groups.slice(0, firstOwn)
  const own = firstOwn < 0 ? [] : groups.slice(firstOwn)
  const forwarder = findForwarder(theirs, signs)
  const blocks: TraceBlock[] = []
  const add = (group: Node[], roles: string[], side: TraceBlock['side'], next?: Node[]): void => {
    blocks.push(describe(group, roles, side, next))
  }
  const senders = forwarder < 0 ? theirs : theirs.slice(0, forwarder)
  for (const [index, group] of senders.entries()) {
    add(group, senderRoles(senders, index), 'sender', groups[index + 1])
  }
  if (forwarder >= 0) {
    const chain = forwardersFrom(theirs.slice(forwarder), signs!)
    for (const [index, group] of chain.entries())
      add(
        group,
        ['Receiver', isListOf(signs!, group) ? 'Mailing List' : 'Forwarder'],
        'forwarder',
        chain[index + 1] ?? own[0],
      )
  }
  for (const [index, group] of own.entries()) add(group, ownRoles(own, index), 'recipient', own[index + 1])
  nameBlocks(blocks)
  return { blocks, hops: readHops(blocks, trustedForwarders) }
}

function readNodes(steps: readonly Step[], wasForwarded: boolean): Node[] {
  const nodes: Node[] = []
  const handovers = steps.filter((step) => step.kind === 'handover' && step.doubt === undefined)
  for (const [index, step] of handovers.entries()) {
    const { received } = step
    const isLast = index === handovers.length - 1
    const last = nodes.at(-1)
    if (last) {
      if (last.organisation === '') last.organisation = originOf(step).organisation
      last.ip ??= received.ip
      if (isGap(last, step)) nodes.push({ ...originOf(step), isAuthor: false })
    } else nodes.push({ ...originOf(step), isAuthor: isAuthors(step, isLast, wasForwarded) })
    nodes.push({
      host: received.by ?? 'unknown',
      organisation: organisation(received.by) ?? (isLast ? (received.by ?? 'unknown') : ''),
      isAuthor: false,
      isOurs: step.verified,
      step,
    })
  }
  return nodes
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
 * if the line says so, or if relays follow. But the first line of forwarded mail may be the Forwarder's own.
 */
function isAuthors(step: Step, isLast: boolean, wasForwarded: boolean): boolean {
  const { received } = step
  if (received.authenticated) return true
  if (step.entersHere || isLast) return false
  if (received.ip === undefined || isOwnAddress(received) || !wasForwarded) return true
  return organisation(received.reverseName ?? received.helo) === organisation(received.by)
}

/** A private address is of one's own network, unless its confirmed name is another's (a lab on one computer). */
function isOwnAddress({ ip, reverseName, by }: Received): boolean {
  const isForeign = organisation(reverseName) !== undefined && organisation(reverseName) !== organisation(by)
  return ip !== undefined && isPrivateIp(ip) && !isForeign
}

/** Neighbours of one organisation, but never across the Border and never the Author with a server. */
function groupNodes(nodes: readonly Node[]): Node[][] {
  const groups: Node[][] = []
  for (const node of nodes) {
    const last = groups.at(-1)?.at(-1)
    const isSame = last && !last.isAuthor && last.isOurs === node.isOurs && last.organisation === node.organisation
    if (isSame) groups.at(-1)!.push(node)
    else groups.push([node])
  }
  return groups
}

/** Which group forwarded: the one whose line changed the recipient, or whose domain the signs name; else the newest. */
function findForwarder(theirs: readonly Node[][], signs: ForwarderSigns | undefined): number {
  if (!signs) return -1
  const isAgent = (group: Node[]): boolean => !group[0]!.isAuthor
  const named = [organisation(signs.host), organisation(signs.domain)].filter((each) => each !== undefined)
  // Of several the first: what stands behind it forwards on.
  const chained = signs.domains.map((domain) => organisation(domain))
  const first = theirs.findIndex((group) => isAgent(group) && chained.includes(group[0]!.organisation))
  if (first > 0 && theirs.slice(0, first).some(isAgent)) return first
  const places = named.map((name) => theirs.findLastIndex((group) => isAgent(group) && group[0]!.organisation === name))
  const found = places.find((place) => place >= 0) ?? theirs.length - 1
  // Somebody must have sent it to the Forwarder.
  return found > 0 && theirs.slice(0, found).some(isAgent) ? found : -1
}

/** One after the other: each that a sign names begins anew, and what stands behind it works for it. */
function forwardersFrom(groups: readonly Node[][], { domains }: ForwarderSigns): Node[][] {
  const chain: Node[][] = []
  for (const group of groups) {
    const isNamed = domains.some((domain) => organisation(domain) === group[0]!.organisation)
    if (chain.length === 0 || isNamed) chain.push([...group])
    else chain.at(-1)!.push(...group)
  }
  return chain
}

/** The list among several Forwarders: the one that List-Id names, else the first. */
function isListOf({ isList, listDomain }: ForwarderSigns, group: readonly Node[]): boolean {
  return isList && (listDomain === undefined || listDomain === group[0]!.organisation)
}

function senderRoles(senders: readonly Node[][], index: number): string[] {
  if (senders[index]![0]!.isAuthor) return ['Author']
  const knowsAuthor = senders[0]![0]!.isAuthor
  const first = knowsAuthor ? 1 : 0
  const isFirst = index === first
  const isLast = index === senders.length - 1
  if (isFirst && isLast) return knowsAuthor ? ['MSA', 'Transmitter'] : ['Transmitter']
  return isFirst ? ['MSA'] : ['Transmitter']
}

function ownRoles(own: readonly Node[][], index: number): string[] {
  if (own[index]![0]!.isAuthor) return ['Author']
  const submitted = own[0]![0]!.isAuthor
  const first = submitted ? 1 : 0
  const roles = index === first ? [submitted ? 'MSA' : 'Receiver'] : []
  if (index === own.length - 1) roles.push('MDA')
  return roles.length > 0 ? roles : [submitted ? 'Transmitter' : 'Receiver']
}

function describe(
  group: readonly Node[],
  roles: string[],
  side: TraceBlock['side'],
  next: readonly Node[] | undefined,
): TraceBlock {
  const handedOn = next?.[0]?.step?.received.ip ?? group.at(-1)!.ip
  return {
    id: '',
    roles,
    organisation: group[0]!.organisation || group[0]!.host,
    hosts: [...new Set(group.map((node) => node.host))],
    ...(handedOn !== undefined && !isPrivateIp(handedOn) && { ip: handedOn }),
    side,
    verified: group.every((node) => node.isOurs),
    ...(group[0]!.step && { step: group[0]!.step }),
  }
}

/** Ids that the notation can carry: the first label of the organisation, told apart where two organisations share it. */
function nameBlocks(blocks: readonly TraceBlock[]): void {
  const taken = new Map<string, string>()
  for (const block of blocks) {
    if (block.roles[0] === 'Author') continue
    const isName = hostName(block.organisation) !== undefined
    const label = isName ? block.organisation.split('.')[0]! : `host-${block.organisation}`
    const base =
      label
        .toLowerCase()
        .replace(/[^a-z0-9_-]+/g, '-')
        .replace(/^-+|-+$/g, '')
        .slice(0, 40) || 'host'
    let id = base
    for (let n = 2; taken.has(id) && taken.get(id) !== block.organisation; n++) id = `${base}-${n}`
    taken.set(id, block.organisation)
    block.id = id
  }
}

function readHops(blocks: TraceBlock[], trustedForwarders: readonly string[]): TraceHop[] {
  const hops: TraceHop[] = []
  for (let to = 1; to < blocks.length; to++) {
    const from = to - 1
    const [before, after] = [blocks[from]!, blocks[to]!]
    const { step } = after
    const isTrusted =
      before.side === 'forwarder' && trustedForwarders.some((domain) => organisation(domain) === before.organisation)
    // From one Forwarder to the next, too.
    const changesSide = before.side !== after.side || before.side === 'forwarder'
    const isSubmission = before.roles[0] === 'Author'
    hops.push({
      from,
      to,
      arrow: isSubmission ? 'direct' : isTrusted ? 'indirect' : 'flow',
      crossesBorder: changesSide && !isSubmission && !isTrusted,
      ...(step && { step }),
    })
  }
  if (blocks.at(-1)?.side === 'recipient') {
    const own = blocks.at(-1)!
    blocks.push({ ...own, id: '', roles: ['Recipient'], hosts: [], ip: undefined, step: undefined })
    hops.push({ from: blocks.length - 2, to: blocks.length - 1, arrow: 'direct', crossesBorder: false })
  }
  return hops
}
