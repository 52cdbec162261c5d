// The same system in the languages that other tools draw: Mermaid, D2, DOT (Graphviz). Networks are groups, actors boxes with
// their roles, the Border a dashed line that is crossed; names of strangers are quoted as each language wants it.

import { type DrawOptions, draw } from './draw.ts'
import { format as formatted } from './format.ts'
import { blockLabel, type Hop, type SystemModel } from './model.ts'

export const EXPORTS = ['mermaid', 'd2', 'dot'] as const
export type ExportFormat = (typeof EXPORTS)[number]

interface Part {
  readonly id: string
  readonly label: string
}

interface Drawing {
  /** The name of a group is '' for what stands in no named network. */
  readonly groups: readonly { readonly id: string; readonly name: string; readonly parts: readonly Part[] }[]
  readonly arrows: readonly {
    readonly from: string
    readonly to: string
    readonly arrow: Hop['arrow']
    readonly crossings: number
  }[]
}

const INTERNET: Part = { id: 'internet', label: 'the open Internet' }

/** One place is drawn once for each actor and set of roles, however many flows pass it. */
function drawingOf(model: SystemModel): Drawing {
  const groups = new Map<string, { id: string; name: string; parts: Map<string, Part> }>()
  const partOf = new Map<string, string>()
  const ids = new Map<string, string>()
  const networks = new Map(model.networks.map((network) => [network.id, network]))
  for (const block of model.blocks) {
    const network = networks.get(block.network ?? '')
    const name = network?.named ? network.name : ''
    const groupId = name === '' ? '' : `net${model.networks.indexOf(network!)}`
    const group = groups.get(groupId) ?? { id: groupId, name, parts: new Map() }
    groups.set(groupId, group)
    const key = `${groupId} ${blockLabel(block)}`
    const id = ids.get(key) ?? `b${ids.size}`
    ids.set(key, id)
    group.parts.set(id, { id, label: blockLabel(block) })
    partOf.set(block.id, id)
  }
  const arrows = new Map<string, Drawing['arrows'][number]>()
  for (const { from, to, arrow, crossings } of model.hops) {
    const one = {
      from: partOf.get(from ?? '') ?? INTERNET.id,
      to: partOf.get(to ?? '') ?? INTERNET.id,
      arrow,
      crossings: crossings.length,
    }
    arrows.set(JSON.stringify(one), one)
  }
  const list = [...groups.values()].map((group) => ({ ...group, parts: [...group.parts.values()] }))
  if ([...arrows.values()].some(({ from, to }) => from === INTERNET.id || to === INTERNET.id))
    list.push({ id: '', name: '', parts: [INTERNET] })
  return { groups: list, arrows: [...arrows.values()] }
}

/** The drawing in any format that `borderpost draw` knows; undefined: there is none of this name. */
export function drawnAs(model: SystemModel, format: string, options: DrawOptions = {}): string | undefined {
  if (format === 'svg') return draw(model, options)
  if (format === 'text') return formatted(model, 'drawn')
  if (format === 'json') return `${JSON.stringify(model, null, 2)}\n`
  const known = EXPORTS.find((one) => one === format)
  return known && exportTo(model, known)
}

/** The system as source text of another drawing language. */
function exportTo(model: SystemModel, format: ExportFormat): string {
  return WRITERS[format](drawingOf(model))
}

const WRITERS: Record<ExportFormat, (drawing: Drawing) => string> = { mermaid, d2, dot }

const border = (crossings: number) => (crossings === 0 ? '' : crossings === 1 ? 'Border' : `${crossings} Borders`)

/** Mermaid reads entities in a quoted label, and nothing else must end it. */
const forMermaid = (text: string) => `"${text.replace(/[#"&<>\\`]/g, (char) => `#${char.codePointAt(0)};`)}"`

function mermaid({ groups, arrows }: Drawing): string {
  const line = { direct: '==>', indirect: '-.->', flow: '-->' } as const
  const lines = ['flowchart LR']
  for (const { id, name, parts } of groups) {
    const boxes = parts.map((part) => `${part.id}[${forMermaid(part.label)}]`)
    if (name === '') lines.push(...boxes.map((box) => `  ${box}`))
    else lines.push(`  subgraph ${id}[${forMermaid(name)}]`, ...boxes.map((box) => `    ${box}`), '  end')
  }
  for (const { from, to, arrow, crossings } of arrows) {
    const label = border(crossings)
    lines.push(`  ${from} ${line[arrow]}${label === '' ? '' : `|${forMermaid(label)}|`} ${to}`)
  }
  return `${lines.join('\n')}\n`
}

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&').replace(/[\r\n]+/g, ' ')}"`

/** In quotes D2 still fills in `${name}`. */
const forD2 = (text: string) => quoted(text.replace(/\$\{/g, '$ {'))

function d2({ groups, arrows }: Drawing): string {
  const style = { direct: 'stroke-width: 4', indirect: 'stroke-dash: 4', flow: '' } as const
  const path = new Map(
    groups.flatMap(({ id, parts }) => parts.map((part) => [part.id, id === '' ? part.id : `${id}.${part.id}`])),
  )
  const lines = ['direction: right']
  for (const { id, name, parts } of groups) {
    const boxes = parts.map((part) => `${part.id}: ${forD2(part.label)}`)
    if (name === '') lines.push(...boxes)
    else lines.push(`${id}: ${forD2(name)} {`, ...boxes.map((box) => `  ${box}`), '}')
  }
  for (const { from, to, arrow, crossings } of arrows) {
    const label = border(crossings)
    const styled = style[arrow] === '' ? '' : ` {style.${style[arrow]}}`
    lines.push(
      `${path.get(from)} -> ${path.get(to)}${label === '' ? (styled === '' ? '' : ':') : `: ${label}`}${styled}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function dot({ groups, arrows }: Drawing): string {
  const style = { direct: 'penwidth=2.5', indirect: 'style=dashed', flow: '' } as const
  const lines = ['digraph mail {', '  rankdir=LR;', '  node [shape=box, style=rounded, fontname="sans-serif"];']
  for (const { id, name, parts } of groups) {
    const boxes = parts.map((part) => `${part.id} [label=${quoted(part.label)}];`)
    if (name === '') lines.push(...boxes.map((box) => `  ${box}`))
    else
      lines.push(`  subgraph cluster_${id} {`, `    label=${quoted(name)};`, ...boxes.map((box) => `    ${box}`), '  }')
  }
  for (const { from, to, arrow, crossings } of arrows) {
    const label = border(crossings)
    const attributes = [style[arrow], ...(label === '' ? [] : [`label=${quoted(label)}`])].filter((one) => one !== '')
    lines.push(`  ${from} -> ${to}${attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`};`)
  }
  return `${lines.join('\n')}\n}\n`
}
