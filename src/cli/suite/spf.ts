// The SPF suite: openspf.org's YAML for RFC 7208. Each document holds tests and the whole DNS they see.

import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { checkHost } from '../../identity/spf/spf.ts'
import { type FixedRecords, fixedClock, fixedDns } from '../../identity/testing.ts'
import type { DnsType } from '../../world/dns.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

interface SpfTest {
  helo: string
  host: string
  mailfrom: string
  result: string | string[]
  explanation?: string
}

interface SpfDocument {
  description: string
  tests: Record<string, SpfTest>
  zonedata: Record<string, ('TIMEOUT' | Record<string, unknown>)[]>
}

export const spfSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of [...filesIn(dir, '.yml'), ...filesIn(dir, '.yaml')]) {
    for (const parsed of parseAllDocuments(readFileSync(file, 'utf8'), { uniqueKeys: false })) {
      const document = parsed.toJS() as SpfDocument | null
      if (!document?.tests) continue
      const dns = fixedDns(zoneOf(document.zonedata ?? {}))
      for (const [name, test] of Object.entries(document.tests)) await runTest(report, document, name, test, dns)
    }
  }
  return report
}

async function runTest(
  report: SuiteReport,
  document: SpfDocument,
  name: string,
  test: SpfTest,
  dns: ReturnType<typeof fixedDns>,
): Promise<void> {
  const question = {
    ip: test.host,
    helo: String(test.helo ?? ''),
    sender: test.mailfrom ?? '',
    receiver: 'receiver.example',
  }
  const got = await checkHost(question, dns, fixedClock(1_700_000_000))
  const where = `${document.description}: ${name}`
  const steps = got.steps.map(({ what, detail }) => `${what}: ${detail ?? ''}`)
  const wanted = [test.result].flat()
  if (!wanted.includes(got.result)) report.fail(where, wanted.join(' or '), got.result, steps)
  else if (test.explanation === undefined || got.result !== 'fail') report.check(where, wanted, got.result)
  else {
    report.check(`${where} (explanation)`, test.explanation, got.explanation ?? 'DEFAULT', steps)
  }
}

/** Zone rules of the suite: `SPF` stands for TXT unless the name has TXT itself; `TIMEOUT` concerns what is not listed. */
function zoneOf(zone: SpfDocument['zonedata']): Record<string, FixedRecords> {
  const table: Record<string, FixedRecords> = {}
  for (const [name, entries] of Object.entries(zone)) {
    const records: Record<string, unknown[]> = {}
    let timeout = false
    for (const entry of entries ?? []) {
      if (entry === 'TIMEOUT') timeout = true
      else for (const [type, value] of Object.entries(entry)) (records[type] ??= []).push(recordOf(type, value))
    }
    const spf = records.SPF
    delete records.SPF
    if (spf && !records.TXT) records.TXT = spf
    records.TXT = (records.TXT ?? []).filter((text) => text !== 'NONE')
    if (records.TXT.length === 0 && timeout) delete records.TXT
    table[name] = { ...(records as { [T in DnsType]?: never[] }), timeout }
  }
  return table
}

function recordOf(type: string, value: unknown): unknown {
  if (type === 'MX') {
    const [preference, exchange] = value as [number, string]
    return { preference, exchange }
  }
  // Each TXT record is one string or a list of strings that belong together.
  return type === 'TXT' || type === 'SPF' ? [value].flat().join('') : String(value)
}
