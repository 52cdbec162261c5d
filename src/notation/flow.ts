// Tokens of one flow to blocks and hops: which `/` joins roles and which is the Border (rules A1, A2, A3), what an
// arrow joins, and how to go on where something is missing. Always returns a flow.

import { finding } from './findings.ts'
import { isPiece, MAX_NAMED_RELAYS, type Token } from './lexer.ts'
import type { Arrow, Relay, Report, Span } from './model.ts'
import { nameRoles } from './name-roles.ts'
import { after, before, join } from './text.ts'
import { isUserRole, readRole } from './vocabulary.ts'
import { isForked, type Lines, mapSteps, readWays as readTree, type Step, spanOfLines, waysThrough } from './ways.ts'

export type RawBlock = {
  roles: string[]
  roleSpans: Span[]
  at?: string
  relays: number
  /** By the index of the role. */
  insides: { role: number; ways: Relay[][]; span: Span }[]
  unknown: boolean
  span: Span
  column: number
  columnEnd: number
  /** Its roles have got their names: it may stand in several ways of a flow. */
  isNamed?: boolean
}

/** `from` and `to` are indexes of blocks; missing is the open Internet. */
type RawHop = {
  from?: number
  to?: number
  arrow: Arrow
  condition?: string
  crossings: Span[]
  arrows: { arrow: Arrow; span: Span }[]
  span: Span
}

export type RawFlow = {
  blocks: RawBlock[]
  hops: RawHop[]
  span: Span
  /** Of the first way through a flow that branches: all of it. */
  tree?: Step<RawBlock>[]
  /** One more way through the flow before. */
  isBranch?: boolean
}

type Mark =
  | { kind: 'arrow'; arrow: Arrow; condition?: string | undefined; span: Span }
  | { kind: 'border'; span: Span; explained: boolean }

const MAX_LABELS = 8
const MAX_RELAYS = 1_000_000
const SENDING = new Set(['Author', 'MSA', 'Transmitter'])
const RECEIVING = new Set(['Receiver', 'MDA', 'Recipient', 'Forwarder'])

const isBorderWord = (token: Token | undefined) => token?.kind === 'word' && token.text.toLowerCase() === 'border'

/** A `/` with words on both sides joins or is doubtful (A1); any other is a crossing or a stroke. */
const isFree = (tokens: Token[], k: number) =>
  tokens[k]?.kind === 'slash' && !(isPiece(tokens[k - 1]) && isPiece(tokens[k + 1]))

const endsFlow = (token: Token | undefined) => isPiece(token) || token?.kind === 'close'

/**
 * Takes the strokes of a drawing that was flattened onto one line away from the flow (rules A2, A3).
 * `bracketed`: the line has a bracket; `labelFollows`: the next line is the label `Border`.
 */
export function stripStrokes(line: Token[], bracketed: boolean, labelFollows: boolean) {
  let tokens = line
  let strokes = false
  let labelled = labelFollows
  const crossingIn = (list: Token[]) => list.some((_, k) => isFree(list, k))
  for (let n = 0; n < MAX_LABELS && isBorderWord(tokens.at(-1)) && tokens.at(-2)?.kind === 'slash'; n++) {
    const rest = tokens.slice(0, -2)
    labelled = true
    // `--> / Border`: the crossing itself carries the label.
    const stroke = rest.at(-1)?.kind === 'slash' || (endsFlow(rest.at(-1)) && crossingIn(rest))
    strokes ||= stroke
    tokens = stroke ? rest : tokens.slice(0, -1)
    if (!stroke) break
  }
  if (labelFollows && tokens.at(-1)?.kind === 'slash' && endsFlow(tokens.at(-2)) && crossingIn(tokens.slice(0, -1))) {
    tokens = tokens.slice(0, -1)
    strokes = true
  }
  if (tokens[0]?.kind === 'slash' && (bracketed || labelled) && crossingIn(tokens.slice(1))) {
    tokens = tokens.slice(1)
    strokes = true
  }
  return { tokens, strokes, labelled }
}

