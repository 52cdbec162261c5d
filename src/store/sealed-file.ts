// A file sealed piece by piece, so that it is never in memory whole: each piece with its length before it, and its number
// and whether it is the last in its context, so that none is missing or changes its place.

import { type Disk, DiskError } from '../world/disk.ts'
import type { Seal } from '../world/seal.ts'

const PIECE_BYTES = 1024 * 1024

interface Way {
  readonly from: string
  readonly to: string
  /** What it is: it passes for nothing else. */
  readonly name: string
}

const contextOf = (name: string, index: number, isLast: boolean) =>
  `${name}, piece ${index}${isLast ? ', the last' : ''}`

/** Durable when it resolves. Replaces what is there. @throws DiskError */
export async function sealFile(disk: Disk, seal: Seal, { from, to, name }: Way): Promise<void> {
  await disk.remove(to)
  const [source, target] = [await disk.open(from, false), await disk.open(to, true)]
  try {
    for (let index = 0; ; index++) {
      const piece = await source.read(index * PIECE_BYTES, PIECE_BYTES)
      const isLast = (index + 1) * PIECE_BYTES >= source.size
      const sealed = seal.seal(piece, contextOf(name, index, isLast))
      const length = Buffer.alloc(4)
      length.writeUInt32BE(sealed.length)
      await target.append([length, sealed])
      if (isLast) break
    }
    await target.sync()
  } finally {
    await source.close()
    await target.close()
  }
}

/** `isSealed`: else it is only copied. @throws DiskError when it is not what was sealed */
export async function unsealFile(disk: Disk, { from, to, name, isSealed }: Way & { isSealed: boolean }): Promise<void> {
  if (isSealed && disk.seal === undefined) throw new DiskError('failed', `${from} is encrypted, and there is no key.`)
  const [source, target] = [await disk.open(from, false), await disk.open(to, true)]
  try {
    for (let at = 0, index = 0; at < source.size; index++) {
      const length = isSealed ? (await source.read(at, 4)).readUInt32BE(0) : PIECE_BYTES
      if (length > 2 * PIECE_BYTES) throw new DiskError('failed', `${from} is damaged at byte ${at}.`)
      if (isSealed) at += 4
      const piece = await source.read(at, length)
      at += length
      await target.append([isSealed ? disk.seal!.open(piece, contextOf(name, index, at >= source.size)) : piece])
    }
    await target.sync()
  } finally {
    await source.close()
    await target.close()
  }
}
