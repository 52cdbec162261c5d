// What was really said, connection by connection: the dialogue of SMTP and LMTP out of the event log of a simulated world.
// TLS is modelled there, so that what it would hide can be read.

import type { Simulation, TracedEvent } from '../../world/simulated/simulation.ts'

/** One line that was said, at the moment at which the other side heard it. */
export interface Line {
  /** Since the world began. */
  readonly atMs: number
  readonly side: 'client' | 'server'
  readonly text: string
}

export interface Conversation {
  /** Who they are: ids of agents, or which computer. */
  readonly client: string
  readonly server: string
  readonly port: number
  readonly lines: readonly Line[]
}

interface Heard extends Conversation {
  readonly lines: Line[]
  /** What each side has said and not ended with a line. */
  readonly open: { client: string; server: string }
  /** Bytes of message content still to come; Infinity: until a dot alone. */
  content: number
  contentBytes: number
}

const PORTS = new Set(['25', '587', '465', '24'])
const MOST_LINES = 200
const LONGEST = 200

export class Dialogue {
  readonly #conversations = new Map<string, Heard>()
  readonly #stop: () => void
  readonly #nameOf: (ip: string) => string

  /** `nameOf`: who is at an address. */
  constructor(simulation: Simulation, nameOf: (ip: string) => string) {
    this.#nameOf = nameOf
    this.#stop = simulation.trace((event) => this.#hear(event))
  }

  /** What was said since the last time, in the order in which the conversations began. */
  take(): Conversation[] {
    const all = [...this.#conversations.values()]
      .filter(({ lines }) => lines.length > 0)
      .map(({ client, server, port, lines }) => ({ client, server, port, lines }))
    this.#conversations.clear()
    return all
  }

  stop(): void {
    this.#stop()
  }

  #hear({ timeMs, kind, from, to, bytes }: TracedEvent): void {
    if (kind !== 'data' || bytes === undefined) return
    const [fromIp, fromPort] = endOf(from)
    const [toIp, toPort] = endOf(to)
    const isFromClient = PORTS.has(toPort)
    if (!isFromClient && !PORTS.has(fromPort)) return
    const key = isFromClient ? `${from} ${to}` : `${to} ${from}`
    let conversation = this.#conversations.get(key)
    if (conversation === undefined) {
      const [client, server] = isFromClient ? [fromIp, toIp] : [toIp, fromIp]
      conversation = {
        client: this.#nameOf(client),
        server: this.#nameOf(server),
        port: Number(isFromClient ? toPort : fromPort),
        lines: [],
        open: { client: '', server: '' },
        content: 0,
        contentBytes: 0,
      }
      this.#conversations.set(key, conversation)
    }
    const side = isFromClient ? 'client' : 'server'
    said(conversation, timeMs, side, Buffer.from(bytes).toString('latin1'))
  }
}

/** For a terminal. */
export function renderConversations(conversations: readonly Conversation[]): string {
  return conversations
    .flatMap(({ client, server, port, lines }) => [
      `${client} to ${server} (port ${port}):`,
      ...lines.map(({ side, text }) => `  ${side === 'client' ? 'C' : 'S'}: ${text}`),
    ])
    .join('\n')
}

function said(conversation: Heard, atMs: number, side: Line['side'], bytes: string): void {
  let text = conversation.open[side] + bytes
  for (;;) {
    if (side === 'client' && conversation.content > 0 && conversation.content !== Number.POSITIVE_INFINITY) {
      const here = Math.min(text.length, conversation.content)
      conversation.content -= here
      conversation.contentBytes += here
      text = text.slice(here)
      if (conversation.content > 0) break
      tellContent(conversation, atMs)
    }
    const end = text.indexOf('\r\n')
    if (end < 0) break
    const line = text.slice(0, end)
    text = text.slice(end + 2)
    if (side === 'client' && conversation.content === Number.POSITIVE_INFINITY) {
      if (line !== '.') {
        conversation.contentBytes += line.length + 2
        continue
      }
      conversation.content = 0
      tellContent(conversation, atMs)
    }
    tell(conversation, { atMs, side, text: hidden(line) })
    if (side === 'server' && line.startsWith('354')) conversation.content = Number.POSITIVE_INFINITY
    const chunk = side === 'client' ? /^BDAT (\d+)/i.exec(line) : null
    if (chunk !== null) conversation.content = Number(chunk[1])
  }
  conversation.open[side] = text
}

function tellContent(conversation: Heard, atMs: number): void {
  tell(conversation, { atMs, side: 'client', text: `(the message, ${conversation.contentBytes} bytes)` })
  conversation.contentBytes = 0
}

function tell({ lines }: Heard, line: Line): void {
  if (lines.length < MOST_LINES) lines.push({ ...line, text: line.text.slice(0, LONGEST) })
}

/** A proof of a password is nobody's business, even here. */
const hidden = (line: string) => line.replace(/^(AUTH \S+ ).+$/i, '$1…')

function endOf(text: string): [string, string] {
  const at = text.lastIndexOf(':')
  return [text.slice(0, at).replace(/^\[|\]$/g, ''), text.slice(at + 1)]
}
