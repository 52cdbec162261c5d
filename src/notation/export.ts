// The same system in the languages that other tools draw: Mermaid, D2, DOT (Graphviz). Networks are groups, actors boxes with
// their roles, the Border a dashed line that is crossed; names of strangers are quoted as each language wants it.

import { type DrawOptions, draw } from './draw.ts'
import { format as formatted } from './format.ts'
import { ALL_LAYERS, type Layer, layerLabel, layerOf, sidesOf } from './layers.ts'
import { blockLabel, blockText, type Hop, type SystemModel } from './model.ts'
import { parse } from './parse.ts'
import { applyEdits } from './text.ts'

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
    readonly condition: string | undefined
  }[]
  /** Machines and organisations, and to whom they belong. */
  readonly owners: readonly { readonly id: string; readonly label: string; readonly parts: readonly string[] }[]
  readonly contracts: readonly { readonly a: string; readonly b: string; readonly label: string }[]
}

const INTERNET: Part = { id: 'internet', label: 'the open Internet' }

/** One place is drawn once for each actor and set of roles, however many flows pass it. */
function drawingOf(model: SystemModel, shown: ReadonlySet<Layer>): Drawing {
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
    // Drawn again without its relays it is the same place.
    if (!group.parts.has(id) || block.insides !== undefined) group.parts.set(id, { id, label: blockText(block) })
    partOf.set(block.id, id)
  }
  const arrows = new Map<string, Drawing['arrows'][number]>()
  for (const { from, to, arrow, crossings, condition } of model.hops) {
    const one = {
      from: partOf.get(from ?? '') ?? INTERNET.id,
      to: partOf.get(to ?? '') ?? INTERNET.id,
      arrow,
      crossings: crossings.length,
      condition,
    }
    arrows.set(JSON.stringify(one), one)
  }
  const list = [...groups.values()].map((group) => ({ ...group, parts: [...group.parts.values()] }))
  if ([...arrows.values()].some(({ from, to }) => from === INTERNET.id || to === INTERNET.id))
    list.push({ id: '', name: '', parts: [INTERNET] })
  return { groups: list, arrows: [...arrows.values()], ...layersOf(model, shown, partOf) }
}

function layersOf(
  model: SystemModel,
  shown: ReadonlySet<Layer>,
  partOf: ReadonlyMap<string, string>,
): Pick<Drawing, 'owners' | 'contracts'> {
  const parts = (blocks: readonly string[]) => [...new Set(blocks.map((id) => partOf.get(id)!))]
  const actors = new Map(model.actors.map((actor) => [actor.id, actor]))
  const lines = model.attributes.filter((line) => shown.has(layerOf(line)!))
  const isContract = (line: (typeof lines)[number]) => layerOf(line) === 'contracts'
  return {
    owners: lines
      .filter((line) => !isContract(line) && line.refs.length > 0)
      .map((line, k) => ({ id: `o${k}`, label: layerLabel(line), parts: parts(line.refs) })),
    contracts: lines.filter(isContract).flatMap((line) => {
      const [left, right] = sidesOf(line, actors) ?? [[], []]
      const [a, b] = [parts(left)[0], parts(right)[0]]
      return a === undefined || b === undefined ? [] : [{ a, b, label: layerLabel(line) }]
    }),
  }
}

/** The drawing in any format that `borderpost draw` knows; undefined: there is none of this name. */
export function drawnAs(model: SystemModel, format: string, options: DrawOptions = {}): string | undefined {
  if (format === 'svg') return draw(model, options)
  if (format === 'text') return textWith(model, options.layers ?? ALL_LAYERS)
  if (format === 'json') return `${JSON.stringify(model, null, 2)}\n`
  const known = EXPORTS.find((one) => one === format)
  return known && exportTo(model, known, options.layers ?? ALL_LAYERS)
}

/** The drawn form, without the lines of layers that are not shown. */
function textWith(model: SystemModel, shown: ReadonlySet<Layer>): string {
  const hidden = model.attributes.filter((line) => layerOf(line) !== undefined && !shown.has(layerOf(line)!))
  if (hidden.length === 0) return formatted(model, 'drawn')
  const edits = hidden.map(({ span }) => {
    const rest = /\r\n|\n|\r/g
    rest.lastIndex = span.end
    return {
      span: {
        ...span,
        start: span.start - span.column + 1,
        end: rest.exec(model.source) ? rest.lastIndex : model.source.length,
      },
      text: '',
    }
  })
  return formatted(parse(applyEdits(model.source, edits)).model, 'drawn')
}

