// What the tests of this room share: a place in memory.

import type { Sink } from './export.ts'
import type { Place } from './place.ts'

export const atMs = Date.UTC(2026, 10, 20, 12)

/** Files by path, read in pieces of `pieceBytes`. */
export function memoryPlace(files: Readonly<Record<string, string | Uint8Array>>, pieceBytes = 1000): Place {
  const bytes = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]))
  return {
    async list(folder) {
      const prefix = folder === '' ? '' : `${folder}/`
      const names = new Map<string, boolean>()
      for (const path of bytes.keys()) {
        if (!path.startsWith(prefix)) continue
        const [name, ...rest] = path.slice(prefix.length).split('/')
        names.set(name!, rest.length > 0)
      }
      const entries = [...names].map(([name, isFolder]) => ({ name, isFolder }))
      return entries.filter(({ name }) => name !== '').sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async stat(path) {
      const content = bytes.get(path)
      return content && { sizeBytes: content.length, modifiedMs: atMs }
    },
    async *stream(path) {
      const content = bytes.get(path) ?? Buffer.alloc(0)
      for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes)
    },
  }
}

/** A folder in memory. `durable` is what is there after the machine stopped: what a checkpoint saw, or was kept. */
export class MemorySink implements Sink {
  files = new Map<string, Buffer>()
  readonly times = new Map<string, number>()
  durable = new Map<string, Buffer>()

  async read(path: string) {
    return this.files.get(path)
  }
  async keep(path: string, bytes: Uint8Array) {
    this.files.set(path, Buffer.from(bytes))
    this.durable.set(path, Buffer.from(bytes))
  }
  async put(path: string, bytes: Uint8Array, modifiedMs: number) {
    this.files.set(path, Buffer.from(bytes))
    this.times.set(path, modifiedMs)
  }
  async grow(path: string, sizeBytes: number) {
    this.files.set(path, (this.files.get(path) ?? Buffer.alloc(0)).subarray(0, sizeBytes))
    const append = async (bytes: Uint8Array) => void this.files.set(path, Buffer.concat([this.files.get(path)!, bytes]))
    return { append, close: async () => {} }
  }
  async names(folder: string) {
    const prefix = folder === '' ? '' : `${folder}/`
    return [...this.files.keys()].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length))
  }
  async remove(path: string) {
    this.files.delete(path)
  }
  async makeFolder() {}
  async checkpoint() {
    this.durable = new Map(this.files)
  }
  /** The machine stops: of the rest a part may be there. */
  crash(isKept: () => boolean) {
    const before = this.files
    this.files = new Map(this.durable)
    for (const [path, bytes] of before) {
      const length = this.files.get(path)?.length ?? 0
      if (isKept()) this.files.set(path, bytes.subarray(0, Math.max(length, Math.floor(bytes.length * 0.9))))
    }
  }
  get place(): Place {
    const place = memoryPlace(Object.fromEntries(this.files))
    const stat = async (path: string) => {
      const there = await place.stat(path)
      return there && { ...there, modifiedMs: this.times.get(path) ?? there.modifiedMs }
    }
    return { ...place, stat }
  }
}
