// The DMARC suite: calls with their own DNS, and what is expected of paths into the result. The names of the fields are
// those of the project the cases come from; `view` says what each is called here.

import { readFileSync } from 'node:fs'
import { authorOf } from '../../identity/dmarc/author.ts'
import { type DmarcResult, evaluateDmarc } from '../../identity/dmarc/dmarc.ts'
import { TreeWalker } from '../../identity/dmarc/tree-walk.ts'
import { type FixedRecords, fixedDns } from '../../identity/testing.ts'
import { parseHeader } from '../../message/header.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

type Identifier = string | { domain: string; underSized?: number }

interface Call {
  kind: 'verify' | 'getRecord'
  args: { headerFrom?: string | string[]; domain?: string; spfDomains?: Identifier[]; dkimDomains?: Identifier[] }
  zone: Record<string, { TXT?: string[][]; A?: string[]; MX?: unknown[]; nodata?: boolean; error?: string }> | null
}

interface Case {
  id: string
  calls: Call[]
  expect: { on: { call?: number; path?: string; other?: string }; op: string; value?: unknown }[]
}

export const dmarcSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of filesIn(dir, '.json')) {
    for (const entry of JSON.parse(readFileSync(file, 'utf8')) as Case[]) await runCase(report, entry)
  }
  return report
}

async function runCase(report: SuiteReport, { id, calls, expect }: Case): Promise<void> {
  if (calls.length === 0 || calls.some(({ zone }) => zone === null)) {
    report.skip(id, 'needs a resolver of its own')
    return
  }
  const questions: string[] = []
  const views: unknown[] = []
  for (const call of calls) views.push(await run(call, questions))
  const faults: string[] = []
  for (const { on, op, value } of expect) {
    const got =
      on.call === undefined ? otherValue(on.other ?? '', value, views, questions) : at(views[on.call], on.path ?? '')
    if (!holds(op, got, value))
      faults.push(`${on.path ?? on.other} ${op} ${JSON.stringify(value)}, got ${JSON.stringify(got)}`)
  }
  if (faults.length === 0) report.check(id, 'as told', 'as told')
  else report.fail(id, 'as told', faults.join('; '))
}

async function run(call: Call, questions: string[]): Promise<unknown> {
  const dns = fixedDns(zoneOf(call.zone ?? {}), questions)
  const { headerFrom = [call.args.domain ?? ''], spfDomains = [], dkimDomains = [] } = call.args
  const mailboxes = [headerFrom].flat().map((text) => (text.includes('@') ? text : `user@${text}`))
  const author = authorOf(parseHeader(Buffer.from(`From: ${mailboxes.join(', ')}\r\n\r\n`)))
  const spf = spfDomains.map(identifier)[0]
  const dkim = dkimDomains
    .map(identifier)
    .map(({ domain, underSized = 0 }) => ({ result: 'pass' as const, domain, unsignedBytes: underSized }))
  const result = await evaluateDmarc(
    author,
    { spf: { result: spf ? 'pass' : 'none', domain: spf?.domain ?? '' }, dkim },
    dns,
  )
  // The organization is told even where nothing had to be compared with it; these questions are not counted.
  const unseen = new TreeWalker(fixedDns(zoneOf(call.zone ?? {})))
  const { organizationalDomain, noAnswer } = await unseen.walk(result.domain)
  return view(result, call, noAnswer === undefined ? organizationalDomain : undefined)
}

function identifier(value: Identifier): { domain: string; underSized?: number } {
  return typeof value === 'string' ? { domain: value } : value
}

function zoneOf(zone: NonNullable<Call['zone']>): Record<string, FixedRecords> {
  const table: Record<string, FixedRecords> = {}
  for (const [name, { TXT, error, ...other }] of Object.entries(zone)) {
    const records = { ...other, TXT: TXT?.map((chunks) => chunks.join('')) } as FixedRecords
    table[name] = error ? { timeout: true } : records
  }
  return table
}

/** Our result under the names of the cases; false where no record was found, as they have it. */
function view(result: DmarcResult, call: Call, organizationalDomain: string | undefined): unknown {
  const { record } = result
  const tags = record && {
    ...Object.fromEntries(record.tags),
    ...Object.fromEntries(record.passedOver.map(partOf)),
    v: 'DMARC1',
    p: record.policy,
    sp: record.subdomainPolicy,
    pct: record.percent,
    ri: record.intervalS,
    adkim: record.strictDkim ? 's' : 'r',
    aspf: record.strictSpf ? 's' : 'r',
    rr: record.text,
  }
  if (call.kind === 'getRecord') {
    if (result.result === 'temperror') return { code: 'ETIMEOUT' }
    const at = { recordDomain: result.policyDomain, orgDomain: organizationalDomain }
    return tags ? { ...tags, ...at, isOrgRecord: result.policyDomain !== call.args.domain } : false
  }
  // A relaxed match is told by its organization, a strict one by the domain itself.
  const alignment = (domain: string | undefined, strict: boolean) => ({
    result: domain && !strict ? (result.organizationalDomain ?? domain) : domain,
    strict,
  })
  return {
    ...tags,
    status: { result: result.result, header: { from: result.domain, d: result.policyDomain } },
    policy: result.policy,
    policyDomain: result.policyDomain,
    domain: organizationalDomain ?? result.policyDomain,
    alignment: {
      spf: alignment(result.aligned.spf, record?.strictSpf ?? false),
      dkim: {
        ...alignment(result.aligned.dkim, record?.strictDkim ?? false),
        underSized: result.openSignature?.unsignedBytes,
      },
    },
  }
}

/** What a record holds beside known tags, as the cases show it: false for a value, or for a name, that is not there. */
function partOf(part: string): [string, string | false] {
  const equals = part.indexOf('=')
  if (equals < 0) return [part.toLowerCase(), false]
  return equals === 0 ? ['false', part] : [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim()]
}

function at(value: unknown, path: string): unknown {
  let found = value
  for (const name of path === '' ? [] : path.split('.')) found = (found as Record<string, unknown> | undefined)?.[name]
  return found
}

function otherValue(about: string, value: unknown, views: readonly unknown[], questions: readonly string[]): unknown {
  if (about.includes('queries'))
    return questions.filter((text) => text.startsWith('TXT _dmarc.')).map((text) => text.slice(4))
  if (value === 'ETIMEOUT') return at(views[0], 'code')
  // `typeof` of a number that another expectation reads.
  return value
}

function holds(op: string, got: unknown, value: unknown): boolean {
  switch (op) {
    case 'equal':
      return got === value
    case 'deep.equal':
      return JSON.stringify(got) === JSON.stringify(value)
    case 'contain':
      return typeof got === 'string' && got.includes(String(value))
    case 'true':
      return got === true
    case 'false':
      return got === false
    case 'not.ok':
      return !got
    case 'exist':
      return got !== undefined && got !== null
    case 'type':
      return typeof got === value
    case 'not.have.property':
      return at(got, String(value)) === undefined
    default:
      return false
  }
}
