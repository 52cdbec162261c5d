// Which header fields a signature covers, and their canonical bytes (RFC 6376 §3.7, §5.4.2): for each name in h=, the
// lowest field of that name that is not taken yet; a name without a field left stands for nothing. One object serves
// all signatures of a message, so that no field is made canonical twice.

import type { Header, HeaderField } from '../../message/header.ts'
import { type BodyHash, type Canonicalization, canonicalField, hashBody } from './canonical.ts'

/** The canonical parts of one message, made when first asked for. */
export class CanonicalMessage {
  readonly header: Header
  readonly #byName = new Map<string, HeaderField[]>()
  readonly #fields = { simple: new Map<HeaderField, Buffer>(), relaxed: new Map<HeaderField, Buffer>() }
  readonly #bodies = new Map<string, BodyHash>()

  constructor(header: Header) {
    this.header = header
    for (const field of header.fields) {
      const same = this.#byName.get(field.lowerName)
      if (same) same.push(field)
      else this.#byName.set(field.lowerName, [field])
    }
  }

  field(field: HeaderField, method: Canonicalization): Buffer {
    const known = this.#fields[method].get(field)
    if (known) return known
    const bytes = canonicalField(this.header, field, method)
    this.#fields[method].set(field, bytes)
    return bytes
  }

  /** How many fields of that (lower-case) name there are. */
  count(name: string): number {
    return this.#byName.get(name)?.length ?? 0
  }

  /** The canonical fields that `names` select, in order. */
  select(names: readonly string[], method: Canonicalization): Buffer[] {
    const taken = new Map<string, number>()
    const chosen: Buffer[] = []
    for (const name of names) {
      const same = this.#byName.get(name)
      if (!same) continue
      const used = taken.get(name) ?? 0
      taken.set(name, used + 1)
      const field = same[same.length - 1 - used]
      if (field) chosen.push(this.field(field, method))
    }
    return chosen
  }

  bodyHash(method: Canonicalization, limit?: number): BodyHash {
    const name = `${method} ${limit}`
    let hash = this.#bodies.get(name)
    if (!hash) {
      const { source, bodyStart } = this.header
      hash = hashBody(source, bodyStart, source.length, method, limit)
      this.#bodies.set(name, hash)
    }
    return hash
  }
}
