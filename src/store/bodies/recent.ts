// Bodies that were put or read lately, in memory up to a size; the one not used for longest goes first. What is given out is
// what was put under that hash, and nobody may write into it.

import type { BlobHash } from '../nouns/bodies.ts'

export class RecentBodies {
  readonly #limitBytes: number
  /** The one not used for longest comes first. */
  readonly #bodies = new Map<BlobHash, Buffer>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get(hash: BlobHash): Buffer | undefined {
    const body = this.#bodies.get(hash)
    if (body === undefined) return undefined
    this.#bodies.delete(hash)
    this.#bodies.set(hash, body)
    return body
  }

  put(hash: BlobHash, body: Buffer): void {
    if (this.#bodies.has(hash) || body.length > this.#limitBytes / 4) return
    this.#bodies.set(hash, body)
    this.#bytes += body.length
    for (const oldest of this.#bodies.keys()) {
      if (this.#bytes <= this.#limitBytes) return
      this.forget(oldest)
    }
  }

  forget(hash: BlobHash): void {
    this.#bytes -= this.#bodies.get(hash)?.length ?? 0
    this.#bodies.delete(hash)
  }
}
