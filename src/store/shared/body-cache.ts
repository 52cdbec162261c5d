// Bodies of S3 that this node has read, on its own disk, up to a size; the one not read for longest goes first. Nothing here
// is promised to anybody: what is torn or damaged fails its hash and is fetched again, a disk that refuses keeps nothing, and
// the folder may be deleted at any time; where the store is encrypted, they are, too. After a start it is unknown what was read last: what is there counts as old.

import { type Disk, DiskError } from '../../world/disk.ts'
import { hashOf } from '../bodies/segment.ts'
import type { BlobHash } from '../nouns/bodies.ts'

/** More is not written at once: what comes meanwhile is left out. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024
const NAME = /^([0-9a-f]{64})-(\d{1,12})$/

export class BodyCache {
  readonly #disk: Disk
  readonly #folder: string
  readonly #limitBytes: number
  /** What is here and whole as far as is known, by hash: its bytes. The one not read for longest comes first. */
  readonly #kept = new Map<BlobHash, number>()
  #bytes = 0
  #waitingBytes = 0
  /** The last thing that is done with files. */
  #work: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, folder: string, limitBytes: number) {
    this.#disk = disk
    this.#folder = folder
    this.#limitBytes = limitBytes
  }

  /** Finds what is there; more than the limit goes. @throws DiskError */
  static async open(disk: Disk, folder: string, limitBytes: number): Promise<BodyCache> {
    const cache = new BodyCache(disk, folder, limitBytes)
    for (const part of await disk.list(folder)) {
      for (const name of await disk.list(`${folder}/${part}`)) {
        const [, hash, bytes] = NAME.exec(name) ?? []
        if (hash === undefined) continue
        cache.#kept.set(hash, Number(bytes))
        cache.#bytes += Number(bytes)
      }
    }
    cache.#shrink()
    await cache.#work
    return cache
  }

  /** Undefined: it is not here, or not as it should be. */
  async get(hash: BlobHash): Promise<Buffer | undefined> {
    const bytes = this.#kept.get(hash)
    if (bytes === undefined) return undefined
    this.#kept.delete(hash)
    this.#kept.set(hash, bytes)
    const kept = await this.#disk.readFile(this.#path(hash, bytes)).catch(ifRefused)
    const { seal } = this.#disk
    const content = kept && seal ? seal.tryOpen(kept, contextOf(hash)) : kept
    if (content !== undefined && hashOf([content]) === hash) return content
    // Unless it went away while it was read.
    if (this.#kept.has(hash)) this.forget(hash)
    return undefined
  }

  /** Keeps it, a moment later. */
  put(hash: BlobHash, content: Buffer): void {
    const bytes = content.length
    if (this.#kept.has(hash) || bytes > this.#limitBytes / 4 || this.#waitingBytes + bytes > MOST_WAITING_BYTES) return
    this.#waitingBytes += bytes
    this.#next(async () => {
      this.#waitingBytes -= bytes
      if (this.#kept.has(hash)) return
      const path = this.#path(hash, bytes)
      try {
        const file = await this.#disk.open(path, true)
        try {
          await file.truncate(0)
          await file.append([this.#disk.seal?.seal(content, contextOf(hash)) ?? content])
        } finally {
          await file.close()
        }
      } catch (error) {
        await this.#disk.remove(path).catch(ifRefused)
        throw error
      }
      this.#kept.set(hash, bytes)
      this.#bytes += bytes
      this.#shrink()
    })
  }

  /** Nobody names it any more. */
  forget(hash: BlobHash): void {
    const bytes = this.#kept.get(hash)
    if (bytes === undefined) return
    this.#kept.delete(hash)
    this.#bytes -= bytes
    this.#next(() => this.#disk.remove(this.#path(hash, bytes)))
  }

  async close(): Promise<void> {
    await this.#work
  }

  #shrink(): void {
    for (const hash of this.#kept.keys()) {
      if (this.#bytes <= this.#limitBytes) return
      this.forget(hash)
    }
  }

  #next(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch(ifRefused)
  }

  #path(hash: BlobHash, bytes: number): string {
    return `${this.#folder}/${hash.slice(0, 2)}/${hash}-${bytes}`
  }
}

const contextOf = (hash: BlobHash) => `cached body ${hash}`

/** A cache that cannot keep something has done nothing wrong. */
function ifRefused(error: unknown): undefined {
  if (!(error instanceof DiskError)) throw error
}
