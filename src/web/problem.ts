// What went wrong, for programs and for people (RFC 9457): a status, a sentence, and for each fault where it is.

import type { FastifyReply } from 'fastify'

/** `pointer`: of the fault in what was sent, a JSON Pointer as a fragment (RFC 6901 §6). */
export interface Fault {
  readonly detail: string
  readonly pointer: string
}

export interface Problem {
  readonly status: number
  /** A word for programs. */
  readonly code: string
  readonly detail: string
  readonly errors?: readonly Fault[]
  /** The reply that SMTP would have given. */
  readonly reply?: string
}

const TITLES: Readonly<Record<string, string>> = {
  'https-required': 'Only over HTTPS',
  'sign-in': 'Sign in first',
  forbidden: 'Not allowed',
  'too-many': 'Too many at once',
  unavailable: 'Not now',
  'not-found': 'Not found',
  'bad-request': 'Not understood',
  'wrong-type': 'Another content type is needed',
  'too-large': 'Too large',
  invalid: 'Not as it must be',
  'key-reused': 'The Idempotency-Key belongs to another request',
  'too-late': 'It has left already',
}

/** As it is sent, or stands among the results of a batch. */
export function problemBody({ status, code, ...rest }: Problem) {
  return { type: `urn:borderpost:problem:${code}`, title: TITLES[code] ?? code, status, ...rest }
}

export function sendProblem(reply: FastifyReply, problem: Problem) {
  if (problem.status === 429 || problem.status === 503) reply.header('retry-after', '60')
  // What was not read to its end is not waited for.
  if (problem.status === 413) reply.header('connection', 'close')
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem)))
}
