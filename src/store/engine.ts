// The engine: the only writer of the store's database. It runs beside the network thread (World.disk.ownDatabase) and
// applies groups of batches: one transaction a group, and before that is committed its entries are in the journal, so one
// sync a group. When the machine refuses (disk full, I/O error) the whole transaction is rolled back, the journal taken
// back, and each batch tried again alone, so that only those that cannot be kept are refused. A refused command is a value
// and has written nothing (apply.ts). What the journal has and the database has not is applied when the engine starts: the
// same text, by the same code (docs/store.md says what is true at every instant).

import type { Database, OwnerFiles } from '../world/disk.ts'
import { putAccessRight, putMetadata, putQuota } from './apply/access.ts'
import {
  createAccount,
  putAlias,
  putGroup,
  putRemembered,
  putSetting,
  putTrust,
  removeAccount,
  removeAlias,
  removeGroup,
  removeTrust,
  setCredentials,
} from './apply/accounts.ts'
import type { Handler } from './apply/apply.ts'
import { noteBounced, pruneSuppressed, putSuppressed, removeSuppressed } from './apply/bounces.ts'
import { inBatch } from './apply/conditions.ts'
import { forgetDeleted, pruneDeleted, restoreDeleted } from './apply/deleted.ts'
import { copyPlacements, deliverEmail, destroyEmails, expungePlacements, updateEmail } from './apply/emails.ts'
import { storeFlags } from './apply/flags.ts'
import { putForward, putForwardHealth, removeForward } from './apply/forwards.ts'
import { Ledger } from './apply/ledger.ts'
import { putLearned, seasonInbox, unfoldLessons } from './apply/lessons.ts'
import {
  adoptMailbox,
  createMailbox,
  deleteMailbox,
  renameMailbox,
  sortMailbox,
  subscribeMailbox,
} from './apply/mailboxes.ts'
import { pruneUploads, putObject, putUpload, removeObject } from './apply/objects.ts'
import {
  addContractCounts,
  checkContractLeft,
  checkOutgoing,
  countOutgoing,
  pruneOutgoing,
  putAcquaintances,
  standOutgoing,
} from './apply/outgoing.ts'
import { putPolicy, removePolicy } from './apply/policies.ts'
import {
  addArrival,
  addEvent,
  addSubmission,
  addToQueue,
  cancelSubmission,
  countSource,
  pruneChanges,
  pruneEvents,
  reclockQueue,
  removeArrival,
  removeFromQueue,
  removeSubmission,
  rescheduleEntry,
  restLane,
  restSource,
  steerEntries,
} from './apply/queue.ts'
import {
  arriveReport,
  closeReport,
  finishComplaint,
  forgetReport,
  keepReport,
  observeReports,
  postponeReport,
  pruneReports,
} from './apply/reports.ts'
import { activateScript, putScript, putSeen, putVacation, removeScript, renameScript } from './apply/scripts.ts'
import { addSent, cancelSent, pruneOnce, pruneSent, putOnce } from './apply/sent.ts'
import type { Command, CommandResult } from './commands.ts'
import { type Entry, entryOf, textOf } from './journal/entry.ts'
import { Journal } from './journal/journal.ts'
import type { BlobRef } from './nouns/bodies.ts'
import { migrate } from './schema.ts'
import type { Change } from './store.ts'

/** What the owner is asked. */
export type EngineRequest =
  | { kind: 'position' }
  /** Batches, as the journal writes them (journal/entry.ts). */
  | { kind: 'apply'; batches: readonly string[] }
  /** Compaction copied these bodies: they lie there now. */
  | { kind: 'relocate'; moves: readonly { from: number; to: BlobRef }[] }
  /** Drops the index rows of bodies that nobody names; answers with those dropped. */
  | { kind: 'sweep'; hashes: readonly string[] }
  /** A snapshot has everything up to this record: the journal needs it no more. */
  | { kind: 'forget'; through: number }
  /** The journal goes on in a new part. */
  | { kind: 'part' }

