// mailto URIs (RFC 6068), as the method of notifications by mail (RFC 5436).

import { formatAddress, type Mailbox } from '../../message/address.ts'
import { soleMailbox } from './deliver.ts'

export interface Mailto {
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  readonly subject: string | undefined
  readonly body: string | undefined
  /** Other fields that the URI asks for, in order. */
  readonly fields: readonly { readonly name: string; readonly value: string }[]
}

const MAX_RECIPIENTS = 8
const QCHARS = /^(?:[A-Za-z0-9\-._~!$'()*+,;:@/]|%[0-9A-Fa-f]{2})*$/
const FIELD_NAME = /^[!-9;-~]+$/

/** Fields that a notification has of its own, or that would make it go where nobody asked (RFC 5436 §2.3). */
const OURS = new Set([
  'from',
  'sender',
  'date',
  'message-id',
  'auto-submitted',
  'received',
  'return-path',
  'bcc',
  'resent-to',
  'resent-cc',
  'resent-bcc',
  'resent-from',
  'resent-sender',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
])

/** Reads a URI; says what is wrong with it. */
export function parseMailto(uri: string): { mailto: Mailto } | { error: string } {
  const found = /^mailto:([^?#]*)(?:\?([^#]*))?$/i.exec(uri)
  if (found === null) return { error: `'${uri.slice(0, 100)}' is no mailto URI` }
  const to: Mailbox[] = []
  const cc: Mailbox[] = []
  const fields: { name: string; value: string }[] = []
  let subject: string | undefined
  let body: string | undefined
  const wrongTo = addAddresses(found[1]!, to)
  if (wrongTo !== undefined) return { error: wrongTo }
  for (const pair of found[2] === undefined || found[2] === '' ? [] : found[2].split('&')) {
    const equals = pair.indexOf('=')
    const [rawName, rawValue] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    if (!QCHARS.test(rawName) || !QCHARS.test(rawValue) || rawName === '')
      return { error: `the URI holds a field '${pair.slice(0, 60)}' with characters that must be encoded` }
    const name = decode(rawName)
    if (name === undefined || !FIELD_NAME.test(name))
      return { error: `'${rawName.slice(0, 60)}' is no name of a header field` }
    const value = decode(rawValue)
    if (value === undefined) return { error: `the field '${name}' of the URI is no UTF-8` }
    const lowerName = name.toLowerCase()
    if (lowerName === 'to' || lowerName === 'cc') {
      const wrong = addAddresses(rawValue, lowerName === 'to' ? to : cc)
      if (wrong !== undefined) return { error: wrong }
    } else if (lowerName === 'subject') subject ??= value
    else if (lowerName === 'body') body ??= value
    else if (!OURS.has(lowerName)) fields.push({ name, value })
  }
  if (to.length + cc.length === 0) return { error: 'the URI names nobody to notify' }
  if (to.length + cc.length > MAX_RECIPIENTS) return { error: `the URI names more than ${MAX_RECIPIENTS} to notify` }
  return { mailto: { to, cc, subject, body, fields } }
}

function addAddresses(raw: string, list: Mailbox[]): string | undefined {
  if (raw === '') return undefined
  // A comma between addresses may be encoded (%2C): old scripts have it so.
  const text = QCHARS.test(raw) ? decode(raw) : undefined
  if (text === undefined) return `'${raw.slice(0, 100)}' holds characters that must be encoded`
  for (const one of text.split(',')) {
    const mailbox = soleMailbox(one)
    if (mailbox === undefined) return `'${one.slice(0, 100)}' is no address to notify`
    const key = formatAddress(mailbox).toLowerCase()
    if (!list.some((known) => formatAddress(known).toLowerCase() === key)) list.push(mailbox)
  }
  return undefined
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
