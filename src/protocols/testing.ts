// What the tests of IMAP and POP3 share: a store with one account, and a client on a stream in memory
// that follows scripts of `C:` and `S:` lines.

import assert from 'node:assert/strict'
import { type EmbeddedStore, openStore } from '../store/embedded.ts'
import type { AccountId } from '../store/nouns/people.ts'
import { NetworkError, type Stream } from '../world/network.ts'
import { realWorld } from '../world/real/world.ts'
import type { World } from '../world/world.ts'
import type { SaslAccounts } from './sasl/accounts.ts'
import { makeCredentials } from './sasl/credentials.ts'

export interface Bench {
  readonly world: World
  readonly store: EmbeddedStore
  readonly accounts: SaslAccounts
  readonly account: AccountId
  close(): Promise<void>
}

export const USER = 'bob@here.test'
export const PASSWORD = 'correct horse'

/** A store in an empty folder, with Bob's account in it; his password is PASSWORD. */
export async function openBench(folder: string): Promise<Bench> {
  const world = realWorld({
    folder,
    dns: () => ({ resolve: async () => ({ status: 'no-answer', reason: 'no DNS here' }) }),
  })
  const store = await openStore(world)
  const create = { kind: 'account.create', displayName: 'Bob', credentials: null, nowMs: world.clock.now() } as const
  const [made] = await store.commit([{ ...create, address: USER }])
  assert.ok(made?.ok)
  const credentials = (await makeCredentials(PASSWORD, world, 4096))!
  const accounts: SaslAccounts = {
    mechanisms: ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'],
    checkPassword: (user, password) =>
      user === USER && password === PASSWORD ? { state: 'ok', user: USER } : { state: 'refused' },
    scramCredentials: () => ({ state: 'found', user: USER, credentials }),
  }
  return { world, store, accounts, account: made.id!, close: () => store.close() }
}

/** The client's end of a stream in memory; `stream` is the server's. */
export class MemoryClient {
  readonly stream: Stream
  #toServer: (Uint8Array | null)[] = []
  #serverWaits: ((bytes: Uint8Array | null) => void) | undefined
  #received = ''
  #clientWaits: (() => void) | undefined
  closed = false
  /** Bytes of the server's largest piece. */
  largestWrite = 0

  constructor() {
    const close = (): void => {
      this.closed = true
      this.#clientWaits?.()
    }
    this.stream = {
      local: { address: '127.0.0.1', port: 143 },
      remote: { address: '127.0.0.1', port: 40000 },
      tls: undefined,
      read: () =>
        new Promise((resolve) => {
          if (this.#toServer.length > 0) resolve(this.#toServer.shift()!)
          else this.#serverWaits = resolve
        }),
      write: async (bytes) => {
        if (this.closed) throw new NetworkError('reset', 'closed')
        this.largestWrite = Math.max(this.largestWrite, bytes.length)
        this.#received += Buffer.from(bytes).toString('latin1')
        this.#clientWaits?.()
      },
      end: close,
      destroy: close,
      startTls: () => Promise.reject(new NetworkError('tls', 'no TLS in memory')),
    }
  }

  /** Sends text as it is. */
  send(text: string): void {
    this.#give(Buffer.from(text, 'latin1'))
  }

  hangUp(): void {
    this.#give(null)
  }

  #give(bytes: Uint8Array | null): void {
    const waits = this.#serverWaits
    this.#serverWaits = undefined
    if (waits) waits(bytes)
    else this.#toServer.push(bytes)
  }

  /** The next line from the server, without CRLF; undefined when it closed. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#received.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#received.slice(0, end)
        this.#received = this.#received.slice(end + 2)
        return line
      }
      if (this.closed) return undefined
      await this.more()
    }
  }

  /** The next IMAP answer: a line with the literals in it as they came; undefined when the server closed. */
  async response(): Promise<string | undefined> {
    let text = await this.line()
    for (;;) {
      const size = text === undefined ? null : /~?\{(\d+)\}$/.exec(text)
      if (size === null) return text
      text += `\r\n${await this.#bytes(Number(size[1]))}`
      text += (await this.line()) ?? ''
    }
  }

  async #bytes(length: number): Promise<string> {
    while (this.#received.length < length && !this.closed) await this.more()
    const bytes = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    return bytes
  }

  /** Waits for more bytes, or for the end; not when that has come already. */
  more(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#clientWaits = resolve
    })
  }

  /** What was received and not read yet. */
  received(): string {
    const text = this.#received
    this.#received = ''
    return text
  }

  /** Says one IMAP command; gives the answer's lines, the tagged one last. */
  async command(text: string, tag = 'a'): Promise<string[]> {
    this.send(`${tag} ${text}\r\n`)
    return this.until(new RegExp(`^${tag} `))
  }

  /** Lines up to the first that matches. */
  async until(last: RegExp): Promise<string[]> {
    const lines: string[] = []
    for (;;) {
      const line = await this.line()
      if (line === undefined) return lines
      lines.push(line)
      if (last.test(line)) return lines
    }
  }

  /**
   * Follows a script: `C: text` is said with CRLF; `S: text` must be how the next line begins, `S: /re/` what it
   * matches; `S: (closed)` means the server hangs up. Indentation and empty lines mean nothing.
   */
  async follow(script: string): Promise<void> {
    for (const row of script.split('\n').map((one) => one.trim())) {
      if (row.startsWith('C:')) this.send(`${row.slice(3)}\r\n`)
      else if (row === 'S: (closed)') assert.equal(await this.line(), undefined)
      else if (row.startsWith('S:')) {
        const expected = row.slice(3)
        const line = await this.line()
        const pattern = /^\/(.*)\/$/.exec(expected)?.[1]
        if (pattern !== undefined) assert.match(line ?? '(closed)', new RegExp(pattern))
        else assert.equal(line?.slice(0, expected.length), expected, `the server said: ${line}`)
      } else assert.equal(row, '', 'a script has lines of C: and S: only')
    }
  }
}
