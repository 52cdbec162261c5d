// Which address of its pool a new connection leaves from, and how much it may carry: evenly, but for those that rest at the
// destination, have as many connections there as it takes, or have carried what they may while they warm up.

import { reasonOf } from '../../identity/reports/bounces/reasons.ts'
import { type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Agent } from '../agent.ts'
import { allowanceOf, DAY_MS, dayOf, type Pool, type PoolAddress, providerOf } from './pools.ts'
import { askedPauseMs, type Site, wantsLess } from './sites.ts'

/** An address of a pool at a destination. */
export interface Source extends PoolAddress {
  readonly provider: string
  readonly site: Site
}

export type Choice =
  /** `sites`: those that could be used, if they had room. */
  | { readonly kind: 'source'; readonly source: Source; readonly sites: readonly Site[] }
  /** Others of ours are connected: no more are taken. */
  | { readonly kind: 'full'; readonly sites: readonly Site[] }
  /** None may be used before. */
  | ({ readonly kind: 'rest'; readonly sites: readonly [] } & Rest)

export interface Rest {
  readonly untilMs: number
  readonly why: Reply
  /** The hosts did not answer all of them. */
  readonly isSilent: boolean
  /** All of them have carried what they may: the destination has nothing to do with it. */
  readonly warms: boolean
}

/** Turned away for what it is: so often in a row, so long. */
const BLOCKED_MS = [3_600_000, 4 * 3_600_000, 12 * 3_600_000, DAY_MS]
/** It was too much. */
const LIMITED_MS = [5 * 60_000, 15 * 60_000, 30 * 60_000, 3_600_000]
/** It cannot be used here. */
const MISSING_MS = 5 * 60_000
/** Not all at the stroke of midnight. */
const SPREAD_MS = 60_000

export class Sources {
  readonly #agent: Pick<Agent, 'store' | 'world' | 'log'>
  /** Recipients that are being sent to, by address, provider and day: not counted in the store yet. */
  readonly #underWay = new Map<string, number>()

  constructor(agent: Pick<Agent, 'store' | 'world' | 'log'>) {
    this.#agent = agent
  }

  /** `hosts`: the group of hosts; `addresses`: theirs. */
  choose(
    pool: Pool,
    { hosts, addresses }: { readonly hosts: string; readonly addresses: readonly string[] },
    siteAt: (address: PoolAddress) => Site,
  ): Choice {
    const { store, world } = this.#agent
    const nowMs = world.clock.now()
    const provider = providerOf(hosts)
    const usable = pool.addresses.filter(({ ip }) =>
      addresses.some((other) => other.includes(':') === ip.includes(':')),
    )
    if (usable.length === 0)
      return {
        ...{ kind: 'rest', untilMs: nowMs + MISSING_MS, why: reply(451, '4.4.1', noFamily(pool)) },
        ...{ isSilent: false, warms: false, sites: [] },
      }
    const all = usable.map((address): Source => ({ ...address, provider, site: siteAt(address) }))
    const rests: { untilMs: number; said: string; of: 'silence' | 'rest' | 'warm-up' }[] = []
    const free: Source[] = []
    for (const source of all) {
      const rest = store.sources.rest(source.ip, provider)
      const { pausedUntilMs, lastFailure } = source.site
      if (rest !== undefined && rest.untilMs > nowMs)
        rests.push({ untilMs: rest.untilMs, said: `${source.ip} rests there: ${rest.said}`, of: 'rest' })
      else if (pausedUntilMs > nowMs)
        rests.push({ untilMs: pausedUntilMs, said: replyText(lastFailure!.reply), of: 'silence' })
      else if (this.#left(source) === 0) rests.push(this.#nextDay(source, nowMs))
      else free.push(source)
    }
    // Everybody's share is the same, whoever was here first.
    const [source] = free
      .filter(({ site }) => !site.isFull)
      .sort((a, b) => a.site.open - b.site.open || a.site.given - b.site.given)
    const sites = free.map(({ site }) => site)
    if (source !== undefined) return { kind: 'source', source, sites }
    if (free.length > 0) return { kind: 'full', sites }
    const first = rests.reduce((soonest, one) => (one.untilMs < soonest.untilMs ? one : soonest))
    const said = [...new Set(rests.map((one) => one.said))].slice(0, 3).join('; ')
    const why = reply(451, '4.4.5', said)
    const isSilent = rests.some((one) => one.of === 'silence')
    const warms = rests.every((one) => one.of === 'warm-up')
    return { kind: 'rest', untilMs: first.untilMs, why, isSilent, warms, sites: [] }
  }

  /** May one of them be used now, other than this one? */
  hasOther(pool: Pool, { ip, provider }: Source): boolean {
    const nowMs = this.#agent.world.clock.now()
    return pool.addresses.some((other) => {
      const rest = this.#agent.store.sources.rest(other.ip, provider)
      const isFree = rest === undefined || rest.untilMs <= nowMs
      return other.ip !== ip && isFree && this.#left({ ...other, provider }) !== 0
    })
  }

  /** So many of these recipients may go from there; they are under way then, until `settle`. */
  take(source: Source, wanted: number): number {
    const left = this.#left(source)
    const taken = left === undefined ? wanted : Math.min(left, wanted)
    const key = this.#key(source)
    if (taken > 0) this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + taken)
    source.site.given += taken
    return taken
  }

