// How a person keeps an account safe: app passwords for mail programs, the password itself. Whatever could outlast a browser
// that somebody else sat down at asks for the password again.

import type { Account } from '../store/nouns/people.ts'
import type { Accounts } from './accounts.ts'
import type { Agent } from './agent.ts'
import { type AppPassword, DOORS, type Door } from './app-passwords.ts'
import type { ClientCertificate } from './certificates.ts'
import { type Connection, OTHER_ISSUER } from './connections.ts'
import type { Grant } from './oauth/grants.ts'
import type { Link } from './oauth/links.ts'
import { OutgoingDesk } from './outgoing/desk.ts'
import type { Passkey, Site } from './passkeys.ts'

export interface SecurityView {
  readonly doors: readonly Door[]
  readonly passwords: readonly AppPassword[]
  readonly certificates: readonly ClientCertificate[]
  /** Programs that were let in by OAuth. */
  readonly grants: readonly Grant[]
  /** The other issuer that signs people in, by its host, and who is linked to this account there. */
  readonly other: { readonly name: string; readonly links: readonly Link[] } | null
  readonly secondFactor: { readonly isOn: boolean; readonly codesLeft: number }
  /** It is kept in a directory, and changed there. */
  readonly passwordIsElsewhere: boolean
  /** `canMake`: the page is where browsers keep passkeys for. */
  readonly passkeys: { readonly canMake: boolean; readonly list: readonly Passkey[] }
  /** Programs that are connected now; `name`: of the app password or certificate, or the program's own. */
  readonly connections: readonly (Connection & { readonly name: string | null })[]
}

/** A secret that is shown once, a sentence why not, or nothing to add. */
export type SecurityAnswer =
  | { readonly secret: string; readonly uri?: string }
  | { readonly codes: readonly string[] }
  /** What the browser is asked to make. */
  | { readonly passkey: object }
  | { readonly complaint: string }
  | undefined

/** JMAP goes through the web server, which asks nobody for a certificate. */
const CERTIFICATE_DOORS = DOORS.filter((door) => door !== 'jmap')
const SHORTEST_PASSWORD = 8
const noSite = { complaint: 'Passkeys need a page with a name, by https.' }
const noDirectory = { complaint: 'The directory that knows your password does not answer now. Try again later.' }
const wrongPassword = { complaint: 'The password is not right.' }

export class SecurityDesk {
  readonly #agent: Agent
  readonly #accounts: Accounts
  readonly #account: Account
  readonly #site: Site | undefined

  /** `site`: of the page at which its owner is. */
  constructor(agent: Agent, accounts: Accounts, account: Account, site?: Site) {
    this.#agent = agent
    this.#accounts = accounts
    this.#account = account
    this.#site = site
  }

