// Mail brought into a store that another process owns, over a stream of this machine: the bringer reads the store's files
// itself, and sends bodies and commits to the owner. One request at a time: a line of JSON that says what comes and how
// many bytes of it, the bytes, and a line of JSON back. What the owner did not confirm was not kept; run again, it goes on.

import type { Command, CommandResult } from '../store/commands.ts'
import type { BlobRef } from '../store/nouns/bodies.ts'
import type { AccountId } from '../store/nouns/people.ts'
import type { Store } from '../store/store.ts'
import { DiskError } from '../world/disk.ts'
import { NetworkError, type Stream } from '../world/network.ts'
import { MAX_MESSAGE_BYTES } from './place.ts'

/** What comes, and its size. */
type Request = { readonly what: 'body' | 'commands'; readonly bytes: number }
type Answer =
  | { readonly ok: true; readonly ref?: BlobRef; readonly results?: CommandResult[] }
  | { readonly ok: false; readonly code: DiskError['code'] | 'wrong'; readonly text: string }

const MAX_LINE_BYTES = 1024 * 1024
/** Headers of 64 messages, each as large as a header may be. */
const MAX_COMMANDS_BYTES = 128 * 1024 * 1024
const MAX_RESULTS_BYTES = 16 * 1024 * 1024
/** A source may be slow: another server that is asked again and again. */
const IDLE_MS = 60 * 60 * 1000
/** A disk may be slow. */
const ANSWER_MS = 10 * 60 * 1000
const NEWLINE = 0x0a

/** What an import does, and nothing else. */
const BRINGING: ReadonlySet<Command['kind']> = new Set([
  'mailbox.create',
  'mailbox.adopt',
  'mailbox.subscribe',
  'email.deliver',
])

/** The owner's side: serves one bringer until it leaves. */
export async function takeFromCourier(
  stream: Stream,
  store: Pick<Store, 'commit' | 'putBlob'>,
  account: AccountId,
): Promise<void> {
  const reader = new Pieces(stream, IDLE_MS)
  for (;;) {
    const line = await reader.line(MAX_LINE_BYTES)
    if (line === undefined) return
    const request = requestIn(line)
    if (request === undefined) return
    const bytes = await reader.bytes(request.bytes)
    if (bytes === undefined) return
    await stream.write(Buffer.from(`${JSON.stringify(await carryOut(request, bytes, store, account))}\n`))
  }
}

/** The bringer's side. Both throw DiskError when the owner's disk refuses, NetworkError when it is gone. */
export function courier(stream: Stream): Pick<Store, 'commit' | 'putBlob'> {
  const reader = new Pieces(stream, ANSWER_MS)
  const ask = async (what: Request['what'], pieces: readonly Uint8Array[]) => {
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
    await stream.write(Buffer.from(`${JSON.stringify({ what, bytes } satisfies Request)}\n`))
    for (const piece of pieces) await stream.write(piece)
    const line = await reader.line(MAX_RESULTS_BYTES)
    if (line === undefined) throw gone()
    const answer = JSON.parse(line) as Answer
    if (answer.ok) return answer
    throw answer.code === 'wrong' ? new Error(answer.text) : new DiskError(answer.code, answer.text)
  }
  return {
    putBlob: async (content) => (await ask('body', content)).ref!,
    commit: async (batch) => (await ask('commands', [Buffer.from(JSON.stringify(batch))])).results!,
  }
}

const gone = () => new NetworkError('reset', 'The agent has stopped meanwhile. What came is kept: run it again.')

function requestIn(line: string): Request | undefined {
  try {
    const { what, bytes } = JSON.parse(line) as Partial<Request>
    const most = what === 'body' ? 2 * MAX_MESSAGE_BYTES : what === 'commands' ? MAX_COMMANDS_BYTES : -1
    return what !== undefined && Number.isSafeInteger(bytes) && bytes! >= 0 && bytes! <= most
      ? { what, bytes: bytes! }
      : undefined
  } catch {
    return undefined
  }
}

async function carryOut(
  { what }: Request,
  bytes: Buffer,
  store: Pick<Store, 'commit' | 'putBlob'>,
  account: AccountId,
): Promise<Answer> {
  try {
    if (what === 'body') return { ok: true, ref: await store.putBlob([bytes]) }
    const batch = JSON.parse(bytes.toString()) as Command[]
    const isBringing = (command: Command) =>
      BRINGING.has(command?.kind) && 'account' in command && command.account === account
    if (!Array.isArray(batch) || !batch.every(isBringing))
      return { ok: false, code: 'wrong', text: 'That is not how mail is brought.' }
    return { ok: true, results: await store.commit(batch) }
  } catch (error) {
    const code = error instanceof DiskError ? error.code : 'wrong'
    return { ok: false, code, text: (error as Error).message }
  }
}

/** Lines and counted bytes out of a stream; undefined: it ended, or the line is too long. */
class Pieces {
  readonly #stream: Stream
  readonly #timeoutMs: number
  #rest: Uint8Array = new Uint8Array()

  constructor(stream: Stream, timeoutMs: number) {
    this.#stream = stream
    this.#timeoutMs = timeoutMs
  }

  async line(mostBytes: number): Promise<string | undefined> {
    const found: Uint8Array[] = []
    let size = 0
    for (;;) {
      const piece = await this.#next()
      if (piece === undefined) return undefined
      const at = piece.indexOf(NEWLINE)
      found.push(at < 0 ? piece : piece.subarray(0, at))
      size += piece.length
      if (at >= 0) {
        this.#rest = piece.subarray(at + 1)
        return Buffer.concat(found).toString()
      }
      if (size > mostBytes) return undefined
    }
  }

  async bytes(length: number): Promise<Buffer | undefined> {
    const found: Uint8Array[] = []
    for (let size = 0; size < length; ) {
      const piece = await this.#next()
      if (piece === undefined) return undefined
      found.push(piece.subarray(0, length - size))
      this.#rest = piece.subarray(length - size)
      size += piece.length
    }
    return Buffer.concat(found)
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#rest.length > 0) {
      const rest = this.#rest
      this.#rest = new Uint8Array()
      return rest
    }
    return (await this.#stream.read(this.#timeoutMs)) ?? undefined
  }
}
