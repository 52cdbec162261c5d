// Who may sign in: the store's accounts as SASL asks for them. The MSA uses it for Authors, the MDA for Recipients.
// An unknown name costs the same work and gets the same answer as a wrong password. Guesses are counted over all doors.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { Guesses } from '../filter/guesses.ts'
import type {
  PasswordVerdict,
  SaslAccounts,
  SaslMechanism,
  ScramLookup,
  TokenVerdict,
} from '../protocols/sasl/accounts.ts'
import type { Account } from '../store/nouns/people.ts'
import type { Argon2Cost } from '../world/world.ts'
import type { Agent } from './agent.ts'
import { AppPasswords, type Door } from './app-passwords.ts'
import { ClientCertificates } from './certificates.ts'
import { Connections, OTHER_ISSUER } from './connections.ts'
import { firstSignIn, takeAliases } from './directory-people.ts'
import { Grants } from './oauth/grants.ts'
import { Links } from './oauth/links.ts'
import { OtherIssuer } from './oauth/other-issuer.ts'
import { doorsOf, SCOPE_OF } from './oauth/scopes.ts'
import { Passkeys } from './passkeys.ts'
import { Passwords } from './passwords.ts'
import { SecondFactor } from './second-factor.ts'
import { noteSignIn } from './sign-ins.ts'

/** Passwords proven lately, so that a client that signs in every minute does not cost 20 ms each time. */
const MAX_REMEMBERED = 10_000

const BY_PASSWORD: readonly SaslMechanism[] = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'LOGIN']
const BY_CERTIFICATE: readonly SaslMechanism[] = ['EXTERNAL']
const BY_SAID_PASSWORD: readonly SaslMechanism[] = ['PLAIN', 'LOGIN']
const BY_TOKEN: readonly SaslMechanism[] = ['OAUTHBEARER', 'XOAUTH2']
/** Tokens that name nobody are counted by where they come from. */
const ANY_TOKEN = 'token from '

/** Where somebody signs in: the web's form, or a program's door. */
export type Entrance = Door | 'web'

/** `by`: the id of the app password or certificate that it was. */
export type Verdict =
  | Exclude<PasswordVerdict, { state: 'ok' }>
  | { state: 'ok'; user: string; by?: number }
  /** The directory, which alone knows this password, does not answer. */
  | { state: 'unavailable'; cause: 'directory' }

export class Accounts {
  readonly #agent: Agent
  readonly passwords: Passwords
  /** Credentials text → keyed digest of the password that fits them. Never the password. */
  readonly #remembered = new Map<string, Buffer>()
  readonly #guesses: Guesses
  readonly appPasswords: AppPasswords
  readonly secondFactor: SecondFactor
  readonly passkeys: Passkeys
  readonly certificates: ClientCertificates
  readonly connections = new Connections()
  /** What people allowed programs by OAuth. */
  readonly grants: Grants
  /** Another issuer that is believed, and the subjects of it that people here linked. */
  readonly other: OtherIssuer | undefined
  readonly links: Links
  /** Where the issuer of tokens is, once it is known: then they are taken at the doors. */
  issuer: string | undefined
  /** What is kept of a password, of the shape of everybody's: for whoever does not exist. */
  readonly #nobodysText: string

  /** What new credentials of this system cost, so that unknown names cost the same. */
  constructor(agent: Agent, iterations: number, cost?: Argon2Cost) {
    this.#agent = agent
    this.passwords = new Passwords(agent.world, agent.secrets.server, iterations, cost)
    this.#guesses = new Guesses(agent.world.clock)
    this.#nobodysText = this.passwords.ofNobody()
    this.appPasswords = new AppPasswords(agent, this.passwords)
    this.secondFactor = new SecondFactor(agent, this.passwords)
    this.certificates = new ClientCertificates(agent)
    this.links = new Links(agent)
    this.other = agent.settings.oidc && new OtherIssuer(agent, agent.settings.oidc)
    this.grants = new Grants(agent, (account, grant) => this.connections.end(account.id, ({ by }) => by === grant))
    this.passkeys = new Passkeys(agent)
  }

