// What is kept of a password. Two forms, because two ways to prove one exist: argon2id (RFC 9106), for passwords that are said
// (PLAIN, LOGIN, the web), and SCRAM's keys (RFC 5802), for those that are proven without being said. SCRAM's are the weaker
// ones against whoever steals the store, so they are sealed with the agent's secret, which lies elsewhere: the store alone,
// or a backup of it, gives argon2id to guess at. docs/accounts.md says more.

import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import {
  fakeCredentials,
  formatCredentials,
  keysOf,
  parseCredentials,
  preparePassword,
  type ScramCredentials,
} from '../protocols/sasl/credentials.ts'
import type { Argon2Cost, World } from '../world/world.ts'

/** 19 MiB, twice over: about 40 ms of one core, and no guess is cheaper on other hardware. */
const COST: Argon2Cost = { memoryKiB: 19_456, passes: 2 }
const TEXT_FORM =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43}) ([A-Za-z0-9+/=]{1,600})$/
const NO_PASSWORD = Buffer.from([0])
const IV_BYTES = 12
const TAG_BYTES = 16

interface Kept {
  readonly cost: Argon2Cost
  readonly salt: Buffer
  readonly hash: Buffer
  readonly sealed: Buffer
}

export class Passwords {
  readonly #world: Pick<World, 'cpu' | 'random'>
  readonly #secret: Buffer
  /** What seals. */
  readonly #key: Buffer
  readonly #iterations: number
  readonly #cost: Argon2Cost

  /**
   * `secret`: the agent's own; `iterations`: PBKDF2 of SCRAM's keys, and `cost` of argon2id, the same for everybody and for
   * nobody.
   */
  constructor(world: Pick<World, 'cpu' | 'random'>, secret: Buffer, iterations: number, cost = COST) {
    this.#world = world
    this.#secret = secret
    this.#key = createHmac('sha256', secret).update('seal of what must not be read from the store').digest()
    this.#iterations = iterations
    this.#cost = cost
  }

  /** What to keep of this password; undefined when it holds characters that none may hold, or is empty. */
  async make(name: string, password: string): Promise<string | undefined> {
    const prepared = preparePassword(password)
    if (prepared === undefined) return undefined
    const { cpu, random } = this.#world
    const salt = random.bytes(16)
    const [hash, keys] = await Promise.all([cpu.argon2id(prepared, salt, this.#cost), this.scramKeys(name, prepared)])
    const b64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
    const form = `$argon2id$v=19$m=${this.#cost.memoryKiB},t=${this.#cost.passes},p=1$${b64(salt)}$${b64(hash)}`
    return `${form} ${this.#seal(name, formatCredentials(keys)).toString('base64')}`
  }

  /**
   * Is it the password of which this was kept. `text` undefined (nobody), a text of before argon2id, and one of now take the
   * same work. `storedKey`: what SCRAM would keep of it, with everybody's salt; undefined for a text of before.
   */
  async check(
    name: string,
    text: string | undefined,
    password: string,
  ): Promise<{ isRight: boolean; storedKey: Buffer | undefined }> {
    const kept = text === undefined ? undefined : read(text)
    const before = text === undefined || kept !== undefined ? undefined : parseCredentials(text)
    const prepared = preparePassword(password)
    const { salt, iterations } = before ?? this.fake(name)
    const { cpu } = this.#world
    const [hash, salted] = await Promise.all([
      cpu.argon2id(prepared ?? NO_PASSWORD, kept?.salt ?? salt, kept?.cost ?? this.#cost),
      cpu.pbkdf2(prepared ?? NO_PASSWORD, salt, iterations),
    ])
    if (prepared === undefined) return { isRight: false, storedKey: undefined }
    const { storedKey } = keysOf(salted)
    if (before !== undefined) return { isRight: timingSafeEqual(storedKey, before.storedKey), storedKey: undefined }
    return { isRight: kept !== undefined && timingSafeEqual(hash, kept.hash), storedKey }
  }

  /** Is it kept as it would be kept today. */
  isCurrent(name: string, text: string): boolean {
    const kept = read(text)
    const keys = this.scram(name, text)
    if (kept === undefined || keys === undefined) return false
    const { memoryKiB, passes } = kept.cost
    return memoryKiB === this.#cost.memoryKiB && passes === this.#cost.passes && keys.iterations === this.#iterations
  }

  /** SCRAM's keys; undefined when there are none, or they were sealed with another secret. */
  scram(name: string, text: string): ScramCredentials | undefined {
    const kept = read(text)
    if (kept === undefined) return parseCredentials(text)
    const opened = this.#open(name, kept.sealed)
    return opened === undefined ? undefined : parseCredentials(opened)
  }

  /** Keys that no password fits, for whoever does not exist; with the salt that this name would have. */
  fake(name: string): ScramCredentials {
    return fakeCredentials(name.toLowerCase(), this.#secret, this.#iterations)
  }

  /** Of the shape of what `make` gives, at no cost; no password fits it. */
  ofNobody(): string {
    const { memoryKiB, passes } = this.#cost
    const nothing = `$argon2id$v=19$m=${memoryKiB},t=${passes},p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`
    return `${nothing} ${this.seal('', formatCredentials(this.fake('')))}`
  }

  /** Everybody's salt follows from the name, so that all passwords of one account share it: a client is told one. */
  saltOf(name: string): Buffer {
    return this.fake(name).salt
  }

  async scramKeys(name: string, prepared: Buffer): Promise<ScramCredentials> {
    const salt = this.saltOf(name)
    const { storedKey, serverKey } = keysOf(await this.#world.cpu.pbkdf2(prepared, salt, this.#iterations))
    return { salt, iterations: this.#iterations, storedKey, serverKey }
  }

  /** AES-256-GCM, bound to the account: what is of one fits no other. */
  #seal(name: string, text: string): Buffer {
    const iv = this.#world.random.bytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv).setAAD(Buffer.from(name.toLowerCase()))
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), body])
  }

  #open(name: string, sealed: Buffer): string | undefined {
    if (sealed.length < IV_BYTES + TAG_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(Buffer.from(name.toLowerCase())).setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString()
    } catch {
      return undefined
    }
  }

  /** For other secrets of an account, kept in the store as text. */
  seal(name: string, text: string): string {
    return this.#seal(name, text).toString('base64')
  }

  open(name: string, sealed: string): string | undefined {
    return this.#open(name, Buffer.from(sealed, 'base64'))
  }
}

function read(text: string): Kept | undefined {
  const parts = TEXT_FORM.exec(text)
  if (parts === null) return undefined
  const [, memory, passes, salt, hash, sealed] = parts
  const cost = { memoryKiB: Number(memory), passes: Number(passes) }
  if (cost.memoryKiB < 8 || cost.memoryKiB > 1_048_576 || cost.passes < 1) return undefined
  const bytes = (part: string) => Buffer.from(part, 'base64')
  return { cost, salt: bytes(salt!), hash: bytes(hash!), sealed: bytes(sealed!) }
}
