// People whose passwords a directory of the house keeps (LDAP): found by a search, proven by a bind as them (RFC 4513 §5.1.3).
// What was right stays so for a moment, as a digest, so that a program that comes every minute does not ask each time. When
// the directory does not answer, nobody's password is wrong: it is not known, and who asks may come again.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Directory, type DirectoryEntry, DirectoryError, type DirectoryPlace } from '../world/directory.ts'
import type { World } from '../world/world.ts'
import type { Agent } from './agent.ts'

export interface DirectorySettings {
  readonly host: string
  readonly port: number
  readonly security: DirectoryPlace['security']
  /** Below which entry people are. */
  readonly base: string
  /** Who it is (RFC 4515), with {address} and {name}, the part before the @. */
  readonly filter: string
  /** As whom it is searched; undefined: as nobody. */
  readonly reader: string | undefined
  /** File of the reader's password, in the agent's folder. */
  readonly secretFile: string | undefined
  /** File of the certificates that are believed, in the agent's folder. */
  readonly trustedFile: string | undefined
  /** Who signs in first gets an account. */
  readonly makesAccounts: boolean
  /** Attributes that name further addresses of a person; with any, whoever signs in gets what they name. */
  readonly aliasAttributes: readonly string[]
}

/** What the directory says of somebody. */
export interface DirectoryPerson {
  /** In the order of the directory, at this agent's domain. Lower case. */
  readonly addresses: readonly string[]
  readonly displayName: string | undefined
}

export type DirectoryVerdict =
  | { readonly state: 'right'; readonly person: DirectoryPerson }
  | { readonly state: 'wrong' }
  | { readonly state: 'unavailable' }

interface Remembered {
  readonly digest: Buffer
  readonly untilMs: number
  readonly person: DirectoryPerson
}

const REMEMBERED_MS = 5 * 60_000
const MAX_REMEMBERED = 10_000
const MAX_PASSWORD = 1000
/** The log says once in this time that the directory does not answer. */
const COMPLAINS_EVERY_MS = 60_000

export class DirectoryLogin {
  readonly settings: DirectorySettings
  readonly #directory: Directory
  readonly #world: Pick<World, 'clock' | 'random'>
  readonly #domain: string
  readonly #key: Buffer
  readonly #log: Agent['log']
  readonly #remembered = new Map<string, Remembered>()
  #complainedMs = Number.NEGATIVE_INFINITY

  constructor(
    settings: DirectorySettings,
    directory: Directory,
    { world, domain, secret, log }: { world: World; domain: string; secret: Buffer; log: Agent['log'] },
  ) {
    this.settings = settings
    this.#directory = directory
    this.#world = world
    this.#domain = domain
    this.#key = createHmac('sha256', secret).update('passwords that the directory found right').digest()
    this.#log = log
  }

  /** Reads what its place needs. @throws Error when a file is not there; DiskError */
  static async open(
    settings: DirectorySettings,
    around: { world: World; domain: string; secret: Buffer; log: Agent['log'] },
  ): Promise<DirectoryLogin> {
    const { disk, directory } = around.world
    const read = async (file: string, what: string) => {
      const bytes = await disk.readFile(file)
      if (bytes === undefined) throw new Error(`${what} is not there: put the file ${file} into the agent's folder`)
      return bytes.toString('utf8')
    }
    const { host, port, security, reader, secretFile, trustedFile } = settings
    const place: DirectoryPlace = {
      host,
      port,
      security,
      ...(trustedFile && { trusted: [await read(trustedFile, 'the certificate of ldap-ca')] }),
      ...(reader !== undefined &&
        secretFile !== undefined && {
          reader: { dn: reader, password: (await read(secretFile, 'the password of ldap-bind')).replace(/\r?\n$/, '') },
        }),
    }
    return new DirectoryLogin(settings, directory(place), around)
  }

  /** `name`: a whole address. Who is not found takes the same questions as who is. */
  async check(name: string, password: string): Promise<DirectoryVerdict> {
    // A server takes a bind without a password for one of nobody, and says that it went well (RFC 4513 §5.1.2).
    if (password === '' || password.length > MAX_PASSWORD || password.includes('\0')) return { state: 'wrong' }
    const key = name.toLowerCase()
    const digest = createHmac('sha256', this.#key).update(`${key}\0`).update(password).digest()
    const known = this.#remembered.get(key)
    const isFresh = known !== undefined && known.untilMs > this.#world.clock.monotonic()
    if (isFresh && timingSafeEqual(known.digest, digest)) return { state: 'right', person: known.person }
    try {
      const entry = await this.#find(name)
      const dn = entry?.dn ?? `cn=${this.#world.random.bytes(12).toString('hex')},${this.settings.base}`
      const isRight = await this.#directory.isPassword(dn, password)
      if (!isRight || entry === undefined) return { state: 'wrong' }
      const person = this.#personIn(entry)
      this.#remember(key, { digest, untilMs: this.#world.clock.monotonic() + REMEMBERED_MS, person })
      return { state: 'right', person }
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      this.#complain(error)
      return { state: 'unavailable' }
    }
  }

  close(): void {
    this.#directory.close()
  }

  async #find(address: string): Promise<DirectoryEntry | undefined> {
    const name = address.slice(0, address.lastIndexOf('@'))
    const filter = filterFor(this.settings.filter, { address: escaped(address), name: escaped(name) })
    const entries = await this.#search(filter, 2)
    if (entries.length < 2) return entries[0]
    this.#log('warning', 'the directory has several people of one name: none of them can sign in', { address })
    return undefined
  }

  #search(filter: string, atMost: number): Promise<DirectoryEntry[]> {
    const attributes = ['mail', 'cn', 'displayName', ...this.settings.aliasAttributes]
    return this.#directory.search({ base: this.settings.base, filter, attributes: [...new Set(attributes)], atMost })
  }

  #personIn({ attributes }: DirectoryEntry): DirectoryPerson {
    const of = (name: string) => attributes.get(name.toLowerCase()) ?? []
    const all = [...of('mail'), ...this.settings.aliasAttributes.flatMap(of)].map((one) => one.toLowerCase().trim())
    return {
      addresses: [...new Set(all)].filter((one) => one.endsWith(`@${this.#domain}`)),
      displayName: of('displayName')[0] ?? of('cn')[0],
    }
  }

  #remember(key: string, one: Remembered): void {
    this.#remembered.delete(key)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(key, one)
  }

  #complain(error: DirectoryError): void {
    const nowMs = this.#world.clock.monotonic()
    if (nowMs - this.#complainedMs < COMPLAINS_EVERY_MS) return
    this.#complainedMs = nowMs
    const { host, port } = this.settings
    this.#log('warning', 'the directory does not answer: nobody whose password it keeps can sign in', {
      directory: `${host}:${port}`,
      reason: error.message,
    })
  }
}

/** RFC 4515 §3: what would be read as part of the filter, and everything that is not printable ASCII. */
export function escaped(value: string): string {
  return [...Buffer.from(value, 'utf8')]
    .map((byte) => {
      const isPlain = byte > 0x20 && byte < 0x7f && !'*()\\&|!=<>~"'.includes(String.fromCharCode(byte))
      return isPlain ? String.fromCharCode(byte) : `\\${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}

const filterFor = (template: string, values: { readonly address: string; readonly name: string }) =>
  template.replace(/\{(address|name)\}/g, (_, what: 'address' | 'name') => values[what])
