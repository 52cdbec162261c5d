// Mail that a script sends by itself: what its answers and notifications have in common (RFC 3834).

import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { structuredField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import type { Message } from '../../protocols/sieve/message.ts'

/** For whom, about what, and when. */
export interface Occasion {
  /** Whose script it is: his addresses, the first one his name. */
  readonly ownAddresses: readonly string[]
  /** '' is the null reverse-path. */
  readonly envelopeFrom: string
  readonly envelopeTo: string
  readonly message: Message
  readonly nowMs: number
  /** A new Message-ID each time, with its brackets. */
  readonly newMessageId: () => string
}

export interface OutgoingMail {
  /** '' is the null reverse-path. */
  readonly reversePath: string
  readonly forwardPath: string
  readonly message: Buffer
}

/** Auto-Submitted says that no person sent it (RFC 3834 §5). */
export function isAutomatic(message: Message): boolean {
  return message.named('auto-submitted').some(({ value }) => !/^no\b/i.test(value))
}

/** The addresses in every field of these names, lower case. */
export function addressesIn(message: Message, names: readonly string[]): string[] {
  return names
    .flatMap((name) => message.named(name))
    .flatMap(({ value }) => mailboxesOf(parseAddressList(value)))
    .map((mailbox) => formatAddress(mailbox).toLowerCase())
}

/** Date and Message-ID. */
export function stampFields({ nowMs, newMessageId }: Occasion) {
  return [structuredField('Date', formatDate(nowMs)), structuredField('Message-ID', newMessageId())]
}

const MAX_SUBJECT = 256

/** A subject that mail programs can show: at most so many characters, and a sign that there were more. */
export function shortened(subject: string): string {
  const characters = [...subject.slice(0, 4 * MAX_SUBJECT)]
  return characters.length <= MAX_SUBJECT ? subject : `${characters.slice(0, MAX_SUBJECT - 1).join('')}…`
}
