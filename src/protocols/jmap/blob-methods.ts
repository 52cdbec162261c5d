// Blobs by method: Blob/copy (RFC 8620 §6.3), and Blob/upload, Blob/get, Blob/lookup (RFC 9404).

import { createHash } from 'node:crypto'
import { isObject, readArguments } from './arguments.ts'
import { readBlobId, uploadBlob } from './blob.ts'
import { formatId, parseBlobId, resolveId } from './ids.ts'
import { accountIdOf } from './standard.ts'
import {
  BLOB,
  CORE,
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  LIMITS,
  type Method,
  MethodError,
  type SetError,
  setError,
} from './types.ts'

const MAX_SOURCES = 64
/** Of all data in one answer. */
const MAX_ANSWER_BYTES = LIMITS.maxSizeUpload

const DIGESTS = { 'digest:sha': 'sha1', 'digest:sha-256': 'sha256', 'digest:sha-512': 'sha512' } as const
const PROPERTIES = ['data', 'data:asText', 'data:asBase64', 'size', ...Object.keys(DIGESTS)]
const LOOKUPS = ['Mailbox', 'Thread', 'Email']

/** What the session object says of us (RFC 9404 §3). */
export const BLOB_ACCOUNT = {
  maxSizeBlobSet: LIMITS.maxSizeUpload,
  maxDataSources: MAX_SOURCES,
  supportedTypeNames: LOOKUPS,
  supportedDigestAlgorithms: Object.keys(DIGESTS).map((name) => name.slice('digest:'.length)),
}

/** The part that `offset` and `length` name; what of it is beyond the end is missing. */
function slice(content: Buffer, offset: unknown, length: unknown): { bytes: Buffer; isTruncated: boolean } | undefined {
  const from = offset ?? 0
  if (!isCount(from) || !(length === null || length === undefined || isCount(length))) return undefined
  const bytes = content.subarray(from, isCount(length) ? from + length : undefined)
  return { bytes, isTruncated: from > content.length || (isCount(length) && bytes.length < length) }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const upload: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { create: 'object' })
  if (args instanceof MethodError) return args
  const wanted = Object.entries(args.create ?? {})
  if (wanted.length > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const created: Record<string, Json> = {}
  const notCreated: Record<string, Json> = {}
  for (const [key, value] of wanted) {
    const made = isObject(value) ? await make(value, context) : invalidProperties(['data'])
    if (!('id' in made)) {
      notCreated[key] = made
      continue
    }
    created[key] = made
    context.createdIds.set(key, made.id as string)
  }
  const orNull = (map: Json): Json | null => (Object.keys(map).length > 0 ? map : null)
  return { args: { accountId: accountIdOf(context), created: orNull(created), notCreated: orNull(notCreated) } }
}

async function make({ data, type, ...others }: Json, context: Context): Promise<Json | SetError> {
  if (Object.keys(others).length > 0) return invalidProperties(Object.keys(others))
  if (!Array.isArray(data) || !data.every(isObject)) return invalidProperties(['data'])
  if (data.length > MAX_SOURCES) return setError('tooLarge', `at most ${MAX_SOURCES} sources`)
  if (type !== undefined && type !== null && (typeof type !== 'string' || type.length > 255))
    return invalidProperties(['type'])
  const pieces: Buffer[] = []
  let size = 0
  for (const source of data) {
    const piece = await readSource(source, context)
    if (!Buffer.isBuffer(piece)) return piece
    pieces.push(piece)
    size += piece.length
    if (size > LIMITS.maxSizeUpload) return setError('tooLarge')
  }
  const { id, sizeBytes } = await uploadBlob(context.backend, Buffer.concat(pieces))
  return { id, type: type ?? null, size: sizeBytes }
}

/** One of: text, base64, or a part of another blob (RFC 9404 §4.1). */
async function readSource(source: Json, context: Context): Promise<Buffer | SetError> {
  const text = source['data:asText']
  const base64 = source['data:asBase64']
  const { blobId } = source
  if ([text, base64, blobId].filter((one) => one !== undefined && one !== null).length !== 1)
    return invalidProperties(['data'], 'each source is data:asText, data:asBase64 or a blobId')
  if (typeof text === 'string') return text.isWellFormed() ? Buffer.from(text) : invalidProperties(['data:asText'])
  if (typeof base64 === 'string')
    return /^[A-Za-z0-9+/\r\n]*={0,2}\s*$/.test(base64)
      ? Buffer.from(base64, 'base64')
      : invalidProperties(['data:asBase64'])
  const content = await readBlobId(context.backend, resolveId(context, blobId))
  if (!content) return setError('blobNotFound', undefined, { notFound: [blobId] })
  const part = slice(content, source.offset, source.length)
  if (!part || part.isTruncated) return invalidProperties(['offset', 'length'])
  return part.bytes
}

