// Email/get and Email/parse: what a message is, from its row in the store where that is enough, else from its bytes.
// Keeps RFC 8621 §4.1 (properties), §4.2 (get, bodyValues, truncation), §4.9 (parse).

import { type BodyLists, bodyLists, fileName, partBytes, partText } from '../../message/body.ts'
import { type Part, parseStructure } from '../../message/mime.ts'
import { transferEncoding } from '../../message/transfer.ts'
import type { Email, EmailAddress, EmailSummary } from '../../store/nouns/mail.ts'
import { summarise } from '../../store/summary.ts'
import { type Read, readArguments } from './arguments.ts'
import { readBlobId } from './blob.ts'
import { allHeaders, headerValue, parseHeaderProperty, utcDate } from './header-forms.ts'
import { formatBlobId, formatId } from './ids.ts'
import { keywordsOf } from './keywords.ts'
import { accountIdOf, GET_ARGUMENTS, getObjects } from './standard.ts'
import { invalidArguments, type JmapBackend, type Json, LIMITS, type Method, MethodError } from './types.ts'

/** From the store alone. `verdict` is ours: what the Border found (capability urn:borderpost:jmap:verdict). */
const ROW: Record<string, (email: Email, backend: JmapBackend) => unknown> = {
  id: (email) => formatId('e', email.id),
  blobId: (email) => formatBlobId({ hash: email.blob.hash }),
  threadId: (email) => formatId('t', email.thread),
  mailboxIds: (email, { store, account }) =>
    Object.fromEntries(
      store.placementsOf(account.id, email.id).map((placement) => [formatId('m', placement.mailbox), true]),
    ),
  keywords: (email, { store, account }) =>
    Object.fromEntries([...keywordsOf(store.placementsOf(account.id, email.id))].map((keyword) => [keyword, true])),
  size: (email) => email.sizeBytes,
  receivedAt: (email) => utcDate(email.receivedAtMs),
  verdict: (email) => email.verdict,
}

const addressesOrNull = (list: readonly EmailAddress[]) => (list.length > 0 ? list : null)
const idsOrNull = (list: readonly string[]) => (list.length > 0 ? list : null)

const SUMMARY: Record<string, (summary: EmailSummary) => unknown> = {
  messageId: (summary) => idsOrNull(summary.messageId),
  inReplyTo: (summary) => idsOrNull(summary.inReplyTo),
  references: (summary) => idsOrNull(summary.references),
  sender: (summary) => addressesOrNull(summary.sender),
  from: (summary) => addressesOrNull(summary.from),
  to: (summary) => addressesOrNull(summary.to),
  cc: (summary) => addressesOrNull(summary.cc),
  bcc: (summary) => addressesOrNull(summary.bcc),
  replyTo: (summary) => addressesOrNull(summary.replyTo),
  subject: (summary) => summary.subject,
  sentAt: (summary) => (summary.sentAtMs === null ? null : utcDate(summary.sentAtMs)),
  hasAttachment: (summary) => summary.hasAttachment,
  preview: (summary) => summary.preview,
}

const BODY = ['bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments', 'headers']
const DEFAULTS = [
  ...Object.keys(ROW).filter((name) => name !== 'verdict'),
  ...Object.keys(SUMMARY),
  'bodyValues',
  'textBody',
  'htmlBody',
  'attachments',
]
const PARSE_DEFAULTS = [...Object.keys(SUMMARY), 'bodyValues', 'textBody', 'htmlBody', 'attachments']