/** Where the journal is. Every record from `first` on is in it. */
export interface Position {
  readonly first: number
  readonly last: number
}

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
  'account.remove': removeAccount,
  'alias.put': putAlias,
  'alias.remove': removeAlias,
  'group.put': putGroup,
  'group.remove': removeGroup,
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
  'mailbox.adopt': adoptMailbox,
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
  'deleted.restore': restoreDeleted,
  'deleted.forget': forgetDeleted,
  'deleted.prune': pruneDeleted,
  'queue.add': addToQueue,
  'queue.reschedule': rescheduleEntry,
  'queue.remove': removeFromQueue,
  'queue.reclock': reclockQueue,
  'queue.rest': restLane,
  'queue.steer': steerEntries,
  'source.count': countSource,
  'source.rest': restSource,
  'report.observe': observeReports,
  'report.postpone': postponeReport,
  'report.close': closeReport,
  'report.forget': forgetReport,
  'report.arrive': arriveReport,
  'report.keep': keepReport,
  'report.prune': pruneReports,
  'complaint.done': finishComplaint,
  'outgoing.count': countOutgoing,
  'outgoing.check': checkOutgoing,
  'contract.check': checkContractLeft,
  'contract.count': addContractCounts,
  'outgoing.stand': standOutgoing,
  'acquaintance.put': putAcquaintances,
  'outgoing.prune': pruneOutgoing,
  'policy.put': putPolicy,
  'policy.remove': removePolicy,
  'lesson.season': seasonInbox,
  'lesson.unfold': unfoldLessons,
  'learned.put': putLearned,
  'submission.add': addSubmission,
  'submission.cancel': cancelSubmission,
  'submission.remove': removeSubmission,
  'sent.add': addSent,
  'sent.cancel': cancelSent,
  'sent.prune': pruneSent,
  'once.put': putOnce,
  'once.prune': pruneOnce,
  'object.put': putObject,
  'object.remove': removeObject,
  'upload.put': putUpload,
  'upload.prune': pruneUploads,
  'arrival.add': addArrival,
  'arrival.remove': removeArrival,
  'bounced.note': noteBounced,
  'suppressed.put': putSuppressed,
  'suppressed.remove': removeSuppressed,
  'suppressed.prune': pruneSuppressed,
  'event.add': addEvent,
  'event.prune': pruneEvents,
  'change.prune': pruneChanges,
  'setting.put': putSetting,
  'remembered.put': putRemembered,
}

/**
 * A commit is durable by the journal. SQLite's log is folded into the database every 256 MB, not every 4: pages written
 * often are then copied once. Everybody waits meanwhile: of 30,000 deliveries 1.4 s in all with 64 MB, 0.7 s with 256,
 * 0.3 s when the log is on its way to the disk already (Database.settleLog).
 */
export const VIEW_PRAGMAS = 'PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 65536; PRAGMA cache_size = -65536'
/** Some ten megabytes of the log. */
const SETTLED_AFTER_BATCHES = 512

/** For World.disk.ownDatabase: brings the schema and the view up to date, then answers EngineRequests. */
export function serve(database: Database, files: OwnerFiles): (message: unknown) => unknown {
  database.exec(VIEW_PRAGMAS)
  migrate(database)
  const ledger = new Ledger(database)
  const engine = new Engine(database, ledger, Journal.open(files, appliedOf(ledger)))
  engine.catchUp()
  return (message) => engine.answer(message as EngineRequest)
}

/** Entries applied in one transaction when the view catches up. */
const caughtUpAtOnce = 256

class Engine {
  readonly #database: Database
  readonly #ledger: Ledger
  readonly #journal: Journal
  /** Batches since the log was last sent on its way to the disk. */
  #unsettledLog = 0
  /** Entries of an append whose commit is not known to be done. */
  #unsettled = 0

  constructor(database: Database, ledger: Ledger, journal: Journal) {
    this.#database = database
    this.#ledger = ledger
    this.#journal = journal
  }

