// Message-ID, In-Reply-To, References (RFC 5322 §3.6.4) and the base subject (RFC 5256 §2.1): what threads are made of.

const MAX_IDS = 1000
const MAX_ID_LENGTH = 998

/** The message ids of such a field in order, without angle brackets and duplicates; comments and phrases left out. */
export function parseMessageIds(text: string): string[] {
  const ids = new Set<string>()
  const add = (raw: string): void => {
    const id = raw.replace(/\s+/g, '')
    if (id !== '' && id.length <= MAX_ID_LENGTH && ids.size < MAX_IDS) ids.add(id)
  }
  let at = text.indexOf('<')
  while (at >= 0) {
    const end = text.indexOf('>', at)
    if (end < 0) break
    // `<<id>` and `<lost <id>`: the innermost bracket is the one that was meant.
    add(text.slice(Math.max(at, text.lastIndexOf('<', end)) + 1, end))
    at = text.indexOf('<', end)
  }
  // Without brackets (old and careless senders): every word with an `@`.
  if (ids.size === 0) for (const word of text.split(/[\s,<>()]+/)) if (word.includes('@')) add(word)
  return [...ids]
}

/** A new id: `unique` must be unpredictable and fresh, `domain` the domain of who writes the message. */
export function formatMessageId(unique: string, domain: string): string {
  return `<${unique}@${domain}>`
}

export interface BaseSubject {
  /** Compared without case; '' if nothing but prefixes stands there. */
  base: string
  isReplyOrForward: boolean
}

const BLOB = /^\[[^[\]]*\]\s*/
const REPLY = /^(?:re|fwd?|aw|wg|sv|vs|tr|rv)\s*(?:\[[^[\]]*\]\s*)?:\s*/i
const BLOBS_AND_REPLY = /^(?:\[[^[\]]*\]\s*){0,10}(?:re|fwd?|aw|wg|sv|vs|tr|rv)\s*(?:\[[^[\]]*\]\s*)?:\s*/i

/** The subject (decoded) without `Re:`, `Fwd:`, `[list]` and `(fwd)`; prefixes of other languages count too. */
export function baseSubject(subject: string): BaseSubject {
  let base = subject.slice(0, 2000).replace(/\s+/g, ' ').trim()
  let isReplyOrForward = false
  for (let round = 0; round < 100; round++) {
    const before = base
    if (/ ?\(fwd\)$/i.test(base)) {
      base = base.replace(/ ?\(fwd\)$/i, '').trimEnd()
      isReplyOrForward = true
    }
    if (REPLY.test(base) || BLOBS_AND_REPLY.test(base)) {
      base = base.replace(BLOBS_AND_REPLY, '')
      isReplyOrForward = true
    } else if (BLOB.test(base) && base.replace(BLOB, '') !== '') base = base.replace(BLOB, '')
    const wrapped = /^\[fwd:(.*)\]$/i.exec(base)
    if (wrapped) {
      base = wrapped[1]!.trim()
      isReplyOrForward = true
    }
    if (base === before) break
  }
  return { base, isReplyOrForward }
}
