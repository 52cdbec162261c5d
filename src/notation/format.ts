// Model back to text. Without a style, the text itself with its normal spelling: byte for byte what was read where
// nothing needed one. With a style, each diagram of the other form is laid out anew; comments and attributes stay.

import { arrowText } from './lexer.ts'
import { blockText, type Diagram, type Flow, type Hop, type SystemModel } from './model.ts'
import { parse } from './parse.ts'
import { drawnTree, flatTree } from './print-tree.ts'
import { applyEdits } from './text.ts'

export type Style = 'flat' | 'drawn'

/** The text of a model in normal spelling; `style` converts its diagrams. A model without a text is printed. */
export function format(model: SystemModel, style?: Style): string {
  if (model.source === '') return print(model, style ?? 'drawn')
  const normal = model.spelling.length === 0 ? model.source : applyEdits(model.source, model.spelling)
  if (style === undefined) return normal
  const before = normal === model.source ? model : parse(normal).model
  const converted = convert(before, style)
  // Lines beside each other can be read together: what would then say something else stays as it is.
  return converted === normal || outline(parse(converted).model) === outline(before) ? converted : normal
}

/** One flow on one line, in normal spelling: `Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient`. */
export function formatFlow(flow: Flow): string {
  return pieces(flow)
    .map((piece) => piece.text)
    .join(' ')
}

type Piece = { text: string; network?: string; hop?: Hop }

function pieces(flow: Flow): Piece[] {
  const into = new Map(flow.hops.map((hop) => [hop.to ?? '', hop]))
  const out: Piece[] = []
  for (const block of flow.blocks) {
    const hop = into.get(block.id)
    if (hop !== undefined) out.push({ text: arrowText(hop), hop })
    out.push({ text: blockText(block), ...(block.network === undefined ? {} : { network: block.network }) })
  }
  const last = into.get('')
  if (last !== undefined) out.push({ text: arrowText(last), hop: last })
  return out
}

function print(model: SystemModel, style: Style): string {
  const diagrams = model.diagrams.map((diagram) => printDiagram(model, diagram, style))
  const attributes = model.attributes.map(
    ({ target, entries }) => `${target}: ${entries.map(({ key, value }) => `${key}=${quote(value)}`).join(', ')}`,
  )
  const title = model.title === undefined ? [] : [`# ${model.title}`]
  const parts = [...title, ...diagrams, ...(attributes.length > 0 ? [attributes.join('\n')] : [])]
  return parts.length === 0 ? '' : `${parts.join('\n\n')}\n`
}

