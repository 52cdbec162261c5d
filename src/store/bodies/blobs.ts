// Bodies on disk. Small ones are appended to segment files, larger ones have a file of their own named by hash; the
// same content is kept once. The index (hash to place) is in SQLite and is written by the commit that names the body,
// after the body is synced: a body the index knows is on disk, and one it does not know never was promised.

import { DiskError, type DiskFile } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { type BlobHash, type BlobRef, OWN_FILE, UNKNOWN_SEGMENT } from '../nouns/bodies.ts'
import { BodyFiles } from './files.ts'
import { packed, packingOf } from './packed.ts'
import { RecentBodies } from './recent.ts'
import { endOfWholeRecords, HEADER_BYTES, hashOf, recordHeader, storedBytesOf } from './segment.ts'

export const SEGMENT_BYTES = 64 * 1024 * 1024
const OWN_FILE_FROM_BYTES = 256 * 1024
/** What the Transmitter sends on, or a client fetches, is mostly what came a moment ago. */
const RECENT_BYTES = 8 * 1024 * 1024
/** How long a body that was written or found, but not yet named by a commit, is safe from the sweep. */
const pinnedMs = 60 * 60 * 1000

/** What SQLite knows of bodies. */
export interface BlobIndex {
  blob(hash: BlobHash): BlobRef | undefined
  lastBlobIn(segment: number): BlobRef | undefined
}

/** A body that is written but not yet named by a durable commit. */
export interface PendingBlob {
  readonly ref: BlobRef
  /** Undefined: in a file of its own, which is durable already. */
  readonly segment: OpenSegment | undefined
  readonly endOffset: number
  readonly sinceMs: number
}

type BodyKept = Pick<BlobRef, 'hash' | 'sizeBytes' | 'storedBytes'>

interface OpenSegment {
  readonly number: number
  readonly file: DiskFile
  /** Bytes written or being written: decides when the next segment begins. */
  plannedBytes: number
  syncedBytes: number
  failed: DiskError | undefined
}

export class Blobs extends BodyFiles {
  readonly #world: World
  readonly #index: BlobIndex
  readonly #pending = new Map<BlobHash, PendingBlob>()
  readonly #recent = new RecentBodies(RECENT_BYTES)
  readonly #arriving = new Map<BlobHash, Promise<BlobRef>>()
  readonly #pins = new Map<BlobHash, number>()
  /** Bodies about to be deleted, and the end of that. */
  readonly #condemned = new Map<BlobHash, Promise<void>>()
  /** Segments with writers: the current one, and older ones not yet synced. */
  readonly #segments = new Map<number, OpenSegment>()
  #current: OpenSegment | undefined
  #beginning: Promise<OpenSegment> | undefined
  #lastNumber = 0

  private constructor(world: World, folder: string, index: BlobIndex) {
    super(world, folder)
    this.#world = world
    this.#index = index
  }

  /** Opens the last segment and cuts off its torn tail. @throws DiskError */
  static async open(world: World, folder: string, index: BlobIndex): Promise<Blobs> {
    const blobs = new Blobs(world, folder, index)
    const number = (await blobs.segmentNumbers()).at(-1)
    if (number === undefined) return blobs
    blobs.#lastNumber = number
    const file = await world.disk.open(blobs.segmentPath(number), false)
    const last = index.lastBlobIn(number)
    const known = last === undefined ? 0 : last.offset + HEADER_BYTES + storedBytesOf(last)
    if (known > file.size || file.size >= SEGMENT_BYTES) {
      // Full; or shorter than the index says, which `check` will report: nothing more is written to it.
      await file.close()
      return blobs
    }
    const end = await endOfWholeRecords(packingOf(world), file, known)
    if (end < file.size) await file.truncate(end)
    blobs.#take({ number, file, plannedBytes: end, syncedBytes: known, failed: undefined })
    return blobs
  }

  /** To look only, also beside a process that writes. */
  static reading(world: World, folder: string, index: BlobIndex): Blobs {
    return new Blobs(world, folder, index)
  }

  /** See Store.putBlob. @throws DiskError */
  async put(pieces: readonly Uint8Array[]): Promise<BlobRef> {
    let sizeBytes = 0
    for (const piece of pieces) sizeBytes += piece.length
    // In one piece it is hashed and written at once, and is ours: whoever brought it may go on with its buffers.
    const isSmall = sizeBytes <= OWN_FILE_FROM_BYTES
    const content = isSmall ? [Buffer.concat(pieces, sizeBytes)] : pieces
    const hash = hashOf(content)
    const known = this.find(hash)
    if (known !== undefined) return known
    let arriving = this.#arriving.get(hash)
    if (arriving !== undefined) {
      this.#pin(hash)
      return arriving
    }
    arriving = this.#keep({ hash, sizeBytes }, content)
    this.#arriving.set(hash, arriving)
    try {
      const ref = await arriving
      if (isSmall) this.#recent.put(hash, content[0] as Buffer)
      return ref
    } finally {
      this.#arriving.delete(hash)
    }
  }

