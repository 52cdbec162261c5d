// Files that are read often stay open: the most recently used ones, up to a limit; a file in use is never closed.

import { type Disk, DiskError, type DiskFile } from '../../world/disk.ts'

interface Entry {
  readonly file: Promise<DiskFile>
  users: number
  isDropped: boolean
}

export class OpenFiles {
  readonly #disk: Disk
  readonly #limit: number
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()

  constructor(disk: Disk, limit: number) {
    this.#disk = disk
    this.#limit = limit
  }

  /** Undefined when there is no such file. @throws DiskError */
  async use<T>(path: string, work: (file: DiskFile) => Promise<T>): Promise<T | undefined> {
    const entry = this.#entries.get(path) ?? { file: this.#disk.open(path, false), users: 0, isDropped: false }
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    entry.users++
    try {
      return await work(await entry.file)
    } catch (error) {
      if (this.#entries.get(path) === entry) this.#entries.delete(path)
      entry.isDropped = true
      if (error instanceof DiskError && error.code === 'missing') return undefined
      throw error
    } finally {
      entry.users--
      if (entry.isDropped) this.#closeUnused(entry)
      else this.#evict()
    }
  }

  /** Takes over a file that is open already. */
  adopt(path: string, file: DiskFile): void {
    this.drop(path)
    this.#entries.set(path, { file: Promise.resolve(file), users: 0, isDropped: false })
    this.#evict()
  }

  /** Forgets a file, because it goes away. */
  drop(path: string): void {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#entries.delete(path)
    entry.isDropped = true
    this.#closeUnused(entry)
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    for (const entry of entries) await entry.file.then((file) => file.close()).catch(() => {})
  }

  #evict(): void {
    if (this.#entries.size <= this.#limit) return
    for (const [path, entry] of this.#entries) {
      if (entry.users > 0) continue
      this.drop(path)
      return
    }
  }

  #closeUnused(entry: Entry): void {
    if (entry.users === 0) entry.file.then((file) => file.close()).catch(() => {})
  }
}
