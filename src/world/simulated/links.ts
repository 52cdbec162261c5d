// How simulated hosts reach each other: delay, jitter, loss, broken connections, partitions. One behaviour for all,
// others for single pairs; every draw comes from the seed.

import type { Random } from '../world.ts'
import type { Simulation } from './simulation.ts'

export interface LinkBehaviour {
  /** One way. */
  readonly latencyMs: number
  /** Added to each packet's delay, uniformly from 0 to this. */
  readonly jitterMs: number
  /** Share of packets lost: a datagram is gone, a TCP segment arrives after retransmission. */
  readonly loss: number
  /** Share of TCP segments at which the connection breaks. */
  readonly resets: number
  /** Longest piece in which TCP bytes arrive (1: byte by byte). */
  readonly segmentBytes: number
  /** Between two pieces at least: how slow one end writes, or the way is. */
  readonly segmentMs: number
}

const plainBehaviour: LinkBehaviour = {
  latencyMs: 1,
  jitterMs: 0,
  loss: 0,
  resets: 0,
  segmentBytes: 65_536,
  segmentMs: 0,
}
const loopbackBehaviour: LinkBehaviour = { ...plainBehaviour, latencyMs: 0.01 }
const firstRetransmissionMs = 200

export class Links {
  readonly #random: Random
  readonly #everywhere: LinkBehaviour
  readonly #pairs = new Map<string, LinkBehaviour>()
  readonly #cuts = new Set<string>()

  constructor(simulation: Simulation, options: Partial<LinkBehaviour>) {
    this.#random = simulation.random('links')
    this.#everywhere = withChanges(plainBehaviour, options)
  }

  /** Changes how packets travel between two hosts, both ways. */
  set(a: string, b: string, changes: Partial<LinkBehaviour>): void {
    this.#pairs.set(pairKey(a, b), withChanges(this.between(a, b), changes))
  }

  /** Nothing passes between the two hosts until `heal`. */
  partition(a: string, b: string): void {
    this.#cuts.add(pairKey(a, b))
  }

  heal(a: string, b: string): void {
    this.#cuts.delete(pairKey(a, b))
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(pairKey(a, b))
  }

  between(a: string, b: string): LinkBehaviour {
    const fallback = a === b ? loopbackBehaviour : this.#everywhere
    return this.#pairs.size === 0 ? fallback : (this.#pairs.get(pairKey(a, b)) ?? fallback)
  }

  /** Delay of one packet. */
  delayMs(link: LinkBehaviour): number {
    return link.jitterMs > 0 ? link.latencyMs + this.#random.float() * link.jitterMs : link.latencyMs
  }

  /** Delay of a TCP segment, retransmissions included (each waits twice as long as the one before). */
  segmentDelayMs(link: LinkBehaviour): number {
    let delayMs = this.delayMs(link)
    for (let wait = firstRetransmissionMs; wait < 20_000 && this.isUnlucky(link.loss); wait *= 2) delayMs += wait
    return delayMs
  }

  isUnlucky(share: number): boolean {
    return share > 0 && this.#random.float() < share
  }
}

function withChanges(base: LinkBehaviour, changes: Partial<LinkBehaviour>): LinkBehaviour {
  return {
    latencyMs: changes.latencyMs ?? base.latencyMs,
    jitterMs: changes.jitterMs ?? base.jitterMs,
    loss: changes.loss ?? base.loss,
    resets: changes.resets ?? base.resets,
    segmentBytes: changes.segmentBytes ?? base.segmentBytes,
    segmentMs: changes.segmentMs ?? base.segmentMs,
  }
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`
}
