// What the store keeps of a message beside its bytes, read once when it comes in: by the MDA at delivery, by IMAP at
// APPEND, by JMAP at Email/set and Email/import. Bounded: a header of any size gives a small row.

import { formatAddress, isGroup, type Mailbox, parseAddressList } from '../message/address.ts'
import { hasAttachment, preview } from '../message/body.ts'
import { parseDate } from '../message/date.ts'
import { decodeEncodedWords } from '../message/encoded-word.ts'
import { envelope } from '../message/envelope.ts'
import { fieldsNamed, type Header, rawValue, unfolded } from '../message/header.ts'
import { parseStructure } from '../message/mime.ts'
import type { EmailAddress, EmailSummary } from './types.ts'

const MAX_TEXT = 1000
const MAX_ADDRESSES = 200
const MAX_IDS = 100

/** Reads the summary of a whole message. Never throws: what cannot be read is empty. */
export function summarise(source: Buffer): EmailSummary {
  const root = parseStructure(source)
  const { header } = root
  const last = (name: string) => fieldsNamed(header, name).at(-1)
  const text = (name: string) => {
    const field = last(name)
    return field === undefined ? '' : unfolded(header, field)
  }
  return {
    subject: decodeEncodedWords(text('subject')).slice(0, MAX_TEXT),
    from: addresses(header, 'from'),
    to: addresses(header, 'to'),
    cc: addresses(header, 'cc'),
    bcc: addresses(header, 'bcc'),
    replyTo: addresses(header, 'reply-to'),
    sender: addresses(header, 'sender'),
    ...groupNames(header),
    ...leading(header),
    sentAtMs: parseDate(text('date').slice(0, MAX_TEXT))?.epochMs ?? null,
    messageId: messageIds(text('message-id')),
    inReplyTo: messageIds(text('in-reply-to')),
    references: messageIds(text('references')),
    preview: preview(root),
    envelope: envelope(header),
    hasAttachment: hasAttachment(root),
  }
}

/** The mailboxes of the last field of that name, groups opened (RFC 8621 §4.1.2.3). */
function addresses(header: Header, name: string): EmailAddress[] {
  const field = fieldsNamed(header, name).at(-1)
  if (field === undefined) return []
  return parseAddressList(rawValue(header, field))
    .addresses.flatMap((one) => (isGroup(one) ? one.members : [one]))
    .slice(0, MAX_ADDRESSES)
    .map((mailbox: Mailbox) => ({
      name: mailbox.displayName?.slice(0, MAX_TEXT) || null,
      email: formatAddress(mailbox),
    }))
}

function groupNames(header: Header): Pick<EmailSummary, 'groupNames'> {
  const found = (['from', 'to', 'cc', 'bcc'] as const).flatMap((name) => {
    const field = fieldsNamed(header, name).at(-1)
    const groups = field === undefined ? [] : parseAddressList(rawValue(header, field)).addresses.filter(isGroup)
    const names = groups.slice(0, MAX_ADDRESSES).map(({ groupName }) => groupName.slice(0, MAX_TEXT))
    return names.length === 0 ? [] : [[name, names] as const]
  })
  return found.length === 0 ? {} : { groupNames: Object.fromEntries(found) }
}

/** Sorting goes by what stands first, whether or not mail can be sent there (RFC 5256 §2.2, RFC 5957 §3). */
function leading(header: Header): Pick<EmailSummary, 'leading'> {
  const found = (['from', 'to', 'cc'] as const).flatMap((name) => {
    const field = fieldsNamed(header, name).at(-1)
    if (field === undefined) return []
    const { addresses, unparsed } = parseAddressList(rawValue(header, field))
    const [first] = addresses
    const text = first === undefined ? unparsed[0] : isGroup(first) ? first.groupName : undefined
    return text === undefined ? [] : [[name, text.slice(0, MAX_TEXT)] as const]
  })
  return found.length === 0 ? {} : { leading: Object.fromEntries(found) }
}

/** Message-IDs without their angle brackets (RFC 8621 §4.1.2.5). */
function messageIds(text: string): string[] {
  const ids: string[] = []
  for (const [, id] of text.matchAll(/<([^<>\s]{1,998})>/g)) if (ids.push(id!) >= MAX_IDS) break
  return ids
}
