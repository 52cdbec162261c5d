// CATENATE (RFC 4469): a message made of texts that the client brings and of parts of messages that are here, named by IMAP
// URLs (RFC 5092) relative to this server.

import { type Dialogue, readBlobs } from '../dialogue.ts'
import { type Answer, no } from './answer.ts'
import { mailboxAt } from './names.ts'
import type { Cursor } from './parser.ts'
import type { ImapSession } from './session.ts'
import { findUrl, partOfUrl, readMessageUrl } from './url.ts'

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

function* contentOf(session: ImapSession, text: string): Dialogue<Buffer | undefined> {
  const url = readMessageUrl(text)
  // Relative to what is selected (RFC 4469 §4).
  const target = url && findUrl(session, url, session.selected && mailboxAt(session, session.selected.path))
  if (target === undefined) return undefined
  const [whole] = yield* readBlobs([{ ref: target.blob }])
  return whole && partOfUrl(whole, target)
}
