// IMAP URLs that name a message or a part of one (RFC 5092), as CATENATE and BURL take them, and with the authorization of
// URLAUTH (RFC 4467): what they say, and where they lead for somebody.

import type { BlobRef } from '../../store/nouns/bodies.ts'
import { mailboxAt, type Place, pathOfUrl, type Viewer } from './names.ts'
import { Cursor } from './parser.ts'
import { parseSection, type Section, Source, sectionBytes } from './section.ts'

/** The message part that a URL names. */
export interface MessageUrl {
  /** UTF-8, as in the URL before it was percent-encoded; undefined: the selected mailbox. */
  readonly name: Buffer | undefined
  readonly uidValidity: number | undefined
  readonly uid: number
  readonly section: Section
  readonly partial: { readonly offset: number; readonly length: number } | undefined
}

/** Who may use a URL (RFC 4467 §4). */
export type UrlAccess =
  | { readonly kind: 'submit' | 'user'; readonly userid: string }
  | { readonly kind: 'authuser' | 'anonymous' }

export interface AuthorizedUrl extends MessageUrl {
  /** On whose behalf it leads to the message. */
  readonly user: string
  /** Up to which time; undefined: for ever. */
  readonly expiresAtMs: number | undefined
  readonly access: UrlAccess
  /** The URL without mechanism and token: what is authorized. */
  readonly rump: string
  /** Undefined where the URL is a rump. */
  readonly token: string | undefined
}

const LONGEST = 4_096
/** RFC 3339 §5.6, as RFC 4467 §9 asks. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i
const UID = String.raw`;UID=(\d{1,10})(?:\/;SECTION=([^;]*?))?(?:\/;PARTIAL=(\d{1,10})(?:\.(\d{1,10}))?)?`
const RELATIVE = new RegExp(String.raw`^(?:\/([^;]*?)(?:;UIDVALIDITY=(\d{1,10}))?\/)?${UID}$`, 'i')
const ACCESS = String.raw`submit\+[^:;/]+|user\+[^:;/]+|authuser|anonymous`
const AUTHORIZED = new RegExp(
  String.raw`^(imap:\/\/([^/@;:]+)(?:;AUTH=[^/@;]+)?@[^/@;]+(\/[^;]+?(?:;UIDVALIDITY=\d{1,10})?\/;UID=[^;]*(?:;SECTION=[^;]*)?(?:;PARTIAL=[^;]*)?)(?:;EXPIRE=([^;/]{20,40}))?;URLAUTH=(${ACCESS}))(?::INTERNAL:([0-9a-f]{32,128}))?$`,
  'i',
)

/** '/Box;UIDVALIDITY=1/;UID=2/;SECTION=1.2/;PARTIAL=0.5', or the same with 'imap://us/' before it, or without a mailbox. */
export function readMessageUrl(url: string): MessageUrl | undefined {
  if (url.length > LONGEST) return undefined
  const match = RELATIVE.exec(url.replace(/^imap:\/\/[^/]*(?=\/)/i, ''))
  if (match === null) return undefined
  const [, encoded, uidValidity, uid, sectionText = '', offset, length] = match
  const name = encoded === undefined ? undefined : percentDecoded(encoded)
  const section = sectionOf(sectionText)
  if (section === undefined || (encoded !== undefined && name === undefined)) return undefined
  const partial =
    offset === undefined
      ? undefined
      : { offset: Number(offset), length: length === undefined ? Number.MAX_SAFE_INTEGER : Number(length) }
  return {
    name,
    uidValidity: uidValidity === undefined ? undefined : Number(uidValidity),
    uid: Number(uid),
    section,
    partial,
  }
}

/** A URL with URLAUTH, with its token or without. */
export function readAuthorizedUrl(url: string): AuthorizedUrl | undefined {
  const match = url.length > LONGEST ? null : AUTHORIZED.exec(url)
  if (match === null) return undefined
  const [, rump, encodedUser, path, expire, accessText, token] = match
  const message = readMessageUrl(path!)
  const user = percentDecoded(encodedUser!)?.toString()
  const access = accessOf(accessText!)
  const expiresAtMs = expire === undefined ? undefined : DATE_TIME.test(expire) ? Date.parse(expire) : Number.NaN
  if (message?.name === undefined || user === undefined || access === undefined || Number.isNaN(expiresAtMs))
    return undefined
  return { ...message, user, expiresAtMs, access, rump: rump!, token }
}

function accessOf(text: string): UrlAccess | undefined {
  const [kind = '', encoded = ''] = text.split(/\+(.*)/s)
  const name = kind.toLowerCase()
  if (name === 'authuser' || name === 'anonymous') return { kind: name }
  const userid = percentDecoded(encoded)?.toString()
  return userid === undefined ? undefined : { kind: name as 'submit' | 'user', userid }
}

/** Where a part lies that a URL names. */
export interface UrlTarget extends MessageUrl {
  readonly blob: BlobRef
}

/** The message that the URL names for this viewer. `selected`: the mailbox of a URL that names none (RFC 5092 §7). */
export function findUrl(viewer: Viewer, url: MessageUrl, selected?: Place): UrlTarget | undefined {
  const place = url.name === undefined ? selected : placeOfUrl(viewer, url.name)
  if (place === undefined || !place.rights.has('r')) return undefined
  if (url.uidValidity !== undefined && url.uidValidity !== place.mailbox.uidValidity) return undefined
  const [placement] = viewer.store.placements(place.account, place.mailbox.id, url.uid, url.uid)
  const email = placement && viewer.store.email(place.account, placement.email)
  return email && { ...url, blob: email.blob }
}

/** The mailbox that a URL names: UTF-8 (RFC 5092 §5.1). */
export function placeOfUrl(viewer: Viewer, name: Buffer): Place | undefined {
  return mailboxAt(viewer, pathOfUrl(viewer, name) ?? '')
}

/** The bytes that the URL names of a whole message. */
export function partOfUrl(whole: Buffer, { section, partial }: MessageUrl): Buffer | undefined {
  const bytes = sectionBytes(new Source(whole), section)
  if (bytes === undefined || partial === undefined) return bytes
  return bytes.subarray(partial.offset, partial.offset + partial.length)
}

function percentDecoded(text: string): Buffer | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}

function sectionOf(text: string): Section | undefined {
  const decoded = percentDecoded(text)
  if (decoded === undefined) return undefined
  const args = new Cursor({ lines: [Buffer.concat([decoded, Buffer.from(']')])], literals: [] })
  const section = parseSection(args)
  args.end()
  return args.error === undefined ? section : undefined
}
