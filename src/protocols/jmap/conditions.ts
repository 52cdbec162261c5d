// An Email/query filter, parted: what the store's index decides, and what one must look at each email for (its text).
// Keeps RFC 8621 §4.4.1 (conditions) and RFC 8620 §5.5 (operators). Both parts are bounded.

import type { EmailCondition } from '../../store/read/email-query.ts'
import { isObject } from './arguments.ts'
import { type Check, compile, searchWords } from './filter.ts'
import { parseId } from './ids.ts'
import { flagOf, isKeyword } from './keywords.ts'
import { invalidArguments, type Json, MethodError } from './types.ts'

export interface EmailFilter {
  readonly where: EmailCondition
  /** What is left to look at in each email; empty for most lists. */
  readonly checks: readonly Check[]
  /** Pieces of text that must be in every one of them, for the store's index. */
  readonly texts: readonly SoughtText[]
}

interface SoughtText {
  readonly text: string
  readonly isBody: boolean
}

const MAX_DEPTH = 20
const MAX_CONDITIONS = 100
/** Of these, such as look at whole threads. */
const MAX_THREAD_CONDITIONS = 4

const date = (value: unknown): number | undefined => {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(ms) ? ms : undefined
}
const count = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
const keyword = (value: unknown): string | undefined =>
  typeof value === 'string' && isKeyword(value) ? flagOf(value) : undefined

const threads =
  (how: 'all' | 'some' | 'none') =>
  (value: unknown): EmailCondition | undefined => {
    const flag = keyword(value)
    return flag === undefined ? undefined : { is: 'thread-flagged', flag, how }
  }

/** What the index decides, by name; undefined for a value of the wrong kind. */
const INDEXED: Readonly<Record<string, (value: unknown) => EmailCondition | undefined>> = {
  // An id of nothing, or of another account's mailbox, is a mailbox with nothing in it.
  inMailbox: (value) => (typeof value === 'string' ? { is: 'in', mailbox: parseId('m', value) ?? 0 } : undefined),
  inMailboxOtherThan: (value) =>
    Array.isArray(value) && value.length <= 1000
      ? { is: 'in-other-than', mailboxes: value.map((id) => parseId('m', id) ?? 0) }
      : undefined,
  before: (value) => {
    const ms = date(value)
    return ms === undefined ? undefined : { is: 'received-before', ms }
  },
  after: (value) => {
    const ms = date(value)
    return ms === undefined ? undefined : { is: 'received-since', ms }
  },
  minSize: (value) => {
    const bytes = count(value)
    return bytes === undefined ? undefined : { is: 'larger', bytes }
  },
  maxSize: (value) => {
    const bytes = count(value)
    return bytes === undefined ? undefined : { is: 'smaller', bytes }
  },
  hasKeyword: (value) => {
    const flag = keyword(value)
    return flag === undefined ? undefined : { is: 'flagged', flag }
  },
  notKeyword: (value) => {
    const flag = keyword(value)
    return flag === undefined ? undefined : { is: 'not', of: [{ is: 'flagged', flag }] }
  },
  allInThreadHaveKeyword: threads('all'),
  someInThreadHaveKeyword: threads('some'),
  noneInThreadHaveKeyword: threads('none'),
  hasAttachment: (value) => (typeof value === 'boolean' ? { is: 'attached', attached: value } : undefined),
}

/** Compiles a filter; undefined is "all". */
export function compileFilter(filter: Json | undefined): EmailFilter | MethodError {
  const where: EmailCondition[] = []
  const checks: Check[] = []
  const texts: SoughtText[] = []
  const excess = filter === undefined ? undefined : tooMuch(filter)
  if (excess) return excess
  // A condition by itself, or the members of one AND: each goes to where it is decided best.
  const members =
    filter === undefined
      ? []
      : filter.operator === 'AND' && Array.isArray(filter.conditions)
        ? filter.conditions
        : [filter]
  for (const member of members) {
    if (!isObject(member)) return invalidArguments('a filter is no object')
    for (const part of partsOf(member)) {
      const condition = indexed(part)
      if (condition instanceof MethodError) return condition
      if (condition !== undefined) {
        where.push(condition)
        continue
      }
      const check = compile(part, 0)
      if (check instanceof MethodError) return check
      checks.push(check)
      const { text, body } = part
      for (const [sought, isBody] of [
        [text, false],
        [body, true],
      ] as const)
        if (typeof sought === 'string') texts.push(...searchWords(sought).map((word) => ({ text: word, isBody })))
    }
  }
  return { where: { is: 'and', of: where }, checks, texts }
}

/** The properties of a condition, each by itself; an operator as it is. */
function partsOf(member: Json): Json[] {
  if ('operator' in member) return [member]
  return Object.entries(member)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ({ [name]: value }))
}

/** Undefined where it speaks of texts. */
function indexed(filter: unknown): EmailCondition | MethodError | undefined {
  if (!isObject(filter)) return invalidArguments('a filter is malformed')
  if ('operator' in filter) {
    const { operator, conditions } = filter
    if (!Array.isArray(conditions)) return invalidArguments('an operator needs conditions')
    const is = ({ AND: 'and', OR: 'or', NOT: 'not' } as const)[String(operator)]
    if (is === undefined) return new MethodError('unsupportedFilter', 'operator')
    const of: EmailCondition[] = []
    for (const one of conditions) {
      const made = indexed(one)
      if (made === undefined || made instanceof MethodError) return made
      of.push(made)
    }
    return { is, of }
  }
  const of: EmailCondition[] = []
  for (const [name, value] of Object.entries(filter)) {
    if (value === null) continue
    const make = Object.hasOwn(INDEXED, name) ? INDEXED[name] : undefined
    if (make === undefined) return undefined
    const condition = make(value)
    if (condition === undefined) return invalidArguments(`filter ${name} has a wrong value`)
    of.push(condition)
  }
  return of.length === 1 ? of[0]! : { is: 'and', of }
}

function tooMuch(filter: Json): MethodError | undefined {
  let conditions = 0
  let ofThreads = 0
  const walk = (node: unknown, depth: number): boolean => {
    if (!isObject(node)) return true
    if ('operator' in node && Array.isArray(node.conditions))
      return depth < MAX_DEPTH && node.conditions.every((one) => walk(one, depth + 1))
    const names = Object.keys(node)
    conditions += Math.max(1, names.length)
    ofThreads += names.filter((name) => name.includes('InThread')).length
    return conditions <= MAX_CONDITIONS && ofThreads <= MAX_THREAD_CONDITIONS
  }
  return walk(filter, 0) ? undefined : new MethodError('unsupportedFilter', 'too many conditions, or too deep')
}
