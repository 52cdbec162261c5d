// The engine of a node that follows a shared log: it applies groups in the order of their numbers to the node's own view,
// which may be thrown away and made again. What a batch leads to is the same on every node, also when it meets a bug: then it
// alone is left out. When this machine refuses (a full disk), nothing is left out: the group is tried again.

import { type Database, DiskError } from '../../world/disk.ts'
import { Ledger } from '../apply/ledger.ts'
import type { Command, CommandResult } from '../commands.ts'
import { type Applied, appliedOf, applyEntry, asRefusal, type BatchOutcome, VIEW_PRAGMAS } from '../engine.ts'
import { entryOf } from '../journal/entry.ts'
import { migrate } from '../schema.ts'

export type FollowRequest =
  | { kind: 'position' }
  /** The next group. */
  | { kind: 'follow'; seq: number; batches: readonly string[] }

export interface Followed extends Applied {
  /** Kinds of commands that were in it. */
  readonly kinds: readonly Command['kind'][]
}

/** For World.disk.ownDatabase. */
export function serve(database: Database): (message: unknown) => unknown {
  database.exec(VIEW_PRAGMAS)
  migrate(database)
  const ledger = new Ledger(database)
  return (message) => {
    const request = message as FollowRequest
    return request.kind === 'position' ? appliedOf(ledger) : follow(ledger, request.seq, request.batches)
  }
}

/** @throws DiskError when this machine refuses */
function follow(ledger: Ledger, seq: number, texts: readonly string[]): Followed {
  if (seq !== appliedOf(ledger) + 1) {
    throw new Error(`Group ${seq} does not follow ${appliedOf(ledger)}.`)
  }
  const entries = texts.map((text) => entryOf(Buffer.from(text)))
  const kinds = new Set(entries.flatMap((entry) => ('batch' in entry ? entry.batch.map(({ kind }) => kind) : [])))
  let outcomes: BatchOutcome[]
  try {
    outcomes = ledger.transaction(seq, () =>
      entries.map((entry) => ({ results: applyEntry(ledger, entry) as CommandResult[] })),
    )
  } catch (error) {
    if (isMachine(error)) throw error
    outcomes = ledger.transaction(seq, () => entries.map((entry) => applyAlone(ledger, entry)))
  }
  const changes = ledger.takeTouched()
  ledger.trim()
  return { outcomes, changes, kinds: [...kinds] }
}

function applyAlone(ledger: Ledger, entry: ReturnType<typeof entryOf>): BatchOutcome {
  ledger.exec('SAVEPOINT alone')
  try {
    const results = applyEntry(ledger, entry) as CommandResult[]
    ledger.flush()
    ledger.exec('RELEASE alone')
    return { results }
  } catch (error) {
    if (isMachine(error)) throw error
    ledger.forget()
    ledger.exec('ROLLBACK TO alone; RELEASE alone')
    return asRefusal(error)
  }
}

function isMachine(error: unknown): boolean {
  const refusal = asRefusal(error)
  return error instanceof DiskError || ('refused' in refusal && refusal.refused !== 'bug')
}
