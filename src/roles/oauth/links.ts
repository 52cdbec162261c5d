// Which account is meant by somebody whom another issuer names: one whose owner linked that subject in the settings, or whose
// own address the issuer has verified. None is ever made because of a sign-in.

import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { OtherPerson } from './other-issuer.ts'

export interface Link {
  readonly id: number
  readonly issuer: string
  readonly linkedAtMs: number
}

interface Kept extends Omit<Link, 'id'> {
  readonly subject: string
}

const MOST = 10
/** Subjects find their account here; the account's object is what counts. */
const settingOf = (subject: string) => `oidc subject ${subject}`

export class Links {
  readonly #agent: Agent

  constructor(agent: Agent) {
    this.#agent = agent
  }

  list(account: Account): Link[] {
    return this.#kept(account).map(({ subject: _, ...shown }) => shown)
  }

  /** The account that is meant. */
  find({ subject, email }: OtherPerson): Account | undefined {
    const { store } = this.#agent
    const linked = store.account(Number(store.setting(settingOf(subject)) || -1))
    if (linked !== undefined && this.isLinked(linked, { subject, email })) return linked
    const named = email === undefined ? undefined : store.accountByAddress(email)
    // Only the address itself: no alias, no +detail, and nobody who catches all.
    return named?.address.toLowerCase() === email?.toLowerCase() ? named : undefined
  }

  isLinked(account: Account, { subject }: OtherPerson): boolean {
    return this.#kept(account).some((one) => one.subject === subject)
  }

  /** False: it is another account's, or there are too many. @throws DiskError */
  async link(account: Account, issuer: string, { subject }: OtherPerson): Promise<boolean> {
    const { store, world } = this.#agent
    const before = this.find({ subject, email: undefined })
    if (before !== undefined) return before.id === account.id
    const kept: Kept = { issuer, subject, linkedAtMs: world.clock.now() }
    const [put] = await store.commit([
      { kind: 'object.put', account: account.id, of: 'oidc-link', value: JSON.stringify(kept), atMost: MOST },
      { kind: 'setting.put', key: settingOf(subject), value: String(account.id) },
    ])
    return put!.ok
  }

  async unlink(account: Account, id: number): Promise<boolean> {
    const kept = this.#kept(account).find((one) => one.id === id)
    if (kept === undefined) return false
    const [result] = await this.#agent.store.commit([
      { kind: 'object.remove', account: account.id, of: 'oidc-link', id },
      { kind: 'setting.put', key: settingOf(kept.subject), value: '' },
    ])
    return result!.ok
  }

  #kept({ id }: Account): (Kept & { readonly id: number })[] {
    return this.#agent.store.lists
      .objects(id, 'oidc-link')
      .map(({ id: object, value }) => ({ ...(JSON.parse(value) as Kept), id: object }))
  }
}