const PART: Record<string, (part: Part, hash: string) => unknown> = {
  partId: (part) => (part.type === 'multipart' ? null : part.number),
  blobId: (part, hash) => {
    if (part.type === 'multipart') return null
    const encoding = transferEncoding(part.encoding)
    return formatBlobId({ hash, part: { start: part.bodyStart, end: part.bodyEnd, encoding } })
  },
  size: (part) => (part.type === 'multipart' ? 0 : partBytes(part).length),
  headers: (part) => allHeaders(part.header),
  name: (part) => fileName(part) ?? null,
  type: (part) => `${part.type}/${part.subtype}`,
  // RFC 8621 §4.1.4: text without a charset is us-ascii; other parts have none.
  charset: (part) => (part.type === 'text' ? (part.parameters.charset ?? 'us-ascii') : null),
  disposition: (part) => part.disposition?.type ?? null,
  cid: (part) => part.id ?? null,
  language: (part) => part.language ?? null,
  location: (part) => part.location ?? null,
  subParts: (part) => (part.type === 'multipart' ? part.children : null),
}
const PART_DEFAULTS = [
  'partId',
  'blobId',
  'size',
  'name',
  'type',
  'charset',
  'disposition',
  'cid',
  'language',
  'location',
]

const BODY_ARGUMENTS = {
  bodyProperties: 'strings',
  fetchTextBodyValues: 'boolean',
  fetchHTMLBodyValues: 'boolean',
  fetchAllBodyValues: 'boolean',
  maxBodyValueBytes: 'unsigned',
} as const
type BodyArguments = Read<typeof BODY_ARGUMENTS>

const needsBytes = (property: string): boolean => BODY.includes(property) || property.startsWith('header:')
const isProperty = (name: string): boolean =>
  Object.hasOwn(ROW, name) ||
  Object.hasOwn(SUMMARY, name) ||
  BODY.includes(name) ||
  parseHeaderProperty(name) !== undefined

function badBodyProperty(args: BodyArguments): MethodError | undefined {
  const bad = args.bodyProperties?.find((name) => !Object.hasOwn(PART, name) && !parseHeaderProperty(name))
  return bad === undefined ? undefined : invalidArguments(`unknown body property ${bad.slice(0, 80)}`)
}

export const emailGet: Method['run'] = (raw, context) => {
  const { backend } = context
  const args = readArguments(raw, accountIdOf(context), { ...GET_ARGUMENTS, ...BODY_ARGUMENTS })
  if (args instanceof MethodError) return args
  const bad = badBodyProperty(args)
  if (bad) return bad
  return getObjects<Email>(args, context, {
    kind: 'e',
    properties: DEFAULTS,
    defaults: DEFAULTS,
    isProperty,
    all: () => firstEmails(backend, false),
    load: (ids) => new Map(backend.store.emails(backend.account.id, ids).map((email) => [email.id, email])),
    show: async (email, properties) => {
      const source = properties.some(needsBytes) ? await backend.store.readBlob(email.blob) : undefined
      const bytes = properties.filter(needsBytes)
      const shown =
        bytes.length > 0 ? showBytes(parseStructure(source ?? Buffer.alloc(0)), email.blob.hash, bytes, args) : {}
      return Object.fromEntries(
        properties.map((name) => [
          name,
          Object.hasOwn(ROW, name)
            ? ROW[name]!(email, backend)
            : Object.hasOwn(SUMMARY, name)
              ? SUMMARY[name]!(email)
              : shown[name],
        ]),
      )
    },
  })
}

/** A few more emails (or of each thread one) than an answer may hold: whoever has no more may ask for all. */
export function firstEmails({ store, account }: JmapBackend, collapse: boolean): Email[] {
  const query = { where: { is: 'and', of: [] }, order: [], collapse } as const
  return store.emails(account.id, store.lists.firstEmails(account.id, query, LIMITS.maxObjectsInGet + 1))
}

/** The properties that stand in the message itself. */
function showBytes(root: Part, hash: string, properties: readonly string[], args: BodyArguments): Json {
  const lists = bodyLists(root)
  const show = (part: Part): Json => showPart(part, hash, args.bodyProperties ?? PART_DEFAULTS)
  const out: Json = {}
  for (const property of properties) {
    if (property === 'bodyStructure')
      out[property] = showTree(root, hash, args.bodyProperties ?? [...PART_DEFAULTS, 'subParts'])
    else if (property === 'bodyValues') out[property] = bodyValues(root, lists, args)
    else if (property === 'headers') out[property] = allHeaders(root.header)
    else if (property === 'textBody' || property === 'htmlBody' || property === 'attachments')
      out[property] = lists[property].map(show)
    else out[property] = headerValue(root.header, parseHeaderProperty(property)!)
  }
  return out
}

