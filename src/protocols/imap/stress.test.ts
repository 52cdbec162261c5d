// Fifty sessions of chance commands on the same mailboxes, in the simulated world. Each keeps its view by what it is told
// alone and holds every answer against the rules: numbers, when EXPUNGE may come, UIDs and MODSEQs that only rise. At the
// end every view is what the store holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import type { Store } from '../../store/store.ts'
import { testWorld } from '../../world/testing.ts'
import type { Random } from '../../world/world.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { MemoryClient } from '../testing.ts'
import { serveImap } from './serve.ts'

const SESSIONS = 50
const COMMANDS = 40
const MAILBOXES = ['INBOX', 'Work']
const FLAGS = ['\\Seen', '\\Flagged', '\\Deleted', '$Label1', 'todo']

/** A message as a client knows it; undefined: not told yet. */
interface Known {
  uid: number | undefined
  flags: string | undefined
  modseq: number
}

class ChanceClient {
  readonly client = new MemoryClient()
  readonly #random: Random
  readonly #name: string
  readonly #resyncs: boolean
  #tags = 0
  mailbox: string | undefined
  messages: Known[] = []
  #uidNext = 0
  /** While FETCH, STORE and SEARCH by number are answered, numbers stay (RFC 9051 §7.5.1). */
  #mayExpunge = true

  constructor(name: string, random: Random, resyncs: boolean) {
    this.#name = name
    this.#random = random
    this.#resyncs = resyncs
  }

  async run(): Promise<void> {
    await this.client.line()
    await this.say('LOGIN bob@here.test x')
    if (this.#resyncs) await this.say('ENABLE QRESYNC')
    await this.open()
    for (let i = 0; i < COMMANDS; i++) await this.#step()
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.integer(from.length)]!
  }

  async open(mailbox = this.#pick(MAILBOXES)): Promise<void> {
    this.messages = []
    this.#uidNext = 0
    this.mailbox = mailbox
    await this.say(`SELECT ${mailbox}`)
    if (this.messages.length > 0) await this.say('UID FETCH 1:* (FLAGS)')
  }

  /** A number, or a range, of messages that are there. */
  #numbers(): string | undefined {
    const { length } = this.messages
    if (length === 0) return undefined
    const [a, b] = [1 + this.#random.integer(length), 1 + this.#random.integer(length)]
    return this.#pick([`${a}`, `${a}:${b}`, `${a},${b}`, `${a}:*`])
  }

  async #step(): Promise<void> {
    const numbers = this.#numbers()
    const uids = `${1 + this.#random.integer(60)}:${1 + this.#random.integer(60)}`
    const flags = `${this.#pick(['+FLAGS', '-FLAGS', 'FLAGS', '+FLAGS.SILENT'])} (${this.#pick(FLAGS)})`
    const other = this.#pick(MAILBOXES)
    const text = `Subject: ${this.#name} ${this.#tags}\r\n\r\nx\r\n`
    const commands: (string | undefined)[] = [
      'NOOP',
      `APPEND ${other} (${this.#pick(FLAGS)}) {${text.length}+}\r\n${text}`,
      numbers && `STORE ${numbers} ${flags}`,
      `UID STORE ${uids} ${flags}`,
      numbers && `FETCH ${numbers} (UID FLAGS)`,
      numbers && `FETCH ${numbers} (UID BODY[])`,
      'SEARCH NOT DELETED',
      'UID SEARCH RETURN (COUNT SAVE) FLAGGED',
      numbers && `COPY ${/^\d+/.exec(numbers)![0]} ${other}`,
      `UID MOVE ${uids} ${other}`,
      'EXPUNGE',
      `UID EXPUNGE ${uids}`,
      'idle',
      this.#random.integer(4) === 0 ? 'open' : 'NOOP',
    ]
    const command = this.#pick(commands) ?? 'NOOP'
    if (command === 'open') await this.open()
    else if (command === 'idle') await this.#idle()
    else {
      this.#silent = /SILENT/.test(command) ? command : undefined
      await this.say(command)
      if (this.#silent) await this.say('UID FETCH 1:* (FLAGS)')
      this.#silent = undefined
    }
  }

  /** What .SILENT changed is not told: the client must ask. */
  #silent: string | undefined

