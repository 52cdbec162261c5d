// EmailSubmission: handing a message to the MSA, and what became of it.
// Keeps RFC 8621 §7 (EmailSubmission), §7.5 (set with onSuccessUpdateEmail and onSuccessDestroyEmail).

import { isDeepStrictEqual } from 'node:util'
import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { addressesIn, distinct, withoutBcc } from '../../message/recipients.ts'
import type { Command } from '../../store/commands.ts'
import type { Submission } from '../../store/nouns/outgoing.ts'
import { isPositive, replyText } from '../smtp/reply.ts'
import { isObject, readArguments } from './arguments.ts'
import { emailSet } from './email-set.ts'
import { identitiesOf, maySendAs } from './identity.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import {
  accountIdOf,
  beginSet,
  changesMethod,
  GET_ARGUMENTS,
  getObjects,
  queryMethods,
  readSort,
  SET_ARGUMENTS,
} from './standard.ts'
import {
  type Context,
  invalidProperties,
  type Json,
  MAX_MESSAGE_BYTES,
  type Method,
  MethodError,
  type SetError,
  SUBMISSION,
  setError,
} from './types.ts'

const PROPERTIES = [
  'id',
  'identityId',
  'emailId',
  'threadId',
  'envelope',
  'sendAt',
  'undoStatus',
  'deliveryStatus',
  'dsnBlobIds',
  'mdnBlobIds',
]
const MAX_RECIPIENTS = 1000
const MAX_DELAYED_SEND_S = 60 * 86_400

/** What the session object says of us. */
export const SUBMISSION_ACCOUNT = {
  maxDelayedSend: MAX_DELAYED_SEND_S,
  submissionExtensions: { FUTURERELEASE: [String(MAX_DELAYED_SEND_S)], SIZE: [String(MAX_MESSAGE_BYTES)] },
}

const utcDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const SHOW: Record<string, (submission: Submission, context: Context) => unknown> = {
  id: (submission) => formatId('s', submission.id),
  identityId: (submission) => submission.identity,
  emailId: (submission) => formatId('e', submission.email),
  threadId: (submission, { backend }) => {
    const email = backend.store.email(backend.account.id, submission.email)
    return email ? formatId('t', email.thread) : null
  },
  envelope: (submission) => ({
    mailFrom: { email: submission.reversePath, parameters: null },
    rcptTo: submission.forwardPaths.map((email) => ({ email, parameters: null })),
  }),
  sendAt: (submission) => utcDate(submission.sendAtMs),
  undoStatus,
  deliveryStatus,
  dsnBlobIds: () => [],
  mdnBlobIds: () => [],
}

/** What was held has left when its time has come. */
function undoStatus({ undoStatus, sendAtMs }: Submission, { backend }: Context): string {
  return undoStatus === 'pending' && sendAtMs <= backend.world.clock.now() ? 'final' : undoStatus
}

/** Per recipient, from what the actor's own roles noted under the message's trace (RFC 8621 §7). */
function deliveryStatus(submission: Submission, { backend }: Context): Json {
  const events = submission.trace === '' ? [] : backend.store.events({ trace: submission.trace })
  return Object.fromEntries(
    submission.forwardPaths.map((path) => {
      const last = events.filter((event) => event.forwardPath.toLowerCase() === path.toLowerCase()).at(-1)
      const delivered =
        last?.kind === 'delivered'
          ? 'yes'
          : last?.kind === 'bounced'
            ? 'no'
            : last?.kind === 'transmitted'
              ? 'unknown'
              : 'queued'
      const said = typeof last?.detail.reply === 'string' ? last.detail.reply : '250 2.0.0 queued'
      return [path, { smtpReply: said, delivered, displayed: 'unknown' }]
    }),
  )
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const all = context.backend.store.submissions(context.backend.account.id)
  return getObjects(args, context, {
    kind: 's',
    properties: PROPERTIES,
    all: () => all,
    load: () => new Map(all.map((submission) => [submission.id, submission])),
    show: (submission, properties) =>
      Object.fromEntries(properties.map((name) => [name, SHOW[name]!(submission, context)])),
  })
}

