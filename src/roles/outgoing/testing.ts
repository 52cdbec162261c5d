// A life of years in seconds: an Author in front of the gate, with a store that is a few maps. What passes, and how, is
// decided by the gate itself.

import { BoundedMemory } from '../../filter/memory.ts'
import { parseHeader } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { OutgoingHour } from '../../store/nouns/outgoing.ts'
import type { Account } from '../../store/nouns/people.ts'
import { printOf } from '../../store/read/outgoing.ts'
import { SeededRandom } from '../../world/simulated/random.ts'
import type { Agent } from '../agent.ts'
import { noteSignIn } from '../sign-ins.ts'
import { passAuthor, standingOf } from './gate.ts'
import { hourOf } from './measures.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

const ANNA: Account = { id: 7, address: 'anna@sender.test', displayName: 'Anna', credentials: null }
const KEY = 'author 7'
const WORDS =
  'about after again agree along answer april batch begin below bring build call carry change check clear close come copy cost count cover date deal desk draft early enter error every figure final find first follow form give green group hand help hold house idea issue keep know later learn leave letter level light list look make march matter meet minute month morning move name need note number offer office open order other paper part phone place plan point print project question quick read reason report result room sample save season send serve share short show side sign simple small sort speak spring staff start state still stock stop story street summer table talk task team tell test thing think time today train trip turn under until update visit wait walk want watch week while word work write year'.split(
    ' ',
  )

export type Fate = 'now' | 'slowly' | 'held' | 'refused'

export class Life {
  readonly random: SeededRandom
  nowMs = Date.UTC(2026, 0, 5)
  readonly fates: Record<Fate, number> = { now: 0, slowly: 0, held: 0, refused: 0 }
  /** Days on which something was held or refused. */
  readonly badDays = new Set<number>()
  readonly slowDays = new Set<number>()
  readonly #agent: Agent
  /** In order. */
  #hours: OutgoingHour[] = []
  readonly #met = new Map<number, number>()
  readonly #likes = new Map<number, { hour: number; strangers: number }>()
  readonly #contacts: { modseq: number; value: string }[] = []
  #standing: string | undefined
  #held = 0
  #modseq = 0
  #conversation: string | undefined

