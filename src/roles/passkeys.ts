// Passkeys (W3C WebAuthn, level 3): a key that a person's device keeps and uses when it has seen who holds it. It is two
// factors at once, so it signs in alone; after a password, it stands for the code. Of each its public half is kept, with how
// often it was used, as far as the device counts. A device that counts backwards has a copy, and is let in no more.

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import {
  type AuthenticationResponseJSON,
  type AuthenticatorTransport,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { decodeAttestationObject } from '@simplewebauthn/server/helpers'
import type { Account } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'
import { AHEAD_AT_MOST_MS, Challenges, type Purpose } from './challenges.ts'
import { InTurn } from './in-turn.ts'
import { assertionIn, registrationIn, transportsIn } from './passkey-answers.ts'

export interface Passkey {
  readonly id: number
  readonly name: string
  readonly createdAtMs: number
  readonly lastUse: { readonly atMs: number; readonly from: string } | null
  /** Its owner's devices share it; otherwise it is in one device alone. */
  readonly isShared: boolean
}

/** As it is stored. */
interface Kept extends Omit<Passkey, 'id'> {
  readonly credential: string
  /** COSE, base64url. */
  readonly publicKey: string
  /** The name of the site that it is for: it signs at no other (WebAuthn §13.4.9). */
  readonly site: string
  /** How often the device says that it was used; 0 from those that do not count. */
  readonly counter: number
  /** When the challenge was made that it answered last: none passes twice, nor one before it. */
  readonly answeredMs: number
  readonly transports: readonly AuthenticatorTransport[]
}

/** Where the pages are: what a browser says of it must be just this. */
export interface Site {
  readonly origin: string
  /** The name that passkeys are bound to ("relying party ID"). */
  readonly name: string
}

export type Taken =
  | { readonly state: 'ok'; readonly account: Account; readonly id: number }
  | { readonly state: 'refused' }

const MOST = 20
const MAX_NAME = 100
/** Ed25519, ECDSA with P-256, RSA (RFC 9053): every device has one of them. */
const ALGORITHMS = [-8, -7, -257]
/** An RSA key of 8192 bits. Larger ones only cost time. */
const MAX_KEY_BYTES = 1200
const HANDLE_BYTES = 16
const refused = { state: 'refused' } as const
const notRight = { complaint: 'The passkey could not be read. Begin anew.' }

/** The site of this address; undefined: browsers keep passkeys for https and for this computer alone. */
export function siteOf(address: string): Site | undefined {
  if (!URL.canParse(address)) return undefined
  const { origin, hostname, protocol } = new URL(address)
  const isName = /[a-z]/i.test(hostname) && !hostname.startsWith('[')
  return isName && (protocol === 'https:' || hostname === 'localhost') ? { origin, name: hostname } : undefined
}

export class Passkeys {
  readonly #agent: Agent
  readonly #challenges: Challenges
  /** One decision about an account after the other: two with the same answer must not both pass. */
  readonly #turns = new InTurn()

  constructor(agent: Agent) {
    this.#agent = agent
    this.#challenges = new Challenges(agent.world, agent.secrets.server)
  }

  list({ id }: Account): Passkey[] {
    return this.#kept(id).map(({ id, name, createdAtMs, lastUse, isShared }) => ({
      id,
      name,
      createdAtMs,
      lastUse,
      isShared,
    }))
  }

  /** What the browser is asked to make. Only for who has just said the password. */
  async begin(account: Account, site: Site): Promise<{ passkey: object } | { complaint: string }> {
    const known = this.#kept(account.id)
    if (known.length >= MOST) return { complaint: `More than ${MOST} passkeys cannot be kept. Remove one first.` }
    const passkey = await generateRegistrationOptions({
      rpName: 'Borderpost',
      rpID: site.name,
      userName: account.address,
      userDisplayName: account.displayName,
      userID: new Uint8Array(this.#handleOf(account)),
      challenge: new Uint8Array(this.#challenges.issue('register', account.address)),
      attestationType: 'none',
      excludeCredentials: known
        .filter((one) => one.site === site.name)
        .map(({ credential, transports }) => ({ id: credential, transports: [...transports] })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
      timeout: 300_000,
    })
    return { passkey }
  }

  /** What the browser has made. `response`: as it came from outside. @throws DiskError */
  async add(account: Account, site: Site, name: string, response: unknown): Promise<{ complaint: string } | undefined> {
    const called = name.trim().slice(0, MAX_NAME)
    if (called === '') return { complaint: 'Give the passkey a name.' }
    const answer = registrationIn(response)
    const made = answer && (await this.#registered(account, site, answer))
    if (made === undefined) return notRight
    return this.#turns.run(account.id, async () => {
      if (this.#kept(account.id).some(({ credential }) => credential === made.credential))
        return { complaint: 'This passkey is here already.' }
      const nowMs = this.#agent.world.clock.now()
      const kept: Kept = { ...made, name: called, createdAtMs: nowMs, lastUse: null, answeredMs: 0, site: site.name }
      const put = { kind: 'object.put', account: account.id, of: 'passkey', value: JSON.stringify(kept) } as const
      const [result] = await this.#agent.store.commit([{ ...put, atMost: MOST }])
      return result!.ok ? undefined : { complaint: result!.message }
    })
  }

  async #registered(account: Account, site: Site, response: RegistrationResponseJSON) {
    try {
      // We ask who made the device of nobody. A certificate in the answer would be followed to wherever it says.
      const attestation = decodeAttestationObject(
        new Uint8Array(Buffer.from(response.response.attestationObject, 'base64url')),
      )
      const format = attestation.get('fmt')
      const isBare = format === 'none' || (format === 'packed' && attestation.get('attStmt').get('x5c') === undefined)
      if (!isBare) return undefined
      const { verified, registrationInfo: info } = await verifyRegistrationResponse({
        response,
        expectedChallenge: (text) => this.#challenges.madeAtMs(text, 'register', account.address) !== undefined,
        expectedOrigin: site.origin,
        expectedRPID: site.name,
        supportedAlgorithmIDs: ALGORITHMS,
      })
      if (!verified || info.credential.publicKey.length > MAX_KEY_BYTES) return undefined
      return {
        credential: info.credential.id,
        publicKey: Buffer.from(info.credential.publicKey).toString('base64url'),
        counter: info.credential.counter,
        transports: transportsIn(response.response.transports ?? []),
        isShared: info.credentialDeviceType === 'multiDevice',
      }
    } catch {
      // The library's way to say no. What came is a stranger's, whoever is signed in.
      return undefined
    }
  }

  async rename({ id: account }: Account, id: number, name: string): Promise<boolean> {
    const called = name.trim().slice(0, MAX_NAME)
    return this.#turns.run(account, async () => {
      const known = this.#kept(account).find((one) => one.id === id)
      if (known === undefined || called === '') return false
      return this.#put(account, { ...known, name: called })
    })
  }

  async revoke({ id: account }: Account, id: number): Promise<boolean> {
    const [result] = await this.#agent.store.commit([{ kind: 'object.remove', account, of: 'passkey', id }])
    return result!.ok
  }

  /** What a browser is asked to sign. With an account: by one of its passkeys, after the password. */
  async ask(site: Site, account?: Account): Promise<object | undefined> {
    const own = account === undefined ? undefined : this.#kept(account.id).filter((one) => one.site === site.name)
    if (own?.length === 0) return undefined
    return generateAuthenticationOptions({
      rpID: site.name,
      challenge: new Uint8Array(this.#challenges.issue(...purposeOf(account))),
      // After a password, a device that cannot see who holds it is a second factor still.
      userVerification: account === undefined ? 'required' : 'preferred',
      timeout: 300_000,
      ...(own && {
        allowCredentials: own.map(({ credential, transports }) => ({ id: credential, transports: [...transports] })),
      }),
    })
  }

  /**
   * Is this the answer of a passkey of somebody here (with an account: of this one, after the password). It never passes
   * again: that is durable before the answer. `askedBy`: for whom it was asked, where people of several agents sign in.
   * @throws DiskError
   */
  async take(
    site: Site,
    response: unknown,
    from: string,
    { only, askedBy = this }: { only?: Account; askedBy?: Pick<Passkeys, 'askedAtMs'> } = {},
  ): Promise<Taken> {
    const answer = assertionIn(response)
    const account = answer && (only ?? this.#accountOf(answer.response.userHandle))
    if (answer === undefined || account === undefined) return refused
    return this.#turns.run(account.id, async () => {
      const kept = this.#kept(account.id).find(({ credential }) => credential === answer.id)
      if (kept === undefined || kept.site !== site.name) return refused
      const asked = (text: string) => askedBy.askedAtMs(text, only)
      const seen = await this.#signed(site, answer, kept, { asked, isAlone: only === undefined })
      // What was answered while the clock was years ahead cannot come again: its challenge is of no time that is now.
      const isOfNow = kept.answeredMs <= this.#agent.world.clock.now() + AHEAD_AT_MOST_MS
      if (seen === undefined || (isOfNow && seen.madeAtMs <= kept.answeredMs)) return refused
      if ((seen.counter > 0 || kept.counter > 0) && seen.counter <= kept.counter) {
        const facts = { account: account.address, passkey: kept.name }
        this.#agent.log('warning', 'a passkey counts backwards: somebody may have a copy of it; it was refused', facts)
        return refused
      }
      const lastUse = { atMs: this.#agent.world.clock.now(), from }
      const isThere = await this.#put(account.id, {
        ...kept,
        counter: seen.counter,
        answeredMs: seen.madeAtMs,
        lastUse,
      })
      return isThere ? { state: 'ok', account, id: kept.id } : refused
    })
  }

  /** When we asked for a signature of this text; undefined: we did not, or too long ago. */
  askedAtMs(text: string, only: Account | undefined): number | undefined {
    return this.#challenges.madeAtMs(text, ...purposeOf(only))
  }

  async #signed(
    site: Site,
    response: AuthenticationResponseJSON,
    kept: Kept,
    { asked, isAlone }: { asked: (text: string) => number | undefined; isAlone: boolean },
  ): Promise<{ madeAtMs: number; counter: number } | undefined> {
    let madeAtMs: number | undefined
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response,
        expectedChallenge: (text) => {
          madeAtMs = asked(text)
          return madeAtMs !== undefined
        },
        expectedOrigin: site.origin,
        expectedRPID: site.name,
        // The counter is looked at once the signature is known to be right.
        credential: {
          id: kept.credential,
          publicKey: new Uint8Array(Buffer.from(kept.publicKey, 'base64url')),
          counter: 0,
        },
        requireUserVerification: isAlone,
      })
      return verified ? { madeAtMs: madeAtMs!, counter: authenticationInfo.newCounter } : undefined
    } catch {
      return undefined
    }
  }

  /** The account's number, which only this agent can read: the device gives it back, and it names nobody (§14.6.1). */
  #handleOf({ id }: Account): Buffer {
    const block = Buffer.alloc(HANDLE_BYTES)
    block.writeBigUInt64BE(BigInt(id), HANDLE_BYTES - 8)
    const cipher = createCipheriv('aes-256-ecb', this.#handleKey(), null).setAutoPadding(false)
    return Buffer.concat([cipher.update(block), cipher.final()])
  }

  #accountOf(handle: string | undefined): Account | undefined {
    const bytes = Buffer.from(handle ?? '', 'base64url')
    if (bytes.length !== HANDLE_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-ecb', this.#handleKey(), null).setAutoPadding(false)
    const block = Buffer.concat([decipher.update(bytes), decipher.final()])
    const id = block.readBigUInt64BE(HANDLE_BYTES - 8)
    const isOurs = block.readBigUInt64BE(0) === 0n && id <= BigInt(Number.MAX_SAFE_INTEGER)
    return isOurs ? this.#agent.store.account(Number(id)) : undefined
  }

  #handleKey(): Buffer {
    return createHmac('sha256', this.#agent.secrets.server).update('whose passkey it is').digest()
  }

  #kept(account: number): (Kept & { readonly id: number })[] {
    return this.#agent.store.lists
      .objects(account, 'passkey')
      .map(({ id, value }) => ({ ...(JSON.parse(value) as Kept), id }))
  }

  /** False: it was revoked meanwhile. */
  async #put(account: number, { id, ...kept }: Kept & { readonly id: number }): Promise<boolean> {
    const put = { kind: 'object.put', account, of: 'passkey', id, value: JSON.stringify(kept), atMost: MOST } as const
    const [result] = await this.#agent.store.commit([put])
    return result!.ok
  }
}

/** Whoever comes without a name may be anybody's; after the password only one account's answer will do. */
const purposeOf = (account: Account | undefined): [purpose: Purpose, subject?: string] =>
  account === undefined ? ['sign-in'] : ['second-factor', account.address]
