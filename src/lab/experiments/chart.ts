// The plot of an experiment (SVG): a panel for each measure, a line for each series, with title, axes and units. Plain shapes
// and text, so that any program shows it; colours for light and dark, and a mark of its own for each series, so that lines
// that lie upon each other are still told apart, without colours, too.

import type { Experiment, Measure } from './experiment.ts'
import type { Plotted } from './run.ts'

const PANEL = { width: 372, height: 264 }
const EDGE = { left: 58, right: 14, top: 34, bottom: 50 }
const HEAD = 46
const LINE = 20
const COLUMNS = 2
const COLOURS = [
  ['#1f5fc4', '#7db1ff'],
  ['#c03f26', '#ff9478'],
  ['#1d7d46', '#6ed69b'],
  ['#8a3fb0', '#d7a4f2'],
  ['#8a6500', '#f0c75e'],
  ['#4b5560', '#b9c2cc'],
] as const
/** Of a series: how its mark is drawn around a place, large ones below small ones. */
const MARKS: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `<circle cx="${x}" cy="${y}" r="6"/>`,
  (x, y) => `<rect x="${round(x - 4.5)}" y="${round(y - 4.5)}" width="9" height="9"/>`,
  (x, y) => `<path d="M${x} ${round(y - 5)}L${round(x + 4.5)} ${round(y + 3.5)}H${round(x - 4.5)}Z"/>`,
  (x, y) => `<path d="M${x} ${round(y - 4)}L${round(x + 4)} ${y}L${x} ${round(y + 4)}L${round(x - 4)} ${y}Z"/>`,
  (x, y) => `<circle cx="${x}" cy="${y}" r="2.5"/>`,
  (x, y) => `<rect x="${round(x - 1.5)}" y="${round(y - 1.5)}" width="3" height="3"/>`,
]
const SURE = 'Vertical lines: 95 % confidence intervals over seeds.'
const MOST_SERIES = MARKS.length

