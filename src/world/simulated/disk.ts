// A simulated machine's disk: files in memory that outlive the machine, with the faults of real disks (full, failing,
// slow) and what a crash does to bytes that were not synced. Folders exist by being named.

import {
  type Database,
  type DatabaseOwner,
  type Disk,
  DiskError,
  type DiskFile,
  type OwnerFile,
  type OwnerFiles,
  type OwnerModule,
} from '../disk.ts'
import type { Seal } from '../seal.ts'
import type { Random } from '../world.ts'
import { MemoryDatabase, ownInPlace } from './database.ts'
import { FileContent } from './file.ts'
import type { Life } from './queue.ts'
import type { Simulation } from './simulation.ts'

export type DiskOperation = 'open' | 'append' | 'sync' | 'read' | 'write' | 'truncate' | 'rename' | 'remove'

/** A fault to come: the next `times` operations of this kind (on paths that start with `path`) fail. */
export interface DiskFault {
  readonly operation: DiskOperation
  readonly code: 'full' | 'failed'
  /** Default 1; Infinity for a fault that stays. */
  readonly times?: number
  readonly path?: string
  /** So many of them go well before. */
  readonly after?: number
}

const defaultCapacityBytes = 2 ** 40
const defaultSyncMs = 1
const memoryMs = 0.02

export class SimulatedDisk {
  /** Duration of each sync from now on. */
  syncMs: number
  capacityBytes: number
  readonly #simulation: Simulation
  readonly #host: string
  readonly #random: Random
  readonly #files = new Map<string, FileContent>()
  readonly #databases = new Map<string, MemoryDatabase>()
  readonly #locks = new Set<string>()
  /** They are gone after a power failure. */
  #areDatabasesInMemory = false
  #faults: { fault: DiskFault; left: number; spared: number }[] = []

  constructor(simulation: Simulation, host: string, options: { capacityBytes?: number; syncMs?: number }) {
    this.#simulation = simulation
    this.#host = host
    this.#random = simulation.random(`${host}/disk`)
    this.capacityBytes = options.capacityBytes ?? defaultCapacityBytes
    this.syncMs = options.syncMs ?? defaultSyncMs
  }

  /** Makes operations fail. */
  fault(fault: DiskFault): void {
    this.#faults.push({ fault, left: fault.times ?? 1, spared: fault.after ?? 0 })
  }

  /** Ends all faults. */
  repair(): void {
    this.#faults = []
  }

  /** Bytes in files (databases are not counted). */
  get usedBytes(): number {
    return this.bytesIn('')
  }

