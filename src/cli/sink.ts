// A folder that mail is taken out to, as a Sink (src/moving/export.ts).

import { mkdirSync } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename, rm, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NotOurs, type Sink } from '../moving/export.ts'

const SYNCED_AT_ONCE = 16

export function folderSink(folder: string): Sink {
  const full = (path: string) => join(folder, path)
  const growing = new Set<FileHandle>()
  let fresh: string[] = []
  const makeFor = (path: string) => mkdirSync(dirname(full(path)), { recursive: true, mode: 0o700 })
  const sync = async (path: string) => {
    const file = await open(path, 'r').catch(ifMissing(undefined))
    await file?.sync()
    await file?.close()
  }
  return {
    read: (path) => readFile(full(path)).catch(ifMissing(undefined)),
    async keep(path, bytes) {
      makeFor(path)
      const file = await open(`${full(path)}.new`, 'w', 0o600)
      await file.writeFile(bytes)
      await file.sync()
      await file.close()
      await rename(`${full(path)}.new`, full(path))
      await sync(dirname(full(path)))
    },
    async put(path, bytes, modifiedMs) {
      makeFor(path)
      const file = await open(full(path), 'w', 0o600)
      await file.writeFile(bytes)
      await file.close()
      await utimes(full(path), modifiedMs / 1000, modifiedMs / 1000)
      fresh.push(full(path))
    },
    async grow(path, sizeBytes) {
      makeFor(path)
      const file = await open(full(path), sizeBytes === 0 ? 'w' : 'r+', 0o600)
      if ((await file.stat()).size < sizeBytes) {
        await file.close()
        throw new NotOurs(`${full(path)} is shorter than it was left. Name another folder.`)
      }
      await file.truncate(sizeBytes)
      let at = sizeBytes
      growing.add(file)
      return {
        async append(bytes) {
          for (let done = 0; done < bytes.length; ) {
            const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at)
            done += bytesWritten
            at += bytesWritten
          }
        },
        async close() {
          growing.delete(file)
          await file.close()
        },
      }
    },
    names: (path) => readdir(full(path)).catch(ifMissing([])),
    remove: (path) => rm(full(path), { force: true }),
    async makeFolder(path) {
      mkdirSync(full(path), { recursive: true, mode: 0o700 })
    },
    async checkpoint() {
      for (const file of growing) await file.sync()
      const folders = [...new Set(fresh.map((path) => dirname(path)))]
      for (let at = 0; at < fresh.length; at += SYNCED_AT_ONCE)
        await Promise.all(fresh.slice(at, at + SYNCED_AT_ONCE).map(sync))
      for (const path of folders) await sync(path)
      fresh = []
    },
  }
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value
    throw error
  }
}
