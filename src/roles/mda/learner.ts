// MDA: learns from what people do with their mail. The store notes lessons in the transactions that make them
// (store/apply/lessons.ts); here they are worked off in order: the body is read again as the Border saw it, and the
// classifiers of the person and of the system learn it. Their states are saved from time to time, in the same commit
// that drops the lessons they hold: after a crash the lessons that are still there are learned again from the states
// before them, so each counts once.

import { type Outcome, Reputation } from '../../filter/reputation.ts'
import { type Features, featuresOf } from '../../filter/statistics/features.ts'
import { factsOf } from '../../filter/statistics/finding.ts'
import { authorOf } from '../../identity/dmarc/author.ts'
import { fieldsNamed, parseHeader, unfolded } from '../../message/header.ts'
import { parseStructure } from '../../message/mime.ts'
import type { LearnedState, Lesson } from '../../store/nouns/people.ts'
import { LESSONS } from '../../store/nouns/watched.ts'
import type { Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'

/** Many lessons often come at once: a folder is moved to Junk. */
const SOON_MS = 500
const LESSONS_AT_ONCE = 50
/** Messages that were flagged many at once are looked at so many at a time. */
const UNFOLDED_AT_ONCE = 200
/** Between two lessons: learning takes at most a part of a processor. */
const BREATH_MS = 5
/** States are saved after so many lessons, or so long after the first. */
const SAVE_AFTER_LESSONS = 500
const SAVE_AFTER_MS = 120_000
/** After a failure of the disk; and how often a body that cannot be read is tried. */
const REST_MS = 60_000
const MOST_TRIES = 5
/** Mail that was read and is in the inbox for so long was wanted. */
const SEASONED_MS = 3 * 86_400_000
const SEASON_EVERY_MS = 3_600_000
const SEASONED_AT_ONCE = 200
const ACCOUNTS_AT_ONCE = 100
/** What one person says of a message undoes what the Border counted of it: it takes more than one to ruin a name. */
const ONE_WORD = 0.2

export class Learner {
  readonly #agent: Agent
  readonly #reputation: Reputation
  #unwatch: (() => void) | undefined
  #working: Promise<void> | undefined
  #seasoning: Promise<void> | undefined
  #next: { readonly timer: Timer; readonly atMs: number } | undefined
  #seasonAgain: Timer | undefined
  #stopped = false
  /** The last lesson that was learned, and since when lessons wait to be saved. */
  #last = 0
  #unsaved = 0
  #unsavedSinceMs = 0
  #unreadable = 0
  readonly #seasonEveryMs: number
  readonly #judged: { readonly provenDomain: string; readonly outcome: Outcome }[] = []

  /** `seasonEveryMs`: how often it is looked for mail that was read and kept. */
  constructor(agent: Agent, seasonEveryMs = SEASON_EVERY_MS) {
    this.#agent = agent
    this.#seasonEveryMs = seasonEveryMs
    this.#reputation = new Reputation(agent.memory, agent.world.clock)
  }

  /** Begins to work off lessons, and wakes whenever there may be new ones. */
  start(): void {
    this.#unwatch = this.#agent.store.watch(LESSONS, () => this.#wake(SOON_MS))
    this.#wake(SOON_MS)
    this.#season()
  }

  /** Learns no more; what was learned is saved. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#unwatch?.()
    this.#next?.timer.cancel()
    this.#seasonAgain?.cancel()
    await Promise.all([this.#working, this.#seasoning])
    await this.#save().catch((error: unknown) => this.#complain(error))
  }

  /** Looks for lessons after so long, or sooner where that was said before. */
  #wake(afterMs: number): void {
    if (this.#stopped || this.#working !== undefined) return
    const { clock } = this.#agent.world
    const atMs = clock.monotonic() + afterMs
    if (this.#next !== undefined && this.#next.atMs <= atMs) return
    this.#next?.timer.cancel()
    this.#next = { atMs, timer: clock.after(afterMs, () => this.#begin()) }
  }

  #begin(): void {
    this.#next = undefined
    this.#working = this.#work()
      .then(() => (this.#unsaved > 0 ? this.#saveInMs() : undefined))
      .catch((error: unknown) => {
        this.#complain(error)
        return REST_MS
      })
      .then((againMs) => {
        this.#working = undefined
        if (againMs !== undefined) this.#wake(Math.max(SOON_MS, againMs))
      })
  }

  async #work(): Promise<void> {
    const { store, world } = this.#agent
    for (;;) {
      const lessons = store.lessons(this.#last, LESSONS_AT_ONCE)
      for (const lesson of lessons) {
        if (this.#stopped) return
        await this.#learn(lesson)
        // A folder of thousands must not keep the mail waiting.
        await world.clock.sleep(BREATH_MS)
      }
      const isTime = this.#unsaved > 0 && this.#saveInMs() <= 0
      if (isTime || this.#unsaved >= SAVE_AFTER_LESSONS) await this.#save()
      // Lessons that come while states are saved are seen now; those that come later wake it again.
      else if (lessons.length === 0) {
        if (!store.isTaughtLater()) return
        await store.commit([{ kind: 'lesson.unfold', limit: UNFOLDED_AT_ONCE }])
      }
    }
  }

  #saveInMs(): number {
    return this.#unsavedSinceMs + SAVE_AFTER_MS - this.#agent.world.clock.monotonic()
  }

  async #learn(lesson: Lesson): Promise<void> {
    const { store, opinions, world } = this.#agent
    const body = await store.readBlob(lesson.blob).catch((error: unknown) => {
      // A disk may work again; a damaged body teaches nothing, and must not stop the others.
      if (++this.#unreadable < MOST_TRIES) throw error
      this.#complain(error)
      return undefined
    })
    this.#unreadable = 0
    if (body !== undefined) {
      opinions.learn(lesson, lessonFeatures(body, lesson))
      this.#judgeSender(lesson, body)
    }
    this.#last = lesson.id
    if (this.#unsaved++ === 0) this.#unsavedSinceMs = world.clock.monotonic()
  }

  /** What a person says outright counts for the name of a sender who was proven: once, when the lesson is done with. */
  #judgeSender({ told, isSpam, verdict }: Lesson, body: Buffer): void {
    if (!told || verdict?.dmarc !== 'pass') return
    const [provenDomain] = authorOf(parseHeader(body)).domains
    if (provenDomain !== undefined) this.#judged.push({ provenDomain, outcome: isSpam ? 'marked-junk' : 'marked-good' })
  }

  async #save(): Promise<void> {
    if (this.#unsaved === 0) return
    const { store, opinions, world } = this.#agent
    const states: LearnedState[] = []
    for (const state of opinions.changedStates()) {
      states.push(state)
      // Let the mail go on in between.
      await world.clock.sleep(1)
    }
    await store.commit([{ kind: 'learned.put', states, throughLesson: this.#last }])
    opinions.saved()
    for (const { provenDomain, outcome } of this.#judged.splice(0))
      this.#reputation.learn({ provenDomain }, outcome, ONE_WORD)
    this.#unsaved = 0
  }

  /** Looks for mail that was read and kept. The next time is set when this one is over. */
  #season(): void {
    const { clock } = this.#agent.world
    this.#seasoning = this.#seasonAll()
      .catch((error: unknown) => this.#complain(error))
      .finally(() => {
        if (!this.#stopped) this.#seasonAgain = clock.after(this.#seasonEveryMs, () => this.#season())
      })
  }

  async #seasonAll(): Promise<void> {
    const { store, world } = this.#agent
    const beforeMs = world.clock.now() - SEASONED_MS
    let accounts = store.accounts().map(({ id }) => id)
    while (accounts.length > 0 && !this.#stopped) {
      const now = accounts.splice(0, ACCOUNTS_AT_ONCE)
      const results = await store.commit(
        now.map((account) => ({ kind: 'lesson.season', account, beforeMs, limit: SEASONED_AT_ONCE })),
      )
      const more = now.filter((_, index) => {
        const result = results[index]
        return result?.ok === true && result.changed?.length === SEASONED_AT_ONCE
      })
      accounts = [...accounts, ...more]
    }
  }

  #complain(error: unknown): void {
    if (this.#stopped) return
    this.#agent.log('warning', 'what people taught is learned later', { error: String(error) })
  }
}

/** The features of a stored message as the Border saw it: what came, and apart from it the fields that we put in front. */
function lessonFeatures(body: Buffer, { verdict }: Lesson): Features {
  if (verdict === null) return featuresOf(parseStructure(body))
  const header = parseHeader(body)
  const [ours] = fieldsNamed(header, 'received')
  const came = body.subarray(ours?.end ?? 0)
  return featuresOf(parseStructure(came), {
    ...(ours === undefined ? {} : { arrival: unfolded(header, ours) }),
    facts: factsOf(verdict, verdict.trustedForwarder !== undefined, verdict.rules ?? []),
  })
}
