// Forwarding that is noticed without being asked: mail of the last week that came through somebody's seal or rewritten
// reverse-path, and that the Recipient has not said anything about. "12 messages this week came through old.example with
// its seal and your old address. Yours?"

import type { AccountId } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'

export interface Noticed {
  readonly domain: string
  /** The address at that domain that the messages were sent to; '' when they do not say. */
  readonly oldAddress: string
  readonly count: number
}

const WEEK_MS = 7 * 86_400_000
const LOOKED_AT = 1000
const AT_LEAST = 2

/** Most frequent first. */
export function noticed({ store, world }: Agent, account: AccountId): Noticed[] {
  const afterMs = world.clock.now() - WEEK_MS
  const ids = store.listEmails(account, { afterMs }, 'newest').slice(0, LOOKED_AT)
  const known = new Set([
    ...store.trustedForwarders(account).map(({ domain }) => domain),
    ...(JSON.parse(store.setting(`forwarding.dismissed.${account}`) ?? '[]') as string[]),
  ])
  const found = new Map<string, Noticed>()
  for (const { verdict } of store.emails(account, ids)) {
    const through = verdict?.through
    if (through === undefined || known.has(through.domain)) continue
    const before = found.get(through.domain)
    const oldAddress = before?.oldAddress || through.oldAddress
    found.set(through.domain, { domain: through.domain, oldAddress, count: (before?.count ?? 0) + 1 })
  }
  return [...found.values()].filter(({ count }) => count >= AT_LEAST).sort((a, b) => b.count - a.count)
}
