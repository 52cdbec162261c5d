// Email/query's filters as a tree of checks on one email, for what no index decides (conditions.ts parts them).
// Keeps RFC 8621 §4.4.1 (conditions) and RFC 8620 §5.5 (operators). Text is matched without case, word by word.

import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { fieldsNamed, parseHeader, unfolded } from '../../message/header.ts'
import type { Email, EmailAddress } from '../../store/nouns/mail.ts'
import { isObject } from './arguments.ts'
import { parseId } from './ids.ts'
import { isKeyword, keywordsOf } from './keywords.ts'
import { searchText } from './text.ts'
import { invalidArguments, type JmapBackend, type Json, MethodError } from './types.ts'

export type Check = (email: Email, backend: JmapBackend) => boolean | Promise<boolean>

const isKeywordValue = (value: unknown): value is string => typeof value === 'string' && isKeyword(value)
const isDate = (value: unknown): value is string => typeof value === 'string' && Number.isFinite(Date.parse(value))

export function compile(filter: unknown, depth: number): Check | MethodError {
  if (!isObject(filter)) return invalidArguments('a filter is malformed')
  if (!('operator' in filter)) return compileCondition(filter)
  const { operator, conditions } = filter
  if (!Array.isArray(conditions)) return invalidArguments('an operator needs conditions')
  const checks: Check[] = []
  for (const condition of conditions) {
    const check = compile(condition, depth + 1)
    if (check instanceof MethodError) return check
    checks.push(check)
  }
  if (operator === 'AND') return every(checks)
  if (operator === 'OR') return some(checks)
  if (operator === 'NOT') return async (email, backend) => !(await some(checks)(email, backend))
  return new MethodError('unsupportedFilter', 'operator')
}

function every(checks: readonly Check[]): Check {
  return async (email, backend) => {
    for (const check of checks) if (!(await check(email, backend))) return false
    return true
  }
}

function some(checks: readonly Check[]): Check {
  return async (email, backend) => {
    for (const check of checks) if (await check(email, backend)) return true
    return false
  }
}

function compileCondition(condition: Json): Check | MethodError {
  const checks: Check[] = []
  for (const [name, value] of Object.entries(condition)) {
    if (value === null) continue
    const make = Object.hasOwn(CONDITIONS, name) ? CONDITIONS[name] : undefined
    if (!make) return new MethodError('unsupportedFilter', name.slice(0, 80))
    const check = make(value)
    if (!check) return invalidArguments(`filter ${name} has a wrong value`)
    checks.push(check)
  }
  return checks.length === 1 ? checks[0]! : every(checks)
}

const placed = (email: Email, { store, account }: JmapBackend) => store.placementsOf(account.id, email.id)

/** How many of the thread's emails carry the keyword, against how many there are. */
function threadCount(email: Email, backend: JmapBackend, keyword: string): { have: number; all: number } {
  const ids = backend.store.thread(backend.account.id, email.thread)
  const have = ids.filter((id) => keywordsOf(backend.store.placementsOf(backend.account.id, id)).has(keyword)).length
  return { have, all: ids.length }
}

/** Splits what a person types: words, and phrases in quotes; all lower case. */
export function searchWords(text: string): string[] {
  return [...text.toLowerCase().matchAll(/"([^"]+)"?|'([^']+)'|(\S+)/g)].map(
    (match) => (match[1] ?? match[2] ?? match[3])!,
  )
}

const hasWords = (text: string, words: readonly string[]): boolean => {
  const lower = text.toLowerCase()
  return words.every((word) => lower.includes(word))
}

const formatAddresses = (list: readonly EmailAddress[]): string =>
  list.map(({ name, email }) => `${name ?? ''} ${email}`).join(' ')

const onText =
  (get: (email: Email) => string) =>
  (value: unknown): Check | undefined => {
    if (typeof value !== 'string') return undefined
    const words = searchWords(value)
    return (email) => hasWords(get(email), words)
  }

const onNumber =
  (test: (email: Email, limit: number) => boolean) =>
  (value: unknown): Check | undefined =>
    typeof value === 'number' ? (email) => test(email, value) : undefined

const onDate =
  (test: (email: Email, ms: number) => boolean) =>
  (value: unknown): Check | undefined =>
    isDate(value) ? (email) => test(email, Date.parse(value)) : undefined

const onKeyword =
  (test: (email: Email, backend: JmapBackend, keyword: string) => boolean) =>
  (value: unknown): Check | undefined =>
    isKeywordValue(value) ? (email, backend) => test(email, backend, value.toLowerCase()) : undefined

const headerWords = (email: Email): string =>
  [email.subject, ...[email.from, email.to, email.cc, email.bcc].map(formatAddresses), email.preview].join(' ')

const CONDITIONS: Record<string, (value: unknown) => Check | undefined> = {
  inMailbox: (value) => {
    const id = parseId('m', value)
    return typeof value === 'string'
      ? (email, backend) => placed(email, backend).some((p) => p.mailbox === id)
      : undefined
  },
  inMailboxOtherThan: (value) => {
    if (!Array.isArray(value)) return undefined
    const ids = value.map((id) => parseId('m', id))
    return (email, backend) => placed(email, backend).some((p) => !ids.includes(p.mailbox))
  },
  before: onDate((email, ms) => email.receivedAtMs < ms),
  after: onDate((email, ms) => email.receivedAtMs >= ms),
  minSize: onNumber((email, size) => email.sizeBytes >= size),
  maxSize: onNumber((email, size) => email.sizeBytes < size),
  hasKeyword: onKeyword((email, backend, keyword) => keywordsOf(placed(email, backend)).has(keyword)),
  notKeyword: onKeyword((email, backend, keyword) => !keywordsOf(placed(email, backend)).has(keyword)),
  allInThreadHaveKeyword: onKeyword((email, backend, keyword) => {
    const { have, all } = threadCount(email, backend, keyword)
    return have === all
  }),
  someInThreadHaveKeyword: onKeyword((email, backend, keyword) => threadCount(email, backend, keyword).have > 0),
  noneInThreadHaveKeyword: onKeyword((email, backend, keyword) => threadCount(email, backend, keyword).have === 0),
  hasAttachment: (value) => (typeof value === 'boolean' ? (email) => email.hasAttachment === value : undefined),
  from: onText((email) => formatAddresses(email.from)),
  to: onText((email) => formatAddresses(email.to)),
  cc: onText((email) => formatAddresses(email.cc)),
  bcc: onText((email) => formatAddresses(email.bcc)),
  subject: onText((email) => email.subject),
  header: (value) => {
    if (!Array.isArray(value) || value.length < 1 || value.length > 2 || !value.every((one) => typeof one === 'string'))
      return undefined
    const [name, text] = value as [string, string?]
    return async (email, { store }) => {
      const source = await store.readBlob(email.blob)
      if (source === undefined) return false
      const header = parseHeader(source)
      const found = fieldsNamed(header, name).map((field) => decodeEncodedWords(unfolded(header, field)).toLowerCase())
      return text === undefined ? found.length > 0 : found.some((one) => one.includes(text.toLowerCase()))
    }
  },
  body: (value) => {
    if (typeof value !== 'string') return undefined
    const words = searchWords(value)
    return async (email, backend) => hasWords(await searchText(email, backend), words)
  },
  text: (value) => {
    if (typeof value !== 'string') return undefined
    const words = searchWords(value)
    return async (email, backend) => {
      const head = headerWords(email)
      return hasWords(head, words) || hasWords(`${head} ${await searchText(email, backend)}`, words)
    }
  },
}
