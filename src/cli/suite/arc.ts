// The ARC suite: Valimail's YAML. Validation documents hold messages and the chain status they must get; signing
// documents hold messages and the very fields that a sealer must add. Plain messages are read for robustness.

import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { sealArc } from '../../identity/arc/seal.ts'
import { validateArc } from '../../identity/arc/validate.ts'
import { directCpu, fixedClock, fixedDns } from '../../identity/testing.ts'
import { fieldsNamed, type Header, parseHeader, unfolded } from '../../message/header.ts'
import { asMessage, withRecords } from './dkim.ts'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'

interface ArcTest {
  message: string
  /** Validation. */
  cv?: string | null
  /** Signing. */
  t?: number
  'sig-headers'?: string
  'srv-id'?: string
  AS?: string
  AMS?: string
  AAR?: string
}

interface ArcDocument {
  description: string
  tests: Record<string, ArcTest>
  'txt-records'?: Record<string, string>
  domain?: string
  sel?: string
  privatekey?: string
}

export const arcSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of [...filesIn(dir, '.yml'), ...filesIn(dir, '.yaml')]) {
    for (const parsed of parseAllDocuments(readFileSync(file, 'utf8'), { uniqueKeys: false })) {
      const document = parsed.toJS() as ArcDocument | null
      if (!document?.tests) continue
      for (const [name, test] of Object.entries(document.tests)) {
        const where = `${document.description.trim()}: ${name}`
        if (document.privatekey) await signing(report, where, document, test)
        else await validation(report, where, document, test)
      }
    }
  }
  for (const folder of foldersOf(dir)) await plainMessages(report, join(dir, folder))
  return report
}

function dnsOf(document: ArcDocument) {
  const records = Object.entries(document['txt-records'] ?? {})
  return fixedDns(Object.fromEntries(records.map(([name, text]) => [name, { TXT: [text] }])))
}

async function validation(report: SuiteReport, where: string, document: ArcDocument, test: ArcTest): Promise<void> {
  const got = await validateArc(parseHeader(asMessage(test.message ?? '')), dnsOf(document))
  const steps = got.steps.map(({ what, detail }) => `${what}: ${detail ?? ''}`)
  // An empty expectation means that the chain counts as failed.
  report.check(where, (test.cv || 'Fail').toLowerCase(), got.result, steps)
}

async function signing(report: SuiteReport, where: string, document: ArcDocument, test: ArcTest): Promise<void> {
  const header = parseHeader(asMessage(test.message))
  const chain = await validateArc(header, dnsOf(document))
  const results = ownResults(header, test['srv-id'] ?? '')
  // The signer is told the status of the chain by the receiver's own arc= result, where there is one.
  const said = /;\s*arc=(none|pass|fail)/.exec(results)?.[1] as 'none' | 'pass' | 'fail' | undefined
  const key = { domain: document.domain!, selector: document.sel!, privateKey: createPrivateKey(document.privatekey!) }
  const world = { cpu: directCpu, clock: fixedClock(test.t ?? 0) }
  const headers = (test['sig-headers'] ?? '').split(':')
  const bytes = await sealArc(header, results, key, { ...chain, result: said ?? chain.result }, world, { headers })
  const added = parseHeader(bytes)
  for (const [short, name] of [
    ['AAR', 'arc-authentication-results'],
    ['AMS', 'arc-message-signature'],
    ['AS', 'arc-seal'],
  ] as const) {
    const [field] = fieldsNamed(added, name)
    report.check(`${where} ${short}`, asSet(test[short] ?? ''), asSet(field ? unfolded(added, field) : ''))
  }
}

/** Our own Authentication-Results, all fields of them as one value (RFC 8617 §4.1.1). */
function ownResults(header: Header, authservId: string): string {
  const own = fieldsNamed(header, 'authentication-results')
    .map((field) => unfolded(header, field))
    .filter((value) => value.split(';')[0]!.trim() === authservId)
  return [
    authservId,
    ...own.map((value) =>
      value
        .slice(value.indexOf(';') + 1)
        .trim()
        .replace(/;$/, ''),
    ),
  ].join('; ')
}

function asSet(text: string): string {
  const parts = text.split(';').map((part) => part.replace(/\s+/g, ''))
  return parts
    .filter((part) => part !== '')
    .sort()
    .join(';')
}

async function plainMessages(report: SuiteReport, folder: string): Promise<void> {
  for (const file of filesIn(folder)) {
    if (!/\.(txt|eml|msg)$/.test(file)) continue
    const text = readFileSync(file, 'latin1')
    const parts = withRecords(text)
    const where = `${basename(folder)}/${basename(file)}`
    for (const message of parts?.messages ?? [text]) {
      const { result, reason } = await validateArc(parseHeader(asMessage(message)), fixedDns(parts?.zone ?? {}))
      if (parts) report.check(where, 'pass', result, [reason ?? ''])
      else report.check(`${where} (parses)`, 'no exception', 'no exception')
    }
  }
}
