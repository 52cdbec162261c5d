// Ids on the wire: a letter that says what it is, then the store's number; so no client takes one for another, and
// none begins with a digit or a dash (RFC 8620 §1.2). Blobs are named by content; a part of a message names the bytes.

import type { TransferEncoding } from '../../message/transfer.ts'
import type { Context } from './types.ts'

export type IdKind = 'a' | 'm' | 'e' | 't' | 's' | 'v' | 'j' | 'p' | 'k' | 'c' | 'u' | 'n'

export const formatId = (kind: IdKind, id: number): string => kind + id

/** The number in an id of that kind, or undefined. */
export function parseId(kind: IdKind, text: unknown): number | undefined {
  if (typeof text !== 'string' || text[0] !== kind || !/^[1-9]\d{0,14}$/.test(text.slice(1))) return undefined
  return Number(text.slice(1))
}

/** Resolves `#creationId` to what this request created under that name; other ids come back as they are. */
export function resolveId(context: Context, id: unknown): string | undefined {
  if (typeof id !== 'string') return undefined
  return id.startsWith('#') ? context.createdIds.get(id.slice(1)) : id
}

/** True for the form of an id (RFC 8620 §1.2). */
export const isId = (id: unknown): id is string => typeof id === 'string' && /^[A-Za-z0-9_-]{1,255}$/.test(id)

/** A state string is the account's MODSEQ. */
export const formatState = (modseq: number): string => String(modseq)

export function parseState(state: unknown): number | undefined {
  return typeof state === 'string' && /^\d{1,15}$/.test(state) ? Number(state) : undefined
}

/** Where a blob's bytes are: a whole stored body, or a part of one with the encoding to undo. */
export interface BlobName {
  readonly hash: string
  readonly part?: {
    readonly start: number
    readonly end: number
    readonly encoding: TransferEncoding
  }
}

const ENCODINGS = { i: 'identity', b: 'base64', q: 'quoted-printable', u: 'uuencode' } as const

export function formatBlobId(name: BlobName): string {
  if (!name.part) return `b${name.hash}`
  return `b${name.hash}_${name.part.start}_${name.part.end}_${name.part.encoding[0]}`
}

export function parseBlobId(text: unknown): BlobName | undefined {
  const match = typeof text === 'string' ? /^b([0-9a-f]{64})(?:_(\d{1,12})_(\d{1,12})_([ibqu]))?$/.exec(text) : null
  if (!match) return undefined
  const [, hash, start, end, encoding] = match
  if (start === undefined) return { hash: hash! }
  return {
    hash: hash!,
    part: { start: Number(start), end: Number(end), encoding: ENCODINGS[encoding as keyof typeof ENCODINGS] },
  }
}
