// Stretches of bytes put in the place of others.

/** Bytes with stretches of them replaced; of two that overlap the outer one counts. */
export function spliced(bytes: Buffer, replacements: readonly Replacement[]): Buffer {
  const pieces: Buffer[] = []
  let at = 0
  for (const { start, end, entity } of replacements.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (start < at) continue
    pieces.push(bytes.subarray(at, start), entity)
    at = end
  }
  pieces.push(bytes.subarray(at))
  return Buffer.concat(pieces)
}

export interface Replacement {
  readonly start: number
  readonly end: number
  readonly entity: Buffer
}
