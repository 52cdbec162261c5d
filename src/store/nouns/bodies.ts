// The bytes of messages, apart from what is known of them: each content is kept once, named by its hash.

/** SHA-256 of the content, hex. */
export type BlobHash = string

/** Where a body lies; small bodies in a segment file, large ones in a file of their own. */
export interface BlobRef {
  readonly hash: BlobHash
  readonly sizeBytes: number
  readonly segment: number
  readonly offset: number
  /** What it takes on disk, where it was tried to pack it (bodies/packed.ts); else it lies there as it is. */
  readonly storedBytes?: number
}

/** The segment of bodies in a file of their own, named by hash. */
export const OWN_FILE = 0

/** In a BlobRef: wherever the store's index says; a commit that names it is refused when the index knows no such body. */
export const UNKNOWN_SEGMENT = -1
