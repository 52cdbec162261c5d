// Who somebody is, signed (OpenID Connect Core §2, RFC 7519). RS256, which every relying party must know. The key is made
// when it is first needed and lies in the store, sealed, so that all nodes that share it sign alike.

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { Passwords } from '../passwords.ts'
import { digestOf } from './tokens.ts'

const ALGORITHM = 'RS256'
const SETTING = 'oauth signing key'
const LIFETIME_S = 3600

export interface IdClaims {
  readonly issuer: string
  readonly client: string
  readonly nonce: string | null
  readonly signedInAtMs: number
  readonly scopes: readonly string[]
}

export class IdTokens {
  readonly #agent: Agent
  readonly #passwords: Passwords
  #key: Promise<KeyObject> | undefined

  constructor(agent: Agent, passwords: Passwords) {
    this.#agent = agent
    this.#passwords = passwords
  }

  /** What others check them with (RFC 7517). */
  async keys(): Promise<object> {
    const jwk = createPublicKey(await this.#signer()).export({ format: 'jwk' })
    return { keys: [{ ...jwk, use: 'sig', alg: ALGORITHM, kid: kidOf(jwk.n!) }] }
  }

  async sign(account: Account, { issuer, client, nonce, signedInAtMs, scopes }: IdClaims): Promise<string> {
    const key = await this.#signer()
    const nowS = Math.floor(this.#agent.world.clock.now() / 1000)
    const kid = kidOf(createPublicKey(key).export({ format: 'jwk' }).n!)
    return new SignJWT({
      ...personClaims(account, scopes),
      ...(nonce !== null && { nonce }),
      auth_time: Math.floor(signedInAtMs / 1000),
    })
      .setProtectedHeader({ alg: ALGORITHM, kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(client)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + LIFETIME_S)
      .sign(key)
  }

  #signer(): Promise<KeyObject> {
    this.#key ??= this.#readOrMake().catch((error: unknown) => {
      this.#key = undefined
      throw error
    })
    return this.#key
  }

  async #readOrMake(): Promise<KeyObject> {
    const { store, world, domain } = this.#agent
    const kept = store.setting(SETTING)
    const opened = kept === undefined ? undefined : this.#passwords.open(domain, kept)
    if (opened !== undefined) return createPrivateKey(opened)
    const key = await world.keymaker.rsa()
    const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString()
    await store.commit([{ kind: 'setting.put', key: SETTING, value: this.#passwords.seal(domain, pem) }])
    return key
  }
}

/** What is said of a person (OpenID Connect Core §5.1): never more than was agreed to. */
export function personClaims(account: Account, scopes: readonly string[]): { readonly sub: string } & object {
  const { id, address, displayName } = account
  const domain = address.slice(address.lastIndexOf('@') + 1)
  return {
    // The address may be another one day; this stays.
    sub: `a${id}@${domain}`,
    ...(scopes.includes('email') && { email: address, email_verified: true }),
    ...(scopes.includes('profile') && { name: displayName, preferred_username: address }),
  }
}

const kidOf = (modulus: string): string => digestOf(modulus).slice(0, 16)
