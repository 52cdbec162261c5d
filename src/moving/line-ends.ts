// Line ends: CRLF in the store (RFC 5322 §2.1), LF in most files. Either way is undone by the other, but for messages that
// mix them: those are told apart, so that they can be named.

const CR = 13
const LF = 10

/** How the lines of a message end: 'none' has no line end at all. */
export function lineEnds(bytes: Uint8Array): 'crlf' | 'lf' | 'mixed' | 'none' {
  let crlf = 0
  let lf = 0
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at > 0 && bytes[at - 1] === CR) crlf++
    else lf++
    if (crlf > 0 && lf > 0) return 'mixed'
  }
  return crlf > 0 ? 'crlf' : lf > 0 ? 'lf' : 'none'
}

/** Every LF that stands alone becomes CRLF. */
export function toCrlf(bytes: Buffer): Buffer {
  const pieces: Uint8Array[] = []
  let from = 0
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at > 0 && bytes[at - 1] === CR) continue
    pieces.push(bytes.subarray(from, at), CRLF)
    from = at + 1
  }
  return from === 0 ? bytes : Buffer.concat([...pieces, bytes.subarray(from)])
}

/** Every CRLF becomes LF; undefined when toCrlf would not give the same back. */
export function toLf(bytes: Buffer): Buffer | undefined {
  if (lineEnds(bytes) === 'none') return bytes
  if (lineEnds(bytes) !== 'crlf' || bytes.includes(CR_CRLF)) return undefined
  const pieces: Uint8Array[] = []
  let from = 0
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    pieces.push(bytes.subarray(from, at - 1), ONE_LF)
    from = at + 1
  }
  return Buffer.concat([...pieces, bytes.subarray(from)])
}

const CRLF = Buffer.from('\r\n')
const CR_CRLF = Buffer.from('\r\r\n')
const ONE_LF = Buffer.from('\n')
