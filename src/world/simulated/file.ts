// The bytes of one simulated file, with what a crash may do to them: every append that was not synced survives wholly,
// in part or not at all; a hole before a survivor reads as zeros, as on a real file system whose size reached the disk
// before the data did.

import type { Random } from '../world.ts'

export class FileContent {
  #bytes = Buffer.alloc(0)
  #size = 0
  #syncedSize = 0
  /** Where each append that is not synced yet ends. */
  #unsyncedEnds: number[] = []

  get size(): number {
    return this.#size
  }

  append(chunks: readonly Uint8Array[]): number {
    const start = this.#size
    let end = start
    for (const chunk of chunks) end += chunk.length
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, this.#bytes.length * 2, 256))
      larger.set(this.#bytes.subarray(0, start))
      this.#bytes = larger
    }
    let at = start
    for (const chunk of chunks) {
      this.#bytes.set(chunk, at)
      at += chunk.length
    }
    this.#size = end
    if (end > start) this.#unsyncedEnds.push(end)
    return start
  }

  /** A copy: what is read may be kept. */
  read(offset: number, length: number): Buffer {
    return Buffer.from(this.#bytes.subarray(Math.min(offset, this.#size), Math.min(offset + length, this.#size)))
  }

  /** Everything below `size` survives a crash from now on. */
  markSynced(size: number): void {
    this.#syncedSize = Math.max(this.#syncedSize, Math.min(size, this.#size))
    this.#unsyncedEnds = this.#unsyncedEnds.filter((end) => end > this.#syncedSize)
  }

  /** Cuts, durably: a size is metadata, and the file systems we run on journal it. */
  truncate(size: number): void {
    if (size >= this.#size) return
    this.#size = size
    this.#syncedSize = Math.min(this.#syncedSize, size)
    this.#unsyncedEnds = this.#unsyncedEnds.filter((end) => end < size)
    if (this.#syncedSize < size) this.#unsyncedEnds.push(size)
  }

  /** What a power failure leaves. */
  crash(random: Random): void {
    let start = this.#syncedSize
    let survivorsEnd = start
    for (const end of this.#unsyncedEnds) {
      const fate = random.integer(3)
      const kept = fate === 0 ? 0 : fate === 1 ? end - start : random.integer(end - start)
      this.#bytes.fill(0, start + kept, end)
      if (kept > 0) survivorsEnd = start + kept
      start = end
    }
    this.#size = survivorsEnd
    this.#syncedSize = survivorsEnd
    this.#unsyncedEnds = []
  }
}
