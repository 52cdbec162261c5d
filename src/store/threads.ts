// Conversations: an email joins the thread of any email that shares a Message-ID with it (its own, In-Reply-To or
// References) and has the same base subject (RFC 8621 §3, RFC 5256 §2.1). Threads never merge: ids stay what they are.

import { hash } from 'node:crypto'
import { baseSubject } from '../message/message-id.ts'
import type { EmailSummary } from './nouns/mail.ts'

const referencesKept = 40

/**
 * One number for each (Message-ID, base subject): 52 bits of SHA-256, which SQLite keeps as a plain integer. Two
 * strangers' emails that meet by chance in one account would be shown as one conversation, no worse.
 */
export function threadKeys(
  summary: Pick<EmailSummary, 'subject' | 'messageId' | 'inReplyTo' | 'references'>,
): number[] {
  const ids = new Set([...summary.messageId, ...summary.inReplyTo, ...summary.references.slice(-referencesKept)])
  if (ids.size === 0) return []
  const subject = baseSubject(summary.subject).base.toLowerCase()
  return [...ids].map((id) => Number.parseInt(hash('sha256', `${id}\0${subject}`).slice(0, 13), 16))
}
