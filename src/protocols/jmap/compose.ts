// Makes a message out of the properties of an Email that a client creates.
// Keeps RFC 8621 §4.6 (what may be given, and the fields that are made), RFC 5322 §2.1.1 and §2.2.3 (lines, folding),
// RFC 2045 and RFC 2046 (parts). No value a client gives can begin a field or a part of its own.

import {
  canonicalDomain,
  formatMailbox,
  formatPhrase,
  isGroup,
  mailboxesOf,
  parseAddressList,
} from '../../message/address.ts'
import {
  type Entity,
  type FieldText,
  multipart,
  serialize,
  structuredField,
  textEntity,
  textField,
} from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import { formatParameter } from '../../message/parameters.ts'
import { encodeBase64 } from '../../message/transfer.ts'
import { isObject } from './arguments.ts'
import { readBlobId } from './blob.ts'
import { type Form, parseHeaderProperty } from './header-forms.ts'
import { type Context, invalidProperties, type Json, MAX_MESSAGE_BYTES, type SetError, setError } from './types.ts'

const MAX_PARTS = 1000
const MAX_DEPTH = 20

/** A property that cannot be written; caught in `compose` and given back as a SetError. */
class Unusable extends Error {
  readonly error: SetError
  constructor(error: SetError) {
    super(error.type)
    this.error = error
  }
}
const refuse = (property: string, why?: string): never => {
  throw new Unusable(invalidProperties([property], why))
}

/** The message's bytes, or why the properties make none. */
export async function compose(email: Json, context: Context): Promise<Buffer | SetError> {
  try {
    const composer = new Composer(email, context)
    return await composer.message()
  } catch (error) {
    if (error instanceof Unusable) return error.error
    throw error
  }
}

/** Convenience properties, their field and how its value is given (RFC 8621 §4.1.3). */
const FIELDS: Record<string, readonly [field: string, form: Form]> = {
  sender: ['Sender', 'asAddresses'],
  from: ['From', 'asAddresses'],
  replyTo: ['Reply-To', 'asAddresses'],
  to: ['To', 'asAddresses'],
  cc: ['Cc', 'asAddresses'],
  bcc: ['Bcc', 'asAddresses'],
  subject: ['Subject', 'asText'],
  sentAt: ['Date', 'asDate'],
  messageId: ['Message-ID', 'asMessageIds'],
  inReplyTo: ['In-Reply-To', 'asMessageIds'],
  references: ['References', 'asMessageIds'],
}
const OTHERS = [
  'mailboxIds',
  'keywords',
  'receivedAt',
  'bodyStructure',
  'bodyValues',
  'textBody',
  'htmlBody',
  'attachments',
]

class Composer {
  readonly #email: Json
  readonly #context: Context
  /** Fields of the email, lower case: its outermost part gives none of them again. */
  readonly #given = new Set<string>()
  #parts = 0
  #size = 0

  constructor(email: Json, context: Context) {
    this.#email = email
    this.#context = context
  }

  async message(): Promise<Buffer> {
    const { world, account } = this.#context.backend
    const fields = this.#fields()
    const has = (name: string): boolean => fields.some((field) => field.toLowerCase().startsWith(`${name}:`))
    const domain = account.address.slice(account.address.lastIndexOf('@') + 1)
    const id = world.random.bytes(16).toString('hex')
    if (!has('message-id')) fields.push(structuredField('Message-ID', `<${id}@${domain}>`))
    if (!has('date')) fields.push(structuredField('Date', formatDate(world.clock.now())))
    fields.push(structuredField('MIME-Version', '1.0'))
    const { fields: bodyFields, body } = await this.#body()
    return serialize({ fields: [...fields, ...bodyFields], body })
  }

