// The engine: the only writer of the store's database. It runs beside the network thread (World.disk.ownDatabase) and
// applies groups of batches: one transaction a group, so one sync a group. When the machine refuses (disk full, I/O
// error) the whole transaction is rolled back and each batch tried again alone, so that only those that cannot be
// kept are refused. A refused command is a value and has written nothing (apply.ts).

import type { Database } from '../world/disk.ts'
import type { Handler } from './apply.ts'
import { putAccessRight, putMetadata, putQuota } from './apply-access.ts'
import {
  createAccount,
  putAlias,
  putRemembered,
  putSetting,
  putTrust,
  removeAlias,
  removeTrust,
  setCredentials,
} from './apply-accounts.ts'
import {
  copyPlacements,
  deliverEmail,
  destroyEmails,
  expungePlacements,
  storeFlags,
  updateEmail,
} from './apply-emails.ts'
import { putForward, putForwardHealth, removeForward } from './apply-forwards.ts'
import { putLearned, seasonInbox } from './apply-lessons.ts'
import { createMailbox, deleteMailbox, renameMailbox, sortMailbox, subscribeMailbox } from './apply-mailboxes.ts'
import { pruneUploads, putObject, putUpload, removeObject } from './apply-objects.ts'
import { putPolicy, removePolicy } from './apply-policies.ts'
import {
  addArrival,
  addEvent,
  addSubmission,
  addToQueue,
  cancelSubmission,
  pruneChanges,
  pruneEvents,
  removeArrival,
  removeFromQueue,
  removeSubmission,
  rescheduleEntry,
} from './apply-queue.ts'
import {
  arriveReport,
  closeReport,
  finishComplaint,
  forgetReport,
  keepReport,
  observeReports,
  postponeReport,
  pruneReports,
} from './apply-reports.ts'
import { activateScript, putScript, putSeen, putVacation, removeScript, renameScript } from './apply-scripts.ts'
import type { Command, CommandResult } from './commands.ts'
import { Ledger } from './ledger.ts'
import { migrate } from './schema.ts'
import type { Change } from './store.ts'
import type { BlobRef } from './types.ts'

/** What the owner is asked. */
export type EngineRequest =
  | { kind: 'hello' }
  | { kind: 'apply'; batches: readonly (readonly Command[])[] }
  /** Compaction copied these bodies: they lie there now. */
  | { kind: 'relocate'; moves: readonly { from: number; to: BlobRef }[] }
  /** Drops the index rows of bodies that nobody names; answers with those dropped. */
  | { kind: 'sweep'; hashes: readonly string[] }

/** What became of one batch: its results, or why the machine refused it. */
export type BatchOutcome =
  | { readonly results: CommandResult[] }
  | { readonly refused: 'full' | 'failed' | 'bug'; readonly message: string }

export interface Applied {
  readonly outcomes: BatchOutcome[]
  readonly changes: Change[]
}

const HANDLERS: { readonly [Kind in Command['kind']]: Handler<Kind> } = {
  'account.create': createAccount,
  'account.credentials': setCredentials,
  'alias.put': putAlias,
  'alias.remove': removeAlias,
  'trust.put': putTrust,
  'trust.remove': removeTrust,
  'forward.put': putForward,
  'forward.remove': removeForward,
  'forward.health': putForwardHealth,
  'script.put': putScript,
  'script.rename': renameScript,
  'script.activate': activateScript,
  'script.remove': removeScript,
  'vacation.put': putVacation,
  'seen.put': putSeen,
  'mailbox.create': createMailbox,
  'mailbox.rename': renameMailbox,
  'mailbox.delete': deleteMailbox,
  'mailbox.subscribe': subscribeMailbox,
  'metadata.put': putMetadata,
  'acl.put': putAccessRight,
  'quota.put': putQuota,
  'mailbox.sort': sortMailbox,
  'email.deliver': deliverEmail,
  'flags.store': storeFlags,
  'placement.copy': copyPlacements,
  'placement.expunge': expungePlacements,
  'email.update': updateEmail,
  'email.destroy': destroyEmails,
  'queue.add': addToQueue,
  'queue.reschedule': rescheduleEntry,
  'queue.remove': removeFromQueue,
  'report.observe': observeReports,
  'report.postpone': postponeReport,
  'report.close': closeReport,
  'report.forget': forgetReport,
  'report.arrive': arriveReport,
  'report.keep': keepReport,
  'report.prune': pruneReports,
  'complaint.done': finishComplaint,
  'policy.put': putPolicy,
  'policy.remove': removePolicy,
  'lesson.season': seasonInbox,
  'learned.put': putLearned,
  'submission.add': addSubmission,
  'submission.cancel': cancelSubmission,
  'submission.remove': removeSubmission,
  'object.put': putObject,
  'object.remove': removeObject,
  'upload.put': putUpload,
  'upload.prune': pruneUploads,
  'arrival.add': addArrival,
  'arrival.remove': removeArrival,
  'event.add': addEvent,
  'event.prune': pruneEvents,
  'change.prune': pruneChanges,
  'setting.put': putSetting,
  'remembered.put': putRemembered,
}

