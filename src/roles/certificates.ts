// Client certificates (RFC 4422 appendix A, and submission without AUTH): a program that has the key is whose certificate it
// is. What counts is the key alone (SHA-256 of its SubjectPublicKeyInfo), so that a renewed certificate of the same key goes
// on, and whoever signed it proves nothing. Its owner names it in the settings, or the description does.

import { createHash, X509Certificate } from 'node:crypto'
import type { Account } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'
import type { Door } from './app-passwords.ts'
import { isNoteworthy, type LastUse } from './last-use.ts'

export interface ClientCertificate {
  readonly id: number
  readonly name: string
  readonly doors: readonly Door[]
  /** Hexadecimal. */
  readonly key: string
  readonly createdAtMs: number
  readonly lastUse: LastUse | null
}

type Kept = Omit<ClientCertificate, 'id'>

/** `id`: of the certificate, where its owner named it. */
export interface Holder {
  readonly account: Account
  readonly id: number | undefined
}

const MOST = 50
const MAX_NAME = 100
const FINGERPRINT = /^[0-9a-f]{64}$/

/** SHA-256 of the key of a certificate (PEM), or such a fingerprint itself, with colons or without; undefined: neither. */
export function keyFingerprint(text: string): string | undefined {
  const written = text.trim()
  const plain = written.replaceAll(':', '').toLowerCase()
  return FINGERPRINT.test(plain) ? plain : keyOf(read(written))
}

export class ClientCertificates {
  readonly #agent: Agent

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** Clients are asked for a certificate only where one would be of use: some ask the person each time. */
  get isInUse(): boolean {
    const { store, settings } = this.#agent
    return settings.certificates.length > 0 || store.lists.hasCertificates()
  }

  list({ id: account }: Account): ClientCertificate[] {
    return this.#agent.store.lists
      .objects(account, 'certificate')
      .map(({ id, value }) => ({ ...(JSON.parse(value) as Kept), id }))
  }

  /** Why it cannot be added; undefined: it is. */
  async add(
    account: Account,
    name: string,
    doors: readonly Door[],
    certificate: string,
  ): Promise<{ complaint: string } | undefined> {
    const called = name.trim().slice(0, MAX_NAME)
    if (called === '') return { complaint: 'Say for which program it is.' }
    if (doors.length === 0) return { complaint: 'Say what it is good for.' }
    const key = keyFingerprint(certificate)
    if (key === undefined)
      return { complaint: 'This is neither a certificate (-----BEGIN CERTIFICATE-----) nor the SHA-256 of its key.' }
    if (this.list(account).some((one) => one.key === key)) return { complaint: 'It is in the list already.' }
    const { store, world } = this.#agent
    const kept: Kept = { name: called, doors, key, createdAtMs: world.clock.now(), lastUse: null }
    const value = JSON.stringify(kept)
    const [result] = await store.commit([
      { kind: 'object.put', account: account.id, of: 'certificate', value, atMost: MOST },
    ])
    return result!.ok ? undefined : { complaint: result!.message }
  }

  async remove({ id: account }: Account, id: number): Promise<boolean> {
    const [result] = await this.#agent.store.commit([{ kind: 'object.remove', account, of: 'certificate', id }])
    return result!.ok
  }

  has(account: Account, id: number): boolean {
    return this.list(account).some((one) => one.id === id)
  }

  /** Everybody whose certificate (DER) it is at this door: as a rule one person, or nobody. */
  holders(certificate: Buffer, door: Door): Holder[] {
    const { store, settings, world } = this.#agent
    const shown = read(certificate)
    const key = keyOf(shown)
    if (key === undefined || shown!.validToDate.getTime() < world.clock.now()) return []
    const named = store.lists.certificates(key).flatMap(({ account: id, object }) => {
      const account = store.account(id)
      const { doors } = JSON.parse(object.value) as Kept
      return account !== undefined && doors.includes(door) ? [{ account, id: object.id }] : []
    })
    const described = settings.certificates.flatMap((one) => {
      const account = one.key === key ? store.accountByAddress(one.address) : undefined
      return account === undefined || named.some((other) => other.account.id === account.id)
        ? []
        : [{ account, id: undefined }]
    })
    return [...named, ...described]
  }

  /** Whose it is when the client does not say who it is: of several holders, the one whose address stands in it. */
  holder(certificate: Buffer, door: Door): Holder | undefined {
    const holders = this.holders(certificate, door)
    if (holders.length < 2) return holders[0]
    const addresses = addressesOf(read(certificate)!)
    const meant = holders.filter(({ account }) => addresses.has(account.address.toLowerCase()))
    return meant.length === 1 ? meant[0] : undefined
  }

  /** Notes when and from where; nobody waits for it. */
  used(account: Account, id: number, door: Door, from: string): void {
    const { store, world, log } = this.#agent
    const found = this.list(account).find((one) => one.id === id)
    const lastUse = { atMs: world.clock.now(), from, door }
    if (found === undefined || !isNoteworthy(found.lastUse, lastUse)) return
    const { id: _, ...kept } = found
    const value = JSON.stringify({ ...kept, lastUse } satisfies Kept)
    store
      .commit([{ kind: 'object.put', account: account.id, of: 'certificate', id, value, atMost: MOST }])
      .catch((error: unknown) => log('warning', 'the use of a certificate was not noted', { error: String(error) }))
  }
}

/** The SHA-256 of the key of a certificate (DER) that has not ended. */
export function keyOfCertificate(certificate: Buffer, nowMs: number): string | undefined {
  const shown = read(certificate)
  return shown === undefined || shown.validToDate.getTime() < nowMs ? undefined : keyOf(shown)
}

function read(certificate: Buffer | string): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate)
  } catch {
    return undefined
  }
}

function keyOf(certificate: X509Certificate | undefined): string | undefined {
  try {
    const key = certificate?.publicKey.export({ type: 'spki', format: 'der' })
    return key && createHash('sha256').update(key).digest('hex')
  } catch {
    // A kind of key that is not known here.
    return undefined
  }
}

/** rfc822Name of the alternative names (RFC 5280 §4.2.1.6), lower case. */
function addressesOf({ subjectAltName = '' }: X509Certificate): Set<string> {
  return new Set([...subjectAltName.matchAll(/(?:^|, )email:([^",\s]+)/g)].map(([, address]) => address!.toLowerCase()))
}
