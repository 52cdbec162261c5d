// Notifications that a message was read (RFC 9007, RFC 8098): MDN/send makes one and hands it to the MSA from the null
// reverse-path; MDN/parse reads one. Nothing is ever sent by itself: a person's program asks for it.

import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { partBytes, partText } from '../../message/body.ts'
import { multipart, serialize, structuredField, textEntity, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { fieldsNamed, type Header, parseHeader, rawValue, unfolded } from '../../message/header.ts'
import { allParts, type Part, parseStructure } from '../../message/mime.ts'
import { isPositive, replyText } from '../smtp/reply.ts'
import { isObject, readArguments } from './arguments.ts'
import { readBlobId } from './blob.ts'
import { emailSet } from './email-set.ts'
import { type Identity, identitiesOf } from './identity.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import { keywordsOf } from './keywords.ts'
import { accountIdOf } from './standard.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  LIMITS,
  MDN,
  type Method,
  MethodError,
  type SetError,
  setError,
} from './types.ts'

const ACTION_MODES = ['manual-action', 'automatic-action']
const SENDING_MODES: Readonly<Record<string, string>> = {
  'mdn-sent-manually': 'MDN-sent-manually',
  'mdn-sent-automatically': 'MDN-sent-automatically',
}
const TYPES = ['deleted', 'dispatched', 'displayed', 'processed']
const PROPERTIES = [
  'forEmailId',
  'subject',
  'textBody',
  'includeOriginalMessage',
  'reportingUA',
  'disposition',
  'extensionFields',
  'finalRecipient',
]
const MAX_TEXT = 50_000
const MAX_EXTENSIONS = 50
const DEFAULT_TEXT =
  'This is a receipt for a message that you sent. It says that the message was shown, not that it was read or understood.'

const send: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {
    identityId: 'id',
    send: 'object',
    onSuccessUpdateEmail: 'object',
  })
  if (args instanceof MethodError) return args
  if (!args.send) return invalidArguments('send is missing')
  if (Object.keys(args.send).length > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const identity = identitiesOf(context.backend).find(({ id }) => id === resolveId(context, args.identityId))
  const sent: Record<string, Json> = {}
  const notSent: Record<string, Json> = {}
  const update: Record<string, unknown> = {}
  for (const [key, wanted] of Object.entries(args.send)) {
    const outcome = !identity
      ? setError('notFound', 'no such identity')
      : isObject(wanted)
        ? await sendOne(wanted, identity, context)
        : invalidProperties([])
    if ('type' in outcome) {
      notSent[key] = outcome
      continue
    }
    sent[key] = outcome.shown as Json
    const patch = args.onSuccessUpdateEmail?.[`#${key}`]
    if (patch !== undefined) update[outcome.emailId as string] = patch
  }
  const orNull = (map: Json): Json | null => (Object.keys(map).length > 0 ? map : null)
  const result = { accountId: accountIdOf(context), sent: orNull(sent), notSent: orNull(notSent) }
  if (Object.keys(update).length === 0) return { args: result }
  const also = await emailSet({ accountId: accountIdOf(context), update }, context)
  return { args: result, also: also instanceof MethodError ? [] : [['Email/set', also.args]] }
}

