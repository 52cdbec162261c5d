// The numbers of an experiment: as a table for people, and as lines of values (CSV, RFC 4180) that a plot is drawn from.

import type { Experiment } from './experiment.ts'
import type { Plotted } from './run.ts'

export function renderTable({ title, series, measures, axis }: Experiment, points: readonly Plotted[]): string {
  const blocks = measures.map(({ name, unit }) => {
    const rows = [
      [`${axis.name}${axis.unit === '' ? '' : `, ${axis.unit}`}`, ...series.map((one) => one.name)],
      ...axis.values.map((x) => [
        String(x),
        ...series.map((one) => {
          const point = points.find((found) => found.series === one.name && found.x === x)
          return point === undefined ? '' : String(point.values[name])
        }),
      ]),
    ]
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
    const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')}`)
    return [`${name}${unit === '' ? '' : `, ${unit}`}`, ...lines, ''].join('\n')
  })
  return `${title}\n\n${blocks.join('\n')}`
}

export function csvOf({ measures }: Experiment, points: readonly Plotted[]): string {
  const head = ['series', 'x', ...measures.map(({ name }) => name)]
  const rows = points.map(({ series, x, values }) => [
    series,
    String(x),
    ...measures.map(({ name }) => String(values[name])),
  ])
  return [head, ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('')
}

const quoted = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)

/** The points of a table that was written by csvOf. */
export function pointsOf({ measures }: Experiment, csv: string): Plotted[] {
  const [, ...rows] = csv.trimEnd().split('\n').map(cellsOf)
  return rows.map(([series = '', x = '', ...cells]) => ({
    series,
    x: Number(x),
    values: Object.fromEntries(measures.map(({ name }, i) => [name, Number(cells[i])])),
  }))
}

const cellsOf = (line: string) =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  )
