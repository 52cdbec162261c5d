// `borderpost explain`: what each record proves, to whom, what it does not, and what would break without it.

import { domainToASCII } from 'node:url'
import { isWithin } from '../../identity/domain.ts'
import { type Explanation, explained } from '../../system/explain.ts'
import { recordsOf } from '../../system/records.ts'
import { EXIT, planOf } from '../read-description.ts'
import { publishersOf } from './dns.ts'

export interface ExplainOptions {
  readonly folder?: string
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
  const plan = planOf(file)
  if (typeof plan === 'number') return plan
  const publishers =
    options.folder === undefined
      ? plan.agents.map((agent) => ({ plan: agent, dkim: [] }))
      : await publishersOf(plan, options.folder)
  const asked = domain === undefined ? undefined : domainToASCII(domain.toLowerCase())
  const hosts = new Set(plan.agents.filter((agent) => agent.domain === asked).map(({ hostName }) => hostName))
  const records = recordsOf(publishers).filter(
    ({ name, value }) => asked === undefined || isWithin(name, asked) || hosts.has(value),
  )
  if (records.length === 0) {
    const known = [...new Set(plan.agents.map((agent) => agent.domain))].join(', ')
    console.error(`Nothing is published for ${domain} by ${file}. Its domains: ${known}.`)
    return EXIT.usage
  }
  const all = explained(records)
  if (options.json) print(`${JSON.stringify(all, null, 2)}\n`)
  else {
    print([BEGINNING, ...all.map(paragraph)].join('\n'))
    if (options.folder === undefined) print('\nWith --folder the keys that sign (DKIM) are explained, too.\n')
  }
  return EXIT.ok
}

function paragraph({ record, proves, toWhom, provesNot, without }: Explanation): string {
  const value = record.value.length > 90 ? `${record.value.slice(0, 87)}...` : record.value
  return `${record.name} ${record.type} ${value}
  Proves         ${proves}.
  To whom        ${toWhom}.
  Does not prove ${provesNot}.
  Without it     ${without}.
`
}
