// The embedded store: a journal of what was decided, SQLite as its view, segment files for the bodies, in one folder with
// one writer. Commits are grouped in two steps that overlap: while one group's bodies are synced, the group before it is
// committed by the engine on its own thread, and the next collects. A commit resolves when both are done. The engine
// finds its next group waiting where there are enough for two, so that neither thread waits for the other.

import { type Database, type DatabaseOwner, DiskError, type OwnerModule } from '../world/disk.ts'
import type { Clock, World } from '../world/world.ts'
import { Blobs, type PendingBlob } from './bodies/blobs.ts'
import { bodyGone, bodyOf, withBody } from './bodies/bodies-of.ts'
import type { Command, CommandResult } from './commands.ts'
import { ensureView, type KeyPlace, unlocked } from './encryption.ts'
import type { Applied, EngineRequest } from './engine.ts'
import { batchText } from './journal/entry.ts'
import { JournalKeeper } from './journal/keeper.ts'
import { type BlobHash, type BlobRef, UNKNOWN_SEGMENT } from './nouns/bodies.ts'
import { Reads } from './read/reads.ts'
import { mustBeOwn } from './shared/snapshot.ts'
import { stamped } from './stamp.ts'
import type { Store } from './store.ts'
import { mustBeWhole } from './upkeep/unfinished.ts'
import { View } from './view.ts'

const mostBatchesInGroup = 512
/** From so many on a group is worth a sync of its own while another is being committed. */
const fewestBatchesInSecondGroup = 32

/** For Disk.ownDatabase. Beside this file, under the same extension: .ts when run from the sources, .js when compiled. */
export const ENGINE: OwnerModule = {
  get url() {
    return import.meta.resolve(import.meta.url.endsWith('.ts') ? './engine.ts' : './engine.js')
  },
  load: () => import('./engine.ts'),
}

/** One caller's batch on its way. */
interface Commit {
  readonly batch: readonly Command[]
  /** The same as a record of the journal. */
  readonly text: string
  /** Bodies it names that no commit has named before. */
  readonly bodies: readonly PendingBlob[]
  readonly resolve: (results: CommandResult[]) => void
  readonly reject: (error: Error) => void
}

/**
 * Opens the store in a folder of the world's disk, making it when missing.
 * @throws DiskError 'locked' when another process (or this one) has it open, 'failed' when it was not restored to the end
 */
export async function openStore(locked: World, folder = 'store', options: StoreOptions = {}): Promise<EmbeddedStore> {
  const world = await unlocked(locked, folder, options.encrypt)
  const release = await world.disk.lock(folder)
  let owner: DatabaseOwner | undefined
  let database: Database | undefined
  try {
    const path = `${folder}/store.db`
    await mustBeOwn(world.disk, folder)
    if (!options.isBeingRestored) await mustBeWhole(world.disk, folder)
    await ensureView(world.disk, folder)
    owner = await world.disk.ownDatabase(path, ENGINE)
    database = world.disk.openDatabase(path, 'read')
    const blobs = await Blobs.open(world, `${folder}/bodies`, new Reads(database))
    const keeper = await JournalKeeper.open({
      disk: world.disk,
      folder,
      ask: (request) => owner!.request(request),
      viewBytes: () => bytesOf(database!),
      ...options,
    })
    return new EmbeddedStore({ clock: world.clock, owner, database, blobs, keeper, release })
  } catch (error) {
    database?.close()
    await owner?.close()
    release()
    throw error
  }
}

export interface StoreOptions {
  /** From this size on the journal is kept smaller than the database (journal/keeper.ts). */
  readonly smallBytes?: number
  /** Where the key is, if a new store is to be encrypted. */
  readonly encrypt?: KeyPlace | undefined
  /** By whoever finishes the restore. */
  readonly isBeingRestored?: boolean
}

interface Parts {
  readonly clock: Clock
  readonly owner: DatabaseOwner
  readonly database: Database
  readonly blobs: Blobs
  readonly keeper: JournalKeeper
  readonly release: () => void
}

export class EmbeddedStore extends View implements Store {
  /** Bodies on disk; for compaction and checks. */
  readonly blobs: Blobs
  readonly #parts: Parts
  #collected: Commit[] = []
  #synced: Commit[] = []
  #syncing: Promise<void> | undefined
  /** Groups that the engine has: the one it commits and at most one that waits there. */
  readonly #committing = new Set<Promise<void>>()
  #isClosed = false

  constructor(parts: Parts) {
    super(parts.database)
    this.#parts = parts
    this.blobs = parts.blobs
  }

