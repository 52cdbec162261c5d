// What this agent sees of other domains, for the reports that it owes them: counted in memory, written down together
// every minute and when the agent stops. No message waits for it, and a crash loses a minute of counting, never mail.

import { createHmac } from 'node:crypto'
import type { Identity } from '../../identity/authenticate.ts'
import { isMailDomain } from '../../identity/domain.ts'
import type { PublishedPolicy } from '../../identity/reports/aggregate.ts'
import { type Outcome, observe } from '../../identity/reports/observe.ts'
import type { ReportSighting } from '../../store/nouns/reports.ts'
import type { Store } from '../../store/store.ts'
import type { Clock, Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'

export const DAY_MS = 86_400_000
const FLUSH_AFTER_MS = 60_000
/** So many different rows are written down before the minute is over, … */
const FLUSH_AT = 20_000
/** … few at a time, because mail waits for the same writer, … */
const ROWS_A_COMMIT = 500
/** … and more are not kept while the disk refuses. */
const MOST_ROWS = 50_000
/** After the day's end, so that its last minute is written down. */
const SETTLED_AFTER_MS = 600_000
/** Reports of one day leave spread over this time. */
const SPREAD_MS = 4 * 3_600_000

/** Of what strangers' servers and policies say. */
const MAX_TEXT = 300
const MAX_LINES = 20
const cut = (lines: readonly string[]) => lines.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_TEXT))

/** What a report of DMARC says once about its day. */
export interface DmarcDay {
  readonly destinations: readonly string[]
  readonly published: PublishedPolicy
}

/** One row of a TLS report: sessions that went alike (RFC 8460 §4.3). */
export interface TlsSessionRow {
  readonly policy: 'no-policy-found' | 'sts' | 'tlsa'
  /** 'success', or a result type of RFC 8460 §4.3. */
  readonly result: string
  readonly sendingIp: string
  readonly mx: string
  readonly ip: string
  /** Of a failure, for people. */
  readonly detail?: string
  /** The policy as it was published then: §4.4 quotes it. */
  readonly policyLines?: readonly string[]
  readonly mxHosts?: readonly string[]
}

interface ObservationsParts {
  readonly clock: Clock
  readonly store: Store
  /** Decides when in the night a report leaves: nobody can tell beforehand, and a restart does not change it. */
  readonly secret: Buffer
  readonly log: Agent['log']
}

export class Observations {
  readonly #parts: ObservationsParts
  #rows = new Map<string, ReportSighting>()
  #timer: Timer | undefined
  #flushing: Promise<void> | undefined
  #dropped = 0
  #isStopped = false

  constructor(parts: ObservationsParts) {
    this.#parts = parts
  }

  /** A message that was judged; nothing is kept where nobody asked for a report. */
  message(identity: Identity, outcome: Outcome, isWorthy: boolean): void {
    const seen = observe(identity, outcome)
    if (seen === undefined) return
    const { count: _, ...row } = seen.row
    const about: DmarcDay = { destinations: seen.destinations, published: seen.published }
    this.#count('dmarc', seen.policyDomain, about, row, isWorthy)
  }

  /** A session with a host of a domain that mail goes to. */
  session(domain: string, row: TlsSessionRow, isWorthy: boolean): void {
    // An address has no DNS that could ask for reports.
    if (!isMailDomain(domain)) return
    const { detail, policyLines, mxHosts, ...rest } = row
    const bounded = {
      ...rest,
      ...(detail !== undefined && { detail: detail.slice(0, MAX_TEXT) }),
      ...(policyLines && { policyLines: cut(policyLines) }),
      ...(mxHosts && { mxHosts: cut(mxHosts) }),
    }
    this.#count('tls', domain, {}, bounded, isWorthy)
  }

  /** Writes down what was counted. Never rejects: what the disk refuses is tried again. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    if (this.#rows.size === 0) return
    this.#flushing = this.#write().finally(() => {
      this.#flushing = undefined
    })
    await this.#flushing
  }

  /** Writes down the rest; nothing is set going afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.flush()
    this.#timer?.cancel()
  }

  #count(kind: ReportSighting['kind'], domain: string, about: object, row: object, isWorthy: boolean): void {
    if (this.#isStopped) return
    const day = Math.floor(this.#parts.clock.now() / DAY_MS)
    const text = JSON.stringify(row)
    const known = this.#rows.get(`${kind} ${domain} ${day} ${text}`)
    if (known === undefined && this.#rows.size >= MOST_ROWS) {
      this.#dropped++
      return
    }
    this.#add({
      kind,
      domain,
      day,
      about: JSON.stringify(about),
      dueMs: known?.dueMs ?? this.#dueMs(kind, domain, day),
      row: text,
      count: 1,
      worthy: isWorthy ? 1 : 0,
    })
    if (this.#rows.size >= FLUSH_AT) void this.flush()
    else this.#timer ??= this.#parts.clock.after(FLUSH_AFTER_MS, () => void this.flush())
  }

  #add(sighting: ReportSighting): void {
    const { kind, domain, day, row } = sighting
    const key = `${kind} ${domain} ${day} ${row}`
    const known = this.#rows.get(key)
    const count = sighting.count + (known?.count ?? 0)
    this.#rows.set(key, { ...sighting, count, worthy: sighting.worthy + (known?.worthy ?? 0) })
  }

  #dueMs(kind: string, domain: string, day: number): number {
    const digest = createHmac('sha256', this.#parts.secret).update(`report\0${kind}\0${domain}\0${day}`).digest()
    const jitter = digest.readUInt32LE(0) / 2 ** 32
    return Math.round((day + 1) * DAY_MS + SETTLED_AFTER_MS + jitter * SPREAD_MS)
  }

  async #write(): Promise<void> {
    const { store, log, clock } = this.#parts
    const rows = this.#rows
    this.#rows = new Map()
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#dropped > 0) log('warning', 'more was seen than can be kept for reports', { messages: this.#dropped })
    this.#dropped = 0
    const left = [...rows.values()]
    try {
      while (left.length > 0) {
        await store.commit([{ kind: 'report.observe', sightings: left.slice(0, ROWS_A_COMMIT) }])
        left.splice(0, ROWS_A_COMMIT)
      }
    } catch (error) {
      if (this.#isStopped) return
      log('warning', 'what was seen for reports cannot be kept now', { error: String(error) })
      for (const sighting of left) this.#add(sighting)
      this.#timer ??= clock.after(FLUSH_AFTER_MS, () => void this.flush())
    }
  }
}
