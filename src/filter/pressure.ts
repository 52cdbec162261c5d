// Adaptive limits: what a busy server still grants. Pure functions of the load. When places, memory or time run short,
// those who say nothing must go first: deadlines shrink, and one address gets fewer places. RFC 5321 §4.5.3.2.7 asks for
// five minutes of patience; a server that keeps them while it drowns answers nobody.

/** Shares of what there is, 0 to 1, and how late the event loop is. */
export interface Load {
  readonly connections: number
  readonly maxConnections: number
  /** Memory of messages under way (protocols/smtp Budget). */
  readonly usedBytes: number
  readonly limitBytes: number
  /** How late a timer fired that was due. */
  readonly lagMs: number
}

/** What one connection is granted. */
export interface Patience {
  readonly commandMs: number
  readonly dataBlockMs: number
  readonly wholeMessageMs: number
  readonly handshakeMs: number
}

/** Below this share there is no stress; at the other it is whole. */
const CALM_SHARE = 0.5
const FULL_SHARE = 0.95
const CALM_LAG_MS = 100
const FULL_LAG_MS = 1000

const CALM: Patience = { commandMs: 300_000, dataBlockMs: 180_000, wholeMessageMs: 1_800_000, handshakeMs: 30_000 }
const FULL: Patience = { commandMs: 10_000, dataBlockMs: 10_000, wholeMessageMs: 120_000, handshakeMs: 5_000 }

/** 0 (calm) to 1: the scarcest of places, memory and time. */
export function stressOf(load: Load): number {
  return Math.max(
    between(load.connections / load.maxConnections, CALM_SHARE, FULL_SHARE),
    between(load.usedBytes / load.limitBytes, CALM_SHARE, FULL_SHARE),
    between(load.lagMs, CALM_LAG_MS, FULL_LAG_MS),
  )
}

/** Deadlines for this stress: each falls by the same factor for the same step. */
export function patienceUnder(stress: number): Patience {
  const at = (calm: number, full: number) => Math.round(calm * (full / calm) ** stress)
  return {
    commandMs: at(CALM.commandMs, FULL.commandMs),
    dataBlockMs: at(CALM.dataBlockMs, FULL.dataBlockMs),
    wholeMessageMs: at(CALM.wholeMessageMs, FULL.wholeMessageMs),
    handshakeMs: at(CALM.handshakeMs, FULL.handshakeMs),
  }
}

/** Connections that one address may have open, of those it has when all is calm. Never fewer than two. */
export function placesUnder(stress: number, calmPlaces: number): number {
  return Math.max(Math.min(2, calmPlaces), Math.floor(calmPlaces * (1 - 0.9 * stress)))
}

function between(value: number, low: number, high: number): number {
  if (Number.isNaN(value)) return 0
  return Math.min(1, Math.max(0, (value - low) / (high - low)))
}
