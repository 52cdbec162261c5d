// Who belongs to a machine, an organisation or a contract: `machine m1: Transmitter.out1, MDA@home.imap`,
// `org Acme: sender, Home Network`, `contract "ISP terms": Author -- MSA/Transmitter`.

import { finding } from './findings.ts'
import type { Attribute, Block, Member, Report, Span, SystemModel } from './model.ts'
import { suggest } from './suggest.ts'

/** What a name means: of which sort, and the ids. */
export type Meaning = { kind: Attribute['kind']; refs: string[] }
export type FindMeaning = (name: string) => Meaning | undefined

/** Of all lines together, and places that they mean: lines about everybody could name more than there is memory for. */
const MAX_MEMBERS = 10_000
const MAX_PLACES = 200_000

/** Reads the members of such lines; `suggestions` are names that could be meant. */
export class MemberReader {
  readonly #ofNetwork = new Map<string, Block[]>()
  readonly #meaningOf: FindMeaning
  readonly #suggestions: readonly string[]
  readonly #report: Report
  readonly #blocks: Map<string, Block>
  readonly #ofActor = new Map<string, Block[]>()
  #read = 0
  #places = 0

  constructor(model: SystemModel, meaningOf: FindMeaning, suggestions: readonly string[], report: Report) {
    this.#meaningOf = meaningOf
    this.#suggestions = suggestions
    this.#report = report
    this.#blocks = new Map(model.blocks.map((block) => [block.id, block]))
    for (const block of model.blocks) {
      if (!this.#ofActor.has(block.actor)) this.#ofActor.set(block.actor, [])
      this.#ofActor.get(block.actor)!.push(block)
      const network = block.network ?? ''
      if (!this.#ofNetwork.has(network)) this.#ofNetwork.set(network, [])
      this.#ofNetwork.get(network)!.push(block)
    }
  }

  membersOf({ kind, entries }: Pick<Attribute, 'kind' | 'entries'>): Member[] {
    return entries
      .filter(({ key }) => key === 'member')
      .flatMap(({ value, valueSpan }) =>
        kind === 'contract' ? sides(value, valueSpan) : [{ text: value, span: valueSpan }],
      )
      .map(({ text, span }) => this.#member(text, span))
  }

  #member(text: string, span: Span): Member {
    const none: Member = { text, span, blocks: [] }
    if (this.#read++ > MAX_MEMBERS || this.#places > MAX_PLACES) return none
    const whole = this.#blocksOf(text)
    this.#places += whole?.length ?? 1
    if (whole !== undefined) return { text, span, blocks: whole.map(({ id }) => id) }
    const dot = text.lastIndexOf('.')
    const host = dot > 0 ? this.#blocksOf(text.slice(0, dot)) : undefined
    const relay = text.slice(dot + 1)
    if (host === undefined) {
      const meant = this.#read < 50 ? suggest(text.replace(/^@/, ''), this.#suggestions) : undefined
      this.#warn(span, `Nobody here is called "${text.slice(0, 60)}"`, meant)
      return none
    }
    const found = host.filter((block) => relaysOf(block).includes(relay))
    if (found.length === 0) {
      const known = [...new Set(host.flatMap(relaysOf))]
      const meant = suggest(relay, known)
      const what = `${text.slice(0, Math.min(dot, 60))} has no relay "${relay.slice(0, 60)}"`
      this.#warn(span, what, meant === undefined ? undefined : `${text.slice(0, dot)}.${meant}`)
    }
    return { text, span, blocks: (found.length > 0 ? found : host).map(({ id }) => id), relay }
  }

  #warn(span: Span, message: string, meant: string | undefined) {
    const fixes = meant === undefined ? [] : [{ label: `Write ${meant}`, edits: [{ span, text: meant }] }]
    this.#report(
      finding('N25', 'warning', span, `${message}${meant === undefined ? '' : `; did you mean ${meant}?`}`, fixes),
    )
  }

  /** Every place of who is meant; of a role those where it is played. */
  #blocksOf(name: string): Block[] | undefined {
    const meaning = this.#meaningOf(name)
    if (meaning === undefined) return undefined
    const { kind, refs } = meaning
    if (kind === 'block') return refs.map((id) => this.#blocks.get(id)!)
    if (kind === 'network') return this.#ofNetwork.get(refs[0]!) ?? []
    const theirs = refs.flatMap((id) => this.#ofActor.get(id) ?? [])
    const playing = theirs.filter(({ roles }) => roles.some((role) => role.toLowerCase() === name.toLowerCase()))
    return kind === 'role' && playing.length > 0 ? playing : theirs
  }
}

const relaysOf = ({ insides }: Block) => (insides ?? []).flatMap(({ ways }) => ways.flat().map(({ name }) => name))

/** `A -- B`: both sides of a contract, each with its place. */
function sides(text: string, span: Span): { text: string; span: Span }[] {
  const out: { text: string; span: Span }[] = []
  let from = 0
  for (const part of text.split(/\s+(?:--|–|—|==|<->)\s+/)) {
    const at = text.indexOf(part, from)
    from = at + part.length
    if (part === '') continue
    out.push({
      text: part,
      span: { ...span, start: span.start + at, end: span.start + from, column: span.column + at },
    })
  }
  return out
}