  /** What was taken is counted in the store, or did not arrive. */
  settle(source: Source, taken: number): void {
    const key = this.#key(source)
    const left = (this.#underWay.get(key) ?? 0) - taken
    if (left > 0) this.#underWay.set(key, left)
    else this.#underWay.delete(key)
  }

  /** The commands of the commit in which so many recipients were taken. */
  counted({ ip, provider }: Source, count: number): Command[] {
    if (count === 0) return []
    const { store, world } = this.#agent
    const day = dayOf(world.clock.now())
    const rest = store.sources.rest(ip, provider)
    return [
      { kind: 'source.count', address: ip, provider, day, count },
      ...(rest === undefined ? [] : [restOf({ ...rest, untilMs: 0 })]),
    ]
  }

  /** The command by which an address rests that was turned away; undefined: this reply is not about the address. */
  turnedAway(source: Source, said: Reply): Extract<Command, { kind: 'source.rest' }> | undefined {
    const about = blameOf(said, source)
    if (about === undefined) return undefined
    // As long as there are several connections, fewer may be enough.
    if (about === 'limited' && source.site.shrink() && askedPauseMs(said) === undefined) return undefined
    const { ip, provider } = source
    const { store, world } = this.#agent
    const before = store.sources.rest(ip, provider)?.failures ?? 0
    const waits = about === 'blocked' ? BLOCKED_MS : LIMITED_MS
    const waitMs = askedPauseMs(said) ?? waits[Math.min(before, waits.length - 1)]! * (0.95 + world.random.float() / 10)
    const untilMs = Math.round(world.clock.now() + waitMs)
    return restOf({ address: ip, provider, untilMs, failures: before + 1, said: replyText(said).slice(0, 300) })
  }

  /** It is not an address of this machine. */
  missing({ ip, local, provider }: Source): Command {
    const said = `${local} is not an address of this machine`
    this.#agent.log('error', `mail cannot leave from ${ip}: ${said}`)
    return restOf({ address: ip, provider, untilMs: this.#agent.world.clock.now() + MISSING_MS, failures: 1, said })
  }

  /** Undefined: as many as there are. */
  #left(source: Pick<Source, 'ip' | 'provider' | 'warmUp'>): number | undefined {
    if (source.warmUp === undefined) return undefined
    const { store, world } = this.#agent
    const day = dayOf(world.clock.now())
    const allowed = allowanceOf(source.warmUp, store.sources.firstDay(source.ip), day)
    if (allowed === undefined) return undefined
    const sent = store.sources.count(source.ip, source.provider, day) + (this.#underWay.get(this.#key(source)) ?? 0)
    return Math.max(0, allowed - sent)
  }

  #nextDay({ ip, provider, warmUp }: Source, nowMs: number) {
    const { store, world } = this.#agent
    const day = dayOf(nowMs)
    const allowed = allowanceOf(warmUp, store.sources.firstDay(ip), day)
    const untilMs = Math.round((day + 1) * DAY_MS + world.random.float() * SPREAD_MS)
    const said =
      allowed === 0 ? `${ip} does not send yet` : `${ip} warms up, and ${provider} had its ${allowed} for today`
    return { untilMs, said, of: 'warm-up' as const }
  }

  #key({ ip, provider }: Pick<Source, 'ip' | 'provider'>): string {
    return `${ip} ${provider} ${dayOf(this.#agent.world.clock.now())}`
  }
}

const noFamily = ({ name, addresses }: Pool) =>
  `the pool ${name} has no address of its kind: ${addresses.some(({ ip }) => ip.includes(':')) ? 'IPv4' : 'IPv6'} is needed`

const restOf = (rest: Extract<Command, { kind: 'source.rest' }>['rest']) => ({ kind: 'source.rest', rest }) as const

/** Does a reply speak of the address that it was said to: that it is blocked, or brought too much. */
function blameOf(said: Reply, { ip, local, hostName }: PoolAddress): 'blocked' | 'limited' | undefined {
  if (said.code < 400) return undefined
  if (wantsLess(said)) return 'limited'
  const text = replyText(said).slice(0, 1000)
  const reason = reasonOf({ text, status: said.enhanced, command: undefined })
  if (reason === 'rate-limited' && said.code < 500) return 'limited'
  if (reason === 'blocked') return 'blocked'
  // "5.7.1 192.0.2.10 is not welcome here": of the address, whatever it is that was refused.
  const isPolicy = /^\d\.7\./.test(said.enhanced ?? '') || said.code === 554
  return isPolicy && [ip, local, hostName].some((name) => mentions(text, name)) ? 'blocked' : undefined
}

function mentions(text: string, name: string): boolean {
  const at = text.toLowerCase().indexOf(name.toLowerCase())
  return at >= 0 && !/[\w.:-]/.test(text[at - 1] ?? '') && !/[\w:]/.test(text[at + name.length] ?? '')
}
