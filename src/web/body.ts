// The body of a request as it comes: read only so far as is allowed, and while there is room for all that is under way.

import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Budget } from '../protocols/smtp/content.ts'
import type { Problem } from './problem.ts'

/** Bodies stay streams within `scope`: who is asked says who may send how much. */
export function streamBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

/** `release` gives the room back, once. */
export interface Body {
  readonly bytes: Buffer
  readonly release: () => void
}

/** `roomFor`: how much memory each byte costs until it is done with. */
export async function readBody(
  stream: unknown,
  declared: string | undefined,
  maxBytes: number,
  { budget, roomFor }: { budget: Budget; roomFor: number },
): Promise<Body | Problem> {
  const tooLarge = { status: 413, code: 'too-large', detail: `At most ${maxBytes} bytes are taken.` } as const
  if (Number(declared) > maxBytes) return tooLarge
  const chunks: Buffer[] = []
  let size = 0
  let taken = 0
  const release = () => {
    budget.give(taken)
    taken = 0
  }
  if (stream === undefined || stream === null) return { bytes: Buffer.alloc(0), release }
  try {
    // Whoever sends too much still hears so.
    for await (const chunk of (stream as Readable).iterator({ destroyOnReturn: false })) {
      size += chunk.length
      if (size > maxBytes) return fail(tooLarge)
      if (!budget.take(chunk.length * roomFor))
        return fail({ status: 503, code: 'unavailable', detail: 'Too much is under way. Try again in a minute.' })
      taken += chunk.length * roomFor
      chunks.push(chunk)
    }
  } catch {
    return fail({ status: 400, code: 'bad-request', detail: 'The request broke off.' })
  }
  return { bytes: Buffer.concat(chunks, size), release }

  function fail(problem: Problem): Problem {
    release()
    return problem
  }
}

/** JSON with an object; long texts are welcome, endless structure is not: each bracket costs far more than its byte. */
export function parseJson(bytes: Buffer): { readonly json: Readonly<Record<string, unknown>> } | Problem {
  if (structureBytes(bytes) > MAX_STRUCTURE_BYTES)
    return { status: 400, code: 'bad-request', detail: 'There is too much in this JSON beside its texts.' }
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { json: value as Record<string, unknown> }
  } catch {
    // Said below.
  }
  return { status: 400, code: 'bad-request', detail: 'The body must be a JSON object (RFC 8259, UTF-8).' }
}

const MAX_STRUCTURE_BYTES = 2 * 1024 * 1024
const QUOTE = 34
const BACKSLASH = 92

/** Bytes outside of texts, and the quotes. */
function structureBytes(bytes: Buffer): number {
  let outside = 0
  let at = 0
  while (at < bytes.length) {
    const open = bytes.indexOf(QUOTE, at)
    if (open < 0) return outside + bytes.length - at
    outside += open - at + 2
    let close = bytes.indexOf(QUOTE, open + 1)
    while (close > 0 && isEscaped(bytes, close, open)) close = bytes.indexOf(QUOTE, close + 1)
    if (close < 0) return outside
    at = close + 1
  }
  return outside
}

function isEscaped(bytes: Buffer, at: number, from: number): boolean {
  let before = at - 1
  while (before > from && bytes[before] === BACKSLASH) before--
  return (at - 1 - before) % 2 === 1
}
