// Model back to text. Without a style, the text itself with its normal spelling: byte for byte what was read where
// nothing needed one. With a style, each diagram of the other form is laid out anew; comments and attributes stay.

import { arrowText, commentStart } from './lexer.ts'
import { blockText, type Diagram, type Flow, type Hop, type SystemModel } from './model.ts'
import { parse } from './parse.ts'
import { drawnTree, flatTree } from './print-tree.ts'
import { applyEdits } from './text.ts'

export type Style = 'flat' | 'drawn'

/** One normal spelling can bring another to light; a text that does not settle stays as it is. */
const MAX_SPELLINGS = 12

/** The text of a model in normal spelling; `style` converts its diagrams. A model without a text is printed. */
export function format(model: SystemModel, style?: Style): string {
  if (model.source === '') return print(model, style ?? 'drawn')
  const before = spelled(model)
  const normal = before.source
  if (style === undefined) return normal
  // Lines beside each other can be read together: what would then say something else gets room, or stays as it is.
  for (const isDense of [true, false]) {
    const converted = convert(before, style, isDense)
    if (converted === normal) return normal
    const after = parse(converted).model
    if (after.spelling.length === 0 && outline(after) === outline(before)) return converted
  }
  return normal
}

function spelled(model: SystemModel): SystemModel {
  let settled = model
  for (let k = 0; k < MAX_SPELLINGS && settled.spelling.length > 0; k++)
    settled = parse(applyEdits(settled.source, settled.spelling)).model
  return settled.spelling.length === 0 ? settled : model
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
  const diagrams = model.diagrams.map((diagram) => printDiagram(model, diagram, style, { isDense: false }))
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
function convert(model: SystemModel, style: Style, isDense: boolean): string {
  const edits = model.diagrams.flatMap((diagram) => {
    const isOnOneLine = diagram.flows.every((index) => !/[\r\n]/.test(textOf(model.source, model.flows[index]!)))
    if (diagram.form === style || (diagram.form === 'plain' && style === 'flat' && isOnOneLine)) return []
    const { above, behind } = remarksOf(model, diagram)
    const next = model.diagrams[diagram.index + 1]
    const touches = next !== undefined && /^(?:\r\n|\n|\r)$/.test(model.source.slice(diagram.span.end, next.span.start))
    const same = outline(model, diagram)
    for (const layout of isDense
      ? [
          { isDense, behind },
          { isDense: false, behind },
        ]
      : [{ isDense, behind }]) {
      const room = touches && style === 'drawn' && !layout.isDense ? '\n' : ''
      const text = [...above, printDiagram(model, diagram, style, layout)].join('\n') + room
      if (outline(parse(text).model) === same)
        return [{ span: diagram.span, text: model.source.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text }]
    }
    return []
  })
  return applyEdits(model.source, edits)
}

const textOf = (source: string, { span }: Flow) => source.slice(span.start, span.end)

/** The remarks in a diagram's lines: those that stay behind their flow, by its line, and all others. */
function remarksOf(model: SystemModel, diagram: Diagram): { above: string[]; behind: Map<number, string> } {
  const above: string[] = []
  const behind = new Map<number, string>()
  const flows = new Set(diagram.flows.map((index) => model.flows[index]!.span.line))
  const lines = model.source.slice(diagram.span.start, diagram.span.end).split(/\r\n|\n|\r/)
  lines.forEach((line, k) => {
    const start = commentStart(line)
    if (start === line.length) return
    const said = line.slice(0, start).trimEnd()
    if (said !== '' && flows.has(diagram.span.line + k))
      behind.set(diagram.span.line + k, line.slice(said.length).replace(/^#/, ' #'))
    else above.push(line.slice(said === '' ? 0 : start))
  })
  return { above, behind }
}

/** What a diagram says, as a text to compare. Networks count only where this diagram's brackets tell them. */
function outline(model: SystemModel, diagram?: Diagram): string {
  const names = new Map(model.networks.map((network) => [network.id, network.named ? network.name : '']))
  const diagrams = diagram === undefined ? model.diagrams : [diagram]
  const brackets = new Set(diagrams.flatMap((one) => one.brackets.map(({ name }) => name)))
  const flows = (diagram === undefined ? model.flows : diagram.flows.map((index) => model.flows[index]!)).map(
    (flow) => {
      const bracketed = model.diagrams[flow.diagram]!.brackets.length > 0
      return (
        formatFlow(flow) + flow.blocks.map((block) => `|${bracketed ? names.get(block.network ?? '') : ''}`).join('')
      )
    },
  )
  return [JSON.stringify([...brackets].sort()), ...flows].join('\n')
}

/** `behind`: the remark that stands behind a flow, by its line. */
type Layout = { isDense: boolean; behind?: ReadonlyMap<number, string> }

function printDiagram(model: SystemModel, diagram: Diagram, style: Style, { isDense, behind }: Layout): string {
  const bracketed = diagram.brackets.length > 0
  const names = new Map(model.networks.map((network) => [network.id, network.named ? network.name : '']))
  const brackets = bracketed ? { names, written: writtenBrackets(model, diagram) } : undefined
  return diagram.flows
    .filter((index) => model.flows[index]!.branchOf === undefined)
    .map((index) => {
      const flow = model.flows[index]!
      const how = { brackets, strokes: diagram.strokes || !bracketed, remark: behind?.get(flow.span.line) ?? '' }
      if (flow.tree !== undefined) return printTree(model, flow, style, how)
      return style === 'flat' ? printFlat(flow, how) : printDrawn(flow, how)
    })
    .join(style === 'flat' || isDense ? '\n' : '\n\n')
}

/** `strokes`: the Border is drawn through the flow. */
type How = { brackets: Brackets | undefined; strokes: boolean; remark: string }
type Brackets = { names: Map<string, string>; written: Written[] }
/** A bracket in three parts, so that it can be made as wide as what it stands over. */
type Written = { name: string; left: string; right: string }

function writtenBrackets({ source }: SystemModel, { brackets }: Diagram): Written[] {
  return brackets.map(({ name, span }) => {
    const text = source.slice(span.start, span.end)
    const at = text.indexOf(name)
    const isWhole = name !== '' && at > 1 && text.length > at + name.length + 1 && text.endsWith('|')
    if (!isWhole) return { name, left: '|--- ', right: ' ---|' }
    const side = (part: string) => part.replace(/\s+/, ' ')
    return { name, left: side(text.slice(0, at)), right: side(text.slice(at + name.length)) }
  })
}

type Run = { bracket: Written; first: number; last: number }

/** Blocks side by side in one network, as indexes of pieces. */
function runs(list: Piece[], brackets: Brackets | undefined): Run[] {
  if (brackets === undefined) return []
  const { names, written } = brackets
  const out: Run[] = []
  let network: string | undefined
  let run: Run | undefined
  let next = 0
  list.forEach((piece, k) => {
    if (piece.hop?.border) network = undefined
    if (piece.hop !== undefined) return
    if (network === undefined || network !== piece.network) {
      // Who stands under no bracket here has his network from another place.
      const name = names.get(piece.network ?? '') ?? ''
      const found = name === '' ? -1 : written.findIndex((one, at) => at >= next && one.name === name)
      run = found < 0 ? undefined : { bracket: written[found]!, first: k, last: k }
      if (run !== undefined) out.push(run)
      if (found >= 0) next = found + 1
    }
    if (run !== undefined) run.last = k
    network = piece.network
  })
  return out
}

/** Wider by blanks, so that its dashes stay what they are. */
function bracketText({ name, left, right }: Written, width = 0): string {
  const missing = Math.max(0, width - left.length - name.length - right.length)
  if (missing === 0 || !left.endsWith(' ') || !right.startsWith(' ')) return left + name + right
  const before = Math.floor(missing / 2)
  return left + ' '.repeat(before) + name + ' '.repeat(missing - before) + right
}

function printFlat(flow: Flow, how: How): string {
  return flatLine(formatFlow(flow), runs(pieces(flow), how.brackets), flow, how)
}

function flatLine(text: string, networks: Run[], flow: Flow, { brackets, strokes, remark }: How): string {
  const isStroked = brackets !== undefined && strokes && flow.hops.some((hop) => hop.border)
  // A crossing at the end of the flow is its stroke, too.
  const line = isStroked ? `${text.startsWith('/') ? '' : '/ '}${text}${text.endsWith('/') ? '' : ' /'} Border` : text
  return [...networks.map(({ bracket }) => bracketText(bracket)), line].join(' ') + remark
}

/** A flow that branches. Its brackets stand above the first way through it. */
function printTree(model: SystemModel, flow: Flow, style: Style, how: How): string {
  const list = pieces(flow)
  const networks = runs(list, how.brackets)
  const lines = style === 'drawn' ? drawnTree(model, flow) : undefined
  if (lines === undefined) return flatLine(flatTree(model, flow), networks, flow, how)
  const main = lines.findIndex((line) => !line.endsWith('+'))
  const crossings = how.strokes ? [...lines[main]!.matchAll(/(?<= )\/(?= )/g)].map(({ index }) => index) : []
  let above = ''
  let from = 0
  for (const run of networks) {
    from = lines[main]!.indexOf(list[run.first]!.text, from)
    above = above.padEnd(Math.max(from, above === '' ? 0 : above.length + 1)) + bracketText(run.bracket)
  }
  lines[0] += how.remark
  return strokesAround(above === '' ? [] : [above], lines, crossings)
}

/** Brackets above their blocks, arrows stretched where a bracket needs room, the Border's stroke through its crossing. */
function printDrawn(flow: Flow, how: How): string {
  const list = pieces(flow)
  const networks = runs(list, how.brackets)
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
      const missing = text.startsWith('/') ? 0 : Math.max(0, stretchTo - line.length - text.length - 1)
      text = text[0]!.repeat(missing) + text
      for (let at = text.indexOf('/'); at >= 0; at = text.indexOf('/', at + 1)) crossings.push(line.length + at)
    }
    line += text
    const run = endsAt.get(k)
    if (run === undefined) return
    const drawn = bracketText(run.bracket, line.length - bracketStart)
    above = above.padEnd(bracketStart) + drawn
    bracketEnd = above.length
  })
  return strokesAround(above === '' ? [] : [above], [line + how.remark], how.strokes ? crossings : [])
}

/** The Border's stroke through each crossing, with its label below. */
function strokesAround(above: string[], lines: string[], crossings: number[]): string {
  if (crossings.length === 0) return [...above, ...lines].join('\n')
  const indent = ' '.repeat(Math.max(0, 4 - crossings[0]!))
  const strokes = (shift: number, text: string) =>
    crossings.reduce((row, at) => {
      // Two labels do not touch.
      const least = row === '' ? 0 : row.length + 1
      return row.padEnd(Math.max(least, at + indent.length + shift)) + text
    }, '')
  const indented = (row: string) => indent + row
  return [...above.map(indented), strokes(1, '/'), ...lines.map(indented), strokes(-1, '/'), strokes(-4, 'Border')]
    .map((row) => row.trimEnd())
    .join('\n')
}