export function chart(experiment: Experiment, points: readonly Plotted[]): string {
  const { title, series, measures, axis } = experiment
  const names = series.map(({ name }) => name).slice(0, MOST_SERIES)
  const hasMargins = points.some(({ margins }) => Object.keys(margins).length > 0)
  const columns = Math.min(COLUMNS, measures.length)
  const width = columns * PANEL.width
  const legend = HEAD + names.length * LINE
  const height = (hasMargins ? LINE : 0) + legend + Math.ceil(measures.length / columns) * PANEL.height
  const keys = names.map((name, i) => {
    const y = HEAD + i * LINE
    return `<g class="s${i}"><path d="M16 ${y}h28" fill="none"/>${MARKS[i]!(30, y)}</g><text x="54" y="${y + 4}">${escaped(name)}</text>`
  })
  const panels = measures.map((measure, i) => {
    const [x, y] = [(i % columns) * PANEL.width, legend + Math.floor(i / columns) * PANEL.height]
    return `<g transform="translate(${x} ${y})">\n${panel(experiment, measure, names, points)}\n</g>`
  })
  const style = (side: 0 | 1) =>
    COLOURS.map((pair, i) => `.s${i}{stroke:${pair[side]}}.s${i} :not([fill]){fill:${pair[side]}}`).join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui,sans-serif" font-size="12">
<title>${escaped(title)}</title>
<desc>${escaped(spoken(experiment, points, axis.unit))}</desc>
<style>text{fill:#2b2f36}.g{stroke:#d5d9df}.a{stroke:#7c8590}.t{font-size:15px;font-weight:600}.m{font-weight:600}g[class]{stroke-width:1.8;stroke-linejoin:round}g[class] :not([fill]){stroke-width:0}${hasMargins ? '.w{stroke-width:1.2}' : ''}${style(0)}@media(prefers-color-scheme:dark){text{fill:#e3e6ea}.g{stroke:#3b424b}.a{stroke:#8d96a1}${style(1)}}</style>
<text class="t" x="16" y="24">${escaped(title)}</text>
${[...keys, ...panels].join('\n')}${hasMargins ? `\n<text x="16" y="${height - 8}">${SURE}</text>` : ''}
</svg>
`
}

function panel({ axis }: Experiment, measure: Measure, names: readonly string[], points: readonly Plotted[]): string {
  const { name, unit } = measure
  const of = (series: string) => points.filter((point) => point.series === series).sort((a, b) => a.x - b.x)
  const most = Math.max(...points.map(({ values, margins }) => (values[name] ?? 0) + (margins[name] ?? 0)))
  const ticks = ticksUpTo(unit === '%' ? Math.min(100, most) : most)
  const top = ticks.at(-1)!
  const [from, to] = [Math.min(...axis.values), Math.max(...axis.values)]
  const [wide, high] = [PANEL.width - EDGE.left - EDGE.right, PANEL.height - EDGE.top - EDGE.bottom]
  const x = (value: number) => round(EDGE.left + (to === from ? 0.5 : (value - from) / (to - from)) * wide)
  const y = (value: number) => round(EDGE.top + high - (value / top) * high)
  const base = EDGE.top + high
  const rows = ticks.map(
    (tick) =>
      `<path class="g" d="M${EDGE.left} ${y(tick)}h${wide}"/><text x="${EDGE.left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${tick.toLocaleString('en')}</text>`,
  )
  const marks = axis.values.map(
    (value) =>
      `<path class="a" d="M${x(value)} ${base}v4"/><text x="${x(value)}" y="${base + 18}" text-anchor="middle">${value.toLocaleString('en')}</text>`,
  )
  const lines = names.map((series, i) => {
    const places = of(series).map((point): [number, number] => [x(point.x), y(point.values[name] ?? 0)])
    const whiskers = of(series).flatMap((point) => whisker(x(point.x), point, name, y))
    const path = places.map(([a, b], n) => `${n === 0 ? 'M' : 'L'}${a} ${b}`).join('')
    return `<g class="s${i}">${whiskers.join('')}<path d="${path}" fill="none"/>${places.map(([a, b]) => MARKS[i]!(a, b)).join('')}</g>`
  })
  return [
    `<text class="m" x="16" y="16">${escaped(name)}${unit === '' ? '' : `, ${escaped(unit)}`}</text>`,
    ...rows,
    `<path class="a" fill="none" d="M${EDGE.left} ${EDGE.top}V${base}h${wide}"/>`,
    ...marks,
    `<text x="${EDGE.left + wide / 2}" y="${base + 38}" text-anchor="middle">${escaped(axis.name)}${axis.unit === '' ? '' : `, ${escaped(axis.unit)}`}</text>`,
    ...lines,
  ].join('\n')
}

/** How far chance reaches (95 %), as a line with two ends; nothing where it is no more than the mark. */
function whisker(x: number, { values, margins }: Plotted, name: string, y: (value: number) => number): string[] {
  const [value, margin] = [values[name] ?? 0, margins[name] ?? 0]
  if (margin === 0) return []
  const [low, high] = [y(Math.max(0, value - margin)), y(value + margin)]
  return [`<path class="w" d="M${round(x - 4)} ${high}h8M${x} ${high}V${low}M${round(x - 4)} ${low}h8" fill="none"/>`]
}

/** Round values from 0 to above the most. */
function ticksUpTo(most: number): number[] {
  if (most <= 0) return [0, 1]
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999)!
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => Math.round(i * step * 1e6) / 1e6)
}

/** For who does not see it: the first and the last value of each line. */
function spoken({ series, measures }: Experiment, points: readonly Plotted[], unit: string): string {
  return measures
    .map(({ name, unit: its }) => {
      const lines = series.map((one) => {
        const all = points.filter((point) => point.series === one.name)
        const [first, last] = [all[0]!, all.at(-1)!]
        return `${one.name} from ${first.values[name]} ${its} at ${first.x} ${unit} to ${last.values[name]} ${its} at ${last.x} ${unit}`
      })
      return `${name}: ${lines.join('; ')}.`
    })
    .join(' ')
}

const round = (value: number) => Math.round(value * 10) / 10

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
