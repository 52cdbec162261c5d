// Programs on devices without a browser (RFC 8628): the device shows a short code, its owner types it on a page of ours and
// agrees there, and the device, which asks again and again, gets its tokens. Attempts live in memory, bounded, for ten minutes:
// a device whose attempt was lost begins anew.

import { createHash } from 'node:crypto'
import type { Clock, Random } from '../../world/world.ts'
import type { OAuthClient } from './clients.ts'
import { digestOf, newSecret } from './tokens.ts'

const LIFETIME_MS = 600_000
const INTERVAL_MS = 5000
const MOST = 10_000
/** RFC 8628 §6.1: no vowels, so no words; nothing that looks like something else. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8

export interface DeviceAttempt {
  readonly client: OAuthClient
  readonly scopes: readonly string[]
  /** Binds the grant's code to the device, as PKCE would. */
  readonly verifier: string
  readonly userCode: string
  readonly untilMs: number
  intervalMs: number
  polledAtMs: number
  answer: 'pending' | 'denied' | { readonly code: string }
}

export class Devices {
  readonly #world: { readonly clock: Clock; readonly random: Random }
  /** By the digest of the device's code, oldest first. */
  readonly #attempts = new Map<string, DeviceAttempt>()

  constructor(world: { readonly clock: Clock; readonly random: Random }) {
    this.#world = world
  }

  /** RFC 8628 §3.2. */
  begin(client: OAuthClient, scopes: readonly string[]) {
    const { clock, random } = this.#world
    const deviceCode = newSecret(random)
    const letters = Array.from({ length: LENGTH }, () => LETTERS[random.integer(LETTERS.length)]).join('')
    const attempt: DeviceAttempt = {
      client,
      scopes,
      verifier: random.bytes(32).toString('base64url'),
      userCode: letters,
      untilMs: clock.now() + LIFETIME_MS,
      intervalMs: INTERVAL_MS,
      polledAtMs: Number.NEGATIVE_INFINITY,
      answer: 'pending',
    }
    if (this.#attempts.size >= MOST) this.#attempts.delete(this.#attempts.keys().next().value!)
    this.#attempts.set(digestOf(deviceCode), attempt)
    const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`
    return { deviceCode, userCode, expiresInS: LIFETIME_MS / 1000, intervalS: INTERVAL_MS / 1000 }
  }

  /** The attempt that waits for this code, however a person types it. */
  waiting(userCode: string): DeviceAttempt | undefined {
    const letters = userCode.toUpperCase().replace(/[^A-Z]/g, '')
    const nowMs = this.#world.clock.now()
    for (const attempt of this.#attempts.values())
      if (attempt.userCode === letters && attempt.answer === 'pending' && attempt.untilMs > nowMs) return attempt
    return undefined
  }

  /** A device asks (RFC 8628 §3.5); what was agreed to is told once. */
  poll(
    deviceCode: string,
    client: string,
  ): DeviceAttempt | 'expired_token' | 'authorization_pending' | 'slow_down' | 'access_denied' {
    const { clock } = this.#world
    const key = digestOf(deviceCode)
    const attempt = this.#attempts.get(key)
    if (attempt === undefined || attempt.client.id !== client) return 'expired_token'
    if (attempt.untilMs <= clock.now()) {
      this.#attempts.delete(key)
      return 'expired_token'
    }
    if (attempt.answer === 'pending') {
      const isHasty = clock.monotonic() - attempt.polledAtMs < attempt.intervalMs
      attempt.polledAtMs = clock.monotonic()
      if (isHasty) attempt.intervalMs += INTERVAL_MS
      return isHasty ? 'slow_down' : 'authorization_pending'
    }
    this.#attempts.delete(key)
    return attempt.answer === 'denied' ? 'access_denied' : attempt
  }
}

/** What the grant of a device keeps in PKCE's place. */
export const challengeOf = ({ verifier }: DeviceAttempt): string =>
  createHash('sha256').update(verifier).digest('base64url')
