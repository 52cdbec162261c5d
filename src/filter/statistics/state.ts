// The state of a classifier as bytes. Weights are kept as 16-bit floats (their error is far below what one message
// moves), and runs of slots that nobody has used take no room, so that a young state is small.
// Form: magic, version, bits, how many numbers, the numbers (64-bit), then each table as runs: slots to pass over and
// slots that follow (varints), their values. Reading refuses what does not fit; it never throws and never overruns.

const MAGIC = 0x42705374 // "BpSt"
const VERSION = 2
const HEADER_BYTES = 8
const MIN_BITS = 4
const MAX_BITS = 22

interface Tables {
  /** Each table has 2 ** bits slots. */
  bits: number
  numbers: number[]
  tables: Float32Array[]
}

export function writeTables({ bits, numbers, tables }: Tables): Buffer {
  const head = Buffer.alloc(HEADER_BYTES + numbers.length * 8)
  head.writeUInt32BE(MAGIC, 0)
  head.writeUInt8(VERSION, 4)
  head.writeUInt8(bits, 5)
  head.writeUInt8(numbers.length, 6)
  head.writeUInt8(tables.length, 7)
  for (const [index, value] of numbers.entries()) head.writeDoubleBE(value, HEADER_BYTES + index * 8)
  return Buffer.concat([head, ...tables.map(writeRuns)])
}

/** Of a 16-bit float: set in all bits when it is infinite or no number. */
const EXPONENT = 0x7c00
const LARGEST = 0x7bff

/** The table as 16-bit floats; what they cannot hold becomes the largest that they can. */
function halvesOf(table: Float32Array): Uint16Array {
  const halves = new Uint16Array(new Float16Array(table).buffer)
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i]! & EXPONENT) === EXPONENT) halves[i] = (halves[i]! & 0x8000) | LARGEST
  }
  return halves
}

/** The runs of a table. A gap shorter than this costs less as zeros than as a new run. */
const SHORT_GAP = 2

function writeRuns(table: Float32Array): Buffer {
  const halves = halvesOf(table)
  let used = 0
  for (const half of halves) if (half !== 0) used++
  // A used slot has its value, and in the worst case two varints of its own (at most 4 bytes each up to 2 ** 22).
  const out = Buffer.allocUnsafe(used * (2 * (SHORT_GAP + 1) + 8) + 16)
  let length = 0
  const varint = (value: number): void => {
    for (; value > 127; value >>>= 7) out[length++] = (value & 127) | 128
    out[length++] = value
  }
  let at = 0
  while (at < halves.length) {
    let start = at
    while (start < halves.length && halves[start] === 0) start++
    let end = start
    let lastUsed = start
    for (; end < halves.length && end - lastUsed <= SHORT_GAP; end++) if (halves[end] !== 0) lastUsed = end
    end = Math.min(lastUsed + 1, halves.length)
    varint(start - at)
    varint(Math.max(0, end - start))
    for (let i = start; i < end; i++) length = out.writeUInt16LE(halves[i]!, length)
    at = Math.max(end, start)
  }
  return out.subarray(0, length)
}

/** The state that these bytes begin with, with as many numbers and tables as told, and where it ends; else undefined. */
export function readTables(
  bytes: Buffer,
  numberCount: number,
  tableCount: number,
): (Tables & { readonly end: number }) | undefined {
  if (bytes.length < HEADER_BYTES + numberCount * 8) return undefined
  if (bytes.readUInt32BE(0) !== MAGIC || bytes[4] !== VERSION) return undefined
  const bits = bytes[5]!
  if (bits < MIN_BITS || bits > MAX_BITS || bytes[6] !== numberCount || bytes[7] !== tableCount) return undefined
  const numbers = Array.from({ length: numberCount }, (_, index) => bytes.readDoubleBE(HEADER_BYTES + index * 8))
  if (!numbers.every(Number.isFinite)) return undefined
  const tables: Float32Array[] = []
  let at = HEADER_BYTES + numberCount * 8
  for (let index = 0; index < tableCount; index++) {
    const table = new Float32Array(2 ** bits)
    at = readRuns(bytes, at, table)
    if (at < 0) return undefined
    tables.push(table)
  }
  return { bits, numbers, tables, end: at }
}

/** Fills the table from the runs at `at`. @returns where they end, or -1 if they are none */
function readRuns(bytes: Buffer, at: number, table: Float32Array): number {
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return -1
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
    return -1
  }
  const halves = new Uint16Array(table.length)
  let slot = 0
  while (slot < table.length) {
    const gap = varint()
    const count = varint()
    if (gap < 0 || count < 0 || gap + count === 0) return -1
    slot += gap
    if (slot + count > table.length || at + count * 2 > bytes.length) return -1
    for (const end = slot + count; slot < end; at += 2) {
      const half = bytes[at]! | (bytes[at + 1]! << 8)
      if ((half & EXPONENT) === EXPONENT) return -1
      halves[slot++] = half
    }
  }
  table.set(new Float16Array(halves.buffer))
  return at
}
