// The public suffix suite: lines `checkPublicSuffix(name, registrable domain or null);`.

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { domainToASCII } from 'node:url'
import { registrableDomain } from '../../identity/public-suffix.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

const CHECK = /^checkPublicSuffix\((null|'([^']*)'), (?:null|'([^']*)')\);/

export const pslSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of filesIn(dir, '.txt')) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const match = CHECK.exec(line)
      if (!match) continue
      // Names are A-labels everywhere in this program, so a U-label is expected as its A-label.
      const expected = match[3] === undefined ? 'none' : domainToASCII(match[3])
      report.check(`${basename(file)}: ${match[1]}`, expected, registrableDomain(match[2] ?? '') ?? 'none')
    }
  }
  return report
}
