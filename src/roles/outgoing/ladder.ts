// The ladder: slow, hold, suspend. Pure: from what speaks against a sender and where he stands to where he stands next, and
// what becomes of one message. He goes up by what is found, and at most one rung with a message beyond holding; he comes down
// from slow by himself, once little speaks against him (less than what put him there), and from the others only when
// somebody lets him.

import type { Found, Suspicion } from './signals.ts'

export type Rung = 'free' | 'slow' | 'hold' | 'suspend'

/** As the store keeps it. */
export interface Standing {
  readonly rung: Rung
  readonly sinceMs: number
  readonly why: readonly Found[]
  /** The administrator's word, not ours: signals do not change it. */
  readonly byAdministrator?: boolean
  /** Until then he is allowed more: he has proven that it is he. */
  readonly trustedUntilMs?: number
}

export const FREE: Standing = { rung: 'free', sinceMs: 0, why: [] }

const UP = { slow: 4, hold: 6, suspend: 12 } as const
const DOWN_FROM_SLOW = 2.5
/** While strangers are held, mail to people he knows goes on below this. */
const HOLDS_ALL = 8
/** So many strangers of one message are let go one by one, not more often. */
export const SLOW_MS = 60_000

/** Where he stands after what was found. */
export function climbed(standing: Standing, { points, found }: Suspicion, nowMs: number): Standing {
  const { rung, byAdministrator } = standing
  if (byAdministrator || rung === 'suspend') return standing
  const to: Rung =
    rung === 'hold'
      ? points >= UP.suspend && found.some(({ id }) => id === 'goes-on')
        ? 'suspend'
        : 'hold'
      : points >= UP.hold
        ? 'hold'
        : points >= UP.slow || (rung === 'slow' && points >= DOWN_FROM_SLOW)
          ? 'slow'
          : 'free'
  if (to === rung) return standing
  const trusted = standing.trustedUntilMs === undefined ? {} : { trustedUntilMs: standing.trustedUntilMs }
  return { rung: to, sinceMs: nowMs, why: to === 'free' ? [] : found.filter(({ points }) => points >= 0.5), ...trusted }
}

export type Treatment = 'now' | 'slowly' | 'held' | 'refused'

/** What becomes of mail to a recipient. */
export function treatmentOf({ rung }: Standing, { points, volume }: Suspicion, isStranger: boolean): Treatment {
  if (rung === 'suspend') return 'refused'
  if (rung === 'hold') return isStranger || volume >= UP.hold || points >= HOLDS_ALL ? 'held' : 'now'
  return rung === 'slow' && isStranger ? 'slowly' : 'now'
}
