// What the Receiver knows of strangers before their mail is looked at: how many may come, how busy the house is, what
// lists and its own memory say of the connecting address, and what manners that buys. One for all connections of an
// agent. Deadlines, pauses and places all follow one number, the stress.

import { DnsLists, type ListResult } from '../../filter/dnsbl.ts'
import { Greylist } from '../../filter/greylist.ts'
import { findInList, inNetwork, unmapped } from '../../filter/lists.ts'
import { type Client, greetingPauseMs, tarpitMs } from '../../filter/manners.ts'
import { Places } from '../../filter/places.ts'
import { patienceUnder, stressOf } from '../../filter/pressure.ts'
import { Replays } from '../../filter/replay.ts'
import { Reputation, type Standing, verdictOn } from '../../filter/reputation.ts'
import type { MailView } from '../../filter/rules/rules.ts'
import type { Budget } from '../../protocols/smtp/content.ts'
import type { SessionFacts } from '../../protocols/smtp/policy.ts'
import type { ServeOptions } from '../../protocols/smtp/serve.ts'
import type { Agent } from '../agent.ts'

/** What is known of a connecting address. */
export interface Acquaintance extends Client {
  /** On the allow list. */
  readonly isAllowed: boolean
  /** Bad lists that name it, each in a few words. */
  readonly listedBy: readonly string[]
  readonly listings: readonly ListResult[]
  /** By its network alone: nothing is proven yet. */
  readonly standing: Standing
}

/** How often the event loop is looked at while somebody is connected. */
const LAG_EVERY_MS = 500

export class Border {
  readonly places: Places<SessionFacts>
  readonly greylist: Greylist
  readonly reputation: Reputation
  readonly replays: Replays
  readonly lists: DnsLists
  readonly #agent: Agent
  readonly #budget: Budget
  readonly #met = new WeakMap<SessionFacts, Acquaintance>()
  #lagMs = 0
  #isWatching = false

  /** `budget`: the memory that messages under way share. */
  constructor(agent: Agent, budget: Budget) {
    const { clock } = agent.world
    const { connections: inAll, connectionsPerAddress: perAddress, dnsLists } = agent.settings.receiver
    this.#agent = agent
    this.#budget = budget
    this.places = new Places({ perAddress, perNetwork: Math.max(4 * perAddress, inAll / 2), inAll }, clock)
    this.greylist = new Greylist(agent.memory, clock)
    this.reputation = new Reputation(agent.memory, clock)
    this.replays = new Replays(clock)
    this.lists = new DnsLists(dnsLists, agent.world)
  }

  /** 0 (calm) to 1: the scarcest of places, memory and time. */
  get stress(): number {
    const { usedBytes, limitBytes } = this.#budget
    const maxConnections = this.#agent.settings.receiver.connections
    return stressOf({ connections: this.places.open, maxConnections, usedBytes, limitBytes, lagMs: this.#lagMs })
  }

  /** On the allow list, or our own backup MX: it has met the stranger. */
  isAllowed(ip: string): boolean {
    const { allow, backups } = this.#agent.settings.receiver
    return backups.some((one) => one.ip === ip) || findInList(allow, { ip }) !== undefined
  }

  /** Who has just connected. Never rejects; as long as the lists take, at most. */
  async meet(session: SessionFacts): Promise<Acquaintance> {
    this.#watchTime()
    const ip = unmapped(session.peer.address)
    const { filters } = this.#agent.settings.receiver
    const isAllowed = this.isAllowed(ip)
    const standing = this.reputation.standing(filters ? { ip } : {})
    const listings = isAllowed ? [] : (await this.lists.address(ip)).filter(({ kind }) => kind === 'listed')
    const listedBy = listings.flatMap((one) =>
      one.kind === 'listed' && one.list.says === 'bad' ? [`${one.meanings.join(', ')}, says ${one.list.zone}`] : [],
    )
    const isGood = listings.some(({ list }) => list.says === 'good') || verdictOn(standing) === 'good'
    const isSuspect = !isAllowed && (listedBy.length > 0 || verdictOn(standing) !== undefined) && !isGood
    const met = { isAllowed, isKnown: isAllowed || (isGood && !isSuspect), isSuspect, listedBy, listings, standing }
    this.#met.set(session, met)
    return met
  }

  /** What lists say of the domains in a message: of its links and of its sender. Never rejects. */
  async askAbout(mail: MailView): Promise<ListResult[]> {
    if (!this.#agent.settings.receiver.dnsLists.some(({ of }) => of === 'domain')) return []
    const domains = [...mail.senderDomains, ...mail.webUrls.map(({ domain }) => domain)]
    return (await this.lists.domains(domains)).filter(({ kind }) => kind === 'listed')
  }

  /** Who `meet` met. */
  acquaintance(session: SessionFacts): Acquaintance | undefined {
    return this.#met.get(session)
  }

  /** What speaks against this client, each a reason of its own: one is a mark, two are enough to refuse. */
  objections(session: SessionFacts): string[] {
    const met = this.#met.get(session)
    if (met === undefined || met.isKnown) return []
    return [
      ...met.listedBy.map((listing) => `your address ${listing}`),
      ...(verdictOn(met.standing) === 'very bad' ? ['nearly all mail from your network was unwanted before'] : []),
      ...(session.earlyTalker ? ['you spoke before it was your turn, as programs do that send without listening'] : []),
    ]
  }

  /** How the SMTP server treats its clients, for its driver. */
  get manners(): Pick<ServeOptions, 'timeouts' | 'greetingPauseMs' | 'faultPauseMs' | 'proxyFrom'> {
    const { pauseMs, proxies } = this.#agent.settings.receiver
    return {
      timeouts: () => patienceUnder(this.stress),
      greetingPauseMs: (session) => {
        const met = this.#met.get(session)
        return met === undefined ? 0 : greetingPauseMs(met, pauseMs, this.stress)
      },
      faultPauseMs: (faults) => tarpitMs(faults, pauseMs, this.stress),
      ...(proxies.length === 0
        ? {}
        : { proxyFrom: (address) => proxies.some((network) => inNetwork(unmapped(address), network)) }),
    }
  }

  /** How late timers fire, while there is anybody for whom it matters. */
  #watchTime(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const { clock } = this.#agent.world
    const dueMs = clock.monotonic() + LAG_EVERY_MS
    clock.after(LAG_EVERY_MS, () => {
      this.#isWatching = false
      // Half of what was before stays: one late timer is no stress.
      this.#lagMs = (this.#lagMs + Math.max(0, clock.monotonic() - dueMs)) / 2
      if (this.places.open > 0) this.#watchTime()
    })
  }
}
