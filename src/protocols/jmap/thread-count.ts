// How many conversations a mailbox holds (RFC 8621 §2: totalThreads, unreadThreads). Counting reads an index of the whole
// mailbox, so a number is kept until a message there changes.

import type { Mailbox, MailboxId } from '../../store/nouns/mail.ts'
import type { JmapBackend } from './types.ts'

interface Counts {
  readonly highestModseq: number
  all?: number
  unread?: number
}
const kept = new WeakMap<JmapBackend, Map<MailboxId, Counts>>()

export function countThreads(backend: JmapBackend, { id, highestModseq }: Mailbox, which: 'all' | 'unread'): number {
  let mailboxes = kept.get(backend)
  if (!mailboxes) kept.set(backend, (mailboxes = new Map()))
  let counts = mailboxes.get(id)
  if (counts?.highestModseq !== highestModseq) mailboxes.set(id, (counts = { highestModseq }))
  counts[which] ??= backend.store.lists.countThreads(backend.account.id, id, which === 'unread')
  return counts[which]
}
