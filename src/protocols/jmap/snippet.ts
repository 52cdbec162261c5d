// SearchSnippet/get: where in an email the words stand that a filter looks for (RFC 8621 §5). What stands in a message is
// a stranger's: it goes out as HTML with everything escaped, and our <mark> is the only tag.

import type { Email } from '../../store/nouns/mail.ts'
import { isObject, readArguments } from './arguments.ts'
import { compileFilter } from './conditions.ts'
import { searchWords } from './filter.ts'
import { parseId } from './ids.ts'
import { accountIdOf } from './standard.ts'
import { readableText } from './text.ts'
import { invalidArguments, type JmapBackend, type Json, LIMITS, type Method, MethodError } from './types.ts'

/** RFC 8621 §5: a preview snippet has at most 255 octets. */
const MAX_PREVIEW_BYTES = 255
const BEFORE = 40
const AROUND = 200
const MAX_WORDS = 50

/** The words that must stand in an email for it to be found, by where. */
interface Words {
  readonly subject: string[]
  readonly body: string[]
}

function wordsIn(filter: unknown, words: Words): Words {
  if (!isObject(filter)) return words
  if ('operator' in filter) {
    // What must not stand there is nothing to show.
    if (filter.operator !== 'NOT' && Array.isArray(filter.conditions))
      for (const condition of filter.conditions) wordsIn(condition, words)
    return words
  }
  const { text, subject, body } = filter
  if (typeof text === 'string') {
    words.subject.push(...searchWords(text))
    words.body.push(...searchWords(text))
  }
  if (typeof subject === 'string') words.subject.push(...searchWords(subject))
  if (typeof body === 'string') words.body.push(...searchWords(body))
  return words
}

export const snippetGet: Method['run'] = async (raw, context) => {
  const { backend } = context
  const args = readArguments(raw, accountIdOf(context), { filter: 'object', emailIds: 'ids' })
  if (args instanceof MethodError) return args
  if (!args.emailIds) return invalidArguments('emailIds is missing')
  if (args.emailIds.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
  const filter = compileFilter(args.filter)
  if (filter instanceof MethodError) return filter
  const words = wordsIn(args.filter, { subject: [], body: [] })
  const list: Json[] = []
  const notFound: string[] = []
  for (const id of new Set(args.emailIds)) {
    const number = parseId('e', id)
    const email = number === undefined ? undefined : backend.store.email(backend.account.id, number)
    if (email === undefined) notFound.push(id)
    else list.push({ emailId: id, ...(await snippetOf(email, words, backend)) })
  }
  return { args: { accountId: accountIdOf(context), list, notFound: notFound.length > 0 ? notFound : null } }
}

async function snippetOf(email: Email, words: Words, backend: JmapBackend): Promise<Json> {
  const body = places(words.body)
  let preview: string | null = null
  if (body !== undefined) {
    const text = (await readableText(email, backend)).replace(/\s+/g, ' ').trim()
    const first = body.exec(text)
    body.lastIndex = 0
    if (first !== null) {
      const start = wordStart(text, Math.max(0, first.index - BEFORE))
      preview = marked(text.slice(start, start + AROUND).toWellFormed(), body, MAX_PREVIEW_BYTES)
    }
  }
  const subject = places(words.subject)
  const isInSubject = subject?.test(email.subject) ?? false
  if (subject) subject.lastIndex = 0
  return { subject: isInSubject ? marked(email.subject, subject!, Number.POSITIVE_INFINITY) : null, preview }
}

/** Not in the middle of a word. */
function wordStart(text: string, at: number): number {
  const space = at === 0 ? -1 : text.indexOf(' ', at - 1)
  return space >= 0 && space < at + BEFORE / 2 ? space + 1 : at
}

/** Matches any of the words, the longest first; they are text, not patterns. */
function places(words: readonly string[]): RegExp | undefined {
  const longestFirst = [...new Set(words)].sort((a, b) => b.length - a.length).slice(0, MAX_WORDS)
  if (longestFirst.length === 0) return undefined
  return new RegExp(longestFirst.map((word) => RegExp.escape(word)).join('|'), 'giu')
}

/** HTML with the places marked; it ends before it has more than `maxBytes`. */
function marked(text: string, where: RegExp, maxBytes: number): string {
  let html = ''
  let bytes = 0
  let at = 0
  const add = (piece: string): boolean => {
    bytes += Buffer.byteLength(piece)
    if (bytes <= maxBytes) html += piece
    return bytes <= maxBytes
  }
  const plain = (from: number, to: number): boolean => [...text.slice(from, to)].every((char) => add(escaped(char)))
  for (const match of text.matchAll(where)) {
    if (!plain(at, match.index)) return html
    if (!add(`<mark>${escaped(match[0])}</mark>`)) return html
    at = match.index + match[0].length
  }
  plain(at, text.length)
  return html
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ESCAPES[char]!)
