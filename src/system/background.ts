// What an agent does besides answering at its doors: mail is carried out, reports are sent, lessons learned, devices woken,
// the store tidied. Where several nodes share a store, one of them does it (store/shared/lease.ts), and another when that one ends.

import type { Agent } from '../roles/agent.ts'
import { releaseAsked } from '../roles/forwarder/pass-on.ts'
import { Learner } from '../roles/mda/learner.ts'
import { Pusher } from '../roles/mda/push/pusher.ts'
import { retain } from '../roles/mda/retention.ts'
import { noteAllContacts } from '../roles/outgoing/acquainted.ts'
import { outgoingPrune } from '../roles/outgoing/heard.ts'
import { Reporter } from '../roles/reports/reporter.ts'
import { Transmitter } from '../roles/transmitter/transmitter.ts'
import { Teller } from '../roles/webhooks/teller.ts'
import { ONCE_KEPT_MS } from '../store/read/sent.ts'
import type { Timer } from '../world/world.ts'
import type { KeyKeeper } from './key-keeper.ts'

/** What was uploaded and no message named by then is forgotten (RFC 8620 §6 asks for an hour). */
const UPLOADS_KEPT_MS = 86_400_000
const EVENTS_KEPT_MS = 30 * 86_400_000
/** Mailboxes come back: what was said of an address so long ago is asked again. */
const SUPPRESSED_KEPT_MS = 90 * 86_400_000
const EVENTS_KEPT = 1_000_000
const TIDY_EVERY_MS = 600_000

interface Work {
  readonly transmitter: Transmitter | undefined
  readonly reporter: Reporter
  readonly learner: Learner | undefined
  readonly pusher: Pusher | undefined
  readonly teller: Teller | undefined
  tidying: Timer | undefined
  isOver: boolean
}

interface Tidying {
  /** Wins space back; gives what could not be done, one sentence each. */
  tidy(): Promise<readonly string[]>
  readonly everyMs: number | undefined
}

export class Background {
  readonly #agent: Agent
  readonly #keys: KeyKeeper
  readonly #tidying: Tidying
  #work: Work | undefined

  constructor(agent: Agent, keys: KeyKeeper, tidying: Tidying) {
    this.#agent = agent
    this.#keys = keys
    this.#tidying = tidying
  }

  /** Mail is being carried out here. */
  get carriesMail(): boolean {
    return this.#work?.transmitter !== undefined
  }

  /** Places that did not answer are asked again. */
  forgetPauses(): void {
    this.#work?.transmitter?.forgetPauses()
  }

  begin(): void {
    const agent = this.#agent
    const { roles } = agent
    releaseAsked(agent).catch((error: unknown) =>
      agent.log('error', 'what was being forwarded is due later', { error: String(error) }),
    )
    const carriesMail = roles.size > 0
    const work: Work = {
      transmitter: carriesMail ? new Transmitter(agent) : undefined,
      reporter: new Reporter(agent),
      learner: roles.has('MDA') ? new Learner(agent, this.#tidying.everyMs) : undefined,
      pusher: roles.has('MDA') ? new Pusher(agent) : undefined,
      teller: roles.has('MSA') || agent.contracts !== undefined ? new Teller(agent) : undefined,
      tidying: undefined,
      isOver: false,
    }
    this.#work = work
    work.transmitter?.start()
    work.reporter.start()
    work.learner?.start()
    work.pusher?.start()
    work.teller?.start()
    this.#keys.start()
    void this.#tidy(work)
  }

  /** Nothing new is carried out. Resolves when what is under way has come to its reply. */
  async stopCarrying(): Promise<void> {
    await this.#work?.transmitter?.stop()
  }

  /** Ends all of it. What is being carried out is not waited for: see `stopCarrying`. */
  async end(): Promise<void> {
    const work = this.#work
    if (work === undefined) return
    this.#work = undefined
    work.isOver = true
    this.#keys.stop()
    work.tidying?.cancel()
    void work.transmitter?.stop()
    work.pusher?.stop()
    await work.teller?.stop()
    await work.reporter.stop()
    await work.learner?.stop()
  }

  /**
   * Tracking is kept for a while; a little is forgotten at a time, because others wait for the same writer. Space of
   * deleted mail is won back.
   */
  async #tidy(work: Work): Promise<void> {
    const { world, log, store } = this.#agent
    try {
      const beforeMs = world.clock.now() - EVENTS_KEPT_MS
      await store.commit([{ kind: 'event.prune', beforeMs, keep: EVENTS_KEPT }])
      await store.commit([{ kind: 'sent.prune', beforeMs }])
      await store.commit([{ kind: 'once.prune', beforeMs: world.clock.now() - ONCE_KEPT_MS }])
      await store.commit([{ kind: 'suppressed.prune', beforeMs: world.clock.now() - SUPPRESSED_KEPT_MS }])
      await store.commit([{ kind: 'upload.prune', beforeMs: world.clock.now() - UPLOADS_KEPT_MS }])
      await store.commit([outgoingPrune(world.clock.now())])
      noteAllContacts(this.#agent)
      await work.reporter.prune()
      if (this.#agent.roles.has('MDA')) await retain(store, world.clock, this.#agent.settings.retention)
      for (const problem of await this.#tidying.tidy()) log('warning', problem)
    } catch (error) {
      if (!work.isOver) log('warning', 'the store could not be tidied', { error: String(error) })
    }
    // The next pass is set when this one is over: never two at once.
    const { everyMs = TIDY_EVERY_MS } = this.#tidying
    if (!work.isOver) work.tidying = world.clock.after(everyMs, () => void this.#tidy(work))
  }
}
