// BIMI at the Receiver: for mail whose Author is proven under an enforced policy, the logo that his domain publishes. It
// decides nothing, so no reply waits for it: what DNS has not said when the message is kept is added to the verdict
// afterwards. Only the fact is shown. The image is a stranger's, and fetching it would tell him who reads his mail.

import { bimiSelector, lookupBimi } from '../../identity/bimi.ts'
import type { Identity } from '../../identity/identity.ts'
import type { Header } from '../../message/header.ts'
import type { Command, CommandResult } from '../../store/commands.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import type { Agent } from '../agent.ts'

type Logo = NonNullable<Verdict['bimi']>

/** Lookups of one agent at once; more messages go without. */
const LOOKUPS = 50
const underWay = new WeakMap<Agent, number>()

/** The logo of one message's Author, as far as it is known yet. */
export class LogoSearch {
  readonly #agent: Agent
  readonly #search: Promise<void>
  #found: Logo | undefined

  constructor(agent: Agent, identity: Identity, header: Header) {
    this.#agent = agent
    this.#search = this.#look(identity, header)
  }

  async #look(identity: Identity, header: Header): Promise<void> {
    const lookups = underWay.get(this.#agent) ?? 0
    if (identity.dmarc.result !== 'pass' || lookups >= LOOKUPS) return
    underWay.set(this.#agent, lookups + 1)
    const bimi = await lookupBimi(identity, this.#agent.world.dns, bimiSelector(header))
    underWay.set(this.#agent, underWay.get(this.#agent)! - 1)
    const { domain, location, evidence } = bimi
    if (bimi.result === 'record' && location !== undefined)
      this.#found = { domain, location, evidence: evidence !== undefined }
  }

  /** For the verdict: there when DNS has answered already. */
  get known(): Pick<Verdict, 'bimi'> {
    return this.#found === undefined ? {} : { bimi: this.#found }
  }

  /** Adds what DNS says later to the deliveries of a commit that is durable. Without it the verdict says less. */
  tellLater(commands: readonly Command[], results: readonly CommandResult[]): void {
    const { store, log } = this.#agent
    this.#search
      .then(async () => {
        if (this.#found === undefined) return
        const updates = commands.flatMap((command, i): Command[] => {
          const result = results[i]
          if (command.kind !== 'email.deliver' || command.verdict === null || command.verdict.bimi || !result?.ok)
            return []
          const { account } = command
          const verdict = { ...command.verdict, ...this.known }
          return typeof account === 'number' ? [{ kind: 'email.update', account, email: result.emailId!, verdict }] : []
        })
        if (updates.length > 0) await store.commit(updates)
      })
      .catch((error: unknown) => log('warning', 'a logo could not be noted', { error: String(error) }))
  }
}
