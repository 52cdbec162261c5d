// The whole measure: every flow of a folder of descriptions carried, every message traced as it is and in other hands, and
// the hops that were found right counted, with each kind of error.

import type { SystemModel } from '../../../notation/model.ts'
import { simulate } from '../../../world/simulated/simulation.ts'
import type { Random } from '../../../world/world.ts'
import { organisation } from '../path.ts'
import { trace } from '../trace.ts'
import { type Comparison, compare, ERRORS } from './measure.ts'
import { carried, type KnownMessage } from './messages.ts'
import { asPublic, rewritten } from './rewrite.ts'
import { HELD_BACK, KNOWN_STYLES, type Style } from './styles.ts'

const SKEW_MS = 3 * 3_600_000
const RELAYS_INSIDE = 2

class Score {
  messages = 0
  hops = 0
  wrongHops = 0
  readonly errors = new Map<string, number>()
  /** By what was sent. */
  readonly kinds = new Map<string, { hops: number; wrong: number }>()
  /** The first few errors, told. */
  readonly examples: string[] = []

  add(where: string, { kind }: KnownMessage, { hops, wrong, wrongHops }: Comparison): void {
    this.messages++
    this.hops += hops
    this.wrongHops += wrongHops
    for (const one of wrong) {
      this.errors.set(one.kind, (this.errors.get(one.kind) ?? 0) + 1)
      if (this.examples.length < 30) this.examples.push(`${where}, ${kind}: ${one.kind}: ${one.what}`)
    }
    const of = this.kinds.get(kind) ?? { hops: 0, wrong: 0 }
    this.kinds.set(kind, { hops: of.hops + hops, wrong: of.wrong + wrongHops })
  }

  get share(): number {
    return (this.hops - this.wrongHops) / this.hops
  }

  toString(): string {
    const errors = ERRORS.map((kind) => `${kind} ${this.errors.get(kind) ?? 0}`).join(', ')
    return `${this.hops - this.wrongHops} of ${this.hops} hops right (${(100 * this.share).toFixed(2)} %) in ${this.messages} messages; errors: ${errors}`
  }
}

export interface MeasureOptions {
  readonly seed: number
  /** See `CarryOptions`. */
  readonly every: number
  /** In how many ways each message is written again, for each set of hands. */
  readonly variants: number
}

export interface Measured {
  readonly own: Score
  readonly known: Score
  readonly heldBack: Score
  /** Mail of an adversary, and of others, that a Border stopped. */
  stopped: number
}

export async function measured(
  descriptions: readonly { readonly name: string; readonly model: SystemModel }[],
  { seed, every, variants }: MeasureOptions,
): Promise<Measured> {
  const all: Measured = { own: new Score(), known: new Score(), heldBack: new Score(), stopped: 0 }
  const random = simulate({ seed }).random('variants')
  for (const { name, model } of descriptions) {
    const { messages, stopped } = await carried(model, { seed, every })
    all.stopped += stopped.length
    for (const message of messages) {
      const where = `${name}, flow ${message.flow + 1}`
      const score = (of: Score, { source, path, options }: Pick<KnownMessage, 'source' | 'path' | 'options'>) =>
        of.add(where, message, compare(path, trace(source, options)))
      score(all.own, message)
      for (let n = 0; n < variants; n++) {
        score(all.known, variantOf(message, Object.values(KNOWN_STYLES), random))
        score(all.heldBack, variantOf(message, Object.values(HELD_BACK), random))
      }
    }
  }
  return all
}

/** The same message in other hands, with relays inside the networks and clocks that differ. */
function variantOf({ source, path, options, author }: KnownMessage, styles: readonly Style[], random: Random) {
  const hands = new Map<string, Style>()
  const styleOf = (host: string) => {
    const of = hands.get(host) ?? styles[random.integer(styles.length)]!
    hands.set(host, of)
    return of
  }
  const rewriting = { random, styleOf, inside: RELAYS_INSIDE, skewMs: SKEW_MS, author }
  const written = rewritten(source.toString('latin1'), path, rewriting)
  // Who has relays inside names his domain.
  const trustedBy = options.trustedBy!.map((host) => organisation(host) ?? host)
  const trustedIps = options.trustedIps!.map(asPublic)
  return {
    source: Buffer.from(written.message, 'latin1'),
    path: written.path,
    options: { ...options, trustedBy, trustedIps },
  }
}
