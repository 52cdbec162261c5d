// The `header:Name:asForm:all` properties of an email or a body part (RFC 8621 §4.1.2, §4.1.3).

import { formatAddress, isGroup, type Mailbox, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { parseDate } from '../../message/date.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { bytesToText, fieldsNamed, type Header, type HeaderField, rawValue, unfolded } from '../../message/header.ts'

const FORMS = {
  asRaw: (header: Header, field: HeaderField) => bytesToText(rawValue(header, field)),
  asText: (header: Header, field: HeaderField) => decodeEncodedWords(unfolded(header, field)).normalize('NFC'),
  asAddresses: (header: Header, field: HeaderField) =>
    mailboxesOf(parseAddressList(rawValue(header, field))).map(showMailbox),
  asGroupedAddresses: groupedAddresses,
  asMessageIds: (header: Header, field: HeaderField) =>
    orNull([...unfolded(header, field).matchAll(/<([^<>\s]+)>/g)].map((m) => m[1])),
  asDate: (header: Header, field: HeaderField) => {
    const date = parseDate(unfolded(header, field))
    return date ? utcDate(date.epochMs) : null
  },
  asURLs: (header: Header, field: HeaderField) =>
    orNull([...unfolded(header, field).matchAll(/<([^<>]+)>/g)].map((m) => m[1]!.trim())),
}
export type Form = keyof typeof FORMS

const orNull = <T>(list: readonly T[]): readonly T[] | null => (list.length > 0 ? list : null)
const showMailbox = (mailbox: Mailbox) => ({ name: mailbox.displayName ?? null, email: formatAddress(mailbox) })

/** RFC 8620 §1.4: UTCDate. */
export const utcDate = (ms: number): string => new Date(ms).toISOString().replace(/\.000Z$/, 'Z')

function groupedAddresses(header: Header, field: HeaderField) {
  const groups: { name: string | null; addresses: ReturnType<typeof showMailbox>[] }[] = []
  let open: (typeof groups)[number] | undefined
  for (const address of parseAddressList(rawValue(header, field)).addresses) {
    if (isGroup(address)) {
      groups.push({ name: address.groupName, addresses: address.members.map(showMailbox) })
      open = undefined
    } else {
      if (!open) groups.push((open = { name: null, addresses: [] }))
      open.addresses.push(showMailbox(address))
    }
  }
  return groups
}

/** Which forms the fields that RFC 5322 and RFC 2369 define may be asked in; other fields: any (RFC 8621 §4.1.2). */
const ADDRESS_FIELDS =
  'from sender reply-to to cc bcc resent-from resent-sender resent-reply-to resent-to resent-cc resent-bcc'
const TEXT_FIELDS = 'subject comments keywords list-id'
const ID_FIELDS = 'message-id in-reply-to references resent-message-id'
const DATE_FIELDS = 'date resent-date'
const URL_FIELDS = 'list-help list-unsubscribe list-subscribe list-post list-owner list-archive'
/** They have no form but the raw one: RFC 5322 defines them, and no form is for them. */
const RAW_FIELDS = 'received return-path'
const ALLOWED = new Map<string, readonly Form[]>()
for (const [names, forms] of [
  [ADDRESS_FIELDS, ['asAddresses', 'asGroupedAddresses']],
  [TEXT_FIELDS, ['asText']],
  [ID_FIELDS, ['asMessageIds']],
  [DATE_FIELDS, ['asDate']],
  [URL_FIELDS, ['asURLs']],
  [RAW_FIELDS, []],
] as const)
  for (const name of names.split(' ')) ALLOWED.set(name, ['asRaw', ...forms])

export interface HeaderProperty {
  readonly name: string
  readonly form: Form
  readonly isAll: boolean
}

/** Reads a property name that begins with `header:`; undefined when it is malformed or the form is not allowed. */
export function parseHeaderProperty(property: string): HeaderProperty | undefined {
  const match = /^header:([!-9;-~]{1,200})((?::as[A-Za-z]+)?)((?::all)?)$/.exec(property)
  if (!match) return undefined
  const form = match[2] === '' ? 'asRaw' : match[2]!.slice(1)
  if (!Object.hasOwn(FORMS, form)) return undefined
  const allowed = ALLOWED.get(match[1]!.toLowerCase())
  if (allowed && !allowed.includes(form as Form)) return undefined
  return { name: match[1]!, form: form as Form, isAll: match[3] !== '' }
}

/** The value: the last such field's, or all of them in order. */
export function headerValue(header: Header, { name, form, isAll }: HeaderProperty): unknown {
  const fields = fieldsNamed(header, name)
  if (isAll) return fields.map((field) => FORMS[form](header, field))
  const last = fields.at(-1)
  return last ? FORMS[form](header, last) : null
}

/** Every field, raw, in order (RFC 8621 §4.1.3 `headers`). */
export const allHeaders = (header: Header): { name: string; value: string }[] =>
  header.fields.map((field) => ({ name: field.name, value: bytesToText(rawValue(header, field)) }))
