// The second factor of who signs in at the web: a code that a telephone computes from a shared secret and the time (TOTP,
// RFC 6238), or one of ten recovery codes, each good once. A code that was taken is never taken again (RFC 6238 §5.2). While
// it is on, programs need app passwords: nobody can ask them for a code.

import { createHash } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'
import type { Account } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'
import { InTurn } from './in-turn.ts'
import type { Passwords } from './passwords.ts'

/** As it is stored. */
interface Kept {
  /** Sealed, base32 inside. */
  readonly secret: string
  /** The telephone has shown that it knows the secret. */
  readonly isOn: boolean
  /** The time step of the last code that was taken. */
  readonly lastStep: number
  /** SHA-256 of the recovery codes that are left. */
  readonly recovery: readonly string[]
}

const PERIOD_S = 30
const SECRET_BYTES = 20
const RECOVERY_CODES = 10
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'

export class SecondFactor {
  readonly #agent: Agent
  readonly #passwords: Passwords
  /** Two with the same code must not both pass. */
  readonly #turns = new InTurn()

  constructor(agent: Agent, passwords: Passwords) {
    this.#agent = agent
    this.#passwords = passwords
  }

  isOn({ id }: Account): boolean {
    return this.#kept(id)?.isOn ?? false
  }

  /** Recovery codes that are left. */
  codesLeft({ id }: Account): number {
    return this.#kept(id)?.recovery.length ?? 0
  }

  /** A new secret, as text and as what a telephone photographs. It counts once `confirm` has seen a code. */
  async enrol(account: Account): Promise<{ secret: string; uri: string } | { complaint: string }> {
    return this.#turns.run(account.id, async () => {
      if (this.isOn(account)) return { complaint: 'It is on already.' }
      const secret = new Secret({ buffer: new Uint8Array(this.#agent.world.random.bytes(SECRET_BYTES)).buffer })
      const sealed = this.#passwords.seal(account.address, secret.base32)
      await this.#put(account, { secret: sealed, isOn: false, lastStep: 0, recovery: [] })
      return { secret: secret.base32, uri: totpOf(account, secret).toString() }
    })
  }

  /** Turns it on, and gives the recovery codes: shown once. */
  async confirm(account: Account, code: string): Promise<{ codes: readonly string[] } | { complaint: string }> {
    return this.#turns.run(account.id, async () => {
      const kept = this.#kept(account.id)
      if (kept === undefined || kept.isOn) return { complaint: 'Begin anew.' }
      const step = this.#stepOf(account, kept, code)
      if (step === undefined) return { complaint: 'The code is not right. Does the telephone know what time it is?' }
      const codes = Array.from({ length: RECOVERY_CODES }, () => this.#newCode())
      const isKept = await this.#put(account, { ...kept, isOn: true, lastStep: step, recovery: codes.map(digestOf) })
      return isKept ? { codes } : { complaint: 'Begin anew.' }
    })
  }

  /** Is this a code that may pass now. It never passes again: that is durable before the answer. @throws DiskError */
  async take(account: Account, code: string): Promise<boolean> {
    return this.#turns.run(account.id, async () => {
      const kept = this.#kept(account.id)
      if (kept === undefined || !kept.isOn) return false
      const step = this.#stepOf(account, kept, code)
      if (step !== undefined) {
        return this.#put(account, { ...kept, lastStep: step })
      }
      const digest = digestOf(code)
      if (!kept.recovery.includes(digest)) return false
      return this.#put(account, { ...kept, recovery: kept.recovery.filter((one) => one !== digest) })
    })
  }

  async turnOff({ id: account }: Account): Promise<void> {
    await this.#agent.store.commit(
      this.#agent.store.lists
        .objects(account, 'second-factor')
        .map(({ id }) => ({ kind: 'object.remove', account, of: 'second-factor', id }) as const),
    )
  }

  /** The time step of a code that is right within a step of now and newer than the last one taken. */
  #stepOf(account: Account, kept: Kept, code: string): number | undefined {
    const token = code.replace(/\s/g, '')
    const secret = this.#passwords.open(account.address, kept.secret)
    if (!/^\d{6}$/.test(token) || secret === undefined) return undefined
    const timestamp = this.#agent.world.clock.now()
    const delta = totpOf(account, Secret.fromBase32(secret)).validate({ token, timestamp, window: 1 })
    if (delta === null) return undefined
    const step = Math.floor(timestamp / 1000 / PERIOD_S) + delta
    return step > kept.lastStep ? step : undefined
  }

  #newCode(): string {
    const letters = [...this.#agent.world.random.bytes(10)].map((byte) => ALPHABET[byte & 31]).join('')
    return `${letters.slice(0, 5)}-${letters.slice(5)}`
  }

  #kept(account: number): Kept | undefined {
    const [object] = this.#agent.store.lists.objects(account, 'second-factor')
    return object === undefined ? undefined : (JSON.parse(object.value) as Kept)
  }

  /** False: another node of the store was first. */
  async #put({ id: account }: Account, kept: Kept): Promise<boolean> {
    const [known] = this.#agent.store.lists.objects(account, 'second-factor')
    const put = { kind: 'object.put', account, of: 'second-factor', value: JSON.stringify(kept), atMost: 1 } as const
    const [result] = await this.#agent.store.commit([
      known === undefined ? put : { ...put, id: known.id, was: known.value },
    ])
    if (!result!.ok && result!.reason !== 'conflict') throw new Error(result!.message)
    return result!.ok
  }
}

const totpOf = ({ address }: Account, secret: Secret) =>
  new TOTP({ issuer: 'Borderpost', label: address, algorithm: 'SHA1', digits: 6, period: PERIOD_S, secret })

/** As people type it: case and dashes do not matter. Fifty bits and guesses that are counted need no slower hash. */
const digestOf = (code: string) =>
  createHash('sha256')
    .update(code.toLowerCase().replace(/[^a-z0-9]/g, ''))
    .digest('hex')
