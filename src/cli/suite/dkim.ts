// The DKIM suite: canonicalization pairs, messages with a file of DNS answers and expected results, and messages that
// carry their DNS records in front. The forms are recognised by what a folder holds, not by its name.

import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { canonicalBody, canonicalField } from '../../identity/dkim/canonical.ts'
import { type DkimResult, verifyDkim } from '../../identity/dkim/verify.ts'
import { type FixedRecords, fixedClock, fixedDns } from '../../identity/testing.ts'
import { parseHeader } from '../../message/header.ts'
import type { Dns } from '../../world/dns.ts'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'

export const dkimSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const folder of [dir, ...foldersOf(dir).map((name) => join(dir, name))]) {
    if (existsSync(join(folder, 'expected.json'))) await expectedResults(report, folder)
    else if (filesIn(folder).some((file) => /^email\.\d+$/.test(basename(file)))) canonicalPairs(report, folder)
    else await ownRecords(report, folder)
  }
  return report
}

/** The message as SMTP would have brought it: CRLF line ends throughout. */
export function asMessage(file: Buffer | string): Buffer {
  const text = typeof file === 'string' ? file : file.toString('latin1')
  return Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1')
}

function canonicalPairs(report: SuiteReport, folder: string): void {
  for (const file of filesIn(folder)) {
    const number = /^email\.(\d+)$/.exec(basename(file))?.[1]
    if (!number) continue
    const source = asMessage(readFileSync(file))
    const header = parseHeader(source)
    for (const method of ['simple', 'relaxed'] as const) {
      const expected = join(folder, `${method}.expected.${number}`)
      if (!existsSync(expected)) continue
      const fields = header.fields.map((field) => canonicalField(header, field, method))
      const body = canonicalBody(source, header.bodyStart, source.length, method)
      const got = Buffer.concat([...fields, Buffer.from('\r\n'), body])
      report.check(`${basename(folder)}/${number} ${method}`, quoted(asMessage(readFileSync(expected))), quoted(got))
    }
  }
}

function quoted(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1'))
}

interface Expected {
  result: 'pass' | 'fail' | 'invalid'
  note: string
}

async function expectedResults(report: SuiteReport, folder: string): Promise<void> {
  const cases = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>
  const dns = fixedDns(
    Object.assign({}, ...filesIn(folder, '.dat').map((file) => readZone(readFileSync(file, 'latin1')))),
  )
  for (const [name, expected] of Object.entries(cases)) {
    const where = `${basename(folder)}/${name}`
    const source = asMessage(readFileSync(join(folder, name)))
    // DomainKeys (RFC 4870) and the drafts before RFC 4871 are historic: there is nothing in them to verify.
    const header = parseHeader(source)
    if (!header.fields.some((field) => field.lowerName === 'dkim-signature') || /ietf00|(^|_)dk_/.test(name)) {
      report.skip(where, 'no DKIM signature (DomainKeys or a draft)')
      continue
    }
    const results = await verifyDkim(header, dns, fixedClock(Date.now() / 1000))
    judge(report, where, expected, results)
  }
}

/** What today's RFCs refuse where the upstream verifier, true to RFC 4871 and its drafts, does not. */
const RETIRED = new Set(['rsa-sha1', 'key-too-short', 'version'])

/** A retired signature must be refused for just that reason, whatever upstream expects. */
function judge(report: SuiteReport, where: string, expected: Expected, results: DkimResult[]): void {
  const detail = results.map(({ result, reason, domain }) => `${result} ${reason ?? ''} d=${domain}`)
  const best =
    results.find(({ result }) => result === 'pass') ?? results.find(({ result }) => result === 'fail') ?? results[0]
  const got = !best ? 'none' : best.result === 'pass' || best.result === 'fail' ? best.result : 'invalid'
  const retired = got === 'invalid' && results.some(({ reason }) => RETIRED.has(reason ?? ''))
  if (retired)
    report.check(
      where,
      'refused as retired (RFC 6376 §3.5 v=, RFC 8301)',
      'refused as retired (RFC 6376 §3.5 v=, RFC 8301)',
    )
  else report.check(where, expected.result, got, [expected.note, ...detail])
}

/** `name value` lines: NXDOMAIN, `~~error~~`, or the text of a TXT record. */
function readZone(text: string): Record<string, FixedRecords> {
  const zone: Record<string, FixedRecords> = {}
  for (const line of text.split(/\r?\n/)) {
    const match = /^(\S+)\s+(.*)$/.exec(line)
    if (!match || line.startsWith('#')) continue
    const [, name, value] = match as unknown as [string, string, string]
    if (value === 'NXDOMAIN') continue
    zone[name.toLowerCase()] = value.startsWith('~~') ? { timeout: true } : { TXT: [value.replace(/^"(.*)"$/, '$1')] }
  }
  return zone
}

/** Splits a file into leading `name v=…` lines and the message after them; undefined when it has no such lines. */
export function withRecords(text: string): { zone: Record<string, FixedRecords>; messages: string[] } | undefined {
  const lines = text.split(/\r?\n/)
  let at = 0
  const zone: Record<string, FixedRecords> = {}
  while (at < lines.length && /^\S+\._domainkey\.\S+\s+\S/.test(lines[at]!)) Object.assign(zone, readZone(lines[at++]!))
  if (at === 0) return undefined
  return { zone, messages: [lines.slice(lines[at] === '' ? at + 1 : at).join('\n')] }
}

async function ownRecords(report: SuiteReport, folder: string): Promise<void> {
  for (const file of filesIn(folder)) {
    if (!/\.(txt|eml|msg)$/.test(file)) continue
    const where = `${basename(folder)}/${basename(file)}`
    const text = readFileSync(file, 'latin1')
    const parts = withRecords(text)
    for (const message of parts?.messages ?? [text]) {
      const results = await verifyAtOwnTime(asMessage(message), fixedDns(parts?.zone ?? {}))
      const detail = results.map(
        ({ result, reason, domain, selector }) => `${result} ${reason ?? ''} d=${domain} s=${selector}`,
      )
      // Without records only the robustness of the parser is at stake.
      if (!parts) report.check(`${where} (parses)`, 'no exception', 'no exception')
      else
        report.check(
          where,
          'pass',
          results.every(({ result }) => result === 'pass') && results.length ? 'pass' : 'fail',
          detail,
        )
    }
  }
}

/** The clock stands at the signature's own t=, so that x= does not matter. */
async function verifyAtOwnTime(source: Buffer, dns: Dns): Promise<DkimResult[]> {
  const time = /[;\s]t\s*=\s*(\d{1,12})/.exec(source.toString('latin1'))?.[1]
  return verifyDkim(parseHeader(source), dns, fixedClock(Number(time ?? 1_700_000_000)))
}