  #fields(): FieldText[] {
    const fields: FieldText[] = []
    for (const [property, value] of Object.entries(this.#email)) {
      if (value === null || OTHERS.includes(property)) continue
      const [name, form] = Object.hasOwn(FIELDS, property)
        ? FIELDS[property]!
        : (this.#headerProperty(property) ?? refuse(property))
      const lower = name.toLowerCase()
      // The same field twice in different forms, or what only the body may say (RFC 8621 §4.6).
      if (this.#given.has(lower) || lower.startsWith('content-') || lower === 'mime-version') refuse(property)
      this.#given.add(lower)
      const values = property.endsWith(':all') ? (Array.isArray(value) ? value : refuse(property)) : [value]
      for (const each of values) fields.push(formatField(name, form, each, property))
    }
    return fields
  }

  #headerProperty(property: string): readonly [string, Form] | undefined {
    const parsed = parseHeaderProperty(property)
    return parsed && [parsed.name, parsed.form]
  }

  async #body(): Promise<Entity> {
    const { bodyStructure, textBody, htmlBody, attachments } = this.#email
    if (bodyStructure !== undefined && bodyStructure !== null) {
      if (textBody || htmlBody || attachments) refuse('bodyStructure', 'give bodyStructure or the lists, not both')
      return this.#part(bodyStructure, 'bodyStructure', 0)
    }
    const text = this.#sole(textBody, 'textBody', 'text/plain')
    const html = this.#sole(htmlBody, 'htmlBody', 'text/html')
    const files =
      attachments === undefined || attachments === null
        ? []
        : Array.isArray(attachments)
          ? attachments
          : refuse('attachments')
    return this.#part(arrange(text, html, files as Json[]), 'bodyValues', 0)
  }

