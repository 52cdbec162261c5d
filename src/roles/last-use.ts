// When, where and from where something was used last that opens a door: noted again after a while, or from elsewhere.

import type { Door } from './app-passwords.ts'

export interface LastUse {
  readonly atMs: number
  readonly from: string
  readonly door: Door
}

const NOTED_EVERY_MS = 300_000

export function isNoteworthy(last: LastUse | null, now: LastUse): boolean {
  return last === null || last.from !== now.from || last.door !== now.door || now.atMs - last.atMs >= NOTED_EVERY_MS
}
