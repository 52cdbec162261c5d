// What the coarse level found, as text: where its parameters come from, how far it is off, and the day itself.

import { KINDS } from '../simulate/senders.ts'
import type { Calibration, Compared } from './calibrate.ts'
import type { CoarseResult } from './flows.ts'
import { ENDS } from './journeys.ts'
import { PROOF_NAMES, passRates } from './parameters.ts'

const MOST_REFUSALS = 20

const percent = (value: number) => `${value.toFixed(1)} %`
const signed = (value: number) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(1)}`

/** Columns side by side, the first one to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map(
    (row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`,
  )
}

export function renderCalibration({ parameters, check }: Calibration): string {
  const { seed, messages, days } = parameters.source
  const names = (way: string) =>
    way
      .split('>')
      .filter((one) => one !== '')
      .join(' > ')
  return [
    `Parameters: measured at the fine level, seed ${seed}, ${messages} messages in ${days} days; held against seed ${check.source.seed}.`,
    '',
    'What passes, by kind of mail and its way, per cent of what was looked at:',
    ...table([
      ['', 'looked at', ...PROOF_NAMES],
      ...passRates(parameters).map(({ kind, way, seen, rates }) => [
        `${kind} at ${names(way)}`,
        String(seen),
        ...rates.map((rate) => rate.toFixed(0)),
      ]),
    ]),
    '',
    'What a message costs, by who brings it and who takes it:',
    ...table([
      ['', 'bytes', 'connections', 'busy s'],
      ...Object.entries(parameters.costs).map(([by, { bytes, connections, busyS }]) => [
        by.replace(' ', ' > '),
        String(bytes),
        connections.toFixed(2),
        busyS.toFixed(2),
      ]),
    ]),
    '',
  ].join('\n')
}

export function renderCompared({ deviations, values, faults }: Compared): string {
  return [
    'Deviation of the coarse level from the fine level, on the same small system:',
    ...table([
      ['', 'fine', 'coarse', 'points', 'by chance up to'],
      ...deviations.map(({ kind, end, fine, coarse, points, chance }) => [
        `${kind}, ${end}`,
        percent(fine),
        percent(coarse),
        signed(points),
        chance.toFixed(1),
      ]),
    ]),
    ...table([
      ['', 'fine', 'coarse', 'off by'],
      ...values.map(({ what, fine, coarse, percent }) => [what, String(fine), String(coarse), `${signed(percent)} %`]),
    ]),
    ...(faults.length > 0
      ? [
          '',
          'The same with one kind of fault each, the same strikes on both levels:',
          ...table([
            ['', 'fine', 'coarse', 'off by'],
            ...faults.map(({ fault, what, fine, coarse }) => [
              `${fault}: ${what}`,
              fine.toFixed(2),
              coarse.toFixed(2),
              what.endsWith('%')
                ? `${signed(coarse - fine)} points`
                : `${signed(fine === 0 ? 0 : (100 * (coarse - fine)) / fine)} %`,
            ]),
          ]),
        ]
      : []),
    '',
  ].join('\n')
}

export function renderCoarse(result: CoarseResult): string {
  const { kinds, delaysS, cost } = result
  const number = (value: number) => value.toLocaleString('en')
  const there = KINDS.filter((kind) => kinds[kind].sent > 0)
  const columns = [...ENDS, 'waiting'] as const
  return [
    `${number(result.agents)} agents, ${number(result.messages)} messages in ${result.days} days, moved by ${result.batch}`,
    ...table([
      ['', 'sent', ...columns],
      ...there.map((kind) => [
        kind,
        number(kinds[kind].sent),
        ...columns.map((end) => `${((100 * kinds[kind][end]) / kinds[kind].sent).toFixed(2)} %`),
      ]),
    ]),
    '',
    `  From writing to mailbox: half within ${delaysS.p50} s, 90 % ${delaysS.p90} s, 99 % ${delaysS.p99} s, all ${delaysS.max} s.`,
    `  For each message ${cost.bytes} bytes on ${cost.connections} connections, ${cost.lookups} questions to DNS, doors busy for ${cost.busyS} s.`,
    '',
    '  What the agents of each population had to do:',
    ...table([
      ['', 'agents', 'messages each', 'the busiest', 'TB', 'DNS, millions', 'longest queue', 'faults'],
      ...Object.entries(result.populations).map(([id, one]) => [
        id,
        number(one.agents),
        number(one.seen),
        number(one.mostSeen),
        (one.cost.bytes / 1e12).toFixed(3),
        (one.cost.lookups / 1e6).toFixed(1),
        number(one.longestQueue),
        number(one.outages),
      ]),
    ]),
    ...(result.refusals.length > 0 ? ['', '  Refused, where and why:'] : []),
    ...result.refusals
      .slice(0, MOST_REFUSALS)
      .map(({ at, kind, why, count }) => `    ${number(count)} ${kind} by ${at}: ${why}`),
    '',
  ].join('\n')
}
