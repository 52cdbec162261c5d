// What the tests of IMAP share: a bench that is emptied between tests, sessions on it for several people, and short ways to
// say commands. A bug inside a session fails the test.

import assert from 'node:assert/strict'
import { after, afterEach, before } from 'node:test'
import type { Command, CommandResult } from '../../store/commands.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import { type Bench, MemoryClient, openBench } from '../testing.ts'
import { type ServeImapOptions, serveImap } from './serve.ts'

export class ImapTests {
  bench!: Bench
  readonly #clients: MemoryClient[] = []
  #bugs: unknown[] = []
  #people = 0

  /** `folder`: empty, of this test file; `remove` takes it away at the end. */
  constructor(folder: string, remove: (folder: string) => void) {
    before(async () => {
      this.bench = await openBench(folder)
    })
    after(async () => {
      await this.bench.close()
      remove(folder)
    })
    afterEach(() => {
      for (const client of this.#clients.splice(0)) client.hangUp()
      assert.deepEqual(this.#bugs, [])
      this.#bugs = []
    })
  }

  /** A new person with empty mailboxes. */
  async person(name = `person${++this.#people}`): Promise<{ name: string; account: AccountId }> {
    const address = `${name}@here.test`
    const nowMs = this.bench.world.clock.now()
    const made = await this.apply({ kind: 'account.create', address, displayName: name, credentials: null, nowMs })
    return { name: address, account: made.id! }
  }

  async apply(command: Command): Promise<Extract<CommandResult, { ok: true }>> {
    const [result] = await this.bench.store.commit([command])
    if (!result?.ok) throw new Error(`${command.kind}: ${result?.message}`)
    return result
  }

  connect(options: Partial<ServeImapOptions> = {}): MemoryClient {
    const client = new MemoryClient()
    const { store, accounts, world } = this.bench
    const limits = { failureDelayMs: 1, messageBytes: 1_000_000, ...options.limits }
    const report = (error: unknown): number => this.#bugs.push(error)
    // Whoever exists may come in: passwords are tested elsewhere.
    const anybody = {
      ...accounts,
      checkPassword: (user: string) => ({ state: 'ok', user }) as const,
    }
    void serveImap(client.stream, { store, accounts: anybody, allowPlaintext: true, report, ...options, limits }, world)
    this.#clients.push(client)
    return client
  }

  /** A session of a person, or of a new one. */
  async session(name?: string, options: Partial<ServeImapOptions> = {}): Promise<MemoryClient> {
    const client = this.connect(options)
    await client.line()
    const who = name ?? (await this.person()).name
    assert.match((await client.command(`LOGIN ${who} x`)).at(-1)!, /^a OK/)
    return client
  }
}

/** The untagged answers to a command that must be answered so. */
export async function said(client: MemoryClient, command: string, status = 'OK'): Promise<string[]> {
  client.send(`x ${command.replace(/\{(\d+)\}\r\n/g, '{$1+}\r\n')}\r\n`)
  const answers: string[] = []
  for (;;) {
    const answer = await client.response()
    assert.ok(answer !== undefined, `${command}: the server hung up`)
    answers.push(answer)
    if (!answer.startsWith('x ')) continue
    assert.match(answer, new RegExp(`^x ${status}`), command)
    return answers
  }
}

/** Appends messages with these subjects. */
export async function appendAll(client: MemoryClient, mailbox: string, ...subjects: string[]): Promise<void> {
  for (const subject of subjects) {
    const text = `From: ann@sender.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\nBody of ${subject}.\r\n`
    await said(client, `APPEND ${mailbox} {${text.length}}\r\n${text}`)
  }
}
