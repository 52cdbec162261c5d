// Bodies that were put or read lately, in memory, up to a size: the one not used for longest goes first.

import type { BlobHash } from './types.ts'

const MOST_BYTES = 64 * 1024 * 1024

export class BodyCache {
  readonly #bodies = new Map<BlobHash, Buffer>()
  #bytes = 0

  get(hash: BlobHash): Buffer | undefined {
    const body = this.#bodies.get(hash)
    if (body === undefined) return undefined
    this.#bodies.delete(hash)
    this.#bodies.set(hash, body)
    return body
  }

  put(hash: BlobHash, body: Buffer): void {
    if (this.#bodies.has(hash) || body.length > MOST_BYTES / 4) return
    this.#bodies.set(hash, body)
    this.#bytes += body.length
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bytes <= MOST_BYTES) return
      this.#bodies.delete(oldest)
      this.#bytes -= length
    }
  }
}
