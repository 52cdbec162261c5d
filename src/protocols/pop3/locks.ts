// Who has which maildrop open (RFC 1939 §4: one session has it alone). A client that vanished without a word must not
// keep its person out until its connection is noticed to be dead: a newer session takes over from one that has been
// silent, and what the silent one wanted deleted stays. Never are there two that may delete.

import type { AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'

export interface LockLimits {
  /** Without a command, or a piece of an answer taken, for so long, a session is taken for dead. */
  readonly takeOverMs: number
  /** Between two sign-ins to one maildrop (RFC 2449 §6.5, LOGIN-DELAY); 0: none. */
  readonly loginDelayMs: number
}

/** Sign-ins remembered for LOGIN-DELAY. */
const MAX_REMEMBERED = 10_000

/** A session's right to its maildrop. */
export class Hold {
  readonly #locks: MaildropLocks
  readonly #account: AccountId
  #heardMs: number
  #isUpdating = false
  #isLost = false

  constructor(locks: MaildropLocks, account: AccountId, nowMs: number) {
    this.#locks = locks
    this.#account = account
    this.#heardMs = nowMs
  }

  /** A newer session has the maildrop. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** The client lives. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs
  }

  /** From here on nobody takes over: what was deleted is being committed. False: somebody has. */
  beginUpdate(): boolean {
    this.#isUpdating = !this.#isLost
    return this.#isUpdating
  }

  release(): void {
    this.#locks.release(this.#account, this)
  }

  /** For a newer session: true when this one was silent, and has lost now. */
  yieldTo(nowMs: number, takeOverMs: number): boolean {
    this.#isLost = !this.#isUpdating && nowMs - this.#heardMs >= takeOverMs
    return this.#isLost
  }
}

class MaildropLocks {
  readonly #held = new Map<AccountId, Hold>()
  readonly #signedInMs = new Map<AccountId, number>()

  take(account: AccountId, nowMs: number, { takeOverMs, loginDelayMs }: LockLimits): Hold | 'in-use' | 'too-soon' {
    const lastMs = this.#signedInMs.get(account)
    if (loginDelayMs > 0 && lastMs !== undefined && nowMs - lastMs < loginDelayMs) return 'too-soon'
    if (this.#held.get(account)?.yieldTo(nowMs, takeOverMs) === false) return 'in-use'
    const hold = new Hold(this, account, nowMs)
    this.#held.set(account, hold)
    if (loginDelayMs > 0) this.#remember(account, nowMs)
    return hold
  }

  release(account: AccountId, hold: Hold): void {
    if (this.#held.get(account) === hold) this.#held.delete(account)
  }

  #remember(account: AccountId, nowMs: number): void {
    this.#signedInMs.delete(account)
    if (this.#signedInMs.size >= MAX_REMEMBERED) this.#signedInMs.delete(this.#signedInMs.keys().next().value!)
    this.#signedInMs.set(account, nowMs)
  }
}

const locks = new WeakMap<Store, MaildropLocks>()

/** The maildrops of a store, whichever door they are reached by. */
export function locksOf(store: Store): MaildropLocks {
  let own = locks.get(store)
  if (own === undefined) locks.set(store, (own = new MaildropLocks()))
  return own
}
