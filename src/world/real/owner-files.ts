// The files beside an owned database, in its worker thread: the same promises as the disk's (disk.ts, file.ts), kept by
// calls that return when it is done.

import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { DiskError, type OwnerFile, type OwnerFiles } from '../disk.ts'
import type { Seal } from '../seal.ts'
import { diskError } from './errors.ts'
import { durableWrites, mostChunks, withoutFirst } from './file.ts'

export function realOwnerFiles(folder: string, seal: Seal | undefined): OwnerFiles {
  const attempt = <T>(path: string, work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw diskError(error, path)
    }
  }
  return {
    seal,
    open: (path, create) => attempt(path, () => open(join(folder, path), path, create)),
    list: (path) =>
      attempt(path, () => (fs.existsSync(join(folder, path)) ? fs.readdirSync(join(folder, path)).sort() : [])),
    remove: (path) => attempt(path, () => fs.rmSync(join(folder, path), { force: true })),
  }
}

function open(full: string, path: string, create: boolean): OwnerFile {
  if (create) makeFolder(dirname(full))
  const wasThere = !create || fs.existsSync(full)
  const flags = fs.constants.O_RDWR | durableWrites | (create ? fs.constants.O_CREAT : 0)
  const handle = fs.openSync(full, flags, 0o600)
  if (!wasThere) syncFolder(dirname(full))
  return new RealOwnerFile(path, handle, fs.fstatSync(handle).size)
}

class RealOwnerFile implements OwnerFile {
  readonly #path: string
  readonly #handle: number
  #size: number

  constructor(path: string, handle: number, size: number) {
    this.#path = path
    this.#handle = handle
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  append(chunks: readonly Uint8Array[]): void {
    const start = this.#size
    try {
      for (let at = 0; at < chunks.length; at += mostChunks) this.#write(chunks.slice(at, at + mostChunks))
      if (durableWrites === 0) fs.fsyncSync(this.#handle)
    } catch (error) {
      this.#size = start
      const reason = diskError(error, this.#path)
      // A tail that cannot be cut off would stand between this record and the next.
      if (reason.code !== 'full') throw reason
      this.truncate(start)
      throw reason
    }
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.#size - offset)))
    let filled = 0
    try {
      while (filled < bytes.length) {
        const count = fs.readSync(this.#handle, bytes, filled, bytes.length - filled, offset + filled)
        if (count === 0) break
        filled += count
      }
    } catch (error) {
      throw diskError(error, this.#path)
    }
    return bytes.subarray(0, filled)
  }

  truncate(size: number): void {
    try {
      fs.ftruncateSync(this.#handle, size)
      fs.fsyncSync(this.#handle)
      this.#size = size
    } catch (error) {
      const { message } = diskError(error, this.#path)
      throw new DiskError('failed', message)
    }
  }

  close(): void {
    fs.closeSync(this.#handle)
  }

  #write(chunks: readonly Uint8Array[]): void {
    let left: readonly Uint8Array[] = chunks
    while (left.length > 0) {
      const written = fs.writevSync(this.#handle, left, this.#size)
      if (written === 0) throw new DiskError('full', `${this.#path}: nothing more can be written.`)
      this.#size += written
      left = withoutFirst(left, written)
    }
  }
}

/** Makes missing folders, and makes their names durable. */
function makeFolder(folder: string): void {
  const first = fs.mkdirSync(folder, { recursive: true })
  if (first === undefined) return
  for (let at = folder; at.length >= first.length; at = dirname(at)) syncFolder(dirname(at))
}

function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}
