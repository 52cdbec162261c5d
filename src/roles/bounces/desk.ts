// What an Author sees of addresses that his mail did not reach, and takes off the list himself: at "Where is my mail?", in
// the settings, and by programs. What an administrator put there stays there.

import type { Suppressed } from '../../store/nouns/outgoing.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { World } from '../../world/world.ts'
import type { Agent } from '../agent.ts'
import { stoppedUntilMs, whyOf, writerOf } from './suppressed.ts'

const SHOWN = 1000

export interface FailedAddress {
  readonly address: string
  readonly why: string
  readonly said: string
  /** Last. */
  readonly atMs: number
  readonly failures: number
  /** Mail to it is refused until then; null: it is taken; 'always'. */
  readonly stoppedUntilMs: number | null | 'always'
  /** By the Author himself. */
  readonly isRemovable: boolean
}

type Place = Pick<Agent, 'settings' | 'store'> & { readonly world: Pick<World, 'clock'> }

export class SuppressedDesk {
  readonly #agent: Place
  readonly #author: Account

  constructor(agent: Place, author: Account) {
    this.#agent = agent
    this.#author = author
  }

  /** The newest first. */
  list(): FailedAddress[] {
    return this.#agent.store.bounces.suppressedOf(this.#author.address, SHOWN).map((one) => this.#shown(one))
  }

  /** Those of these addresses that mail is refused to now, and that he may take off. */
  stopped(addresses: Iterable<string>): string[] {
    return [...new Set([...addresses].map((address) => address.toLowerCase()))].filter((address) => {
      const known = address === '' ? undefined : this.#agent.store.bounces.suppressed(this.#author.address, address)
      if (known === undefined) return false
      const { stoppedUntilMs: until, isRemovable } = this.#shown(known)
      return until !== null && isRemovable
    })
  }

  /** He may write there again. Undefined: done; else why not. @throws DiskError */
  async takeOff(address: string): Promise<string | undefined> {
    const { store } = this.#agent
    const known = store.bounces.suppressed(this.#author.address, address)
    if (known === undefined) return `${address} is not on your list.`
    if (!this.#shown(known).isRemovable) return `${address} was put there by your postmaster, who can take it off.`
    await store.commit([{ kind: 'suppressed.remove', owner: this.#author.address, address }])
    return undefined
  }

  #shown(known: Suppressed): FailedAddress {
    const { address, said, atMs, failures, reason } = known
    const nowMs = this.#agent.world.clock.now()
    const untilMs = this.#agent.settings.suppresses
      ? stoppedUntilMs(known, writerOf(this.#agent, this.#author))
      : undefined
    const isStopped = untilMs !== undefined && untilMs > nowMs
    return {
      ...{ address, why: whyOf(known), said, atMs, failures },
      stoppedUntilMs: isStopped ? (Number.isFinite(untilMs) ? untilMs : 'always') : null,
      isRemovable: reason !== 'asked',
    }
  }
}
