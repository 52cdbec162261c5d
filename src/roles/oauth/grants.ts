// What a person has allowed a program: a grant, an object of the account. Born at the consent with a code that is good once
// and for a minute (RFC 6749 §4.1, bound to its program by PKCE, RFC 7636), it lives on in refresh tokens of which each is
// good once (RFC 9700 §4.14.2): one that comes again was copied, and ends the grant. Access tokens live an hour, and no longer than the grant.

import { createHash } from 'node:crypto'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { Door } from '../app-passwords.ts'
import { AHEAD_AT_MOST_MS } from '../challenges.ts'
import { InTurn } from '../in-turn.ts'
import {
  type Access,
  digestOf,
  formatAccess,
  formatTicket,
  isSame,
  newSecret,
  readAccess,
  readTicket,
  type Ticket,
} from './tokens.ts'

/** As its owner sees it. */
export interface Grant {
  readonly id: number
  /** The program, as it calls itself. */
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdAtMs: number
  readonly lastUse: { readonly atMs: number; readonly from: string; readonly door: Door } | null
}

/** As it is stored: of every secret a hash. */
interface Kept extends Omit<Grant, 'id'> {
  readonly client: string
  readonly family: string
  readonly code: {
    readonly digest: string
    readonly challenge: string
    readonly redirectUri: string
    readonly untilMs: number
    readonly isSpent: boolean
  }
  readonly nonce: string | null
  readonly signedInAtMs: number
  readonly refresh: string | null
  /** The refresh token before, for a program that did not hear the answer. */
  readonly before: { readonly digest: string; readonly untilMs: number } | null
  readonly refreshedAtMs: number
}

/** As it lies in the store now. */
type Found = Kept & { readonly id: number; readonly was: string }

export interface Consent {
  readonly client: { readonly id: string; readonly name: string }
  readonly scopes: readonly string[]
  readonly redirectUri: string
  /** PKCE's S256 challenge. */
  readonly challenge: string
  /** OpenID Connect's, which comes back in the ID token. */
  readonly nonce?: string
  /** When the person last showed the password. */
  readonly signedInAtMs: number
}

/** What the token endpoint gives (RFC 6749 §5.1). */
export interface Tokens {
  readonly account: Account
  readonly access: string
  readonly expiresInS: number
  readonly refresh: string
  readonly scopes: readonly string[]
  readonly nonce: string | null
  readonly signedInAtMs: number
}

/** Whose access token it is; 'expired' and 'unknown' are told apart only within the house. */
export type AccessVerdict =
  | { readonly state: 'ok'; readonly account: Account; readonly grant: number; readonly scopes: readonly string[] }
  | { readonly state: 'expired' | 'unknown' }

const MOST = 50
/** Other nodes may be first so often. */
const TRIES = 5
const CODE_MS = 60_000
const ACCESS_MS = 3_600_000
/** A program that lost the answer may show the token before once more. */
const GRACE_MS = 60_000
/** A refresh token that nobody used for so long is forgotten. */
const IDLE_MS = 180 * 86_400_000
const NOTED_EVERY_MS = 300_000
/** Held against what does not exist, so that it takes as long. */
const NOTHING = digestOf('')

export class Grants {
  readonly #agent: Agent
  readonly #ended: (account: Account, grant: number) => void
  /** Two with the same code must not both pass; at two nodes of one store the store says who came first. */
  readonly #turns = new InTurn()

  /** `ended`: whatever a grant opened must close. */
  constructor(agent: Agent, ended: (account: Account, grant: number) => void) {
    this.#agent = agent
    this.#ended = ended
  }

  list(account: Account): Grant[] {
    return this.#alive(account)
      .filter(({ refresh }) => refresh !== null)
      .map(({ id, name, scopes, createdAtMs, lastUse }) => ({ id, name, scopes, createdAtMs, lastUse }))
  }

  has(account: Account, id: number): boolean {
    return this.#find(account, id) !== undefined
  }