const FILTERS: Record<string, (submission: Submission, wanted: unknown, context: Context) => boolean> = {
  identityIds: (submission, wanted) => Array.isArray(wanted) && wanted.includes(submission.identity),
  emailIds: (submission, wanted) => Array.isArray(wanted) && wanted.includes(formatId('e', submission.email)),
  threadIds: (submission, wanted, context) =>
    Array.isArray(wanted) && wanted.includes(SHOW.threadId!(submission, context)),
  undoStatus: (submission, wanted, context) => undoStatus(submission, context) === wanted,
  before: (submission, wanted) => submission.sendAtMs < Date.parse(String(wanted)),
  after: (submission, wanted) => submission.sendAtMs >= Date.parse(String(wanted)),
}

const SORTS: Record<string, (submission: Submission, context: Context) => number> = {
  emailId: (submission) => submission.email,
  threadId: (submission, context) => Number(String(SHOW.threadId!(submission, context) ?? 't0').slice(1)),
  sentAt: (submission) => submission.sendAtMs,
}

/** RFC 8621 §7.3. The latest first where nothing else is said. */
function find(args: Json, context: Context): number[] | MethodError {
  const filter = (args.filter ?? {}) as Json
  const unknown = Object.keys(filter).find((name) => !Object.hasOwn(FILTERS, name))
  if (unknown !== undefined) return new MethodError('unsupportedFilter', unknown.slice(0, 80))
  const sort = readSort(args.sort as unknown[] | undefined, Object.keys(SORTS))
  if (sort instanceof MethodError) return sort
  const found = context.backend.store
    .submissions(context.backend.account.id)
    .filter((submission) =>
      Object.entries(filter).every(([name, wanted]) => FILTERS[name]!(submission, wanted, context)),
    )
  found.sort((a, b) => {
    for (const { property, isAscending } of sort) {
      const order = SORTS[property]!(a, context) - SORTS[property]!(b, context)
      if (order !== 0) return isAscending ? order : -order
    }
    return b.sendAtMs - a.sendAtMs || b.id - a.id
  })
  return found.map(({ id }) => id)
}

const changes = ({ backend }: Context, modseq: number, most?: number) =>
  backend.store.changes.submissions(backend.account.id, modseq, most)
const queries = queryMethods('s', find, changes)

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {
    ...SET_ARGUMENTS,
    onSuccessUpdateEmail: 'object',
    onSuccessDestroyEmail: 'ids',
  })
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  const emailOf = new Map<string, string>()
  for (const [key, wanted] of Object.entries(args.create ?? {})) {
    const made = isObject(wanted) ? await create(wanted, context) : invalidProperties([])
    if ('type' in made) {
      outcome.notCreated[key] = made as SetError
      continue
    }
    const id = formatId('s', made.id)
    context.createdIds.set(key, id)
    emailOf.set(`#${key}`, formatId('e', made.email))
    outcome.created[key] = {
      id,
      threadId: SHOW.threadId!(made, context),
      sendAt: utcDate(made.sendAtMs),
      undoStatus: undoStatus(made, context),
    }
  }
  for (const [id, patch] of Object.entries(args.update ?? {})) {
    const submission = submissionOf(id, context)
    const error = submission ? await unsend(submission, patch, context) : setError('notFound')
    if (error) outcome.notUpdated[id] = error
    else {
      outcome.updated[id] = null
      emailOf.set(id, formatId('e', submission!.email))
    }
  }
  for (const id of args.destroy ?? []) {
    const submission = submissionOf(id, context)
    const { account, store } = context.backend
    const remove = { kind: 'submission.remove', account: account.id, id: submission?.id ?? 0 } as const
    const [result] = submission ? await store.commit([remove]) : []
    if (!result?.ok) outcome.notDestroyed[id] = setError('notFound')
    else {
      outcome.destroyed.push(id)
      emailOf.set(id, formatId('e', submission!.email))
    }
  }
  const response = outcome.args(context)
  const update = Object.entries(args.onSuccessUpdateEmail ?? {})
    .filter(([reference]) => emailOf.has(reference))
    .map(([reference, patch]) => [emailOf.get(reference)!, patch] as const)
  const destroy = (args.onSuccessDestroyEmail ?? [])
    .map((reference) => emailOf.get(reference))
    .filter((id) => id !== undefined)
  if (update.length === 0 && destroy.length === 0) return { args: response }
  const also = await emailSet({ accountId: accountIdOf(context), update: Object.fromEntries(update), destroy }, context)
  return { args: response, also: also instanceof MethodError ? [] : [['Email/set', also.args]] }
}

