// What goes by itself: messages that have been in a mailbox for longer than the description says (`retention=`), and deleted
// ones that can be brought back no more (`undelete=`). What is kept (`retention=keep`) stays, whoever deletes it.

import type { Command } from '../../store/commands.ts'
import { holdKey, type Mailbox, UNDELETE } from '../../store/nouns/mail.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { Clock } from '../../world/world.ts'
import type { RetentionRule, RetentionSettings } from '../agent.ts'

/** At once, because mail waits for the same writer. */
const AT_ONCE = 500

/** What the store must know of it, as far as it is not so already. */
export function retentionCommands(store: Store, { undeleteS, people, keepsAll }: RetentionSettings): Command[] {
  const commands: Command[] = []
  const put = (key: string, isOn: boolean) => {
    if ((store.setting(key) === 'yes') !== isOn) commands.push({ kind: 'setting.put', key, value: isOn ? 'yes' : 'no' })
  }
  put(UNDELETE, undeleteS > 0)
  const held = new Set(people.filter(({ keeps }) => keeps).map(({ address }) => address.toLowerCase()))
  for (const { id, address } of store.accounts()) put(holdKey(id), keepsAll || held.has(address.toLowerCase()))
  return commands
}

/** One pass. @throws DiskError */
export async function retain(store: Store, clock: Pick<Clock, 'now'>, settings: RetentionSettings): Promise<void> {
  for (const account of store.accounts()) {
    if (store.setting(holdKey(account.id)) === 'yes') continue
    for (const [mailbox, afterS] of limitsOf(account, store.mailboxes(account.id), settings)) {
      await expire(store, account, mailbox, clock.now() - afterS * 1000)
    }
  }
  const beforeMs = clock.now() - settings.undeleteS * 1000
  for (;;) {
    const [result] = await store.commit([{ kind: 'deleted.prune', beforeMs, atMost: AT_ONCE }])
    if (!result?.ok || result.changed?.length === 0) return
  }
}

/** Of each mailbox that has one. What is said of a person counts more than what is said of all. */
function limitsOf(account: Account, mailboxes: readonly Mailbox[], { rules, people }: RetentionSettings) {
  const own = people.find(({ address }) => address.toLowerCase() === account.address.toLowerCase())?.rules ?? []
  const isMeant = (rule: RetentionRule, { path, specialUse }: Mailbox) =>
    rule.mailbox === specialUse || rule.mailbox === path.toLowerCase()
  return mailboxes.flatMap((mailbox): [Mailbox, number][] => {
    const rule = [...rules, ...own].findLast((one) => isMeant(one, mailbox))
    return rule === undefined || rule.afterS === null ? [] : [[mailbox, rule.afterS]]
  })
}

async function expire(
  store: Store,
  { id: account }: Account,
  { id: mailbox }: Mailbox,
  beforeMs: number,
): Promise<void> {
  for (;;) {
    const uids = store.deleted.since(account, mailbox, beforeMs, AT_ONCE)
    if (uids.length === 0) return
    const ranges = uids.map((uid) => [uid, uid] as const)
    const command = { kind: 'placement.expunge', account, mailbox, uids: ranges, onlyDeleted: false } as const
    const [result] = await store.commit([command])
    if (!result?.ok) return
  }
}
