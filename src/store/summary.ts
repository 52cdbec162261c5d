// What the store keeps of a message beside its bytes, read once when it comes in: by the MDA at delivery, by IMAP at
// APPEND, by JMAP at Email/set and Email/import. Bounded: a header of any size gives a small row.

import { type AddressList, addressReader, formatAddress, isGroup, type Mailbox } from '../message/address.ts'
import { hasAttachment, preview } from '../message/body.ts'
import { parseDate } from '../message/date.ts'
import { decodeEncodedWords } from '../message/encoded-word.ts'
import { envelope } from '../message/envelope.ts'
import { fieldsNamed, unfolded } from '../message/header.ts'
import { parseStructure } from '../message/mime.ts'
import type { EmailAddress, EmailSummary } from './nouns/mail.ts'

const MAX_TEXT = 1000
const MAX_ADDRESSES = 200
const MAX_IDS = 100

/** Reads the summary of a whole message. Never throws: what cannot be read is empty. */
export function summarise(source: Buffer): EmailSummary {
  const root = parseStructure(source)
  const { header } = root
  const last = (name: string) => fieldsNamed(header, name).at(-1)
  const read = addressReader(header)
  const list: ListOf = (name) => {
    const field = last(name)
    return field && read(field)
  }
  const text = (name: string) => {
    const field = last(name)
    return field === undefined ? '' : unfolded(header, field)
  }
  return {
    subject: decodeEncodedWords(text('subject')).slice(0, MAX_TEXT),
    from: addresses(list('from')),
    to: addresses(list('to')),
    cc: addresses(list('cc')),
    bcc: addresses(list('bcc')),
    replyTo: addresses(list('reply-to')),
    sender: addresses(list('sender')),
    ...groupNames(list),
    ...leading(list),
    sentAtMs: parseDate(text('date').slice(0, MAX_TEXT))?.epochMs ?? null,
    messageId: messageIds(text('message-id')),
    inReplyTo: messageIds(text('in-reply-to')),
    references: messageIds(text('references')),
    preview: preview(root),
    envelope: envelope(header, read),
    hasAttachment: hasAttachment(root),
  }
}

/** The last field of that name. */
type ListOf = (name: string) => AddressList | undefined

/** Its mailboxes, groups opened (RFC 8621 §4.1.2.3). */
function addresses(list: AddressList | undefined): EmailAddress[] {
  return (list?.addresses ?? [])
    .flatMap((one) => (isGroup(one) ? one.members : [one]))
    .slice(0, MAX_ADDRESSES)
    .map((mailbox: Mailbox) => ({
      name: mailbox.displayName?.slice(0, MAX_TEXT) || null,
      email: formatAddress(mailbox),
    }))
}

function groupNames(list: ListOf): Pick<EmailSummary, 'groupNames'> {
  const found = (['from', 'to', 'cc', 'bcc'] as const).flatMap((name) => {
    const groups = list(name)?.addresses.filter(isGroup) ?? []
    const names = groups.slice(0, MAX_ADDRESSES).map(({ groupName }) => groupName.slice(0, MAX_TEXT))
    return names.length === 0 ? [] : [[name, names] as const]
  })
  return found.length === 0 ? {} : { groupNames: Object.fromEntries(found) }
}

/** Sorting goes by what stands first, whether or not mail can be sent there (RFC 5256 §2.2, RFC 5957 §3). */
function leading(list: ListOf): Pick<EmailSummary, 'leading'> {
  const found = (['from', 'to', 'cc'] as const).flatMap((name) => {
    const read = list(name)
    const first = read?.addresses[0]
    const text = first === undefined ? read?.unparsed[0] : isGroup(first) ? first.groupName : undefined
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
