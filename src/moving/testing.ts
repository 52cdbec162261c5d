// What the tests of this room share: a place in memory.

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