  get mechanisms(): readonly SaslMechanism[] {
    // What only the directory can check must be said to us: nobody can prove it by SCRAM.
    const byPassword = this.#agent.directory === undefined ? BY_PASSWORD : BY_SAID_PASSWORD
    const takesTokens = this.issuer !== undefined || this.other !== undefined
    return [...BY_CERTIFICATE, ...byPassword, ...(takesTokens ? BY_TOKEN : [])]
  }

  /** The same accounts, as one connection of one protocol asks for them. */
  at(door: Door): SaslAccounts {
    const offered = () => this.mechanisms
    return {
      get mechanisms() {
        return offered()
      },
      checkPassword: (user, password, from) => this.checkPassword(user, password, from, door),
      scramCredentials: (user, from) => this.scramCredentials(user, from, door),
      certificateHolder: (certificate, user, from) => this.certificateHolder(certificate, user, from, door),
      checkToken: (user, token, from) => this.checkToken(user, token, from, door),
      signedIn: (user, from) => void this.signedIn(user, from),
    }
  }

  async checkPassword(user: string, password: string, from: string, entrance: Entrance = 'web'): Promise<Verdict> {
    const name = this.#wholeName(user)
    const verdict = this.#guesses.admits(name, from)
      ? await this.#check(name, password, entrance)
      : this.#checkKnownProgram(name, password, entrance)
    if (verdict.state === 'ok' && verdict.by !== undefined && entrance !== 'web')
      this.appPasswords.used(this.#find(name)!, verdict.by, entrance, from)
    // While the directory is silent nobody has guessed wrong.
    if (verdict.state === 'unavailable') return verdict
    this.#guesses.count(name, from)
    if (verdict.state === 'ok' && verdict.user.toLowerCase() !== name.toLowerCase()) {
      // The directory knows the account by another name: what was right is told of the account's own.
      this.#guesses.right(name, from)
      this.#guesses.count(verdict.user, from)
    }
    return verdict
  }

  async #check(name: string, password: string, entrance: Entrance): Promise<Verdict> {
    const account = this.#find(name)
    const text = account?.credentials ?? undefined
    const digest = this.#digest(password)
    const isKnown = (key: string) => this.#isRemembered(key, digest)
    const asked = account ?? nobody(name)
    const apps = entrance === 'web' ? [] : this.appPasswords.at(asked, entrance)
    // A program cannot be asked for a code: with a second factor, the password alone opens no door to it.
    const isEnough = this.#isEnough(asked, entrance)
    if (text !== undefined && isEnough && isKnown(text)) return { state: 'ok', user: account!.address }
    const knownApp = apps.find((one) => isKnown(one.text))
    if (knownApp !== undefined) return { state: 'ok', user: account!.address, by: knownApp.id }
    const { isRight, storedKey } = await this.passwords.check(name, text, password)
    if (account !== undefined && isRight && isEnough && text !== undefined) {
      await this.#renew(account, text, password)
      this.#remember(text, digest)
      return { state: 'ok', user: account.address }
    }
    const app = apps.find(({ keys }) => storedKey !== undefined && timingSafeEqual(storedKey, keys.storedKey))
    if (account !== undefined && app !== undefined) {
      this.#remember(app.text, digest)
      return { state: 'ok', user: account.address, by: app.id }
    }
    // Whoever has no password here may have one in the directory, and whoever is not here takes the same questions.
    return text === undefined ? this.#checkInDirectory(name, password, entrance) : { state: 'refused' }
  }

  /**
   * While others guess: a program that has proven its app password lately goes on, wherever its owner takes it. A hundred bits
   * are not guessed, and looking it up is no work.
   */
  #checkKnownProgram(name: string, password: string, entrance: Entrance): Verdict {
    const account = this.#find(name)
    if (account === undefined || entrance === 'web') return { state: 'unavailable' }
    const digest = this.#digest(password)
    const app = this.appPasswords.at(account, entrance).find(({ text }) => this.#isRemembered(text, digest))
    return app === undefined ? { state: 'unavailable' } : { state: 'ok', user: account.address, by: app.id }
  }