function submissionOf(id: string, context: Context): Submission | undefined {
  const number = parseId('s', resolveId(context, id))
  return context.backend.store.submissions(context.backend.account.id).find((submission) => submission.id === number)
}

/** All that can be changed is that it is not to be sent after all (RFC 8621 §7.5). */
async function unsend(submission: Submission, patch: unknown, context: Context): Promise<SetError | undefined> {
  const { store, account, world } = context.backend
  const changed = Object.entries(isObject(patch) ? patch : {}).filter(
    ([name, value]) => !(Object.hasOwn(SHOW, name) && isDeepStrictEqual(SHOW[name]!(submission, context), value)),
  )
  const bad = changed.filter(([name, value]) => name !== 'undoStatus' || value !== 'canceled').map(([name]) => name)
  if (!isObject(patch) || bad.length > 0) return invalidProperties(bad)
  if (changed.length === 0) return undefined
  const cancel = { kind: 'submission.cancel', account: account.id, id: submission.id } as const
  const [result] = await store.commit([{ ...cancel, nowMs: world.clock.now() }])
  return result!.ok ? undefined : setError('cannotUnsend', result!.message)
}

async function create(wanted: Json, context: Context): Promise<Submission | SetError> {
  const { backend } = context
  const { store, account, world } = backend
  const unknown = Object.keys(wanted).filter((name) => !['identityId', 'emailId', 'envelope'].includes(name))
  if (unknown.length > 0) return invalidProperties(unknown)
  const identity = identitiesOf(backend).find(({ id }) => id === resolveId(context, wanted.identityId))
  if (!identity) return invalidProperties(['identityId'])
  const emailId = parseId('e', resolveId(context, wanted.emailId))
  const email = emailId === undefined ? undefined : store.email(account.id, emailId)
  const stored = email && (await store.readBlob(email.blob))
  if (!email || !stored) return invalidProperties(['emailId'])
  const from = addressesIn(stored, ['from', 'sender'])
  if (from.length === 0) return setError('invalidEmail', 'the message has no From', { properties: ['from'] })
  if (!from.every((address) => maySendAs(backend, address)))
    return setError('forbiddenFrom', 'From is not one of your addresses')
  const nowMs = world.clock.now()
  const envelope = readEnvelope(wanted.envelope, stored, identity.email, nowMs)
  if ('type' in envelope) return envelope
  if (!maySendAs(backend, envelope.reversePath)) return setError('forbiddenMailFrom')
  if (envelope.forwardPaths.length === 0) return setError('noRecipients')
  if (envelope.forwardPaths.length > MAX_RECIPIENTS)
    return setError('tooManyRecipients', undefined, { maxRecipients: MAX_RECIPIENTS })
  const { holdUntilMs, ...paths } = envelope
  const made = {
    account: account.id,
    email: email.id,
    identity: identity.id,
    ...paths,
    sendAtMs: holdUntilMs ?? nowMs,
    undoStatus: holdUntilMs === undefined ? 'final' : 'pending',
  } as const
  // One commit: what is taken is on record, and what is on record was taken.
  const record = (trace: string): Command => ({ kind: 'submission.add', submission: { ...made, trace } })
  const taken = await backend.submit(account, { ...envelope, source: withoutBcc(stored), record })
  if (!isPositive(taken.reply)) return setError('forbiddenToSend', replyText(taken.reply))
  const { recorded, trace = '' } = taken
  if (!recorded?.ok) throw new Error('the MSA took the message without its record')
  return { ...made, trace, id: recorded.id! }
}

