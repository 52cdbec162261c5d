// From hosts to actors: what each relay did on the path gives its role, and neighbours of one organisation that did the same
// are one block. "We have named the blocks by the role they play in processing a message" (the article). Before the Border
// all of it is what others claim; a role is a reading of the path, not a fact.

import { isPrivateIp } from '../../message/ip.ts'
import { type Background, provenBy } from './background.ts'
import type { ForwarderSigns } from './forwarder.ts'
import { groupNodes, type Node, readNodes, type Unit, unitsOf } from './nodes.ts'
import { hostName, isOwnAddress, organisation, type Path, type Step } from './path.ts'

export interface TraceBlock {
  /** Short name for the notation: `@sender`; '' for people. */
  id: string
  roles: string[]
  /** The registered domain, or the address where no name is known. */
  organisation: string
  hosts: string[]
  /** The address from which it reached the next block. */
  ip?: string
  /** `cloud`: nobody's; where Open Relays float. */
  side: 'sender' | 'cloud' | 'forwarder' | 'recipient'
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

interface Played {
  readonly units: readonly Unit[]
  readonly roles: string[]
  readonly side: TraceBlock['side']
}

/** The blocks of the path, from Author to Recipient as far as they can be told. */
export function readBlocks(
  path: Path,
  signs: ForwarderSigns | undefined,
  background: Background,
  trustedForwarders: readonly string[],
): Blocks {
  const groups = groupNodes(readNodes(path.steps, signs, background))
  const firstOwn = groups.findIndex((group) => group[0]!.isOurs)
  const theirs = firstOwn < 0 ? groups : groups.slice(0, firstOwn)
  const own = firstOwn < 0 ? [] : groups.slice(firstOwn)
  const forwarder = findForwarder(theirs, signs)
  const senders = forwarder < 0 ? theirs : theirs.slice(0, forwarder)
  const passing = forwarder < 0 ? [] : forwardersFrom(theirs.slice(forwarder), signs!)
  const after = passing[0] ?? own[0]
  const relay = isOpenRelay(senders, after, background) ? senders.at(-1)! : undefined
  const played: Played[] = [
    ...senderRoles(relay === undefined ? senders : senders.slice(0, -1)),
    ...(relay === undefined ? [] : [{ units: [relay], roles: ['Open Relay'], side: 'cloud' as const }]),
    ...passing.map((group) => ({
      units: [group],
      roles: ['Receiver', isListOf(signs!, group) ? 'Mailing List' : 'Forwarder'],
      side: 'forwarder' as const,
    })),
    ...ownRoles(own),
  ]
  const joined = joinPlayed(played)
  const blocks = joined.map((one, index) => describe(one, joined[index + 1]))
  nameBlocks(blocks)
  return { blocks, hops: readHops(blocks, trustedForwarders) }
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
  const found = places.find((place) => place >= 0) ?? (signs.isOnlySealed ? -1 : theirs.length - 1)
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

/**
 * Nobody signed in there, it sends in another's name, and whoever took it from there found that it may not (SPF): a relay that
 * takes mail from everybody. A relay under contract is in the domain's SPF.
 */
function isOpenRelay(senders: readonly Node[][], after: readonly Node[] | undefined, background: Background): boolean {
  const [before, relay] = [senders.at(-2), senders.at(-1)]
  const [took, handed] = [relay?.[0]?.step, after?.[0]?.step]
  if (before === undefined || relay === undefined || took === undefined || handed === undefined) return false
  const { received } = took
  const name = relay[0]!.organisation
  const greeted = organisation(received.helo)
  if (received.authenticated || received.ip === undefined || (isOwnAddress(received) && greeted === undefined))
    return false
  if (background.responsible.has(name) || greeted === name) return false
  const proven = provenBy(handed, background)
  return (
    proven !== undefined && proven.spf.size === 0 && ![...background.responsible].some((one) => proven.all.has(one))
  )
}

/** Where the Author hands in is the MSA; what leaves the sender's side is the Transmitter, and all its relays. */
function senderRoles(senders: readonly Node[][]): Played[] {
  const isAuthors = (group: readonly Node[]) => group[0]!.isAuthor
  const agents = senders.filter((group) => !isAuthors(group))
  const knowsAuthor = agents.length < senders.length
  return senders.flatMap((group): Played[] => {
    if (isAuthors(group)) return [{ units: [group], roles: ['Author'], side: 'sender' }]
    const [isFirst, isLast] = [group === agents[0], group === agents.at(-1)]
    const units = unitsOf(group)
    return units.map((unit, index) => {
      const takesIn = knowsAuthor && isFirst && (index === 0 || !isLast)
      const sends = !takesIn || (isLast && units.length === 1)
      const roles = [...(takesIn ? ['MSA'] : []), ...(sends ? ['Transmitter'] : [])]
      return { units: [unit], roles, side: 'sender' }
    })
  })
}

/** Our own: the first takes it (from the Author, or at the Border), the last delivers it. */
function ownRoles(own: readonly Node[][]): Played[] {
  const [first] = own
  if (first === undefined) return []
  const submitted = first[0]!.isAuthor
  const units = own.slice(submitted ? 1 : 0).flatMap(unitsOf)
  const between = submitted ? 'Transmitter' : 'Receiver'
  return [
    ...(submitted ? [{ units: [first], roles: ['Author'], side: 'recipient' as const }] : []),
    ...units.map((unit, index): Played => {
      const takes = index === 0 && submitted ? 'MSA' : between
      const isLast = index === units.length - 1
      const roles = isLast ? (index === 0 ? [takes, 'MDA'] : ['MDA']) : [takes]
      return { units: [unit], roles, side: 'recipient' }
    }),
  ]
}

/** Neighbours of one organisation that did the same are one block. */
function joinPlayed(played: readonly Played[]): Played[] {
  const joined: Played[] = []
  for (const one of played) {
    const last = joined.at(-1)
    const isSame =
      last !== undefined &&
      last.side === one.side &&
      last.side !== 'forwarder' &&
      last.roles.join() === one.roles.join() &&
      last.roles[0] !== 'Author' &&
      last.units[0]![0]!.organisation === one.units[0]![0]!.organisation
    if (isSame) joined[joined.length - 1] = { ...last, units: [...last.units, ...one.units] }
    else joined.push(one)
  }
  return joined
}

function describe({ units, roles, side }: Played, next: Played | undefined): TraceBlock {
  const group = units.flat()
  const handedOn = next?.units[0]?.[0]?.step?.received.ip ?? group.at(-1)!.ip
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

/** The last role, as part of a name. */
const ROLE_NAMES: Readonly<Record<string, string>> = { 'Mailing List': 'list', 'Open Relay': 'relay' }

/**
 * Ids that the notation can carry: the first label of the organisation, told apart where two organisations share it; with the
 * role, where agents of one organisation hand over to each other.
 */
function nameBlocks(blocks: readonly TraceBlock[]): void {
  const taken = new Map<string, string>()
  const several = new Set(
    blocks.flatMap(({ organisation: name, side, roles }, index) => {
      const next = blocks[index + 1]
      return roles[0] !== 'Author' && next?.organisation === name && next.side === side ? [`${side} ${name}`] : []
    }),
  )
  for (const block of blocks) {
    if (block.roles[0] === 'Author') continue
    const isName = hostName(block.organisation) !== undefined
    const label = isName ? block.organisation.split('.')[0]! : `host-${block.organisation}`
    const role = block.roles.at(-1)!
    const base =
      label
        .toLowerCase()
        .replace(/[^a-z0-9_-]+/g, '-')
        .replace(/^-+|-+$/g, '')
        .slice(0, 40) || 'host'
    const isSeveral = several.has(`${block.side} ${block.organisation}`)
    const stem = isSeveral ? `${base}-${ROLE_NAMES[role] ?? role.toLowerCase()}` : base
    let id = stem
    for (let n = 2; taken.has(id) && taken.get(id) !== block.organisation; n++) id = `${stem}-${n}`
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
    const crossesBorder = changesSide && !isSubmission && !isTrusted
    const isWithin = !crossesBorder && before.side === after.side && before.organisation === after.organisation
    hops.push({
      from,
      to,
      arrow: isSubmission || isWithin ? 'direct' : isTrusted ? 'indirect' : 'flow',
      crossesBorder,
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
