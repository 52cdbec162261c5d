// Pigeonhole's Sieve tests: scripts in the language that test themselves (`vnd.dovecot.testsuite`). Each `test` is a case. What
// stands in a folder named `failures` once crashed that server: such a test asks for what is not there, and must fail.

import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'
import { Bed } from './sieve/bed.ts'
import { runTests } from './sieve/testsuite.ts'

export const sievePigeonholeSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of filesBelow(dir)) {
    const folder = dirname(file)
    const mustFail = basename(folder) === 'failures'
    runTests(relative(dir, file), readFileSync(file), new Bed(folder), report, mustFail)
  }
  return report
}

function filesBelow(dir: string): string[] {
  return [...filesIn(dir, '.svtest'), ...foldersOf(dir).flatMap((folder) => filesBelow(join(dir, folder)))]
}