type Item = { block: RawBlock } | { mark: Mark }

/**
 * Reads the tokens of a flow (no brackets, no strokes); there is at least one. A flow that branches becomes several, one for
 * each way through it, which share their blocks.
 */
export function readFlow(lines: Lines, report: Report): RawFlow[] {
  const span = spanOfLines(lines)
  if (!isForked(lines)) return [flowOf(readItems(lines.tokens, report), span, report)]
  const tree = mapSteps(readTree(lines, report), (tokens) => readItems(tokens, report))
  if (tree.every(({ kind }) => kind === 'run'))
    return [
      flowOf(
        tree.flatMap((step) => (step.kind === 'run' ? step.run : [])),
        span,
        report,
      ),
    ]
  const told = new Set<string>()
  const once: Report = (found) => {
    const key = `${found.code} ${found.span.start} ${found.span.end}`
    if (!told.has(key)) report(found)
    told.add(key)
  }
  const flows = waysThrough(tree).map((items) => flowOf(items, span, once))
  const blocks = mapSteps(tree, (items) => items.flatMap((item) => ('block' in item ? [item.block] : [])))
  return flows.map((flow, k) => (k === 0 ? { ...flow, tree: blocks } : { ...flow, isBranch: true }))
}

/** Blocks, and the marks between them. */
function flowOf(items: Item[], span: Span, report: Report): RawFlow {
  const flow: RawFlow = { blocks: [], hops: [], span }
  let marks: Mark[] = []
  for (const item of items) {
    if ('mark' in item) {
      marks.push(item.mark)
      continue
    }
    if (flow.blocks.length > 0 && marks.length === 0) marks.push(missingArrow(flow.blocks.at(-1)!, item.block, report))
    closeHop(flow, marks, item.block, report)
    marks = []
  }
  if (marks.length > 0) closeHop(flow, marks, undefined, report)
  nameRoles(flow, report)
  return flow
}

function readItems(tokens: Token[], report: Report): Item[] {
  const items: Item[] = []
  let k = 0
  while (k < tokens.length) {
    const token = tokens[k]!
    if (token.kind === 'arrow') {
      items.push({ mark: { kind: 'arrow', arrow: token.arrow!, condition: token.condition, span: token.span } })
      k++
    } else if (token.kind === 'slash') {
      items.push({ mark: { kind: 'border', span: token.span, explained: token.explained === true } })
      k++
    } else if (isBorderWord(token) && !isPiece(tokens[k + 1]) && !isPiece(tokens[k - 1])) {
      k++
      // `--> / Border -->` is the label written in the flow; `--> Border -->` says the Border in a word (A3).
      if (tokens[k - 2]?.kind === 'slash') continue
      items.push({ mark: { kind: 'border', span: token.span, explained: true } })
      report(
        finding('N01', 'hint', token.span, '"Border" in a flow is read as /', [
          { label: 'Write /', edits: [{ span: token.span, text: '/' }] },
        ]),
      )
    } else {
      const [block, next] = readBlock(tokens, k, report)
      items.push({ block })
      // Whatever stands here, the reading goes on.
      k = Math.max(next, k + 1)
    }
  }
  return items
}

function missingArrow(left: RawBlock, right: RawBlock, report: Report): Mark {
  const gap = { ...after(left.span), end: right.span.start }
  report(
    finding('N06', 'error', right.span, 'An arrow is missing before this actor', [
      { label: 'Mail flows here: write -->', edits: [{ span: gap, text: ' --> ' }] },
      { label: 'They have a direct relationship: write ==>', edits: [{ span: gap, text: ' ==> ' }] },
    ]),
  )
  return { kind: 'arrow', arrow: 'flow', span: gap }
}

