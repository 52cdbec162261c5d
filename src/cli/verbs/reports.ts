// `borderpost reports`: of a file, what the report in it says; of an agent's folder, what came in, what went out, and who
// sends as its domain. Reading needs no lock, so the agent may run meanwhile.

import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { type IncomingReport, parseReport, parseReportFile } from '../../identity/reports/incoming.ts'
import {
  type DomainView,
  domainView,
  type Overview,
  overview,
  type TlsView,
  tlsView,
} from '../../roles/reports/overview.ts'
import type { Source } from '../../roles/reports/sources.ts'
import { ReportReads } from '../../store/read/reports.ts'
import { databaseOf, overAgents } from '../agents-in.ts'
import { EXIT, readInput } from '../read-description.ts'

export interface ReportsOptions {
  readonly days: string
  readonly json: boolean
}

type Print = (text: string) => void

/** The exit code: findings when a report cannot be read. */
export async function reports(paths: readonly string[], options: ReportsOptions, print: Print): Promise<number> {
  const days = /^[1-9]\d{0,3}$/.test(options.days) ? Number(options.days) : undefined
  if (days === undefined) {
    console.error(`--days ${options.days} is no number of days.`)
    return EXIT.usage
  }
  let worst: number = EXIT.ok
  for (const path of paths) {
    const isFolder = path !== '-' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    worst = Math.max(
      worst,
      isFolder ? await ofFolder(path, days, options.json, print) : ofFile(path, options.json, print),
    )
  }
  return worst
}

function ofFile(path: string, isJson: boolean, print: Print): number {
  const input = readInput(path)
  if (input === undefined) return EXIT.usage
  const alone = parseReportFile(input)
  const found = alone.kind === 'none' ? parseReport(input) : alone
  if (isJson) print(`${JSON.stringify(found, withoutSource)}\n`)
  else print(clean(`${path}: ${explain(found)}`))
  return found.kind === 'none' || found.kind === 'unreadable' ? EXIT.findings : EXIT.ok
}

/** A header of a message is its bytes, too: they are in the file already. */
const withoutSource = (key: string, value: unknown) =>
  key === 'about' && typeof value === 'object' ? undefined : value

