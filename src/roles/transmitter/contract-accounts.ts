// Sign-in at the submission door where contracts have credentials: a name without @ is a contract's, everybody else is asked
// for as ever. Both take the same work, so that nobody learns which contracts there are.

import type {
  PasswordVerdict,
  SaslAccounts,
  SaslMechanism,
  ScramLookup,
  TokenVerdict,
} from '../../protocols/sasl/accounts.ts'
import type { ContractTerms } from '../agent.ts'
import type { Contracts } from './contracts.ts'

const ANYBODYS: readonly SaslMechanism[] = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'LOGIN', 'EXTERNAL']

export class ContractAccounts implements SaslAccounts {
  readonly #contracts: Contracts
  /** The Authors', where the agent is an MSA, too. */
  readonly #authors: SaslAccounts | undefined

  constructor(contracts: Contracts, authors: SaslAccounts | undefined) {
    this.#contracts = contracts
    this.#authors = authors
  }

  get mechanisms(): readonly SaslMechanism[] {
    return [...new Set([...(this.#authors?.mechanisms ?? []), ...ANYBODYS])]
  }

  async checkPassword(user: string, password: string, from: string): Promise<PasswordVerdict> {
    const terms = this.#contracts.named(user)
    if (terms !== undefined) return this.#contracts.checkPassword(terms, password, from)
    if (this.#isOpen('PLAIN')) return this.#authors!.checkPassword(user, password, from)
    return this.#contracts.checkPassword({ ...NO_TERMS, isDrawn: false, name: user.slice(0, 100) }, password, from)
  }

  scramCredentials(user: string, from: string): Promise<ScramLookup> | ScramLookup {
    const terms = this.#contracts.named(user)
    if (terms !== undefined) return this.#contracts.scramCredentials(terms, from)
    if (this.#isOpen('SCRAM-SHA-256')) return this.#authors!.scramCredentials(user, from)
    return this.#contracts.scramCredentials({ ...NO_TERMS, isDrawn: false, name: user.slice(0, 100) }, from)
  }

  async checkToken(user: string | undefined, token: string, from: string): Promise<TokenVerdict> {
    return (await this.#authors?.checkToken?.(user, token, from)) ?? { state: 'unavailable' }
  }

  certificateHolder(certificate: Buffer, user: string | undefined, from: string): PasswordVerdict {
    const terms = this.#contracts.ofCertificate(certificate)
    if (terms !== undefined && (user === undefined || user.toLowerCase() === terms.name))
      return { state: 'ok', user: terms.name }
    return this.#authors?.certificateHolder?.(certificate, user, from) ?? { state: 'refused' }
  }

  signedIn(user: string, from: string): void {
    const terms = this.#contracts.named(user)
    if (terms === undefined) this.#authors?.signedIn?.(user, from)
    else this.#contracts.signedIn(terms, from)
  }

  signedOut(): void {
    this.#authors?.signedOut?.()
  }

  /** Authors may prove themselves so. */
  #isOpen(mechanism: SaslMechanism): boolean {
    return this.#authors?.mechanisms.includes(mechanism) ?? false
  }
}

/** A contract of which nothing is said. */
export const NO_TERMS: Omit<ContractTerms, 'name' | 'isDrawn'> = {
  domains: [],
  networks: [],
  certificates: [],
  hasPassword: false,
  messagesPerDay: undefined,
  messagesPerMinute: undefined,
  recipients: undefined,
  messageBytes: undefined,
  queueMessages: undefined,
  queueBytes: undefined,
  connections: undefined,
  pool: undefined,
}
