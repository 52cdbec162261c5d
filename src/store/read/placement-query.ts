// What is wanted of the messages of one mailbox, as SQL on its placements: read in the order of UIDs, window by window, so
// that a mailbox of a million messages is looked through without making objects of those that do not match.

import type { SqlValue } from '../../world/disk.ts'
import { flagBit, SEEN } from '../flags.ts'
import type { EmailId } from '../nouns/mail.ts'
import { hasFlag, join, type Sql, sql } from './email-query.ts'

export type PlacementCondition =
  | { readonly is: 'and' | 'or'; readonly of: readonly PlacementCondition[] }
  | { readonly is: 'not'; readonly of: PlacementCondition }
  | { readonly is: 'flagged'; readonly flag: string }
  /** Both ends included; absent: no end. */
  | { readonly is: 'between'; readonly column: PlacementColumn; readonly from?: number; readonly to?: number }
  | { readonly is: 'email-among'; readonly emails: Iterable<EmailId> }

export type PlacementColumn = 'uid' | 'email' | 'thread' | 'modseq' | 'received_ms' | 'saved_ms' | 'size'

/** An index that holds no others than what is wanted may be of. `holds`: what it is of, as the schema says it. */
export interface PlacementIndex {
  readonly name: string
  readonly holds: string
}
const UNSEEN: PlacementIndex = { name: 'placement_unseen', holds: 'flags & 1 = 0' }
const MARKED: PlacementIndex = { name: 'placement_marked', holds: 'flags & 30 <> 0' }

/** The index that leads to what is wanted past the rest of the mailbox. `mostSeen`: what is not seen is a small part of it. */
export function placementIndex(condition: PlacementCondition, mostSeen: boolean): PlacementIndex | undefined {
  if (condition.is === 'and') {
    const found = condition.of.map((one) => placementIndex(one, mostSeen))
    return found.find((one) => one === MARKED) ?? found.find((one) => one !== undefined)
  }
  if (condition.is === 'flagged') return (flagBit(condition.flag) ?? SEEN) === SEEN ? undefined : MARKED
  const isUnseen = condition.is === 'not' && condition.of.is === 'flagged' && flagBit(condition.of.flag) === SEEN
  return isUnseen && mostSeen ? UNSEEN : undefined
}

/** The placements of a range of UIDs that meet a condition, as FROM and WHERE. */
export function placementsFrom(
  [account, mailbox, fromUid, toUid]: readonly [number, number, number, number],
  condition: PlacementCondition,
  index: PlacementIndex | undefined,
): Sql {
  const { text, parameters } = placementCondition(condition)
  const by = index === undefined ? '' : `INDEXED BY ${index.name}`
  const held = index === undefined ? '' : `AND ${index.holds}`
  return sql(
    `FROM placement AS p ${by} WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ${held} AND ${text} ORDER BY uid`,
    ...[account, mailbox, fromUid, toUid],
    ...parameters,
  )
}

/** Of a table called `p`. The caller bounds how many conditions there are: SQLite takes expressions of some depth only. */
function placementCondition(condition: PlacementCondition): Sql {
  switch (condition.is) {
    case 'and':
    case 'or': {
      if (condition.of.length === 0) return sql(condition.is === 'and' ? 'TRUE' : 'FALSE')
      const { text, parameters } = join(condition.of.map(placementCondition), condition.is === 'and' ? ' AND ' : ' OR ')
      return sql(`(${text})`, ...parameters)
    }
    case 'not': {
      const { text, parameters } = placementCondition(condition.of)
      return sql(`NOT ${text}`, ...parameters)
    }
    case 'flagged': {
      const { text, parameters } = hasFlag('p', condition.flag)
      return sql(`(${text})`, ...parameters)
    }
    case 'between': {
      const { column, from, to } = condition
      // '+': no other index than that of the UIDs is worth its sorting.
      const ends: [string, SqlValue | undefined][] = [
        [`+p.${column} >= ?`, from],
        [`+p.${column} <= ?`, to],
      ]
      const given = ends.filter(([, value]) => value !== undefined)
      if (given.length === 0) return sql('TRUE')
      return sql(`(${given.map(([text]) => text).join(' AND ')})`, ...given.map(([, value]) => value!))
    }
    case 'email-among':
      return sql('(+p.email IN (SELECT value FROM json_each(?)))', JSON.stringify([...condition.emails]))
  }
}
