// What a conformance suite says: counts, and one block of lines for each failure. Also the small helpers all suites
// share: listing the data files of a folder, so that any file of the right form counts, whatever its name.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'

interface SuiteOutcome {
  passed: number
  failed: number
  skipped: number
  /** What to print: each failure with what was expected and what came. */
  lines: string[]
}

/** Runs every case found in the folder. */
export type Suite = (dir: string) => Promise<SuiteOutcome>

/** Counts cases as a suite runs. */
export class SuiteReport implements SuiteOutcome {
  passed = 0
  failed = 0
  skipped = 0
  readonly lines: string[] = []

  /** Records a case: passed when `got` is one of the `expected`. */
  check(name: string, expected: string | readonly string[], got: string, more: readonly string[] = []): void {
    const wanted = typeof expected === 'string' ? [expected] : expected
    if (wanted.includes(got)) this.passed++
    else this.fail(name, wanted.join(' or '), got, more)
  }

  fail(name: string, expected: string, got: string, more: readonly string[] = []): void {
    this.failed++
    this.lines.push(
      `FAILED ${name}`,
      `  expected: ${expected}`,
      `  got:      ${got}`,
      ...more.map((line) => `  ${line}`),
    )
  }

  skip(name: string, reason: string): void {
    this.skipped++
    this.lines.push(`skipped ${name}: ${reason}`)
  }
}

/** Paths of the files in the folder whose name ends so, sorted. */
export function filesIn(dir: string, ending = ''): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(dir, entry.name))
    .sort()
}

/** Names of the folders in the folder, sorted. */
export function foldersOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}
