// Delivery status notifications: RFC 3464 (the report), RFC 3462/6522 (multipart/report), RFC 3461 §6 (what ORCPT, RET
// and ENVID ask for), RFC 6533 (addresses beyond ASCII). People read the first part, programs the second.
// A notification goes to the reverse path of the message, from the null reverse path: it is never answered itself.

import {
  addressField,
  type Entity,
  type FieldText,
  multipart,
  serialize,
  structuredField,
  textEntity,
  textField,
} from './build.ts'
import { formatDate } from './date.ts'
import { DSN_WORDS, type DsnCause, type DsnLanguage, type DsnWords } from './dsn-words.ts'
import { parseHeader } from './header.ts'
import { formatAddress, type Mailbox } from './mailbox.ts'

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export interface DsnRecipient {
  recipient: Mailbox
  /** ORCPT as the sender gave it: `rfc822;bob@old.test` (RFC 3461 §4.2). */
  originalRecipient?: string
  action: DsnAction
  /** Enhanced status code, `5.1.1` (RFC 3463). */
  status: string
  /** The host that answered. */
  remoteHost?: string
  /** Its answer, one line or more: `550 5.1.1 no such mailbox`. */
  diagnostic?: string
  /** What the sender can do something about. */
  cause?: DsnCause
  lastAttemptMs?: number
  willRetryUntilMs?: number
}

export interface Dsn {
  /** Who reports: the host name of this system's role. */
  reportingHost: string
  /** The From of the report: postmaster of the reporting domain. */
  from: Mailbox
  /** The reverse path of the message that is reported on. */
  to: Mailbox
  /** With brackets. */
  messageId: string
  nowMs: number
  arrivedMs?: number
  /** By when its sender wanted it delivered (RFC 2852 §5). */
  deliverByMs?: number
  /** What its sender asked for in MAIL: `for;600` (RFC 4865 §5.1.2). */
  futureRelease?: string
  /** ENVID of the message (RFC 3461 §4.4), decoded. */
  envelopeId?: string
  recipients: readonly DsnRecipient[]
  /** The message reported on. */
  original: Buffer
  /** RET of RFC 3461 §4.3: for anything but a failure only the header goes back. */
  returns: 'full' | 'headers'
  boundary: () => string
  /** English, if nothing is said. */
  language?: DsnLanguage
  /** For whoever else reads it, before everything: why it does not go to the sender. */
  note?: string
}

/** The gravest first: it gives the subject. */
const GRAVITY: DsnAction[] = ['failed', 'delayed', 'relayed', 'expanded', 'delivered']

/** The notification, ready to be queued with the null reverse path. */
export function buildDsn(dsn: Dsn): Buffer {
  const action = GRAVITY.find((each) => dsn.recipients.some((recipient) => recipient.action === each)) ?? 'failed'
  const language = dsn.language ?? 'en'
  const words: DsnWords = DSN_WORDS[language]
  const isGlobal = dsn.recipients.some((each) => /[^\0-\x7f]/.test(formatAddress(each.recipient)))
  const report = multipart(
    'report',
    [
      inLanguage(textEntity('plain', explanation(dsn, action, words)), language),
      statusEntity(dsn, isGlobal),
      returned(dsn, action, isGlobal),
    ],
    dsn.boundary(),
    ` report-type=${isGlobal ? 'global-delivery-status' : 'delivery-status'};`,
  )
  const original = firstMessageId(dsn.original)
  const fields: FieldText[] = [
    structuredField('Date', formatDate(dsn.nowMs)),
    addressField('From', [dsn.from]),
    addressField('To', [dsn.to]),
    textField('Subject', words.subjects[action]),
    structuredField('Message-ID', dsn.messageId),
    ...(original ? [structuredField('In-Reply-To', original), structuredField('References', original)] : []),
    structuredField('Auto-Submitted', 'auto-replied'), // RFC 3834 §5: nothing automatic may answer
    structuredField('MIME-Version', '1.0'),
  ]
  return Buffer.concat([Buffer.from(fields.join('')), serialize(report)])
}

function firstMessageId(original: Buffer): string | undefined {
  const header = parseHeader(original)
  const field = header.fields.find((each) => each.lowerName === 'message-id')
  return field && /<[^<>\s]{1,900}>/.exec(original.toString('latin1', field.valueStart, field.end))?.[0]
}