interface GivenEnvelope {
  readonly reversePath: string
  readonly forwardPaths: string[]
  readonly holdUntilMs: number | undefined
}

/** The envelope that was given, or one made of the message's own recipients (RFC 8621 §7.5). */
function readEnvelope(given: unknown, stored: Buffer, address: string, nowMs: number): GivenEnvelope | SetError {
  if (given === null || given === undefined) {
    const paths = addressesIn(stored, ['to', 'cc', 'bcc'])
    return { reversePath: address, forwardPaths: distinct(paths), holdUntilMs: undefined }
  }
  const { mailFrom, rcptTo } = given as {
    mailFrom?: { email?: unknown; parameters?: unknown }
    rcptTo?: { email?: unknown; parameters?: unknown }[]
  }
  if (typeof mailFrom?.email !== 'string' || !Array.isArray(rcptTo)) return invalidProperties(['envelope'])
  if (rcptTo.some((recipient) => isObject(recipient?.parameters) && Object.keys(recipient.parameters).length > 0))
    return invalidProperties(['envelope'], 'no parameter of recipients is known here')
  const holdUntilMs = readHold(mailFrom.parameters, nowMs)
  if (typeof holdUntilMs === 'object') return holdUntilMs
  const paths = rcptTo.map((recipient) => soleAddress(recipient?.email))
  const bad = rcptTo.filter((_, i) => paths[i] === undefined).map((recipient) => String(recipient?.email))
  if (bad.length > 0) return setError('invalidRecipients', undefined, { invalidRecipients: bad })
  return { reversePath: mailFrom.email, forwardPaths: distinct(paths as string[]), holdUntilMs }
}

/** HOLDFOR (seconds) or HOLDUNTIL (a time), as in SMTP (RFC 4865 §4). */
function readHold(parameters: unknown, nowMs: number): number | undefined | SetError {
  if (parameters === null || parameters === undefined) return undefined
  const wrong = (why: string): SetError => invalidProperties(['envelope'], why)
  if (!isObject(parameters)) return wrong('parameters are malformed')
  const [first, ...others] = Object.entries(parameters)
  if (first === undefined) return undefined
  const [name, value] = first
  const untilMs =
    name.toUpperCase() === 'HOLDFOR' && typeof value === 'string' && /^\d{1,9}$/.test(value)
      ? nowMs + Number(value) * 1000
      : name.toUpperCase() === 'HOLDUNTIL' && typeof value === 'string'
        ? Date.parse(value)
        : Number.NaN
  if (others.length > 0 || Number.isNaN(untilMs)) return wrong('of all parameters HOLDFOR or HOLDUNTIL is known here')
  if (untilMs > nowMs + MAX_DELAYED_SEND_S * 1000) return wrong(`held for at most ${MAX_DELAYED_SEND_S} seconds`)
  return untilMs <= nowMs ? undefined : untilMs
}

function soleAddress(text: unknown): string | undefined {
  const found = typeof text === 'string' ? mailboxesOf(parseAddressList(text)) : []
  return found.length === 1 ? formatAddress(found[0]!) : undefined
}

export const SUBMISSION_METHODS: Record<string, Method> = {
  'EmailSubmission/get': { capability: SUBMISSION, run: get },
  'EmailSubmission/changes': {
    capability: SUBMISSION,
    run: changesMethod('s', changes),
  },
  'EmailSubmission/query': { capability: SUBMISSION, run: queries.query },
  'EmailSubmission/queryChanges': { capability: SUBMISSION, run: queries.queryChanges },
  'EmailSubmission/set': { capability: SUBMISSION, run: set },
}
