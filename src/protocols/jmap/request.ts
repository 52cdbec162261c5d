// One JMAP request: checked, its method calls run one after another, each seeing what the earlier ones gave.
// Keeps RFC 8620 §3.3 to §3.7 (request, response, errors, references) and RFC 7807 (problem details).

import { isObject, resolveReferences } from './arguments.ts'
import { formatId, formatState } from './ids.ts'
import { METHODS } from './methods.ts'
import { EMAIL_SORTS } from './query.ts'
import { SIEVE_ACCOUNT, SIEVE_SERVER } from './sieve.ts'
import {
  CORE,
  type Context,
  type Invocation,
  type JmapBackend,
  type Json,
  LIMITS,
  MAIL,
  MethodError,
  SIEVE,
  SUBMISSION,
  type Uploads,
  VACATION,
} from './types.ts'

const CAPABILITIES = [CORE, MAIL, SUBMISSION, VACATION, SIEVE]

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

const problem = (type: string, detail: string, more?: Json): RequestError => ({
  status: 400,
  problem: { type: `urn:ietf:params:jmap:error:${type}`, status: 400, detail, ...more },
})

/** Runs the request in `body` (JSON text as it came). `uploads` belongs to the backend's account. */
export async function handleRequest(
  backend: JmapBackend,
  uploads: Uploads,
  body: Buffer,
): Promise<{ readonly response: JmapResponse } | RequestError> {
  const request = parseRequest(body)
  if ('problem' in request) return request
  const createdIds = new Map(Object.entries(request.createdIds ?? {}))
  const context: Context = { backend, uploads, createdIds }
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

/** Changes when the session object would: here, only with the account. */
const sessionState = (backend: JmapBackend): string => `${formatId('a', backend.account.id)}-1`

interface Request {
  readonly using: readonly string[]
  readonly methodCalls: readonly Invocation[]
  readonly createdIds?: Record<string, string>
}

function parseRequest(body: Buffer): Request | RequestError {
  if (body.length > LIMITS.maxSizeRequest)
    return problem('limit', 'the request is too large', { limit: 'maxSizeRequest' })
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return problem('notJSON', 'the body is not JSON in UTF-8')
  }
  if (!isObject(json)) return problem('notRequest', 'the body is not an object')
  const { using, methodCalls, createdIds } = json
  if (!Array.isArray(using) || !using.every((name) => typeof name === 'string'))
    return problem('notRequest', '"using" must be a list of capabilities')
  const unknown = using.find((name) => !CAPABILITIES.includes(name))
  if (unknown !== undefined) return problem('unknownCapability', `not supported: ${unknown.slice(0, 200)}`)
  if (!Array.isArray(methodCalls) || !methodCalls.every(isInvocation))
    return problem('notRequest', '"methodCalls" must be a list of [name, arguments, id]')
  if (methodCalls.length > LIMITS.maxCallsInRequest)
    return problem('limit', 'too many method calls', { limit: 'maxCallsInRequest' })
  if (
    createdIds !== undefined &&
    !(isObject(createdIds) && Object.values(createdIds).every((id) => typeof id === 'string'))
  )
    return problem('notRequest', '"createdIds" must map ids to ids')
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
    const result = await method.run(args, context)
    if (result instanceof MethodError) return [failed(result, callId)]
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

/** The session object (RFC 8620 §2). URLs are relative to the server; `base` is '' or 'https://host'. */
export function sessionObject(backend: JmapBackend, base: string): Json {
  const accountId = formatId('a', backend.account.id)
  const mail = {
    maxMailboxesPerEmail: null,
    maxMailboxDepth: null,
    maxSizeMailboxName: 255,
    maxSizeAttachmentsPerEmail: LIMITS.maxSizeUpload,
    emailQuerySortOptions: EMAIL_SORTS,
    mayCreateTopLevelMailbox: true,
  }
  const submission = { maxDelayedSend: 0, submissionExtensions: {} }
  return {
    capabilities: {
      [CORE]: { ...LIMITS, collationAlgorithms: ['i;unicode-casemap'] },
      [MAIL]: {},
      [SUBMISSION]: {},
      [VACATION]: {},
      [SIEVE]: SIEVE_SERVER,
    },
    accounts: {
      [accountId]: {
        name: backend.account.address,
        isPersonal: true,
        isReadOnly: false,
        accountCapabilities: {
          [CORE]: {},
          [MAIL]: mail,
          [SUBMISSION]: submission,
          [VACATION]: {},
          [SIEVE]: SIEVE_ACCOUNT,
        },
      },
    },
    primaryAccounts: Object.fromEntries(CAPABILITIES.map((name) => [name, accountId])),
    username: backend.account.address,
    apiUrl: `${base}/jmap/api`,
    downloadUrl: `${base}/jmap/download/{accountId}/{blobId}/{name}?type={type}`,
    uploadUrl: `${base}/jmap/upload/{accountId}`,
    eventSourceUrl: `${base}/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}`,
    state: sessionState(backend),
  }
}

/** The states that push tells (RFC 8620 §7.1), all from one MODSEQ. */
export function stateChange(backend: JmapBackend, types: readonly string[] = PUSHED): Json {
  const state = formatState(backend.store.modseq(backend.account.id))
  const states = Object.fromEntries(PUSHED.filter((type) => types.includes(type)).map((type) => [type, state]))
  return { '@type': 'StateChange', changed: { [formatId('a', backend.account.id)]: states } }
}

const PUSHED = ['Mailbox', 'Email', 'Thread', 'EmailDelivery', 'EmailSubmission', 'VacationResponse', 'SieveScript']
