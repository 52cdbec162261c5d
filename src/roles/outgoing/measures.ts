// What a sender does, measured against what is usual for him. Hours are rows of the store; an hour that goes on counts with
// the part of the one before that is not over, so that nobody gains by waiting for the clock to strike.

import type { OutgoingCounts, OutgoingHour } from '../../store/nouns/outgoing.ts'

const HOUR_MS = 3_600_000
const DAY_H = 24
const WEEK_H = 7 * DAY_H
/** What was usual is learned from so many days, and not before some of them were active. */
export const LEARNED_H = 31 * DAY_H
const ACTIVE_PERIODS = 5
/** A tenth of the busiest hours and days is no habit. */
const PERCENTILE = 0.9

export const hourOf = (nowMs: number): number => Math.floor(nowMs / HOUR_MS)

/** What a month shows and a day does not, as it was within the last hour. */
export interface Month {
  /** Recipients refused for good, of each day a few at most: many at once may be an old list of friends. */
  readonly refusedMonth: number
  readonly recipientsMonth: number
}

/** Beside the hours: what is found out about this message and its moment. */
export interface Moment extends Month {
  /** Strangers who got much the same text in three days, with those of this message. */
  readonly alike: number
  /** Messages that wait for a decision already. */
  readonly held: number
  /** From where he signed in that was never seen before, a day ago at most; '': nowhere. */
  readonly newPlace: string
  /** With what kind of program he never came before; ''. */
  readonly newDoor: string
}

export interface Measures extends Moment {
  readonly strangersHour: number
  readonly strangersDay: number
  readonly strangersWeek: number
  readonly acquaintedHour: number
  readonly acquaintedDay: number
  readonly recipientsHour: number
  readonly recipientsDay: number
  readonly recipientsWeek: number
  readonly suspectsDay: number
  readonly refusedDay: number
  readonly complaintsWeek: number
}

/** What is counted over a time and has a habit. */
export type Habit =
  | 'strangersHour'
  | 'strangersDay'
  | 'strangersWeek'
  | 'acquaintedHour'
  | 'acquaintedDay'
  | 'recipientsHour'
  | 'recipientsDay'

/** What he usually does; 0 while that is not known. */
export type Usual = Readonly<Record<Habit, number>>

export const NOTHING_SENT: OutgoingCounts = {
  acquainted: 0,
  recipients: 0,
  strangers: 0,
  suspects: 0,
  refused: 0,
  complaints: 0,
}

type Counted = keyof OutgoingCounts

export function added(one: OutgoingCounts, other: OutgoingCounts): OutgoingCounts {
  return sumOf([one], other)
}

function sumOf(rows: readonly OutgoingCounts[], first: OutgoingCounts): OutgoingCounts {
  let { acquainted, recipients, strangers, suspects, refused, complaints } = first
  for (const row of rows) {
    acquainted += row.acquainted
    recipients += row.recipients
    strangers += row.strangers
    suspects += row.suspects
    refused += row.refused
    complaints += row.complaints
  }
  return { acquainted, recipients, strangers, suspects, refused, complaints }
}

/** @param hours of the last week at least; @param now what is not in them yet, such as the message that is asked about */
export function measuresOf(
  hours: readonly OutgoingHour[],
  now: OutgoingCounts,
  moment: Moment,
  nowMs: number,
): Measures {
  const current = hourOf(nowMs)
  const leftOfLast = 1 - (nowMs % HOUR_MS) / HOUR_MS
  const since = (lengthH: number) =>
    sumOf(
      hours.filter(({ hour }) => hour > current - lengthH && hour <= current),
      now,
    )
  const [hour, day, week] = [since(1), since(DAY_H), since(WEEK_H)]
  const last = hours.find((row) => row.hour === current - 1) ?? NOTHING_SENT
  const perHour = (counted: Counted) => hour[counted] + leftOfLast * last[counted]
  return {
    ...moment,
    strangersHour: perHour('strangers'),
    strangersDay: day.strangers,
    strangersWeek: week.strangers,
    acquaintedHour: perHour('acquainted'),
    acquaintedDay: day.acquainted,
    recipientsHour: perHour('recipients'),
    recipientsDay: day.recipients,
    recipientsWeek: week.recipients,
    suspectsDay: day.suspects,
    refusedDay: day.refused,
    complaintsWeek: week.complaints,
  }
}

/** Of one day. */
const MOST_REFUSED = 4

export function monthOf(hours: readonly OutgoingHour[], nowMs: number): Month {
  const from = hourOf(nowMs) - LEARNED_H
  const refused = new Map<number, number>()
  let recipientsMonth = 0
  for (const row of hours) {
    if (row.hour <= from) continue
    recipientsMonth += row.recipients
    const day = Math.floor(row.hour / DAY_H)
    refused.set(day, Math.min(MOST_REFUSED, (refused.get(day) ?? 0) + row.refused))
  }
  return { refusedMonth: [...refused.values()].reduce((sum, count) => sum + count, 0), recipientsMonth }
}

/** The habits of the days before the last one: what happens now teaches nothing yet. */
export function usualOf(hours: readonly OutgoingHour[], nowMs: number): Usual {
  const before = hourOf(nowMs) - DAY_H
  const past = hours.filter(({ hour }) => hour <= before && hour > before - LEARNED_H)
  const per = (lengthH: number, counted: Counted): number => {
    const sums = new Map<number, number>()
    for (const row of past) {
      const period = Math.floor(row.hour / lengthH)
      sums.set(period, (sums.get(period) ?? 0) + row[counted])
    }
    const active = [...sums.values()].filter((sum) => sum > 0).sort((a, b) => a - b)
    const enough = lengthH === WEEK_H ? 2 : ACTIVE_PERIODS
    return active.length < enough ? 0 : active[Math.ceil(PERCENTILE * active.length) - 1]!
  }
  return {
    strangersHour: per(1, 'strangers'),
    strangersDay: per(DAY_H, 'strangers'),
    strangersWeek: per(WEEK_H, 'strangers'),
    acquaintedHour: per(1, 'acquainted'),
    acquaintedDay: per(DAY_H, 'acquainted'),
    recipientsHour: per(1, 'recipients'),
    recipientsDay: per(DAY_H, 'recipients'),
  }
}
