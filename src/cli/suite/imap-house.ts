// What the IMAP suites share: a house with a store, its people with their passwords, and connections to it in memory.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServeImapOptions, serveImap } from '../../protocols/imap/serve.ts'
import type { SaslAccounts } from '../../protocols/sasl/accounts.ts'
import { MemoryClient } from '../../protocols/testing.ts'
import type { Command } from '../../store/commands.ts'
import { type EmbeddedStore, openStore } from '../../store/embedded.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import { realWorld } from '../../world/real/world.ts'
import type { World } from '../../world/world.ts'

export class ImapHouse {
  readonly store: EmbeddedStore
  readonly #world: World
  readonly #folder: string
  readonly #passwords = new Map<string, string>()
  readonly #options: Partial<ServeImapOptions>
  /** What went wrong inside a session: a bug of ours. */
  readonly bugs: string[] = []

  private constructor(store: EmbeddedStore, world: World, folder: string, options: Partial<ServeImapOptions>) {
    this.store = store
    this.#world = world
    this.#folder = folder
    this.#options = options
  }

  static async open(options: Partial<ServeImapOptions> = {}): Promise<ImapHouse> {
    const folder = mkdtempSync(join(tmpdir(), 'borderpost-suite-'))
    const dns = () => ({ resolve: async () => ({ status: 'no-answer' as const, reason: 'no DNS here' }) })
    const world = realWorld({ folder, dns })
    return new ImapHouse(await openStore(world), world, folder, options)
  }

  async close(): Promise<void> {
    await this.store.close()
    rmSync(this.#folder, { recursive: true })
  }

  /** Makes an account that can sign in by password. */
  async addPerson(address: string, password: string): Promise<AccountId> {
    const nowMs = this.#world.clock.now()
    const id = await this.apply({ kind: 'account.create', address, displayName: address, credentials: null, nowMs })
    this.#passwords.set(address, password)
    return id
  }

  /** Commits one command. @returns the id it made. @throws when it is refused */
  async apply(command: Command): Promise<number> {
    const [result] = await this.store.commit([command])
    if (!result?.ok) throw new Error(`${command.kind}: ${result?.message}`)
    return result.id ?? 0
  }

  connect(): MemoryClient {
    const client = new MemoryClient()
    const { store } = this
    const report = (error: unknown): void => {
      this.bugs.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    const accounts: SaslAccounts = {
      mechanisms: ['PLAIN', 'LOGIN'],
      checkPassword: (user, password) =>
        this.#passwords.get(user) === password ? { state: 'ok', user } : { state: 'refused' },
      scramCredentials: () => ({ state: 'unavailable' }),
    }
    const limits = { failureDelayMs: 1, ...this.#options.limits }
    void serveImap(
      client.stream,
      { ...this.#options, store, accounts, allowPlaintext: true, report, limits },
      this.#world,
    )
    return client
  }
}

/** The promise's outcome, or an error when it takes longer. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs / 1000} s`)), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a script expected and did not get. */
export class Mismatch extends Error {
  readonly expected: string
  readonly got: string

  constructor(expected: string, got: string) {
    super(expected)
    this.expected = expected
    this.got = got
  }
}
