// Pools: addresses of ours that mail leaves from, each with a name of its own. Whose mail leaves from which pool the
// description says; of the addresses of a pool each has its sessions with a destination, and its standing there: an address
// that is turned away rests at that destination alone. A new address warms up: it takes a part of the mail that grows from
// day to day, and what is beyond that leaves from the others, or waits.

import { registrableDomain } from '../../identity/public-suffix.ts'
import { isIp } from '../../message/ip.ts'
import type { LaneName } from '../../store/nouns/queue.ts'
import type { TransmitterSettings } from '../agent.ts'

export interface Pool {
  readonly name: string
  readonly addresses: readonly PoolAddress[]
}

export interface PoolAddress {
  /** As the world sees it. */
  readonly ip: string
  /** Of this machine: `ip`, except behind a translation of addresses. */
  readonly local: string
  /** What we call ourselves in EHLO when mail leaves from there. */
  readonly hostName: string
  /** Undefined: it is known well. */
  readonly warmUp: WarmUp | undefined
}

export interface WarmUp {
  /** Days since 1970 (UTC); undefined: when it first sends. */
  readonly fromDay: number | undefined
  /** Recipients that each destination gets on the first day. */
  readonly first: number
  /** So many times more with each day. */
  readonly grow: number
  /** With so many a day it is warm. */
  readonly until: number
}

export const DAY_MS = 86_400_000

export { dayOf } from '../../store/apply/queue.ts'

/** The pool that a lane's mail leaves from: that of who sends, else that of the destination; undefined: no pool. */
export function poolOf(settings: TransmitterSettings, { domain, share }: LaneName): Pool | undefined {
  const { pools, contracts, routes, via, lmtp, http } = settings
  // Along a relationship there is nobody whom an address must convince.
  if (pools.length === 0 || via !== undefined || [...lmtp, ...http].some((one) => one.domain === domain))
    return undefined
  const ofSender = share.startsWith(AUTHORS)
    ? share.slice(AUTHORS.length)
    : contracts.find(({ name }) => name === share)?.pool
  const ofDestination = (name: string) => routes.findLast((one) => one.domain === name && one.pool !== undefined)?.pool
  const wanted = ofSender ?? ofDestination(domain) ?? ofDestination('*')
  return pools.find(({ name }) => name === wanted)
}

/** How a share begins that is of the Authors of a pool. */
const AUTHORS = 'pool '

/** Whose hosts they are: by their names (`site`), the owner of the first. What large providers count, they count together. */
export function providerOf(site: string): string {
  const host = site.split(' ')[0]!.replace(/:\d+$/, '')
  return isIp(host) ? host : (registrableDomain(host) ?? host)
}

/** Recipients that each destination may get from an address on this day; undefined: as many as there are. */
export function allowanceOf(warmUp: WarmUp | undefined, firstDay: number | undefined, day: number): number | undefined {
  if (warmUp === undefined) return undefined
  const stage = stageOf(warmUp, firstDay, day)
  if (stage < 0) return 0
  const allowed = Math.floor(warmUp.first * warmUp.grow ** Math.min(stage, LONGEST))
  return allowed >= warmUp.until ? undefined : allowed
}

/** Days. */
const LONGEST = 10_000

/** Which day of its warming up it is, from 0 on; below: it has not begun. */
export function stageOf({ fromDay }: WarmUp, firstDay: number | undefined, day: number): number {
  return day - (fromDay ?? firstDay ?? day)
}
