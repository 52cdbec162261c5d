// The Transmitter proves its identity out of band: it signs with the keys that its DNS publishes (DKIM, RFC 6376 and 8463;
// and DKIM2, where the description asks for it, with the envelope in which the message leaves).

import { signDkim } from '../../identity/dkim/sign.ts'
import { signDkim2 } from '../../identity/dkim2/sign.ts'
import { authorOf } from '../../identity/dmarc/author.ts'
import { domainOf, isWithin } from '../../identity/domain.ts'
import { type Header, parseHeader } from '../../message/header.ts'
import type { Agent, DkimKey } from '../agent.ts'

/**
 * The DKIM-Signature fields for a message that leaves, one for each key; none when signing is off. As our own domain; or as
 * that in From, where whoever hands the message over may write as it (`carried`), and not at all where it is another:
 * there are keys here of domains that are somebody else's.
 */
export async function dkimFields(
  agent: Agent,
  message: Buffer | Header,
  carried?: readonly string[],
): Promise<Uint8Array[]> {
  if (!signs(agent)) return []
  const header = Buffer.isBuffer(message) ? parseHeader(message) : message
  const keys = agent.secrets.dkim.filter(
    carried === undefined ? ({ domain }) => domain === agent.domain : isForAuthor(header, carried),
  )
  return keys.length === 0 ? [] : [await signDkim(header, keys, agent.world)]
}

function isForAuthor(header: Header, carried: readonly string[]): (key: DkimKey) => boolean {
  const { domains } = authorOf(header)
  const [author] = domains.length === 1 ? domains : []
  return ({ domain }) => author !== undefined && carried.includes(domain) && isWithin(author, domain)
}

const signs = ({ roles, settings }: Agent) =>
  (roles.has('Transmitter') || roles.has('Forwarder')) && settings.transmitter.signs

/** What DKIM2 signs beside the message. Tried again, it must be the same to the byte, so its time is part of it. */
interface Leaving {
  readonly reversePath: string
  readonly recipients: readonly string[]
  readonly atMs: number
}

/**
 * The DKIM2 fields for a message in the very form in which it leaves; none when the switch is off, when the reverse-path
 * is somebody else's (draft §8.8), or when what stands in the message already cannot be built upon: an honest chain that
 * ends is better than one that claims what is not so.
 */
export async function dkim2Fields(agent: Agent, message: Buffer, leaving: Leaving): Promise<Uint8Array[]> {
  const { reversePath, recipients, atMs } = leaving
  if (!agent.settings.dkim2 || !signs(agent)) return []
  if (reversePath !== '' && !isWithin(domainOf(reversePath), agent.domain)) return []
  const route = { reversePath, recipients }
  const signing = {
    domain: agent.domain,
    keys: agent.secrets.dkim.filter(({ domain }) => domain === agent.domain),
    route,
  }
  const signed = await signDkim2(parseHeader(message), signing, { cpu: agent.world.cpu, clock: { now: () => atMs } })
  return 'fault' in signed ? [] : [signed.fields]
}