function explain(found: IncomingReport): string {
  switch (found.kind) {
    case 'aggregate': {
      const { organization, beginS, endS, published, rows, skippedRows, errors, reportId } = found.report
      const span = `${dateTime(beginS * 1000)} to ${dateTime(endS * 1000)}`
      return [
        `a DMARC report by ${organization} about ${published.domain}, ${span} (${reportId})\n`,
        ...errors.map((error) => `  ${organization} says: ${error}\n`),
        ...(skippedRows > 0 ? [`  ${skippedRows} rows could not be read.\n`] : []),
        domainText(domainView(published.domain, published.policy, [organization], rows)),
      ].join('')
    }
    case 'tls': {
      const { organization, beginMs, endMs, policies, reportId } = found.report
      const domain = policies[0]?.domain ?? 'nobody'
      const head = `a TLS report by ${organization} about mail to ${domain}, ${dateTime(beginMs)} to ${dateTime(endMs)} (${reportId})\n`
      return head + tlsText(tlsView(domain, [organization], [found.report]))
    }
    case 'feedback': {
      const { report } = found
      const facts: [string, string | undefined][] = [
        ['from', report.reportingMta ?? report.userAgent],
        ['about', report.reportedDomains.join(', ') || report.originalMailFrom],
        ['sent by', report.sourceIp],
        ['arrived', report.arrivalMs === undefined ? undefined : dateTime(report.arrivalMs)],
        ['failed', report.authFailure],
        ['became of it', report.deliveryResult],
        ['results', report.authenticationResults.join('; ') || undefined],
      ]
      const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(13)}${value}\n`]))
      const what =
        report.feedbackType === 'auth-failure'
          ? 'a failure report: a message in your name did not prove itself'
          : `a complaint (${report.feedbackType}): somebody does not want a message that came from you`
      return `${what}\n${lines.join('')}`
    }
    case 'unreadable':
      return `it looks like a report, but cannot be read: ${found.reason}\n`
    case 'none':
      return 'no report is in it\n'
  }
}

async function ofFolder(folder: string, days: number, isJson: boolean, print: Print): Promise<number> {
  return overAgents(folder, async (agents) => {
    const found: { agent: string; overview: Overview }[] = []
    for (const path of agents) {
      const database = await databaseOf(path)
      try {
        const sinceMs = Date.now() - days * 86_400_000
        found.push({ agent: basename(path), overview: overview(new ReportReads(database), sinceMs) })
      } finally {
        database.close()
      }
    }
    if (isJson) print(`${JSON.stringify(found)}\n`)
    else for (const one of found) print(clean(overviewText(one.agent, one.overview, days)))
    return EXIT.ok
  })
}

function overviewText(agent: string, { domains, tls, complaints, received, ours }: Overview, days: number): string {
  const blocks = [`\n${agent}, the last ${plural(days, 'day')}\n`]
  blocks.push('\nWho sends as our domain, by the reports of others\n')
  if (domains.length === 0) blocks.push('  No proven report came.\n')
  for (const domain of domains) blocks.push(`\n  ${domain.domain}\n`, domainText(domain))
  if (tls.length > 0) blocks.push('\nEncryption on the way to us\n')
  for (const one of tls) blocks.push(`\n  ${one.domain}\n`, tlsText(one))
  if (complaints.length > 0) blocks.push('\nWhat others say of single messages\n')
  for (const { about, count, latest } of complaints) {
    blocks.push(`  ${about || 'nobody known'}: ${count}\n`)
    for (const { atMs, type, by, isProven, subject } of latest)
      blocks.push(`    ${dateTime(atMs)}  ${type} by ${by}${isProven ? '' : ' (not proven)'}  ${subject}\n`)
  }
  blocks.push(`\nCame in: ${received.length}\n`)
  for (const { atMs, kind, about, by, isProven, note } of received)
    blocks.push(
      `  ${dateTime(atMs)}  ${kind.padEnd(10)} ${about.padEnd(24)} by ${by || 'nobody'}${isProven ? '' : ' (not proven: not counted)'} ${note}\n`,
    )
  blocks.push(`\nGoes out: ${ours.length}\n`)
  for (const { kind, domain, date, state, messages, outcome } of ours) {
    const what = kind === 'dmarc' ? plural(messages, 'message') : plural(messages, 'session')
    const becomes = state === 'collecting' ? `goes out when the day is over. ${outcome}` : outcome
    blocks.push(`  ${date}  ${kind.padEnd(5)} ${domain.padEnd(24)} ${what.padStart(14)}  ${becomes}\n`)
  }
  return blocks.join('')
}

const COLUMNS = [
  ['messages', ({ messages }) => messages],
  ['DKIM', ({ bySignature }) => bySignature],
  ['SPF', ({ byAddress }) => byAddress],
  ['refused', ({ refused }) => refused],
  ['junk', ({ setAside }) => setAside],
] as const satisfies readonly (readonly [string, (source: Source) => number])[]
const ADDRESS_WIDTH = 40
const NUMBER_WIDTH = 10

/** Sources that mean the same stand together. */
function domainText({ messages, proven, refused, setAside, policy, sources, moreSources }: DomainView): string {
  const lines = [
    `  ${plural(messages, 'message')}: ${proven} proven, ${messages - proven} not; ${refused} refused, ${setAside} set aside (policy ${policy})\n`,
  ]
  for (const alike of Map.groupBy(sources, ({ meaning, advice }) => `${meaning} ${advice}`.trim())) {
    const [words, list] = alike
    lines.push(`\n  ${words}\n`)
    lines.push(
      `    ${'address'.padEnd(ADDRESS_WIDTH)}${COLUMNS.map(([name]) => name.padStart(NUMBER_WIDTH)).join('')}\n`,
    )
    for (const source of list) {
      const counts = COLUMNS.map(([, of]) => String(of(source)).padStart(NUMBER_WIDTH)).join('')
      lines.push(`    ${source.ip.padEnd(ADDRESS_WIDTH)}${counts}\n`)
    }
  }
  if (moreSources > 0) lines.push(`  and ${plural(moreSources, 'address', 'addresses')} more\n`)
  return lines.join('')
}

function tlsText({ good, bad, failures }: TlsView): string {
  return [
    `  ${plural(good + bad, 'session')}: ${good} as they should be, ${bad} not\n`,
    ...failures.map(({ what, where, count, meaning }) => `  ${count} × ${what} at ${where || 'no host'}: ${meaning}\n`),
  ].join('')
}

const plural = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`
const dateTime = (ms: number) =>
  Number.isFinite(ms) && Math.abs(ms) < 8.64e15
    ? new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
    : 'some time'
/** Text of strangers goes to a terminal: control characters are shown as `?`. */
const clean = (text: string) => text.replace(/[\0-\x09\x0b-\x1f\x7f-\x9f]/g, '?')