function quote(value: string): string {
  return /^[^\s,;"]+$/.test(value) ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`
}

/** Replaces the diagrams that have not this form, where the new text says exactly the same. */
function convert(model: SystemModel, style: Style): string {
  const edits = model.diagrams.flatMap((diagram) => {
    if (diagram.form === style || (diagram.form === 'plain' && style === 'flat')) return []
    const lines = model.source.slice(diagram.span.start, diagram.span.end).split(/\r\n|\n|\r/)
    const comments = lines.filter((line) => line.trimStart().startsWith('#'))
    const next = model.diagrams[diagram.index + 1]
    const touches = next !== undefined && /^(?:\r\n|\n|\r)$/.test(model.source.slice(diagram.span.end, next.span.start))
    const text =
      [...comments, printDiagram(model, diagram, style)].join('\n') + (touches && style === 'drawn' ? '\n' : '')
    if (outline(parse(text).model) !== outline(model, diagram)) return []
    return [{ span: diagram.span, text: model.source.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text }]
  })
  return applyEdits(model.source, edits)
}

/** What a diagram says, as a text to compare. Networks count only where this diagram's brackets tell them. */
function outline(model: SystemModel, diagram?: Diagram): string {
  const names = new Map(model.networks.map((network) => [network.id, network.named ? network.name : '']))
  return (diagram === undefined ? model.flows : diagram.flows.map((index) => model.flows[index]!))
    .map((flow) => {
      const bracketed = model.diagrams[flow.diagram]!.brackets.length > 0
      return (
        formatFlow(flow) + flow.blocks.map((block) => `|${bracketed ? names.get(block.network ?? '') : ''}`).join('')
      )
    })
    .join('\n')
}

function printDiagram(model: SystemModel, diagram: Diagram, style: Style): string {
  const bracketed = diagram.brackets.length > 0
  const names = new Map(model.networks.map((network) => [network.id, network.named ? network.name : '']))
  return diagram.flows
    .filter((index) => model.flows[index]!.branchOf === undefined)
    .map((index) => {
      const flow = model.flows[index]!
      if (flow.tree !== undefined) return printTree(model, flow, style, bracketed ? names : undefined)
      return style === 'flat'
        ? printFlat(flow, bracketed ? names : undefined)
        : printDrawn(flow, bracketed ? names : undefined)
    })
    .join(style === 'flat' ? '\n' : '\n\n')
}

/** Blocks side by side in one network, as indexes of pieces. */
function runs(list: Piece[], names: Map<string, string>): { name: string; first: number; last: number }[] {
  const out: { name: string; first: number; last: number }[] = []
  let network: string | undefined
  list.forEach((piece, k) => {
    if (piece.hop?.border) network = undefined
    if (piece.hop !== undefined) return
    const name = names.get(piece.network ?? '') ?? ''
    if (network === piece.network && out.length > 0 && piece.network !== undefined) out.at(-1)!.last = k
    else if (name !== '') out.push({ name, first: k, last: k })
    network = piece.network
  })
  return out
}

function bracket(name: string, width = 0): string {
  const dashes = Math.max(6, width - name.length - 4)
  const left = Math.min(Math.floor(dashes / 2), dashes)
  return `|${'-'.repeat(left)} ${name} ${'-'.repeat(dashes - left)}|`
}

function printFlat(flow: Flow, names: Map<string, string> | undefined): string {
  const text = formatFlow(flow)
  if (names === undefined) return text
  const brackets = runs(pieces(flow), names).map(({ name }) => bracket(name))
  return [...brackets, flow.hops.some((hop) => hop.border) ? `/ ${text} / Border` : text].join(' ')
}

/** A flow that branches. Its brackets stand above the first way through it. */
function printTree(model: SystemModel, flow: Flow, style: Style, names: Map<string, string> | undefined): string {
  const networks = names === undefined ? [] : runs(pieces(flow), names)
  const lines = style === 'drawn' ? drawnTree(model, flow) : undefined
  if (lines === undefined) {
    const text = flatTree(model, flow)
    if (names === undefined) return text
    const isCrossed = flow.hops.some((hop) => hop.border)
    return [...networks.map(({ name }) => bracket(name)), isCrossed ? `/ ${text} / Border` : text].join(' ')
  }
  const main = lines.findIndex((line) => !line.endsWith('+'))
  const crossings = [...lines[main]!.matchAll(/(?<= )\/(?= )/g)].map(({ index }) => index)
  const list = pieces(flow)
  let above = ''
  let from = 0
  for (const run of networks) {
    from = lines[main]!.indexOf(list[run.first]!.text, from)
    above = above.padEnd(Math.max(from, above === '' ? 0 : above.length + 1)) + bracket(run.name)
  }
  return strokesAround(above === '' ? [] : [above], lines, crossings)
}

/** Brackets above their blocks, arrows stretched where a bracket needs room, the Border's stroke through its crossing. */
function printDrawn(flow: Flow, names: Map<string, string> | undefined): string {
  const list = pieces(flow)
  const networks = names === undefined ? [] : runs(list, names)
  const startsAt = new Map(networks.map((run) => [run.first, run]))
  const endsAt = new Map(networks.map((run) => [run.last, run]))
  let line = ''
  let above = ''
  let bracketEnd = 0
  let bracketStart = 0
  const crossings: number[] = []
  list.forEach((piece, k) => {
    if (k > 0) line += ' '
    const stretchTo = startsAt.has(k + 1) ? bracketEnd + 1 : 0
    if (startsAt.has(k)) bracketStart = line.length
    let text = piece.text
    if (piece.hop !== undefined) {
      const missing = Math.max(0, stretchTo - line.length - text.length - 1)
      text = text[0]!.repeat(missing) + text
      for (let at = text.indexOf('/'); at >= 0; at = text.indexOf('/', at + 1)) crossings.push(line.length + at)
    }
    line += text
    const run = endsAt.get(k)
    if (run === undefined) return
    const drawn = bracket(run.name, line.length - bracketStart)
    above = above.padEnd(bracketStart) + drawn
    bracketEnd = above.length
  })
  return strokesAround(above === '' ? [] : [above], [line], crossings)
}

/** The Border's stroke through each crossing, with its label below. */
function strokesAround(above: string[], lines: string[], crossings: number[]): string {
  if (crossings.length === 0) return [...above, ...lines].join('\n')
  const indent = ' '.repeat(Math.max(0, 3 - crossings[0]!))
  const strokes = (shift: number, text: string) =>
    crossings.reduce((row, at) => {
      // Two labels do not touch.
      const least = row === '' ? 0 : row.length + 1
      return row.padEnd(Math.max(least, at + indent.length + shift)) + text
    }, '')
  const indented = (row: string) => indent + row
  return [...above.map(indented), strokes(1, '/'), ...lines.map(indented), strokes(-1, '/'), strokes(-3, 'Border')]
    .map((row) => row.trimEnd())
    .join('\n')
}
