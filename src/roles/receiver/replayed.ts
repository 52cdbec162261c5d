// Copies of a signed message that its signer did not send here (DKIM replay). Honest mail of that shape is mailing lists
// and Bcc: up to some dozens nothing is said; then it weighs, never enough for Junk alone; and from a thousand within a
// day on who has no standing is asked to come again later. Not counted is what the signer itself sends (its SPF or the
// name of the machine says so), what the signed To and Cc name, and what a trusted Forwarder passed on.

import { MAX_COPIES } from '../../filter/replay.ts'
import { verdictOn } from '../../filter/reputation.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { registrableDomain } from '../../identity/public-suffix.ts'
import { provesDomain } from '../../identity/spf/spf.ts'
import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { fieldsNamed, type Header, rawValue } from '../../message/header.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { reputableSender } from './acquaintance.ts'
import type { Border } from './border.ts'
import { addressOf, type Handled, isStanding } from './handle.ts'

/** Signatures of others under which this message came. */
export interface Borrowed {
  readonly signatures: readonly string[]
  /** Of those, what was taken of late. */
  readonly before: number
}

/** Passing signatures that are not of who sends it, and that name none but strangers in To and Cc. */
export function borrowed(
  border: Border,
  header: Header,
  identity: Identity,
  ways: readonly Pick<Handled, 'way'>[],
): Borrowed {
  const { spf, dkim, iprev } = identity
  const sender = new Set(
    [provesDomain(spf) ? spf.domain : '', iprev.result === 'pass' ? (iprev.name ?? '') : ''].map(organizationOf),
  )
  const signatures = dkim
    .filter(({ result, domain }) => result === 'pass' && !sender.has(organizationOf(domain)))
    .filter(({ signedNames }) => {
      const named = addressesIn(
        header,
        ['to', 'cc'].filter((name) => signedNames.includes(name)),
      )
      return ways.some(({ way }) => !named.has(addressOf(way).toLowerCase()))
    })
    .map(({ domain, signaturePrefix }) => `${domain} ${signaturePrefix}`)
  return { signatures, before: border.replays.copies(signatures) }
}

const organizationOf = (domain: string) => registrableDomain(domain) ?? domain

function addressesIn(header: Header, names: readonly string[]): ReadonlySet<string> {
  const fields = names.flatMap((name) => fieldsNamed(header, name))
  return new Set(
    fields.flatMap((field) =>
      mailboxesOf(parseAddressList(rawValue(header, field))).map((mailbox) => formatAddress(mailbox).toLowerCase()),
    ),
  )
}

/** Counts what is taken; beyond the limit all that nobody here vouches for must wait. */
export function withoutFlood(
  border: Border,
  identity: Identity,
  { signatures, before }: Borrowed,
  handled: readonly Handled[],
): readonly Handled[] {
  const asked = handled.filter(
    (one) => isStanding(one) && !one.forwarder && !one.allowedBy && one.way.kind !== 'return',
  )
  if (signatures.length === 0 || asked.length === 0) return handled
  const isWellKnown = verdictOn(border.reputation.standing(reputableSender(identity))) === 'good'
  if (before + asked.length <= MAX_COPIES || isWellKnown) {
    border.replays.count(signatures, asked.length)
    return handled
  }
  const [domain] = signatures[0]!.split(' ')
  const reason = `too many copies of one message that ${domain} signed and did not send itself; come again later`
  const judgement = { outcome: 'defer' as const, reason, reply: reply(451, '4.7.28', reason) }
  return handled.map((one) => (asked.includes(one) ? { ...one, judgement } : one))
}
