// What speaks against a sender: each signal a row with points, a sentence and its evidence. A row has its full points when
// its measure reaches what it allows, fewer below, and none below two fifths: that is everyday life. Of rows of one group only the heaviest counts: an hour, a day and a
// week of the same people are one fact. Different kinds of senders are allowed different things.

import type { Habit, Measures, Usual } from './measures.ts'

/** A person; one who sends newsletters (`bulk=yes`); another agent, under contract. */
export type SenderKind = 'author' | 'bulk' | 'contract'

interface Allowance {
  /** What anybody of this kind may do. */
  readonly base: number
  /** What is usual for a sender lets him do so much more. */
  readonly grows?: { readonly habit: Habit; readonly factor: number; readonly most: number }
  /** A part of his recipients, where that is more. */
  readonly share?: { readonly of: 'recipientsDay' | 'recipientsWeek' | 'recipientsMonth'; readonly part: number }
}

export interface Signal {
  readonly id: string
  readonly group: 'people' | 'volume' | 'alike' | 'content' | 'refused' | 'complaints' | 'sign-in' | 'backlog'
  readonly points: number
  readonly sentence: string
  /** The number, or the text of which being there is enough. */
  readonly measure: (measures: Measures) => number | string
  /** A kind that is not named is not asked. */
  readonly allows: Partial<Record<SenderKind, Allowance>>
}

export interface Found {
  readonly id: string
  readonly points: number
  readonly sentence: string
  readonly evidence: string
}

export interface Suspicion {
  readonly points: number
  /** How much of it is said of mail to people he knows, too. */
  readonly volume: number
  readonly found: readonly Found[]
}

const learned = (habit: Habit, base: number, factor: number, most: number): Allowance => ({
  base,
  grows: { habit, factor, most },
})

/** In each group those that weigh most come first to mind; the order is for readers. */
const SIGNALS: readonly Signal[] = [
  {
    id: 'new-people-hour',
    group: 'people',
    points: 6,
    sentence: 'Mail went to many people within an hour to whom this sender never wrote before.',
    measure: ({ strangersHour }) => strangersHour,
    allows: {
      author: learned('strangersHour', 50, 2, 60),
      bulk: learned('strangersHour', 2000, 3, 50_000),
      contract: learned('strangersHour', 2000, 3, 200_000),
    },
  },
  {
    id: 'new-people-day',
    group: 'people',
    points: 6,
    sentence: 'Mail went to many people within a day to whom this sender never wrote before.',
    measure: ({ strangersDay }) => strangersDay,
    allows: {
      author: learned('strangersDay', 80, 2, 200),
      bulk: learned('strangersDay', 5000, 3, 200_000),
      contract: learned('strangersDay', 10_000, 3, 1_000_000),
    },
  },
  {
    id: 'new-people-week',
    group: 'people',
    points: 6,
    sentence: 'Mail went to many people within a week to whom this sender never wrote before.',
    measure: ({ strangersWeek }) => strangersWeek,
    allows: { author: learned('strangersWeek', 220, 1.5, 600) },
  },
  {
    id: 'messages-hour',
    group: 'volume',
    points: 6,
    sentence: 'Far more messages left within an hour than this sender usually writes.',
    measure: ({ acquaintedHour }) => acquaintedHour,
    allows: {
      author: learned('acquaintedHour', 70, 3, 300),
      bulk: learned('acquaintedHour', 2000, 3, 50_000),
      contract: learned('acquaintedHour', 5000, 3, 200_000),
    },
  },
  {
    id: 'messages-day',
    group: 'volume',
    points: 6,
    sentence: 'Far more messages left within a day than this sender usually writes.',
    measure: ({ acquaintedDay }) => acquaintedDay,
    allows: {
      author: learned('acquaintedDay', 700, 3, 4000),
      bulk: learned('acquaintedDay', 10_000, 3, 500_000),
      contract: learned('acquaintedDay', 20_000, 3, 2_000_000),
    },
  },
  {
    id: 'alike',
    group: 'alike',
    points: 3,
    sentence: 'Much the same text went to many people to whom this sender never wrote before.',
    measure: ({ alike }) => alike,
    allows: { author: { base: 80 } },
  },
  {
    id: 'content',
    group: 'content',
    points: 4,
    sentence: 'Messages to new people look like spam to our own filter.',
    measure: ({ suspectsDay }) => suspectsDay,
    allows: { author: { base: 8 }, bulk: { base: 200 }, contract: { base: 500 } },
  },
  {
    id: 'refused',
    group: 'refused',
    points: 5,
    sentence: 'Many recipients were refused at the other side: they do not exist, or do not want it.',
    measure: ({ refusedDay }) => refusedDay,
    allows: {
      author: { base: 20, share: { of: 'recipientsDay', part: 0.15 } },
      bulk: { base: 100, share: { of: 'recipientsDay', part: 0.08 } },
      contract: { base: 200, share: { of: 'recipientsDay', part: 0.08 } },
    },
  },
  {
    id: 'refused-month',
    group: 'refused',
    points: 6.5,
    sentence:
      'Day after day recipients were refused at the other side, more than people have who write to whom they know.',
    measure: ({ refusedMonth }) => refusedMonth,
    allows: { author: { base: 12, share: { of: 'recipientsMonth', part: 0.06 } } },
  },
  {
    id: 'complaints',
    group: 'complaints',
    points: 6,
    sentence: 'People who got this mail complained that it is spam.',
    measure: ({ complaintsWeek }) => complaintsWeek,
    allows: {
      author: { base: 4, share: { of: 'recipientsWeek', part: 0.003 } },
      bulk: { base: 10, share: { of: 'recipientsWeek', part: 0.003 } },
      contract: { base: 20, share: { of: 'recipientsWeek', part: 0.003 } },
    },
  },
  {
    id: 'new-place',
    group: 'sign-in',
    points: 1,
    sentence: 'Shortly before, somebody signed in from a place that this account was never used from.',
    measure: ({ newPlace }) => newPlace,
    allows: { author: { base: 1 }, bulk: { base: 1 } },
  },
  {
    id: 'new-program',
    group: 'sign-in',
    points: 0.5,
    sentence: 'Shortly before, somebody signed in with another kind of program than ever before.',
    measure: ({ newDoor }) => newDoor,
    allows: { author: { base: 1 }, bulk: { base: 1 } },
  },
  {
    id: 'goes-on',
    group: 'backlog',
    points: 6,
    sentence: 'Mail goes on coming while what came before is held.',
    measure: ({ held }) => held,
    allows: { author: { base: 100 }, bulk: { base: 5000 }, contract: { base: 5000 } },
  },
]

