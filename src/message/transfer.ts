// Content transfer encodings (RFC 2045 §6.7 quoted-printable, §6.8 base64; uuencode as old mail has it).
// Decoders are tolerant and total: every input gives bytes. They can be fed in chunks of any size, so that a large part
// never has to lie in memory twice. Characters that are not base64 are passed over (RFC 2045 §6.8), and what follows
// padding is decoded too: what a scanner sees is never less than what any reader would show.

export interface TransferDecoder {
  write(chunk: Buffer): Buffer
  /** What was held back; the decoder is then done. */
  end(): Buffer
}

const LF = 10
const CR = 13
const EQUALS = 61
const EMPTY = Buffer.alloc(0)

const BASE64_VALUE = new Int8Array(256).fill(-1)
for (let i = 0; i < 64; i++) {
  BASE64_VALUE['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(i)] = i
}
const HEX_DIGITS = '0123456789ABCDEF'
const HEX_VALUE = new Int8Array(256).fill(-1)
for (let i = 0; i < 16; i++) {
  HEX_VALUE['0123456789ABCDEF'.charCodeAt(i)] = i
  HEX_VALUE['0123456789abcdef'.charCodeAt(i)] = i
}

export type TransferEncoding = 'identity' | 'base64' | 'quoted-printable' | 'uuencode'

const ENCODINGS: ReadonlyMap<string, TransferEncoding> = new Map([
  ['base64', 'base64'],
  ['quoted-printable', 'quoted-printable'],
  ['uuencode', 'uuencode'],
  ['x-uuencode', 'uuencode'],
  ['x-uue', 'uuencode'],
])

/** What a Content-Transfer-Encoding asks to be undone: nothing for 7bit, 8bit, binary and unknown names. */
export function transferEncoding(name: string): TransferEncoding {
  return ENCODINGS.get(name.trim().toLowerCase()) ?? 'identity'
}

const DECODERS: Readonly<Record<TransferEncoding, () => TransferDecoder>> = {
  identity: () => ({ write: (chunk) => chunk, end: () => EMPTY }),
  base64: base64Decoder,
  'quoted-printable': () => lineDecoder(decodeQuotedPrintableLines),
  uuencode: () => lineDecoder(decodeUuencodedLines),
}

/** A decoder for the Content-Transfer-Encoding named. */
export function transferDecoder(encoding: string): TransferDecoder {
  return DECODERS[transferEncoding(encoding)]()
}

/** The decoded bytes of a whole body. For the identity encodings this is `bytes` itself, not a copy. */
export function decodeTransfer(bytes: Buffer, encoding: string): Buffer {
  const decoder = transferDecoder(encoding)
  const decoded = decoder.write(bytes)
  const rest = decoder.end()
  return rest.length === 0 ? decoded : Buffer.concat([decoded, rest])
}

function base64Decoder(): TransferDecoder {
  let bits = 0
  let count = 0
  return {
    write(chunk) {
      const out = Buffer.allocUnsafe(((chunk.length + 3) * 3) >> 2)
      let length = 0
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!
        const value = BASE64_VALUE[byte]!
        if (value < 0) {
          if (byte === EQUALS) count = 0 // padding: the bits left over are no byte
          continue
        }
        bits = (bits << 6) | value
        count += 6
        if (count >= 8) {
          count -= 8
          out[length++] = (bits >> count) & 255
          bits &= (1 << count) - 1
        }
      }
      return out.subarray(0, length)
    },
    end: () => EMPTY,
  }
}

/** Holds back the last, unfinished line. */
function lineDecoder(decodeLines: (bytes: Buffer) => Buffer): TransferDecoder {
  let held: Buffer = EMPTY
  return {
    write(chunk) {
      const all = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const end = all.lastIndexOf(LF) + 1
      held = all.subarray(end)
      return decodeLines(all.subarray(0, end))
    },
    end() {
      const rest = decodeLines(held)
      held = EMPTY
      return rest
    },
  }
}

