// What of a search the store can decide by itself, from what it keeps of each message in its mailbox: flags, dates, sizes,
// UIDs, and the text index's word which emails may hold a text. The rest is left to search-match.ts.

import type { UidSet } from '../../store/commands.ts'
import type { PlacementColumn, PlacementCondition } from '../../store/read/placement-query.ts'
import type { DayTest } from './search-keys.ts'
import type { ResolvedKey } from './search-match.ts'

/** What holds of every message that matches; `exact`: and of no other. */
export interface Narrowed {
  readonly condition: PlacementCondition
  readonly exact: boolean
}

/** Sets of more ranges, emails beyond this number, and searches with more keys are looked at one message after the other. */
const MOST_RANGES = 50
const MOST_EMAILS = 5_000
const MOST_KEYS = 200
const DAY_MS = 86_400_000

const ALL: PlacementCondition = { is: 'and', of: [] }
const UNKNOWN: Narrowed = { condition: ALL, exact: false }

const exactly = (condition: PlacementCondition): Narrowed => ({ condition, exact: true })
const between = (column: PlacementColumn, from?: number, to?: number): PlacementCondition => ({
  is: 'between',
  column,
  ...(from === undefined ? {} : { from }),
  ...(to === undefined ? {} : { to }),
})

/** `recent`: the UIDs that are \Recent here. */
export function narrowed(key: ResolvedKey, recent: UidSet): Narrowed {
  return countKeys(key) > MOST_KEYS ? UNKNOWN : narrow(key, recent)
}

function countKeys(key: ResolvedKey): number {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.reduce((sum, one) => sum + countKeys(one), 1)
  return key.kind === 'not' ? 1 + countKeys(key.key) : 1
}

function narrow(key: ResolvedKey, recent: UidSet): Narrowed {
  switch (key.kind) {
    case 'all':
      return exactly(ALL)
    case 'and': {
      const parts = key.keys.map((one) => narrow(one, recent))
      return {
        condition: { is: 'and', of: parts.filter((one) => one !== UNKNOWN).map(({ condition }) => condition) },
        exact: parts.every(({ exact }) => exact),
      }
    }
    case 'or': {
      const parts = key.keys.map((one) => narrow(one, recent))
      if (parts.includes(UNKNOWN)) return UNKNOWN
      return {
        condition: { is: 'or', of: parts.map(({ condition }) => condition) },
        exact: parts.every(({ exact }) => exact),
      }
    }
    case 'not': {
      // What is not in a larger set is not all that is not in the smaller one.
      const { condition, exact } = narrow(key.key, recent)
      return exact ? exactly({ is: 'not', of: condition }) : UNKNOWN
    }
    case 'flag':
      // SQLite knows capitals of ASCII only.
      return /^[\x21-\x7e]+$/.test(key.flag) ? exactly({ is: 'flagged', flag: key.flag }) : UNKNOWN
    case 'recent':
      return within(recent)
    case 'set':
      return within(key.uids)
    case 'modseq':
      return exactly(between('modseq', key.modseq))
    case 'size':
      return exactly(key.larger ? between('size', key.sizeBytes + 1) : between('size', undefined, key.sizeBytes - 1))
    case 'received':
      return exactly(onDay('received_ms', key.test, key.day))
    case 'saved':
      // 0: not known when.
      return exactly({ is: 'and', of: [between('saved_ms', 1), onDay('saved_ms', key.test, key.day)] })
    case 'moment':
      return exactly(key.older ? between('received_ms', undefined, key.limitMs) : between('received_ms', key.limitMs))
    case 'object': {
      const id = /^[MT](\d{1,15})$/.exec(key.id)?.[1]
      const column = key.of === 'email' ? 'email' : 'thread'
      if (id === undefined || !key.id.startsWith(column === 'email' ? 'M' : 'T')) return exactly({ is: 'or', of: [] })
      return { condition: between(column, Number(id), Number(id)), exact: false }
    }
    default:
      return 'among' in key && key.among !== undefined && key.among.size <= MOST_EMAILS
        ? { condition: { is: 'email-among', emails: key.among }, exact: false }
        : UNKNOWN
  }
}

function within(uids: UidSet): Narrowed {
  if (uids.length > MOST_RANGES) return UNKNOWN
  return exactly({ is: 'or', of: uids.map(([first, last]) => between('uid', first, last)) })
}

function onDay(column: PlacementColumn, test: DayTest, day: number): PlacementCondition {
  const [begin, end] = [day * DAY_MS, (day + 1) * DAY_MS - 1]
  return between(
    column,
    test === 'before' ? undefined : begin,
    test === 'before' ? begin - 1 : test === 'on' ? end : undefined,
  )
}
