// What Node, Linux and SQLite say, in the words of DiskError.

import { DiskError } from '../disk.ts'

const codeOfErrno: Readonly<Record<string, DiskError['code']>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  ENOENT: 'missing',
  EEXIST: 'exists',
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html) that tell of the disk, not of the statement. */
const codeOfSqlite: Readonly<Record<number, DiskError['code']>> = {
  5: 'locked', // SQLITE_BUSY
  6: 'locked', // SQLITE_LOCKED
  8: 'failed', // SQLITE_READONLY
  10: 'failed', // SQLITE_IOERR
  11: 'failed', // SQLITE_CORRUPT
  13: 'full', // SQLITE_FULL
  14: 'missing', // SQLITE_CANTOPEN
  26: 'failed', // SQLITE_NOTADB
}

/** A file operation's error. */
export function diskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string }
  const mapped = errcode === undefined ? codeOfErrno[code ?? ''] : codeOfSqlite[errcode & 0xff]
  return new DiskError(mapped ?? 'failed', `${path}: ${message ?? String(error)}`)
}

/** A statement's error: the disk's become DiskError, others (constraints, mistakes in SQL) stay what they are. */
export function databaseError(error: unknown, path: string): unknown {
  const { errcode } = error as { errcode?: number }
  if (errcode === undefined) return error
  return codeOfSqlite[errcode & 0xff] === undefined ? error : diskError(error, path)
}
