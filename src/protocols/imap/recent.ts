// \Recent (RFC 3501 §2.3.2): the first session that is told of a message may call it recent. The store does not keep
// it (RFC 9051 has dropped it); per process and store we remember from which UID on nobody has been told yet.

import type { UidSet } from '../../store/commands.ts'
import type { MailboxId } from '../../store/nouns/mail.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import { setContains } from './sequence.ts'
import type { UidMap } from './uid-map.ts'

/** Per account and mailbox: the first UID that no session was told of. */
const untold = new WeakMap<Store, Map<string, number>>()

function firstUntold(store: Store): Map<string, number> {
  let known = untold.get(store)
  if (known === undefined) untold.set(store, (known = new Map()))
  return known
}

const keyOf = (account: AccountId, mailbox: MailboxId): string => `${account}/${mailbox}`

/** At sign-in: what lies in the account's mailboxes and was never asked about in this process is not recent. */
export function rememberMailboxes(store: Store, account: AccountId): void {
  const known = firstUntold(store)
  if (known.has(keyOf(account, 0))) return
  known.set(keyOf(account, 0), 1)
  for (const mailbox of store.mailboxes(account)) known.set(keyOf(account, mailbox.id), mailbox.uidNext)
}

/** Messages no session was told of yet: STATUS (RECENT). */
export function countUntold(store: Store, account: AccountId, mailbox: MailboxId): number {
  const from = firstUntold(store).get(keyOf(account, mailbox)) ?? 1
  return store.contents
    .uidRanges(account, mailbox)
    .reduce((count, [first, last]) => count + Math.max(0, last - Math.max(first, from) + 1), 0)
}

/** The recent messages of one session. */
export class Recent {
  readonly #known: Map<string, number>
  readonly #key: string
  #ranges: [number, number][] = []

  constructor(store: Store, account: AccountId, mailbox: MailboxId) {
    this.#known = firstUntold(store)
    this.#key = keyOf(account, mailbox)
  }

  /** The session learns of these UIDs (ascending). EXAMINE looks and claims nothing (RFC 3501 §6.3.2). */
  arrived(uids: UidSet, uidNext: number, readOnly: boolean): void {
    const from = this.#known.get(this.#key) ?? 1
    for (const [first, last] of uids) {
      const start = Math.max(first, from)
      if (start > last) continue
      const previous = this.#ranges.at(-1)
      if (previous && start <= previous[1] + 1) previous[1] = last
      else this.#ranges.push([start, last])
    }
    if (!readOnly && uidNext > from) this.#known.set(this.#key, uidNext)
  }

  get ranges(): UidSet {
    return this.#ranges
  }

  has(uid: number): boolean {
    return this.#ranges.length > 0 && setContains(this.#ranges, uid)
  }

  count(uids: UidMap): number {
    return this.#ranges.reduce((sum, [first, last]) => sum + uids.lowerBound(last + 1) - uids.lowerBound(first), 0)
  }
}