  /** Where a body lies, whoever asks will want it for the next hour. */
  find(hash: BlobHash): BlobRef | undefined {
    const known = this.#pending.get(hash)?.ref ?? (this.#condemned.has(hash) ? undefined : this.#index.blob(hash))
    if (known !== undefined) this.#pin(hash)
    return known
  }

  /** See Store.readBlob. @throws DiskError 'failed' when what is on disk is not what was written */
  async read(ref: BlobRef, range?: { offset: number; length: number }): Promise<Buffer | undefined> {
    const recent = this.#recent.get(ref.hash)
    if (recent !== undefined) {
      const { offset = 0, length = recent.length } = range ?? {}
      return recent.subarray(offset, offset + length)
    }
    const there = ref.segment === UNKNOWN_SEGMENT ? undefined : await this.readAt(ref, range)
    if (there instanceof Buffer) return there
    // Compaction may have moved it since the caller looked.
    const now = this.#pending.get(ref.hash)?.ref ?? this.#index.blob(ref.hash)
    if (now === undefined) return undefined
    const bytes = await this.readAt(now, range)
    if (bytes instanceof Buffer) return bytes
    throw new DiskError(
      'failed',
      `The body ${now.hash} in segment ${now.segment} at ${now.offset} is ${bytes ?? 'missing'}.`,
    )
  }

  pending(hash: BlobHash): PendingBlob | undefined {
    return this.#pending.get(hash)
  }

  /** A durable commit names the body: it is the index's from now on. */
  committed(hash: BlobHash): void {
    this.#pending.delete(hash)
  }

  /** Whether somebody may be about to name this body. */
  isPinned(hash: BlobHash): boolean {
    return this.#pending.has(hash) || this.#pins.has(hash) || this.#arriving.has(hash)
  }

  /** Lets go of bodies that nobody named for an hour. */
  unpinOld(): void {
    const before = this.#world.clock.monotonic() - pinnedMs
    for (const [hash, sinceMs] of this.#pins) if (sinceMs < before) this.#pins.delete(hash)
    for (const [hash, { sinceMs }] of this.#pending) if (sinceMs < before) this.#pending.delete(hash)
  }

  /** Hides bodies from those who would name them, while they are deleted; gives the function that ends it. */
  condemn(hashes: readonly BlobHash[]): () => void {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    for (const hash of hashes) {
      this.#condemned.set(hash, released)
      this.#recent.forget(hash)
    }
    return () => {
      for (const hash of hashes) this.#condemned.delete(hash)
      release()
    }
  }

  /** Segments that bodies in `#pending` lie in, and those still written to: not for compaction. The last one neither: its number must not come again. */
  segmentsInUse(): Set<number> {
    const numbers = new Set([...this.#segments.keys(), this.#lastNumber])
    for (const { ref } of this.#pending.values()) numbers.add(ref.segment)
    return numbers
  }

  /** Syncs what these bodies lie in. Afterwards `lost` tells of each whether it is on disk. Never rejects. */
  async sync(bodies: Iterable<PendingBlob>): Promise<void> {
    const segments = new Set<OpenSegment>()
    for (const { segment, endOffset } of bodies) {
      if (segment !== undefined && endOffset > segment.syncedBytes) segments.add(segment)
    }
    for (const segment of segments) await this.#syncSegment(segment)
  }

  /** Why a body is not on disk although `sync` was called. */
  lost({ segment, endOffset }: PendingBlob): DiskError | undefined {
    return segment !== undefined && endOffset > segment.syncedBytes ? segment.failed : undefined
  }

  /**
   * Other copies, durable when this resolves, of bodies that the index has elsewhere; packed where that pays. For
   * compaction. @throws DiskError
   */
  async copy(refs: readonly BlobRef[]): Promise<BlobRef[]> {
    const copies = await Promise.all(
      refs.map(async (ref) => {
        const body = await this.#bodyAt(ref)
        const pack = await packed(this.packing, ref.hash, body)
        const told = { hash: ref.hash, sizeBytes: body.length, storedBytes: (pack ?? body).length }
        return this.#putInSegment(told, [pack ?? body], pack !== undefined)
      }),
    )
    const pending = copies.map(({ hash }) => this.#pending.get(hash)!)
    await this.sync(pending)
    for (const one of pending) {
      const lost = this.lost(one)
      if (lost !== undefined) throw lost
    }
    return copies
  }

  /** What a body would take if it were packed, as far as that pays. Of one that is damaged: as it is. */
  async packedBytes(ref: BlobRef): Promise<number> {
    const body = await this.readAt(ref)
    return (body instanceof Buffer ? await packed(this.packing, ref.hash, body) : undefined)?.length ?? ref.sizeBytes
  }

  /** Packs a body that has a file of its own; gives it as it lies there now, durable. @throws DiskError */
  async packOwnFile(ref: BlobRef): Promise<BlobRef> {
    const body = await this.#bodyAt(ref)
    const pack = await packed(this.packing, ref.hash, body)
    const there = { ...ref, storedBytes: (pack ?? body).length }
    if (pack !== undefined) await this.#world.disk.writeFile(this.ownPath(there), pack)
    return there
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#arriving.values())
    for (const { file } of this.#segments.values()) await file.close().catch(() => {})
    this.#segments.clear()
    await this.openFiles.close()
  }

  /** As it came; packed later (compact.ts), but sealed at once. */
  async #keep(body: BodyKept, content: readonly Uint8Array[]): Promise<BlobRef> {
    const isOwn = body.sizeBytes > OWN_FILE_FROM_BYTES
    if (this.packing.seal === undefined) {
      return isOwn ? this.#putOwnFile(body, content) : this.#putInSegment(body, content, false)
    }
    const pack = (await packed(this.packing, body.hash, Buffer.concat(content)))!
    const told = { ...body, storedBytes: pack.length }
    return isOwn ? this.#putOwnFile(told, [pack]) : this.#putInSegment(told, [pack], true)
  }

  /** `isPacked`: the content is not the body itself. */
  async #putInSegment(body: BodyKept, content: readonly Uint8Array[], isPacked: boolean): Promise<BlobRef> {
    const { hash, sizeBytes, storedBytes = sizeBytes } = body
    const recordBytes = HEADER_BYTES + storedBytes
    const segment = await this.#segmentFor(recordBytes)
    segment.plannedBytes += recordBytes
    let offset: number
    try {
      offset = await segment.file.append([recordHeader(hash, storedBytes, isPacked), ...content])
    } catch (error) {
      // A full disk refuses this record and the file is as before. After anything else nothing more is written to it.
      if (!(error instanceof DiskError && error.code === 'full')) this.#giveUp(segment)
      throw error
    }
    const ref: BlobRef = { ...body, segment: segment.number, offset }
    this.#await({ ref, segment, endOffset: offset + recordBytes, sinceMs: this.#world.clock.monotonic() })
    return ref
  }

  async #putOwnFile(body: BodyKept, content: readonly Uint8Array[]): Promise<BlobRef> {
    // While the old copy is being deleted, the new one would go with it.
    await this.#condemned.get(body.hash)
    const ref: BlobRef = { ...body, segment: OWN_FILE, offset: 0 }
    await this.#world.disk.writeFile(this.ownPath(ref), Buffer.concat(content))
    this.#await({ ref, segment: undefined, endOffset: storedBytesOf(ref), sinceMs: this.#world.clock.monotonic() })
    return ref
  }

  #await(pending: PendingBlob): void {
    this.#pending.set(pending.ref.hash, pending)
  }

  async #segmentFor(recordBytes: number): Promise<OpenSegment> {
    for (;;) {
      const current = this.#current
      if (current !== undefined && current.plannedBytes + recordBytes <= SEGMENT_BYTES) return current
      this.#beginning ??= this.#begin().finally(() => {
        this.#beginning = undefined
      })
      await this.#beginning
    }
  }