async function sendOne(wanted: Json, identity: Identity, context: Context): Promise<Json | SetError> {
  const { store, account } = context.backend
  const bad = badProperties(wanted)
  if (bad.length > 0) return invalidProperties(bad)
  const number = parseId('e', resolveId(context, wanted.forEmailId))
  const email = number === undefined ? undefined : store.email(account.id, number)
  const original = email && (await store.readBlob(email.blob))
  if (!email || !original) return setError('notFound')
  if (keywordsOf(store.placementsOf(account.id, email.id)).has('$mdnsent')) return setError('mdnAlreadySent')
  const header = parseHeader(original)
  const [to, ...others] = fieldsNamed(header, 'disposition-notification-to').flatMap((field) =>
    mailboxesOf(parseAddressList(rawValue(header, field))).map(formatAddress),
  )
  if (to === undefined || others.length > 0)
    return setError('forbidden', 'the message asks no one address for a receipt')
  const { disposition } = wanted as { disposition: Json }
  const finalRecipient = `rfc822; ${identity.email}`
  const sendingMode = SENDING_MODES[String(disposition.sendingMode).toLowerCase()]
  const notification = [
    textField('Reporting-UA', String(wanted.reportingUA ?? 'Borderpost')),
    structuredField('Final-Recipient', finalRecipient),
    ...fieldsNamed(header, 'message-id')
      .slice(0, 1)
      .map((field) => structuredField('Original-Message-ID', unfolded(header, field).trim().slice(0, 900))),
    structuredField('Disposition', `${disposition.actionMode}/${sendingMode}; ${disposition.type}`),
    ...Object.entries((wanted.extensionFields ?? {}) as Json).map(([name, value]) => textField(name, String(value))),
  ]
  const reply = await context.backend.submit(account, {
    reversePath: '',
    forwardPaths: [to],
    source: message({ wanted, identity, to, notification: notification.join(''), original }, context),
  })
  if (!isPositive(reply.reply)) return setError('forbidden', replyText(reply.reply))
  const shown: Json = { finalRecipient }
  const defaults: Json = {
    subject: 'Receipt',
    textBody: DEFAULT_TEXT,
    reportingUA: 'Borderpost',
    includeOriginalMessage: false,
    extensionFields: null,
  }
  for (const [name, value] of Object.entries(defaults)) if (wanted[name] === undefined) shown[name] = value
  return { shown, emailId: formatId('e', email.id) }
}

function badProperties(wanted: Json): string[] {
  const bad = Object.keys(wanted).filter((name) => !PROPERTIES.includes(name))
  const { disposition, extensionFields } = wanted
  for (const name of ['subject', 'textBody', 'reportingUA']) {
    const value = wanted[name] ?? ''
    if (typeof value !== 'string' || value.length > MAX_TEXT) bad.push(name)
  }
  if (!['boolean', 'undefined'].includes(typeof (wanted.includeOriginalMessage ?? undefined)))
    bad.push('includeOriginalMessage')
  const isGood =
    isObject(disposition) &&
    ACTION_MODES.includes(String(disposition.actionMode)) &&
    Object.hasOwn(SENDING_MODES, String(disposition.sendingMode).toLowerCase()) &&
    TYPES.includes(String(disposition.type))
  if (!isGood) bad.push('disposition')
  if (extensionFields !== undefined && extensionFields !== null) {
    const isFine =
      isObject(extensionFields) &&
      Object.keys(extensionFields).length <= MAX_EXTENSIONS &&
      Object.entries(extensionFields).every(
        ([name, value]) => /^X-[A-Za-z0-9-]{1,60}$/i.test(name) && typeof value === 'string' && value.length <= 900,
      )
    if (!isFine) bad.push('extensionFields')
  }
  return bad
}

interface Parts {
  readonly wanted: Json
  readonly identity: Identity
  readonly to: string
  /** The fields of the notification. */
  readonly notification: string
  readonly original: Buffer
}

function message({ wanted, identity, to, notification, original }: Parts, { backend }: Context): Buffer {
  const { world } = backend
  const text = textEntity('plain', String(wanted.textBody ?? DEFAULT_TEXT))
  const report = {
    fields: [structuredField('Content-Type', 'message/disposition-notification')],
    body: Buffer.from(notification),
  }
  const included = {
    fields: [
      structuredField('Content-Type', 'message/rfc822'),
      structuredField('Content-Transfer-Encoding', original.some((byte) => byte > 127) ? '8bit' : '7bit'),
    ],
    body: original,
  }
  const parts = wanted.includeOriginalMessage === true ? [text, report, included] : [text, report]
  const boundary = `=_${world.random.bytes(18).toString('hex')}`
  const made = multipart('report', parts, boundary, ' report-type=disposition-notification;')
  const domain = identity.email.slice(identity.email.lastIndexOf('@') + 1)
  const fields = [
    structuredField('From', identity.email),
    structuredField('To', to),
    textField('Subject', String(wanted.subject ?? 'Receipt')),
    structuredField('Date', formatDate(world.clock.now())),
    structuredField('Message-ID', `<${world.random.bytes(16).toString('hex')}@${domain}>`),
    structuredField('MIME-Version', '1.0'),
  ]
  return serialize({ fields: [...fields, ...made.fields], body: made.body })
}

