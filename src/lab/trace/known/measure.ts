// The trace of a message held against its known path, hop by hop. A hop is right if its machine is found, with exactly the
// roles that a header can show, on its side, entered across the Border or not as it was, and none of its lines doubted; a
// forged line is a hop that somebody claims, and is right if it is doubted; a hop that was found and does not exist is wrong.

import type { TraceResult } from '../trace.ts'
import type { KnownPath } from './truth.ts'

export const ERRORS = [
  'not found',
  'roles',
  'side',
  'Border',
  'honest line doubted',
  'forged line believed',
  'invented',
] as const
export type ErrorKind = (typeof ERRORS)[number]

export interface Comparison {
  readonly hops: number
  readonly wrong: readonly { readonly kind: ErrorKind; readonly what: string }[]
  /** Hops with an error. */
  readonly wrongHops: number
}

export function compare({ hops: known, forged }: KnownPath, { blocks, hops, steps }: TraceResult): Comparison {
  const wrong: { kind: ErrorKind; what: string }[] = []
  let wrongHops = 0
  const judge = (what: string, kinds: readonly (ErrorKind | undefined)[]) => {
    const found = kinds.filter((kind) => kind !== undefined)
    if (found.length > 0) wrongHops++
    for (const kind of found) wrong.push({ kind, what })
  }
  const isForged = (raw: string) => forged.some((start) => raw.startsWith(start.replace(/\s+/g, ' ')))
  const lines = steps.map((step) => ({ ...step, raw: step.received.raw.replace(/\s+/g, ' ').trim() }))
  const agents = blocks.filter(({ id }) => id !== '')
  const met = new Set<string>()
  for (const { host, roles, side, isEntered } of known) {
    const index = blocks.findIndex(
      (block) => block.id !== '' && !met.has(`${blocks.indexOf(block)} ${host}`) && block.hosts.includes(host),
    )
    const block = blocks[index]
    if (block === undefined) {
      judge(`${host}: ${roles.join('/')}`, ['not found'])
      continue
    }
    met.add(`${index} ${host}`)
    const hop = hops.find(({ to }) => to === index)
    const entered = block.hosts[0] === host && hop !== undefined && (hop.crossesBorder || hop.arrow === 'indirect')
    const isDoubted = lines.some(
      ({ raw, received, doubt }) => received.by === host && doubt !== undefined && !isForged(raw),
    )
    const said = `${host}: ${roles.join('/')} of the ${side}${isEntered ? ' behind a Border' : ''}, found ${block.roles.join('/')} of the ${block.side}${entered ? ' behind a Border' : ''}`
    judge(said, [
      block.roles.toSorted().join() === roles.toSorted().join() ? undefined : 'roles',
      block.side === side ? undefined : 'side',
      entered === isEntered ? undefined : 'Border',
      isDoubted ? 'honest line doubted' : undefined,
    ])
  }
  for (const { raw, doubt } of lines)
    if (isForged(raw)) judge(raw.slice(0, 120), [doubt === undefined ? 'forged line believed' : undefined])
  const hosts = agents.flatMap((block) =>
    block.hosts.map((host) => ({ host, key: `${blocks.indexOf(block)} ${host}` })),
  )
  // Names of the machine before, as the next one calls it, are no hops of their own.
  const invented = hosts.filter(({ host, key }) => !met.has(key) && !known.some((hop) => hop.host === host))
  for (const { host } of invented) judge(host, ['invented'])
  return { hops: known.length + lines.filter(({ raw }) => isForged(raw)).length + invented.length, wrong, wrongHops }
}
