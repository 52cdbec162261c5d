// A message of the simulator, as it would look had its agents been other systems: their lines in another hand, with relays
// inside their networks, with clocks that differ. Lines that an adversary wrote stay as he wrote them.

import { parseReceived } from '../../../message/received.ts'
import type { Random } from '../../../world/world.ts'
import type { Handover, Style } from './styles.ts'
import type { KnownHop, KnownPath } from './truth.ts'

export interface Rewriting {
  readonly random: Random
  /** By the host that writes. */
  styleOf(host: string): Style
  /** Relays inside the networks of agents: how many at most. */
  readonly inside: number
  /** Clocks differ by as much, at most. */
  readonly skewMs: number
  /** Whose accounts sign in, where a line says that somebody did. */
  readonly author: string
}

/** Addresses of a laboratory become addresses of the Internet, which nobody takes for his own. */
export const asPublic = (ip: string) => ip.replace(/^127\.0\.(\d+)\./, '198.18.$1.')

export function rewritten(
  message: string,
  path: KnownPath,
  rewriting: Rewriting,
): { message: string; path: KnownPath } {
  const end = message.indexOf('\r\n\r\n')
  const fields = message.slice(0, end).split(/\r\n(?![ \t])/)
  const added = new Map<string, KnownHop[]>()
  const hosts = new Map(path.hops.map((hop) => [hop.host, hop]))
  const skew = new Map<string, number>()
  const skewOf = (host: string) => {
    const known = skew.get(host) ?? Math.round((rewriting.random.float() * 2 - 1) * rewriting.skewMs)
    skew.set(host, known)
    return known
  }
  const out: string[] = []
  /** What the agent wrote above its line, on top of what the Border found. */
  let above: string[] = []
  let found: string[] = []
  for (const field of fields) {
    if (!/^received:/i.test(field)) {
      if (/^(?:authentication-results|received-spf):/i.test(field)) found.push(asPublicEverywhere(field))
      else above.push(asPublicEverywhere(field))
      continue
    }
    const value = field.slice(field.indexOf(':') + 1).trimStart()
    if (path.forged.some((start) => value.startsWith(start))) {
      out.push(...above, ...found, field)
      ;[above, found] = [[], []]
      continue
    }
    const read = parseReceived(value)
    const hop = hosts.get(read.by!)
    if (hop === undefined) throw new Error(`nobody is known at ${read.by}`)
    const seen = read.ip
    const isSubmission = seen === undefined
    const seenAs: Handover = {
      helo: isSubmission ? '192.168.1.20' : read.helo!,
      name: isSubmission ? 'dsl-203-0-114-77.provider.example' : read.reverseName,
      ip: isSubmission ? '203.0.114.77' : asPublic(seen),
      by: hop.host,
      user: read.authenticated ? rewriting.author : undefined,
      tls: read.tls !== undefined,
      id: read.id!,
      for: read.for,
      atMs: (read.date?.epochMs ?? 0) + skewOf(hop.host),
    }
    // Our own MSA kept the address of a device to itself, and nobody signed in there.
    const handover = isSubmission && !read.authenticated ? { ...seenAs, name: undefined, ip: '10.9.9.9' } : seenAs
    const { inside, first } = linesOf(handover, hop, path, rewriting, added)
    const lines = (values: readonly string[]) => values.map((value) => `Received: ${value}`)
    // What the Border found stands above the line of who took it there, and below those of the relays behind.
    out.push(...above, ...lines(inside), ...found, ...lines(first))
    ;[above, found] = [[], []]
  }
  out.push(...above, ...found)
  const hops = path.hops.flatMap((hop) => added.get(hop.host) ?? [hop])
  return { message: `${out.join('\r\n')}${message.slice(end)}`, path: { ...path, hops } }
}

const asPublicEverywhere = (field: string) =>
  /^(?:authentication-results|arc-authentication-results|received-spf):/i.test(field)
    ? field.replace(/\b127\.0\.(\d+)\.(\d+)\b/g, '198.18.$1.$2')
    : field

/** The lines of one agent, newest first, with relays of its own: in front of who sends out, behind who takes in. */
function linesOf(
  handover: Handover,
  hop: KnownHop,
  path: KnownPath,
  rewriting: Rewriting,
  added: Map<string, KnownHop[]>,
): { readonly first: string[]; readonly inside: string[] } {
  const { random, inside } = rewriting
  const style = rewriting.styleOf(hop.host)
  // Whom the Recipient's MDA took it from is written in the MDA's line: no other stands between.
  const count = hop.side === 'recipient' && !hop.roles.includes('MDA') ? 0 : random.integer(inside + 1)
  const domain = domainOf(hop.host)
  const label = hop.host.slice(0, hop.host.indexOf('.'))
  const isScanned = inside > 0 && random.integer(3) === 0
  const names = Array.from({ length: count }, (_, n) =>
    random.integer(2) === 0
      ? `${label}-relay${n + 1}.${domain}`
      : `${label}-relay${n + 1}.${domain.split('.')[0]}.local`,
  )
  // At the Recipient's the outer host takes it; at all others the outer host sends it.
  const machines = hop.side === 'recipient' ? [hop.host, ...names] : [...names, hop.host]
  let first: string[] = []
  let insideLines: string[] = []
  for (const [index, by] of machines.entries()) {
    const before = machines[index - 1]
    const at = { ...handover, by, atMs: handover.atMs + index * 1000, id: `${handover.id}${index}` }
    const name = random.integer(2) === 0 ? before : undefined
    if (before === undefined) first = style(at)
    else insideLines = [...style({ ...at, helo: before, name, ip: `10.1.${index}.5`, user: undefined }), ...insideLines]
    const scanned = { ...at, helo: 'localhost', name: 'localhost', ip: '127.0.0.1', user: undefined }
    if (isScanned && by === hop.host) insideLines = [...style(scanned), ...insideLines]
  }
  const isFollowed = path.hops.some(
    (one) => one.side === 'sender' && one.host !== hop.host && domainOf(one.host) === domain,
  )
  added.set(
    hop.host,
    machines.map((host, index) => ({
      host,
      side: hop.side,
      roles: rolesAt(hop, index, machines.length, isFollowed),
      isEntered: hop.isEntered && index === 0,
    })),
  )
  return { first, inside: insideLines }
}

const domainOf = (host: string) => host.slice(host.indexOf('.') + 1)

/** Which of the agent's roles one of its relays plays. */
function rolesAt({ roles, side }: KnownHop, index: number, count: number, isFollowed: boolean): readonly string[] {
  if (count === 1 || side === 'forwarder' || side === 'cloud') return roles
  const [isFirst, isLast] = [index === 0, index === count - 1]
  const has = (role: string) => roles.includes(role)
  if (side === 'sender') {
    // To which of two agents of one organisation a relay between belongs is written nowhere.
    if (has('MSA') && (has('Transmitter') || isFollowed)) return isFirst ? ['MSA'] : ['Transmitter']
    return roles
  }
  if (has('Receiver') && has('MDA')) return isLast ? ['MDA'] : ['Receiver']
  // Behind another's Receiver what comes in between only hands it on, too.
  return has('MDA') && !isLast ? ['Receiver'] : roles
}
