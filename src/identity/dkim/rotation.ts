// The life of a DKIM key: prepared → published → active → retiring → revoked → gone. Pure: what DNS was seen to show and the
// time go in, the keys' next states come out. Two rules stand above all. Nothing is signed with a key that DNS does not
// show; and a key goes only when nothing it signed can still be on its way (RFC 6376 §3.6.1 on revocation: an empty p=).

export type KeyState = 'prepared' | 'published' | 'active' | 'retiring' | 'revoked'

/** What is known of one key. The keys of one domain and one algorithm are a line: one of them is active. */
export interface KeyFacts {
  readonly selector: string
  readonly state: KeyState
  /** When it came into this state. */
  readonly sinceMs: number
  /** Looks at DNS since then, spaced: a clock that jumps makes no time pass. */
  readonly looks: number
  /** When it was last seen in DNS; undefined: it is not there, or nobody has looked. */
  readonly shownMs?: number | undefined
  /** The last look that counted. */
  readonly lookedMs?: number | undefined
}

/** What DNS says at the key's name: this key; something else or nothing; or nobody could be asked. */
export type Sighting = 'shown' | 'absent' | 'unknown'

export interface RotationRules {
  readonly nowMs: number
  /** An active key is replaced after this long; undefined: only when somebody asks. */
  readonly rotateAfterMs: number | undefined
  /** When the oldest message was signed that has not left yet; undefined: there is none. */
  readonly oldestInQueueMs: number | undefined
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Looks closer together than this count as one. */
const LOOKS_APART_MS = HOUR_MS - 60_000
/** A key that another one can wait for is trusted to be published after this many looks. */
const LOOKS_UNTIL_PUBLISHED = 3
/** What DNS showed last holds for so long while nobody answers: 72 hours without DNS stop no mail. */
const SHOWN_HOLDS_MS = 4 * DAY_MS
const RETIRING_MS = 7 * DAY_MS
const REVOKED_MS = 7 * DAY_MS
/** Half of the hourly looks of these seven days: a computer may sleep, a clock may jump. */
const LOOKS_IN_A_WEEK = 84

/** May it sign now. */
export function maySign({ state, shownMs }: KeyFacts, nowMs: number): boolean {
  return state === 'active' && shownMs !== undefined && Math.abs(nowMs - shownMs) < SHOWN_HOLDS_MS
}

/** The line after a look at DNS; what is gone is left out. Oldest key first, as it came. */
export function advanced<K extends KeyFacts>(
  line: readonly K[],
  sightings: ReadonlyMap<string, Sighting>,
  rules: RotationRules,
): K[] {
  const seen = line.map((key) => looked(key, sightings.get(key.selector) ?? 'unknown', rules.nowMs))
  return relieved(
    seen.flatMap((key) => aged(key, rules)),
    rules,
  )
}

/** Is there no next key to be published ahead, though one will be needed. */
export function wantsNext(line: readonly KeyFacts[], { rotateAfterMs }: Pick<RotationRules, 'rotateAfterMs'>): boolean {
  const has = (...states: KeyState[]) => line.some(({ state }) => states.includes(state))
  return !has('prepared', 'published') && (rotateAfterMs === undefined ? !has('active') : true)
}

/** The next key takes over, and the active one retires; undefined: DNS shows no next key yet. */
export function rotated<K extends KeyFacts>(line: readonly K[], nowMs: number): K[] | undefined {
  const next = line.find(({ state, shownMs }) => state === 'published' && shownMs !== undefined)
  if (next === undefined) return undefined
  return line.map((key) =>
    key === next ? inState(key, 'active', nowMs) : key.state === 'active' ? inState(key, 'retiring', nowMs) : key,
  )
}

/** Its owner trusts this key no more: from now on DNS is to say so. */
export function revoked<K extends KeyFacts>(line: readonly K[], selector: string, nowMs: number): K[] {
  return line.map((key) =>
    key.selector === selector && key.state !== 'revoked' ? inState(key, 'revoked', nowMs) : key,
  )
}

function inState<K extends KeyFacts>(key: K, state: KeyState, nowMs: number): K {
  return { ...key, state, sinceMs: nowMs, looks: 0 }
}

function looked<K extends KeyFacts>(key: K, sighting: Sighting, nowMs: number): K {
  // A clock that was ahead of its time must not keep a key in its state for years.
  const sinceMs = Math.min(key.sinceMs, nowMs)
  if (sighting === 'unknown') return sinceMs === key.sinceMs ? key : { ...key, sinceMs }
  const counts = key.lookedMs === undefined || Math.abs(nowMs - key.lookedMs) >= LOOKS_APART_MS
  const facts = {
    ...key,
    sinceMs,
    shownMs: sighting === 'shown' ? nowMs : undefined,
    looks: key.looks + (counts ? 1 : 0),
    lookedMs: counts ? nowMs : key.lookedMs,
  }
  // It is being published, or taken back: from the beginning.
  if (sighting === 'absent' && key.state === 'prepared') return { ...facts, looks: 0 }
  if (sighting === 'absent' && key.state === 'published') return inState(facts, 'prepared', nowMs)
  return facts
}

function aged<K extends KeyFacts>(key: K, { nowMs, oldestInQueueMs }: RotationRules): K[] {
  const ageMs = nowMs - key.sinceMs
  switch (key.state) {
    case 'prepared':
      return key.shownMs !== undefined && key.looks >= LOOKS_UNTIL_PUBLISHED
        ? [inState(key, 'published', nowMs)]
        : [key]
    case 'retiring': {
      const isOnItsWay = oldestInQueueMs !== undefined && oldestInQueueMs <= key.sinceMs
      const isOver = ageMs >= RETIRING_MS && key.looks >= LOOKS_IN_A_WEEK && !isOnItsWay
      return [isOver ? inState(key, 'revoked', nowMs) : key]
    }
    case 'revoked':
      // As long as DNS shows the key, it is to be told that it must not.
      return ageMs >= REVOKED_MS && key.looks >= LOOKS_IN_A_WEEK && key.shownMs === undefined ? [] : [key]
    default:
      return [key]
  }
}

/** Somebody must sign: the next key when it is time, or at once when the active one cannot. */
function relieved<K extends KeyFacts>(line: K[], { nowMs, rotateAfterMs }: RotationRules): K[] {
  const active = line.find(({ state }) => state === 'active')
  if (active === undefined || !maySign(active, nowMs)) {
    // Nothing is lost by trusting a first sighting: without it, mail would leave unsigned.
    const first = line.find(
      ({ state, shownMs }) => (state === 'published' || state === 'prepared') && shownMs === nowMs,
    )
    if (first === undefined) return line
    return line.map((key) =>
      key === first ? inState(key, 'active', nowMs) : key === active ? inState(key, 'retiring', nowMs) : key,
    )
  }
  const isDue = rotateAfterMs !== undefined && nowMs - active.sinceMs >= rotateAfterMs
  return isDue ? (rotated(line, nowMs) ?? line) : line
}
