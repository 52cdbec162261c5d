// Who sends as a domain, out of the rows of aggregate reports: by address, what is proven, what was done, and what that
// means in plain words.

import { isWithin } from '../../identity/domain.ts'
import type { AggregateReport, AggregateRow } from '../../identity/reports/aggregate.ts'

/** All that came from one address. */
export interface Source {
  readonly ip: string
  readonly messages: number
  /** By SPF or DKIM, as the domain in From. */
  readonly proven: number
  readonly bySignature: number
  readonly byAddress: number
  readonly refused: number
  readonly setAside: number
  /** Domains in From. */
  readonly from: readonly string[]
  /** Other domains that are proven to have had a hand in it. */
  readonly others: readonly string[]
  readonly meaning: string
  /** What to do; '' where nothing is. */
  readonly advice: string
}

const MAX_NAMES = 5

/** The sources of some rows about one domain, most messages first. */
export function sourcesOf(
  { domain, policy }: Pick<AggregateReport['published'], 'domain' | 'policy'>,
  rows: readonly AggregateRow[],
): Source[] {
  return [...Map.groupBy(rows, ({ sourceIp }) => sourceIp)]
    .map(([ip, list]) => sourceOf(ip, list, domain, policy))
    .toSorted((a, b) => b.messages - a.messages || (a.ip < b.ip ? -1 : 1))
}

function sourceOf(ip: string, rows: readonly AggregateRow[], domain: string, policy: string | undefined): Source {
  const sum = (fits: (row: AggregateRow) => boolean) =>
    rows.reduce((total, row) => total + (fits(row) ? row.count : 0), 0)
  const isOurs = (name: string) => isWithin(name, domain) || rows.some(({ headerFrom }) => isWithin(name, headerFrom))
  const proofs = rows.flatMap(({ dkimResults, spfResults }) =>
    [...dkimResults, ...spfResults].filter(({ result }) => result === 'pass').map((one) => one.domain),
  )
  const counts = {
    messages: sum(() => true),
    proven: sum(({ dkim, spf }) => dkim === 'pass' || spf === 'pass'),
    bySignature: sum(({ dkim }) => dkim === 'pass'),
    byAddress: sum(({ spf }) => spf === 'pass'),
    refused: sum(({ disposition }) => disposition === 'reject'),
    setAside: sum(({ disposition }) => disposition === 'quarantine'),
  }
  const facts: Facts = {
    ...counts,
    domain,
    policy,
    others: few(proofs.filter((name) => name !== '' && !isOurs(name))),
    isBroken: rows.some(({ dkim, dkimResults }) => dkim === 'fail' && dkimResults.some((one) => isOurs(one.domain))),
  }
  const { meaning, advice = '' } = READINGS.find(({ holds }) => holds(facts))!
  const said = (text: string | ((about: Facts) => string)) => (typeof text === 'string' ? text : text(facts))
  const from = few(rows.map(({ headerFrom }) => headerFrom))
  return { ip, ...counts, from, others: facts.others, meaning: said(meaning), advice: said(advice) }
}

const few = (names: readonly string[]) => [...new Set(names)].slice(0, MAX_NAMES)

interface Facts {
  readonly messages: number
  readonly proven: number
  readonly bySignature: number
  readonly byAddress: number
  readonly domain: string
  readonly policy: string | undefined
  readonly others: readonly string[]
  /** A signature in the domain's name was there, and did not prove it. */
  readonly isBroken: boolean
}

type Words = string | ((about: Facts) => string)

const ifYours = ({ domain, policy }: Facts) =>
  `If it is yours, let it sign as ${domain} (DKIM) or list its address (SPF). ${
    policy === 'none' || policy === undefined
      ? 'Once all that is yours is proven, publish p=quarantine, then p=reject.'
      : `If not, your policy (p=${policy}) deals with it.`
  }`

/** The first that holds. */
const READINGS: readonly { holds(about: Facts): boolean; readonly meaning: Words; readonly advice?: Words }[] = [
  {
    holds: ({ messages, bySignature, byAddress }) => bySignature === messages && byAddress === messages,
    meaning: 'Yours: proven by signature and by address.',
  },
  {
    holds: ({ messages, bySignature, byAddress }) => bySignature === messages && byAddress > 0,
    meaning: 'Yours: all of it is proven by signature, a part by address as well.',
  },
  {
    holds: ({ messages, bySignature }) => bySignature === messages,
    meaning:
      'Yours by its signature, from a machine that is not on your list: forwarded, or sent by a service for you.',
  },
  {
    holds: ({ messages, proven, bySignature }) => proven === messages && bySignature === 0,
    meaning: 'Yours by its address, not signed.',
    advice: ({ domain }) =>
      `Let it sign as ${domain} (DKIM): forwarded mail comes from another address and proves nothing then.`,
  },
  {
    holds: ({ messages, proven }) => proven === messages,
    meaning: 'Yours: each message is proven by its signature or its address.',
    advice: 'Some signatures are missing or broken: see that all that leaves there is signed.',
  },
  {
    holds: ({ isBroken }) => isBroken,
    meaning: ({ messages, proven }) =>
      `${proven === 0 ? 'Signed in your name' : `${proven} of ${messages} are proven, others signed in your name`}, but the signature does not hold: changed on the way (a mailing list, a Forwarder that edits), or a key that DNS does not show.`,
    advice: 'Compare the key of that selector with DNS. Mail that a list has changed cannot be helped from here.',
  },
  {
    holds: ({ proven }) => proven > 0,
    meaning: ({ messages, proven }) => `Partly yours: ${proven} of ${messages} are proven.`,
    advice: ifYours,
  },
  {
    holds: ({ others }) => others.length > 0,
    meaning: ({ others }) => `Sent by ${others.join(', ')} with your domain in From.`,
    advice: ifYours,
  },
  {
    holds: () => true,
    meaning: 'Nothing proves that it is yours: forged, or a machine of yours that nobody wrote down.',
    advice: ifYours,
  },
]
