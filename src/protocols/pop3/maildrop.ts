// The maildrop of a session: the messages that were in the INBOX at sign-in, by number, and what the client did to each.

import type { EmailId, Mailbox, MailboxId } from '../../store/nouns/mail.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { Hold } from './locks.ts'

export interface Message {
  readonly uid: number
  readonly email: EmailId
  readonly sizeBytes: number
  /** What another system called it, when it came from there. */
  readonly uidl: string | null
  deleted: boolean
  retrieved: boolean
}

export interface Maildrop {
  readonly hold: Hold
  readonly account: AccountId
  readonly mailbox: MailboxId
  readonly uidValidity: number
  readonly messages: readonly Message[]
}

export function openMaildrop(store: Store, account: AccountId, inbox: Mailbox, hold: Hold): Maildrop {
  const messages = store.lists
    .maildrop(account, inbox.id)
    .map((message): Message => ({ ...message, deleted: false, retrieved: false }))
  return { hold, account, mailbox: inbox.id, uidValidity: inbox.uidValidity, messages }
}

export function uidsOf(messages: readonly Message[]): [number, number][] {
  return messages.map(({ uid }): [number, number] => [uid, uid])
}

export function sizeOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
