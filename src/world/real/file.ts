// An append file of the real disk. Appends that come while one is being written are collected and leave together with
// one writev; a partial append is cut off again. Opened with O_DSYNC, a write returns when it is durable: one trip to
// libuv's pool where a write and a sync were two, and a sync has nothing left to do. Elsewhere syncs that come while one
// is running share the next.

import { constants, type promises } from 'node:fs'
import { DiskError, type DiskFile } from '../disk.ts'
import { diskError } from './errors.ts'

/** On Linux a write with O_DSYNC is what write and fdatasync are; macOS would leave the bytes in the drive's cache. */
export const durableWrites = process.platform === 'linux' ? constants.O_DSYNC : 0
/** Linux takes 1,024 pieces in a writev (IOV_MAX). */
export const mostChunks = 1024

interface WaitingAppend {
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly resolve: (offset: number) => void
  readonly reject: (error: DiskError) => void
}

export class AppendFile implements DiskFile {
  readonly #path: string
  readonly #handle: promises.FileHandle
  readonly #writesDurably: boolean
  #size: number
  /** Nothing in the file waits for a sync: not yet so of what others wrote before it was opened. */
  #isSynced: boolean
  #waiting: WaitingAppend[] = []
  #writing: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined
  #broken: DiskError | undefined

  /** `writesDurably`: the handle was opened with O_DSYNC. */
  constructor(path: string, handle: promises.FileHandle, size: number, writesDurably: boolean) {
    this.#path = path
    this.#handle = handle
    this.#size = size
    this.#writesDurably = writesDurably
    this.#isSynced = writesDurably && size === 0
  }

  get size(): number {
    return this.#size
  }

  append(chunks: readonly Uint8Array[]): Promise<number> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    let bytes = 0
    for (const chunk of chunks) bytes += chunk.length
    return new Promise((resolve, reject) => {
      this.#waiting.push({ chunks, bytes, resolve, reject })
      this.#writing ??= this.#writeWaiting()
    })
  }

  /** Covers appends that were asked for before the call, finished or not. */
  sync(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#isSynced && this.#writing === undefined) return Promise.resolve()
    this.#nextSync ??= this.#runSync(this.#syncing)
    return this.#nextSync
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.#size - offset))
    const bytes = Buffer.allocUnsafe(wanted)
    let filled = 0
    try {
      while (filled < wanted) {
        const { bytesRead } = await this.#handle.read(bytes, filled, wanted - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
    } catch (error) {
      throw diskError(error, this.#path)
    }
    return bytes.subarray(0, filled)
  }

  async truncate(size: number): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    try {
      await this.#handle.truncate(size)
      this.#size = size
      this.#isSynced = false
    } catch (error) {
      throw diskError(error, this.#path)
    }
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    await this.#nextSync?.catch(() => {})
    this.#broken ??= new DiskError('failed', `${this.#path} is closed.`)
    await this.#handle.close().catch((error) => {
      throw diskError(error, this.#path)
    })
  }

  /** Writes groups until none waits. Never rejects: each append has its own promise. */
  async #writeWaiting(): Promise<void> {
    // One turn later, so that appends of the same turn leave together.
    await undefined
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      const start = this.#size
      try {
        if (this.#broken !== undefined) throw this.#broken
        await this.#writeAll(
          group.flatMap((append) => append.chunks),
          start,
        )
        let offset = start
        for (const append of group) {
          append.resolve(offset)
          offset += append.bytes
        }
        this.#size = offset
      } catch (error) {
        const reason = diskError(error, this.#path)
        if (this.#broken === undefined) await this.#cutBackTo(start)
        // As after a failed sync, see #runSync.
        if (this.#writesDurably && reason.code !== 'full') this.#broken ??= reason
        for (const append of group) append.reject(reason)
      }
    }
    this.#writing = undefined
  }

  #takeGroup(): WaitingAppend[] {
    const group: WaitingAppend[] = []
    let chunks = 0
    while (this.#waiting.length > 0 && (group.length === 0 || chunks + this.#waiting[0]!.chunks.length <= mostChunks)) {
      const append = this.#waiting.shift()!
      chunks += append.chunks.length
      group.push(append)
    }
    return group
  }

  async #writeAll(chunks: readonly Uint8Array[], start: number): Promise<void> {
    let position = start
    let at = 0
    let pieces = chunks.slice(at, at + mostChunks)
    while (pieces.length > 0) {
      const { bytesWritten } = await this.#handle.writev(pieces, position)
      position += bytesWritten
      const left = withoutFirst(pieces, bytesWritten)
      if (left.length === 0) at += mostChunks
      else if (bytesWritten === 0) throw new DiskError('full', `${this.#path}: nothing more can be written.`)
      pieces = left.length === 0 ? chunks.slice(at, at + mostChunks) : left
    }
  }

  async #cutBackTo(size: number): Promise<void> {
    try {
      await this.#handle.truncate(size)
    } catch (error) {
      // A tail that cannot be cut off would stand between this record and the next.
      this.#broken = diskError(error, this.#path)
    }
  }

  async #runSync(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => {})
    // Appends asked for meanwhile are covered too: the data sync begins after they are written.
    while (this.#writing !== undefined) await this.#writing
    this.#syncing = this.#nextSync
    this.#nextSync = undefined
    if (this.#broken !== undefined) throw this.#broken
    if (this.#isSynced) return
    try {
      await this.#handle.datasync()
      this.#isSynced = this.#writesDurably
    } catch (error) {
      // After a failed fsync the kernel may have dropped the dirty pages: a later success would prove nothing.
      this.#broken = diskError(error, this.#path)
      throw this.#broken
    }
  }
}

/** What is left of the chunks after so many bytes. */
export function withoutFirst(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  const rest: Uint8Array[] = []
  for (const chunk of chunks) {
    if (left >= chunk.length) left -= chunk.length
    else {
      rest.push(left === 0 ? chunk : chunk.subarray(left))
      left = 0
    }
  }
  return rest
}
