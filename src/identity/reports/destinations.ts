// Where reports may be sent. Anyone can write anyone's address into a DMARC record, so a destination outside the
// domain's own organization must agree in its DNS (RFC 9990 §4, before that RFC 7489 §7.1).

import { type Mailbox, mailboxesOf, parseAddressList } from '../../message/address.ts'
import type { Dns } from '../../world/dns.ts'
import { parseDmarcRecord } from '../dmarc/record.ts'
import { TreeWalker } from '../dmarc/tree-walk.ts'
import { isMailDomain } from '../domain.ts'

export interface Destination {
  readonly mailbox: Mailbox
  /** `!10m` after the address (RFC 7489 §6.2; retired): a larger report is not wanted. */
  readonly maxBytes: number | undefined
}

export interface Destinations {
  readonly accepted: readonly Destination[]
  /** What is not sent to, and why. */
  readonly refused: readonly { readonly uri: string; readonly reason: string }[]
  /** DNS gave no answer: ask again before giving up. */
  readonly undecided: readonly { readonly uri: string; readonly reason: string }[]
}

const MAX_DESTINATIONS = 10
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** Which of the URIs of rua= (or ruf=) reports about `policyDomain` may go to. */
export async function reportDestinations(
  policyDomain: string,
  uris: readonly string[],
  dns: Dns,
): Promise<Destinations> {
  const walker = new TreeWalker(dns)
  const accepted: Destination[] = []
  const refused: { uri: string; reason: string }[] = []
  const undecided: { uri: string; reason: string }[] = []
  for (const uri of uris.slice(0, MAX_DESTINATIONS)) {
    const destination = parseReportUri(uri)
    if (!destination) {
      refused.push({ uri, reason: 'not a mailto: address' })
      continue
    }
    const agreed = await agreement(policyDomain, destination, walker, dns)
    if ('noAnswer' in agreed) undecided.push({ uri, reason: agreed.noAnswer })
    else if ('reason' in agreed) refused.push({ uri, reason: agreed.reason })
    else accepted.push(...agreed.destinations.filter((each) => !accepted.some((known) => isSame(known, each))))
  }
  return { accepted: accepted.slice(0, MAX_DESTINATIONS), refused, undecided }
}

function isSame(a: Destination, b: Destination): boolean {
  return a.mailbox.localPart === b.mailbox.localPart && a.mailbox.domain === b.mailbox.domain
}

/** `mailto:reports@example.net!10m`; undefined for what no report can be sent to. */
export function parseReportUri(uri: string): Destination | undefined {
  const parts = /^mailto:([^?!,]+)(?:\?[^!]*)?(?:!(\d{1,12})([kmgt]?))?$/i.exec(uri)
  if (!parts) return undefined
  let address: string
  try {
    address = decodeURIComponent(parts[1]!) // RFC 6068 §2, RFC 9990: `!` and `,` are percent-encoded
  } catch {
    return undefined
  }
  const list = parseAddressList(address)
  const [mailbox, ...more] = mailboxesOf(list)
  if (!mailbox || more.length > 0 || list.unparsed.length > 0 || !isMailDomain(mailbox.domain)) return undefined
  const { localPart, domain } = mailbox
  return {
    mailbox: { localPart, domain },
    maxBytes: parts[2] === undefined ? undefined : Number(parts[2]) * UNITS[parts[3]!.toLowerCase()]!,
  }
}

async function agreement(
  policyDomain: string,
  destination: Destination,
  walker: TreeWalker,
  dns: Dns,
): Promise<{ destinations: Destination[] } | { reason: string } | { noAnswer: string }> {
  const host = destination.mailbox.domain
  const own = await walker.walk(policyDomain)
  if (own.noAnswer) return { noAnswer: own.noAnswer }
  const theirs = host === policyDomain ? own : await walker.walk(host)
  if (theirs.noAnswer) return { noAnswer: theirs.noAnswer }
  if (own.organizationalDomain === theirs.organizationalDomain) return { destinations: [destination] }
  // §4 step 3: a record at the destination says that it wants reports about this domain.
  const name = `${policyDomain}._report._dmarc.${host}`
  const answer = await dns.resolve(name, 'TXT')
  if (answer.status === 'no-answer') return { noAnswer: `${name}: ${answer.reason}` }
  const records = answer.status === 'records' ? answer.records.map(parseDmarcRecord) : []
  const record = records.find((each) => each !== undefined)
  if (!record) return { reason: `${host} does not say that it wants reports about ${policyDomain}` }
  // Step 6: it may name another address, at the same host only, so that a record cannot send reports on in a circle.
  const others = record.aggregateReports.map(parseReportUri).filter((each) => each !== undefined)
  const allowed = others.filter(({ mailbox }) => mailbox.domain === host)
  if (others.length > 0 && allowed.length === 0) return { reason: `${host} sends reports on to another host` }
  return { destinations: allowed.length > 0 ? allowed : [destination] }
}