  /** Nothing more is written to the segments there are; gives the number of the new one. @throws DiskError */
  async beginSegment(): Promise<number> {
    const old = this.#current
    const { number } = await this.#begin()
    if (old !== undefined) await this.#syncSegment(old).then(() => this.#retire(old))
    return number
  }

  async #begin(): Promise<OpenSegment> {
    const old = this.#current
    const number = this.#lastNumber + 1
    const file = await this.#world.disk.open(this.segmentPath(number), true)
    this.#lastNumber = number
    const segment = { number, file, plannedBytes: file.size, syncedBytes: 0, failed: undefined }
    this.#take(segment)
    if (old !== undefined) void this.#syncSegment(old).then(() => this.#retire(old))
    return segment
  }

  #take(segment: OpenSegment): void {
    this.#segments.set(segment.number, segment)
    this.#current = segment
  }

  async #syncSegment(segment: OpenSegment): Promise<void> {
    if (segment.failed !== undefined) return
    const written = segment.file.size
    try {
      await segment.file.sync()
      segment.syncedBytes = Math.max(segment.syncedBytes, written)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      segment.failed ??= error
      this.#giveUp(segment)
      // What was written but not synced may not be there: nobody may be told that it is.
      for (const [hash, pending] of this.#pending) {
        if (pending.segment === segment && pending.endOffset > segment.syncedBytes) this.#pending.delete(hash)
      }
    }
  }

  /** Nothing more is written to it; what was synced stays readable. */
  #giveUp(segment: OpenSegment): void {
    if (this.#current === segment) this.#current = undefined
  }

  /** A full segment whose writers are done is read like any other. */
  #retire(segment: OpenSegment): void {
    if (segment.file.size > segment.syncedBytes || !this.#segments.delete(segment.number)) return
    this.openFiles.adopt(this.segmentPath(segment.number), segment.file)
  }

  #pin(hash: BlobHash): void {
    this.#pins.set(hash, this.#world.clock.monotonic())
  }

  protected override openSegment(number: number): DiskFile | undefined {
    return this.#segments.get(number)?.file
  }

  /** @throws DiskError when it is not there as it should be */
  async #bodyAt(ref: BlobRef): Promise<Buffer> {
    const body = await this.readAt(ref)
    if (body instanceof Buffer) return body
    throw new DiskError('failed', `The body ${ref.hash} is ${body ?? 'missing'}.`)
  }
}
