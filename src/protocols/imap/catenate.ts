// CATENATE (RFC 4469): a message made of texts that the client brings and of parts of messages that are here, named by IMAP
// URLs (RFC 5092) relative to this server.

import { type Dialogue, readBlobs } from '../dialogue.ts'
import { type Answer, no } from './answer.ts'
import { mailboxAt, type Place, pathOf } from './names.ts'
import { Cursor } from './parser.ts'
import { parseSection, type Section, Source, sectionBytes } from './section.ts'
import type { ImapSession } from './session.ts'

export type Piece = { readonly text: Buffer } | { readonly url: string }

const MOST_PIECES = 1_000

/** '(TEXT {5} URL "…")' */
export function readPieces(args: Cursor): Piece[] {
  const pieces = args.list((): Piece => {
    const kind = args.keyword()
    args.space()
    if (kind === 'URL') return { url: args.astring().toString('latin1') }
    if (kind !== 'TEXT') args.fail('TEXT or URL')
    return { text: args.literal() ?? Buffer.alloc(0) }
  })
  if (pieces.length === 0 || pieces.length > MOST_PIECES) args.fail('CATENATE of what?')
  return pieces
}

/** The whole message; or why it cannot be made. */
export function* assemble(session: ImapSession, pieces: readonly Piece[]): Dialogue<Buffer | Answer> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  for (const piece of pieces) {
    const bytes = 'text' in piece ? piece.text : yield* contentOf(session, piece.url)
    if (bytes === undefined) return no('that URL leads nowhere', `BADURL ${quotedUrl((piece as { url: string }).url)}`)
    sizeBytes += bytes.length
    if (sizeBytes > session.options.limits.messageBytes) return no('the message is too big', 'TOOBIG')
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

const quotedUrl = (url: string): string => `"${url.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`

interface Target {
  readonly place: Place
  readonly uid: number
  readonly section: Section
  readonly partial: { readonly offset: number; readonly length: number } | undefined
}

function* contentOf(session: ImapSession, url: string): Dialogue<Buffer | undefined> {
  const target = resolveUrl(session, url)
  if (target === undefined) return undefined
  const { place, uid, section, partial } = target
  const [placement] = session.store.placements(place.account, place.mailbox.id, uid, uid)
  const email = placement && session.store.email(place.account, placement.email)
  if (email === undefined) return undefined
  const [whole] = yield* readBlobs([{ ref: email.blob }])
  const bytes = whole && sectionBytes(new Source(whole), section)
  if (bytes === undefined || partial === undefined) return bytes
  return bytes.subarray(partial.offset, partial.offset + partial.length)
}

/**
 * '/Box;UIDVALIDITY=1/;UID=2/;SECTION=1.2/;PARTIAL=0.5', or the same with 'imap://us/' before it, or without a mailbox:
 * in the one that is selected (RFC 5092 §7, relative to RFC 4469 §4).
 */
function resolveUrl(session: ImapSession, url: string): Target | undefined {
  const relative = url.replace(/^imap:\/\/[^/]*(?=\/)/i, '')
  const match =
    /^(?:\/([^;]*?)(?:;UIDVALIDITY=(\d{1,10}))?\/)?;UID=(\d{1,10})(?:\/;SECTION=([^;]*?))?(?:\/;PARTIAL=(\d{1,10})(?:\.(\d{1,10}))?)?$/i.exec(
      relative,
    )
  if (match === null) return undefined
  const [, name, uidValidity, uid, sectionText = '', offset, length] = match
  const place = name === undefined ? selectedPlace(session) : placeNamed(session, name)
  if (place === undefined || !place.rights.has('r')) return undefined
  if (uidValidity !== undefined && Number(uidValidity) !== place.mailbox.uidValidity) return undefined
  const section = sectionOf(sectionText)
  if (section === undefined) return undefined
  const partial =
    offset === undefined
      ? undefined
      : { offset: Number(offset), length: length === undefined ? Number.MAX_SAFE_INTEGER : Number(length) }
  return { place, uid: Number(uid), section, partial }
}

function selectedPlace(session: ImapSession): Place | undefined {
  return session.selected && mailboxAt(session, session.selected.path)
}

/** RFC 5092 §5.1: the name is UTF-8, percent-encoded. */
function placeNamed(session: ImapSession, name: string): Place | undefined {
  const decoded = decoded8bit(name)
  if (decoded === undefined) return undefined
  return mailboxAt(session, pathOf(session, decoded) ?? '')
}

function decoded8bit(text: string): Buffer | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}

function sectionOf(text: string): Section | undefined {
  const decoded = decoded8bit(text)
  if (decoded === undefined) return undefined
  const args = new Cursor({ lines: [Buffer.concat([decoded, Buffer.from(']')])], literals: [] })
  const section = parseSection(args)
  args.end()
  return args.error === undefined ? section : undefined
}
