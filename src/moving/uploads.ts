// Files of mail that people upload, piece by piece: a page that lost its connection, or was closed, goes on where what is
// durable here ends. One for each account; it waits beside the store until its mail was brought in, a week at most.

import type { AccountId } from '../store/nouns/people.ts'
import { type Disk, DiskError, type DiskFile } from '../world/disk.ts'

export interface Upload {
  readonly name: string
  readonly sizeBytes: number
  /** What is here of it. */
  readonly receivedBytes: number
}

interface Noted {
  readonly name: string
  readonly sizeBytes: number
  readonly beganMs: number
}

const FOLDER = 'moving'
const KEPT_MS = 7 * 24 * 60 * 60 * 1000
/** Stays free for mail that comes in. */
const RESERVE_BYTES = 512 * 1024 * 1024

export class Uploads {
  readonly #disk: Disk
  /** A piece is being written. */
  readonly #busy = new Set<AccountId>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  async get(account: AccountId): Promise<Upload | undefined> {
    const noted = await this.#noted(account)
    if (noted === undefined) return undefined
    const { name, sizeBytes } = noted
    const receivedBytes = await this.read(account, async (file) => file.size)
    return { name, sizeBytes, receivedBytes: receivedBytes ?? 0 }
  }

  /** The same file goes on, another takes its place. A complaint is a sentence for people. @throws DiskError */
  async begin(account: AccountId, name: string, sizeBytes: number, nowMs: number): Promise<string | undefined> {
    if (this.#busy.has(account)) return 'Another page of yours uploads just now.'
    const there = await this.get(account)
    const isSame = there !== undefined && there.name === name && there.sizeBytes === sizeBytes
    const missing = sizeBytes - (isSame ? there.receivedBytes : 0)
    if ((await this.#disk.freeBytes()) < missing + RESERVE_BYTES)
      return 'There is no room for a file of that size here now. Bring it in parts, or ask your postmaster.'
    if (isSame) return undefined
    await this.remove(account)
    const noted: Noted = { name, sizeBytes, beganMs: nowMs }
    await this.#disk.writeFile(notePath(account), Buffer.from(JSON.stringify(noted)), { secret: true })
    return undefined
  }

  /** Adds a piece where the file ends; a piece for another place changes nothing. Gives what is durable then. */
  async add(account: AccountId, offset: number, bytes: Uint8Array): Promise<Upload | undefined> {
    const there = await this.get(account)
    const fits = there !== undefined && offset === there.receivedBytes && offset + bytes.length <= there.sizeBytes
    if (!fits || this.#busy.has(account)) return there
    this.#busy.add(account)
    const file = await this.#disk.open(filePath(account), true)
    try {
      if ((await this.#disk.freeBytes()) < bytes.length + RESERVE_BYTES)
        throw new DiskError('full', 'There is no room for more of it here now.')
      // Another call may have been first.
      if (file.size === offset) {
        await file.append([bytes])
        await file.sync()
      }
      return { ...there, receivedBytes: file.size }
    } finally {
      this.#busy.delete(account)
      await file.close()
    }
  }

  /** Undefined when nothing is here. */
  async read<T>(account: AccountId, work: (file: DiskFile) => Promise<T>): Promise<T | undefined> {
    let file: DiskFile
    try {
      file = await this.#disk.open(filePath(account), false)
    } catch (error) {
      if (error instanceof DiskError && error.code === 'missing') return undefined
      throw error
    }
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }

  async remove(account: AccountId): Promise<void> {
    await this.#disk.remove(filePath(account))
    await this.#disk.remove(notePath(account))
  }

  /** Drops what nobody came back for, and what archives that were never finished have left. */
  async tidy(nowMs: number, isTaking: (account: AccountId) => boolean): Promise<void> {
    for (const name of await this.#disk.list(FOLDER)) {
      const [, id, what] = /^(\d+)\.(json|directory|list)$/.exec(name) ?? []
      const account = Number(id)
      if (what === 'json') {
        const noted = await this.#noted(account)
        if (noted !== undefined && noted.beganMs < nowMs - KEPT_MS) await this.remove(account)
      } else if (what !== undefined && !isTaking(account)) await this.#disk.remove(`${FOLDER}/${name}`)
    }
  }

  async #noted(account: AccountId): Promise<Noted | undefined> {
    const text = await this.#disk.readFile(notePath(account))
    return text && (JSON.parse(text.toString()) as Noted)
  }
}

const filePath = (account: AccountId) => `${FOLDER}/${account}.upload`
const notePath = (account: AccountId) => `${FOLDER}/${account}.json`
/** Where something of an account waits. */
export const spillPath = (account: AccountId, name: string) => `${FOLDER}/${account}.${name}`
