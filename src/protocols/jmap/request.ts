// One JMAP request: checked, its method calls run one after another, each seeing what the earlier ones gave.
// Keeps RFC 8620 §3.3 to §3.7 (request, response, errors, references) and RFC 7807 (problem details).

import { isObject, resolveReferences } from './arguments.ts'
import { METHODS } from './methods.ts'
import { isCapability, sessionState } from './session.ts'
import { readStates, refusalFor, sharedBackend, tellStates } from './shared.ts'
import { accountIdOf } from './standard.ts'
import { type Context, type Invocation, type JmapBackend, type Json, LIMITS, MethodError } from './types.ts'

/** A request that was not run at all (RFC 8620 §3.6.1): an HTTP status and its problem details. */
export interface RequestError {
  readonly status: number
  readonly problem: Json
}

export interface JmapResponse {
  readonly methodResponses: Invocation[]
  readonly createdIds?: Record<string, string>
  readonly sessionState: string
}

export const requestError = (type: string, detail: string, more?: Json): RequestError => ({
  status: 400,
  problem: { type: `urn:ietf:params:jmap:error:${type}`, status: 400, detail, ...more },
})

/** Runs the request in `body` (JSON text as it came). */
export async function handleRequest(
  backend: JmapBackend,
  body: Buffer,
): Promise<{ readonly response: JmapResponse } | RequestError> {
  const json = parseJson(body)
  return 'problem' in json ? json : handleJson(backend, json.value)
}

/** The same for what was read from JSON already. */
export async function handleJson(
  backend: JmapBackend,
  json: unknown,
): Promise<{ readonly response: JmapResponse } | RequestError> {
  const request = readRequest(json)
  if ('problem' in request) return request
  const createdIds = new Map(Object.entries(request.createdIds ?? {}))
  const context: Context = { backend, createdIds }
  const responses: Invocation[] = []
  for (const call of request.methodCalls) responses.push(...(await runCall(call, request.using, responses, context)))
  return {
    response: {
      methodResponses: responses,
      ...(request.createdIds ? { createdIds: Object.fromEntries(createdIds) } : {}),
      sessionState: sessionState(backend),
    },
  }
}

/** Bounded in size; UTF-8 as RFC 8259 wants it. */
export function parseJson(body: Buffer): { readonly value: unknown } | RequestError {
  if (body.length > LIMITS.maxSizeRequest)
    return requestError('limit', 'the request is too large', { limit: 'maxSizeRequest' })
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) }
  } catch {
    return requestError('notJSON', 'the body is not JSON in UTF-8')
  }
}

interface Request {
  readonly using: readonly string[]
  readonly methodCalls: readonly Invocation[]
  readonly createdIds?: Record<string, string>
}

function readRequest(json: unknown): Request | RequestError {
  if (!isObject(json)) return requestError('notRequest', 'the body is not an object')
  const { using, methodCalls, createdIds } = json
  if (!Array.isArray(using) || !using.every((name) => typeof name === 'string'))
    return requestError('notRequest', '"using" must be a list of capabilities')
  const unknown = using.find((name) => !isCapability(name))
  if (unknown !== undefined) return requestError('unknownCapability', `not supported: ${unknown.slice(0, 200)}`)
  if (!Array.isArray(methodCalls) || !methodCalls.every(isInvocation))
    return requestError('notRequest', '"methodCalls" must be a list of [name, arguments, id]')
  if (methodCalls.length > LIMITS.maxCallsInRequest)
    return requestError('limit', 'too many method calls', { limit: 'maxCallsInRequest' })
  if (
    createdIds !== undefined &&
    !(isObject(createdIds) && Object.values(createdIds).every((id) => typeof id === 'string'))
  )
    return requestError('notRequest', '"createdIds" must map ids to ids')
  return { using, methodCalls, createdIds: createdIds as Record<string, string> | undefined }
}

function isInvocation(call: unknown): call is Invocation {
  return (
    Array.isArray(call) &&
    call.length === 3 &&
    typeof call[0] === 'string' &&
    isObject(call[1]) &&
    typeof call[2] === 'string'
  )
}

async function runCall(
  [name, rawArgs, callId]: Invocation,
  using: readonly string[],
  responses: readonly Invocation[],
  context: Context,
): Promise<Invocation[]> {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined
  if (!method || !using.includes(method.capability)) return [failed(new MethodError('unknownMethod'), callId)]
  const args = resolveReferences(rawArgs, responses)
  if (args instanceof MethodError) return [failed(args, callId)]
  try {
    const shared =
      args.accountId === undefined || args.accountId === accountIdOf(context)
        ? undefined
        : sharedBackend(context.backend, args.accountId)
    const refusal = shared && refusalFor(name)
    if (refusal) return [failed(refusal, callId)]
    const result = await (shared
      ? method.run(readStates(args, shared), { ...context, backend: shared })
      : method.run(args, context))
    if (result instanceof MethodError) return [failed(result, callId)]
    if (shared) return [[name, tellStates(result.args, shared), callId]]
    return [[name, result.args, callId], ...(result.also ?? []).map(([n, a]): Invocation => [n, a, callId])]
  } catch (error) {
    // The disk refuses, or a bug: the call may have done some of its work (RFC 8620 §3.6.2, serverPartialFail).
    return [failed(new MethodError('serverFail', error instanceof Error ? error.message : 'unknown'), callId)]
  }
}

const failed = (error: MethodError, callId: string): Invocation => [
  'error',
  { type: error.type, ...(error.description === undefined ? {} : { description: error.description }) },
  callId,
]
