// Did the message come through a Forwarder (or a list)? The signs of it, each with the sentence that says why.
// Signs: an SRS return path, Delivered-To and its relatives naming another address, a changed `for` in Received lines,
// an ARC seal of somebody between (RFC 8617), List-Id (RFC 2919). A sign is a claim unless our Border verified it.

import { formatAddress, type Mailbox, mailboxesOf, parseAddressList, sameAddress } from '../../message/address.ts'
import { fieldsNamed, firstValue, type Header, unfolded } from '../../message/header.ts'
import { organisation, type Step } from './path.ts'

export interface ForwarderSigns {
  /** The Forwarder's domain as far as it can be told. */
  domain?: string
  /** The host that wrote the last line with the old recipient. */
  host?: string
  /** The address that the message was first sent to. */
  oldAddress?: string
  /** The sender that SRS wrapped. */
  originalSender?: string
  isList: boolean
  /** The organisation in List-Id. */
  listDomain?: string
  /** Every domain that has left a sign of having passed the message on, each once. */
  domains: string[]
  /** Nothing but seals tells of it: they name who wrote them. */
  isOnlySealed: boolean
  /** Sentences for people. */
  evidence: string[]
}

/** The signs of a Forwarder, or undefined if there is none. `ours` is the organisation of our own hosts. */
export function forwarderSigns(
  header: Header,
  steps: readonly Step[],
  ours: readonly string[],
): ForwarderSigns | undefined {
  const signs: ForwarderSigns = { isList: false, domains: [], isOnlySealed: false, evidence: [] }
  readSrs(header, signs)
  readDelivery(header, { steps, ours }, signs)
  const others = signs.evidence.length
  readArc(header, ours, signs)
  signs.isOnlySealed = others === 0
  const listId = firstValue(header, 'list-id')
  if (listId !== undefined) {
    signs.isList = true
    signs.isOnlySealed = false
    const id = /<([^<>]{1,200})>/.exec(listId)?.[1]
    signs.evidence.push(`It came through a mailing list${id ? ` (${id})` : ''}: List-Id.`)
    const domain = organisation(id)
    signs.domain ??= domain
    if (domain !== undefined) signs.listDomain = domain
    noteDomain(signs, domain)
  }
  return signs.evidence.length > 0 ? signs : undefined
}

function noteDomain(signs: ForwarderSigns, domain: string | undefined): void {
  if (domain !== undefined && !signs.domains.includes(domain)) signs.domains.push(domain)
}

function firstMailbox(text: string | undefined): Mailbox | undefined {
  return text === undefined ? undefined : mailboxesOf(parseAddressList(text))[0]
}

/** SRS0=hash=day=domain=local@forwarder, SRS1=hash=first==hash=day=domain=local@second. */
function readSrs(header: Header, signs: ForwarderSigns): void {
  const path = firstMailbox(firstValue(header, 'return-path'))
  if (!path || !/^srs[01][=+-]/i.test(path.localPart)) return
  signs.domain = path.domain
  noteDomain(signs, path.domain)
  const wrapped = /^srs0[=+-][^=]+=[^=]+=([^=]+)=(.+)$/i.exec(path.localPart)
  if (wrapped) signs.originalSender = `${wrapped[2]}@${wrapped[1]!.toLowerCase()}`
  signs.evidence.push(
    `The return path was rewritten by ${path.domain} (SRS)${wrapped ? `, it was ${signs.originalSender}` : ''}.`,
  )
}

/** An older line or field that names another recipient than a newer one. */
function readDelivery(
  header: Header,
  { steps, ours }: { readonly steps: readonly Step[]; readonly ours: readonly string[] },
  signs: ForwarderSigns,
): void {
  // Newest first, as the fields stand: a host writes Delivered-To above its own Received line.
  const delivered = fieldsNamed(header, 'delivered-to')
    .slice(0, 20)
    .flatMap((field) => firstMailbox(unfolded(header, field)) ?? [])
  const [newest, oldest] = [delivered[0], delivered.at(-1)]
  for (const mailbox of delivered.slice(1)) noteDomain(signs, mailbox.domain)
  if (newest && oldest && !sameAddress(newest, oldest)) {
    signs.oldAddress = formatAddress(oldest)
    signs.domain ??= oldest.domain
    signs.evidence.push(
      `It was delivered to ${formatAddress(oldest)} first, then to ${formatAddress(newest)}: Delivered-To.`,
    )
  }
  const home = ours.map((host) => organisation(host) ?? host)
  const others = new Set(steps.flatMap(({ verified, network }) => (verified || network === undefined ? [] : [network])))
  const elsewhere = delivered.find(({ domain }) => {
    const at = organisation(domain)
    return at !== undefined && others.has(at) && !home.includes(at)
  })
  if (elsewhere && signs.oldAddress === undefined) {
    signs.oldAddress = formatAddress(elsewhere)
    signs.domain ??= elsewhere.domain
    noteDomain(signs, elsewhere.domain)
    signs.evidence.push(`It was delivered to ${formatAddress(elsewhere)} before it came here: Delivered-To.`)
  }
  if (firstValue(header, 'x-forwarded-to') !== undefined) signs.evidence.push('A Forwarder wrote X-Forwarded-To.')
  // `old@address new@address`, as Gmail writes it; others put an IP address there.
  const forwardedFor = firstMailbox(firstValue(header, 'x-forwarded-for')?.split(/\s+/)[0])
  if (forwardedFor) {
    signs.evidence.push(`A Forwarder wrote X-Forwarded-For: ${formatAddress(forwardedFor)}.`)
    signs.oldAddress ??= formatAddress(forwardedFor)
    signs.domain ??= forwardedFor.domain
  }
  const recipients = steps.flatMap(({ received }) => {
    const mailbox = received.for?.includes('@') ? firstMailbox(received.for) : undefined
    return mailbox ? [{ mailbox, by: received.by }] : []
  })
  const first = recipients[0]?.mailbox
  const last = recipients.at(-1)?.mailbox
  if (first && last && !sameAddress(first, last)) {
    signs.host = recipients.findLast(({ mailbox }) => !sameAddress(mailbox, last))?.by
    signs.oldAddress ??= formatAddress(first)
    signs.domain ??= first.domain
    signs.evidence.push(
      `The recipient changed on the way, from ${formatAddress(first)} to ${formatAddress(last)}: Received "for".`,
    )
  }
}

/** A seal of somebody who is neither the sender's domain nor ours, with another envelope than it was sealed with. */
function readArc(header: Header, ours: readonly string[], signs: ForwarderSigns): void {
  const author = organisation(firstMailbox(firstValue(header, 'from'))?.domain)
  for (const field of fieldsNamed(header, 'arc-seal').slice(0, 50)) {
    const text = unfolded(header, field)
    const instance = /(?:^|[;\s])i\s*=\s*(\d{1,2})/.exec(text)?.[1]
    const domain = /(?:^|[;\s])d\s*=\s*([^;\s]{1,253})/.exec(text)?.[1]?.toLowerCase()
    const sealer = organisation(domain)
    if (!instance || !domain || !sealer || sealer === author) continue
    if (ours.some((host) => sealer === organisation(host) || sealer === host)) continue
    signs.domain ??= domain
    noteDomain(signs, domain)
    signs.evidence.push(`It was sealed on the way by ${domain} (ARC, i=${instance}).`)
  }
}
