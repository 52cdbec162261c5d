// Notifications by mail that notify actions ask for (RFC 5435, RFC 5436 §2).

import { formatAddress, type Mailbox } from '../../message/address.ts'
import { addressField, buildMessage, type FieldText, structuredField, textField } from '../../message/build.ts'
import type { NotifyAction } from '../../protocols/sieve/actions.ts'
import { parseMailto } from '../../protocols/sieve/mailto.ts'
import { decodedValue } from '../../protocols/sieve/message.ts'
import { isAutomatic, type Occasion, type OutgoingMail, shortened, stampFields } from './automatic.ts'

/** Of what importance is called in the fields that mail programs show. */
const IMPORTANCE = {
  1: { priority: '1 (Highest)', importance: 'High' },
  2: { priority: '3 (Normal)', importance: 'Normal' },
  3: { priority: '5 (Lowest)', importance: 'Low' },
} as const

export interface NotificationOptions {
  /** Who sends it, where the script does not say: also the reverse-path. */
  readonly sender: string
  /** The reverse-path, if it is another than the sender. */
  readonly reversePath?: string | undefined
}

/** The mail of all notifications of one message; nobody gets two. None where a machine sent the message (§2.7.1). */
export function notificationsOf(
  actions: readonly NotifyAction[],
  occasion: Occasion,
  options: NotificationOptions,
): OutgoingMail[] {
  if (isAutomatic(occasion.message)) return []
  const notified = new Set<string>()
  const isNew = (mailbox: Mailbox) => {
    const key = formatAddress(mailbox).toLowerCase()
    return !notified.has(key) && notified.add(key) !== undefined
  }
  return actions.flatMap((action) => {
    const parsed = parseMailto(action.method)
    if ('error' in parsed) return []
    const { mailto } = parsed
    const to = mailto.to.filter(isNew)
    const cc = mailto.cc.filter(isNew)
    if (to.length + cc.length === 0) return []
    const from = action.from ?? options.sender
    const owner = occasion.ownAddresses[0] ?? occasion.envelopeTo
    const [subject] = occasion.message.named('subject')
    const about = subject === undefined ? 'a message' : decodedValue(subject)
    const { priority, importance } = IMPORTANCE[action.importance]
    const fields: FieldText[] = [
      structuredField('From', from),
      ...(to.length > 0 ? [addressField('To', to)] : []),
      ...(cc.length > 0 ? [addressField('Cc', cc)] : []),
      textField('Subject', shortened(action.message ?? mailto.subject ?? `Notification: ${about}`)),
      ...stampFields(occasion),
      structuredField('Auto-Submitted', `auto-notified; owner-email="${owner.replace(/["\\]/g, '\\$&')}"`),
      structuredField('X-Sieve', 'Borderpost'),
      structuredField('X-Priority', priority),
      structuredField('Importance', importance),
      ...mailto.fields.map(({ name, value }) => textField(name, value)),
    ]
    const text = mailto.body ?? `A message has come: ${about}`
    const message = buildMessage({ fields, text, boundary: () => 'none' })
    // A notification of a bounce must not make another one (§2.2).
    const reversePath = occasion.envelopeFrom === '' ? '' : (options.reversePath ?? action.from ?? options.sender)
    return [...to, ...cc].map((mailbox) => ({ reversePath, forwardPath: formatAddress(mailbox), message }))
  })
}
