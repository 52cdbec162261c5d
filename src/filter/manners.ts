// Manners of a client, before anything is known of its mail: does it wait to be greeted, does it err again and again.
// Pure functions. Pauses cost an honest relay a second once; they cost who sends millions a great deal, and an early
// word gives bots away (RFC 5321 §3.1: the client waits for the greeting; RFC 2920 §3.1: EHLO ends a group of commands).

export interface Client {
  /** On the allow list, on a list of good senders, or of good reputation. */
  readonly isKnown: boolean
  /** On a list of bad senders, or of bad reputation. */
  readonly isSuspect: boolean
}

/** Long enough that a bot has spoken; short enough that nobody's mail is late. */
const GREETING_PAUSE_MS = 1000
const SUSPECT_PAUSE_MS = 6000

/** How long to listen before the greeting. */
export function greetingPauseMs(client: Client, stress: number): number {
  if (client.isKnown) return 0
  // Who waits holds a place: a busy server does not make waits longer.
  const pauseMs = client.isSuspect ? SUSPECT_PAUSE_MS : GREETING_PAUSE_MS
  return Math.round(pauseMs * (1 - stress))
}

export type EarlyTalkerVerdict =
  | { readonly outcome: 'none' }
  | { readonly outcome: 'points'; readonly points: number; readonly reason: string }
  | { readonly outcome: 'refuse'; readonly reason: string }

/** What an early word means: refused only where something else speaks against the client as well. */
export function earlyTalkerVerdict(isEarly: boolean, client: Client): EarlyTalkerVerdict {
  if (!isEarly || client.isKnown) return { outcome: 'none' }
  const reason = 'spoke before it was its turn, as programs do that send without listening'
  return client.isSuspect ? { outcome: 'refuse', reason } : { outcome: 'points', points: 2, reason }
}

const FREE_FAULTS = 2
const LONGEST_PAUSE_MS = 20_000

/** How long the reply to the latest of so many faults waits: one second, doubled with each. */
export function tarpitMs(faults: number, stress: number): number {
  const counted = Math.floor(faults) - FREE_FAULTS
  if (counted <= 0) return 0
  return Math.round(Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (counted - 1)) * (1 - stress))
}