const get: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {
    ids: 'ids',
    properties: 'strings',
    offset: 'unsigned',
    length: 'unsigned',
  })
  if (args instanceof MethodError) return args
  if (!args.ids) return invalidArguments('ids is missing')
  if (args.ids.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
  const properties = (args.properties ?? ['data', 'size']).filter((name) => name !== 'id')
  const unknown = properties.find((name) => !PROPERTIES.includes(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const list: Json[] = []
  const notFound: string[] = []
  let bytes = 0
  for (const id of new Set(args.ids)) {
    const content = await readBlobId(context.backend, resolveId(context, id))
    if (!content) {
      notFound.push(id)
      continue
    }
    const shown = show(content, properties, args.offset, args.length)
    bytes += shown.bytes
    if (bytes > MAX_ANSWER_BYTES) return new MethodError('requestTooLarge', 'ask for fewer blobs, or parts of them')
    list.push({ id: resolveId(context, id), ...shown.json })
  }
  return { args: { accountId: accountIdOf(context), list, notFound } }
}

function show(content: Buffer, properties: readonly string[], offset: unknown, length: unknown) {
  const { bytes, isTruncated } = slice(content, offset, length)!
  const json: Json = {}
  let count = 0
  const text = properties.some((name) => name === 'data' || name === 'data:asText') ? asText(bytes) : undefined
  for (const property of properties) {
    if (property === 'size') json.size = content.length
    else if (Object.hasOwn(DIGESTS, property))
      json[property] = createHash(DIGESTS[property as keyof typeof DIGESTS])
        .update(bytes)
        .digest('base64')
    else {
      count += bytes.length
      if (property === 'data:asText' || (property === 'data' && text !== undefined)) json['data:asText'] = text ?? null
      else json['data:asBase64'] = bytes.toString('base64')
      if (property === 'data:asText' && text === undefined) json.isEncodingProblem = true
      if (property === 'data' && text === undefined) json.isEncodingProblem = true
    }
  }
  if (count > 0 || properties.some((name) => name !== 'size')) json.isTruncated = isTruncated
  return { json, bytes: count }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function asText(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Which objects of the account name a blob. */
const lookup: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { typeNames: 'strings', ids: 'ids' })
  if (args instanceof MethodError) return args
  const { ids, typeNames } = args
  if (!ids || !typeNames) return invalidArguments('typeNames and ids are needed')
  if (ids.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
  if (!typeNames.every((name) => LOOKUPS.includes(name))) return new MethodError('unknownDataType')
  const { store, account } = context.backend
  const list: Json[] = []
  const notFound: string[] = []
  for (const id of new Set(ids)) {
    const name = parseBlobId(resolveId(context, id))
    if (!name || !store.lists.hasBody(account.id, name.hash)) {
      notFound.push(id)
      continue
    }
    const emails = store.emails(account.id, store.lists.emailsOfBody(account.id, name.hash))
    const places = emails.flatMap((email) => store.placementsOf(account.id, email.id))
    const matched: Record<string, string[]> = {
      Email: emails.map((email) => formatId('e', email.id)),
      Thread: [...new Set(emails.map((email) => formatId('t', email.thread)))],
      Mailbox: [...new Set(places.map(({ mailbox }) => formatId('m', mailbox)))],
    }
    list.push({ id, matchedIds: Object.fromEntries(typeNames.map((type) => [type, matched[type]])) })
  }
  return { args: { accountId: accountIdOf(context), list, notFound } }
}

/** RFC 8620 §6.3; what is in the account already is copied by naming it. */
const copy: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { fromAccountId: 'id', blobIds: 'ids' })
  if (args instanceof MethodError) return args
  if (args.fromAccountId === undefined || !args.blobIds) return invalidArguments('fromAccountId and blobIds are needed')
  if (args.fromAccountId !== accountIdOf(context)) return new MethodError('fromAccountNotFound')
  if (args.blobIds.length > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const copied: Record<string, string> = {}
  const notCopied: Record<string, Json> = {}
  for (const id of new Set(args.blobIds)) {
    if (await readBlobId(context.backend, id)) copied[id] = id
    else notCopied[id] = setError('notFound')
  }
  const orNull = (map: Record<string, unknown>) => (Object.keys(map).length > 0 ? map : null)
  const { fromAccountId } = args
  return {
    args: { fromAccountId, accountId: accountIdOf(context), copied: orNull(copied), notCopied: orNull(notCopied) },
  }
}

export const BLOB_METHODS: Record<string, Method> = {
  'Blob/copy': { capability: CORE, run: copy },
  'Blob/upload': { capability: BLOB, run: upload },
  'Blob/get': { capability: BLOB, run: get },
  'Blob/lookup': { capability: BLOB, run: lookup },
}