  /** The person agrees: the code that says so. @throws DiskError */
  async allow(account: Account, consent: Consent): Promise<{ code: string } | { complaint: string }> {
    const { store, world } = this.#agent
    const nowMs = world.clock.now()
    const family = newSecret(world.random)
    const secret = newSecret(world.random)
    const { client, scopes, redirectUri, challenge, nonce, signedInAtMs } = consent
    const kept: Kept = {
      name: client.name,
      scopes,
      createdAtMs: nowMs,
      lastUse: null,
      client: digestOf(client.id),
      family: digestOf(family),
      code: { digest: digestOf(secret), challenge, redirectUri, untilMs: nowMs + CODE_MS, isSpent: false },
      nonce: nonce ?? null,
      signedInAtMs,
      refresh: null,
      before: null,
      refreshedAtMs: nowMs,
    }
    const alive = new Set(this.#alive(account).map(({ id }) => id))
    const over = this.#all(account).filter(({ id }) => !alive.has(id))
    const results = await store.commit([
      ...over.map(({ id }) => ({ kind: 'object.remove', account: account.id, of: 'oauth-grant', id }) as const),
      { kind: 'object.put', account: account.id, of: 'oauth-grant', value: JSON.stringify(kept), atMost: MOST },
    ])
    const made = results.at(-1)!
    if (!made.ok) return { complaint: 'Too many programs have access already. Revoke one in the settings.' }
    return { code: formatTicket({ address: account.address, grant: made.id!, family, secret }) }
  }

  /** A code becomes tokens (RFC 6749 §4.1.3). undefined: invalid_grant. @throws DiskError */
  async redeem(
    code: string,
    { client, redirectUri, verifier }: { client: string; redirectUri: string; verifier: string },
  ): Promise<Tokens | undefined> {
    return this.#withTicket(code, client, async (account, kept, ticket) => {
      const { digest, challenge, redirectUri: meant, untilMs, isSpent } = kept.code
      const isRight = isSame(digest, digestOf(ticket.secret))
      const isProven = isSame(challenge, challengeOf(verifier)) && isSame(meant, redirectUri)
      if (!isRight || untilMs < this.#agent.world.clock.now()) return undefined
      // A code that comes twice was seen by somebody else, and so may be what it gave (RFC 6749 §4.1.2).
      if (isSpent || !isProven) return this.#end(account, kept.id)
      return this.#renew(account, kept, { code: { ...kept.code, isSpent: true }, before: null }, ticket, kept.scopes)
    })
  }

