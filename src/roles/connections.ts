// Who is connected now, and with what: so that its owner sees them, and a password, certificate or grant that is revoked or
// changed ends what it opened.

import type { PasswordVerdict, SaslAccounts, ScramLookup, TokenVerdict } from '../protocols/sasl/accounts.ts'
import type { AccountId } from '../store/nouns/people.ts'
import type { Accounts } from './accounts.ts'
import type { Door } from './app-passwords.ts'
import type { Holder } from './certificates.ts'

/** Stands where the id of an app password or a grant stands; no object has it. */
export const OTHER_ISSUER = 0

export interface Connection {
  readonly id: number
  readonly door: Door
  readonly from: string
  readonly sinceMs: number
  /** The app password, certificate or grant; OTHER_ISSUER; undefined: the password itself, or a certificate of the description. */
  readonly by: number | undefined
}

interface Open extends Connection {
  readonly account: AccountId
  readonly close: () => void
}

export class Connections {
  readonly #open = new Map<number, Open>()
  #lastId = 0

  /** Gives the way to take it out again. */
  add(connection: Omit<Open, 'id'>): () => void {
    const id = ++this.#lastId
    this.#open.set(id, { ...connection, id })
    return () => this.#open.delete(id)
  }

  of(account: AccountId): Connection[] {
    return [...this.#open.values()]
      .filter((one) => one.account === account)
      .map(({ id, door, from, sinceMs, by }) => ({ id, door, from, sinceMs, by }))
  }

  /** Ends those of an account that are meant; how many. */
  end(account: AccountId, isMeant: (connection: Connection) => boolean): number {
    const meant = [...this.#open.values()].filter((one) => one.account === account && isMeant(one))
    for (const one of meant) {
      this.#open.delete(one.id)
      one.close()
    }
    return meant.length
  }
}

/** The accounts as one connection asks for them: knows which password opened it. */
export class ConnectionAccounts implements SaslAccounts {
  readonly #accounts: Accounts
  readonly #mechanisms: SaslAccounts['mechanisms'] | undefined
  readonly #door: Door
  readonly #close: () => void
  #by: number | undefined
  #leave: (() => void) | undefined

  /** `mechanisms`: when not all of the accounts' are offered here. */
  constructor(accounts: Accounts, door: Door, close: () => void, mechanisms?: SaslAccounts['mechanisms']) {
    this.#mechanisms = mechanisms
    this.#accounts = accounts
    this.#door = door
    this.#close = close
  }

  get mechanisms(): SaslAccounts['mechanisms'] {
    return this.#mechanisms ?? this.#accounts.mechanisms
  }

  async checkPassword(user: string, password: string, from: string): Promise<PasswordVerdict> {
    const verdict = await this.#accounts.checkPassword(user, password, from, this.#door)
    this.#by = verdict.state === 'ok' ? verdict.by : undefined
    return verdict
  }

  scramCredentials(user: string, from: string): ScramLookup {
    this.#by = undefined
    return this.#accounts.scramCredentials(user, from, this.#door, (id) => {
      this.#by = id
    })
  }

  certificateHolder(certificate: Buffer, user: string | undefined, from: string): PasswordVerdict {
    const verdict = this.#accounts.certificateHolder(certificate, user, from, this.#door)
    this.#by = verdict.state === 'ok' ? verdict.by : undefined
    return verdict
  }

  async checkToken(user: string | undefined, token: string, from: string): Promise<TokenVerdict> {
    const verdict = await this.#accounts.checkToken(user, token, from, this.#door)
    this.#by = verdict.state === 'ok' ? verdict.by : undefined
    return verdict
  }

  signedIn(user: string, from: string): void {
    this.left()
    const account = this.#accounts.signedIn(user, from)
    if (account === undefined) return
    // Revoked between the proof and now.
    const { appPasswords, certificates, grants } = this.#accounts
    const isThere = (by: number) =>
      by === OTHER_ISSUER ||
      appPasswords.list(account).some(({ id }) => id === by) ||
      certificates.has(account, by) ||
      grants.has(account, by)
    const isRevoked = this.#by !== undefined && !isThere(this.#by)
    if (isRevoked) this.#close()
    else
      this.#leave = this.#accounts.noteConnection(account, {
        door: this.#door,
        from,
        by: this.#by,
        close: this.#close,
      })
  }

  /** Of whom a certificate makes the client the Author, without a sign-in; the connection is theirs then. */
  authorsByCertificate(certificate: Buffer): readonly Holder[] {
    return this.#accounts.certificates.holders(certificate, this.#door)
  }

  /** A message was let in on this certificate: the connection is listed, once. */
  authorKnown({ account, id }: Holder, from: string): void {
    if (this.#leave !== undefined) return
    if (id !== undefined) this.#accounts.certificates.used(account, id, this.#door, from)
    this.#leave = this.#accounts.noteConnection(account, { door: this.#door, from, by: id, close: this.#close })
  }

  signedOut(): void {
    this.left()
  }

  /** The connection is over, or somebody else's from now on. */
  left(): void {
    this.#leave?.()
    this.#leave = undefined
  }
}
