// ENVELOPE and BODYSTRUCTURE (RFC 3501 §7.4.2): the header's fields and the tree of parts as parenthesised lists.
// Names outside ASCII travel as encoded words, parameters as RFC 2231 writes them: what clients know from other servers.

import { isGroup, type Mailbox, parseAddressList } from '../../message/address.ts'
import { encodeWords, needsEncoding } from '../../message/encoded-word.ts'
import { type Header, rawValue, unfold } from '../../message/header.ts'
import { bodyLines, bodySizeBytes, type Part } from '../../message/mime.ts'
import { nstring, string } from './response.ts'

/** The first field of that name, unfolded, bytes as latin1. */
function fieldBytes(header: Header, lowerName: string): string | undefined {
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
function addresses(header: Header, lowerName: string): string | undefined {
  const fields = header.fields.filter((field) => field.lowerName === lowerName)
  const items = fields.flatMap((field) => {
    const value = rawValue(header, field)
    const spelling = spellings(value.toString('latin1'))
    return parseAddressList(value).addresses.map((address) =>
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
export function envelope(header: Header): string {
  const from = addresses(header, 'from')
  return `(${[
    nstring(fieldBytes(header, 'date')),
    nstring(fieldBytes(header, 'subject')),
    from ?? 'NIL',
    addresses(header, 'sender') ?? from ?? 'NIL',
    addresses(header, 'reply-to') ?? from ?? 'NIL',
    addresses(header, 'to') ?? 'NIL',
    addresses(header, 'cc') ?? 'NIL',
    addresses(header, 'bcc') ?? 'NIL',
    nstring(fieldBytes(header, 'in-reply-to')),
    nstring(fieldBytes(header, 'message-id')),
  ].join(' ')})`
}

/** BODYSTRUCTURE, or BODY without the extension data when `extended` is false. */
export function bodyStructure(part: Part, extended: boolean): string {
  if (part.type === 'multipart') {
    const children = part.children.map((child) => bodyStructure(child, extended)).join('')
    const extension = extended ? ` ${parameterList(part.parameters)} ${extensionOf(part)}` : ''
    return `(${children} ${string(part.subtype.toUpperCase())}${extension})`
  }
  const fields = [
    string(utf8(part.type.toUpperCase())),
    string(utf8(part.subtype.toUpperCase())),
    parameterList(withCharset(part)),
    nstring(fieldBytes(part.header, 'content-id')),
    nstring(part.description && utf8(part.description)),
    string(utf8(part.encoding.toUpperCase())),
    String(bodySizeBytes(part)),
  ]
  if (part.message) fields.push(envelope(part.message.header), bodyStructure(part.message, extended))
  if (part.message || part.type === 'text') fields.push(String(bodyLines(part)))
  if (extended) fields.push(nstring(part.md5 && utf8(part.md5)), extensionOf(part))
  return `(${fields.join(' ')})`
}

/** Text that does not say its charset is US-ASCII (RFC 2045 §5.2): clients want to be told. */
function withCharset({ type, parameters }: Part): Readonly<Record<string, string>> {
  return type === 'text' && parameters.charset === undefined ? { charset: 'US-ASCII', ...parameters } : parameters
}

/** Disposition, language, location. */
function extensionOf(part: Part): string {
  const disposition = part.disposition
    ? `(${string(utf8(part.disposition.type))} ${parameterList(part.disposition.parameters)})`
    : 'NIL'
  const languages = part.language ?? []
  const language = languages.length === 0 ? 'NIL' : `(${languages.map((tag) => string(utf8(tag))).join(' ')})`
  return `${disposition} ${language} ${nstring(part.location && utf8(part.location))}`
}

function parameterList(parameters: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(parameters).map(([name, value]) => {
    if (/^[\x01-\x7f]*$/.test(value)) return `${string(utf8(name))} ${string(value)}`
    const escaped = encodeURIComponent(value.toWellFormed()).replace(
      /['()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16)}`,
    )
    return `${string(`${utf8(name)}*`)} ${string(`utf-8''${escaped}`)}`
  })
  return pairs.length === 0 ? 'NIL' : `(${pairs.join(' ')})`
}
