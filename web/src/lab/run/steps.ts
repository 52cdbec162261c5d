// The dialogue of one letter as steps that can be gone through: each thing said, from whom to whom along which arrows of the
// picture, and what each agent made of the letter once it had it.

import type { Conversation, Line } from '../../../../src/lab/simulate/replay.ts'
import type { HopRow } from '../../../../src/lab/simulate/survival.ts'
import type { Flow, SystemModel } from '../../../../src/notation/model.ts'
import type { Replay } from '../engine/protocol.ts'
import { sentence } from '../sentence.ts'
import { meaningOf } from './meaning.ts'

export interface Way {
  /** Blocks of the picture; undefined: the open Internet, or not in it. */
  readonly from: string | undefined
  readonly to: string | undefined
  /** Arrows between them, in the order of the drawing. */
  readonly hops: readonly string[]
}

export type Step = {
  readonly atMs: number
  /** What it means, for who does not speak SMTP. */
  readonly means: string
} & (
  | {
      readonly kind: 'said'
      readonly conversation: number
      readonly side: Line['side']
      /** A reply can have several lines. */
      readonly lines: readonly string[]
      readonly way: Way
      readonly isLetter: boolean
    }
  | { readonly kind: 'verdict'; readonly conversation: number; readonly at: string | undefined; readonly hop: HopRow }
  | { readonly kind: 'end'; readonly way: Way; readonly isGood: boolean }
)

export interface Party {
  readonly client: string
  readonly server: string
  readonly port: number
}

export interface Story {
  readonly parties: readonly Party[]
  readonly steps: readonly Step[]
}

const LETTER = /^\(the message, /

/** `model`: of the text that was run. */
export function storyOf(model: SystemModel, { row, conversations }: Replay): Story {
  const flow = model.flows[row.flow - 1]
  const told = conversations.flatMap((conversation, number) => saidIn(conversation, number, flow))
  // Sorting keeps what was said at one moment in its order.
  const said = told.sort((a, b) => a.atMs - b.atMs)
  const steps: Step[] = []
  const waiting = new Map(row.hops.map((hop) => [hop.agent, hop]))
  let verdict: Step | undefined
  for (const step of said) {
    const last = steps.at(-1)
    // What belongs to the letter (its dot) is said at the same moment.
    if (verdict !== undefined && !(step.kind === 'said' && step.side === 'client' && step.atMs === last?.atMs)) {
      steps.push(verdict)
      verdict = undefined
    }
    steps.push(step)
    if (step.kind !== 'said' || !step.isLetter) continue
    const hop = waiting.get(conversations[step.conversation]!.server)
    if (hop === undefined) continue
    waiting.delete(hop.agent)
    const { atMs, conversation, way } = step
    verdict = { kind: 'verdict', atMs, conversation, at: way.to, hop, means: sentence(hop.why) }
  }
  if (verdict !== undefined) steps.push(verdict)
  steps.push(endOf(row, flow, steps.at(-1)?.atMs ?? 0))
  const parties = conversations.map(({ client, server, port }) => ({ client: whoIs(client, row.from), server, port }))
  return { parties, steps }
}

/** The Author's program has no name of its own. */
const whoIs = (name: string, author: string) => (name.startsWith('the computer at') ? `${author}’s computer` : name)

function saidIn(conversation: Conversation, number: number, flow: Flow | undefined): Step[] {
  const way = wayBetween(flow, conversation.client, conversation.server)
  const steps: (Step & { kind: 'said'; lines: string[] })[] = []
  // Commands are sent ahead of the replies (pipelining); each reply is to the first that has none.
  const unanswered: string[] = []
  let command = ''
  for (const { atMs, side, text } of conversation.lines) {
    const last = steps.at(-1)
    if (side === 'server' && last?.side === 'server' && /^\d{3}-/.test(last.lines.at(-1)!)) {
      last.lines.push(text)
      continue
    }
    const isLetter = side === 'client' && LETTER.test(text)
    if (side === 'server') command = unanswered.shift() ?? command
    else if (!isLetter) unanswered.push(text)
    const means = meaningOf(side, text, command)
    steps.push({ kind: 'said', atMs, conversation: number, side, lines: [text], way, isLetter, means })
  }
  return steps
}

/** The arrows from one to the other, where both are on this flow. */
function wayBetween(flow: Flow | undefined, client: string, server: string): Way {
  if (flow === undefined) return { from: undefined, to: undefined, hops: [] }
  const to = flow.blocks.findIndex(({ actor }) => actor === server)
  const before = to < 0 ? flow.blocks : flow.blocks.slice(0, to)
  const known = before.findLastIndex(({ actor }) => actor === client)
  const isStranger = !flow.blocks.some(({ actor }) => actor === client)
  const from = known >= 0 ? known : isStranger ? 0 : -1
  const first = flow.hops[0]
  // A flow from the open Internet begins with an arrow from nobody.
  const isOutside = isStranger && first !== undefined && first.from === undefined
  if (isOutside && to >= 0)
    return { from: undefined, to: flow.blocks[to]!.id, hops: flow.hops.slice(0, to + 1).map(({ id }) => id) }
  if (to < 0 || from < 0 || from >= to) return { from: flow.blocks[from]?.id, to: flow.blocks[to]?.id, hops: [] }
  return { from: flow.blocks[from]!.id, to: flow.blocks[to]!.id, hops: between(flow, from, to) }
}

function between(flow: Flow, from: number, to: number): string[] {
  const ids = flow.blocks.slice(from, to + 1).map(({ id }) => id)
  return flow.hops.filter((hop) => ids.includes(hop.from ?? '') && ids.includes(hop.to ?? '')).map(({ id }) => id)
}

const ENDS: Readonly<Record<Replay['row']['end'], string>> = {
  inbox: 'The letter lies in the inbox',
  Junk: 'The letter lies in Junk',
  refused: 'The letter was refused',
  bounced: 'The letter came back',
  waiting: 'The letter waits',
  nowhere: 'The letter is nowhere',
}

function endOf(row: Replay['row'], flow: Flow | undefined, atMs: number): Step {
  const isGood = row.end === 'inbox'
  const reader = flow?.blocks.findIndex(({ roles }) => roles.includes('Recipient')) ?? -1
  const isThere = row.end === 'inbox' || row.end === 'Junk'
  const way =
    isThere && reader > 0
      ? { from: flow!.blocks[reader - 1]!.id, to: flow!.blocks[reader]!.id, hops: between(flow!, reader - 1, reader) }
      : { from: undefined, to: undefined, hops: [] }
  return { kind: 'end', atMs, way, isGood, means: `${ENDS[row.end]} ${row.where}.` }
}