  answer(request: EngineRequest): unknown {
    switch (request.kind) {
      case 'position':
        return { first: this.#journal.first, last: this.#journal.last } satisfies Position
      case 'apply':
        return this.#apply(request.batches.map((text) => Buffer.from(text)))
      case 'relocate':
        return this.#decide([textOf({ relocate: request.moves })])[0]
      case 'sweep':
        return this.#decide([textOf({ sweep: request.hashes })])[0]
      case 'forget':
        return this.#journal.dropThrough(request.through)
      case 'part':
        return this.#journal.beginPart()
    }
  }

  /** Applies what the journal has beyond the view. @throws DiskError when it cannot be read */
  catchUp(): void {
    let group: Buffer[] = []
    const apply = () => {
      if (group.length === 0) return
      this.#inTransaction(group, appliedOf(this.#ledger) + group.length)
      group = []
    }
    for (const { text } of this.#journal.after(appliedOf(this.#ledger))) {
      group.push(text)
      if (group.length === caughtUpAtOnce) apply()
    }
    apply()
    this.#ledger.takeTouched()
    this.#ledger.trim()
  }

  #apply(texts: readonly Buffer[]): Applied {
    try {
      const outcomes = this.#decide(texts).map((results) => ({ results: results as CommandResult[] }))
      const changes = this.#ledger.takeTouched()
      this.#ledger.trim()
      return { outcomes, changes }
    } catch (error) {
      if (texts.length === 1) return { outcomes: [asRefusal(error)], changes: [] }
    }
    const alone = texts.map((text) => this.#apply([text]))
    return { outcomes: alone.flatMap(({ outcomes }) => outcomes), changes: alone.flatMap(({ changes }) => changes) }
  }

  /** Applies new entries and makes them durable: all or none. Gives what each gave. */
  #decide(texts: readonly Buffer[]): unknown[] {
    this.#settle()
    try {
      const results = this.#inTransaction(texts, this.#journal.last + texts.length, () => {
        this.#journal.append(texts)
        this.#unsettled = texts.length
      })
      this.#unsettled = 0
      this.#unsettledLog += texts.length
      if (this.#unsettledLog >= SETTLED_AFTER_BATCHES) {
        this.#unsettledLog = 0
        this.#database.settleLog()
      }
      return results
    } catch (error) {
      this.#settle()
      throw error
    }
  }

  /** When a commit failed after the journal had it: the journal is taken back, unless it did not fail after all. */
  #settle(): void {
    if (this.#unsettled > 0 && appliedOf(this.#ledger) < this.#journal.last) this.#journal.takeBack(this.#unsettled)
    this.#unsettled = 0
  }

  #inTransaction(texts: readonly Buffer[], last: number, beforeCommit?: () => void): unknown[] {
    const ledger = this.#ledger
    return ledger.transaction(last, () => texts.map((text) => applyEntry(ledger, entryOf(text))), beforeCommit)
  }
}

export function appliedOf(ledger: Ledger): number {
  return Number(ledger.sql('SELECT applied FROM journal').get()!.applied)
}

export function applyEntry(ledger: Ledger, entry: Entry): unknown {
  if ('batch' in entry) return applyBatch(ledger, entry.batch)
  return 'sweep' in entry ? sweep(ledger, entry.sweep) : relocate(ledger, entry.relocate)
}

function applyBatch(ledger: Ledger, batch: readonly Command[]): CommandResult[] {
  return inBatch(batch, (command, results) => {
    const handler = HANDLERS[command.kind] as Handler<Command['kind']>
    return handler(ledger, command, results)
  })
}

const SQLITE_FULL = 13
const SQLITE_MACHINE = new Set([5, 6, 8, 10, 11, 14, 22, 26]) // busy, locked, readonly, ioerr, corrupt, cantopen, nolfs, notadb

// Anything but the machine's refusals is a bug: only the batch that met it suffers, and its caller gets the stack.
export function asRefusal(error: unknown): BatchOutcome {
  const { errcode, code, message, stack } = error as Error & { errcode?: number; code?: string }
  const primary = (errcode ?? 0) & 0xff
  if (primary === SQLITE_FULL || code === 'full') return { refused: 'full', message }
  if (SQLITE_MACHINE.has(primary) || code === 'failed') return { refused: 'failed', message }
  return { refused: 'bug', message: stack ?? message }
}

function relocate(ledger: Ledger, moves: readonly { from: number; to: BlobRef }[]): void {
  const statement = ledger.sql('UPDATE blob SET segment = ?, offset = ?, stored = ? WHERE hash = ? AND segment = ?')
  for (const { from, to } of moves)
    statement.run(to.segment, to.offset, to.storedBytes ?? 0, Buffer.from(to.hash, 'hex'), from)
}

function sweep(ledger: Ledger, hashes: readonly string[]): string[] {
  const statement = ledger.sql('DELETE FROM blob WHERE hash = ? AND refs = 0')
  return hashes.filter((hash) => Number(statement.run(Buffer.from(hash, 'hex')).changes) > 0)
}
