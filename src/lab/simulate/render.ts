// The table of what became of each letter, as text.

import type { Skipped } from './letters.ts'
import { type FlowResult, PROOFS, type Survival } from './survival.ts'
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
    ...hops.map(({ agent, why }) => `    ${agent}: ${why}`),
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