const parse: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { blobIds: 'ids' })
  if (args instanceof MethodError) return args
  if (!args.blobIds) return invalidArguments('blobIds is missing')
  if (args.blobIds.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
  const parsed: Record<string, Json> = {}
  const notFound: string[] = []
  const notParsable: string[] = []
  for (const id of new Set(args.blobIds)) {
    const source = await readBlobId(context.backend, id)
    const read = source && readNotification(parseStructure(source))
    if (!source) notFound.push(id)
    else if (!read) notParsable.push(id)
    else parsed[id] = { ...read, forEmailId: await emailFor(read.originalMessageId, context) }
  }
  const orNull = <T extends object>(found: T): T | null => (Object.keys(found).length > 0 ? found : null)
  return {
    args: {
      accountId: accountIdOf(context),
      parsed: orNull(parsed),
      notFound: orNull(notFound),
      notParsable: orNull(notParsable),
    },
  }
}

/** So many that may hold a Message-ID are looked at. */
const MOST_CANDIDATES = 1_000

/** The email that a receipt is about: the one of this Message-ID, as far as the account has it (RFC 9007 §1.3). */
async function emailFor(originalMessageId: unknown, { backend }: Context): Promise<string | null> {
  const id = /^<?([^<>\s]{1,900})>?$/.exec(String(originalMessageId ?? '').trim())?.[1]
  if (id === undefined) return null
  const { store, account } = backend
  const candidates = (await store.mayHold(account.id, id)) ?? store.listEmails(account.id, {}, 'newest')
  const newest = [...candidates].sort((a, b) => b - a).slice(0, MOST_CANDIDATES)
  const found = store.emails(account.id, newest).find(({ messageId }) => messageId.includes(id))
  return found === undefined ? null : formatId('e', found.id)
}

const KNOWN = [
  'reporting-ua',
  'mdn-gateway',
  'original-recipient',
  'final-recipient',
  'original-message-id',
  'disposition',
  'error',
]

function readNotification(root: Part): Json | undefined {
  const parts = [...allParts(root)]
  const part = parts.find(({ type, subtype }) => type === 'message' && subtype === 'disposition-notification')
  if (root.subtype !== 'report' || part === undefined) return undefined
  const header = parseHeader(partBytes(part))
  const value = (name: string): string | null => {
    const field = fieldsNamed(header, name)[0]
    return field ? decodeEncodedWords(unfolded(header, field)).trim() : null
  }
  const words =
    /^(manual-action|automatic-action)\s*\/\s*(mdn-sent-manually|mdn-sent-automatically)\s*;\s*([a-z-]+)/i.exec(
      value('disposition') ?? '',
    )
  if (words === null || value('final-recipient') === null) return undefined
  const [, actionMode, sendingMode, type] = words.map((word) => word.toLowerCase())
  const text = parts.find(({ type: kind, subtype }) => kind === 'text' && subtype === 'plain')
  return {
    subject: subjectOf(root.header),
    textBody: text ? partText(text).text : null,
    includeOriginalMessage: parts.some(({ type: kind, subtype }) => kind === 'message' && subtype === 'rfc822'),
    reportingUA: value('reporting-ua'),
    mdnGateway: value('mdn-gateway'),
    originalRecipient: value('original-recipient'),
    finalRecipient: value('final-recipient'),
    originalMessageId: value('original-message-id'),
    disposition: { actionMode, sendingMode, type },
    error: fieldsNamed(header, 'error').map((field) => unfolded(header, field).trim()),
    extensionFields: extensionsOf(header),
  }
}

function subjectOf(header: Header): string | null {
  const field = fieldsNamed(header, 'subject')[0]
  return field ? decodeEncodedWords(unfolded(header, field)).trim() : null
}

function extensionsOf(header: Header): Json {
  const others = header.fields.filter(({ name }) => !KNOWN.includes(name.toLowerCase())).slice(0, MAX_EXTENSIONS)
  return Object.fromEntries(others.map((field) => [field.name, unfolded(header, field).trim()]))
}

export const MDN_METHODS: Record<string, Method> = {
  'MDN/send': { capability: MDN, run: send },
  'MDN/parse': { capability: MDN, run: parse },
}
