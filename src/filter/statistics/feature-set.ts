// A bounded set of 32-bit feature hashes, and the hash itself. One set is filled for each message and then emptied by
// turning an epoch, so that a message of any size costs neither an allocation nor a sweep of the table.

/** Murmur's finaliser over a running hash: `mix(mix(salt, a), b)` names the sequence salt, a, b. */
export function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x9e3779b1)
  h ^= h >>> 15
  h = Math.imul(h, 0x85ebca6b)
  return h ^ (h >>> 13)
}

/** The hash of a short text, for salts and for the names of features. */
export function hashText(text: string, salt = 0): number {
  let hash = salt ^ 0x51ed270b
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i))
  return hash
}

/** Collects distinct hashes up to a limit; what comes after the limit is not kept. */
export class FeatureSet {
  readonly #slots: Int32Array
  readonly #epochs: Uint32Array
  readonly #found: Int32Array
  readonly #mask: number
  #epoch = 1
  #size = 0

  constructor(maxFeatures: number) {
    // At most half full, so that a probe ends soon whatever a stranger sends.
    const slots = 2 ** Math.ceil(Math.log2(maxFeatures * 2))
    this.#slots = new Int32Array(slots)
    this.#epochs = new Uint32Array(slots)
    this.#found = new Int32Array(maxFeatures)
    this.#mask = slots - 1
  }

  get isFull(): boolean {
    return this.#size === this.#found.length
  }

  clear(): void {
    this.#size = 0
    if (++this.#epoch <= 0xffffffff) return
    this.#epochs.fill(0)
    this.#epoch = 1
  }

  add(hash: number): void {
    if (this.#size === this.#found.length) return
    const value = hash | 0
    let slot = (value ^ (value >>> 16)) & this.#mask
    while (this.#epochs[slot] === this.#epoch) {
      if (this.#slots[slot] === value) return
      slot = (slot + 1) & this.#mask
    }
    this.#epochs[slot] = this.#epoch
    this.#slots[slot] = value
    this.#found[this.#size++] = value
  }

  /** The hashes in the order in which they first came. */
  toArray(): Int32Array {
    return this.#found.slice(0, this.#size)
  }
}
