// The messages that a search looks through: those of the selected mailbox as the client knows it, or those of any mailbox
// as it is now (RFC 7377).

import type { UidSet } from '../../store/commands.ts'
import type { MailboxId } from '../../store/nouns/mail.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { Place } from './names.ts'
import { UidMap } from './uid-map.ts'

export interface SearchScope {
  readonly store: Store
  readonly account: AccountId
  readonly id: MailboxId
  readonly uids: UidMap
  /** RFC 5182: what '$' stands for. */
  readonly saved: UidSet
  /** UIDs that are \\Recent here. */
  readonly recentRanges: UidSet
  isRecent(uid: number): boolean
}

/** A mailbox that is not selected. */
export function scopeOf(store: Store, { account, mailbox }: Place): SearchScope {
  const uids = new UidMap(store.contents.uidRanges(account, mailbox.id))
  return {
    store,
    account,
    id: mailbox.id,
    uids,
    saved: [],
    recentRanges: [],
    isRecent: () => false,
  }
}
