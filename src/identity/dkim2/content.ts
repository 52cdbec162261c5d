// What DKIM2 hashes of a message (draft-ietf-dkim-dkim2-spec-06 §4, §6): all header fields but those that belong to
// transport and local use, sorted by name and counted from the bottom, and the body without its empty last lines.

import { createHash } from 'node:crypto'
import type { Header } from '../../message/header.ts'
import { canonicalField } from '../dkim/canonical.ts'
import type { HashAlgorithm } from './fields.ts'

/** A message as DKIM2 sees it. */
export interface Content {
  /** Lower-case name, and the values of the fields of that name from the bottom up: canonical bytes as Latin-1. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  /** Undefined when an earlier body cannot be known. */
  readonly body: Buffer | undefined
}

/** §4.1. */
const UNSIGNED = new Set([
  ...['apparently-to', 'arc-authentication-results', 'arc-message-signature', 'arc-seal', 'authentication-results'],
  ...['auto-submitted', 'delivered-to', 'dkim-signature', 'dl-expansion-history', 'original-recipient', 'received'],
  ...['return-path', 'sio-label-history', 'vbr-info', 'x400-received', 'x400-trace'],
  // §6.2: these are signed themselves.
  ...['message-instance', 'dkim2-signature'],
])
const CR = 13
const LF = 10

export function isUnsigned(lowerName: string): boolean {
  return UNSIGNED.has(lowerName) || lowerName.startsWith('received-') || lowerName.startsWith('x-')
}

export function contentOf(header: Header): Content {
  const fields = new Map<string, string[]>()
  for (const field of header.fields) {
    if (isUnsigned(field.lowerName)) continue
    const canonical = canonicalField(header, field, 'relaxed').toString('latin1')
    const value = canonical.slice(canonical.indexOf(':') + 1, -2)
    const same = fields.get(field.lowerName)
    if (same) same.push(value)
    else fields.set(field.lowerName, [value])
  }
  for (const values of fields.values()) values.reverse()
  return { fields, body: header.source.subarray(header.bodyStart) }
}

/** §6.2, base64. */
export function headerHash(content: Content, algorithm: HashAlgorithm): string {
  const hash = createHash(algorithm)
  for (const name of [...content.fields.keys()].sort())
    for (const value of content.fields.get(name)!) hash.update(`${name}:${value}\r\n`, 'latin1')
  return hash.digest('base64')
}

/** §6.1, base64. */
export function bodyHash(body: Buffer, algorithm: HashAlgorithm): string {
  return createHash(algorithm)
    .update(body.subarray(0, trimmedLength(body)))
    .update('\r\n')
    .digest('base64')
}

/** Length without the line ends at the end. */
export function trimmedLength(body: Buffer): number {
  let end = body.length
  while (end >= 2 && body[end - 1] === LF && body[end - 2] === CR) end -= 2
  return end
}
