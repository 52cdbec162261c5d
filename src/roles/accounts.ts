// Who may sign in: the store's accounts as SASL asks for them. The MSA uses it for Authors, the MDA for Recipients.
// An unknown name costs the same work and gets the same answer as a wrong password. Guesses are counted over all doors.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { Guesses } from '../filter/guesses.ts'
import type { PasswordVerdict, SaslAccounts, SaslMechanism, ScramLookup } from '../protocols/sasl/accounts.ts'
import type { Account } from '../store/types.ts'
import type { Agent } from './agent.ts'
import { Passwords } from './passwords.ts'

/** Passwords proven lately, so that a client that signs in every minute does not cost 20 ms each time. */
const MAX_REMEMBERED = 10_000

export class Accounts implements SaslAccounts {
  readonly mechanisms: readonly SaslMechanism[] = ['SCRAM-SHA-256', 'PLAIN', 'LOGIN']
  readonly #agent: Agent
  readonly passwords: Passwords
  /** Credentials text → keyed digest of the password that fits them. Never the password. */
  readonly #remembered = new Map<string, Buffer>()
  readonly #guesses: Guesses

  /** `iterations`: what new credentials of this system use, so that unknown names cost the same. */
  constructor(agent: Agent, iterations: number) {
    this.#agent = agent
    this.passwords = new Passwords(agent.world, agent.secrets.server, iterations)
    this.#guesses = new Guesses(agent.world.clock)
  }

  async checkPassword(user: string, password: string, from: string): Promise<PasswordVerdict> {
    const name = this.#wholeName(user)
    if (!this.#guesses.admits(name, from)) return { state: 'unavailable' }
    const verdict = await this.#check(name, password)
    this.#guesses.count(name, from)
    return verdict
  }

  async #check(name: string, password: string): Promise<PasswordVerdict> {
    const account = this.#find(name)
    const text = account?.credentials ?? undefined
    const digest = this.#digest(password)
    const known = text === undefined ? undefined : this.#remembered.get(text)
    if (known !== undefined && timingSafeEqual(known, digest)) return { state: 'ok', user: account!.address }
    const right = await this.passwords.check(name, text, password)
    if (!right || account === undefined || text === undefined) return { state: 'refused' }
    await this.#renew(account, text, password)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(text, digest)
    return { state: 'ok', user: account.address }
  }

  scramCredentials(user: string, from: string): ScramLookup {
    const name = this.#wholeName(user)
    if (!this.#guesses.admits(name, from)) return { state: 'unavailable' }
    this.#guesses.count(name, from)
    const account = this.#find(user)
    const text = account?.credentials ?? undefined
    const credentials = text === undefined ? undefined : this.passwords.scram(name, text)
    return { state: 'found', user: account?.address ?? user, credentials: credentials ?? this.passwords.fake(name) }
  }

  /** What is kept in an older form is kept as today, now that the password is here. If the disk refuses, next time. */
  async #renew({ id, address }: Account, text: string, password: string): Promise<void> {
    if (this.passwords.isCurrent(address, text)) return
    const credentials = await this.passwords.make(address, password)
    // Meanwhile it may have become another password.
    if (credentials === undefined || this.#agent.store.account(id)?.credentials !== text) return
    try {
      await this.#agent.store.commit([{ kind: 'account.credentials', account: id, credentials }])
    } catch (error) {
      this.#agent.log('warning', 'a password is kept in its older form still', { error: String(error) })
    }
  }

  signedIn(user: string, from: string): void {
    this.#guesses.right(user, from)
  }

  /** People sign in with their whole address, or with its local part alone at the agent's own domain. */
  #wholeName(user: string): string {
    return user.includes('@') ? user : `${user}@${this.#agent.domain}`
  }

  #find(user: string): Account | undefined {
    const name = this.#wholeName(user)
    const account = this.#agent.store.accountByAddress(name)
    // Only the address itself is a sign-in name: no +detail, no alias.
    return account !== undefined && account.address.toLowerCase() === name.toLowerCase() ? account : undefined
  }

  #digest(password: string): Buffer {
    return createHmac('sha256', this.#agent.secrets.server).update('remembered password\0').update(password).digest()
  }
}