/** For World.disk.ownDatabase: brings the schema up to date, then answers EngineRequests. */
export function serve(database: Database): (message: unknown) => unknown {
  // The log is folded into the database every 64 MB, not every 4: pages written often are then copied once.
  database.exec('PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -65536')
  migrate(database)
  const ledger = new Ledger(database)
  return (message) => {
    const request = message as EngineRequest
    if (request.kind === 'apply') return apply(ledger, request.batches)
    if (request.kind === 'relocate') return inTransaction(ledger, () => relocate(ledger, request.moves))
    if (request.kind === 'sweep') return inTransaction(ledger, () => sweep(ledger, request.hashes))
    return undefined
  }
}

function apply(ledger: Ledger, batches: readonly (readonly Command[])[]): Applied {
  try {
    return applyTogether(ledger, batches)
  } catch (error) {
    if (batches.length === 1) return { outcomes: [asRefusal(error)], changes: [] }
  }
  const alone = batches.map((batch) => apply(ledger, [batch]))
  return { outcomes: alone.flatMap(({ outcomes }) => outcomes), changes: alone.flatMap(({ changes }) => changes) }
}

function applyTogether(ledger: Ledger, batches: readonly (readonly Command[])[]): Applied {
  const outcomes = inTransaction(ledger, () => batches.map((batch) => ({ results: applyBatch(ledger, batch) })))
  const changes = ledger.takeTouched()
  ledger.trim()
  return { outcomes, changes }
}

function applyBatch(ledger: Ledger, batch: readonly Command[]): CommandResult[] {
  const results: CommandResult[] = []
  for (const command of batch) {
    const handler = HANDLERS[command.kind] as Handler<Command['kind']>
    results.push(handler(ledger, command, results))
  }
  return results
}

function inTransaction<T>(ledger: Ledger, work: () => T): T {
  ledger.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    ledger.flush()
    ledger.exec('COMMIT')
    return result
  } catch (error) {
    ledger.forget()
    try {
      ledger.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself, as it does after SQLITE_FULL and SQLITE_IOERR.
    }
    throw error
  }
}

const SQLITE_FULL = 13
const SQLITE_MACHINE = new Set([5, 6, 8, 10, 11, 14, 22, 26]) // busy, locked, readonly, ioerr, corrupt, cantopen, nolfs, notadb

// Anything but the machine's refusals is a bug: only the batch that met it suffers, and its caller gets the stack.
function asRefusal(error: unknown): BatchOutcome {
  const { errcode, code, message, stack } = error as Error & { errcode?: number; code?: string }
  const primary = (errcode ?? 0) & 0xff
  if (primary === SQLITE_FULL || code === 'full') return { refused: 'full', message }
  if (SQLITE_MACHINE.has(primary) || code === 'failed') return { refused: 'failed', message }
  return { refused: 'bug', message: stack ?? message }
}

function relocate(ledger: Ledger, moves: readonly { from: number; to: BlobRef }[]): void {
  const statement = ledger.sql('UPDATE blob SET segment = ?, offset = ? WHERE hash = ? AND segment = ?')
  for (const { from, to } of moves) statement.run(to.segment, to.offset, Buffer.from(to.hash, 'hex'), from)
}

function sweep(ledger: Ledger, hashes: readonly string[]): string[] {
  const statement = ledger.sql('DELETE FROM blob WHERE hash = ? AND refs = 0')
  return hashes.filter((hash) => Number(statement.run(Buffer.from(hash, 'hex')).changes) > 0)
}