  commit(batch: readonly Command[]): Promise<CommandResult[]> {
    if (this.#isClosed) return Promise.reject(new DiskError('failed', 'The store is closed.'))
    if (batch.length === 0) return Promise.resolve([])
    const isThere = ({ hash }: BlobRef) => this.blobs.pending(hash) !== undefined || this.blobs.find(hash) !== undefined
    const gone = bodyGone(batch, isThere)
    if (gone !== undefined) return Promise.reject(gone)
    const bodies: PendingBlob[] = []
    const located = batch.map((command) => this.#locate(command, bodies))
    const text = batchText(located)
    return new Promise((resolve, reject) => {
      this.#collected.push({ batch: located, text, bodies, resolve, reject })
      this.#syncing ??= this.#syncGroups()
    })
  }

  putBlob(content: readonly Uint8Array[]): Promise<BlobRef> {
    return this.blobs.put(content)
  }

  readBlob(ref: BlobRef, range?: { offset: number; length: number }): Promise<Buffer | undefined> {
    return this.blobs.read(ref, range)
  }

  findBlob(hash: BlobHash): BlobRef | undefined {
    return this.blobs.find(hash)
  }

  /** Takes a snapshot now, so that the journal begins anew; says why it could not. */
  async snapshot(): Promise<string | undefined> {
    await this.#parts.keeper.snapshot()
    return this.journalProblem
  }

  /** Why the journal grows. */
  get journalProblem(): string | undefined {
    return this.#parts.keeper.problem
  }

  /** For compaction: asks the engine between commits. */
  ask<T>(request: EngineRequest): Promise<T> {
    return this.#parts.owner.request(request) as Promise<T>
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.text?.stop()
    while (this.#syncing !== undefined || this.#committing.size > 0) {
      await this.#syncing
      await Promise.all(this.#committing)
    }
    await this.#parts.keeper.close()
    await this.blobs.close()
    // The writer last: SQLite's last connection folds the log into the database.
    this.database.close()
    await this.#parts.owner.close()
    this.#parts.release()
  }

  /** The command with its body where it lies: a fresh body is told to the engine, others are in its index. */
  #locate(command: Command, bodies: PendingBlob[]): Command {
    const nowMs = this.#parts.clock.now()
    return withBody(stamped(command, nowMs), (ref) => this.#place(ref, bodies))
  }

  #place(ref: BlobRef, bodies: PendingBlob[]): BlobRef {
    const pending = this.blobs.pending(ref.hash)
    if (pending === undefined) return { ...ref, segment: UNKNOWN_SEGMENT }
    bodies.push(pending)
    return pending.ref
  }

  /** Step one, group after group: the bodies are made durable. */
  async #syncGroups(): Promise<void> {
    // One turn later, so that commits of the same turn go together.
    await undefined
    while (this.#collected.length > 0) {
      const group = this.#collected.splice(0, mostBatchesInGroup)
      await this.blobs.sync(group.flatMap(({ bodies }) => bodies))
      for (const commit of group) {
        const lost = commit.bodies.map((body) => this.blobs.lost(body)).find((error) => error !== undefined)
        if (lost === undefined) this.#synced.push(commit)
        else commit.reject(lost)
      }
      this.#commitSynced()
    }
    this.#syncing = undefined
  }

  /** Step two: the engine commits what names them. Many that came together go in halves: see the second group above. */
  #commitSynced(): void {
    const waiting = this.#synced.length
    const isIdle = this.#committing.size === 0
    if (waiting === 0 || this.#committing.size > 1 || (!isIdle && waiting < fewestBatchesInSecondGroup)) return
    const half = isIdle && waiting >= 2 * fewestBatchesInSecondGroup ? Math.ceil(waiting / 2) : waiting
    const commit = this.#commitGroup(this.#synced.splice(0, Math.min(half, mostBatchesInGroup))).finally(() => {
      this.#committing.delete(commit)
      this.#commitSynced()
    })
    this.#committing.add(commit)
    this.#commitSynced()
  }

  async #commitGroup(group: readonly Commit[]): Promise<void> {
    try {
      const request: EngineRequest = { kind: 'apply', batches: group.map(({ text }) => text) }
      const applied = await this.ask<Applied>(request)
      for (const { batch } of group) this.committed(batch)
      this.#parts.keeper.grew(group.reduce((sum, { text }) => sum + text.length, 0))
      this.#settle(group, applied)
    } catch (error) {
      // The engine itself has ended; whether the group is durable is unknown, so it is not acknowledged.
      for (const { batch } of group) this.committed(batch)
      for (const commit of group) commit.reject(error as Error)
    }
  }

  #settle(group: readonly Commit[], { outcomes, changes }: Applied): void {
    for (const [index, { batch, resolve, reject }] of group.entries()) {
      const outcome = outcomes[index]!
      if ('refused' in outcome) {
        const { refused, message } = outcome
        reject(refused === 'bug' ? new Error(message) : new DiskError(refused, message))
        continue
      }
      for (const [at, command] of batch.entries()) {
        if (!outcome.results[at]?.ok) continue
        const body = bodyOf(command)
        if (body !== undefined) this.blobs.committed(body.hash)
      }
      resolve(outcome.results)
    }
    this.tell(changes)
  }
}

function bytesOf(database: Database): number {
  const value = (sql: string) => Number(Object.values(database.prepare(sql).get()!)[0])
  return value('PRAGMA page_count') * value('PRAGMA page_size')
}
