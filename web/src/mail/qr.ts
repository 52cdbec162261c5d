// A QR code (ISO/IEC 18004), as far as a short address needs one: bytes, error correction level L, versions 1 to 10. Made in
// the page itself, so that the secret in it goes nowhere.

/** Error correction bytes of a block, and blocks, for versions 1 to 10 at level L. */
const ECC_BYTES = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18]
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4]
/** Data bytes that fit, all blocks together. */
const DATA_BYTES = [19, 34, 55, 80, 108, 136, 156, 194, 232, 274]
const ALIGNMENT = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]]
const MASK = 0

/** Rows of modules, true is dark; undefined when the text is too long (about 270 bytes). */
export function qrCode(text: string): boolean[][] | undefined {
  const bytes = new TextEncoder().encode(text)
  const index = DATA_BYTES.findIndex((room, at) => bytes.length + (at < 9 ? 2 : 3) <= room)
  if (index < 0) return undefined
  const codewords = interleaved(dataOf(bytes, index), index)
  return drawn(codewords, index + 1)
}

/** Mode 4 (bytes), length, content, padding. */
function dataOf(bytes: Uint8Array, index: number): number[] {
  const bits: number[] = []
  const put = (value: number, count: number) => {
    for (let at = count - 1; at >= 0; at--) bits.push((value >> at) & 1)
  }
  const room = DATA_BYTES[index]! * 8
  put(4, 4)
  put(bytes.length, index < 9 ? 8 : 16)
  for (const byte of bytes) put(byte, 8)
  put(0, Math.min(4, room - bits.length))
  put(0, (8 - (bits.length % 8)) % 8)
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8)
  return Array.from({ length: bits.length / 8 }, (_, at) =>
    bits.slice(at * 8, at * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0),
  )
}

/** Blocks with their error correction, read across. */
function interleaved(data: number[], index: number): number[] {
  const count = BLOCKS[index]!
  const short = Math.floor(data.length / count)
  const longer = data.length % count
  const divisor = generator(ECC_BYTES[index]!)
  const blocks: number[][] = []
  for (let block = 0, at = 0; block < count; block++) {
    const length = short + (block >= count - longer ? 1 : 0)
    blocks.push(data.slice(at, at + length))
    at += length
  }
  const corrections = blocks.map((block) => remainder(block, divisor))
  const across = (lists: number[][]) =>
    Array.from({ length: Math.max(...lists.map((list) => list.length)) }, (_, at) =>
      lists.flatMap((list) => (at < list.length ? [list[at]!] : [])),
    ).flat()
  return [...across(blocks), ...across(corrections)]
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d)
    product ^= ((b >>> bit) & 1) * a
  }
  return product
}

function generator(degree: number): number[] {
  const result = [...Array<number>(degree - 1).fill(0), 1]
  let root = 1
  for (let at = 0; at < degree; at++) {
    for (let one = 0; one < degree; one++)
      result[one] = times(result[one]!, root) ^ (one + 1 < degree ? result[one + 1]! : 0)
    root = times(root, 2)
  }
  return result
}

function remainder(data: number[], divisor: number[]): number[] {
  const rest = Array<number>(divisor.length).fill(0)
  for (const byte of data) {
    const factor = byte ^ rest.shift()!
    rest.push(0)
    for (const [at, coefficient] of divisor.entries()) rest[at] = rest[at]! ^ times(coefficient, factor)
  }
  return rest
}

function drawn(codewords: number[], version: number): boolean[][] {
  const size = version * 4 + 17
  const dark = Array.from({ length: size }, () => Array<boolean>(size).fill(false))
  const isFixed = Array.from({ length: size }, () => Array<boolean>(size).fill(false))
  const set = (x: number, y: number, isDark: boolean) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return
    dark[y]![x] = isDark
    isFixed[y]![x] = true
  }
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0)
    set(at, 6, at % 2 === 0)
  }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy))
        set(x + dx, y + dy, ring !== 2 && ring !== 4)
      }
  const places = ALIGNMENT[version - 1]!
  const last = places.length - 1
  for (const [i, x] of places.entries())
    for (const [j, y] of places.entries()) {
      if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) continue
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -2; dx <= 2; dx++) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1)
    }
  format(set, size)
  if (version >= 7) versionBits(set, size, version)
  fill(codewords, dark, isFixed, size)
  return dark
}

type Setter = (x: number, y: number, isDark: boolean) => void

/** Level L and the mask, twice, with their own correction. */
function format(set: Setter, size: number): void {
  const data = (1 << 3) | MASK
  let rest = data
  for (let at = 0; at < 10; at++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537)
  const bits = ((data << 10) | rest) ^ 0x5412
  const bit = (at: number) => ((bits >>> at) & 1) === 1
  for (let at = 0; at <= 5; at++) set(8, at, bit(at))
  set(8, 7, bit(6))
  set(8, 8, bit(7))
  set(7, 8, bit(8))
  for (let at = 9; at < 15; at++) set(14 - at, 8, bit(at))
  for (let at = 0; at < 8; at++) set(size - 1 - at, 8, bit(at))
  for (let at = 8; at < 15; at++) set(8, size - 15 + at, bit(at))
  set(8, size - 8, true)
}

function versionBits(set: Setter, size: number, version: number): void {
  let rest = version
  for (let at = 0; at < 12; at++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25)
  const bits = (version << 12) | rest
  for (let at = 0; at < 18; at++) {
    const isDark = ((bits >>> at) & 1) === 1
    const [a, b] = [size - 11 + (at % 3), Math.floor(at / 3)]
    set(a, b, isDark)
    set(b, a, isDark)
  }
}

/** Two columns at a time, from the right, up and down, with the mask on it. */
function fill(codewords: number[], dark: boolean[][], isFixed: boolean[][], size: number): void {
  let at = 0
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5
    for (let step = 0; step < size; step++)
      for (const x of [right, right - 1]) {
        const isUpward = ((right + 1) & 2) === 0
        const y = isUpward ? size - 1 - step : step
        if (isFixed[y]![x]) continue
        const bit = at < codewords.length * 8 && ((codewords[at >>> 3]! >>> (7 - (at & 7))) & 1) === 1
        dark[y]![x] = bit !== ((x + y) % 2 === 0)
        at++
      }
  }
}
