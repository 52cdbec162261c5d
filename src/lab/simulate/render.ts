// The table of what became of each letter, as text.

import type { Skipped } from './letters.ts'
import { KINDS } from './senders.ts'
import { type FlowResult, PROOFS, type Survival } from './survival.ts'
import type { TrafficResult } from './traffic.ts'
import type { Change } from './what-if.ts'

const HEAD = ['at', 'SPF', 'HELO', 'DKIM', 'DMARC', 'ARC', 'does']

export function renderSurvival({ results, skipped }: Survival): string {
  return [...results.map(renderFlow), ...skipped.map(renderSkipped)].join('\n')
}

function renderFlow({ letter, hops, missed, end, where }: FlowResult): string {
  const rows = hops.map(({ agent, proofs, does }) => [agent, ...PROOFS.map((proof) => proofs[proof]), does])
  const widths = HEAD.map((head, i) => Math.max(...[head, ...rows.map((row) => row[i]!)].map(({ length }) => length)))
  const line = (cells: readonly string[]) =>
    `    ${cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()}`
  return [
    `Flow ${letter.flow + 1}: ${letter.text}`,
    `  ${letter.from} writes to ${letter.to}: ${end} ${where}`,
    ...(rows.length > 0 ? [line(HEAD), ...rows.map(line)] : []),
    ...hops.flatMap(({ agent, why, steps }, i) => [
      `    ${agent}: ${why}`,
      ...(end === 'refused' && i === hops.length - 1 ? steps.map((step) => `      ${step}`) : []),
    ]),
    ...(missed.length > 0 ? [`    It did not pass ${missed.join(', ')}: mail goes where DNS says.`] : []),
    '',
  ].join('\n')
}

const renderSkipped = ({ flow, text, why }: Skipped) => `Flow ${flow + 1}: ${text}\n  No letter was sent: ${why}.\n`

export function renderChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return 'Nothing changes.\n'
  return `${changes
    .flatMap(({ cell, before, after, why }) => [`${cell}: ${before} -> ${after}`, ...why.map((step) => `    ${step}`)])
    .join('\n')}\n`
}

const OUTCOMES = ['sent', 'inbox', 'junk', 'refused', 'bounced', 'unheard', 'missing'] as const
const MOST_REFUSALS = 20
const MOST_AGENTS = 50

export function renderTraffic(result: TrafficResult): string {
  const { kinds, delaysS, refusals, load, longestQueue, faults, cost, costs, relays } = result
  const row = (cells: readonly (string | number)[]) =>
    `  ${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(14) : String(cell).padStart(9))).join('')}`
  const { honest } = kinds
  const there = KINDS.filter((kind) => kinds[kind].sent > 0)
  const bad = there.filter((kind) => kind !== 'honest').map((kind) => kinds[kind])
  const sum = (of: (one: (typeof bad)[number]) => number) => bad.reduce((total, one) => total + of(one), 0)
  const agents = Object.entries(load)
  const busiest =
    agents.length <= MOST_AGENTS
      ? agents
      : agents.toSorted(([a], [b]) => costs[b]!.bytes - costs[a]!.bytes).slice(0, MOST_AGENTS)
  const share = (part: number, whole: number) => (whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(2)} %`)
  return [
    `${result.messages} messages in ${result.days} days`,
    row(['', ...OUTCOMES]),
    ...there.map((kind) => row([kind, ...OUTCOMES.map((one) => kinds[kind][one])])),
    '',
    `  Spam and forgeries: ${share(
      sum(({ inbox }) => inbox),
      sum(({ sent }) => sent),
    )} got into an inbox; ${sum(({ bounced }) => bounced) - kinds.spam.bounced} came back to somebody who had not written them (bounce spam).`,
    `  Honest mail: ${share(honest.refused + honest.bounced, honest.sent)} refused, ${share(honest.junk, honest.sent)} in Junk, ${share(honest.unheard + honest.missing, honest.sent)} lost, ${result.duplicates} arrived twice.`,
    `  From writing to mailbox: half within ${delaysS.p50} s, 90 % ${delaysS.p90} s, 99 % ${delaysS.p99} s, all ${delaysS.max} s.`,
    `  For each message ${cost.bytes} bytes on ${cost.connections} connections, ${cost.lookups} questions to DNS, doors busy for ${cost.busyS} s; ${result.eventsPerMessage} events.`,
    '',
    `  What ${agents.length > busiest.length ? 'the busiest agents' : 'each agent'} did, and the longest queue:`,
    ...busiest.map(([agent, done]) => {
      const words = Object.entries(done)
        .sort()
        .map(([what, count]) => `${what} ${count}`)
      const { bytes, connections, lookups, busyS } = costs[agent]!
      const had = [`${size(bytes)}`, `${connections} connections`, `${lookups} questions to DNS`, `busy ${busyS} s`]
      const each = relays[agent]
      const share = (done.accepted ?? 0) + (done.delivered ?? 0) + (done.forwarded ?? 0) + (done.transmitted ?? 0)
      if (each !== undefined)
        had.push(`each of its ${each} relays ${Math.round((10 * share) / each) / 10} messages in or out`)
      return `    ${agent}: ${[...words, `longest queue ${longestQueue[agent]}`].join(', ')}\n      ${had.join(', ')}`
    }),
    ...(agents.length > busiest.length
      ? [`    and ${agents.length - busiest.length} more, of which --json tells.`]
      : []),
    ...(refusals.length > 0 ? ['', '  Refused, where and why:'] : []),
    ...refusals.slice(0, MOST_REFUSALS).map(({ at, kind, why, count }) => `    ${count} ${kind} by ${at}: ${why}`),
    ...(faults.length > 0 ? ['', '  What went wrong:'] : []),
    ...faults.map(
      ({ atMs, forMs, fault, agent }) =>
        `    ${hours(atMs)} ${fault} of ${agent}, for ${Math.round(forMs / 60_000)} min`,
    ),
    '',
  ].join('\n')
}

const size = (bytes: number) => (bytes < 10_000 ? `${bytes} bytes` : `${Math.round(bytes / 1000)} kB`)

function hours(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
}
