// Binary content (RFC 2045 §6.2, RFC 3030 §3) made fit for lines: leaves in the encoding "binary" become base64, and what
// holds them 8bit. Before anybody signs: afterwards it would break the signature.

import { fieldsNamed } from './header.ts'
import { allParts, type Part, parseStructure } from './mime.ts'

const LINE_BYTES = 57

/** The same message without the encoding "binary". What else it holds is not looked at. */
export function withoutBinary(source: Buffer): Buffer {
  const pieces: Buffer[] = []
  let from = 0
  // In the order of the source: a part's header comes before its body, and before the parts within.
  for (const part of allParts(parseStructure(source))) {
    if (part.encoding !== 'binary') continue
    const isLeaf = part.children.length === 0 && part.message === undefined
    for (const field of fieldsNamed(part.header, 'content-transfer-encoding')) {
      pieces.push(source.subarray(from, field.start), encodingField(isLeaf ? 'base64' : '8bit'))
      from = field.end
    }
    if (!isLeaf) continue
    pieces.push(source.subarray(from, part.bodyStart), base64Lines(part))
    from = part.bodyEnd
  }
  pieces.push(source.subarray(from))
  return Buffer.concat(pieces)
}

const encodingField = (encoding: string) => Buffer.from(`Content-Transfer-Encoding: ${encoding}\r\n`)

function base64Lines({ header, bodyStart, bodyEnd }: Part): Buffer {
  const lines: string[] = []
  for (let at = bodyStart; at < bodyEnd; at += LINE_BYTES)
    lines.push(header.source.subarray(at, Math.min(at + LINE_BYTES, bodyEnd)).toString('base64'))
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(''))
}
