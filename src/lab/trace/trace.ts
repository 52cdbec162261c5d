// "How did this reach me?": a message's path, roles, Border, Forwarder, delays and authentication, from its own header.
// Only what our own hosts wrote is verified; everything else is shown as claimed. Nothing is looked up and nothing
// throws: the trace of garbage is a short trace.

import { displayDomain, formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { parseDate } from '../../message/date.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { fieldsNamed, firstValue, type Header, type HeaderField, parseHeader } from '../../message/header.ts'
import { readBackground } from './background.ts'
import { type Blocks, readBlocks } from './blocks.ts'
import { doubtForged } from './doubt.ts'
import { type ForwarderSigns, forwarderSigns } from './forwarder.ts'
import { aligned, measureDelays, type Path, readPath, type Step } from './path.ts'
import { readResults, type TracedResults } from './results.ts'

export interface TraceOptions {
  /** Whose Authentication-Results are ours (RFC 8601 §2.5). Default: results by `trustedBy` hosts. */
  trustedAuthservIds?: readonly string[]
  /** Hosts or domains of our own Border, as they write `by` in Received. Default: those of the newest line's writer. */
  trustedBy?: readonly string[]
  /** Addresses of our own hosts that hand mail to each other over public addresses. */
  trustedIps?: readonly string[]
  /** Domains of Forwarders that the Recipient trusts: an indirect relationship, `~~>`, and no Border between. */
  trustedForwarders?: readonly string[]
}

export interface TraceResult extends Path, Blocks {
  from?: string
  /** The address of the Author, and the organisation that it belongs to. */
  author?: { readonly address: string; readonly organisation: string }
  to?: string
  subject?: string
  messageId?: string
  /** By the Date field. */
  sentMs?: number
  /** From the Date field, or the oldest line, to the newest line; undefined without two times. */
  totalMs?: number
  /** Present when a block of the path plays the role. */
  forwarder?: ForwarderSigns
  /** Signs of forwarding that no block of the path explains. */
  unplacedSigns?: ForwarderSigns
  authentication: TracedResults[]
  /** Received lines in all; more than a path can have are not read. */
  linesFound: number
}

/** The trace of a message, or of just its header. */
export function trace(message: Buffer, options: TraceOptions = {}): TraceResult {
  const header = parseHeader(message)
  const path = readPath(header, options.trustedBy, options.trustedIps)
  const sentMs = parseDate(firstValue(header, 'date') ?? '')?.epochMs
  measureDelays(path.steps, sentMs)
  const background = readBackground(header, path.steps, forwarderSigns(header, path.steps, path.ours))
  doubtForged(path.steps, background)
  const believed = path.steps.filter(({ doubt }) => doubt === undefined)
  const signs = forwarderSigns(withoutDoubtful(header, path.steps), believed, path.ours)
  const { blocks, hops } = readBlocks(path, signs, background, options.trustedForwarders ?? [])
  const isPlaced = blocks.some((block) => block.side === 'forwarder')
  const author = authorOf(header)
  const times = path.steps.flatMap((step) => step.received.date?.epochMs ?? [])
  const first = sentMs ?? times[0]
  const last = times.at(-1)
  return {
    ...path,
    blocks,
    hops,
    from: addressText(header, 'from'),
    ...(author && { author }),
    to: addressText(header, 'to'),
    subject: text(header, 'subject'),
    messageId: firstValue(header, 'message-id'),
    sentMs,
    ...(first !== undefined && last !== undefined && last >= first && { totalMs: last - first }),
    ...(signs && (isPlaced ? { forwarder: signs } : { unplacedSigns: signs })),
    linesFound: fieldsNamed(header, 'received').length,
    authentication: readResults(header, path, options.trustedAuthservIds),
  }
}

/** What stands below a line that is doubted came along with it. */
function withoutDoubtful(header: Header, steps: readonly Step[]): Header {
  const newest = steps.findLast(({ doubt }) => doubt !== undefined)
  if (newest === undefined) return header
  const { start } = fieldsNamed(header, 'received')[steps.length - newest.number]!
  const isBrought = ({ name, start: at }: HeaderField) =>
    at >= start && /^(?:arc-|x-forwarded|delivered-to$)/i.test(name)
  return { ...header, fields: header.fields.filter((field) => !isBrought(field)) }
}

function text(header: Header, name: string): string | undefined {
  const value = firstValue(header, name)
  return value === undefined ? undefined : decodeEncodedWords(value).replace(/\s+/g, ' ').slice(0, 300)
}

/** Of several Authors the first. */
function authorOf(header: Header): TraceResult['author'] {
  const [mailbox] = mailboxesOf(parseAddressList(firstValue(header, 'from') ?? ''))
  if (mailbox === undefined) return undefined
  return { address: formatAddress(mailbox), organisation: aligned(mailbox.domain) }
}

/** The addresses as people read them; a name that looks like an address does not hide the address. */
function addressText(header: Header, name: string): string | undefined {
  const value = firstValue(header, name)
  if (value === undefined) return undefined
  const list = parseAddressList(value)
  const addresses = list.addresses.flatMap((each) => ('groupName' in each ? each.members : [each]))
  const texts = addresses.slice(0, 10).map(({ displayName, localPart, domain }) => {
    const shown = displayDomain(domain)
    const address = shown === domain ? `${localPart}@${domain}` : `${localPart}@${shown} (${domain})`
    return displayName && displayName !== address ? `${displayName} <${address}>` : address
  })
  const all = [...texts, ...list.unparsed.slice(0, 3)].join(', ')
  return addresses.length > 10 ? `${all} and ${addresses.length - 10} more` : all
}