  view(): SecurityView {
    const { appPasswords, secondFactor, passkeys, connections } = this.#accounts
    const account = this.#account
    const passwords = appPasswords.list(account)
    const { links, other } = this.#accounts
    const grants = this.#accounts.grants.list(account)
    const certificates = this.#accounts.certificates.list(account)
    const issuer = other === undefined ? [] : [{ id: OTHER_ISSUER, name: new URL(other.url).host }]
    const named = [...passwords, ...grants, ...certificates, ...issuer]
    const nameOf = (by: number | undefined) => named.find(({ id }) => id === by)?.name ?? null
    return {
      doors: DOORS,
      passwords,
      certificates,
      grants,
      other: other === undefined ? null : { name: new URL(other.url).host, links: links.list(account) },
      connections: connections.of(account.id).map((one) => ({ ...one, name: nameOf(one.by) })),
      secondFactor: { isOn: secondFactor.isOn(account), codesLeft: secondFactor.codesLeft(account) },
      passwordIsElsewhere: this.#isElsewhere,
      passkeys: { canMake: this.#site !== undefined, list: passkeys.list(account) },
    }
  }

  async make(name: string, doors: readonly string[], password: string, from: string): Promise<SecurityAnswer> {
    const refusal = await this.#mustKnow(password, from)
    if (refusal !== undefined) return refusal
    const known = DOORS.filter((door) => doors.includes(door))
    return this.#accounts.appPasswords.make(this.#account, name, known)
  }

  async revoke(id: number): Promise<SecurityAnswer> {
    const isGone = await this.#accounts.appPasswords.revoke(this.#account, id)
    if (isGone) this.#accounts.connections.end(this.#account.id, ({ by }) => by === id)
    return isGone ? undefined : { complaint: 'There is no such app password any more.' }
  }

  /** `certificate`: PEM, or the SHA-256 of its key. */
  async addCertificate(
    wish: { name: string; doors: readonly string[]; certificate: string; password: string },
    from: string,
  ): Promise<SecurityAnswer> {
    const refusal = await this.#mustKnow(wish.password, from)
    if (refusal !== undefined) return refusal
    const doors = CERTIFICATE_DOORS.filter((door) => wish.doors.includes(door))
    return this.#accounts.certificates.add(this.#account, wish.name, doors, wish.certificate)
  }

  async removeCertificate(id: number): Promise<SecurityAnswer> {
    const isGone = await this.#accounts.certificates.remove(this.#account, id)
    if (isGone) this.#accounts.connections.end(this.#account.id, ({ by }) => by === id)
    return isGone ? undefined : { complaint: 'There is no such certificate any more.' }
  }

  /** Takes back what a program was allowed; what it opened ends. */
  async revokeGrant(id: number): Promise<SecurityAnswer> {
    const isGone = await this.#accounts.grants.revoke(this.#account, id)
    return isGone ? undefined : { complaint: 'It has no access any more.' }
  }

  /** Why this password is not the one; undefined: it is. */
  async refusalOf(password: string, from: string): Promise<string | undefined> {
    const refusal = await this.#mustKnow(password, from)
    return refusal !== undefined && 'complaint' in refusal ? refusal.complaint : undefined
  }

  /** The other issuer's word about this subject counts no longer; what its tokens opened ends. */
  async unlink(id: number): Promise<SecurityAnswer> {
    const isGone = await this.#accounts.links.unlink(this.#account, id)
    if (isGone) this.#accounts.connections.end(this.#account.id, ({ by }) => by === OTHER_ISSUER)
    return isGone ? undefined : { complaint: 'It is not linked any more.' }
  }

  /** Ends one connection; the program may come again, as long as its password is good. */
  async endConnection(id: number): Promise<SecurityAnswer> {
    const count = this.#accounts.connections.end(this.#account.id, (one) => one.id === id)
    return count > 0 ? undefined : { complaint: 'It has gone already.' }
  }

  async changePassword(password: string, next: string, from: string): Promise<SecurityAnswer> {
    if (this.#isElsewhere)
      return { complaint: 'Your password is kept in the directory of your house: change it there.' }
    const refusal = await this.#mustKnow(password, from)
    if (refusal !== undefined) return refusal
    if ([...next].length < SHORTEST_PASSWORD)
      return { complaint: `A password has at least ${SHORTEST_PASSWORD} characters.` }
    const credentials = await this.#accounts.passwords.make(this.#account.address, next)
    if (credentials === undefined) return { complaint: 'A password cannot hold control characters.' }
    const put = { kind: 'account.credentials', account: this.#account.id, credentials } as const
    const [result] = await this.#agent.store.commit([put])
    if (result!.ok) this.#accounts.passwordChanged(this.#account.id)
    // Held mail waits for a word of its Author.
    if (result!.ok) await new OutgoingDesk(this.#agent, this.#accounts, this.#account).passwordChanged(from)
    return result!.ok ? undefined : { complaint: result!.message }
  }

  /** The secret of a second factor, once: it is on when `confirm` has seen a code. */
  async enrol(password: string, from: string): Promise<SecurityAnswer> {
    return (await this.#mustKnow(password, from)) ?? this.#accounts.secondFactor.enrol(this.#account)
  }

  async confirm(code: string): Promise<SecurityAnswer> {
    const answer = await this.#accounts.secondFactor.confirm(this.#account, code)
    // The password alone would not let them in any more.
    if ('codes' in answer) this.#accounts.passwordChanged(this.#account.id)
    return answer
  }

  async turnOff(password: string, code: string, from: string): Promise<SecurityAnswer> {
    const refusal = await this.#mustKnow(password, from)
    if (refusal !== undefined) return refusal
    const { secondFactor } = this.#accounts
    if (!(await secondFactor.take(this.#account, code))) return { complaint: 'The code is not right.' }
    await secondFactor.turnOff(this.#account)
    return undefined
  }

  async beginPasskey(password: string, from: string): Promise<SecurityAnswer> {
    if (this.#site === undefined) return noSite
    const refusal = await this.#mustKnow(password, from)
    return refusal ?? this.#accounts.passkeys.begin(this.#account, this.#site)
  }

  /** `response`: what the browser made. That the password was said is in the challenge. */
  async addPasskey(name: string, response: unknown): Promise<SecurityAnswer> {
    return this.#site === undefined ? noSite : this.#accounts.passkeys.add(this.#account, this.#site, name, response)
  }

  async renamePasskey(id: number, name: string): Promise<SecurityAnswer> {
    const isDone = await this.#accounts.passkeys.rename(this.#account, id, name)
    return isDone ? undefined : { complaint: 'A passkey has a name, and must be there.' }
  }

  async revokePasskey(id: number): Promise<SecurityAnswer> {
    const isGone = await this.#accounts.passkeys.revoke(this.#account, id)
    return isGone ? undefined : { complaint: 'There is no such passkey any more.' }
  }

  /** The directory's password is no business of ours but to ask. */
  get #isElsewhere(): boolean {
    const account = this.#agent.store.account(this.#account.id)
    return this.#agent.directory !== undefined && account?.credentials === null
  }

  async #mustKnow(password: string, from: string): Promise<SecurityAnswer> {
    const verdict = await this.#accounts.checkPassword(this.#account.address, password, from)
    if (verdict.state === 'unavailable' && 'cause' in verdict) return noDirectory
    if (verdict.state === 'unavailable') return { complaint: 'Too many tries. Wait a while, then try again.' }
    if (verdict.state !== 'ok') return wrongPassword
    // With a code still to come, what was tried stays counted.
    if (!this.#accounts.secondFactor.isOn(this.#account)) this.#accounts.signedIn(verdict.user, from)
    return undefined
  }
}
