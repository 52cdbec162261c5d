// What became of the messages of a day, counted: by kind, how late, refused where and why.

import { KINDS, type Kind } from './senders.ts'
import type { Fate, OfKind, TrafficResult } from './traffic.ts'

export function summary(fates: readonly Fate[]): Pick<TrafficResult, 'kinds' | 'duplicates' | 'delaysS' | 'refusals'> {
  const ofKind = (kind: Kind): OfKind => {
    const all = fates.filter((one) => one.kind === kind)
    const count = (is: (fate: Fate) => boolean) => all.filter(is).length
    const arrived = (fate: Fate) => fate.inbox + fate.junk > 0
    const isGivenUp = (fate: Fate) => !arrived(fate) && fate.takenMs !== undefined && fate.bounced !== undefined
    return {
      sent: all.length,
      inbox: count(({ inbox }) => inbox > 0),
      junk: count(({ inbox, junk }) => inbox === 0 && junk > 0),
      refused: count((fate) => !arrived(fate) && fate.takenMs === undefined),
      bounced: count((fate) => isGivenUp(fate) && fate.isTold),
      unheard: count((fate) => isGivenUp(fate) && !fate.isTold),
      missing: count((fate) => !arrived(fate) && fate.takenMs !== undefined && fate.bounced === undefined),
    }
  }
  const honest = fates.filter(({ kind }) => kind === 'honest')
  const delays = honest
    .flatMap(({ sentMs, arrivedMs }) => (arrivedMs === undefined ? [] : [Math.max(0, arrivedMs - sentMs) / 1000]))
    .sort((a, b) => a - b)
  const at = (share: number) => {
    const value = delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? 0
    return Math.round(value * 100) / 100
  }
  const refusals = new Map<string, { at: string; why: string; kind: Kind; count: number }>()
  for (const fate of fates) {
    if (fate.inbox + fate.junk > 0) continue
    const why = fate.takenMs === undefined ? fate.reply : fate.bounced
    if (why === undefined) continue
    const where = fate.takenMs === undefined ? fate.first : (fate.bouncedBy ?? fate.first)
    const words = general(why)
    const known = refusals.get(`${where} ${fate.kind} ${words}`)
    if (known === undefined)
      refusals.set(`${where} ${fate.kind} ${words}`, { at: where, why: words, kind: fate.kind, count: 1 })
    else known.count++
  }
  return {
    kinds: Object.fromEntries(KINDS.map((kind) => [kind, ofKind(kind)])) as Record<Kind, OfKind>,
    duplicates: honest.filter(({ isTwice }) => isTwice).length,
    delaysS: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: delays.at(-1) === undefined ? 0 : at(1) },
    refusals: [...refusals.values()].sort((a, b) => b.count - a.count || (a.why < b.why ? -1 : 1)),
  }
}

/** A reply without what is said of one message alone. */
export const general = (reply: string) =>
  reply
    .replace(/\(kept here as \w+\)/g, '')
    .replace(/\([\d.]+ points\)/g, '')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, 'ADDRESS')
    .replace(/\s+/g, ' ')
    .replace(/ (?=[:;,.])/g, '')
    .trim()
    .slice(0, 160)
