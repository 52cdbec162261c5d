// Reads what a program says of a message, field by field: each reader gives the value, or notes what is wrong and where.

import { isGroup, type Mailbox, parseAddressList } from '../message/address.ts'
import { type Attachment, type FieldText, structuredField, textField } from '../message/build.ts'
import type { Fault } from './problem.ts'

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const MAX_RECIPIENTS = 1000
const MAX_ATTACHMENTS = 100
const MAX_HEADERS = 50
const MAX_HEADER = 4000
const MAX_WORD = 900
const MAX_NAME = 255
const MAX_LABEL = 64
const MAX_TAGS = 10
const MAX_METADATA = 20
const MAX_METADATA_VALUE = 500
const MAX_VARIABLES = 100
const MAX_VARIABLE = 10_000
/** More would only tell again that the program is wrong. */
const MAX_FAULTS = 20

/** Collects what is wrong. `/` and `~` in names are escaped as RFC 6901 §3 has it. */
export class Faults {
  readonly list: Fault[] = []

  note(pointer: string, detail: string): undefined {
    if (this.list.length < MAX_FAULTS) this.list.push({ detail, pointer })
    return undefined
  }

  text(value: unknown, at: string, most: number): string | undefined {
    if (typeof value !== 'string') return this.note(at, 'A text is needed.')
    if (value.length > most) return this.note(at, `At most ${most} characters.`)
    return value.toWellFormed()
  }

  /** One address: `a@b.example`, `Name <a@b.example>`, or an object with email and name. */
  mailbox(value: unknown, at: string): Mailbox | undefined {
    const { email, name } = isObject(value) ? value : { email: value, name: undefined }
    const place = isObject(value) ? `${at}/email` : at
    const text = this.text(email, place, 1000)
    if (text === undefined) return undefined
    const { addresses, unparsed, defects } = parseAddressList(text)
    const [first, ...others] = addresses
    if (first === undefined || isGroup(first) || others.length + unparsed.length + defects.length > 0)
      return this.note(place, `“${text.slice(0, 100)}” is not an email address.`)
    if (name === undefined || name === null) return first
    const called = this.text(name, `${at}/name`, MAX_NAME)
    if (called === undefined) return undefined
    if (hasControls(called)) return this.note(`${at}/name`, 'A name is one line.')
    return { ...first, displayName: called }
  }

