// Files of other programs, as a Place (src/moving): the folder or file that a person names, read and never changed.

import { createReadStream, promises } from 'node:fs'
import { basename, join } from 'node:path'
import type { Entry, Place } from '../moving/place.ts'
import type { RandomFile } from '../moving/zip.ts'

const PIECE_BYTES = 1024 * 1024

/** A folder. Links are followed to files and folders, as mail programs do. */
export function folderPlace(folder: string): Place {
  const full = (path: string) => (path === '' ? folder : join(folder, path))
  return {
    async list(path) {
      const names = await promises.readdir(full(path), { withFileTypes: true }).catch(ifMissing([]))
      const entries: Entry[] = []
      for (const entry of names) {
        const isLink = entry.isSymbolicLink()
        const there = isLink ? await promises.stat(join(full(path), entry.name)).catch(ifMissing(undefined)) : entry
        if (there?.isDirectory()) entries.push({ name: entry.name, isFolder: true })
        else if (there?.isFile()) entries.push({ name: entry.name, isFolder: false })
      }
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async stat(path) {
      const there = await promises.stat(full(path)).catch(ifMissing(undefined))
      return there?.isFile() ? { sizeBytes: there.size, modifiedMs: there.mtimeMs } : undefined
    },
    stream: (path) => createReadStream(full(path), { highWaterMark: PIECE_BYTES }),
  }
}

/** One file, alone in its place. */
export function filePlace(file: string): Place {
  const name = basename(file)
  const folder = folderPlace(join(file, '..'))
  return {
    list: async (path) => (path === '' ? [{ name, isFolder: false }] : []),
    stat: async (path) => (path === name ? folder.stat(name) : undefined),
    stream: (path) => folder.stream(path),
  }
}

/** One file, read anywhere. */
export async function randomFile(path: string): Promise<RandomFile & { close(): Promise<void> }> {
  const file = await promises.open(path)
  const { size } = await file.stat()
  return {
    sizeBytes: size,
    async read(offset, length) {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)))
      let done = 0
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
    close: () => file.close(),
  }
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value
    throw error
  }
}