/** The caps that the description sets, whatever is usual. */
const CAPS = [
  { id: 'cap-hour', measure: 'recipientsHour', sentence: 'The limit of recipients within an hour is reached.' },
  { id: 'cap-day', measure: 'recipientsDay', sentence: 'The limit of recipients within a day is reached.' },
] as const

export interface Limits {
  /** Recipients elsewhere, an hour and a day. */
  readonly perHour: number
  readonly perDay: number
  /** What everything but these is allowed, times this: 1 on the Internet, more in a lab and for who has just proven himself. */
  readonly generosity: number
}

/** Up to this part of what is allowed nothing is said. */
const EVERYDAY = 0.4
/** More than the full points of a row, so that a message that is far beyond all measure says so. */
const MOST_OF_ROW = 2

export function suspicionOf(measures: Measures, kind: SenderKind, usual: Usual, limits: Limits): Suspicion {
  const all = [
    ...SIGNALS.flatMap((row) => {
      const allowance = row.allows[kind]
      if (allowance === undefined) return []
      const measure = row.measure(measures)
      if (typeof measure === 'string') return measure === '' ? [] : [{ ...row, part: 1, evidence: measure }]
      const allowed = limits.generosity * allowed0(allowance, usual, measures)
      return [{ ...row, part: measure / allowed, evidence: `${Math.round(measure)} of ${Math.round(allowed)}` }]
    }),
    ...CAPS.map(({ id, measure, sentence }) => {
      const most = measure === 'recipientsHour' ? limits.perHour : limits.perDay
      const count = measures[measure]
      const evidence = `${Math.round(count)} of ${most}`
      // Below the cap it says nothing: who may do so much may do it.
      return { id, group: 'volume' as const, points: 6, sentence, part: count > most ? 1 : 0, evidence }
    }),
  ]
  const heaviest = new Map<string, Found>()
  for (const { id, group, points, sentence, part, evidence } of all) {
    const excess = Math.max(0, part - EVERYDAY) / (1 - EVERYDAY)
    const weight = Math.round(100 * points * Math.min(excess, MOST_OF_ROW)) / 100
    if (weight > (heaviest.get(group)?.points ?? 0)) heaviest.set(group, { id, points: weight, sentence, evidence })
  }
  const found = [...heaviest.values()].sort((a, b) => b.points - a.points)
  const points = found.reduce((sum, one) => sum + one.points, 0)
  return { points: Math.round(100 * points) / 100, volume: heaviest.get('volume')?.points ?? 0, found }
}

function allowed0({ base, grows, share }: Allowance, usual: Usual, measures: Measures): number {
  const byHabit = grows === undefined ? 0 : Math.min(grows.most, grows.factor * usual[grows.habit])
  const byShare = share === undefined ? 0 : share.part * measures[share.of]
  return Math.max(base, byHabit, byShare)
}
