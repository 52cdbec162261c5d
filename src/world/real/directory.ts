// An LDAP directory through `ldapts`, over few connections that are kept for a while: those that search stay bound as the
// reader, those that try passwords belong to nobody. It opens its own sockets, like PostgreSQL's client: names are looked up
// by the machine, since a directory is part of the house.

import type { Socket } from 'node:net'
import { type Client, ResultCodeError } from 'ldapts'
import {
  type Directory,
  type DirectoryEntry,
  DirectoryError,
  type DirectoryPlace,
  type DirectorySearch,
} from '../directory.ts'
import { type Line, openLine } from './directory-line.ts'

/** At once. A server of its own has tens of threads. */
const connections = 8
/** Who comes when so many wait hears that it does not answer. */
const longestQueue = 200
/** From being asked to the answer, waiting included. */
const usualPatienceMs = 10_000
const keptMs = 60_000
/** invalidCredentials, noSuchObject, inappropriateAuthentication (no password), constraintViolation (tried too often). */
const refusals: ReadonlySet<number> = new Set([49, 32, 48, 19])

type Use = 'search' | 'password'

export class RealDirectory implements Directory {
  readonly #place: DirectoryPlace
  readonly #patienceMs: number
  readonly #kept: Record<Use, Line[]> = { search: [], password: [] }
  readonly #waiting: (() => void)[] = []
  #busy = 0

  constructor(place: DirectoryPlace, patienceMs = usualPatienceMs) {
    this.#place = place
    this.#patienceMs = patienceMs
  }

  async isPassword(dn: string, password: string): Promise<boolean> {
    if (password === '' || dn === '') return false
    return this.#use('password', async (client) => {
      try {
        await client.bind(dn, password)
        return true
      } catch (error) {
        if (error instanceof ResultCodeError && refusals.has(error.code)) return false
        throw error
      }
    })
  }

  async search({ base, filter, attributes, atMost }: DirectorySearch): Promise<DirectoryEntry[]> {
    return this.#use('search', async (client) => {
      const { searchEntries } = await client.search(base, {
        scope: 'sub',
        filter,
        attributes: [...attributes],
        ...(atMost > 500 ? { paged: { pageSize: 500 } } : { sizeLimit: atMost }),
      })
      return searchEntries.slice(0, atMost).map(({ dn, ...found }) => ({
        dn,
        attributes: new Map(Object.entries(found).map(([name, value]) => [name.toLowerCase(), textsIn(value)])),
      }))
    })
  }

  close(): void {
    for (const line of [...this.#kept.search.splice(0), ...this.#kept.password.splice(0)]) line.socket.destroy()
  }

  /** One connection for one question, in time. A connection that was kept may have ended meanwhile: then a new one. */
  async #use<T>(use: Use, work: (client: Client) => Promise<T>): Promise<T> {
    const opened: { socket?: Socket; isOver: boolean } = { isOver: false }
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new DirectoryError('It did not answer in time.')), this.#patienceMs)
    try {
      return await Promise.race([this.#inTurn(() => this.#ask(use, work, opened)), late.promise])
    } catch (error) {
      opened.isOver = true
      opened.socket?.destroy()
      throw error instanceof DirectoryError ? error : new DirectoryError(messageOf(error))
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask<T>(
    use: Use,
    work: (client: Client) => Promise<T>,
    opened: { socket?: Socket; isOver: boolean },
  ): Promise<T> {
    if (opened.isOver) throw new DirectoryError('It did not answer in time.')
    const kept = this.#takeKept(use)
    if (kept !== undefined) {
      opened.socket = kept.socket
      try {
        return await this.#on(kept, use, work)
      } catch (error) {
        if (kept.isOpen() || error instanceof ResultCodeError) throw error
      }
    }
    const line = await openLine(this.#place, this.#patienceMs, (socket) => {
      opened.socket = socket
      if (opened.isOver) socket.destroy()
    })
    const { reader } = this.#place
    try {
      if (use === 'search' && reader !== undefined) await line.client.bind(reader.dn, reader.password)
      return await this.#on(line, use, work)
    } catch (error) {
      line.socket.destroy()
      throw error
    }
  }

  async #on<T>(line: Line, use: Use, work: (client: Client) => Promise<T>): Promise<T> {
    const result = await work(line.client)
    this.#keep(use, line)
    return result
  }

  #takeKept(use: Use): Line | undefined {
    for (;;) {
      const line = this.#kept[use].pop()
      if (line === undefined) return undefined
      line.socket.setTimeout(0).removeAllListeners('timeout').ref()
      if (line.isOpen()) return line
    }
  }

  #keep(use: Use, line: Line): void {
    if (!line.isOpen()) return
    this.#kept[use].push(line)
    line.socket.unref().setTimeout(keptMs, () => {
      this.#kept[use] = this.#kept[use].filter((one) => one !== line)
      line.socket.destroy()
    })
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy >= connections) {
      if (this.#waiting.length >= longestQueue) throw new DirectoryError('Too many wait for it.')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#busy++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#busy--
      else next()
    }
  }
}

const textsIn = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).map((one) => (Buffer.isBuffer(one) ? one.toString('utf8') : String(one)))

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
