// What was really said, connection by connection: the dialogue of SMTP and LMTP out of the event log of a simulated world.
// TLS is modelled there, so that what it would hide can be read.

import type { Simulation, TracedEvent } from '../../world/simulated/simulation.ts'

interface Conversation {
  readonly client: string
  readonly server: string
  readonly lines: string[]
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
  readonly #conversations = new Map<string, Conversation>()
  readonly #stop: () => void
  readonly #nameOf: (ip: string) => string

  /** `nameOf`: who is at an address. */
  constructor(simulation: Simulation, nameOf: (ip: string) => string) {
    this.#nameOf = nameOf
    this.#stop = simulation.trace((event) => this.#hear(event))
  }

  /** What was said since the last time, a conversation after the other, in the order in which they began. */
  take(): string[] {
    const lines: string[] = []
    for (const { client, server, lines: said } of this.#conversations.values()) {
      if (said.length === 0) continue
      lines.push(`${client} to ${server}:`, ...said.map((line) => `  ${line}`))
    }
    this.#conversations.clear()
    return lines
  }

  stop(): void {
    this.#stop()
  }

  #hear({ kind, from, to, bytes }: TracedEvent): void {
    if (kind !== 'data' || bytes === undefined) return
    const [fromIp, fromPort] = endOf(from)
    const [toIp, toPort] = endOf(to)
    const isFromClient = PORTS.has(toPort)
    if (!isFromClient && !PORTS.has(fromPort)) return
    const key = isFromClient ? `${from} ${to}` : `${to} ${from}`
    let conversation = this.#conversations.get(key)
    if (conversation === undefined) {
      const [client, server] = isFromClient ? [fromIp, toIp] : [toIp, fromIp]
      const port = isFromClient ? toPort : fromPort
      conversation = {
        client: this.#nameOf(client),
        server: `${this.#nameOf(server)} (port ${port})`,
        lines: [],
        open: { client: '', server: '' },
        content: 0,
        contentBytes: 0,
      }
      this.#conversations.set(key, conversation)
    }
    said(conversation, isFromClient ? 'client' : 'server', Buffer.from(bytes).toString('latin1'))
  }
}

function said(conversation: Conversation, side: 'client' | 'server', bytes: string): void {
  let text = conversation.open[side] + bytes
  for (;;) {
    if (side === 'client' && conversation.content > 0 && conversation.content !== Number.POSITIVE_INFINITY) {
      const here = Math.min(text.length, conversation.content)
      conversation.content -= here
      conversation.contentBytes += here
      text = text.slice(here)
      if (conversation.content > 0) break
      tellContent(conversation)
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
      tellContent(conversation)
    }
    tell(conversation, `${side === 'client' ? 'C' : 'S'}: ${hidden(line)}`)
    if (side === 'server' && line.startsWith('354')) conversation.content = Number.POSITIVE_INFINITY
    const chunk = side === 'client' ? /^BDAT (\d+)/i.exec(line) : null
    if (chunk !== null) conversation.content = Number(chunk[1])
  }
  conversation.open[side] = text
}

function tellContent(conversation: Conversation): void {
  tell(conversation, `C: (the message, ${conversation.contentBytes} bytes)`)
  conversation.contentBytes = 0
}

function tell({ lines }: Conversation, line: string): void {
  if (lines.length < MOST_LINES) lines.push(line.slice(0, LONGEST))
}

/** A proof of a password is nobody's business, even here. */
const hidden = (line: string) => line.replace(/^(AUTH \S+ ).+$/i, '$1…')

function endOf(text: string): [string, string] {
  const at = text.lastIndexOf(':')
  return [text.slice(0, at).replace(/^\[|\]$/g, ''), text.slice(at + 1)]
}
