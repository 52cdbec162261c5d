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
          return point === undefined ? '' : withMargin(point, name)
        }),
      ]),
    ]
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
    const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')}`)
    return [`${name}${unit === '' ? '' : `, ${unit}`}`, ...lines, ''].join('\n')
  })
  return `${title}\n\n${blocks.join('\n')}`
}

/** "12.4 ± 1.3": the true value lies within with 95 %. */
function withMargin({ values, margins }: Plotted, name: string): string {
  const margin = margins[name]
  return margin === undefined ? String(values[name]) : `${values[name]} ± ${margin}`
}

/** Of the margin of a measure. */
const marginOf = (name: string) => `${name} (±)`

/** With the margins where there are some: they are of all points, or of none. */
export function csvOf({ measures }: Experiment, points: readonly Plotted[]): string {
  const names = measures.map(({ name }) => name)
  const hasMargins = points.some(({ margins }) => Object.keys(margins).length > 0)
  const head = ['series', 'x', ...names.flatMap((name) => (hasMargins ? [name, marginOf(name)] : [name]))]
  const rows = points.map(({ series, x, values, margins }) => [
    series,
    String(x),
    ...names.flatMap((name) => (hasMargins ? [String(values[name]), String(margins[name])] : [String(values[name])])),
  ])
  return [head, ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('')
}

const quoted = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)

/** The points of a table that was written by csvOf. */
export function pointsOf({ measures }: Experiment, csv: string): Plotted[] {
  const [head = [], ...rows] = csv.trimEnd().split('\n').map(cellsOf)
  return rows.map(([series = '', x = '', ...cells]) => {
    const cell = (column: string) => {
      const at = head.indexOf(column)
      return at < 0 ? [] : [Number(cells[at - 2])]
    }
    const of = (column: (name: string) => string) =>
      Object.fromEntries(measures.flatMap(({ name }) => cell(column(name)).map((value) => [name, value])))
    return { series, x: Number(x), values: of((name) => name), margins: of(marginOf) }
  })
}

const cellsOf = (line: string) =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  )
