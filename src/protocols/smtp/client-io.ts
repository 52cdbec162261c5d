// The client's end of the wire: commands out, replies in, one deadline for each exchange.
// Every failure of the stream becomes a `Lost` value; the connection is then closed for good.

import { NetworkError, type Stream, type TlsClientSide } from '../../world/network.ts'
import type { Clock } from '../../world/world.ts'
import { isReply } from './command.ts'
import type { Reply } from './reply.ts'
import { ReplyReader } from './reply-reader.ts'

/** Milliseconds; the defaults are those of RFC 5321 §4.5.3.2. */
export interface ClientTimeouts {
  readonly greetingMs: number
  readonly commandMs: number
  readonly dataInitiationMs: number
  readonly dataBlockMs: number
  readonly dataTerminationMs: number
  readonly handshakeMs: number
  readonly quitMs: number
}

/** Keyword in capitals → parameters, from the reply to EHLO (RFC 5321 §4.1.1.1). */
export type Extensions = ReadonlyMap<string, string>

/** The connection is gone, or what came over it was not SMTP. */
export interface Lost {
  readonly lost: string
}

export function isLost(value: object): value is Lost {
  return 'lost' in value
}

export class ClientIo {
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #replies = new ReplyReader()
  closed = false
  /** Whatever its own patience, nothing waits longer than until then (monotonic clock). */
  deadlineMs = Number.POSITIVE_INFINITY

  constructor(stream: Stream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
  }

  get stream(): Stream {
    return this.#stream
  }

  /** The next reply, or why none came within `timeoutMs`. */
  async read(timeoutMs: number): Promise<Reply | Lost> {
    const until = Math.min(this.#clock.monotonic() + timeoutMs, this.deadlineMs)
    for (;;) {
      const next = this.#replies.next()
      if (next !== undefined) {
        if (!isReply(next)) return this.#lose(next.fault)
        // RFC 5321 §3.8: 421 may come at any time, and nothing comes after it.
        if (next.code === 421) this.close()
        return next
      }
      if (this.closed) return { lost: 'the connection is closed' }
      const leftMs = until - this.#clock.monotonic()
      if (leftMs <= 0) return this.#lose('no reply in time')
      try {
        const bytes = await this.#stream.read(leftMs)
        if (bytes === null) return this.#lose('the other side closed the connection')
        this.#replies.push(bytes)
      } catch (error) {
        return this.#fail(error)
      }
    }
  }

  /** Writes all pieces; undefined when done. A peer that takes nothing for `blockTimeoutMs` is given up. */
  async write(pieces: readonly Buffer[], blockTimeoutMs: number): Promise<Lost | undefined> {
    for (const block of blocks(pieces)) {
      if (this.closed) return { lost: 'the connection is closed' }
      const timer = this.#closeAfter(blockTimeoutMs)
      try {
        await this.#stream.write(block)
      } catch (error) {
        return this.#fail(error)
      } finally {
        timer.cancel()
      }
    }
    return undefined
  }

  /** One command and its reply. What the server said before it was asked is no answer to anything. */
  async exchange(line: string, timeoutMs: number): Promise<Reply | Lost> {
    if (this.unasked && !this.closed) return this.#lose('the server answered before it was asked')
    return (await this.write([Buffer.from(`${line}\r\n`)], timeoutMs)) ?? (await this.read(timeoutMs))
  }

  /** Bytes have come that nobody asked for: after STARTTLS they are an injection (RFC 3207 §4.2, CVE-2011-0411). */
  get unasked(): boolean {
    return this.#replies.pending > 0
  }

  async startTls(side: TlsClientSide, timeoutMs: number): Promise<Lost | undefined> {
    const timer = this.#closeAfter(timeoutMs)
    try {
      await this.#stream.startTls(side)
      return undefined
    } catch (error) {
      return this.#fail(error)
    } finally {
      timer.cancel()
    }
  }

  #closeAfter(timeoutMs: number) {
    const leftMs = Math.max(0, this.deadlineMs - this.#clock.monotonic())
    return this.#clock.after(Math.min(timeoutMs, leftMs), () => this.close())
  }

  /** Leaves without a word. Idempotent. */
  close(): void {
    this.closed = true
    this.#stream.destroy()
  }

  #fail(error: unknown): Lost {
    if (!(error instanceof NetworkError)) throw error
    return this.#lose(error.code === 'timeout' ? 'no reply in time' : error.message)
  }

  #lose(lost: string): Lost {
    this.close()
    return { lost }
  }
}

const BLOCK_BYTES = 65_536

/** Small pieces joined, so that a message goes in few writes, without copying all of a big one at once. */
function* blocks(pieces: readonly Buffer[]): Generator<Buffer> {
  let group: Buffer[] = []
  let size = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += BLOCK_BYTES) {
      const part = piece.subarray(at, at + BLOCK_BYTES)
      if (size + part.length > BLOCK_BYTES && size > 0) {
        yield group.length === 1 ? group[0]! : Buffer.concat(group)
        group = []
        size = 0
      }
      group.push(part)
      size += part.length
    }
  }
  if (size > 0) yield group.length === 1 ? group[0]! : Buffer.concat(group)
}