  #isRemembered(key: string, digest: Buffer): boolean {
    const known = this.#remembered.get(key)
    return known !== undefined && timingSafeEqual(known, digest)
  }

  async #checkInDirectory(name: string, password: string, entrance: Entrance): Promise<Verdict> {
    const found = await this.#agent.directory?.check(name, password)
    if (found?.state === 'unavailable') return { state: 'unavailable', cause: 'directory' }
    if (found?.state !== 'right') return { state: 'refused' }
    const known = [name, ...found.person.addresses].map((one) => this.#find(one)).find((one) => one !== undefined)
    const account = known ?? (await firstSignIn(this.#agent, name, found.person))
    // Whose password is kept here is not the directory's to let in.
    const isTheirs = account !== undefined && account.credentials === null && this.#isEnough(account, entrance)
    if (!isTheirs) return { state: 'refused' }
    await takeAliases(this.#agent, account, found.person).catch((error: unknown) =>
      this.#agent.log('warning', 'further addresses that the directory names were not kept', { error: String(error) }),
    )
    return { state: 'ok', user: account.address }
  }

  #isEnough(account: Account, entrance: Entrance): boolean {
    return entrance === 'web' || !this.secondFactor.isOn(account)
  }

  #remember(key: string, digest: Buffer): void {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(key, digest)
  }

  /** Whose certificate it is, of which the client has the key; `user`: whom it wants to be, if it says so. */
  certificateHolder(certificate: Buffer, user: string | undefined, from: string, door: Door): Verdict {
    const wanted = user === undefined ? undefined : this.#find(user)
    if (user !== undefined && wanted === undefined) return { state: 'refused' }
    const holder =
      wanted === undefined
        ? this.certificates.holder(certificate, door)
        : this.certificates.holders(certificate, door).find(({ account }) => account.id === wanted.id)
    if (holder === undefined) return { state: 'refused' }
    const { account, id } = holder
    if (id === undefined) return { state: 'ok', user: account.address }
    this.certificates.used(account, id, door, from)
    return { state: 'ok', user: account.address, by: id }
  }

  /** Is this an access token that is good at this door, and of whom the client wants to be. `by`: the grant it comes from. */
  async checkToken(
    user: string | undefined,
    token: string,
    from: string,
    door: Door,
  ): Promise<TokenVerdict & { readonly by?: number }> {
    const name = user === undefined ? `${ANY_TOKEN}${from}` : this.#wholeName(user)
    const refused = (status: 'invalid_token' | 'insufficient_scope') => {
      const configuration = this.issuer && `${this.issuer}/.well-known/openid-configuration`
      return { state: 'refused', fault: { status, scope: SCOPE_OF[door], configuration } } as const
    }
    // Asks only where to get one.
    if (token === '') return refused('invalid_token')
    if (!this.#guesses.admits(name, from)) return { state: 'unavailable' }
    const found = await this.#ofToken(token)
    // One that expired was good once: whoever holds it did not guess.
    if (found.state === 'unknown') this.#guesses.count(name, from)
    if (found.state !== 'ok') return refused('invalid_token')
    const { account, by, scopes } = found
    if (user !== undefined && account.address.toLowerCase() !== name.toLowerCase()) return refused('invalid_token')
    if (!doorsOf(scopes).includes(door)) return refused('insufficient_scope')
    if (by !== OTHER_ISSUER) this.grants.used(account, by, door, from)
    // What `signedIn` takes back.
    this.#guesses.count(account.address, from)
    return { state: 'ok', user: account.address, by }
  }

  /** Of whom this token is: ours, or the other issuer's. */
  async #ofToken(
    token: string,
  ): Promise<
    { state: 'expired' | 'unknown' } | { state: 'ok'; account: Account; by: number; scopes: readonly string[] }
  > {
    const own = this.grants.check(token)
    if (own.state === 'ok') return { ...own, by: own.grant }
    const other = own.state === 'unknown' ? await this.other?.check(token) : undefined
    const account = other && this.links.find(other)
    if (other === undefined || account === undefined) return own
    // Who wants a second factor here takes the issuer's word alone only where he said so, with the password.
    if (this.secondFactor.isOn(account) && !this.links.isLinked(account, other)) return { state: 'unknown' }
    return { state: 'ok', account, by: OTHER_ISSUER, scopes: other.scopes }
  }

  /** The second factor alone, of who came through another issuer. @throws DiskError */
  async checkCode(account: Account, code: string, from: string): Promise<'ok' | 'wrong-code' | 'too-many'> {
    const { address } = account
    if (!this.#guesses.admits(address, from)) return 'too-many'
    this.#guesses.count(address, from)
    if (!(await this.secondFactor.take(account, code))) return 'wrong-code'
    this.signedIn(address, from)
    return 'ok'
  }

  /** `proven`: told which app password it was, if it was one. */
  scramCredentials(user: string, from: string, door?: Door, proven?: (id: number) => void): ScramLookup {
    const name = this.#wholeName(user)
    if (!this.#guesses.admits(name, from)) return { state: 'unavailable' }
    this.#guesses.count(name, from)
    const account = this.#find(user)
    // For nobody the same is looked up and opened as for somebody.
    const asked = account ?? nobody(name)
    const isEnough = this.#isEnough(asked, door ?? 'web')
    const keys = this.passwords.scram(name, account?.credentials ?? this.#nobodysText)
    const fake = this.passwords.fake(name)
    const own = (account?.credentials != null && isEnough ? keys : undefined) ?? fake
    const found = door === undefined ? [] : this.appPasswords.at(asked, door)
    if (account === undefined || door === undefined)
      return { state: 'found', user: account?.address ?? user, credentials: own }
    // The client computes with one salt: what was made with another cannot be proven this way.
    const others = found
      .filter(({ keys }) => keys.salt.equals(own.salt) && keys.iterations === own.iterations)
      .map(({ id, keys: { storedKey, serverKey } }) => ({
        storedKey,
        serverKey,
        proven: () => {
          proven?.(id)
          this.appPasswords.used(account, id, door, from)
        },
      }))
    return { state: 'found', user: account.address, credentials: { ...own, others } }
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

  /** What was proven before holds while this is the same: the password, and which others there are. */
  standing(id: number): string {
    const account = this.#agent.store.account(id)
    if (account === undefined) return ''
    return `${account.credentials} ${this.secondFactor.isOn(account)} ${this.appPasswords.list(account).map((one) => `${one.id} ${one.doors}`)}`
  }

  /** The account, when there is one. */
  signedIn(user: string, from: string): Account | undefined {
    this.#guesses.right(user, from)
    const account = this.#find(user)
    if (account !== undefined) noteSignIn(this.#agent, account.id, { from })
    return account
  }

  /** Signed in without a password. Nothing was guessed, so nothing is held back; the place is this name's from now on. */
  signedInByPasskey({ id, address }: Account, from: string): void {
    noteSignIn(this.#agent, id, { from })
    this.#guesses.count(address, from)
    this.#guesses.right(address, from)
  }

  noteConnection({ id }: Account, connection: { door: Door; from: string; by: number | undefined; close: () => void }) {
    noteSignIn(this.#agent, id, { door: connection.door })
    return this.connections.add({ ...connection, account: id, sinceMs: this.#agent.world.clock.now() })
  }

  /** The password is another: what the old one opened ends. */
  passwordChanged(id: number): void {
    this.connections.end(id, ({ by }) => by === undefined || by === OTHER_ISSUER)
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

const nobody = (address: string): Account => ({ id: 0, address, displayName: '', credentials: null })
