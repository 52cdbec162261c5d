// The real disk: one folder, durable on demand. A name is durable because its folder is synced, bytes because the file
// is; a path is replaced by rename only. All file work runs in libuv's pool.

import * as fs from 'node:fs'
import { promises } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { type Database, type DatabaseOwner, type Disk, DiskError, type DiskFile, type OwnerModule } from '../disk.ts'
import type { Seal } from '../seal.ts'
import { openRealDatabase } from './database.ts'
import { ownInThread } from './database-owner.ts'
import { diskError } from './errors.ts'
import { AppendFile, durableWrites } from './file.ts'
import { isDatabase, memoryFolder } from './memory-folder.ts'

const temporarySuffix = '.tmp'
let temporaryCount = 0

export class RealDisk implements Disk {
  readonly seal: Seal | undefined
  readonly #folder: string
  /** Where databases lie, if not there. */
  readonly #memory: string | undefined
  /**
   * Paths that SQLite has open here, with the number of connections. Closing them with `fs` would drop this process's
   * POSIX locks on them.
   */
  readonly #databasePaths: Map<string, number>
  /** Kept for the life of the process, and from the garbage collector, which would close them. */
  readonly #locks: Map<string, DatabaseSync>

  /** `base`: the same disk, not sealed. */
  constructor(folder: string, sealed?: { readonly seal: Seal; readonly memory: string; readonly base: RealDisk }) {
    this.#folder = resolve(folder)
    this.seal = sealed?.seal
    this.#memory = sealed?.memory
    this.#databasePaths = sealed === undefined ? new Map() : sealed.base.#databasePaths
    this.#locks = sealed === undefined ? new Map() : sealed.base.#locks
    try {
      fs.mkdirSync(this.#folder, { recursive: true })
    } catch (error) {
      throw diskError(error, this.#folder)
    }
  }

  sealed(seal: Seal, name: string): Disk {
    return new RealDisk(this.#folder, { seal, memory: memoryFolder(name), base: this })
  }

  async open(path: string, create: boolean): Promise<DiskFile> {
    const full = this.#fullPath(path)
    try {
      if (create) await this.#makeFolder(dirname(full))
      const wasThere = !create || (await exists(full))
      const flags = fs.constants.O_RDWR | durableWrites | (create ? fs.constants.O_CREAT : 0)
      const handle = await promises.open(full, flags, 0o600)
      if (!wasThere) await syncFolder(dirname(full))
      return new AppendFile(path, handle, (await handle.stat()).size, durableWrites !== 0)
    } catch (error) {
      throw diskError(error, path)
    }
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const full = this.#fullPath(path)
    try {
      return await promises.readFile(full)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw diskError(error, path)
    }
  }

  async writeFile(path: string, bytes: Uint8Array, options: { readonly secret?: boolean } = {}): Promise<void> {
    const full = this.#fullPath(path)
    const temporary = `${full}.${process.pid}.${++temporaryCount}${temporarySuffix}`
    try {
      await this.#makeFolder(dirname(full))
      const handle = await promises.open(temporary, 'wx', options.secret === true ? 0o600 : 0o640)
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await promises.rename(temporary, full)
      await syncFolder(dirname(full))
    } catch (error) {
      await promises.rm(temporary, { force: true }).catch(() => {})
      throw diskError(error, path)
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#fullPath(from)
    const target = this.#fullPath(to)
    try {
      await this.#makeFolder(dirname(target))
      await promises.rename(source, target)
      await syncFolder(dirname(target))
      if (dirname(source) !== dirname(target)) await syncFolder(dirname(source))
    } catch (error) {
      throw diskError(error, from)
    }
  }

  async remove(path: string): Promise<void> {
    const full = this.#fullPath(path)
    try {
      await promises.unlink(full)
    } catch (error) {
      if (!isMissing(error)) throw diskError(error, path)
    }
  }

  async list(folder: string): Promise<string[]> {
    const full = folder === '' || folder === '.' ? this.#folder : this.#fullPath(folder)
    try {
      const names = await namesIn(full)
      // What lies in memory is seen in its place.
      const others = this.#memory === undefined ? [] : await namesIn(join(this.#memory, folder))
      const here = this.#memory === undefined ? names : names.filter((name) => !isDatabase(`${folder}/${name}`))
      return [...here, ...others].sort()
    } catch (error) {
      throw diskError(error, folder)
    }
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await promises.statfs(this.#folder)
    return bavail * bsize
  }

  openDatabase(path: string, mode: 'read' | 'write'): Database {
    const full = this.#databasePath(path)
    const database = openRealDatabase(full, mode, () => this.#countDatabase(full, -1))
    this.#countDatabase(full, 1)
    return database
  }

  async ownDatabase(path: string, { url: moduleUrl }: OwnerModule): Promise<DatabaseOwner> {
    const full = this.#databasePath(path)
    const folder = dirname(join(this.#folder, path))
    const owner = await ownInThread({ path: full, moduleUrl, folder, keys: this.seal?.keys })
    this.#countDatabase(full, 1)
    let isClosed = false
    return {
      request: (message) => owner.request(message),
      close: async () => {
        await owner.close()
        if (!isClosed) this.#countDatabase(full, -1)
        isClosed = true
      },
    }
  }

  async copyDatabase(from: string, to: string): Promise<void> {
    const source = this.#databasePath(from)
    const target = this.#databasePath(to)
    for (const end of ['', '-wal', '-shm', '-journal']) await this.remove(`${to}${end}`)
    try {
      const database = new DatabaseSync(source, { readOnly: true, timeout: 5000 })
      this.#countDatabase(source, 1)
      this.#countDatabase(target, 1)
      try {
        // All pages in one step, in libuv's pool: a copy in several steps begins anew whenever somebody writes.
        await backup(database, target, { rate: 2 ** 31 - 1 })
      } finally {
        database.close()
        this.#countDatabase(source, -1)
        this.#countDatabase(target, -1)
      }
      await syncFolder(dirname(target))
    } catch (error) {
      throw diskError(error, from)
    }
  }

  /**
   * An exclusive SQLite lock on `<path>/lock.db`: a POSIX lock, which the kernel releases however the process ends
   * (Node offers no flock). Who holds it is written beside it, for people.
   */
  async lock(path: string): Promise<() => void> {
    const folder = path === '' || path === '.' ? this.#folder : this.#fullPath(path)
    const lockPath = join(folder, 'lock.db')
    const holderPath = join(folder, 'lock.holder')
    if (this.#locks.has(lockPath)) throw new DiskError('locked', `${folder} is already held by this process.`)
    let database: DatabaseSync | undefined
    try {
      await this.#makeFolder(folder)
      database = new DatabaseSync(lockPath, { timeout: 0 })
      // The default rollback journal: in WAL mode an exclusive transaction would not keep readers out of the file.
      database.exec('BEGIN EXCLUSIVE')
      await promises.writeFile(holderPath, `process ${process.pid}\n`)
      this.#locks.set(lockPath, database)
      this.#countDatabase(lockPath, 1)
      return () => {
        this.#locks.get(lockPath)?.close()
        this.#locks.delete(lockPath)
      }
    } catch (error) {
      try {
        database?.close()
      } catch {
        // The lock was not ours.
      }
      const mapped = diskError(error, lockPath)
      if (mapped.code !== 'locked') throw mapped
      const holder = await promises.readFile(holderPath, 'utf8').catch(() => 'another process')
      throw new DiskError('locked', `${folder} is held by ${holder.trim()}.`)
    }
  }

  #databasePath(path: string): string {
    const full = this.#fullPath(path, true)
    fs.mkdirSync(dirname(full), { recursive: true })
    return full
  }

  #countDatabase(full: string, change: 1 | -1): void {
    const count = (this.#databasePaths.get(full) ?? 0) + change
    if (count > 0) this.#databasePaths.set(full, count)
    else this.#databasePaths.delete(full)
  }

  /** @throws DiskError for paths that leave the folder, and for files that belong to SQLite */
  #fullPath(path: string, isOwn = false): string {
    if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\0') || path === '') {
      throw new DiskError('failed', `'${path}' is not a path inside the folder.`)
    }
    const full = join(this.#memory !== undefined && isDatabase(path) ? this.#memory : this.#folder, path)
    if (!isOwn && this.#databasePaths.has(full.replace(/-(?:wal|shm)$/, ''))) {
      throw new DiskError('failed', `${path} is an open database: opening it as a file would drop its locks.`)
    }
    return full
  }

  /** Makes missing folders, and makes their names durable. */
  async #makeFolder(folder: string): Promise<void> {
    const first = await promises.mkdir(folder, { recursive: true })
    if (first === undefined) return
    for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await promises.readdir(folder)).filter((name) => !name.endsWith(temporarySuffix))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  return promises.access(path).then(
    () => true,
    () => false,
  )
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await promises.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
