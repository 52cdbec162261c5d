// The files that bodies lie in, as they are on disk: which there are, what each holds, and how a body is read from its place.
// Who writes them, and what is on its way there, is in blobs.ts.

import type { Disk, DiskFile } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { type BlobHash, type BlobRef, OWN_FILE } from '../nouns/bodies.ts'
import { OpenFiles } from './open-files.ts'
import { type Packing, packedSize, packingOf, unpacked } from './packed.ts'
import { HEADER_BYTES, hashOf, readHeader, readRecord, storedBytesOf } from './segment.ts'

const openFilesLimit = 64
/** How the name of an own file ends that holds its body packed. */
const PACKED_END = '.z'

export class BodyFiles {
  protected readonly disk: Disk
  protected readonly folder: string
  protected readonly openFiles: OpenFiles
  protected readonly packing: Packing

  constructor(world: World, folder: string) {
    this.disk = world.disk
    this.folder = folder
    this.packing = packingOf(world)
    this.openFiles = new OpenFiles(world.disk, openFilesLimit)
  }

  /** The file of a segment that is written to. */
  protected openSegment(_number: number): DiskFile | undefined {
    return undefined
  }

  /** Is there a record (or a file of its own) as it says? Only the body itself is not looked at. */
  async liesThere(ref: BlobRef): Promise<boolean> {
    if (ref.segment === OWN_FILE) {
      return (await this.openFiles.use(this.ownPath(ref), async (file) => file.size === storedBytesOf(ref))) ?? false
    }
    const found = await this.openFiles.use(this.segmentPath(ref.segment), async (file) => {
      const header = readHeader(await file.read(ref.offset, HEADER_BYTES))
      const isWhole = ref.offset + HEADER_BYTES + storedBytesOf(ref) <= file.size
      return isWhole && header?.hash === ref.hash && header.storedBytes === storedBytesOf(ref)
    })
    return found ?? false
  }

  /** Every body on disk, whether or not the index knows it. */
  async *everywhere(): AsyncGenerator<BlobRef> {
    for (const segment of await this.segmentNumbers()) {
      for (let offset = 0; ; ) {
        const at = offset
        const ref = await this.openFiles.use(this.segmentPath(segment), (file) => refAt(file, segment, at))
        if (ref === undefined) break
        yield ref
        offset += HEADER_BYTES + storedBytesOf(ref)
      }
    }
    for (const { hash, name } of await this.ownFiles()) {
      const ref = await this.openFiles.use(`${this.folder}/${name}`, async (file) => {
        if (!name.endsWith(PACKED_END)) return { sizeBytes: file.size }
        const sizeBytes = await packedSize((offset, length) => file.read(offset, length))
        return sizeBytes === undefined ? undefined : { sizeBytes, storedBytes: file.size }
      })
      if (ref !== undefined) yield { hash, segment: OWN_FILE, offset: 0, ...ref }
    }
  }

  async segmentNumbers(): Promise<number[]> {
    const names = await this.disk.list(this.folder)
    const numbers = names.map((name) => Number(/^(\d+)\.segment$/.exec(name)?.[1]))
    return numbers.filter((number) => number > 0).sort((a, b) => a - b)
  }

  async segmentBytes(number: number): Promise<number> {
    return (await this.openFiles.use(this.segmentPath(number), async (file) => file.size)) ?? 0
  }

  /** Deletes a segment that nothing names any more. */
  async removeSegment(number: number): Promise<void> {
    this.openFiles.drop(this.segmentPath(number))
    await this.disk.remove(this.segmentPath(number))
  }

  /** `name`: in the folder of bodies. */
  async removeOwnFile(name: string): Promise<void> {
    const path = `${this.folder}/${name}`
    this.openFiles.drop(path)
    await this.disk.remove(path)
  }

  /** Own files, also those that a crash between writing and committing may have left, of which the index does not know. */
  async ownFiles(): Promise<{ readonly hash: BlobHash; readonly name: string }[]> {
    const folders = await this.disk.list(`${this.folder}/large`)
    const names = await Promise.all(
      folders.map(async (folder) =>
        (await this.disk.list(`${this.folder}/large/${folder}`)).map((name) => `large/${folder}/${name}`),
      ),
    )
    return names.flat().flatMap((name) => {
      const hash = /\/([0-9a-f]{64})(?:\.z)?$/.exec(name)?.[1]
      return hash === undefined ? [] : [{ hash, name }]
    })
  }

  /** Undefined: no such file. 'damaged': something else is there. */
  protected async readAt(
    ref: BlobRef,
    range?: { offset: number; length: number },
  ): Promise<Buffer | 'damaged' | undefined> {
    const start = Math.min(range?.offset ?? 0, ref.sizeBytes)
    const length = Math.min(range?.length ?? ref.sizeBytes, ref.sizeBytes - start)
    const part = range === undefined ? undefined : { offset: start, length }
    if (ref.segment === OWN_FILE) {
      return this.openFiles.use(this.ownPath(ref), async (file) => {
        const read = (offset: number, bytes: number) => file.read(offset, bytes)
        const bytes = isPacked(ref)
          ? await unpacked(this.packing, ref.hash, read, part)
          : await file.read(start, length)
        return bytes === undefined || (part === undefined && hashOf([bytes]) !== ref.hash) ? 'damaged' : bytes
      })
    }
    const work = async (file: DiskFile) => {
      if (part !== undefined && !isPacked(ref)) return file.read(ref.offset + HEADER_BYTES + start, length)
      const body = await readRecord(this.packing, file, ref.offset, ref.hash, storedBytesOf(ref))
      return body?.subarray(start, start + length) ?? ('damaged' as const)
    }
    const open = this.openSegment(ref.segment)
    return open === undefined ? this.openFiles.use(this.segmentPath(ref.segment), work) : work(open)
  }

  protected segmentPath(number: number): string {
    return `${this.folder}/${BodyFiles.segmentName(number)}`
  }

  protected ownPath(ref: BlobRef): string {
    return `${this.folder}/${BodyFiles.ownName(ref)}`
  }

  /** In the folder of bodies. */
  static segmentName(number: number): string {
    return `${String(number).padStart(10, '0')}.segment`
  }

  static ownName(ref: BlobRef): string {
    return `large/${ref.hash.slice(0, 2)}/${ref.hash}${isPacked(ref) ? PACKED_END : ''}`
  }
}

/** What is packed never has the length of what is not. */
const isPacked = (ref: BlobRef) => storedBytesOf(ref) !== ref.sizeBytes

/** What the record there is; undefined when there is none. */
async function refAt(file: DiskFile, segment: number, offset: number): Promise<BlobRef | undefined> {
  const header = readHeader(await file.read(offset, HEADER_BYTES))
  if (header === undefined) return undefined
  const { hash, storedBytes } = header
  if (!header.isPacked) return { hash, sizeBytes: storedBytes, segment, offset }
  const sizeBytes = await packedSize((at, length) => file.read(offset + HEADER_BYTES + at, length))
  return sizeBytes === undefined ? undefined : { hash, sizeBytes, segment, offset, storedBytes }
}
