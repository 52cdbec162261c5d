// `borderpost explain`: what each record proves, to whom, what it does not, and what would break without it.

import { domainToASCII } from 'node:url'
import { isWithin } from '../../identity/domain.ts'
import { type Explanation, explained } from '../../system/explain.ts'
import type { SystemPlan } from '../../system/plan.ts'
import { type PublishedRecord, recordsOf } from '../../system/records.ts'
import { differences, differencesText } from '../differences.ts'
import { EXIT, plansOf } from '../read-description.ts'
import { publishersOf } from './dns.ts'

export interface ExplainOptions {
  readonly folder?: string
  /** Switches, as of `borderpost simulate`. */
  readonly whatIf?: string
  readonly json: boolean
}

const BEGINNING = `A Transmitter proves its identity out of band: not by what it says in the mail, which anybody can say, but by what stands
in DNS, where only the owner of a domain can write. These are the proofs of this system.
`

/** All domains, or one. Without a folder there are no keys to show: what stands in the description is explained. */
export async function explain(
  file: string,
  domain: string | undefined,
  options: ExplainOptions,
  print: (text: string) => void,
): Promise<number> {
  const { folder, whatIf } = options
  const plans = plansOf(file, whatIf ?? '')
  if (typeof plans === 'number') return plans
  const records = await recordsFor(plans.turned, domain, folder)
  const changes =
    whatIf === undefined
      ? []
      : differences((await recordsFor(plans.written, domain, folder)).map(lineOf), records.map(lineOf))
  if (records.length + changes.length === 0) {
    const known = [...new Set(plans.turned.agents.map((agent) => agent.domain))].join(', ')
    console.error(`Nothing is published for ${domain} by ${file}. Its domains: ${known}.`)
    return EXIT.usage
  }
  const all = explained(records)
  if (options.json) print(`${JSON.stringify(whatIf === undefined ? all : { records: all, changes }, null, 2)}\n`)
  else {
    print([whatIf === undefined ? BEGINNING : `With ${whatIf}:\n\n${BEGINNING}`, ...all.map(paragraph)].join('\n'))
    if (folder === undefined) print('\nWith --folder the keys that sign (DKIM) are explained, too.\n')
    if (whatIf !== undefined) print(`\n${differencesText('in DNS', changes)}`)
  }
  return EXIT.ok
}

async function recordsFor(
  plan: SystemPlan,
  domain: string | undefined,
  folder: string | undefined,
): Promise<PublishedRecord[]> {
  const { agents } = plan
  const publishers =
    folder === undefined ? agents.map((one) => ({ plan: one, dkim: [] })) : await publishersOf(plan, folder)
  const asked = domain === undefined ? undefined : domainToASCII(domain.toLowerCase())
  const hosts = new Set(agents.filter((agent) => agent.domain === asked).map(({ hostName }) => hostName))
  return recordsOf(publishers).filter(
    ({ name, value }) => asked === undefined || isWithin(name, asked) || hosts.has(value),
  )
}

const lineOf = ({ name, type, value }: PublishedRecord) => `${name} ${type} ${shortened(value)}`

const shortened = (value: string) => (value.length > 90 ? `${value.slice(0, 87)}...` : value)

function paragraph({ record, proves, toWhom, provesNot, without }: Explanation): string {
  return `${lineOf(record)}
  Proves         ${proves}.
  To whom        ${toWhom}.
  Does not prove ${provesNot}.
  Without it     ${without}.
`
}