  /** textBody and htmlBody hold one part each, of their type (RFC 8621 §4.6). */
  #sole(list: unknown, property: string, type: string): Json | undefined {
    if (list === undefined || list === null) return undefined
    if (!Array.isArray(list) || list.length !== 1 || !isObject(list[0])) return refuse(property, 'one part, please')
    if (list[0].type !== undefined && list[0].type !== type) refuse(property, `must be ${type}`)
    return { ...list[0], type }
  }

  async #part(part: unknown, property: string, depth: number): Promise<Entity> {
    if (!isObject(part) || depth > MAX_DEPTH || ++this.#parts > MAX_PARTS) return refuse(property)
    const isMultipart = Array.isArray(part.subParts) || String(part.type ?? '').startsWith('multipart/')
    const type = String(part.type ?? (isMultipart ? 'multipart/mixed' : 'text/plain')).toLowerCase()
    if (!/^[a-z0-9!#$&^_.+-]{1,100}\/[a-z0-9!#$&^_.+-]{1,100}$/.test(type)) refuse(property, 'type is malformed')
    const extra = this.#partFields(part, property, depth === 0 ? this.#given : new Set())
    if (!isMultipart) return this.#leaf(part, type, extra, property)
    const children: Entity[] = []
    const subParts = Array.isArray(part.subParts) && part.subParts.length > 0 ? part.subParts : refuse(property)
    for (const child of subParts) children.push(await this.#part(child, property, depth + 1))
    const boundary = `=_${this.#context.backend.world.random.bytes(18).toString('hex')}`
    const made = multipart(type.slice(type.indexOf('/') + 1), children, boundary)
    return { fields: [...made.fields, ...extra], body: made.body }
  }

  /** Disposition, Content-ID, language, location and `header:` properties of a part. */
  #partFields(part: Json, property: string, taken: ReadonlySet<string>): FieldText[] {
    const fields: FieldText[] = []
    if (part.headers !== undefined) refuse(property, 'a field is given by its own property')
    const given = new Set(taken)
    const { disposition, cid, language, location, name } = part
    if (typeof disposition === 'string' || typeof name === 'string') {
      const value = typeof disposition === 'string' && /^[a-z-]{1,40}$/i.test(disposition) ? disposition : 'attachment'
      const file = typeof name === 'string' ? `; ${formatParameter('filename', name.slice(0, 255))}` : ''
      fields.push(structuredField('Content-Disposition', value + file))
    }
    if (typeof cid === 'string') {
      if (!/^[!-;=?-~]{1,200}$/.test(cid)) refuse(property, 'cid is malformed')
      fields.push(structuredField('Content-ID', `<${cid}>`))
    }
    if (Array.isArray(language) && language.every((tag) => /^[A-Za-z0-9-]{1,40}$/.test(tag)))
      fields.push(structuredField('Content-Language', language.join(', ')))
    if (typeof location === 'string') fields.push(formatField('Content-Location', 'asText', location, property))
    for (const [key, value] of Object.entries(part)) {
      if (!key.startsWith('header:')) continue
      const parsed = parseHeaderProperty(key) ?? refuse(key)
      const lower = parsed.name.toLowerCase()
      if (/^content-(type|transfer-encoding|disposition|id)$/.test(lower) || given.has(lower)) refuse(key)
      given.add(lower)
      const values = parsed.isAll ? (Array.isArray(value) ? value : refuse(key)) : [value]
      for (const each of values) fields.push(formatField(parsed.name, parsed.form, each, key))
    }
    return fields
  }

  async #leaf(part: Json, type: string, extra: readonly FieldText[], property: string): Promise<Entity> {
    const isText = typeof part.partId === 'string'
    // RFC 8621 §4.6: what is written here has one place, our charset, and the size that it has.
    for (const name of ['blobId', 'charset', 'size'])
      if (isText && (part[name] ?? null) !== null) refuse(property, `${name} is not for what bodyValues holds`)
    const made = isText ? this.#text(part.partId as string, type) : await this.#file(part, type)
    this.#size += made.body.length
    if (this.#size > MAX_MESSAGE_BYTES) throw new Unusable(setError('tooLarge'))
    return { fields: [...made.fields, ...extra], body: made.body }
  }

  #text(partId: string, type: string): Entity {
    if (!type.startsWith('text/')) return refuse(`bodyValues/${partId}`, 'a text value makes a text part')
    const { fields, body } = textEntity('plain', this.#value(partId))
    // textEntity knows plain and html; other kinds of text differ in their name only.
    return {
      fields: fields.map((field) => field.replace(/^(Content-Type: )text\/plain/, `$1${type}`) as FieldText),
      body,
    }
  }

  async #file(part: Json, type: string): Promise<Entity> {
    const content = await this.#blob(part.blobId)
    const charset =
      typeof part.charset === 'string' && /^[\w.:-]{1,40}$/.test(part.charset) ? `; charset=${part.charset}` : ''
    const { encoding, body } = encodeFile(content, type)
    return {
      fields: [structuredField('Content-Type', type + charset), structuredField('Content-Transfer-Encoding', encoding)],
      body,
    }
  }

  #value(partId: string): string {
    if (partId === EMPTY) return ''
    const values = this.#email.bodyValues
    const value = isObject(values) && Object.hasOwn(values, partId) ? values[partId] : undefined
    if (
      !isObject(value) ||
      typeof value.value !== 'string' ||
      value.isEncodingProblem === true ||
      value.isTruncated === true
    )
      return refuse(`bodyValues/${partId}`)
    return value.value
  }

  async #blob(blobId: unknown): Promise<Buffer> {
    if (typeof blobId !== 'string') return refuse('blobId', 'a part needs a partId or a blobId')
    const content = await readBlobId(this.#context.backend, blobId)
    if (!content) throw new Unusable(setError('blobNotFound', undefined, { notFound: [blobId] }))
    return content
  }
}

