// BINARY (RFC 3516): parts without their transfer encoding, and messages whose parts came without one. The store keeps what
// every other protocol can carry: a binary part is stored in base64, which is what its header then says.

import { type Part, parseStructure } from '../../message/mime.ts'
import { decodeTransfer, encodeBase64 } from '../../message/transfer.ts'
import { partNumbered, type Section, type Source } from './section.ts'

const DECODABLE = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable'])

/** The decoded bytes; undefined: no such part; 'unknown-cte': an encoding that is not known (RFC 3516 §4.3). */
export function binaryBytes(source: Source, { path }: Section): Buffer | undefined | 'unknown-cte' {
  if (path.length === 0) return source.bytes
  const part = partNumbered(source.structure, path.join('.'))
  if (part === undefined) return undefined
  const bytes = source.bytes.subarray(part.bodyStart, part.bodyEnd)
  // What is made of parts has no encoding of its own (RFC 2045 §6.4).
  if (part.type === 'multipart' || part.message) return bytes
  return DECODABLE.has(part.encoding) ? decodeTransfer(bytes, part.encoding) : 'unknown-cte'
}

/** The bytes of a part that has a transfer encoding; undefined where it has none, or one that is not known. */
export function decodedBytes(source: Source, section: Section): Buffer | undefined {
  const encoding = partNumbered(source.structure, section.path.join('.'))?.encoding
  if (encoding !== 'base64' && encoding !== 'quoted-printable') return undefined
  const bytes = binaryBytes(source, section)
  return Buffer.isBuffer(bytes) ? bytes : undefined
}

/** RFC 3516 §4.4: a message in which NUL occurs, with its binary parts in base64. Undefined where NUL is left over. */
export function withoutBinary(message: Buffer): Buffer | undefined {
  const pieces: Buffer[] = []
  let at = 0
  const copyTo = (end: number): void => {
    pieces.push(message.subarray(at, end))
    at = end
  }
  for (const part of leaves(parseStructure(message))) {
    if (part.encoding !== 'binary') continue
    const field = part.header.fields.find(({ lowerName }) => lowerName === 'content-transfer-encoding')
    if (field === undefined) continue
    copyTo(field.start)
    pieces.push(Buffer.from('Content-Transfer-Encoding: base64\r\n'))
    at = field.end
    copyTo(part.bodyStart)
    pieces.push(Buffer.from(encodeBase64(message.subarray(part.bodyStart, part.bodyEnd)), 'latin1'))
    at = part.bodyEnd
  }
  copyTo(message.length)
  const converted = Buffer.concat(pieces)
  return converted.includes(0) ? undefined : converted
}

/** The parts that hold content, in order. */
function* leaves(part: Part): Generator<Part> {
  if (part.message) yield* leaves(part.message)
  else if (part.children.length > 0) for (const child of part.children) yield* leaves(child)
  else yield part
}
