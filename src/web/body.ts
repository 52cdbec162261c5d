// What is made of the body of a request: left a stream for who may decide how much is taken (spool.ts), or JSON.

import type { FastifyInstance } from 'fastify'
import type { Problem } from './problem.ts'
import { isLeftWaiting } from './spool.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its handler says when a client that waits may send the body (RFC 9110 §10.1.1). */
    goesOnItself?: boolean
  }
}

/**
 * Bodies stay streams within `scope`: who is asked says who may send how much, and only then is a client that waits for it
 * told to go on.
 */
export function streamBodies(scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, goesOnItself: true }
  })
  scope.addHook('onSend', async (request, reply) => {
    if (isLeftWaiting(request)) reply.header('connection', 'close')
  })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
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
