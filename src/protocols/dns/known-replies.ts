// Replies of a DNS server by their questions, until its zones change: the same few are asked for again and again, each time
// with another id and other letters' case in the name (0x20), and nothing else of a reply depends on who asks.

import { headerBytes } from './wire.ts'
import type { ZoneTable } from './zone.ts'

/** Of those, at most 1232 bytes each, the ones that were asked first are forgotten. */
const MOST_KNOWN = 50_000
const LONGEST_LABEL = 63
const DOT = 0x2e

export class KnownReplies {
  readonly #zones: ZoneTable
  readonly #answer: (question: Buffer) => Buffer | undefined
  /** As text: a small Buffer that is kept keeps the whole slab (64 KB) that Node cut it from. */
  readonly #known = new Map<string, string>()
  #changes = 0

  /** `answer`: what the zones say, as a datagram. */
  constructor(zones: ZoneTable, answer: (question: Buffer) => Buffer | undefined) {
    this.#zones = zones
    this.#answer = answer
  }

  to(question: Buffer): Buffer | undefined {
    const end = endOfName(question)
    if (end === undefined) return this.#answer(question)
    if (this.#changes !== this.#zones.changes) this.#known.clear()
    this.#changes = this.#zones.changes
    const name = question.toString('latin1', headerBytes, end)
    const key = `${name.toLowerCase()}${question.toString('latin1', 2, headerBytes)}${question.toString('latin1', end)}`
    const known = this.#known.get(key)
    if (known !== undefined) {
      const reply = Buffer.from(known, 'latin1')
      question.copy(reply, 0, 0, 2)
      question.copy(reply, headerBytes, headerBytes, end)
      return reply
    }
    const reply = this.#answer(question)
    // A header alone says what is wrong with a question, and repeats none of it.
    if (reply?.subarray(headerBytes, end).equals(question.subarray(headerBytes, end))) {
      if (this.#known.size >= MOST_KNOWN) this.#known.delete(this.#known.keys().next().value!)
      this.#known.set(key, reply.toString('latin1'))
    }
    return reply
  }
}

/** Where the name of the only question ends; undefined where it is not written as names are, or is not the only one. */
function endOfName(message: Buffer): number | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1) return undefined
  let at = headerBytes
  for (;;) {
    const length = message[at]
    if (length === undefined || length > LONGEST_LABEL) return undefined
    const end = at + 1 + length
    // The case of other letters is not ASCII's, and a dot within a label would be read as two labels.
    for (let i = at + 1; i < end; i++) {
      const byte = message[i]
      if (byte === undefined || byte > 0x7f || byte === DOT) return undefined
    }
    at = end
    if (length === 0) return at
  }
}