function decodeQuotedPrintableLines(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  let length = 0
  let at = 0
  while (at < bytes.length) {
    const lineFeed = bytes.indexOf(LF, at)
    const next = lineFeed < 0 ? bytes.length : lineFeed + 1
    let end = lineFeed < 0 ? next : lineFeed
    const hasReturn = lineFeed >= 0 && end > at && bytes[end - 1] === CR
    if (hasReturn) end--
    // RFC 2045 §6.7 (3): white space at the end of a line was added in transport.
    while (end > at && (bytes[end - 1] === 32 || bytes[end - 1] === 9)) end--
    const soft = end > at && bytes[end - 1] === EQUALS
    if (soft) end--
    for (let i = at; i < end; i++) {
      const byte = bytes[i]!
      if (byte === EQUALS && i + 2 < end) {
        const high = HEX_VALUE[bytes[i + 1]!]!
        const low = HEX_VALUE[bytes[i + 2]!]!
        if (high >= 0 && low >= 0) {
          out[length++] = (high << 4) | low
          i += 2
          continue
        }
      }
      out[length++] = byte // also an `=` that begins nothing: it stands for itself
    }
    if (!soft && lineFeed >= 0) {
      if (hasReturn) out[length++] = CR
      out[length++] = LF
    }
    at = next
  }
  return out.subarray(0, length)
}

function decodeUuencodedLines(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (const line of bytes.toString('latin1').split(/\r?\n/)) {
    if (line === '' || /^(begin [0-7]{3,4} |end$)/.test(line)) continue
    let left = (line.charCodeAt(0) - 32) & 63
    for (let i = 1; left > 0 && i < line.length; i += 4) {
      let group = 0
      for (let k = 0; k < 4; k++) group = (group << 6) | (((line.charCodeAt(i + k) || 32) - 32) & 63)
      for (let shift = 16; shift >= 0 && left > 0 && length < out.length; shift -= 8, left--) {
        out[length++] = (group >> shift) & 255
      }
    }
  }
  return out.subarray(0, length)
}

/** Base64 in lines of 76 characters, each ended by CRLF (RFC 2045 §6.8). */
export function encodeBase64(bytes: Buffer): string {
  const encoded = bytes.toString('base64')
  let out = ''
  for (let at = 0; at < encoded.length; at += 76) out += `${encoded.slice(at, at + 76)}\r\n`
  return out
}

/** Quoted-printable of text whose lines end with CRLF; lines of at most 76 characters (RFC 2045 §6.7). */
export function encodeQuotedPrintable(bytes: Buffer): string {
  // Three characters for each byte, and a soft line break for each line of at least 73.
  const out = Buffer.allocUnsafe(3 * bytes.length + 3 * Math.ceil((3 * bytes.length) / 73))
  let to = 0
  let lineLength = 0
  const breakIfLonger = (length: number): void => {
    lineLength += length
    if (lineLength <= 75) return
    to += out.write('=\r\n', to, 'latin1')
    lineLength = length
  }
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === CR && bytes[i + 1] === LF) {
      to += out.write('\r\n', to, 'latin1')
      lineLength = 0
      i++
      continue
    }
    const atLineEnd = i + 1 === bytes.length || (bytes[i + 1] === CR && bytes[i + 2] === LF)
    const blank = byte === 32 || byte === 9
    // A leading dot or "From " is written so that neither SMTP nor an mbox file has to change it.
    const fragile = lineLength === 0 && (byte === 46 || (byte === 70 && bytes.toString('latin1', i, i + 5) === 'From '))
    if ((blank && !atLineEnd) || (byte > 32 && byte < 127 && byte !== EQUALS && !fragile)) {
      breakIfLonger(1)
      out[to++] = byte
    } else {
      breakIfLonger(3)
      out[to++] = EQUALS
      out[to++] = HEX_DIGITS.charCodeAt(byte >> 4)
      out[to++] = HEX_DIGITS.charCodeAt(byte & 15)
    }
  }
  return out.toString('latin1', 0, to)
}
