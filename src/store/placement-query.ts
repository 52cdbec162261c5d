// What is wanted of the messages of one mailbox, as SQL on its placements: read in the order of UIDs, window by window, so
// that a mailbox of a million messages is looked through without making objects of those that do not match.

import type { SqlValue } from '../world/disk.ts'
import { hasFlag, join, type Sql, sql } from './email-query.ts'
import type { EmailId } from './types.ts'

export type PlacementCondition =
  | { readonly is: 'and' | 'or'; readonly of: readonly PlacementCondition[] }
  | { readonly is: 'not'; readonly of: PlacementCondition }
  | { readonly is: 'flagged'; readonly flag: string }
  /** Both ends included; absent: no end. */
  | { readonly is: 'between'; readonly column: PlacementColumn; readonly from?: number; readonly to?: number }
  | { readonly is: 'email-among'; readonly emails: Iterable<EmailId> }

export type PlacementColumn = 'uid' | 'email' | 'thread' | 'modseq' | 'received_ms' | 'saved_ms' | 'size'

/** Of a table called `p`. The caller bounds how many conditions there are: SQLite takes expressions of some depth only. */
export function placementCondition(condition: PlacementCondition): Sql {
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