  /** One address or several. */
  mailboxes(value: unknown, at: string): Mailbox[] {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) return [this.mailbox(value, at)].filter((one) => one !== undefined)
    if (value.length > MAX_RECIPIENTS) this.note(at, `At most ${MAX_RECIPIENTS} addresses.`)
    return value.slice(0, MAX_RECIPIENTS).flatMap((one, index) => this.mailbox(one, `${at}/${index}`) ?? [])
  }

  attachments(value: unknown, at: string): Attachment[] {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value) || value.length > MAX_ATTACHMENTS) {
      this.note(at, `A list of at most ${MAX_ATTACHMENTS} attachments is needed.`)
      return []
    }
    return value.flatMap((one, index) => this.#attachment(one, `${at}/${index}`) ?? [])
  }

  #attachment(value: unknown, at: string): Attachment | undefined {
    if (!isObject(value)) return this.note(at, 'An object with content (base64), filename and contentType is needed.')
    const { content: given, filename, contentType, contentId, ...others } = value
    for (const name of Object.keys(others)) this.note(`${at}/${escapedName(name)}`, 'There is no such field.')
    const content = typeof given === 'string' ? base64(given) : undefined
    if (content === undefined) return this.note(`${at}/content`, 'Base64 is needed (RFC 4648 §4).')
    const fileName = filename === undefined ? undefined : this.text(filename, `${at}/filename`, MAX_NAME)
    if (fileName !== undefined && hasControls(fileName)) return this.note(`${at}/filename`, 'A name is one line.')
    if (contentType !== undefined && !(typeof contentType === 'string' && MEDIA_TYPE.test(contentType)))
      return this.note(`${at}/contentType`, 'A media type like image/png is needed, without parameters.')
    if (contentId !== undefined && !(typeof contentId === 'string' && /^[\w.@+=$-]{1,200}$/.test(contentId)))
      return this.note(`${at}/contentId`, 'What stands behind “cid:” in the HTML is needed, without brackets.')
    const mediaType = contentType as string | undefined
    if (mediaType?.toLowerCase() === 'message/rfc822' && !isWholeMessage(content))
      return this.note(`${at}/content`, 'A message has no NUL, and no line of more than 998 bytes.')
    return {
      content,
      ...(fileName !== undefined && { fileName }),
      ...(mediaType !== undefined && { mediaType }),
      ...(contentId !== undefined && { contentId: contentId as string }),
    }
  }

  /** Further header fields, those that are the program's to give. `fill` puts values into places. */
  headers(value: unknown, at: string, fill: (text: string, at: string) => string | undefined): FieldText[] {
    if (value === undefined || value === null) return []
    if (!isObject(value) || Object.keys(value).length > MAX_HEADERS) {
      this.note(at, `An object of at most ${MAX_HEADERS} header fields is needed.`)
      return []
    }
    const seen = new Set<string>()
    return Object.entries(value).flatMap(([name, given]) => {
      const place = `${at}/${escapedName(name)}`
      const lower = name.toLowerCase()
      if (seen.has(lower)) return this.note(place, 'It is there twice.') ?? []
      seen.add(lower)
      const isText = TEXT_HEADERS.has(lower) || /^x-[\w-]{1,74}$/.test(lower)
      if (!isText && !STRUCTURED_HEADERS.has(lower)) return this.note(place, 'This header field cannot be given.') ?? []
      const text = this.text(given, place, MAX_HEADER)
      const whole = text === undefined ? undefined : fill(text, place)
      if (whole === undefined) return []
      if (hasControls(whole)) return this.note(place, 'A header field is one line here: it is folded for you.') ?? []
      if (isText) return [textField(name, whole)]
      const isGood = /^[\x20-\x7e]*$/.test(whole) && whole.split(' ').every((word) => word.length <= MAX_WORD)
      if (!isGood) return this.note(place, 'Only ASCII, and no word of more than 900 characters.') ?? []
      if (lower === 'message-id' && !/^<[^<>@ ]{1,200}@[^<>@ ]{1,200}>$/.test(whole))
        return this.note(place, 'A Message-ID looks like <unique@your.domain>.') ?? []
      return [structuredField(name, whole)]
    })
  }

  /** Names and short texts of the program's own. */
  metadata(value: unknown, at: string): Record<string, string> {
    return this.#named(value, at, MAX_METADATA, MAX_METADATA_VALUE)
  }

  variables(value: unknown, at: string): Map<string, string> {
    return new Map(Object.entries(this.#named(value, at, MAX_VARIABLES, MAX_VARIABLE)))
  }

  #named(value: unknown, at: string, most: number, longest: number): Record<string, string> {
    if (value === undefined || value === null) return {}
    if (!isObject(value) || Object.keys(value).length > most) {
      this.note(at, `An object of at most ${most} names is needed.`)
      return {}
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, given]) => {
        const place = `${at}/${escapedName(name)}`
        if (!/^[A-Za-z_][\w.-]{0,63}$/.test(name)) return this.note(place, 'Letters, digits, “_”, “.”, “-”.') ?? []
        const isPlain = typeof given === 'number' || typeof given === 'boolean'
        const text = this.text(isPlain ? String(given) : given, place, longest)
        return text === undefined ? [] : [[name, text]]
      }),
    )
  }

  tags(value: unknown, at: string): string[] {
    if (value === undefined || value === null) return []
    const isGood =
      Array.isArray(value) &&
      value.length <= MAX_TAGS &&
      value.every((tag) => typeof tag === 'string' && tag !== '' && tag.length <= MAX_LABEL && !hasControls(tag))
    if (isGood) return [...new Set(value as string[])]
    this.note(at, `A list of at most ${MAX_TAGS} short texts is needed.`)
    return []
  }
}

export const escapedName = (name: string) => name.slice(0, 80).replaceAll('~', '~0').replaceAll('/', '~1')

const hasControls = (text: string) => /[\0-\x1f\x7f\u2028\u2029]/.test(text)

const MEDIA_TYPE = /^(?!multipart\/)[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}$/i

/** Fields of words that machines read; the house folds them and changes nothing. */
const STRUCTURED_HEADERS: ReadonlySet<string> = new Set([
  ...['message-id', 'in-reply-to', 'references', 'auto-submitted', 'precedence', 'importance', 'priority'],
  ...['sensitivity', 'feedback-id', 'disposition-notification-to', 'tls-required'],
  ...['list-id', 'list-help', 'list-subscribe', 'list-unsubscribe', 'list-unsubscribe-post', 'list-post'],
  ...['list-owner', 'list-archive', 'cfbl-address', 'cfbl-feedback-id'],
])
/** Fields of text for people, and all that begin with X-. */
const TEXT_HEADERS: ReadonlySet<string> = new Set(['comments', 'keywords', 'organization', 'thread-topic'])

function base64(text: string): Buffer | undefined {
  const clean = text.includes('\n') ? text.replace(/[\r\n]+/g, '') : text
  if (clean.length % 4 === 1 || !/^[A-Za-z0-9+/]*={0,2}$/.test(clean)) return undefined
  return Buffer.from(clean, 'base64')
}

function isWholeMessage(content: Buffer): boolean {
  if (content.includes(0)) return false
  for (let at = 0; at < content.length; ) {
    const end = content.indexOf(10, at)
    const next = end < 0 ? content.length : end + 1
    if (next - at > 1000) return false
    at = next
  }
  return true
}
