// Does the sender of a message ask to hear of complaints, and may it be told (RFC 9477 §3.1)? The address must stand in
// the message, covered by valid signatures of its own domain and of the domain in From: then both of them want it.

import { mailboxesOf, parseAddressList } from '../../message/address.ts'
import { fieldsNamed, firstValue, type Header, rawValue } from '../../message/header.ts'
import type { Mailbox } from '../../message/mailbox.ts'
import type { Dns } from '../../world/dns.ts'
import type { Clock } from '../../world/world.ts'
import { verifyDkim } from '../dkim/verify.ts'
import { authorOf } from '../dmarc/author.ts'
import { isWithin } from '../domain.ts'

export type ComplaintsTo =
  | {
      readonly kind: 'asked'
      readonly mailbox: Mailbox
      /** The domain in From. */
      readonly author: string
      /** CFBL-Feedback-ID; '' when there is none. */
      readonly feedbackId: string
    }
  /** Nobody asked, or it is not proven who did. */
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'no-answer'; readonly why: string }

/** Who is to hear of a complaint about this message. */
export async function complaintsTo(header: Header, world: { dns: Dns; clock: Clock }): Promise<ComplaintsTo> {
  const none = (why: string): ComplaintsTo => ({ kind: 'none', why })
  const [field, ...others] = fieldsNamed(header, 'cfbl-address')
  if (field === undefined) return none('its sender did not ask')
  if (others.length > 0) return none('it names several addresses')
  // A report=xarf that is asked for may be answered in ARF (§4.2).
  const [text] = rawValue(header, field).toString('latin1').split(';', 1)
  const [mailbox, ...more] = mailboxesOf(parseAddressList(text!))
  if (mailbox === undefined || more.length > 0) return none('its CFBL-Address is no address')
  const { domains, fault } = authorOf(header)
  const [author, ...strangers] = domains
  if (author === undefined || strangers.length > 0 || fault !== undefined) return none('its Author is not clear')
  const feedbackIds = fieldsNamed(header, 'cfbl-feedback-id')
  const covered = ['cfbl-address', ...(feedbackIds.length > 0 ? ['cfbl-feedback-id'] : [])]
  const signatures = await verifyDkim(header, world.dns, world.clock)
  // §3.1: a parent speaks for its child domains.
  const needed = isWithin(author, mailbox.domain) ? [mailbox.domain] : [mailbox.domain, author]
  for (const domain of needed) {
    const own = signatures.filter(
      (one) => one.domain === domain && covered.every((name) => one.signedNames.includes(name)),
    )
    if (own.some(({ result, unsignedBytes }) => result === 'pass' && unsignedBytes === 0)) continue
    if (own.some(({ result }) => result === 'temperror'))
      return { kind: 'no-answer', why: `the key of ${domain} could not be fetched` }
    return none(`no valid signature of ${domain} covers its CFBL-Address`)
  }
  const feedbackId = feedbackIds.length === 1 ? (firstValue(header, 'cfbl-feedback-id') ?? '').slice(0, 500) : ''
  return { kind: 'asked', mailbox: { localPart: mailbox.localPart, domain: mailbox.domain }, author, feedbackId }
}
