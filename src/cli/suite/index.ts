// Conformance suites that are data, run against this program's own code: `npm run suite -- NAME DIR`.
// DIR may be any folder with files of the suite's form. exceptions.md says which cases we answer differently, and why.

import { addressesSuite } from './addresses.ts'
import { arcSuite } from './arc.ts'
import { attackEspooferSuite } from './attack-espoofer.ts'
import { attackSmtpSuite } from './attack-smtp.ts'
import { bouncesSuite } from './bounces.ts'
import { corpusSuite } from './corpus.ts'
import { dkimSuite } from './dkim.ts'
import { dmarcSuite } from './dmarc.ts'
import { imaptestSuite } from './imap-imaptest.ts'
import { imapMptSuite } from './imap-mpt.ts'
import { managesieveMptSuite } from './managesieve-mpt.ts'
import { mimeAmbiguitySuite } from './mime-ambiguity.ts'
import { mtaStsSuite } from './mta-sts.ts'
import { pslSuite } from './psl.ts'
import { receivedSuite } from './received.ts'
import type { Suite } from './report.ts'
import { reportsSuite } from './reports.ts'
import { sievePigeonholeSuite } from './sieve.ts'
import { spfSuite } from './spf.ts'

export const suites: Record<string, Suite> = {
  spf: spfSuite,
  dkim: dkimSuite,
  arc: arcSuite,
  dmarc: dmarcSuite,
  psl: pslSuite,
  addresses: addressesSuite,
  received: receivedSuite,
  'corpus-spamassassin': corpusSuite,
  reports: reportsSuite,
  bounces: bouncesSuite,
  'mta-sts': mtaStsSuite,
  'attack-espoofer': attackEspooferSuite,
  'imap-imaptest': imaptestSuite,
  'imap-mpt': imapMptSuite,
  'attack-smtp': attackSmtpSuite,
  'mime-ambiguity': mimeAmbiguitySuite,
  'sieve-pigeonhole': sievePigeonholeSuite,
  'managesieve-mpt': managesieveMptSuite,
}

/** Runs one suite over a folder and prints what failed, then the counts. @returns the exit code */
export async function runSuite(name: string, dir: string, print: (line: string) => void): Promise<number> {
  const suite = suites[name]
  if (!suite) {
    print(`There is no suite named ${name}. Known: ${Object.keys(suites).join(', ')}.`)
    return 2
  }
  const outcome = await suite(dir)
  for (const line of outcome.lines) print(line)
  print(`${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped} skipped`)
  return outcome.failed === 0 && outcome.passed > 0 ? 0 : 1
}
