// The steps of one message, joined and put in order. Each actor tells of its own steps, when it knows of them: the
// Transmitter's "taken" comes after the Receiver's "accepted", though the message moved before.

import type { LiveHop } from '../../../src/web/backends.ts'

export type Hop = LiveHop

/** Names the message of a hop: by its Message-ID, also where only the trace of that actor is told. */
export class Names {
  readonly #byTrace = new Map<string, string>()

  keyOf(hop: Hop): string {
    if (hop.messageId === '') return this.#byTrace.get(hop.trace) ?? hop.trace
    if (hop.trace !== '') this.#byTrace.set(hop.trace, hop.messageId)
    if (this.#byTrace.size > 5000) this.#byTrace.delete(this.#byTrace.keys().next().value!)
    return hop.messageId
  }
}

/** The hops along the way of the message: whatever leads to an actor comes before what happens there. */
export function inPathOrder(hops: readonly Hop[], actorOf: (block: string) => string): Hop[] {
  const left = [...hops]
  const ordered: Hop[] = []
  const leadsTo = (other: Hop, hop: Hop): boolean =>
    other !== hop && other.from !== other.to && actorOf(other.to) === actorOf(hop.from)
  while (left.length > 0) {
    // At one actor, what was decided there comes before what leaves it. A circle is broken at its oldest hop.
    const isFree = (hop: Hop): boolean => !left.some((other) => leadsTo(other, hop))
    const inPlace = left.findIndex((hop) => hop.from === hop.to && isFree(hop))
    const moving = left.findIndex(isFree)
    const at = inPlace >= 0 ? inPlace : Math.max(0, moving)
    ordered.push(...left.splice(at, 1))
  }
  return ordered
}
