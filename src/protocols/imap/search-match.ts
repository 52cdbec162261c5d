// Does a message match? Asked with as little of it as possible: a test that cannot decide yet says undefined, and is
// asked again when the email's row, or its bytes, are there. So flags cost nothing, and bodies are read last.

import { partText } from '../../message/body.ts'
import { parseDate } from '../../message/date.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { type Header, unfolded } from '../../message/header.ts'
import { allParts } from '../../message/mime.ts'
import type { UidSet } from '../../store/commands.ts'
import type { Email, EmailAddress, EmailId, Placement } from '../../store/nouns/mail.ts'
import { fold } from '../../store/text/words.ts'
import type { DayTest, SearchKey } from './search-keys.ts'
import type { Source } from './section.ts'
import { setContains } from './sequence.ts'

export interface Candidate {
  readonly placement: Placement
  readonly recent: boolean
  email?: Email
  /** The message, or only its header where the whole search needs no more. */
  source?: Source
}

/** A key whose sets and times were resolved. */
export type ResolvedKey =
  | Exclude<SearchKey, { kind: 'and' | 'or' | 'not' | 'set' | 'age' | TextKind }>
  /** `among`: emails that may hold the text, where the store knows. */
  | (Extract<SearchKey, { kind: TextKind }> & { among?: ReadonlySet<EmailId> })
  | { readonly kind: 'and' | 'or'; readonly keys: readonly ResolvedKey[] }
  | { readonly kind: 'not'; readonly key: ResolvedKey }
  | { readonly kind: 'moment'; readonly older: boolean; readonly limitMs: number }
  | { readonly kind: 'set'; readonly uids: UidSet }

type TextKind = 'subject' | 'address' | 'header' | 'body' | 'text'

/** True, false, or undefined: more of the message is needed. */
export function matches(key: ResolvedKey, candidate: Candidate): boolean | undefined {
  const { placement, email, source } = candidate
  if ('among' in key && key.among?.has(placement.email) === false) return false
  switch (key.kind) {
    case 'all':
      return true
    case 'and':
      return combine(key.keys, candidate, false)
    case 'or':
      return combine(key.keys, candidate, true)
    case 'not': {
      const inner = matches(key.key, candidate)
      return inner === undefined ? undefined : !inner
    }
    case 'flag':
      return placement.flags.some((flag) => flag.toLowerCase() === key.flag)
    case 'recent':
      return candidate.recent
    case 'set':
      return setContains(key.uids, placement.uid)
    case 'modseq':
      return placement.modseq >= key.modseq
    case 'size':
      return key.larger ? placement.sizeBytes > key.sizeBytes : placement.sizeBytes < key.sizeBytes
    case 'received':
      return testDay(Math.floor(placement.receivedAtMs / DAY_MS), key.test, key.day)
    case 'saved':
      return placement.savedAtMs !== null && testDay(Math.floor(placement.savedAtMs / DAY_MS), key.test, key.day)
    case 'moment':
      return key.older ? placement.receivedAtMs <= key.limitMs : placement.receivedAtMs >= key.limitMs
    case 'sent':
      return sent(email, source, key.test, key.day)
    case 'address':
      return (
        email &&
        (addressesHold(email[key.field], key.text) ||
          email.groupNames?.[key.field]?.some((name) => fold(name).includes(key.text)) === true)
      )
    case 'subject':
      return email && fold(email.subject).includes(key.text)
    case 'object':
      return email && (key.of === 'email' ? `M${email.id}` : `T${email.thread}`) === key.id
    case 'header':
      return source && headerHolds(source.header, key.name, key.text)
    case 'body':
      return source && bodyHolds(source, key.text)
    case 'text':
      return source && (headerHolds(source.header, undefined, key.text) || bodyHolds(source, key.text))
  }
}

/** Ends at the first key that decides. */
function combine(keys: readonly ResolvedKey[], candidate: Candidate, decisive: boolean): boolean | undefined {
  let undecided = false
  for (const key of keys) {
    const outcome = matches(key, candidate)
    if (outcome === decisive) return decisive
    if (outcome === undefined) undecided = true
  }
  return undecided ? undefined : !decisive
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

function testDay(day: number, test: DayTest, wanted: number): boolean {
  return test === 'before' ? day < wanted : test === 'on' ? day === wanted : day >= wanted
}

/** RFC 3501 §6.4.4: the day that the Date field names in its own zone. The header is read only where the zone matters. */
function sent(email: Email | undefined, source: Source | undefined, test: DayTest, day: number): boolean | undefined {
  if (email === undefined) return undefined
  if (email.sentAtMs === null) return false
  const earliest = testDay(Math.floor((email.sentAtMs - 12 * HOUR_MS) / DAY_MS), test, day)
  const latest = testDay(Math.floor((email.sentAtMs + 14 * HOUR_MS) / DAY_MS), test, day)
  const middle = testDay(Math.floor(email.sentAtMs / DAY_MS), test, day)
  if (earliest === latest && latest === middle) return middle
  if (source === undefined) return undefined
  const field = source.header.fields.find((candidate) => candidate.lowerName === 'date')
  const date = field && parseDate(unfolded(source.header, field))
  if (!date) return middle
  return testDay(Math.floor((date.epochMs + date.offsetMinutes * 60_000) / DAY_MS), test, day)
}

function addressesHold(addresses: readonly EmailAddress[], text: string): boolean {
  return addresses.some(({ name, email }) => fold(name ? `${name} <${email}>` : email).includes(text))
}

/** An empty text asks whether the field is there (RFC 3501 §6.4.4 HEADER). Without a name: any field, name and value. */
function headerHolds(header: Header, name: string | undefined, text: string): boolean {
  return header.fields.some((field) => {
    if (name !== undefined && field.lowerName !== name) return false
    const value = decodeEncodedWords(unfolded(header, field))
    return fold(name === undefined ? `${field.name}: ${value}` : value).includes(text)
  })
}

/** The decoded text of every text part, those of messages inside too, and the headers of these. */
function bodyHolds(source: Source, text: string): boolean {
  if (text === '') return true
  for (const part of allParts(source.structure)) {
    if (part.type === 'text' && fold(partText(part).text).includes(text)) return true
    if (part.message && headerHolds(part.message.header, undefined, text)) return true
  }
  return false
}