  async #idle(): Promise<void> {
    this.client.send('i IDLE\r\n')
    for (;;) {
      const line = (await this.client.response())!
      if (line.startsWith('+')) break
      this.#hear(line)
    }
    this.client.send('DONE\r\n')
    await this.#until('i')
  }

  async say(command: string): Promise<void> {
    const tag = `t${++this.#tags}`
    this.#mayExpunge = !/^(FETCH|STORE|SEARCH)/.test(command)
    this.client.send(`${tag} ${command}\r\n`)
    const answer = await this.#until(tag)
    this.#mayExpunge = true
    assert.match(answer, / (OK|NO \[EXPUNGEISSUED\])/, `${this.#name}: ${command}`)
  }

  async #until(tag: string): Promise<string> {
    for (;;) {
      const line = await this.client.response()
      assert.ok(line !== undefined, `${this.#name} was hung up on`)
      if (line.startsWith(`${tag} `)) return line
      this.#hear(line)
    }
  }

  #hear(line: string): void {
    const [, number, what] = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)/.exec(line) ?? []
    const vanished = /^\* VANISHED ([\d:,]+)$/.exec(line)?.[1]
    const uidNext = /\[UIDNEXT (\d+)\]/.exec(line)?.[1]
    if (what === 'EXISTS') {
      const count = Number(number)
      assert.ok(count >= this.messages.length, `${this.#name}: EXISTS ${count} after ${this.messages.length}`)
      while (this.messages.length < count) this.messages.push({ uid: undefined, flags: undefined, modseq: 0 })
    } else if (what === 'EXPUNGE') {
      assert.ok(this.#mayExpunge, `${this.#name}: EXPUNGE while numbers must stay`)
      assert.ok(!this.#resyncs, `${this.#name}: EXPUNGE in a QRESYNC session`)
      assert.ok(Number(number) >= 1 && Number(number) <= this.messages.length, line)
      this.messages.splice(Number(number) - 1, 1)
    } else if (vanished !== undefined) {
      assert.ok(this.#mayExpunge && this.#resyncs, `${this.#name}: ${line}`)
      for (const range of vanished.split(',')) {
        const [first, last = first] = range.split(':').map(Number)
        for (let uid = first!; uid <= last!; uid++) this.#vanish(uid)
      }
    } else if (what === 'FETCH') this.#fetched(Number(number), line)
    else if (uidNext !== undefined) {
      assert.ok(Number(uidNext) >= this.#uidNext)
      this.#uidNext = Number(uidNext)
    }
  }

  /** One of those with that UID, or of those whose UIDs are not known and lie around it. */
  #vanish(uid: number): void {
    let at = this.messages.findIndex((one) => one.uid === uid)
    if (at < 0) {
      const above = this.messages.findIndex((one) => one.uid !== undefined && one.uid > uid)
      at = (above < 0 ? this.messages.length : above) - 1
    }
    const found = this.messages[at]
    assert.ok(found && (found.uid === undefined || found.uid === uid), `${this.#name}: VANISHED ${uid} was never there`)
    this.messages.splice(at, 1)
  }

  #fetched(number: number, line: string): void {
    const message = this.messages[number - 1]
    assert.ok(message !== undefined, `${this.#name}: ${line} of ${this.messages.length}`)
    const uid = /UID (\d+)/.exec(line)?.[1]
    if (uid !== undefined) {
      if (message.uid !== undefined) assert.equal(Number(uid), message.uid, `${this.#name}: ${line}`)
      message.uid = Number(uid)
      const known = this.messages.flatMap((one) => one.uid ?? [])
      assert.deepEqual(
        known,
        [...known].sort((a, b) => a - b),
        'UIDs rise with numbers',
      )
    }
    const modseq = Number(/MODSEQ \((\d+)\)/.exec(line)?.[1] ?? 0)
    if (modseq > 0) {
      assert.ok(modseq >= message.modseq, `${this.#name}: MODSEQ ${modseq} after ${message.modseq}`)
      message.modseq = modseq
    }
    const flags = /FLAGS \(([^)]*)\)/.exec(line)?.[1]
    if (flags !== undefined) message.flags = flags.replace(/ ?\\Recent/, '').trim()
  }
}

function held(store: Store, account: number, mailbox: string): string[] {
  const { id } = store.mailboxByPath(account, mailbox)!
  return store.placements(account, id).map(({ uid, flags }) => `${uid} ${flags.join(' ')}`)
}

for (const seed of [1, 2, 3])
  test(`fifty sessions at a time keep the rules, and see the same in the end (seed ${seed})`, async () => {
    const { world, run } = testWorld(seed)
    await run(async () => {
      const store = await openStore(world)
      const create = {
        kind: 'account.create',
        address: 'bob@here.test',
        displayName: 'Bob',
        credentials: null,
      } as const
      const [made] = await store.commit([{ ...create, nowMs: world.clock.now() }])
      assert.ok(made?.ok)
      const account = made.id!
      await store.commit([{ kind: 'mailbox.create', account, path: 'Work', nowMs: world.clock.now() }])
      const accounts: SaslAccounts = {
        mechanisms: [],
        checkPassword: (user) => ({ state: 'ok', user }),
        scramCredentials: () => ({ state: 'unavailable' }),
      }
      const bugs: unknown[] = []
      const report = (error: unknown): number => bugs.push(error)
      const clients = Array.from({ length: SESSIONS }, (_, i) => new ChanceClient(`s${i}`, world.random, i % 2 === 0))
      for (const { client } of clients) {
        void serveImap(client.stream, { store, accounts, allowPlaintext: true, report }, world)
      }
      await Promise.all(clients.map((client) => client.run()))
      for (const client of clients) {
        await client.say('NOOP')
        if (client.messages.some(({ uid }) => uid === undefined)) await client.say('FETCH 1:* (UID)')
        const view = client.messages.map(({ uid, flags }) => `${uid} ${flags}`)
        const truth = held(store, account, client.mailbox!)
        // A client knows the flags that it was told; of messages that it heard of by EXISTS alone it knows none.
        assert.deepEqual(
          view,
          truth.map((one, i) => (client.messages[i]?.flags === undefined ? one.replace(/ .*/, ' undefined') : one)),
        )
      }
      assert.deepEqual(bugs, [])
      await store.close()
    })
  })
