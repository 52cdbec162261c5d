// The view of a store as its process has it: every read, who is here kept in memory, and those who watch. What it says is
// durable; the engine that writes it is elsewhere (embedded.ts, shared/store.ts).

import type { Command } from './commands.ts'
import { Directory, OF_PEOPLE } from './directory.ts'
import { KnownOutgoing } from './known-outgoing.ts'
import type { EmailId } from './nouns/mail.ts'
import type { AccountId } from './nouns/people.ts'
import { Reads } from './read/reads.ts'
import type { Change, Store } from './store.ts'
import type { TextIndex } from './text/text-index.ts'

/** A store as the agent keeps it, whatever its engine. */
export type KeptStore = View & Store

export abstract class View extends Reads {
  /** Full-text search, where it was opened beside this store. */
  text: TextIndex | undefined
  override readonly outgoing = new KnownOutgoing(this.database)
  readonly #directory = new Directory(OF_PEOPLE)
  readonly #listeners = new Map<AccountId, Set<(change: Change) => void>>()
  readonly #everywhere = new Set<(change: Change) => void>()

  override accountByAddress(address: string) {
    return this.#directory.recall(`address ${address}`, () => super.accountByAddress(address))
  }

  /** Asked of everything that an Author sends. */
  override addresses(account: AccountId) {
    return [...this.#directory.recall(`addresses ${account}`, () => super.addresses(account))]
  }

  /** Asked of every recipient, and mostly there is none: all of them are known. */
  override group(address: string) {
    const groups = this.#directory.recall('groups', () => new Map(super.groups().map((one) => [one.address, one])))
    return groups.get(address.toLowerCase())
  }

  /** Asked of every recipient; nearly nobody is. */
  override isLimited(account: AccountId) {
    return this.#directory.recall(`limited ${account}`, () => super.isLimited(account))
  }

  override trustedForwarders(account: AccountId) {
    return [...this.#directory.recall(`trust ${account}`, () => super.trustedForwarders(account))]
  }

  override scripts(account: AccountId) {
    return [...this.#sorting(account).scripts]
  }

  override vacation(account: AccountId) {
    return this.#sorting(account).response
  }

  async mayHold(account: AccountId, needle: string, isBody = false): Promise<ReadonlySet<EmailId> | undefined> {
    return this.text?.mayHold(account, needle, isBody)
  }

  watch(account: AccountId, listener: (change: Change) => void): () => void {
    let listeners = this.#listeners.get(account)
    if (listeners === undefined) this.#listeners.set(account, (listeners = new Set()))
    // Wrapped, so that the same function can watch twice.
    const entry = (change: Change) => listener(change)
    listeners.add(entry)
    return () => {
      listeners.delete(entry)
      if (listeners.size === 0 && this.#listeners.get(account) === listeners) this.#listeners.delete(account)
    }
  }

  /** Calls back after each durable commit, with each account that it touched; returns the unsubscriber. */
  watchAll(listener: (change: Change) => void): () => void {
    this.#everywhere.add(listener)
    return () => this.#everywhere.delete(listener)
  }

  /** Asked for every message: one answer, so that many accounts fit. */
  #sorting(account: AccountId) {
    return this.#directory.recall(`sorting ${account}`, () => {
      return { scripts: super.scripts(account), response: super.vacation(account) }
    })
  }

  /** Before anybody hears of what these commands did. */
  protected committed(commands: readonly Pick<Command, 'kind'>[]): void {
    this.#directory.committed(commands)
    this.outgoing.committed(commands)
  }

  protected tell(changes: readonly Change[]): void {
    for (const change of changes) {
      // Each on its own: a listener that throws is a bug, but not one of the others'.
      for (const listener of this.#listeners.get(change.account) ?? []) void Promise.resolve(change).then(listener)
      for (const listener of this.#everywhere) void Promise.resolve(change).then(listener)
    }
  }
}
