// Lists put a few lines below a message. If the body without them is the one that was signed, that is what was changed.

import { hashBody } from '../../identity/dkim/canonical.ts'
import type { Signature } from '../../identity/dkim/signature.ts'
import type { Header } from '../../message/header.ts'

/** More is no footer; and each try hashes the body again. */
const MAX_LINES = 40
const MAX_BODY = 1024 * 1024

export interface AddedLines {
  readonly count: number
  /** Those that are not empty, first to last. */
  readonly lines: readonly string[]
}

/** The lines at the end without which the body is the one that was signed; undefined: that is not what was changed. */
export function addedLines({ source, bodyStart }: Header, signature: Signature): AddedLines | undefined {
  if (source.length - bodyStart > MAX_BODY || signature.bodyLength !== undefined) return undefined
  let end = source.length
  for (let count = 1; count <= MAX_LINES; count++) {
    const before = source.lastIndexOf('\r\n', end - 3)
    if (before < bodyStart) return undefined
    end = before + 2
    const { sha256 } = hashBody(source, bodyStart, end, signature.bodyMethod)
    if (!sha256.equals(signature.bodyHash)) continue
    const lines = source.toString('utf8', end).split('\r\n')
    return { count, lines: lines.filter((line) => line.trim() !== '') }
  }
  return undefined
}
