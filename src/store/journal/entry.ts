// What a record of the journal says, as text: a batch of Commands, or what compaction did. The engine applies what it reads
// from that text, now and when it is applied again, so both times it is the same. Everything in a Command must go through
// JSON, but for the bytes of a few kinds.

import type { Command } from '../commands.ts'
import type { BlobRef } from '../nouns/bodies.ts'

export type Entry =
  | { readonly batch: readonly Command[] }
  /** These bodies lie there now. */
  | { readonly relocate: readonly { readonly from: number; readonly to: BlobRef }[] }
  /** The index forgets these bodies, as far as nobody names them. */
  | { readonly sweep: readonly string[] }

/** Kinds that hold bytes. */
const WITH_BYTES = ['learned.put', 'metadata.put'] as const satisfies Command['kind'][]
type Other = Exclude<Command, { kind: (typeof WITH_BYTES)[number] }>

/** `Found` when something of the type does not survive JSON. */
type Unwritable<T> = T extends string | number | boolean | null | undefined
  ? never
  : T extends
        | Uint8Array
        | bigint
        | symbol
        | Date
        | ((...parameters: never[]) => unknown)
        | Map<never, never>
        | Set<never>
    ? 'Found'
    : { [Key in keyof T]: Unwritable<T[Key]> }[keyof T]
type Found = Extract<Unwritable<Other>, 'Found'>
/** A mistake here: a new kind of Command holds what JSON cannot. Bytes can be written when it is in WITH_BYTES. */
const isWritable: [Found] extends [never] ? true : false = true

const withBytes: ReadonlySet<Command['kind']> = new Set(WITH_BYTES)
/** How an object begins that stands for bytes. In a string the quotation marks would be escaped. */
const BYTES = '{"$base64":"'

/** A batch as a record's text. */
export function batchText(batch: readonly Command[]): string {
  const hasBytes = isWritable && batch.some(({ kind }) => withBytes.has(kind))
  return hasBytes ? JSON.stringify(batch, writeBytes) : JSON.stringify(batch)
}

export function textOf(entry: Exclude<Entry, { batch: unknown }>): Buffer {
  return Buffer.from(JSON.stringify(entry))
}

/** @throws SyntaxError when it is none: never of text whose checksum was right */
export function entryOf(text: Buffer): Entry {
  const json = text.toString()
  const value = json.includes(BYTES) ? JSON.parse(json, readBytes) : JSON.parse(json)
  return Array.isArray(value) ? { batch: value } : value
}

// As it is in the object: a Buffer would have made something else of itself before it comes here.
function writeBytes(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key]
  return raw instanceof Uint8Array ? { $base64: Buffer.from(raw).toString('base64') } : value
}

function readBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { $base64 } = value as { $base64?: unknown }
  return typeof $base64 === 'string' ? Buffer.from($base64, 'base64') : value
}