  /** A refresh token becomes new tokens (RFC 6749 §6). `scopes`: fewer than were granted. undefined: invalid_grant. @throws DiskError */
  async refresh(token: string, client: string, scopes?: readonly string[]): Promise<Tokens | undefined> {
    return this.#withTicket(token, client, async (account, kept, ticket) => {
      if (kept.refresh === null) return undefined
      const digest = digestOf(ticket.secret)
      const wanted = scopes ?? kept.scopes
      if (!wanted.every((scope) => kept.scopes.includes(scope))) return undefined
      const nowMs = this.#agent.world.clock.now()
      if (isSame(kept.refresh, digest))
        return this.#renew(account, kept, { before: { digest, untilMs: nowMs + GRACE_MS } }, ticket, wanted)
      const { before } = kept
      const isHeldBack = before !== null && isSame(before.digest, digest) && nowMs < before.untilMs
      return isHeldBack ? this.#renew(account, kept, { before }, ticket, wanted) : this.#end(account, kept.id)
    })
  }

  /** The holder of any token of a grant gives it back (RFC 7009). @throws DiskError */
  async giveBack(token: string, client: string): Promise<void> {
    const access = this.check(token)
    if (access.state === 'ok') {
      const kept = this.#find(access.account, access.grant)
      if (kept?.client === digestOf(client)) await this.revoke(access.account, access.grant)
      return
    }
    await this.#withTicket(token, client, async (account, kept) => this.#end(account, kept.id))
  }

  async revoke(account: Account, id: number): Promise<boolean> {
    return this.#turns.run(account.id, async () => {
      const isThere = this.#find(account, id) !== undefined
      if (isThere) await this.#end(account, id)
      return isThere
    })
  }

  /** Whose access token this is. The same work for one that never was. */
  check(token: string): AccessVerdict {
    const access = readAccess(token)
    if (access === undefined) return { state: 'unknown' }
    const account = this.#agent.store.accountByAddress(access.address)
    const kept = account && this.#find(account, access.grant)
    const isSigned = access.isSigned(this.#agent.secrets.server, kept?.family ?? NOTHING)
    if (account === undefined || kept === undefined || !isSigned) return { state: 'unknown' }
    // One that would live longer than any does was given while the clock was ahead.
    const leftMs = access.untilMs - this.#agent.world.clock.now()
    if (leftMs <= 0 || leftMs > ACCESS_MS + AHEAD_AT_MOST_MS) return { state: 'expired' }
    return { state: 'ok', account, grant: access.grant, scopes: access.scopes }
  }

  /** Notes when and from where; nobody waits for it. */
  used(account: Account, id: number, door: Door, from: string): void {
    const { world, log } = this.#agent
    const atMs = world.clock.now()
    const last = this.#find(account, id)?.lastUse
    if (last && last.from === from && last.door === door && atMs - last.atMs < NOTED_EVERY_MS) return
    // In turn: it must not write back a refresh token that meanwhile is another.
    this.#turns
      .run(account.id, async () => {
        const kept = this.#find(account, id)
        if (kept !== undefined) await this.#put(account, kept, { lastUse: { atMs, from, door } })
      })
      .catch((error: unknown) => log('warning', 'the use of a grant was not noted', { error: String(error) }))
  }

  /** Runs the work with the grant that a code or refresh token of this client names, if it was ever one of its tokens. */
  async #withTicket(
    text: string,
    client: string,
    work: (account: Account, kept: Found, ticket: Ticket) => Promise<Tokens | 'late' | undefined>,
  ): Promise<Tokens | undefined> {
    const ticket = readTicket(text)
    const account = ticket && this.#agent.store.accountByAddress(ticket.address)
    if (ticket === undefined || account === undefined) return undefined
    return this.#turns.run(account.id, async () => {
      for (let tries = 0; tries < TRIES; tries++) {
        const kept = this.#find(account, ticket.grant)
        const isOfFamily = isSame(kept?.family ?? NOTHING, digestOf(ticket.family))
        if (kept === undefined || !isOfFamily || !isSame(kept.client, digestOf(client))) return undefined
        const tokens = await work(account, kept, ticket)
        // Another node was first: what it made of the grant is looked at.
        if (tokens !== 'late') return tokens
      }
      return undefined
    })
  }

  /** New tokens, durable before they are told. */
  async #renew(
    account: Account,
    kept: Found,
    changes: Pick<Kept, 'before'> & Partial<Pick<Kept, 'code'>>,
    { family }: Ticket,
    scopes: readonly string[],
  ): Promise<Tokens | 'late' | undefined> {
    const { world, secrets } = this.#agent
    const nowMs = world.clock.now()
    const secret = newSecret(world.random)
    const renewed = { refresh: digestOf(secret), ...changes, refreshedAtMs: nowMs }
    if (!(await this.#put(account, kept, renewed))) return 'late'
    const access: Access = { address: account.address, grant: kept.id, untilMs: nowMs + ACCESS_MS, scopes }
    return {
      account,
      access: formatAccess(access, secrets.server, kept.family),
      expiresInS: ACCESS_MS / 1000,
      refresh: formatTicket({ address: account.address, grant: kept.id, family, secret }),
      scopes,
      nonce: kept.nonce,
      signedInAtMs: kept.signedInAtMs,
    }
  }

  async #end(account: Account, id: number): Promise<undefined> {
    await this.#agent.store.commit([{ kind: 'object.remove', account: account.id, of: 'oauth-grant', id }])
    this.#ended(account, id)
  }

  /** False: another node has changed or ended it. */
  async #put({ id: account }: Account, { id, was, ...kept }: Found, changes: Partial<Kept>): Promise<boolean> {
    const value = JSON.stringify({ ...kept, ...changes })
    const put = { kind: 'object.put', account, of: 'oauth-grant', id, value, was, atMost: MOST } as const
    const [result] = await this.#agent.store.commit([put])
    return result!.ok
  }

  #find(account: Account, id: number): Found | undefined {
    return this.#alive(account).find((one) => one.id === id)
  }

  /** Neither a code that nobody came with, nor what was not used for half a year. */
  #alive(account: Account): Found[] {
    const nowMs = this.#agent.world.clock.now()
    return this.#all(account).filter(({ refresh, code, refreshedAtMs }) =>
      refresh === null ? code.untilMs >= nowMs : refreshedAtMs + IDLE_MS > nowMs,
    )
  }

  #all(account: Account): Found[] {
    return this.#agent.store.lists
      .objects(account.id, 'oauth-grant')
      .map(({ id, value }) => ({ ...(JSON.parse(value) as Kept), id, was: value }))
  }
}

/** RFC 7636 §4.6. */
const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')
