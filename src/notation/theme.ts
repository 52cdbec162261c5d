// Colours of a picture, for light and dark paper. Plain rules without custom properties: Inkscape and other programs
// that open SVG do not know those. Every rule is scoped to the picture's class.

export type Theme = 'auto' | 'light' | 'dark'

type Palette = {
  paper: string
  ink: string
  muted: string
  network: [fill: string, stroke: string]
  agent: [fill: string, stroke: string]
  user: [fill: string, stroke: string]
  cloud: [fill: string, stroke: string]
  flow: string
  direct: string
  indirect: string
  border: string
  wrong: string
  /** Actors that appear more than once. */
  tints: [fill: string, stroke: string][]
}

const LIGHT: Palette = {
  paper: '#ffffff',
  ink: '#18212f',
  muted: '#5b6878',
  network: ['#f4f6f9', '#d3dae3'],
  agent: ['#ffffff', '#51607a'],
  user: ['#fff8e6', '#a16207'],
  cloud: ['#eef2f6', '#9aa7b6'],
  flow: '#51607a',
  direct: '#0f766e',
  indirect: '#7c3aed',
  border: '#c2410c',
  wrong: '#dc2626',
  tints: [
    ['#eff6ff', '#2563eb'],
    ['#f0fdf4', '#15803d'],
    ['#fdf2f8', '#be185d'],
    ['#fff7ed', '#c2570c'],
    ['#f5f3ff', '#6d28d9'],
    ['#ecfeff', '#0e7490'],
    ['#f7fee7', '#4d7c0f'],
    ['#f1f5f9', '#334155'],
  ],
}

const DARK: Palette = {
  paper: '#10151d',
  ink: '#e6ebf2',
  muted: '#9aa8ba',
  network: ['#181f2a', '#2d3848'],
  agent: ['#202938', '#8b9bb3'],
  user: ['#33290f', '#eab54d'],
  cloud: ['#1c2531', '#5c6b80'],
  flow: '#9aa8ba',
  direct: '#2dd4bf',
  indirect: '#b79cfb',
  border: '#fb923c',
  wrong: '#f87171',
  tints: [
    ['#16243f', '#60a5fa'],
    ['#10291a', '#4ade80'],
    ['#371528', '#f472b6'],
    ['#38200f', '#fb923c'],
    ['#261a45', '#a78bfa'],
    ['#0c2a33', '#22d3ee'],
    ['#1f2b0d', '#a3e635'],
    ['#232c3a', '#94a3b8'],
  ],
}

const SHAPES = [
  'text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;font-size:15px}',
  '.role,.heading{font-weight:600}',
  '.heading{font-size:16px}',
  '.small,.border text,.relation text,text.count{font-size:12px}',
  '.network text{font-size:14px}',
  '.network path,.divider,.hop .line,.border path,.relation path,.step,.layer path{fill:none}',
  '.relay{stroke-width:1}',
  '.layer path,.step{stroke-width:1.3}',
  '.organisations path{stroke-dasharray:6 3}',
  '.contracts path{stroke-width:3}',
  '.way{fill:none;stroke:none}',
  '.block .body,.block .back{stroke-width:1.6}',
  '.unknown .body{stroke-dasharray:5 4}',
  '.hop .line{stroke-width:1.8;stroke-linecap:butt}',
  '.border path{stroke-width:2.2;stroke-dasharray:9 6;stroke-linecap:round}',
  '.border text{font-weight:600;letter-spacing:.04em}',
  '.relation path{stroke-width:1.6;stroke-dasharray:1.5 5;stroke-linecap:round}',
]

/** The style sheet of a picture. */
export function pictureStyle(theme: Theme): string {
  const rules = scoped([...SHAPES, ...colours(theme === 'dark' ? DARK : LIGHT)])
  return theme === 'auto' ? `${rules}@media (prefers-color-scheme:dark){${scoped(colours(DARK))}}` : rules
}

function colours(c: Palette): string[] {
  const shape = (selector: string, [fill, stroke]: [string, string]) => [
    `${selector} .body,${selector} .back{fill:${fill};stroke:${stroke}}`,
    `${selector} .person,${selector} rect.count{fill:${stroke}}`,
    `${selector} .divider{stroke:${stroke};stroke-opacity:.35}`,
    `${selector} .relay{fill:${c.paper};stroke:${stroke}}`,
    `${selector} .step{stroke:${stroke}}`,
  ]
  const arrow = (selector: string, colour: string) => [
    `${selector} .line{stroke:${colour}}`,
    `${selector} .head{fill:${colour}}`,
  ]
  return [
    `.paper{fill:${c.paper}}`,
    `text{fill:${c.ink}}`,
    `.small,.caption,.network text{fill:${c.muted}}`,
    `text.count{fill:${c.paper}}`,
    `.network rect{fill:${c.network[0]};stroke:${c.network[1]}}`,
    `.network path{stroke:${c.muted};stroke-opacity:.6}`,
    ...shape('.agent', c.agent),
    ...shape('.user', c.user),
    ...shape('.internet', c.cloud),
    ...shape('.unknown', c.cloud),
    ...c.tints.flatMap((tint, k) => [...shape(`.tint${k}`, tint), `.tint${k} .small{fill:${tint[1]}}`]),
    ...arrow('.flow', c.flow),
    ...arrow('.direct', c.direct),
    ...arrow('.indirect', c.indirect),
    ...arrow('.wrong', c.wrong),
    `.border path{stroke:${c.border}}`,
    `.border text{fill:${c.border}}`,
    `.relation path{stroke:${c.direct}}`,
    `.machines path{stroke:${c.flow}}`,
    `.organisations path{stroke:${c.indirect}}`,
    `.contracts path{stroke:${c.direct}}`,
    `.relation text{fill:${c.muted}}`,
  ]
}

function scoped(rules: string[]): string {
  return rules
    .map((rule) => {
      const open = rule.indexOf('{')
      const selectors = rule.slice(0, open).split(',')
      return selectors.map((selector) => `.borderpost ${selector}`).join(',') + rule.slice(open)
    })
    .join('')
}
