// The answer that a vacation action asks for: to whom one may go (RFC 5230 §4.5, §4.6; RFC 3834 §2), and what it looks like
// (§5). That nobody gets it twice in a while is for whoever keeps the memory.

import { formatAddress } from '../../message/address.ts'
import { addressField, buildMessage, type FieldText, structuredField, textField } from '../../message/build.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { parseHeader, rawField } from '../../message/header.ts'
import { parseMessageIds } from '../../message/message-id.ts'
import type { VacationAction } from '../../protocols/sieve/actions.ts'
import { soleMailbox } from '../../protocols/sieve/deliver.ts'
import { decodedValue } from '../../protocols/sieve/message.ts'
import { addressesIn, isAutomatic, type Occasion, type OutgoingMail, shortened, stampFields } from './automatic.ts'

/** Senders that nobody reads (RFC 5230 §4.6, RFC 3834 §2). */
const MACHINES =
  /^(?:mailer-daemon|postmaster|listserv|majordomo|no-?reply|do-?not-?reply|owner-.*|.*-owner|.*-request|.*-bounces?)(?:\+.*)?$/i

const RECIPIENT_FIELDS = ['to', 'cc', 'bcc', 'resent-to', 'resent-cc', 'resent-bcc']
const MAX_REFERENCES = 100

export type Answer = { readonly mail: OutgoingMail } | { readonly whyNot: string }

/** The answer, or why none may be sent. */
export function answerTo(action: VacationAction, occasion: Occasion): Answer {
  const { envelopeFrom, message, ownAddresses, envelopeTo } = occasion
  if (envelopeFrom === '') return { whyNot: 'it has no sender who could be answered' }
  const sender = soleMailbox(envelopeFrom)
  if (sender === undefined) return { whyNot: 'the address of its sender cannot be answered' }
  if (MACHINES.test(sender.localPart)) return { whyNot: `${envelopeFrom} is a machine` }
  const own = [...new Set([...ownAddresses, ...action.addresses, envelopeTo].flatMap(normal))]
  if (own.includes(formatAddress(sender).toLowerCase())) return { whyNot: 'its sender is the owner himself' }
  if (message.fields.some(({ lowerName }) => lowerName.startsWith('list-'))) return { whyNot: 'it came through a list' }
  if (isAutomatic(message)) return { whyNot: 'it was sent by a machine' }
  const said = (name: string) => message.named(name).map(({ value }) => value.toLowerCase())
  if (said('precedence').some((value) => /^(?:bulk|junk|list)\b/.test(value))) return { whyNot: 'it is bulk mail' }
  if (
    said('x-auto-response-suppress').some((value) => value.split(/[\s,]+/).some((word) => /^(?:all|oof)$/.test(word)))
  )
    return { whyNot: 'its sender asked for no automatic answers' }
  const named = addressesIn(message, RECIPIENT_FIELDS)
  const addressed = named.find((address) => own.includes(address))
  if (addressed === undefined) return { whyNot: 'it is not addressed to the owner by name' }
  return {
    mail: { reversePath: '', forwardPath: formatAddress(sender), message: written(action, occasion, addressed) },
  }
}

function normal(address: string): string[] {
  const mailbox = soleMailbox(address)
  return mailbox === undefined ? [] : [formatAddress(mailbox).toLowerCase()]
}

function written(action: VacationAction, occasion: Occasion, addressed: string): Buffer {
  const { message, envelopeFrom } = occasion
  const [original] = message.named('subject')
  const subject = action.subject ?? (original === undefined ? 'Automated reply' : `Auto: ${decodedValue(original)}`)
  const fields: FieldText[] = [
    addressField('From', [soleMailbox(action.from ?? addressed)!]),
    structuredField('To', envelopeFrom),
    textField('Subject', shortened(decodeEncodedWords(subject))),
    ...stampFields(occasion),
    ...threadFields(occasion),
    structuredField('Auto-Submitted', 'auto-replied'),
    structuredField('X-Sieve', 'Borderpost'),
    structuredField('Precedence', 'bulk'),
  ]
  if (action.mime) {
    const header = parseHeader(Buffer.from(action.reason.replace(/\r?\n/g, '\r\n')))
    // What is no MIME (RFC 2045 §9) is not the entity's to say: nobody writes in another's name by it.
    const own = header.fields.filter(({ lowerName }) => lowerName.startsWith('content-'))
    const body = header.source.subarray(header.fieldsEnd)
    const start = Buffer.from(`${fields.join('')}MIME-Version: 1.0\r\n`)
    return Buffer.concat([
      start,
      ...own.map((field) => rawField(header, field)),
      body.length > 0 ? body : Buffer.from('\r\n'),
    ])
  }
  return buildMessage({ fields, text: action.reason, boundary: () => 'none' })
}

/** RFC 5230 §5.8: the answer belongs to the thread of the message. */
function threadFields({ message }: Occasion): FieldText[] {
  const idsOf = (name: string) => message.named(name).flatMap(({ value }) => parseMessageIds(value))
  const [id] = idsOf('message-id')
  if (id === undefined) return []
  const before = idsOf('references')
  const chain = (before.length > 0 ? before : idsOf('in-reply-to')).filter((one) => one !== id)
  const references = [...chain.slice(-MAX_REFERENCES), id].map((one) => `<${one}>`).join(' ')
  return [structuredField('In-Reply-To', `<${id}>`), structuredField('References', references)]
}
