// A store that several nodes share: PostgreSQL has the journal and the bodies (log.ts), and every node a view of its
// own, in SQLite, that follows. A commit appends its batch to the log, together with others that wait (group commit), and
// resolves once this node's view has applied it; so a reader sees what is durable, and his own commits at once. What other
// nodes commit is applied as it comes, and those who watch are told.

import { type Database, type DatabaseOwner, type Disk, DiskError, type OwnerModule } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { bodyGone, bodyOf, withBody } from '../bodies/bodies-of.ts'
import { hashOf } from '../bodies/segment.ts'
import type { Command, CommandResult } from '../commands.ts'
import { type KeyPlace, unlocked } from '../encryption.ts'
import { batchText } from '../journal/entry.ts'
import { type BlobHash, type BlobRef, OWN_FILE } from '../nouns/bodies.ts'
import { stamped } from '../stamp.ts'
import type { Store } from '../store.ts'
import { View } from '../view.ts'
import { SharedBodies } from './bodies.ts'
import { BodyCache } from './body-cache.ts'
import type { Followed, FollowRequest } from './follower.ts'
import { type LoggedGroup, SharedLog } from './log.ts'
import { restoreView } from './snapshot.ts'

/** For Disk.ownDatabase, beside this file. */
const FOLLOWER: OwnerModule = {
  get url() {
    return import.meta.resolve(import.meta.url.endsWith('.ts') ? './follower.ts' : './follower.js')
  },
  load: () => import('./follower.ts'),
}
const mostBatchesInGroup = 512
/** Groups read from the log at once. */
const readAtOnce = 100
/** How often the log is looked at when nobody says that there is something. */
const lookEveryMs = 2000
const againMs = 500
/** A body named within this time of being put or found is still there: the log keeps bodies for a day. */
const touchedMs = 60 * 60 * 1000

/** In a node's folder: the line of the description, for those who look after a node that is stopped. No secret is in it. */
const WHERE = 'shared.json'
const CACHE_BYTES = 1024 * 1024 * 1024
/** How the text of a group's part begins that says which bodies nobody names (journal/entry.ts). */
const SWEEP = '{"sweep":'

const nobody: ReadonlySet<BlobHash> = new Set()

/** A body is where every node finds it. */
const inSharedPlace = (ref: BlobRef): BlobRef => ({ ...ref, segment: OWN_FILE, offset: 0 })

/** What only one may do, and twice would be seen: reports that go out, lessons that count. */
const OF_ONE: ReadonlySet<Command['kind']> = new Set([
  'report.close',
  'report.postpone',
  'complaint.done',
  'learned.put',
])
const ADDS: ReadonlySet<Command['kind']> = new Set(['queue.add', 'email.deliver'])

/** That a message went is true whoever has the lease; what is made of it (a bounce) is made once. */
function isOfOne(batch: readonly Command[]): boolean {
  const has = (kinds: ReadonlySet<Command['kind']>) => batch.some(({ kind }) => kinds.has(kind))
  return has(OF_ONE) || (has(ADDS) && batch.some(({ kind }) => kind === 'queue.remove'))
}

interface Commit {
  readonly batch: readonly Command[]
  readonly text: string
  /** The lease that it needs; '': none. */
  readonly holder: string
  readonly resolve: (results: CommandResult[]) => void
  readonly reject: (error: Error) => void
}

/** A group of ours on its way, until the view has it. */
interface Ours {
  readonly token: string
  readonly batches: readonly string[]
  readonly commits: readonly Commit[]
}

export interface SharedOptions {
  /** postgres://user@host/database; the password comes from PGPASSWORD or ~/.pgpass. */
  readonly url: string
  /** Nodes with the same one share a store. */
  readonly shard: string
  /** An S3 bucket for the bodies; else they are in the database. */
  readonly bodies?: string | undefined
  /** How much of them this node keeps on its disk; 0: nothing. */
  readonly cacheBytes?: number | undefined
  /** Where the key is, if what is written is to be encrypted. */
  readonly encrypt?: KeyPlace | undefined
}

