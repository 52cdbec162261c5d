// The one model that the shorthand becomes, and that everything else reads: check, draw, simulate, run, trace.
// Words are the article's: a network owns blocks, a block is one place in a flow where an actor plays roles,
// an actor is the union of all blocks with the same `@id`, a hop is the arrow between two blocks.
// Plain data only (JSON-safe); every part knows its place in the text.

/** A piece of the source: offsets in UTF-16 units, `line` and `column` counted from 1. */
export type Span = { start: number; end: number; line: number; column: number }

export type Edit = { span: Span; text: string }

/**
 * A remedy. `edits` may be empty where only a person can know what to write; `isDecision`: what it writes is somebody's to
 * decide, and nothing that a spelling needs.
 */
export type Fix = { label: string; edits: Edit[]; isDecision?: true }

export type Severity = 'error' | 'warning' | 'hint'

export type Finding = {
  code: string
  severity: Severity
  message: string
  reason?: string
  span: Span
  fixes: Fix[]
}

export type Report = (finding: Finding) => void

/** `==>` direct relationship, `~~>` indirect relationship, `-->` only the direction of mail flow. */
export type Arrow = 'direct' | 'indirect' | 'flow'

/** A relay or process in a block: `Transmitter(in > scan, out)` has two ways through it, one of two relays in a row. */
export type Relay = { name: string; span: Span }

/** What works inside a block, for one of its roles: ways side by side, each of relays one after another. */
export type Inside = { role: string; ways: Relay[][]; span: Span }

export type Block = {
  /** Stable from roles and `@id`, unique in the model, safe in HTML: `msa-transmitter-sender`. */
  id: string
  flow: number
  roles: string[]
  roleSpans: Span[]
  /** The `@id` as written, if any. */
  at?: string
  /** `Transmitter*12`: how many relays work in this block. */
  relays: number
  /** The relays and processes that have names. */
  insides?: Inside[]
  actor: string
  network?: string
  /** Nobody is written here: the parser recovered, or the author wrote `?`. */
  unknown: boolean
  span: Span
}

export type Hop = {
  /** `from->to` in block ids, with `internet` for a missing end. */
  id: string
  flow: number
  /** Block ids; a missing end is the open Internet. */
  from?: string
  to?: string
  arrow: Arrow
  /** When mail goes this way: `-->[if spam]`. */
  condition?: string
  /** True if the hop crosses the Border at least once. */
  border: boolean
  crossings: Span[]
  /** The arrows as written, in order: `--> / -->` has two. */
  arrows: { arrow: Arrow; span: Span }[]
  span: Span
}

/** One line of mail flow. `blocks` and `hops` are the same objects as in the model's lists. */
export type Flow = {
  index: number
  diagram: number
  blocks: Block[]
  hops: Hop[]
  span: Span
  /** The whole of a flow that branches, on the first way through it; the other ways are the flows behind it. */
  tree?: Tree
  /** The flow whose other ways this is one of; blocks and hops that they share are the same objects. */
  branchOf?: number
}

/** Block ids one after another, with alternatives where the flow branches or joins. */
export type Tree = (string | Tree[])[]

type Bracket = { network: string; name: string; span: Span; column: number; columnEnd: number }

/** One drawing: brackets, strokes and the flows under them. */
export type Diagram = {
  index: number
  /** flat: all on one line; drawn: brackets or strokes on lines of their own; plain: a bare flow. */
  form: 'flat' | 'drawn' | 'plain'
  /** The Border is drawn through it, from top to bottom. */
  strokes: boolean
  brackets: Bracket[]
  flows: number[]
  /** The comment directly above. */
  caption?: string
  span: Span
}

export type Network = { id: string; name: string; named: boolean; actors: string[]; spans: Span[] }

export type Actor = {
  /** The `@id`, or the id of its only block. */
  id: string
  at?: string
  kind: 'user' | 'agent'
  roles: string[]
  blocks: string[]
  network?: string
}

/** One crossing from network to network, between `left` and `right` (block ids; missing is the open Internet). */
type Border = { id: string; flow: number; hop: string; left?: string; right?: string; span: Span }

export type Relationship = {
  /** Actor ids. The relation is symmetric. */
  a: string
  b: string
  kind: 'direct' | 'indirect'
  /** Indirect: the actor with a direct relationship to both. */
  via?: string
  /** Not written, concluded from an indirect relationship. */
  inferred: boolean
  hop?: string
  span: Span
}

export type AttributeEntry = { key: string; value: string; keySpan: Span; valueSpan: Span }

/** Who or what belongs to a machine, an organisation, a contract. */
export type Member = {
  text: string
  span: Span
  /** The places that are meant. */
  blocks: string[]
  /** `Transmitter.out1`: one relay of a block. */
  relay?: string
}

export type AttributeKind = 'actor' | 'role' | 'block' | 'network' | 'hop' | 'machine' | 'org' | 'contract' | 'unknown'

export type Attribute = {
  kind: AttributeKind
  target: string
  targetSpan: Span
  entries: AttributeEntry[]
  /** What the target means: actor, block, network or hop ids according to `kind` (actors for `role`). */
  refs: string[]
  /** Of a `machine`, `org` or `contract` line. */
  members?: Member[]
  span: Span
}

export type SystemModel = {
  source: string
  /** The first comment of the text. */
  title?: string
  diagrams: Diagram[]
  flows: Flow[]
  blocks: Block[]
  hops: Hop[]
  borders: Border[]
  networks: Network[]
  actors: Actor[]
  relationships: Relationship[]
  attributes: Attribute[]
  /** What the parser found (N codes); check() adds the rest. */
  findings: Finding[]
  /** Edits that give the text its normal spelling (arrows, role names, entities). */
  spelling: Edit[]
}

/** A block in full: `MSA/Transmitter(in > out)@sender*2`. */
export function blockText(block: { roles: string[]; at?: string; relays: number; insides?: Inside[] }): string {
  const roles = block.roles.length > 0 ? block.roles : ['?']
  const inside = (role: string) =>
    (block.insides ?? [])
      .filter((one) => one.role === role)
      .map(({ ways }) => `(${ways.map((way) => way.map(({ name }) => name).join(' > ')).join(', ')})`)
      .join('')
  return blockLabel({ ...block, roles: roles.map((role) => role + inside(role)) })
}

/** How a block is called: `MSA/Transmitter@sender*2`. */
export function blockLabel(block: { roles: string[]; at?: string; relays: number }): string {
  const roles = block.roles.length > 0 ? block.roles.join('/') : '?'
  return roles + (block.at === undefined ? '' : `@${block.at}`) + (block.relays > 1 ? `*${block.relays}` : '')
}