/** Adds the hop (or hops) that the marks make, then the block they lead to. */
function closeHop(flow: RawFlow, marks: Mark[], to: RawBlock | undefined, report: Report) {
  let group: Mark[] = []
  for (const mark of marks) {
    const last = group.at(-1)
    if (mark.kind === 'arrow' && last?.kind === 'arrow') {
      report(
        finding('N06', 'error', join(last.span, mark.span), 'Two arrows with nobody between them', [
          { label: 'Remove one arrow', edits: [{ span: { ...mark.span, start: last.span.end }, text: '' }] },
          { label: 'Name the role that stands here (? if unknown)', edits: [{ span: after(last.span), text: ' ? ' }] },
        ]),
      )
      const here = before(mark.span)
      addHop(
        flow,
        group,
        { roles: [], roleSpans: [], relays: 1, insides: [], unknown: true, span: here, column: 0, columnEnd: 0 },
        report,
      )
      group = []
    }
    group.push(mark)
  }
  if (group.length > 0 || to !== undefined) addHop(flow, group, to, report)
}

function addHop(flow: RawFlow, marks: Mark[], to: RawBlock | undefined, report: Report) {
  const from = flow.blocks.length > 0 ? flow.blocks.length - 1 : undefined
  if (to !== undefined) flow.blocks.push(to)
  const first = marks[0]
  const last = marks.at(-1)
  if (first === undefined || last === undefined) return
  const arrows = marks.filter((mark) => mark.kind === 'arrow').map(({ arrow, span }) => ({ arrow, span }))
  const crossings = marks.filter((mark) => mark.kind === 'border').map((mark) => mark.span)
  reportHalfCrossing(marks, from !== undefined, to !== undefined, report)
  const condition = marks.find((mark) => mark.kind === 'arrow' && mark.condition !== undefined) as
    | { condition?: string }
    | undefined
  flow.hops.push({
    ...(condition?.condition === undefined ? {} : { condition: condition.condition }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to: flow.blocks.length - 1 }),
    arrow: (['direct', 'indirect'] as const).find((kind) => arrows.some(({ arrow }) => arrow === kind)) ?? 'flow',
    crossings,
    arrows,
    span: join(first.span, last.span),
  })
}

function reportHalfCrossing(marks: Mark[], hasFrom: boolean, hasTo: boolean, report: Report) {
  const first = marks[0]!
  const last = marks.at(-1)!
  const edits = []
  if (hasFrom && first.kind === 'border' && !first.explained) edits.push({ span: before(first.span), text: '--> ' })
  if (hasTo && last.kind === 'border' && !last.explained) edits.push({ span: after(last.span), text: ' -->' })
  if (edits.length === 0) return
  const side = edits.length === 2 ? 'both sides' : 'one side'
  report(
    finding('N05', 'warning', join(first.span, last.span), `The Border lacks an arrow on ${side}`, [
      { label: 'Write --> / -->', edits },
    ]),
  )
}

/** One actor's block: roles joined by tight slashes, `@id`, `*relays`. Returns it and the index behind it. */
function readBlock(tokens: Token[], start: number, report: Report): [RawBlock, number] {
  const firstToken = tokens[start]!
  const block: RawBlock = {
    roles: [],
    roleSpans: [],
    relays: 1,
    insides: [],
    unknown: false,
    span: firstToken.span,
    column: firstToken.column,
    columnEnd: firstToken.columnEnd,
  }
  let words: Token[] = []
  const closeRole = () => {
    if (words.length === 0) return
    if (block.at === undefined && block.roles.length === 0 && isNamedPerson(words)) readName(block, words, report)
    block.roles.push(words.map((word) => word.text).join(' '))
    block.roleSpans.push(join(words[0]!.span, words.at(-1)!.span))
    words = []
  }
  let k = start
  for (; k < tokens.length; k++) {
    const token = tokens[k]!
    const fresh = tokens[k - 1]?.kind === 'slash' || k === start
    if (token.kind === 'word') {
      if (words.length === 0 && !fresh) break
      words.push(token)
    } else if (token.kind === 'at') {
      closeRole()
      readId(block, token, report)
    } else if (token.kind === 'star') {
      closeRole()
      readRelays(block, token, report)
    } else if (token.kind === 'inside') {
      closeRole()
      readInside(block, token, report)
    } else if (token.kind === 'slash' && isPiece(tokens[k + 1]) && k > start) {
      if (!joins(tokens, k, words, report)) break
      closeRole()
    } else {
      break
    }
    block.span = join(block.span, token.span)
    block.columnEnd = Math.max(block.columnEnd, token.columnEnd)
  }
  closeRole()
  if (block.roles.length === 0) block.unknown = true
  return [block, k]
}

