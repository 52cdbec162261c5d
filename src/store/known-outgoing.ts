// What the gate of outgoing mail asks for each message, in memory until a commit could change it: what a sender did, which
// all messages of a group of commits then share, and whom an Author wrote to, which rarely changes.

import type { Command } from './commands.ts'
import { Directory } from './directory.ts'
import type { OutgoingHour } from './nouns/outgoing.ts'
import type { AccountId } from './nouns/people.ts'
import { OutgoingReads } from './read/outgoing.ts'

export class KnownOutgoing extends OutgoingReads {
  readonly #counted = new Directory(['outgoing.count', 'outgoing.stand', 'outgoing.prune', 'account.remove'])
  readonly #met = new Directory(['acquaintance.put', 'outgoing.prune', 'account.remove'])

  override hours(sender: string, fromHour: number, limit?: number): OutgoingHour[] {
    const read = () => super.hours(sender, fromHour, limit)
    return [...this.#counted.recall(`hours ${fromHour} ${limit} ${sender}`, read)]
  }

  override standing(sender: string): string | undefined {
    return this.#counted.recall(`standing ${sender}`, () => ({ is: super.standing(sender) })).is
  }

  override metDay(account: AccountId, address: string): number | undefined {
    return this.#met.recall(`${account} ${address}`, () => super.metDay(account, address))
  }

  /** See Directory. */
  committed(batch: readonly Pick<Command, 'kind'>[]): void {
    this.#counted.committed(batch)
    this.#met.committed(batch)
  }
}