/** @throws DiskError when the folder is held by another process, or the database does not answer */
export async function openSharedStore(locked: World, options: SharedOptions, folder = 'store'): Promise<SharedStore> {
  const world = await unlocked(locked, folder, options.encrypt)
  const release = await world.disk.lock(folder)
  let log: SharedLog | undefined
  let owner: DatabaseOwner | undefined
  let database: Database | undefined
  try {
    log = await SharedLog.open(world, options.url, options.shard)
    await log.mustBeHere()
    // Another key than the other nodes' is found before anything is written with it.
    const { last } = await log.extent()
    await log.after(last - 1, 1)
    const path = `${folder}/store.db`
    await restoreView(world.disk, log, path)
    owner = await world.disk.ownDatabase(path, FOLLOWER)
    database = world.disk.openDatabase(path, 'read')
    const request: FollowRequest = { kind: 'position' }
    const applied = (await owner.request(request)) as number
    const limit = options.cacheBytes ?? CACHE_BYTES
    const isCached = options.bodies !== undefined && limit > 0
    const cache = isCached ? await BodyCache.open(world.disk, `${folder}/cache`, limit) : undefined
    const bodies = new SharedBodies(world, log, options.bodies, cache)
    const store = new SharedStore({ world, log, owner, database, release, bodies }, applied)
    await store.follow()
    await world.disk.writeFile(`${folder}/${WHERE}`, Buffer.from(`${JSON.stringify(options)}\n`))
    return store
  } catch (error) {
    database?.close()
    await owner?.close()
    await log?.close()
    release()
    throw error
  }
}

/** What the node of this folder was last opened with; undefined: it is no node of a shared store. @throws DiskError */
export async function sharedOptionsOf(disk: Disk, folder = 'store'): Promise<SharedOptions | undefined> {
  const said = await disk.readFile(`${folder}/${WHERE}`)
  return said === undefined ? undefined : (JSON.parse(said.toString()) as SharedOptions)
}

interface Parts {
  readonly world: World
  readonly log: SharedLog
  readonly owner: DatabaseOwner
  readonly database: Database
  readonly release: () => void
  readonly bodies: SharedBodies
}

export class SharedStore extends View implements Store {
  readonly log: SharedLog
  readonly #parts: Parts
  readonly bodies: SharedBodies
  /** When a body was last put or found here. */
  readonly #touched = new Map<BlobHash, number>()
  #collected: Commit[] = []
  /** Ours, by their token: the view may have one before we hear that it is in the log. */
  readonly #ours = new Map<string, Ours>()
  /** Those of them whose number is known. */
  readonly #numbered = new Map<number, Ours>()
  #appending: Promise<void> | undefined
  #following: Promise<void> | undefined
  #hasNews = false
  #applied: number
  #isClosed = false
  /** The lease under which this node does the work of one; '': it does not. */
  holder = ''

