// ENVELOPE (RFC 9051 §7.5.2): a header's fields as a parenthesised list, as IMAP sends it. Kept beside a message, because
// clients ask for it of whole mailboxes. Names outside ASCII travel as encoded words: what clients know from other servers.

import { type AddressReader, addressReader, isGroup, type Mailbox } from './address.ts'
import { encodeWords, needsEncoding } from './encoded-word.ts'
import { type Header, rawValue, unfold } from './header.ts'
import { nstring, string } from './imap-text.ts'

/** The first field of that name, unfolded, bytes as latin1. */
export function fieldBytes(header: Header, lowerName: string): string | undefined {
  const field = header.fields.find((candidate) => candidate.lowerName === lowerName)
  return field && unfold(rawValue(header, field).toString('latin1'))
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

/** So far behind one domain the next is looked for. */
const NEAR = 4096

/** Domains as the writer of the field wrote them (a Domain is lower case), asked for in their order: each found once. */
function spellings(raw: string): (domain: string) => string {
  const lower = raw.toLowerCase()
  let from = 0
  return (domain) => {
    const at = lower.slice(from, from + NEAR).indexOf(`@${domain}`)
    if (at < 0) return domain
    from += at + 1
    return raw.slice(from, from + domain.length)
  }
}

function person({ displayName, localPart, domain, route }: Mailbox, spelling: (domain: string) => string): string {
  const written = spelling(domain)
  return `(${nstring(displayName && encoded(displayName))} ${nstring(route)} ${string(utf8(localPart))} ${string(utf8(written))})`
}

/** RFC 3501 §7.4.2: a group begins with its name as mailbox and no host, and ends with four NILs. */
function addresses(header: Header, lowerName: string, read: AddressReader): string | undefined {
  const fields = header.fields.filter((field) => field.lowerName === lowerName)
  const items = fields.flatMap((field) => {
    const spelling = spellings(rawValue(header, field).toString('latin1'))
    return read(field).addresses.map((address) =>
      isGroup(address)
        ? `(NIL NIL ${string(encoded(address.groupName))} NIL)${address.members.map((member) => person(member, spelling)).join('')}(NIL NIL NIL NIL)`
        : person(address, spelling),
    )
  })
  return items.length === 0 ? undefined : `(${items.join('')})`
}

function encoded(text: string): string {
  return needsEncoding(text) ? encodeWords(text) : text
}

/** The envelope of a header. Sender and Reply-To default to From. */
export function envelope(header: Header, read = addressReader(header)): string {
  const list = (lowerName: string) => addresses(header, lowerName, read)
  const from = list('from')
  return `(${[
    nstring(fieldBytes(header, 'date')),
    nstring(fieldBytes(header, 'subject')),
    from ?? 'NIL',
    list('sender') ?? from ?? 'NIL',
    list('reply-to') ?? from ?? 'NIL',
    list('to') ?? 'NIL',
    list('cc') ?? 'NIL',
    list('bcc') ?? 'NIL',
    nstring(fieldBytes(header, 'in-reply-to')),
    nstring(fieldBytes(header, 'message-id')),
  ].join(' ')})`
}