/** `Author a`: a person, and a name that is no word of the notation. */
function isNamedPerson(words: Token[]): boolean {
  const [role, name] = words
  if (words.length !== 2 || !/^[\p{Ll}\p{N}]/u.test(name!.text) || !isUserRole(role!.text)) return false
  return readRole(name!.text, true).kind === 'custom'
}

function readName(block: RawBlock, words: Token[], report: Report) {
  const [role, name] = words as [Token, Token]
  words.pop()
  block.at = name.text
  const gap = { ...after(role.span), end: name.span.start }
  report(
    finding('N01', 'hint', name.span, `"${role.text} ${name.text}" is read as ${role.text}@${name.text}`, [
      { label: `Write ${role.text}@${name.text}`, edits: [{ span: gap, text: '@' }] },
    ]),
  )
}

/** Rule A1 for a `/` between two words. */
function joins(tokens: Token[], k: number, words: Token[], report: Report): boolean {
  const slash = tokens[k]!
  const left = words.length > 0 ? words.map((word) => word.text).join(' ') : tokens[k - 1]!.text
  const right = tokens[k + 1]!.text
  const gap = { ...after(tokens[k - 1]!.span), end: tokens[k + 1]!.span.start }
  if (!slash.spaceBefore && !slash.spaceAfter) return true
  const join = { label: `One actor plays both roles: ${left}/${right}`, edits: [{ span: gap, text: '/' }] }
  if (slash.spaceBefore !== slash.spaceAfter) {
    report(finding('N03', 'warning', slash.span, `"${left}" and "${right}" are read as roles of one actor`, [join]))
    return true
  }
  const crossing = SENDING.has(left) && RECEIVING.has(right)
  const border = {
    label: `Mail crosses the Border: ${left} --> / --> ${right}`,
    edits: [{ span: gap, text: ' --> / --> ' }],
  }
  report(
    finding(
      'N04',
      'error',
      slash.span,
      `"${left} / ${right}" could mean two things`,
      crossing ? [border, join] : [join, border],
      'A tight "/" joins the roles of one actor; a "/" that touches an arrow is the Border.',
    ),
  )
  slash.explained = true
  return !crossing
}

function readId(block: RawBlock, token: Token, report: Report) {
  if (token.text === '')
    report(
      finding('N15', 'error', token.span, 'A name is missing after @', [
        { label: 'Write it tight: @sender', edits: [] },
      ]),
    )
  else if (block.at !== undefined)
    report(
      finding('N15', 'error', token.span, `This actor is already @${block.at}`, [
        { label: `Remove @${token.text}`, edits: [{ span: token.span, text: '' }] },
      ]),
    )
  else block.at = token.text
}

function readInside(block: RawBlock, token: Token, report: Report) {
  const role = block.roles.length - 1
  if (role < 0 || block.insides.some((one) => one.role === role))
    report(
      finding('N15', 'error', token.span, 'Relays stand behind the role that they work for, once', [
        { label: 'Write Transmitter(in > out)', edits: [] },
      ]),
    )
  else if (token.ways!.length > 0 && token.ways!.flat().length <= MAX_NAMED_RELAYS)
    block.insides.push({ role, ways: token.ways!, span: token.span })
}

function readRelays(block: RawBlock, token: Token, report: Report) {
  const relays = /^\d{1,7}$/.test(token.text) ? Number(token.text) : 0
  if (relays >= 1 && relays <= MAX_RELAYS) block.relays = relays
  else
    report(
      finding('N15', 'error', token.span, `"*${token.text}" is no count of relays`, [
        { label: 'Write a number of 1 or more, e.g. Transmitter*12', edits: [] },
      ]),
    )
}
