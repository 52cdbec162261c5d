// zstd (RFC 8878) at once, for Cpu.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'

export const compressed = (bytes: Uint8Array): Buffer => zstdCompressSync(bytes)

/** See Cpu.decompress. */
export function decompressed(bytes: Uint8Array, mostBytes: number): Buffer | undefined {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: mostBytes })
  } catch {
    return undefined
  }
}