  constructor(seed: number | string, { bulk = false }: { bulk?: boolean } = {}) {
    this.random = new SeededRandom(seed, 'life')
    const clock = { now: () => this.nowMs }
    const outgoing = {
      hours: (_key: string, from: number) =>
        this.#hours.slice(this.#hours.findLastIndex(({ hour }) => hour < from) + 1),
      alike: (_key: string, prints: readonly number[], from: number) =>
        prints
          .map((print) => this.#likes.get(print))
          .map((like) => (like !== undefined && like.hour >= from ? like.strangers : 0))
          .sort((a, b) => b - a)[2] ?? 0,
      standing: () => this.#standing,
      waiting: () => ({ held: this.#held, heldMessages: this.#held, slowed: 0 }),
      entries: () => [],
      createdMs: () => Date.UTC(2026, 0, 5),
      lastTurnMs: () => undefined,
      conversations: () => [1],
      metDay: (_account: number, address: string) => this.#met.get(printOf(address)),
    }
    const store = {
      outgoing,
      accountByAddress: () => undefined,
      mailboxByUse: () => undefined,
      placements: () => [],
      lists: { objects: () => this.#contacts },
      thread: () => [1],
      emails: (_account: number, ids: readonly number[]) =>
        ids.map(() => ({
          from: [{ email: this.#conversation }],
          replyTo: [],
          to: [],
          cc: [],
          verdict: { outcome: 'accept' },
        })),
      putBlob: async () => ({ hash: '' }),
    }
    const limits = { perHour: 500, perDay: 2000, generosity: 1 }
    const people = bulk ? [{ address: ANNA.address, bulk, limits: undefined }] : []
    this.#agent = {
      domain: 'sender.test',
      hostName: 'mail.sender.test',
      world: { clock, random: this.random },
      memory: new BoundedMemory(clock),
      opinions: { of: () => undefined },
      store,
      settings: { outgoing: { author: limits, bulk: { perHour: 20_000, perDay: 100_000, generosity: 1 }, people } },
      log: () => {},
    } as unknown as Agent
  }

  get rung() {
    return standingOf(this.#agent, KEY).rung
  }

  /** Text of its own, or one of `text`; `answers`: who wrote before. */
  async send(to: readonly string[], { text = this.words(40), answers }: { text?: string; answers?: string } = {}) {
    this.#conversation = answers
    const reply = answers === undefined ? '' : 'In-Reply-To: <one@example.test>\r\n'
    const source = Buffer.from(
      `From: ${ANNA.address}\r\nSubject: ${this.words(4)}\r\n${reply}\r\n${text}\r\n\r\nAnna Author\r\nSender and Company, Long Street 7\r\n`,
    )
    const passing = passAuthor(this.#agent, ANNA, { header: parseHeader(source), source, elsewhere: to })
    let heldNow = false
    for (const address of to) {
      const later = passing.laterFor(address, undefined)
      const fate: Fate =
        passing.refusal !== undefined ? 'refused' : later?.isHeld ? 'held' : later === undefined ? 'now' : 'slowly'
      this.fates[fate]++
      const day = Math.floor(this.nowMs / DAY)
      if (fate === 'held' || fate === 'refused') this.badDays.add(day)
      if (fate === 'slowly') this.slowDays.add(day)
      if (fate === 'held') heldNow = true
    }
    if (heldNow) this.#held++
    for (const command of await passing.commands()) this.#apply(command)
    passing.settle()
  }

  refused(count: number): void {
    this.#count({ refused: count })
  }

  complained(count: number): void {
    this.#count({ complaints: count })
  }

  addContact(address: string): void {
    this.#contacts.push({ modseq: ++this.#modseq, value: JSON.stringify({ emails: { e: { address } } }) })
  }

  signIn(from: string): void {
    noteSignIn(this.#agent, ANNA.id, { from })
  }

  words(count: number): string {
    return Array.from({ length: count }, () => WORDS[this.random.integer(WORDS.length)]).join(' ')
  }

  /** How many of something come in a time in which `mean` come on average. */
  poisson(mean: number): number {
    let count = -1
    for (let left = mean; left > 0; count++) left += Math.log(1 - this.random.float())
    return Math.max(0, count)
  }

  #count(counts: Partial<OutgoingHour>): void {
    const hour = hourOf(this.nowMs)
    const nothing = { acquainted: 0, recipients: 0, strangers: 0, suspects: 0, refused: 0, complaints: 0 }
    const last = this.#hours.at(-1)
    const before: OutgoingHour = last?.hour === hour ? last : { hour, ...nothing }
    if (last?.hour === hour) this.#hours.pop()
    const sums = Object.entries(counts).map(([name, count]) => [name, before[name as keyof OutgoingHour] + count])
    this.#hours.push({ ...before, ...Object.fromEntries(sums), hour })
    if (this.#hours.length > 2000) this.#hours = this.#hours.slice(-1000)
  }

  #apply(command: Command): void {
    if (command.kind === 'outgoing.stand') this.#standing = command.standing ?? undefined
    if (command.kind === 'acquaintance.put') for (const print of command.prints) this.#met.set(print, command.day)
    if (command.kind !== 'outgoing.count') return
    this.#count(command.counts)
    for (const print of command.prints) {
      const strangers = (this.#likes.get(print)?.strangers ?? 0) + command.counts.strangers
      this.#likes.set(print, { hour: command.hour, strangers })
    }
    if (this.#likes.size > 20_000)
      for (const [print, { hour }] of this.#likes) if (hour < command.hour - 72) this.#likes.delete(print)
  }
}
