// node:buffer in a browser: the `buffer` library, with what Node's has and it has not: base64url, arrays of bytes where it
// asks for buffers, and the speed of the browser's own decoders.

import { Buffer } from 'buffer/'

const PIECE = 8192
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const strict = new TextDecoder('utf-8', { fatal: true })

type Plain = (this: Uint8Array, encoding?: string, start?: number, end?: number) => string

const prototype = Buffer.prototype as unknown as Record<string, unknown>
const plainText = prototype.toString as Plain
const plainFrom = Buffer.from as (value: unknown, ...rest: unknown[]) => Buffer
const plainIndexOf = prototype.indexOf as (value: unknown, ...rest: unknown[]) => number

prototype.toString = function (this: Uint8Array, encoding = 'utf8', start = 0, end = this.length): string {
  const name = encoding.toLowerCase()
  const bytes = start === 0 && end >= this.length ? this : this.subarray(start, Math.max(start, end))
  if (name === 'utf8' || name === 'utf-8') return decoder.decode(bytes)
  if (name === 'latin1' || name === 'binary') return latin1(bytes)
  if (name === 'base64url')
    return plainText.call(bytes, 'base64').replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  return plainText.call(bytes, encoding)
}

function latin1(bytes: Uint8Array): string {
  if (bytes.length <= PIECE) return String.fromCharCode.apply(null, bytes as unknown as number[])
  let text = ''
  for (let at = 0; at < bytes.length; at += PIECE) text += latin1(bytes.subarray(at, at + PIECE))
  return text
}

prototype.equals = function (this: Uint8Array, other: Uint8Array): boolean {
  return this.length === other.length && this.every((byte, i) => byte === other[i])
}

prototype.copy = function (this: Uint8Array, target: Uint8Array, at = 0, start = 0, end = this.length): number {
  const bytes = this.subarray(start, Math.min(end, start + Math.max(0, target.length - at)))
  target.set(bytes, at)
  return bytes.length
}

const asBuffer = (value: unknown) =>
  value instanceof Uint8Array && !Buffer.isBuffer(value)
    ? plainFrom(value.buffer, value.byteOffset, value.length)
    : value

for (const name of ['indexOf', 'lastIndexOf', 'includes'] as const) {
  const plain = prototype[name] as typeof plainIndexOf
  prototype[name] = function (this: Uint8Array, value: unknown, ...rest: unknown[]) {
    return plain.call(this, asBuffer(value), ...rest.map(encodingOf))
  }
}

/** The library reads both alphabets under one name. */
const encodingOf = <T>(value: T) => (value === 'base64url' ? 'base64' : value)

Object.assign(Buffer, {
  from: (value: unknown, ...rest: unknown[]) => plainFrom(value, ...rest.map(encodingOf)),
})
const plainLength = Buffer.byteLength as (value: unknown, encoding?: unknown) => number
Object.assign(Buffer, { byteLength: (value: unknown, encoding?: unknown) => plainLength(value, encodingOf(encoding)) })

export { Buffer }

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

export const isAscii = (bytes: Uint8Array) => bytes.every((byte) => byte < 0x80)
