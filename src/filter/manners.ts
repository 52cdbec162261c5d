// Manners of a client, before anything is known of its mail: does it wait to be greeted, does it err again and again.
// Pure functions. Pauses cost an honest relay a second once; they cost who sends millions a great deal, and an early
// word gives bots away (RFC 5321 §3.1: the client waits for the greeting; RFC 2920 §3.1: EHLO ends a group of commands).

export interface Client {
  /** On the allow list, on a list of good senders, or of good reputation. */
  readonly isKnown: boolean
  /** On a list of bad senders, or of bad reputation. */
  readonly isSuspect: boolean
}

/** Whom something speaks against waits so many times as long. */
const SUSPECT_PATIENCE = 6

/** How long to listen before the greeting; `pauseMs`: for a stranger when all is calm. */
export function greetingPauseMs(client: Client, pauseMs: number, stress: number): number {
  if (client.isKnown) return 0
  // Who waits holds a place: a busy server does not make waits longer.
  return Math.round(pauseMs * (client.isSuspect ? SUSPECT_PATIENCE : 1) * (1 - stress))
}

const FREE_FAULTS = 2
/** The longest pause, in first ones. */
const LONGEST = 20

/** How long the reply to the latest of so many faults waits: `firstMs`, doubled with each. */
export function tarpitMs(faults: number, firstMs: number, stress: number): number {
  const counted = Math.floor(faults) - FREE_FAULTS
  if (counted <= 0) return 0
  return Math.round(firstMs * Math.min(LONGEST, 2 ** (counted - 1)) * (1 - stress))
}