/** The tree for text, HTML and files: only as many multiparts as are needed. */
function arrange(text: Json | undefined, html: Json | undefined, files: readonly Json[]): Json {
  const isInline = (file: Json): boolean =>
    html !== undefined && file?.disposition === 'inline' && typeof file.cid === 'string'
  const inline = files.filter(isInline)
  const attached = files.filter((file) => !isInline(file)).map((file) => ({ disposition: 'attachment', ...file }))
  const wrap = (type: string, subParts: readonly (Json | undefined)[]): Json | undefined => {
    const present = subParts.filter((part) => part !== undefined)
    return present.length > 1 ? { type, subParts: present } : present[0]
  }
  const rich = wrap('multipart/related', [html, ...inline])
  const readable = wrap('multipart/alternative', [text, rich])
  return wrap('multipart/mixed', [readable, ...attached]) ?? { type: 'text/plain', partId: EMPTY }
}
const EMPTY = ''

/** A file's bytes come out as they went in; a message inside a message may not be encoded (RFC 2046 §5.2.1). */
function encodeFile(content: Buffer, type: string): { encoding: string; body: Buffer } {
  if (type === 'message/rfc822')
    return { encoding: content.some((byte) => byte > 127) ? '8bit' : '7bit', body: content }
  return { encoding: 'base64', body: Buffer.from(encodeBase64(content)) }
}

/** One field, folded. @throws Unusable */
function formatField(name: string, form: Form, value: unknown, property: string): FieldText {
  return form === 'asText'
    ? textField(name, FORMATS.asText(value, property))
    : structuredField(name, FORMATS[form](value, property))
}

/** A value in its wire form; folding comes after. */
const FORMATS: Record<Form, (value: unknown, property: string) => string> = {
  asRaw: (value, property) =>
    typeof value === 'string' && !/[^\t\r\n -~]/.test(value) ? value : refuse(property, 'raw text must be ASCII'),
  asText: (value, property) => (typeof value === 'string' ? value : refuse(property)),
  asAddresses: (value, property) =>
    Array.isArray(value) ? value.map((each) => formatAddressObject(each, property)).join(', ') : refuse(property),
  asGroupedAddresses: (value, property) =>
    Array.isArray(value) ? value.map((group) => formatAddressGroup(group, property)).join(', ') : refuse(property),
  asMessageIds: (value, property) => formatBracketed(value, property, ' '),
  asDate: (value, property) => {
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
    return Number.isFinite(ms) ? formatDate(ms, offsetMinutes(value as string)) : refuse(property)
  },
  asURLs: (value, property) => formatBracketed(value, property, ', '),
}

/** Message-IDs and URLs: each in angle brackets. */
function formatBracketed(value: unknown, property: string, separator: string): string {
  const isGood =
    Array.isArray(value) && value.every((item) => typeof item === 'string' && /^[!-;=?-~]{1,900}$/.test(item))
  return isGood ? value.map((item) => `<${item}>`).join(separator) : refuse(property)
}

function formatAddressGroup(group: unknown, property: string): string {
  if (!isObject(group) || !Array.isArray(group.addresses)) return refuse(property)
  const members = group.addresses.map((each) => formatAddressObject(each, property)).join(', ')
  return typeof group.name === 'string' ? `${formatPhrase(group.name)}: ${members};` : members
}

function offsetMinutes(date: string): number {
  const match = /([+-])(\d\d):(\d\d)$/.exec(date)
  return match ? (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) : 0
}

function formatAddressObject(value: unknown, property: string): string {
  if (!isObject(value) || typeof value.email !== 'string') return refuse(property)
  const { name, email } = value
  const parsed = parseAddressList(email)
  const [sole] = mailboxesOf(parsed)
  // A draft may hold an address that is not finished; it stays as text that cannot break the field.
  if (parsed.addresses.length !== 1 || !sole || isGroup(parsed.addresses[0]!) || !canonicalDomain(sole.domain)) {
    const text = [name, email].filter((part) => typeof part === 'string').join(' ')
    return formatPhrase(text.slice(0, 200)) || '""'
  }
  return formatMailbox({
    ...sole,
    displayName: typeof name === 'string' && name.trim() !== '' ? name.slice(0, 200) : undefined,
  })
}
