// Tells programs what happens to the mail of their Authors: each event at least once, those of one message in their order.
// The events lie in the store already; a webhook is a place in their row, and only that is kept (subscriptions.ts). A few
// are under way at once, and while some are not taken the others of the window are. A program that is down is asked seldom,
// and after days no more, until its owner says that it works again.

import type { SentMessage } from '../../store/nouns/outgoing.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'
import { EVENTS, HOOKS } from '../../store/nouns/watched.ts'
import type { Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'
import { type StoryType, toldOf } from '../msa/story.ts'
import { Unattended } from '../unattended.ts'
import { eventName, post } from './post.ts'
import { isTold, type Progress, progressOf, putProgress, type Webhook, webhooksOf } from './subscriptions.ts'

/** Events of one webhook in memory: its cursor stands before the first that was not taken. */
const WINDOW = 100
const AT_ONCE = 8
const AT_ONCE_IN_ALL = 64
const READ_AT_ONCE = 500
/** Events that come together are read together. */
const GATHER_MS = 50
const SAVE_AFTER_MS = 1000
/** So many events that were nothing for a webhook are read again after a crash, at most. */
const UNSAVED = 5000
const RETRY_AFTER_S = [5, 30, 120, 300, 900, 1800, 3600, 7200, 14_400]
/** Failures in a row, after which one at a time is tried. */
const DOWN_AFTER = 3
const DAY_MS = 86_400_000
const STOPPED_AFTER_MS = 5 * DAY_MS
const SKIPPED_AFTER_MS = DAY_MS
const MAX_OWNERS = 10_000

interface Pending {
  readonly event: TrackEvent
  readonly body: Buffer
  readonly name: string
  attempts: number
  /** Not before then: monotonic, for the other clock may leap. */
  nextMs: number
  failedMs: number | undefined
  isUnderWay: boolean
}

interface Hook {
  webhook: Webhook
  /** Its address. */
  readonly owner: string | undefined
  progress: Progress
  object: number | undefined
  /** Events up to this one were looked at. */
  readThrough: number
  readonly window: Pending[]
  underWay: number
  /** Failures in a row, and until when (monotonic) nothing is tried for them. */
  failures: number
  restsUntilMs: number
  isDirty: boolean
  saving: Promise<void> | undefined
  saveTimer: Timer | undefined
}

export class Teller {
  readonly #agent: Agent
  readonly #hooks = new Map<string, Hook>()
  readonly #owners = new Map<string, AccountId>()
  readonly #unwatch: (() => void)[] = []
  readonly #loading: Unattended
  readonly #looking: Unattended
  #underWay = 0
  #reading: Timer | undefined
  #waking: { timer: Timer; atMs: number } | undefined
  #isStopped = false

  constructor(agent: Agent) {
    this.#agent = agent
    const unattended = (work: () => void, complaint: string) =>
      new Unattended(agent.world.clock, work, (error) => agent.log('error', complaint, { error: String(error) }))
    this.#loading = unattended(() => this.#load(), 'webhooks cannot be read now')
    this.#looking = unattended(() => this.#read(), 'what webhooks are told cannot be read now')
  }

  start(): void {
    const { store } = this.#agent
    this.#unwatch.push(
      store.watch(HOOKS, () => this.#loading.begin()),
      store.watch(EVENTS, () => this.#readSoon()),
    )
    this.#loading.begin()
  }

  /** Nothing new is told; what was taken is kept as far as it can be: at worst it is told again. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const unwatch of this.#unwatch) unwatch()
    this.#loading.stop()
    this.#looking.stop()
    this.#reading?.cancel()
    this.#waking?.timer.cancel()
    await Promise.all([...this.#hooks.values()].map((hook) => this.#save(hook)))
  }

  /** Webhooks are others: new ones begin, gone ones end, and those that were given up go on where their owner says so. */
  #load(): void {
    if (this.#isStopped) return
    const { store } = this.#agent
    const found = store.lists.hooked().flatMap((account) => webhooksOf(store, account))
    const keys = new Set<string>()
    for (const webhook of found) {
      const key = `${webhook.account} ${webhook.id}`
      keys.add(key)
      const known = this.#hooks.get(key)
      if (known === undefined) this.#hooks.set(key, this.#hookOf(webhook))
      else {
        if (known.webhook.sinceMs !== webhook.sinceMs || known.webhook.url !== webhook.url) {
          // Whoever says that it works, or is elsewhere now, is not kept waiting.
          known.restsUntilMs = 0
          for (const pending of known.window) pending.nextMs = 0
          const { failingSinceMs: _, ...progress } = known.progress
          known.progress = progress
          this.#saveSoon(known)
        }
        known.webhook = webhook
      }
    }
    for (const [key, { saveTimer }] of this.#hooks) {
      if (keys.has(key)) continue
      saveTimer?.cancel()
      this.#hooks.delete(key)
    }
    this.#readSoon()
    this.#tell()
  }

  #hookOf(webhook: Webhook): Hook {
    const { store } = this.#agent
    const { object, ...progress } = progressOf(store, webhook)
    const owner = store.account(webhook.account)?.address
    return {
      ...{ webhook, owner, progress, object, readThrough: progress.cursor, window: [], underWay: 0, failures: 0 },
      ...{ restsUntilMs: 0, isDirty: false, saving: undefined, saveTimer: undefined },
    }
  }

  #readSoon(): void {
    if (this.#isStopped || this.#hooks.size === 0) return
    this.#reading ??= this.#agent.world.clock.after(GATHER_MS, () => {
      this.#reading = undefined
      this.#looking.begin()
    })
  }

  /** Looks at the next events, once for all webhooks that stand there. */
  #read(): void {
    const hungry = [...this.#hooks.values()].filter(
      (hook) => isTold(hook.webhook, hook.progress) && hook.window.length < WINDOW,
    )
    if (this.#isStopped || hungry.length === 0) return
    const afterId = Math.min(...hungry.map(({ readThrough }) => readThrough))
    const events = this.#agent.store.events({ afterId, limit: READ_AT_ONCE })
    for (const event of events) {
      const owner = this.#ownerOf(event.trace)
      for (const hook of hungry) {
        if (hook.readThrough >= event.id || hook.window.length >= WINDOW) continue
        if (hook.webhook.account === owner) this.#take(hook, event)
        hook.readThrough = event.id
      }
    }
    for (const hook of hungry) {
      if (hook.window.length === 0 && hook.readThrough - hook.progress.cursor > UNSAVED) this.#saveSoon(hook)
    }
    if (events.length === READ_AT_ONCE) this.#readSoon()
    this.#tell()
  }

  #ownerOf(trace: string): AccountId | undefined {
    const known = this.#owners.get(trace)
    if (known !== undefined) return known
    const owner = this.#agent.store.sent.owner(trace)
    if (owner === undefined) return undefined
    if (this.#owners.size >= MAX_OWNERS) this.#owners.delete(this.#owners.keys().next().value!)
    this.#owners.set(trace, owner)
    return owner
  }

  #take(hook: Hook, event: TrackEvent): void {
    const sent = this.#agent.store.sent.message(hook.webhook.account, event.trace)
    const told = sent && toldOf(sent, event)
    if (told === undefined || !wants(hook.webhook, told.type)) return
    const body = Buffer.from(JSON.stringify(bodyOf(sent!, told)))
    const name = eventName(this.#agent, event.id)
    hook.window.push({ event, body, name, attempts: 0, nextMs: 0, failedMs: undefined, isUnderWay: false })
  }

  /** Sets on their way what may go now: of each message the first event alone. */
  #tell(): void {
    if (this.#isStopped) return
    const nowMs = this.#agent.world.clock.monotonic()
    let wakeMs = Number.POSITIVE_INFINITY
    for (const hook of this.#hooks.values()) {
      if (!isTold(hook.webhook, hook.progress)) continue
      const limit = hook.failures >= DOWN_AFTER ? 1 : AT_ONCE
      const seen = new Set<string>()
      for (const pending of hook.window) {
        if (hook.underWay >= limit || this.#underWay >= AT_ONCE_IN_ALL) break
        const isFirst = !seen.has(pending.event.trace)
        seen.add(pending.event.trace)
        if (!isFirst || pending.isUnderWay) continue
        const dueMs = Math.max(pending.nextMs, hook.restsUntilMs)
        if (dueMs > nowMs) wakeMs = Math.min(wakeMs, dueMs)
        else this.#set(hook, pending)
      }
    }
    if (wakeMs !== Number.POSITIVE_INFINITY) this.#wakeAt(wakeMs, nowMs)
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#waking !== undefined && this.#waking.atMs <= atMs) return
    this.#waking?.timer.cancel()
    const timer = this.#agent.world.clock.after(Math.max(1, atMs - nowMs), () => {
      this.#waking = undefined
      this.#tell()
    })
    this.#waking = { timer, atMs }
  }

  #set(hook: Hook, pending: Pending): void {
    pending.isUnderWay = true
    hook.underWay++
    this.#underWay++
    post(this.#agent, hook.webhook, pending.name, pending.body)
      .catch((error: unknown) => ({ state: 'failed', said: `a fault of ours: ${String(error)}` }) as const)
      .then(({ state, said }) => {
        pending.isUnderWay = false
        hook.underWay--
        this.#underWay--
        if (this.#isStopped) return
        if (state === 'taken') this.#taken(hook, pending)
        else this.#failed(hook, pending, said, state === 'gone')
        this.#tell()
      })
  }

  #taken(hook: Hook, pending: Pending): void {
    hook.failures = 0
    hook.restsUntilMs = 0
    const { failingSinceMs: _, ...progress } = hook.progress
    hook.progress = { ...progress, lastSuccessMs: this.#agent.world.clock.now() }
    this.#drop(hook, pending)
  }

  #drop(hook: Hook, pending: Pending): void {
    const wasFull = hook.window.length >= WINDOW
    hook.window.splice(hook.window.indexOf(pending), 1)
    this.#saveSoon(hook)
    if (wasFull) this.#readSoon()
  }

  #failed(hook: Hook, pending: Pending, said: string, isGone: boolean): void {
    const { clock, random } = this.#agent.world
    const nowMs = clock.now()
    const after = (failures: number) => {
      const seconds = RETRY_AFTER_S[Math.min(failures, RETRY_AFTER_S.length) - 1]!
      return clock.monotonic() + seconds * 1000 * (0.9 + random.float() / 5)
    }
    pending.attempts++
    pending.failedMs ??= nowMs
    pending.nextMs = after(pending.attempts)
    hook.failures++
    if (hook.failures >= DOWN_AFTER) hook.restsUntilMs = after(hook.failures - DOWN_AFTER + 1)
    const failingSinceMs = hook.progress.failingSinceMs ?? nowMs
    hook.progress = { ...hook.progress, failingSinceMs, lastFailure: said }
    if (isGone || nowMs - failingSinceMs >= STOPPED_AFTER_MS) {
      hook.progress = { ...hook.progress, stoppedMs: nowMs }
      this.#agent.log('warning', 'a webhook is not told any more: its owner must enable it again', {
        ...{ account: hook.owner, host: new URL(hook.webhook.url).host, reason: said },
      })
      this.#saveSoon(hook)
      return
    }
    const { lastSuccessMs = 0 } = hook.progress
    // It takes others, and this one never.
    if (nowMs - pending.failedMs >= SKIPPED_AFTER_MS && lastSuccessMs > pending.failedMs) {
      hook.progress = { ...hook.progress, skipped: hook.progress.skipped + 1 }
      this.#drop(hook, pending)
    } else this.#saveSoon(hook)
  }

  #saveSoon(hook: Hook): void {
    hook.isDirty = true
    hook.saveTimer ??= this.#agent.world.clock.after(SAVE_AFTER_MS, () => {
      hook.saveTimer = undefined
      void this.#save(hook)
    })
  }

  /** Writes down how far it is told: one commit at a time. If the disk refuses, the next will do. */
  async #save(hook: Hook): Promise<void> {
    hook.saveTimer?.cancel()
    hook.saveTimer = undefined
    await hook.saving
    const [first] = hook.window
    const cursor = first === undefined ? hook.readThrough : first.event.id - 1
    if (!hook.isDirty && cursor === hook.progress.cursor) return
    hook.isDirty = false
    hook.progress = { ...hook.progress, cursor }
    const { store, log } = this.#agent
    const { account } = hook.webhook
    hook.saving = store
      .commit([putProgress(account, hook.progress, hook.object)])
      .then(([result]) => {
        if (result?.ok) hook.object = result.id
      })
      .catch((error: unknown) => {
        hook.isDirty = true
        log('warning', 'how far a webhook is told was not kept', { error: String(error) })
      })
    await hook.saving
  }
}

const wants = ({ events }: Webhook, type: StoryType) => events.length === 0 || events.includes(`message.${type}`)

function bodyOf(sent: SentMessage, { type, at, id: _, ...event }: NonNullable<ReturnType<typeof toldOf>>) {
  const { trace, messageId, subject, reversePath, tags = [], metadata = {} } = sent
  return {
    type: `message.${type}`,
    timestamp: at,
    data: { id: trace, messageId, subject, from: reversePath, ...event, tags, metadata },
  }
}
