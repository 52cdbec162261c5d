// App passwords: one for each mail program, made here and never chosen, good for the doors that their owner names and for
// nothing else, revoked alone. They are a hundred bits of chance, so SCRAM's keys of them are all that need be kept.

import {
  formatCredentials,
  parseCredentials,
  preparePassword,
  type ScramCredentials,
} from '../protocols/sasl/credentials.ts'
import type { Account } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'
import { isNoteworthy, type LastUse } from './last-use.ts'
import type { Passwords } from './passwords.ts'

export const DOORS = ['imap', 'pop3', 'smtp', 'jmap', 'managesieve'] as const
/** Where a program signs in. */
export type Door = (typeof DOORS)[number]

export interface AppPassword {
  readonly id: number
  readonly name: string
  readonly doors: readonly Door[]
  readonly createdAtMs: number
  readonly lastUse: LastUse | null
}

/** As it is stored. */
interface Kept extends Omit<AppPassword, 'id'> {
  readonly keys: string
}

const MOST = 50
const MAX_NAME = 100
/** No l, o, 0, 1: it is read from one screen and typed at another. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'
const LETTERS = 20

export class AppPasswords {
  readonly #agent: Agent
  readonly #passwords: Passwords

  constructor(agent: Agent, passwords: Passwords) {
    this.#agent = agent
    this.#passwords = passwords
  }

  list({ id }: Account): AppPassword[] {
    return this.#kept(id).map(({ keys: _, ...shown }) => shown)
  }

  /** The password, which is shown once and kept nowhere. */
  async make(
    account: Account,
    name: string,
    doors: readonly Door[],
  ): Promise<{ secret: string } | { complaint: string }> {
    const called = name.trim().slice(0, MAX_NAME)
    if (called === '') return { complaint: 'Say for which program it is.' }
    if (doors.length === 0) return { complaint: 'Say what it is good for.' }
    const { store, world } = this.#agent
    const secret = [...world.random.bytes(LETTERS)]
      .map((byte, at) => `${at > 0 && at % 5 === 0 ? '-' : ''}${ALPHABET[byte & 31]}`)
      .join('')
    const keys = formatCredentials(await this.#passwords.scramKeys(account.address, preparePassword(secret)!))
    const kept: Kept = {
      name: called,
      doors,
      createdAtMs: world.clock.now(),
      lastUse: null,
      keys: this.#passwords.seal(account.address, keys),
    }
    const put = {
      kind: 'object.put',
      account: account.id,
      of: 'app-password',
      value: JSON.stringify(kept),
      atMost: MOST,
    } as const
    const [result] = await store.commit([put])
    return result!.ok ? { secret } : { complaint: result!.message }
  }

  async revoke({ id: account }: Account, id: number): Promise<boolean> {
    const [result] = await this.#agent.store.commit([{ kind: 'object.remove', account, of: 'app-password', id }])
    return result!.ok
  }

  /** Those that are good for this door, with their keys. `text`: of the sealed keys, never the same for two. */
  at({ id: account, address }: Account, door: Door): { id: number; text: string; keys: ScramCredentials }[] {
    return this.#kept(account).flatMap(({ id, doors, keys: text }) => {
      if (!doors.includes(door)) return []
      const opened = this.#passwords.open(address, text)
      const keys = opened === undefined ? undefined : parseCredentials(opened)
      return keys === undefined ? [] : [{ id, text, keys }]
    })
  }

  /** Notes when and from where; nobody waits for it. */
  used({ id: account }: Account, id: number, door: Door, from: string): void {
    const { store, world, log } = this.#agent
    const found = this.#kept(account).find((one) => one.id === id)
    const lastUse = { atMs: world.clock.now(), from, door }
    if (found === undefined || !isNoteworthy(found.lastUse, lastUse)) return
    const { id: _, ...kept } = found
    const value = JSON.stringify({ ...kept, lastUse } satisfies Kept)
    store
      .commit([{ kind: 'object.put', account, of: 'app-password', id, value, atMost: MOST }])
      .catch((error: unknown) => log('warning', 'the use of an app password was not noted', { error: String(error) }))
  }

  #kept(account: number): (Kept & { readonly id: number })[] {
    return this.#agent.store.lists
      .objects(account, 'app-password')
      .map(({ id, value }) => ({ ...(JSON.parse(value) as Kept), id }))
  }
}
