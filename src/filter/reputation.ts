// Reputation: what became of the mail that a sending domain (proven by DKIM or SPF) and a network sent us before.
// Counts fade with time; the score says how good, the confidence how sure. Trust takes days to earn, so that a burst of
// harmless mail buys nothing; distrust does not wait.

import type { Clock } from '../world/world.ts'
import { neighbourhood } from './lists.ts'
import type { KeyValueWithTime } from './memory.ts'

/** What became of one message. 'marked …': a Recipient moved it to Junk, or out of it. */
export type Outcome = 'accepted' | 'junk' | 'refused' | 'marked-junk' | 'marked-good'

export interface Sender {
  /** Proven domains only: what anybody can claim must not be rewarded or punished. */
  readonly provenDomain?: string
  readonly ip?: string
}

export interface Standing {
  /** -1 (all bad) to 1 (all good); 0 for a stranger. */
  readonly score: number
  /** 0 (never seen) to 1. */
  readonly confidence: number
  /** For people, one sentence each. */
  readonly reasons: readonly string[]
}

/** What a standing amounts to; undefined: a stranger, or neither. */
export function verdictOn({ score, confidence }: Standing): 'good' | 'bad' | 'very bad' | undefined {
  const weight = score * confidence
  if (weight >= 0.3) return 'good'
  if (weight <= -0.6) return 'very bad'
  return weight <= -0.3 ? 'bad' : undefined
}

interface Counts {
  readonly good: number
  readonly bad: number
  readonly firstMs: number
  readonly atMs: number
}

const DAY = 86_400_000

/** What one outcome adds. A person's word weighs more than ours. */
const WEIGHTS: Readonly<Record<Outcome, { readonly good: number; readonly bad: number }>> = {
  accepted: { good: 1, bad: 0 },
  junk: { good: 0, bad: 1 },
  refused: { good: 0, bad: 1 },
  'marked-junk': { good: 0, bad: 5 },
  'marked-good': { good: 5, bad: 0 },
}

type Kind = 'domain' | 'network'

/** Networks change hands, and are shared: they are forgotten sooner, and never decide against a proven domain. */
const HALF_LIFE_MS: Readonly<Record<Kind, number>> = { domain: 30 * DAY, network: 7 * DAY }
/** So many messages make one half sure. */
const HALF_SURE = 10
/** A good name is half believed after so long. */
const HALF_TRUSTED_MS = 3 * DAY
/** Less than this is nothing. */
const FORGOTTEN = 0.05

const STRANGER: Standing = { score: 0, confidence: 0, reasons: [] }

export class Reputation {
  readonly #memory: KeyValueWithTime
  readonly #clock: Pick<Clock, 'now'>

  constructor(memory: KeyValueWithTime, clock: Pick<Clock, 'now'>) {
    this.#memory = memory
    this.#clock = clock
  }

  /** Counts one message; `amount` below 1 for what is less sure. */
  learn(sender: Sender, outcome: Outcome, amount = 1): void {
    const { good, bad } = WEIGHTS[outcome]
    for (const { kind, name } of keysOf(sender)) {
      const now = this.#clock.now()
      const before = this.#counts(kind, name) ?? { good: 0, bad: 0, firstMs: now, atMs: now }
      const after = { ...before, good: before.good + good * amount, bad: before.bad + bad * amount, atMs: now }
      const total = after.good + after.bad
      const livesMs = HALF_LIFE_MS[kind] * Math.max(0, Math.log2(total / FORGOTTEN))
      this.#memory.put(`rep:${kind}:${name}`, format(after), Math.round(now + livesMs))
    }
  }

  /** What is known of a sender. A proven domain that we know well speaks for itself; else its network counts too. */
  standing(sender: Sender): Standing {
    const parts = keysOf(sender).map(({ kind, name }) => this.#standingOf(kind, name))
    const [first = STRANGER, second = STRANGER] = parts
    const left = (1 - first.confidence) * second.confidence
    const confidence = first.confidence + left
    if (confidence === 0) return STRANGER
    return {
      score: (first.score * first.confidence + second.score * left) / confidence,
      confidence,
      reasons: [...first.reasons, ...second.reasons],
    }
  }

  #standingOf(kind: Kind, name: string): Standing {
    const counts = this.#counts(kind, name)
    if (counts === undefined) return STRANGER
    const { good, bad, firstMs } = counts
    const total = good + bad
    const score = (good - bad) / (total + 1)
    const ageMs = Math.max(0, this.#clock.now() - firstMs)
    const patience = score > 0 ? ageMs / (ageMs + HALF_TRUSTED_MS) : 1
    const confidence = (total / (total + HALF_SURE)) * patience
    const days = Math.round(ageMs / DAY)
    const reason = `${kind === 'domain' ? name : `the network of ${name}`}: ${round(good)} good and ${round(bad)} bad in the last ${days} days`
    return { score, confidence, reasons: [reason] }
  }

  /** Faded to now. */
  #counts(kind: Kind, name: string): Counts | undefined {
    const counts = parse(this.#memory.get(`rep:${kind}:${name}`))
    if (counts === undefined) return undefined
    const fade = 2 ** (-Math.max(0, this.#clock.now() - counts.atMs) / HALF_LIFE_MS[kind])
    return { ...counts, good: counts.good * fade, bad: counts.bad * fade }
  }
}

function keysOf({ provenDomain, ip }: Sender): { kind: Kind; name: string }[] {
  const keys: { kind: Kind; name: string }[] = []
  if (provenDomain) keys.push({ kind: 'domain', name: provenDomain.toLowerCase() })
  if (ip) keys.push({ kind: 'network', name: neighbourhood(ip) })
  return keys
}

const round = (count: number) => Math.round(count * 10) / 10

function format({ good, bad, firstMs, atMs }: Counts): string {
  return [good.toFixed(3), bad.toFixed(3), firstMs, atMs].join(' ')
}

function parse(text: string | undefined): Counts | undefined {
  const [good, bad, firstMs, atMs] = (text ?? '').split(' ').map(Number)
  if (![good, bad, firstMs, atMs].every((part) => Number.isFinite(part))) return undefined
  return { good: good!, bad: bad!, firstMs: firstMs!, atMs: atMs! }
}