  constructor(parts: Parts, applied: number) {
    super(parts.database)
    this.#parts = parts
    this.log = parts.log
    this.bodies = parts.bodies
    this.#applied = applied
    this.log.listen(() => void this.#look())
    this.#lookAgain()
  }

  /** The last group of the log that the view has. */
  get position(): number {
    return this.#applied
  }

  async commit(batch: readonly Command[]): Promise<CommandResult[]> {
    if (this.#isClosed) throw new DiskError('failed', 'The store is closed.')
    if (batch.length === 0) return []
    const unsure = batch.map(bodyOf).filter((ref) => ref !== undefined && !this.#isTouched(ref.hash)) as BlobRef[]
    const gone = unsure.length === 0 ? nobody : await this.#touch(unsure.map(({ hash }) => hash))
    const refusal = bodyGone(batch, ({ hash }) => !gone.has(hash))
    if (refusal !== undefined) throw refusal
    const nowMs = this.#parts.world.clock.now()
    const located = batch.map((command) => withBody(stamped(command, nowMs), inSharedPlace))
    return new Promise((resolve, reject) => {
      const holder = isOfOne(batch) ? this.holder : ''
      this.#collected.push({ batch: located, text: batchText(located), holder, resolve, reject })
      this.#appending ??= this.#appendGroups()
    })
  }

  async putBlob(content: readonly Uint8Array[]): Promise<BlobRef> {
    const hash = hashOf(content)
    const bytes = Buffer.concat(content)
    await this.bodies.put(hash, bytes)
    this.#touched.set(hash, this.#parts.world.clock.monotonic())
    return { hash, sizeBytes: bytes.length, segment: OWN_FILE, offset: 0 }
  }

  async readBlob(ref: BlobRef, range?: { offset: number; length: number }): Promise<Buffer | undefined> {
    const bytes = await this.bodies.read(ref.hash)
    if (bytes === undefined) return undefined
    return range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length)
  }

  findBlob(hash: BlobHash): BlobRef | undefined {
    return this.blob(hash)
  }

  /** Appends what is no batch: what tidying decided. Resolves when this view has it. */
  async decide(text: string): Promise<void> {
    await new Promise<CommandResult[]>((resolve, reject) => {
      this.#collected.push({ batch: [], text, holder: this.holder, resolve, reject })
      this.#appending ??= this.#appendGroups()
    })
  }

  /** Applies what the log has. @throws DiskError when it does not answer, or no more has what comes next */
  async follow(): Promise<void> {
    const { last } = await this.log.extent()
    while (this.#applied < last) {
      await this.#look()
      if (this.#applied < last) await this.#mustHave(this.#applied + 1)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.text?.stop()
    while (this.#appending !== undefined || this.#ours.size > 0) {
      await this.#appending
      if (this.#ours.size > 0) await this.#look()
    }
    await this.#following
    await this.bodies.close()
    await this.log.close()
    this.database.close()
    await this.#parts.owner.close()
    this.#parts.release()
  }

  async #appendGroups(): Promise<void> {
    // One turn later, so that commits of the same turn go together.
    await undefined
    while (this.#collected.length > 0) {
      const { holder } = this.#collected[0]!
      const end = this.#collected.findIndex((one) => one.holder !== holder)
      const commits = this.#collected.splice(0, Math.min(end < 0 ? mostBatchesInGroup : end, mostBatchesInGroup))
      const token = this.#parts.world.random.bytes(16).toString('hex')
      const group: Ours = { token, commits, batches: commits.map(({ text }) => text) }
      this.#ours.set(token, group)
      try {
        const seq = await this.log.append(token, group.batches, holder)
        if (this.#ours.has(token)) this.#numbered.set(seq, group)
        void this.#look()
      } catch (error) {
        this.#ours.delete(token)
        for (const { reject } of commits) reject(error as Error)
      }
    }
    this.#appending = undefined
  }

  #lookAgain(): void {
    this.#parts.world.clock.after(lookEveryMs, () => {
      if (this.#isClosed) return
      void this.#look()
      this.#lookAgain()
    })
  }

  /** There may be something new. Resolves when what was there has been applied, or could not be. */
  #look(): Promise<void> {
    this.#hasNews = true
    this.#following ??= this.#applyNews()
    return this.#following
  }

  async #applyNews(): Promise<void> {
    while (this.#hasNews) {
      this.#hasNews = false
      try {
        while (await this.#applyNext());
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        // The log does not answer, or this disk refuses: what is there stays there. Ours wait for it.
        if (this.#isClosed) this.#giveUp(error)
        else await this.#parts.world.clock.sleep(againMs)
        this.#hasNews = this.#ours.size > 0
      }
    }
    // In the same turn as the last look at it.
    this.#following = undefined
  }

  /** True when there was something. */
  async #applyNext(): Promise<boolean> {
    const ours = this.#numbered.get(this.#applied + 1)
    if (ours !== undefined) {
      await this.#apply({ ...ours, seq: this.#applied + 1 })
      return true
    }
    const groups = await this.log.after(this.#applied, readAtOnce)
    for (const group of groups) {
      if (group.seq !== this.#applied + 1) throw this.#fellBehind()
      await this.#apply(group)
    }
    return groups.length > 0
  }

  async #apply({ seq, token, batches }: LoggedGroup): Promise<void> {
    const request: FollowRequest = { kind: 'follow', seq, batches }
    const { outcomes, changes, kinds } = (await this.#parts.owner.request(request)) as Followed
    this.#applied = seq
    this.committed(kinds.map((kind) => ({ kind })))
    for (const [index, text] of batches.entries()) {
      const outcome = outcomes[index]!
      // What a sweep gives are the bodies that the index forgot.
      if (text.startsWith(SWEEP) && 'results' in outcome) {
        this.bodies.forget(outcome.results as unknown as readonly BlobHash[])
      }
    }
    const ours = this.#ours.get(token)
    this.#ours.delete(token)
    this.#numbered.delete(seq)
    for (const [index, { resolve, reject }] of (ours?.commits ?? []).entries()) {
      const outcome = outcomes[index]!
      if ('results' in outcome) resolve(outcome.results)
      else reject(new Error(outcome.message))
    }
    this.tell(changes)
  }

  async #mustHave(seq: number): Promise<void> {
    const { first } = await this.log.extent()
    if (first > seq) throw this.#fellBehind()
  }

  #fellBehind(): DiskError {
    return new DiskError('failed', 'This node was away for too long: start it again, and it takes up a snapshot.')
  }

  #giveUp(error: Error): void {
    for (const { commits } of this.#ours.values()) for (const { reject } of commits) reject(error)
    this.#ours.clear()
    this.#numbered.clear()
  }

  #isTouched(hash: BlobHash): boolean {
    const now = this.#parts.world.clock.monotonic()
    const at = this.#touched.get(hash)
    if (at !== undefined && now - at < touchedMs) return true
    if (this.#touched.size > 50_000) this.#touched.clear()
    return false
  }

  /** Says of bodies that they are wanted; gives those that are gone. */
  async #touch(hashes: readonly BlobHash[]): Promise<ReadonlySet<BlobHash>> {
    const gone = new Set<BlobHash>()
    for (const hash of hashes) {
      if (await this.log.touchBody(hash)) this.#touched.set(hash, this.#parts.world.clock.monotonic())
      else gone.add(hash)
    }
    return gone
  }
}
