// What a passkey signs to prove that it is here and now (WebAuthn §13.4.3): chance, the time, and our own signature over both
// and what it is for. Nothing is kept of one that was given out, so asking for many costs no memory, and any node that has
// the secret takes it. That none passes twice is for whoever takes it: each says when it was made.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { World } from '../world/world.ts'

const LIFETIME_MS = 5 * 60_000
/** Nodes of one store differ by less; what is said to be made later was made while a clock was wrong. */
export const AHEAD_AT_MOST_MS = 3_600_000
const CHANCE_BYTES = 16
const TIME_BYTES = 8
const MAC_BYTES = 16

export type Purpose = 'register' | 'sign-in' | 'second-factor'

export class Challenges {
  readonly #world: Pick<World, 'clock' | 'random'>
  readonly #key: Buffer
  #lastMs = 0

  constructor(world: Pick<World, 'clock' | 'random'>, secret: Buffer) {
    this.#world = world
    this.#key = createHmac('sha256', secret).update('challenges of passkeys').digest()
  }

  /** `subject`: the address that alone may answer; '' for whoever comes. */
  issue(purpose: Purpose, subject = ''): Buffer {
    const head = Buffer.alloc(TIME_BYTES + CHANCE_BYTES)
    // Never two at the same time, so that "none before this one" tells them apart.
    const nowMs = this.#world.clock.now()
    this.#lastMs = this.#lastMs > nowMs + AHEAD_AT_MOST_MS ? nowMs : Math.max(nowMs, this.#lastMs + 1)
    head.writeBigUInt64BE(BigInt(this.#lastMs))
    this.#world.random.bytes(CHANCE_BYTES).copy(head, TIME_BYTES)
    return Buffer.concat([head, this.#mac(head, purpose, subject)])
  }

  /** When it was made; undefined: not here, not for this, or too long ago. */
  madeAtMs(text: string, purpose: Purpose, subject = ''): number | undefined {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length !== TIME_BYTES + CHANCE_BYTES + MAC_BYTES) return undefined
    const head = bytes.subarray(0, TIME_BYTES + CHANCE_BYTES)
    if (!timingSafeEqual(bytes.subarray(head.length), this.#mac(head, purpose, subject))) return undefined
    const madeAtMs = Number(head.readBigUInt64BE())
    const ageMs = this.#world.clock.now() - madeAtMs
    return ageMs <= LIFETIME_MS && ageMs >= -AHEAD_AT_MOST_MS ? madeAtMs : undefined
  }

  #mac(head: Buffer, purpose: Purpose, subject: string): Buffer {
    return createHmac('sha256', this.#key)
      .update(`${purpose}\0${subject.toLowerCase()}\0`)
      .update(head)
      .digest()
      .subarray(0, MAC_BYTES)
  }
}