/** The part for people: who, why, what can be done, what happens next. */
function explanation(dsn: Dsn, action: DsnAction, words: DsnWords): string {
  const lines = [`${words.from} ${dsn.reportingHost}.`, '']
  if (dsn.note !== undefined) lines.push(dsn.note, '')
  lines.push(action === 'failed' ? words.failed : action === 'delayed' ? words.delayed : words.told, '')
  for (const each of dsn.recipients) {
    const isLate = each.action === 'delayed'
    const [what, todo] = words.causes[each.cause ?? 'other']
    const became = each.action === 'failed' ? what : words.subjects[each.action]
    lines.push(`  ${formatAddress(each.recipient)}: ${became} (${each.status})`)
    if (each.remoteHost) lines.push(`    ${words.asked}: ${each.remoteHost}`)
    for (const said of (each.diagnostic ?? '').split(/\r?\n/).slice(0, 20)) {
      if (said.trim() !== '') lines.push(`    ${words.said}: ${said.trim().slice(0, 500)}`)
    }
    if (each.action === 'failed') lines.push(`    ${todo}`)
    if (isLate && each.willRetryUntilMs !== undefined)
      lines.push(`    ${words.until} ${formatDate(each.willRetryUntilMs)}.`)
    lines.push('')
  }
  lines.push(words.rest, '')
  return lines.join('\r\n')
}

/** RFC 3282: readers and screen readers choose by it. */
function inLanguage(entity: Entity, language: DsnLanguage): Entity {
  return { ...entity, fields: [...entity.fields, structuredField('Content-Language', language)] }
}

/** message/delivery-status (RFC 3464 §2): the fields of the message, then those of each recipient. */
function statusEntity(dsn: Dsn, isGlobal: boolean): Entity {
  const blocks: FieldText[][] = [
    [
      ...(dsn.envelopeId ? [structuredField('Original-Envelope-Id', dsn.envelopeId)] : []),
      structuredField('Reporting-MTA', `dns; ${dsn.reportingHost}`),
      ...(dsn.arrivedMs === undefined ? [] : [structuredField('Arrival-Date', formatDate(dsn.arrivedMs))]),
      ...(dsn.deliverByMs === undefined ? [] : [structuredField('Deliver-By-Date', formatDate(dsn.deliverByMs))]),
      ...(dsn.futureRelease === undefined ? [] : [structuredField('Future-Release-Request', dsn.futureRelease)]),
    ],
  ]
  for (const each of dsn.recipients) {
    const address = formatAddress(each.recipient)
    const fields: FieldText[] = []
    if (each.originalRecipient) fields.push(structuredField('Original-Recipient', typed(each.originalRecipient)))
    fields.push(structuredField('Final-Recipient', `${/[^\0-\x7f]/.test(address) ? 'utf-8' : 'rfc822'}; ${address}`))
    fields.push(structuredField('Action', each.action), structuredField('Status', each.status))
    if (each.remoteHost) fields.push(structuredField('Remote-MTA', `dns; ${each.remoteHost}`))
    if (each.diagnostic) fields.push(structuredField('Diagnostic-Code', `smtp; ${ascii(each.diagnostic)}`))
    if (each.lastAttemptMs !== undefined)
      fields.push(structuredField('Last-Attempt-Date', formatDate(each.lastAttemptMs)))
    if (each.willRetryUntilMs !== undefined) {
      fields.push(structuredField('Will-Retry-Until', formatDate(each.willRetryUntilMs)))
    }
    blocks.push(fields)
  }
  const type = isGlobal ? 'message/global-delivery-status' : 'message/delivery-status'
  return {
    fields: [
      structuredField('Content-Type', type),
      structuredField('Content-Transfer-Encoding', isGlobal ? '8bit' : '7bit'),
    ],
    body: Buffer.from(blocks.map((fields) => fields.join('')).join('\r\n')),
  }
}

/** `rfc822;address` with the space that the field has. */
function typed(value: string): string {
  const semicolon = value.indexOf(';')
  return semicolon < 0 ? `rfc822; ${value}` : `${value.slice(0, semicolon)}; ${value.slice(semicolon + 1).trim()}`
}

/** RFC 3464 §2.3.6: the diagnostic of another host, in one line of ASCII. */
function ascii(text: string): string {
  return text
    .replace(/[^ -~]+/g, ' ')
    .trim()
    .slice(0, 800)
}

function returned(dsn: Dsn, action: DsnAction, isGlobal: boolean): Entity {
  const isFull = dsn.returns === 'full' && action === 'failed'
  const content = isFull ? dsn.original : dsn.original.subarray(0, parseHeader(dsn.original).fieldsEnd)
  const isAscii = !content.some((byte) => byte > 127)
  const type = isFull
    ? isGlobal
      ? 'message/global'
      : 'message/rfc822'
    : isGlobal
      ? 'message/global-headers'
      : 'text/rfc822-headers'
  return {
    fields: [
      structuredField('Content-Type', type),
      structuredField('Content-Transfer-Encoding', isAscii ? '7bit' : '8bit'),
    ],
    body: content,
  }
}