  /** Bytes in files whose path starts so. */
  bytesIn(start: string): number {
    let bytes = 0
    for (const [path, file] of this.#files) if (path.startsWith(start)) bytes += file.size
    return bytes
  }

  /** What a power failure does. Called by the host's crash. */
  loseUnsynced(): void {
    for (const file of this.#files.values()) file.crash(this.#random)
    for (const path of this.#databases.keys()) {
      // As memory-folder.ts has it.
      if (this.#areDatabasesInMemory && !/(?:^|\/)snapshot\//.test(path)) this.#databases.delete(path)
    }
    for (const database of this.#databases.values()) database.crash()
    this.#locks.clear()
  }

  /** The disk as one incarnation of the host sees it. */
  face(life: Life, seal?: Seal): Disk {
    return {
      seal,
      sealed: (by) => {
        this.#areDatabasesInMemory = true
        return this.face(life, by)
      },
      open: async (path, create) => {
        const key = normalPath(path)
        const found = await this.#perform(life, 'open', key, create ? this.syncMs : memoryMs, () => {
          const known = this.#files.get(key) ?? this.#databases.get(key)?.asFile()
          if (known !== undefined) return known
          if (!create) throw new DiskError('missing', `${key} does not exist.`)
          const made = new FileContent()
          this.#files.set(key, made)
          return made
        })
        return this.#openFile(life, key, found)
      },
      readFile: (path) => {
        const key = normalPath(path)
        return this.#perform(life, 'read', key, memoryMs, () => {
          const file = this.#files.get(key)
          return file?.read(0, file.size)
        })
      },
      writeFile: (path, bytes) => {
        const key = normalPath(path)
        const copy = Buffer.from(bytes)
        return this.#perform(life, 'write', key, this.syncMs * 2, () => {
          this.#mustFit(copy.length)
          const file = new FileContent()
          file.append([copy])
          file.markSynced(copy.length)
          this.#files.set(key, file)
        })
      },
      rename: (from, to) => {
        const source = normalPath(from)
        const target = normalPath(to)
        return this.#perform(life, 'rename', source, this.syncMs, () => {
          const database = this.#databases.get(source)
          if (database !== undefined) {
            this.#databases.delete(source)
            this.#databases.set(target, database)
            return
          }
          const file = this.#files.get(source)
          if (file === undefined) throw new DiskError('missing', `${source} does not exist.`)
          this.#files.delete(source)
          this.#files.set(target, file)
        })
      },
      remove: (path) => {
        const key = normalPath(path)
        return this.#perform(life, 'remove', key, memoryMs, () => {
          this.#files.delete(key)
          this.#databases.delete(key)
        })
      },
      list: (folder) => {
        const prefix = folder === '' || folder === '.' ? '' : `${normalPath(folder)}/`
        return this.#perform(life, 'read', prefix, memoryMs, () => this.#list(prefix))
      },
      freeBytes: () =>
        this.#perform(life, 'read', '', memoryMs, () => Math.max(0, this.capacityBytes - this.usedBytes)),
      openDatabase: (path, mode) => this.#openDatabase(life, normalPath(path), mode),
      ownDatabase: (path, module) => this.#ownDatabase(life, normalPath(path), module, seal),
      copyDatabase: (from, to) => {
        const source = normalPath(from)
        const target = normalPath(to)
        return this.#perform(life, 'write', target, this.syncMs * 2, () => {
          const file = this.#databases.get(source)?.asFile() ?? this.#files.get(source)
          if (file === undefined) throw new DiskError('missing', `${source} does not exist.`)
          this.#databases.set(target, MemoryDatabase.fromFile(file))
        })
      },
      lock: (path) => {
        const key = normalPath(path)
        return this.#perform(life, 'read', key, memoryMs, () => {
          if (this.#locks.has(key)) throw new DiskError('locked', `${key} is held by this host's other program.`)
          this.#locks.add(key)
          return () => {
            this.#locks.delete(key)
          }
        })
      },
    }
  }

  #openFile(life: Life, path: string, file: FileContent): DiskFile {
    let isBroken = false
    const mustWork = () => {
      if (isBroken) throw new DiskError('failed', `${path}: an earlier sync failed, the file must be given up.`)
    }
    return {
      get size() {
        return file.size
      },
      append: async (chunks) => {
        mustWork()
        let bytes = 0
        for (const chunk of chunks) bytes += chunk.length
        const copies = chunks.map((chunk) => Buffer.from(chunk))
        return this.#perform(life, 'append', path, memoryMs, () => {
          mustWork()
          this.#mustFit(bytes)
          return file.append(copies)
        })
      },
      sync: async () => {
        mustWork()
        // What was asked for before this call has happened when this event does (appends take less time and keep
        // their order), unless syncs are quicker than memory; so both wait the same way.
        await this.#perform(life, 'sync', path, memoryMs, () => {}, false)
        const size = file.size
        await this.#perform(life, 'sync', path, this.syncMs, () => file.markSynced(size)).catch((error) => {
          isBroken = true
          throw error
        })
      },
      read: (offset, length) => this.#perform(life, 'read', path, memoryMs, () => file.read(offset, length)),
      truncate: (size) => this.#perform(life, 'truncate', path, memoryMs, () => file.truncate(size)),
      close: () => this.#perform(life, 'read', path, memoryMs, () => {}, false),
    }
  }

  #openDatabase(life: Life, path: string, mode: 'read' | 'write'): Database {
    let database = this.#databases.get(path)
    const copied = this.#files.get(path)
    if (database === undefined && copied !== undefined) {
      database = MemoryDatabase.fromFile(copied)
      this.#files.delete(path)
      this.#databases.set(path, database)
    }
    if (database === undefined) {
      if (mode === 'read') throw new DiskError('missing', `${path} does not exist.`)
      database = new MemoryDatabase()
      this.#databases.set(path, database)
    }
    // The owner's own connection stays sound: what it cannot read is another story, told to whoever commits.
    return database.connect(life, mode, () => mode === 'read' && this.#meetFault('read', path))
  }

  async #ownDatabase(life: Life, path: string, owner: OwnerModule, seal: Seal | undefined): Promise<DatabaseOwner> {
    const module = await this.#simulation.hold(owner.load())
    const files = { seal, ...this.#ownerFiles(life, path.slice(0, path.lastIndexOf('/') + 1)) }
    return ownInPlace(life, this.#openDatabase(life, path, 'write'), files, module, (kind, action) => {
      this.#simulation.schedule(this.syncMs, life, kind, this.#host, path, undefined, action)
    })
  }

  /** Files of an owner that runs in place: what it does to them happens within its event. */
  #ownerFiles(life: Life, folder: string): OwnerFiles {
    const perform = <T>(operation: DiskOperation, path: string, action: () => T): T => {
      if (!life.alive) throw new Error('This incarnation of the host has crashed.')
      this.#meetFault(operation, path)
      return action()
    }
    return {
      open: (path, create) => {
        const key = normalPath(folder + path)
        return perform('open', key, () => {
          const file = this.#files.get(key) ?? (create ? new FileContent() : undefined)
          if (file === undefined) throw new DiskError('missing', `${key} does not exist.`)
          this.#files.set(key, file)
          return this.#ownerFile(file, key, perform)
        })
      },
      list: (path) => perform('read', folder + path, () => this.#list(`${normalPath(folder + path)}/`)),
      remove: (path) => {
        const key = normalPath(folder + path)
        perform('remove', key, () => this.#files.delete(key))
      },
    }
  }

  #ownerFile(
    file: FileContent,
    path: string,
    perform: <T>(operation: DiskOperation, path: string, action: () => T) => T,
  ): OwnerFile {
    return {
      get size() {
        return file.size
      },
      append: (chunks) => {
        const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
        perform('append', path, () => {
          this.#mustFit(bytes)
          file.append(chunks)
        })
        try {
          perform('sync', path, () => file.markSynced(file.size))
        } catch (error) {
          throw error instanceof DiskError ? new DiskError('failed', error.message) : error
        }
      },
      read: (offset, length) => perform('read', path, () => file.read(offset, length)),
      truncate: (size) => perform('truncate', path, () => file.truncate(size)),
      close: () => {},
    }
  }

  /** One operation as an event: it takes time, may meet a fault, and happens for a living incarnation only. */
  #perform<T>(
    life: Life,
    operation: DiskOperation,
    path: string,
    durationMs: number,
    action: () => T,
    mayFail = true,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!life.alive) return
      this.#simulation.schedule(durationMs, life, operation, this.#host, path, undefined, () => {
        try {
          if (mayFail) this.#meetFault(operation, path)
          resolve(action())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #meetFault(operation: DiskOperation, path: string): void {
    for (const entry of this.#faults) {
      const { fault } = entry
      if (entry.left <= 0 || fault.operation !== operation || !path.startsWith(fault.path ?? '')) continue
      if (entry.spared-- > 0) continue
      entry.left--
      throw new DiskError(fault.code, `${path}: ${operation} refused by the simulated disk (${fault.code}).`)
    }
  }

  #mustFit(bytes: number): void {
    // Counting every file for every append would be slow; nobody fills the default disk.
    if (this.capacityBytes < defaultCapacityBytes && this.usedBytes + bytes > this.capacityBytes)
      throw new DiskError('full', 'The simulated disk is full.')
  }

  #list(prefix: string): string[] {
    const names = new Set<string>()
    for (const path of [...this.#files.keys(), ...this.#databases.keys()]) {
      if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split('/', 1)[0]!)
    }
    return [...names].sort()
  }
}

/** @throws DiskError for paths that leave the folder */
function normalPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.startsWith('/') || parts.includes('..') || path.includes('\0') || parts.length === 0) {
    throw new DiskError('failed', `'${path}' is not a path inside the folder.`)
  }
  return parts.join('/')
}