/** The system as source text of another drawing language. */
function exportTo(model: SystemModel, format: ExportFormat, shown: ReadonlySet<Layer>): string {
  return WRITERS[format](drawingOf(model, shown))
}

const WRITERS: Record<ExportFormat, (drawing: Drawing) => string> = { mermaid, d2, dot }

const labelOf = ({ crossings, condition = '' }: Drawing['arrows'][number]) => {
  const border = crossings === 0 ? '' : crossings === 1 ? 'Border' : `${crossings} Borders`
  return border === '' || condition === '' ? border + condition : `${border}: ${condition}`
}

/** Mermaid reads entities in a quoted label, and nothing else must end it. */
const forMermaid = (text: string) => `"${text.replace(/[#"&<>\\`]/g, (char) => `#${char.codePointAt(0)};`)}"`

function mermaid({ groups, arrows, owners, contracts }: Drawing): string {
  const line = { direct: '==>', indirect: '-.->', flow: '-->' } as const
  const lines = ['flowchart LR']
  for (const { id, name, parts } of groups) {
    const boxes = parts.map((part) => `${part.id}[${forMermaid(part.label)}]`)
    if (name === '') lines.push(...boxes.map((box) => `  ${box}`))
    else lines.push(`  subgraph ${id}[${forMermaid(name)}]`, ...boxes.map((box) => `    ${box}`), '  end')
  }
  for (const one of arrows) {
    const { from, to, arrow } = one
    const label = labelOf(one)
    lines.push(`  ${from} ${line[arrow]}${label === '' ? '' : `|${forMermaid(label)}|`} ${to}`)
  }
  for (const { id, label, parts } of owners)
    lines.push(`  ${id}{{${forMermaid(label)}}}`, ...parts.map((part) => `  ${id} -.- ${part}`))
  for (const { a, b, label } of contracts) lines.push(`  ${a} ---|${forMermaid(label)}| ${b}`)
  return `${lines.join('\n')}\n`
}

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&').replace(/[\r\n]+/g, ' ')}"`

/** In quotes D2 still fills in `${name}`. */
const forD2 = (text: string) => quoted(text.replace(/\$\{/g, '$ {'))

function d2({ groups, arrows, owners, contracts }: Drawing): string {
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
  for (const one of arrows) {
    const { from, to, arrow } = one
    const label = labelOf(one)
    const styled = style[arrow] === '' ? '' : ` {style.${style[arrow]}}`
    lines.push(
      `${path.get(from)} -> ${path.get(to)}${label === '' ? (styled === '' ? '' : ':') : `: ${one.condition === undefined ? label : forD2(label)}`}${styled}`,
    )
  }
  for (const { id, label, parts } of owners)
    lines.push(
      `${id}: ${forD2(label)} {shape: hexagon}`,
      ...parts.map((part) => `${id} -- ${path.get(part)}: {style.stroke-dash: 2}`),
    )
  for (const { a, b, label } of contracts) lines.push(`${path.get(a)} -- ${path.get(b)}: ${forD2(label)}`)
  return `${lines.join('\n')}\n`
}

function dot({ groups, arrows, owners, contracts }: Drawing): string {
  const style = { direct: 'penwidth=2.5', indirect: 'style=dashed', flow: '' } as const
  const lines = ['digraph mail {', '  rankdir=LR;', '  node [shape=box, style=rounded, fontname="sans-serif"];']
  for (const { id, name, parts } of groups) {
    const boxes = parts.map((part) => `${part.id} [label=${quoted(part.label)}];`)
    if (name === '') lines.push(...boxes.map((box) => `  ${box}`))
    else
      lines.push(`  subgraph cluster_${id} {`, `    label=${quoted(name)};`, ...boxes.map((box) => `    ${box}`), '  }')
  }
  for (const one of arrows) {
    const { from, to, arrow } = one
    const label = labelOf(one)
    const attributes = [style[arrow], ...(label === '' ? [] : [`label=${quoted(label)}`])].filter((one) => one !== '')
    lines.push(`  ${from} -> ${to}${attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`};`)
  }
  for (const { id, label, parts } of owners)
    lines.push(
      `  ${id} [label=${quoted(label)}, shape=hexagon];`,
      ...parts.map((part) => `  ${id} -> ${part} [dir=none, style=dotted];`),
    )
  for (const { a, b, label } of contracts)
    lines.push(`  ${a} -> ${b} [dir=none, constraint=false, label=${quoted(label)}];`)
  return `${lines.join('\n')}\n}\n`
}
