// An account's mail as one archive, written while it is read: what an export writes goes into the archive at once, and what
// it keeps or adds to in the course (its state, the list of UIDs) waits elsewhere until it is final.

import type { Disk } from '../world/disk.ts'
import { type ExportOptions, type ExportResult, type Sink, takeOut } from './export.ts'
import { type Appender, type Spill, ZipWriter } from './zip-writer.ts'

/** From here on a mailbox gets wide fields, because nobody knows what it becomes as a file. */
const WIDE_BYTES = 2 * 1024 * 1024 * 1024
const PIECE_BYTES = 256 * 1024

export interface ArchiveOptions extends Omit<ExportOptions, 'sink'> {
  readonly out: Appender
  /** A file of ours that is gone at the end. */
  readonly spill: (name: string) => Promise<KeptSpill>
  readonly nowMs: number
}

interface KeptSpill extends Spill {
  remove(): Promise<void>
}

/** @throws what `out` throws, DiskError, ZipError: then what was written is no archive */
export async function takeOutAsZip({ out, spill, nowMs, ...options }: ArchiveOptions): Promise<ExportResult> {
  const { store, account, format } = options
  const isWide = store.mailboxes(account.id).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > WIDE_BYTES
  const directory = await spill('directory')
  try {
    const zip = new ZipWriter(out, directory)
    const kept = new Map<string, Uint8Array>()
    const put: Sink['put'] = async (path, bytes, modifiedMs) => {
      const file = await zip.begin(path, modifiedMs, false)
      await file.append(bytes)
      await file.end()
    }
    // Messages of a Maildir come while its list of UIDs grows; an mbox file is all there is of its mailbox.
    const growing: Sink['grow'] = async (path) => {
      const file = await zip.begin(path, nowMs, isWide)
      return { append: file.append, close: file.end }
    }
    const collecting: Sink['grow'] = async (path) => {
      const list = await spill('list')
      const close = async () => {
        try {
          const file = await zip.begin(path, nowMs, isWide)
          for await (const piece of list.stream()) await file.append(piece)
          await file.end()
        } finally {
          await list.remove()
        }
      }
      return { append: list.append, close }
    }
    const sink: Sink = {
      read: async () => undefined,
      keep: async (path, bytes) => void kept.set(path, bytes),
      put,
      grow: format === 'mbox' ? growing : collecting,
      names: async () => [],
      remove: async () => {},
      makeFolder: async () => {},
      checkpoint: async () => {},
    }
    const result = await takeOut({ ...options, sink })
    for (const [path, bytes] of kept) await put(path, bytes, nowMs)
    await zip.end()
    return result
  } finally {
    await directory.remove()
  }
}

/** A file of an agent that holds what waits. */
export async function diskSpill(disk: Disk, path: string): Promise<KeptSpill> {
  await disk.remove(path)
  const file = await disk.open(path, true)
  let waiting: Uint8Array[] = []
  let bytes = 0
  const flush = async () => {
    const now = waiting
    waiting = []
    bytes = 0
    if (now.length > 0) await file.append(now)
  }
  return {
    async append(piece) {
      waiting.push(piece)
      bytes += piece.length
      if (bytes >= PIECE_BYTES) await flush()
    },
    async *stream() {
      await flush()
      for (let at = 0; at < file.size; at += PIECE_BYTES) yield await file.read(at, PIECE_BYTES)
    },
    async remove() {
      await file.close()
      await disk.remove(path)
    },
  }
}
