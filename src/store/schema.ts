// The store's tables, as numbered migrations: number n brings a database from version n-1 to n, in one transaction. What each
// does stands in schema/, by what the tables are of.
// Everything of a person is keyed by account first (so that the same tables can be sharded by account), mail tables
// are WITHOUT ROWID (one B-tree each), and there is no index that no read of Store uses: each costs every delivery.
// A released migration is never edited: a new one goes to the end of the list.

import type { Database } from '../world/disk.ts'
import { journal, packing } from './schema/bodies.ts'
import { first } from './schema/first.ts'
import { forwards } from './schema/forwarding.ts'
import { deleted, envelopes, lists, marked, moving, sharing, undelete } from './schema/mail.ts'
import { policies, strangers } from './schema/others.ts'
import { bounces, failures, outgoing, sent, where } from './schema/outgoing.ts'
import { certificates, contacts, groups, lessons, scripts, taughtLater } from './schema/people.ts'
import { lanes, shares, sources } from './schema/queue.ts'
import { complaints, reportDays, reports } from './schema/reports.ts'

const MIGRATIONS: readonly string[] = [
  first,
  forwards,
  reports,
  policies,
  strangers,
  lessons,
  scripts,
  complaints,
  reportDays,
  sharing,
  lists,
  journal,
  envelopes,
  moving,
  contacts,
  groups,
  taughtLater,
  packing,
  certificates,
  deleted,
  undelete,
  sent,
  lanes,
  bounces,
  marked,
  outgoing,
  where,
  shares,
  sources,
  failures,
]

/** The version this program writes. */
const SCHEMA_VERSION = MIGRATIONS.length

/** Was the database written by this version of the program. */
export function isCurrent(database: Database): boolean {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version) === SCHEMA_VERSION
}

/** Brings the database to SCHEMA_VERSION. @throws when it was written by a newer program. */
export function migrate(database: Database): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > SCHEMA_VERSION) {
    throw new Error(`This store has schema ${version}; this program knows ${SCHEMA_VERSION}. Use a newer program.`)
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.exec('BEGIN IMMEDIATE')
    try {
      database.exec(sql)
      database.exec(`PRAGMA user_version = ${index + 1}`)
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }
}
