// Disk: files with explicit durability, and SQLite databases. Paths are relative to the actor's own folder,
// with '/' between parts; '..' is refused. What was not synced may be gone after a crash, in both worlds.

import type { Seal } from './seal.ts'

/** Why the disk refused. 'full' covers ENOSPC and EDQUOT; 'failed' is EIO, EROFS and everything else. */
export class DiskError extends Error {
  readonly code: 'full' | 'failed' | 'missing' | 'exists' | 'locked'
  constructor(code: DiskError['code'], message: string) {
    super(message)
    this.name = 'DiskError'
    this.code = code
  }
}

export interface DiskFile {
  /** Bytes in the file, counting those appended but not yet synced. */
  readonly size: number
  /** Appends the chunks one after another; resolves with the offset of the first byte. All or DiskError (a partial tail is cut off). */
  append(chunks: readonly Uint8Array[]): Promise<number>
  /** fdatasync: afterwards everything appended before the call survives a crash. After an error, give the file up. */
  sync(): Promise<void>
  /** Up to `length` bytes from `offset` (fewer at the end of the file). */
  read(offset: number, length: number): Promise<Buffer>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

export type SqlValue = null | number | bigint | string | Uint8Array

/** A prepared statement. Parameters are positional. */
export interface Statement {
  run(...parameters: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  get(...parameters: SqlValue[]): Record<string, SqlValue> | undefined
  all(...parameters: SqlValue[]): Record<string, SqlValue>[]
  iterate(...parameters: SqlValue[]): IterableIterator<Record<string, SqlValue>>
}

/**
 * A SQLite connection (WAL, synchronous=FULL: a commit that is visible is durable; an owner that makes its commits
 * durable itself may choose NORMAL). Synchronous by nature.
 */
export interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  /** Begins to bring the log to the disk, so that less is left when it is folded in. Nobody waits, nothing rests on it. */
  settleLog(): void
  close(): void
}

/** A file of an owned database's thread. Synchronous, because a transaction waits meanwhile. */
export interface OwnerFile {
  readonly size: number
  /** Durable when it returns. @throws DiskError: 'full' when the file is as it was before; else give it up. */
  append(chunks: readonly Uint8Array[]): void
  /** Up to `length` bytes from `offset` (fewer at the end of the file). @throws DiskError */
  read(offset: number, length: number): Buffer
  /** Durable when it returns. @throws DiskError */
  truncate(size: number): void
  close(): void
}

/** The files beside an owned database: paths are relative to the folder that it lies in. */
export interface OwnerFiles {
  /** Of the disk that they lie on. */
  readonly seal?: Seal | undefined
  /** Makes the file, and its name durable, when `create`. @throws DiskError */
  open(path: string, create: boolean): OwnerFile
  /** Names in a folder, sorted; empty when it is missing. @throws DiskError */
  list(folder: string): string[]
  /** Idempotent. @throws DiskError */
  remove(path: string): void
}

/** The module that owns a database. A thread of its own imports it from its URL; whoever runs it in place loads it. */
export interface OwnerModule {
  /** An absolute file: URL. */
  readonly url: string
  load(): Promise<{ serve(database: Database, files: OwnerFiles): (message: unknown) => unknown }>
}

/**
 * Runs the module's `serve` beside the network thread, on its own writing connection: the function returned answers
 * requests (structured-cloneable values) one at a time, in order. In the real world this is a worker thread; in the
 * simulated world the same function runs in place.
 */
export interface DatabaseOwner {
  request(message: unknown): Promise<unknown>
  close(): Promise<void>
}

export interface Disk {
  /** What seals what lies on it; undefined: it is kept as it is. Whoever writes bytes seals them. */
  readonly seal?: Seal | undefined
  /**
   * The same disk, for one whose bytes are sealed. Its databases lie in memory, under this name: they are gone after a
   * power cut. @throws DiskError when there is no such place
   */
  sealed(seal: Seal, name: string): Disk
  /** Opens for appending and reading; makes the file (and syncs its folder) when `create`. @throws DiskError */
  open(path: string, create: boolean): Promise<DiskFile>
  /** Whole content, or undefined when missing. */
  readFile(path: string): Promise<Buffer | undefined>
  /** Temp file, write, sync, rename, sync folder: the path holds the old or the new content, never half. `secret`: mode 0600. */
  writeFile(path: string, bytes: Uint8Array, options?: { readonly secret?: boolean }): Promise<void>
  /** Atomic; both folders are synced. */
  rename(from: string, to: string): Promise<void>
  /** Idempotent. */
  remove(path: string): Promise<void>
  /** Names in a folder, sorted; empty when it is missing. */
  list(folder: string): Promise<string[]>
  /** Bytes free for us. */
  freeBytes(): Promise<number>
  /** A read connection for this thread. In WAL mode readers see every durable commit at once. */
  openDatabase(path: string, mode: 'read' | 'write'): Database
  /** See DatabaseOwner. */
  ownDatabase(path: string, module: OwnerModule): Promise<DatabaseOwner>
  /** A copy of one moment of a database, durable, while others write it. Replaces what is at `to`. @throws DiskError */
  copyDatabase(from: string, to: string): Promise<void>
  /** Takes the folder for this process until it ends or calls what it got. @throws DiskError 'locked' naming who holds it. */
  lock(path: string): Promise<() => void>
}
