// Server-sent events (HTML standard, section 9.2): one open answer that grows. A reader that does not read is dropped.

import type { FastifyReply } from 'fastify'
import { Concurrency } from '../filter/rate.ts'
import type { Clock, Timer } from '../world/world.ts'

const MAX_UNREAD_BYTES = 1_000_000
const MAX_PER_READER = 30
const MAX_IN_ALL = 5000

/** Told of a fault of ours that ends no request, and where it was. */
export type Failed = (error: unknown, where: string) => void

export interface EventStream {
  /** `data` may not hold line ends: JSON does not. */
  send(event: string, data: string, id?: string): void
  close(): void
  /** Called once, however the stream ends. */
  onClose(action: () => void): void
}

export class EventStreams {
  readonly #clock: Clock
  readonly #open = new Set<EventStream>()
  readonly #limit = new Concurrency(MAX_PER_READER, MAX_IN_ALL)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes the reply over; undefined (and 503 sent) when this reader, or everybody, has too many open. `pingMs` 0: no pings. */
  open(reply: FastifyReply, reader: string, pingMs: number): EventStream | undefined {
    if (this.#limit.enter(reader) !== 'ok') {
      reply.code(503).send({ error: 'Too many open event streams.' })
      return undefined
    }
    const head = reply.getHeaders()
    reply.hijack()
    const { raw } = reply
    for (const [name, value] of Object.entries(head)) if (value !== undefined) raw.setHeader(name, value)
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    raw.flushHeaders()
    const actions: (() => void)[] = []
    let ping: Timer | undefined
    const write = (text: string): void => {
      if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy()
      else if (!raw.writableEnded) raw.write(text)
    }
    const stream: EventStream = {
      send: (event, data, id) => write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`),
      close: () => raw.end(),
      onClose: (action) => actions.push(action),
    }
    const tick = (): void => {
      stream.send('ping', JSON.stringify({ interval: Math.round(pingMs / 1000) }))
      ping = this.#clock.after(pingMs, tick)
    }
    if (pingMs > 0) ping = this.#clock.after(pingMs, tick)
    this.#open.add(stream)
    raw.once('close', () => {
      ping?.cancel()
      this.#open.delete(stream)
      this.#limit.leave(reader)
      for (const action of actions) action()
    })
    return stream
  }

  closeAll(): void {
    for (const stream of this.#open) stream.close()
  }
}
