// The words of a message for searching: read once, remembered while there is room.

import { bodyLists, htmlToText, partText } from '../../message/body.ts'
import { parseStructure } from '../../message/mime.ts'
import type { Email } from '../../store/types.ts'
import type { JmapBackend } from './types.ts'

const MAX_REMEMBERED = 16_000_000
const MAX_TEXT = 100_000

const remembered = new WeakMap<JmapBackend, { texts: Map<string, string>; length: number }>()

/** All text of the body as a person reads it, lower case. */
export async function searchText(email: Email, backend: JmapBackend): Promise<string> {
  let memory = remembered.get(backend)
  if (!memory) remembered.set(backend, (memory = { texts: new Map(), length: 0 }))
  const { hash } = email.blob
  const known = memory.texts.get(hash)
  if (known !== undefined) return known
  const source = await backend.store.readBlob(email.blob)
  const text = source ? bodyText(source) : ''
  memory.texts.set(hash, text)
  memory.length += text.length
  for (const [oldest, old] of memory.texts) {
    if (memory.length <= MAX_REMEMBERED) break
    memory.texts.delete(oldest)
    memory.length -= old.length
  }
  return text
}

function bodyText(source: Buffer): string {
  const { textBody } = bodyLists(parseStructure(source))
  const texts = textBody
    .filter((part) => part.type === 'text')
    .map((part) => (part.subtype === 'html' ? htmlToText(partText(part).text) : partText(part).text))
  return texts.join('\n').slice(0, MAX_TEXT).toLowerCase()
}