function showPart(part: Part, hash: string, properties: readonly string[]): Json {
  return Object.fromEntries(
    properties
      .filter((name) => name !== 'subParts')
      .map((name) => [
        name,
        PART[name] ? PART[name](part, hash) : headerValue(part.header, parseHeaderProperty(name)!),
      ]),
  )
}

/** The parts below a multipart come with it, whatever properties were asked for (RFC 8621 §4.1.4). */
function showTree(part: Part, hash: string, properties: readonly string[]): Json {
  const shown = showPart(part, hash, properties)
  return part.type === 'multipart'
    ? { ...shown, subParts: part.children.map((child) => showTree(child, hash, properties)) }
    : shown
}

function bodyValues(root: Part, lists: BodyLists, args: BodyArguments): Json {
  const wanted = new Set<Part>()
  const add = (parts: readonly Part[]): void => {
    for (const part of parts) if (part.type === 'text') wanted.add(part)
  }
  if (args.fetchTextBodyValues) add(lists.textBody)
  if (args.fetchHTMLBodyValues) add(lists.htmlBody)
  if (args.fetchAllBodyValues) add(leaves(root))
  const max = args.maxBodyValueBytes || Number.POSITIVE_INFINITY
  return Object.fromEntries(
    [...wanted].map((part) => {
      const { text, isEncodingProblem } = partText(part)
      const value = truncate(text.replace(/\r\n/g, '\n').toWellFormed(), max, part.subtype === 'html')
      return [part.number, { value, isEncodingProblem, isTruncated: value.length < text.replace(/\r\n/g, '\n').length }]
    }),
  )
}

const leaves = (part: Part): Part[] => (part.type === 'multipart' ? part.children.flatMap(leaves) : [part])

/** At most `max` bytes of UTF-8, no character and (in HTML) no tag cut in two (RFC 8621 §4.2). */
function truncate(text: string, max: number, isHtml: boolean): string {
  if (text.length <= max && Buffer.byteLength(text) <= max) return text
  const bytes = Buffer.from(text)
  let end = max
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  const cut = bytes.toString('utf8', 0, end)
  const tag = cut.lastIndexOf('<')
  return isHtml && tag > cut.lastIndexOf('>') ? cut.slice(0, tag) : cut
}

export const emailParse: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { blobIds: 'ids', properties: 'strings', ...BODY_ARGUMENTS })
  if (args instanceof MethodError) return args
  const bad = badBodyProperty(args)
  if (bad) return bad
  if (!args.blobIds) return invalidArguments('blobIds is missing')
  if (args.blobIds.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
  const properties = args.properties ?? PARSE_DEFAULTS
  const unknown = properties.find((name) => !isProperty(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const parsed: Json = {}
  const notFound: string[] = []
  const notParsable: string[] = []
  for (const blobId of new Set(args.blobIds)) {
    const source = await readBlobId(context.backend, blobId)
    const root = source && parseStructure(source)
    if (!root) notFound.push(blobId)
    else if (root.header.fields.length === 0) notParsable.push(blobId)
    else {
      const summary = summarise(source)
      // The blob may itself be a decoded part: then its own parts have no name outside, only their values.
      const shown = showBytes(root, blobId.slice(1, 65), properties.filter(needsBytes), args)
      parsed[blobId] = Object.fromEntries(
        properties.map((name) => [
          name,
          name === 'blobId'
            ? blobId
            : name === 'size'
              ? source.length
              : SUMMARY[name]
                ? SUMMARY[name](summary)
                : (shown[name] ?? null),
        ]),
      )
    }
  }
  const orNull = (list: readonly string[]) => (list.length > 0 ? list : null)
  return {
    args: {
      accountId: accountIdOf(context),
      parsed: Object.keys(parsed).length > 0 ? parsed : null,
      notFound: orNull(notFound),
      notParsable: orNull(notParsable),
    },
  }
}
