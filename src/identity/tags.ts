// Tag lists, `name=value; …`, as DKIM, ARC and DMARC write them (RFC 6376 §3.2). Positions are kept, because a
// signature is hashed with the value of its own b= tag cut out.

interface Tag {
  /** Without surrounding white space. Folding inside is left as it is. */
  value: string
  /** Offsets into the text of everything after '=' and before ';', with its white space. */
  start: number
  end: number
}

export type TagList = ReadonlyMap<string, Tag>

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/
const MAX_TAGS = 100

/** Reads a tag list. Undefined where the syntax is wrong or a tag appears twice (§3.2: then all of it is invalid). */
export function parseTags(text: string): TagList | undefined {
  const tags = new Map<string, Tag>()
  let at = 0
  while (at < text.length) {
    const semicolon = text.indexOf(';', at)
    const end = semicolon < 0 ? text.length : semicolon
    const equals = text.indexOf('=', at)
    if (equals < 0 || equals >= end) {
      // Only white space may stand after the last semicolon.
      return semicolon < 0 && text.slice(at).trim() === '' ? tags : undefined
    }
    const name = text.slice(at, equals).trim()
    if (!NAME.test(name) || tags.has(name) || tags.size >= MAX_TAGS) return undefined
    tags.set(name, { value: text.slice(equals + 1, end).trim(), start: equals + 1, end })
    at = end + 1
  }
  return tags
}

/** A tag's value with all white space removed; undefined when the tag is absent. */
export function compactTag(tags: TagList, name: string): string | undefined {
  return tags.get(name)?.value.replace(/[ \t\r\n]+/g, '')
}

/** A base64 value (§2.10, white space allowed), or undefined when it is none. */
export function base64Tag(tags: TagList, name: string): Buffer | undefined {
  const text = compactTag(tags, name)
  return text !== undefined && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

/** A number of up to 76 digits (§3.5); undefined when absent, NaN when it is none. */
export function numberTag(tags: TagList, name: string): number | undefined {
  const text = compactTag(tags, name)
  if (text === undefined) return undefined
  return /^\d{1,76}$/.test(text) ? Number(text) : Number.NaN
}

/** The lower-case items of a colon-separated list; undefined when the tag is absent. */
export function listTag(tags: TagList, name: string): string[] | undefined {
  return compactTag(tags, name)?.toLowerCase().split(':')
}
