// Who sent it, as far as it is proven, and what that name is worth here: lists, reputation, people here who wrote to
// him. What anybody can claim is neither rewarded nor punished.

import { findInList, findSigner } from '../../filter/lists.ts'
import type { Sender } from '../../filter/reputation.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { provesDomain } from '../../identity/spf/spf.ts'
import { trustedSeal } from '../../identity/trusted.ts'
import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { fieldsNamed, type Header, rawValue } from '../../message/header.ts'
import type { Agent } from '../agent.ts'

/** Domains that signed the whole message. */
function signersOf({ dkim }: Identity): string[] {
  return dkim
    .filter(({ result, unsignedBytes }) => result === 'pass' && unsignedBytes === 0)
    .map(({ domain }) => domain)
}

/** The entry of the allow list that names the sender. An address counts once it is proven: anybody can claim one. */
export function provenOnList(agent: Agent, identity: Identity): string | undefined {
  const { allow } = agent.settings.receiver
  if (allow.length === 0) return undefined
  const { ip, reversePath, spf, dmarc, from } = identity
  const proven: (string | undefined)[] = [undefined]
  if (provesDomain(spf) && spf.identity === 'mailfrom') proven.push(reversePath)
  if (dmarc.result === 'pass') proven.push(...from.mailboxes.map((mailbox) => formatAddress(mailbox)))
  const listed = proven.map((address) => findInList(allow, { ip, address })).find((entry) => entry !== undefined)
  return (listed ?? findSigner(allow, signersOf(identity)))?.value
}

/**
 * The entry of the deny list that names who wrote or signed it. To be denied a claim is enough; an address on the list of
 * allowed senders gets past the other list by a claim too, and no further.
 */
export function deniedOnList(agent: Agent, identity: Identity): string | undefined {
  const { allow, deny } = agent.settings.receiver
  if (deny.length === 0) return undefined
  const { ip, from } = identity
  const writer = from.mailboxes
    .map((mailbox) => ({ ip, address: formatAddress(mailbox) }))
    .filter((who) => findInList(allow, who) === undefined)
    .map((who) => findInList(deny, who))
  const signers = identity.dkim.filter(({ result }) => result === 'pass').map(({ domain }) => domain)
  return (writer.find((entry) => entry !== undefined) ?? findSigner(deny, signers))?.value
}

/** The mailbox in Resent-From, else in Sender, if its domain signed the message or is that of a proven reverse-path. */
export function provenSender(header: Header, identity: Identity): string | undefined {
  const { spf } = identity
  const proven = signersOf(identity)
  if (provesDomain(spf) && spf.identity === 'mailfrom') proven.push(spf.domain)
  const field = fieldsNamed(header, 'resent-from')[0] ?? fieldsNamed(header, 'sender')[0]
  const [mailbox, ...others] = field === undefined ? [] : mailboxesOf(parseAddressList(rawValue(header, field)))
  if (mailbox === undefined || others.length > 0 || !proven.includes(mailbox.domain)) return undefined
  return formatAddress(mailbox)
}

/** Under which names its reputation is kept. */
export function reputableSender(identity: Identity): Sender {
  const { ip, dmarc, spf } = identity
  const isMailFrom = provesDomain(spf) && spf.identity === 'mailfrom'
  const provenDomain = dmarc.result === 'pass' ? dmarc.domain : isMailFrom ? spf.domain : signersOf(identity)[0]
  return provenDomain === undefined ? { ip } : { ip, provenDomain }
}

/** SPF or a signature proves some domain: a sender that can be found again, and asked to stop. */
export function isProven({ spf, dkim }: Identity): boolean {
  return provesDomain(spf) || dkim.some(({ result }) => result === 'pass')
}

/**
 * By whose hands it seems to have come, where that is proven: a sealer, a Forwarder that rewrites the reverse-path, a
 * mailing list. Each of them breaks what proves an Author, and none of them is trusted for that here.
 */
export function detourOf(header: Header, identity: Identity): string | undefined {
  const { arc, spf, reversePath } = identity
  if (arc.result === 'pass') {
    // Whoever seals says what he saw: with the Author unproven there already, the detour explains nothing.
    const seal = trustedSeal(
      identity,
      arc.hops.map(({ domain }) => domain),
    )
    return seal?.seen.dmarc === 'pass' ? `${seal.domain} sealed that it was proven there` : undefined
  }
  const sender = spf.result === 'pass' && spf.identity === 'mailfrom' ? spf.domain : undefined
  if (sender !== undefined && /^srs[01][=+-]/i.test(reversePath)) return `${sender} passed it on`
  const list = fieldsNamed(header, 'list-id').length > 0 ? (signersOf(identity)[0] ?? sender) : undefined
  return list === undefined ? undefined : `it came through a mailing list of ${list}`
}
