// The words of a message for searching: read once, remembered while there is room.

import { bodyLists, htmlToText, partText } from '../../message/body.ts'
import { parseStructure } from '../../message/mime.ts'
import type { BlobHash } from '../../store/nouns/bodies.ts'
import type { Email } from '../../store/nouns/mail.ts'
import type { JmapBackend } from './types.ts'

/** Characters remembered in all, whoever's mail it is: a text is named by its content. */
const MAX_REMEMBERED = 32_000_000
const MAX_TEXT = 100_000

const texts = new Map<BlobHash, string>()
let remembered = 0
let turnedAway = 0

/** All text of the body as a person reads it, lower case. */
export async function searchText(email: Email, backend: JmapBackend): Promise<string> {
  const { hash } = email.blob
  const known = texts.get(hash)
  if (known !== undefined) return known
  const text = (await readableText(email, backend)).toLowerCase()
  remember(hash, text)
  return text
}

/** The same as it is written. */
export async function readableText(email: Email, backend: JmapBackend): Promise<string> {
  const source = await backend.store.readBlob(email.blob)
  return source ? bodyText(source) : ''
}

/**
 * A search reads a mailbox from one end to the other, so forgetting the oldest would forget all of it each time. When
 * there is no room, what is known stays, until more was turned away than is known: then others are searching.
 */
function remember(hash: BlobHash, text: string): void {
  if (remembered + text.length > MAX_REMEMBERED) {
    if (++turnedAway <= texts.size) return
    texts.clear()
    remembered = 0
    turnedAway = 0
  }
  texts.set(hash, text)
  remembered += text.length
}

function bodyText(source: Buffer): string {
  const { textBody } = bodyLists(parseStructure(source))
  const pieces = textBody
    .filter((part) => part.type === 'text')
    .map((part) => (part.subtype === 'html' ? htmlToText(partText(part).text) : partText(part).text))
  return pieces.join('\n').slice(0, MAX_TEXT)
}
