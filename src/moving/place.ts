// Mail as other programs keep it: files in folders, wherever they lie (a disk, a zip).

import type { SpecialUse } from '../store/nouns/mail.ts'

/** A file or folder in a folder. */
export interface Entry {
  readonly name: string
  readonly isFolder: boolean
}

/** Where mail is brought from. Paths have '/' between parts; '' is the whole. */
export interface Place {
  /** Sorted by name; empty when there is no such folder. */
  list(folder: string): Promise<Entry[]>
  /** Undefined when there is no such file. */
  stat(path: string): Promise<{ readonly sizeBytes: number; readonly modifiedMs: number } | undefined>
  /** The bytes of a file in order, in pieces of any size. */
  stream(path: string): AsyncIterable<Uint8Array>
}

/** One message on its way in. */
export interface Incoming {
  /** Names it at its place, for ever: a message that came is known by it. */
  readonly key: string
  /** Where it lies, for people. */
  readonly name: string
  readonly flags: readonly string[]
  /** INTERNALDATE; undefined: nobody knows. */
  readonly receivedAtMs: number | undefined
  readonly uid?: number
  readonly uidl?: string
  /** Bytes at the place, for progress. */
  readonly sizeBytes: number
  /** As it lies there; undefined: too large, or gone meanwhile. */
  content(): Promise<Buffer | undefined>
}

/** What a mailbox was at the place. */
export interface Identity {
  readonly uidValidity?: number | undefined
  readonly uidNext?: number | undefined
  readonly modseq?: number | undefined
}

/** What one mailbox brings. */
export interface IncomingMailbox {
  /** Parts of the name at the place, decoded. */
  readonly parts: readonly string[]
  readonly use?: SpecialUse
  readonly isSubscribed?: boolean
  /** Messages are kept as they lie there, whatever their lines end in, where that is mixed. */
  readonly isExact?: boolean
  /** It shows messages that lie in others, too (RFC 6154 \\All): only what lies in none of them is brought. */
  readonly isView?: boolean
  identity(): Promise<Identity>
  /** Those with UIDs first, in order. `isKnown`: what came before need not be fetched. */
  messages(isKnown: (key: string) => boolean): AsyncIterable<Incoming>
}

/** Larger than any message that a Receiver takes. */
export const MAX_MESSAGE_BYTES = 256 * 1024 * 1024

/** The whole of a small file; undefined when it is missing or larger. */
export async function readSmall(place: Place, path: string, atMost: number): Promise<Buffer | undefined> {
  const there = await place.stat(path)
  if (there === undefined || there.sizeBytes > atMost) return undefined
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of place.stream(path)) {
    length += piece.length
    if (length > atMost) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
