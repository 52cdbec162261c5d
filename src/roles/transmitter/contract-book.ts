// What those whose mail is carried under a contract may know of it, by their own credentials: its messages and what became
// of them, its counts and limits, whom it does not write to any more, and where its programs are told.

import type { Account } from '../../store/nouns/people.ts'
import type { Agent, ContractTerms } from '../agent.ts'
import { SendingDesk } from '../msa/sending.ts'
import type { Contracts } from './contracts.ts'

const DAYS_TOLD = 30
const MOST_SUPPRESSED = 1000

export class ContractBook {
  readonly #agent: Agent
  readonly #contracts: Contracts
  readonly #account: Account
  readonly terms: ContractTerms
  readonly messages: SendingDesk

  constructor(agent: Agent, contracts: Contracts, terms: ContractTerms, account: Account) {
    this.#agent = agent
    this.#contracts = contracts
    this.#account = account
    this.terms = terms
    this.messages = new SendingDesk(agent, account)
  }

  /** What was agreed, and how it stands. */
  overview() {
    const { name, messagesPerDay, messagesPerMinute, recipients, messageBytes } = this.terms
    return {
      name,
      state: this.#contracts.isSuspended(this.terms) ? 'suspended' : 'open',
      limits: {
        messagesPerDay: messagesPerDay ?? null,
        messagesPerMinute: messagesPerMinute ?? null,
        recipients: recipients ?? null,
        messageBytes: messageBytes ?? this.#agent.settings.maxMessageBytes,
      },
      domains: this.terms.domains.map((domain) => this.#contracts.domainState(this.terms, domain)),
      days: this.#contracts.days(this.terms, DAYS_TOLD),
    }
  }

  /** Whom it does not write to any more, in the order of their addresses; `next`: `after` of the next page. */
  suppressed(after: string, limit: number) {
    const found = this.#agent.store.bounces.suppressedAfter(
      this.#account.address,
      after,
      Math.min(limit, MOST_SUPPRESSED) + 1,
    )
    const page = found.slice(0, limit)
    return {
      suppressed: page.map(({ address, reason, said, atMs }) => ({
        ...{ address, reason, said },
        since: new Date(atMs).toISOString(),
      })),
      next: found.length > page.length ? page.at(-1)!.address : null,
    }
  }

  /** It is written to again. False: it was not on the list. @throws DiskError */
  async unsuppress(address: string): Promise<boolean> {
    const { store } = this.#agent
    const owner = this.#account.address
    if (store.bounces.suppressed(owner, address) === undefined) return false
    await store.commit([{ kind: 'suppressed.remove', owner, address }])
    return true
  }
}
