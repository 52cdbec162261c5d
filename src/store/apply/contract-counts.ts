// What was carried under each contract, by day and in the minute under way, as settings: counted where it is applied, so that
// however many nodes share a store, there is one count, and one limit.

import type { Command, CommandResult } from '../commands.ts'
import type { ContractCounts } from '../nouns/outgoing.ts'
import { type Refusal, refuse } from './apply.ts'

type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>

/** The settings of a store. */
interface Settings {
  get(key: string): string | undefined
  set(key: string, value: string): unknown
}

/** Of one day (UTC). */
export type ContractDay = Required<ContractCounts> & { readonly day: number }

const DAYS_KEPT = 62
const NOTHING: Required<ContractCounts> = { messages: 0, recipients: 0, refused: 0, delivered: 0, returned: 0 }

const dayKey = (name: string, day: number) => `contract.${name}.day.${day % DAYS_KEPT}`
const minuteKey = (name: string) => `contract.${name}.minute`

export function contractDay(settings: Pick<Settings, 'get'>, name: string, day: number): ContractDay {
  const text = settings.get(dayKey(name, day))
  const kept = text === undefined ? undefined : (JSON.parse(text) as ContractDay)
  return kept?.day === day ? kept : { day, ...NOTHING }
}

/** Messages that were taken in this minute. */
function inMinute(settings: Pick<Settings, 'get'>, name: string, minute: number): number {
  const text = settings.get(minuteKey(name))
  const kept = text === undefined ? undefined : (JSON.parse(text) as { minute: number; messages: number })
  return kept?.minute === minute ? kept.messages : 0
}

export function checkContract(settings: Settings, command: CommandOf<'contract.check'>): { ok: true } | Refusal {
  const { name, day, messagesPerDay, minute, messagesPerMinute } = command
  if (contractDay(settings, name, day).messages >= (messagesPerDay ?? Number.POSITIVE_INFINITY))
    return refuse('over-quota', 'day')
  return inMinute(settings, name, minute) >= (messagesPerMinute ?? Number.POSITIVE_INFINITY)
    ? refuse('over-quota', 'minute')
    : { ok: true }
}

export function countContract(settings: Settings, command: CommandOf<'contract.count'>): CommandResult {
  const { name, day, minute, counts } = command
  const before = contractDay(settings, name, day)
  const sums = Object.entries(NOTHING).map(([key]) => {
    const which = key as keyof ContractCounts
    return [which, before[which] + (counts[which] ?? 0)] as const
  })
  settings.set(dayKey(name, day), JSON.stringify({ day, ...Object.fromEntries(sums) }))
  if (counts.messages) {
    const messages = inMinute(settings, name, minute) + counts.messages
    settings.set(minuteKey(name), JSON.stringify({ minute, messages }))
  }
  return { ok: true }
}
