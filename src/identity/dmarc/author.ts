// Who the message says it is from: every domain in every From field (RFC 5322 §3.6.2, RFC 9989 §5.3). Spoofing lives
// where two programs read From differently, so whatever could be read in two ways is a fault and never passes.

import { type AddressReader, addressReader, type Mailbox, mailboxesOf } from '../../message/address.ts'
import { fieldsNamed, type Header } from '../../message/header.ts'

export interface Author {
  /** All mailboxes, in order. */
  readonly mailboxes: readonly Mailbox[]
  /** Their domains, each once. */
  readonly domains: readonly string[]
  /** Why this From cannot be relied on; undefined when it is clear. */
  readonly fault: string | undefined
  /** The fault is that two programs can show two different authors; else From names nobody at all. */
  readonly isAmbiguous: boolean
}

/** More domains than this are not looked up. */
const MAX_DOMAINS = 4

/** `read`: where others read address fields of the same header. */
export function authorOf(header: Header, read: AddressReader = addressReader(header)): Author {
  const fields = fieldsNamed(header, 'from')
  const lists = fields.slice(0, MAX_DOMAINS).map(read)
  const mailboxes = lists.flatMap(mailboxesOf)
  const domains = [...new Set(mailboxes.map(({ domain }) => domain as string))]
  const unparsed = lists.flatMap((list) => list.unparsed)
  const ambiguity = ambiguityOf(fields.length, domains, unparsed)
  const absence =
    fields.length === 0 ? 'there is no From' : mailboxes.length === 0 ? 'From names no mailbox' : undefined
  return {
    mailboxes,
    domains: domains.slice(0, MAX_DOMAINS),
    fault: ambiguity ?? absence,
    isAmbiguous: ambiguity !== undefined,
  }
}

function ambiguityOf(fields: number, domains: readonly string[], unparsed: readonly string[]): string | undefined {
  if (fields > 1) return `there are ${fields} From fields`
  const hidden = unparsed.find((text) => text.includes('@'))
  if (hidden !== undefined) return `From holds text that is no address: ${hidden.slice(0, 80)}`
  if (domains.length > MAX_DOMAINS) return `From names ${domains.length} domains`
  return undefined
}
