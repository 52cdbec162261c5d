// Notices that a sending service mails in JSON: {"notificationType": "Bounce" | "Complaint" | "Delivery", …}, alone or as
// the "Message" of a notification. Lines that the mail wrapped are joined.

import type { Bounce, BouncedRecipient } from './read.ts'
import { HARD } from './read.ts'
import { reasonOf, statusIn } from './reasons.ts'

type Read = Pick<Bounce, 'kind' | 'recipients' | 'messageId'>
type Json = Record<string, unknown>

export function parseNotice(text: string): Read | undefined {
  const start = text.indexOf('{')
  if (start < 0 || start > 200 || !/"(?:notificationType|eventType)|\\"notificationType/.test(text)) return undefined
  const end = text.lastIndexOf('}')
  const outer = parse(text.slice(start, end + 1))
  const notice = typeof outer?.Message === 'string' ? parse(outer.Message) : outer
  if (!notice) return undefined
  const messageId = text_(object(notice.mail).messageId)
  switch (text_(notice.notificationType ?? notice.eventType)) {
    case 'Bounce':
      return { kind: 'failed', messageId, recipients: bounced(object(notice.bounce)) }
    case 'Complaint':
      return {
        kind: 'feedback',
        messageId,
        recipients: list(object(notice.complaint).complainedRecipients).map((each) =>
          plain(each, 'failed', 'feedback', true),
        ),
      }
    case 'Delivery':
      return {
        kind: 'delivered',
        messageId,
        recipients: list(object(notice.delivery).recipients).map((each) => ({
          ...plain(each, 'delivered', 'delivered', false),
          diagnostic: text_(object(notice.delivery).smtpResponse).slice(0, 1000),
        })),
      }
    default:
      return undefined
  }
}

function bounced(bounce: Json): BouncedRecipient[] {
  const isForGood = text_(bounce.bounceType) === 'Permanent'
  return list(bounce.bouncedRecipients).map((each) => {
    const { diagnosticCode, status } = object(each)
    const diagnostic = text_(diagnosticCode)
      .replace(/^\s*smtp;\s*/i, '')
      .slice(0, 1000)
    const code = text_(status) || statusIn(diagnostic) || ''
    const reason = reasonOf({ text: diagnostic, status: code || undefined })
    return { ...plain(each, 'failed', reason, isForGood && HARD.has(reason)), diagnostic, status: code.slice(0, 12) }
  })
}

function plain(
  from: unknown,
  action: BouncedRecipient['action'],
  reason: BouncedRecipient['reason'],
  isHard: boolean,
): BouncedRecipient {
  const address = (typeof from === 'string' ? from : text_(object(from).emailAddress)).slice(0, 320)
  return { address, action, reason, status: '', isHard, diagnostic: '', remoteHost: '' }
}

/** As it stands, or with the line ends out that wrapping put in. */
function parse(text: string): Json | undefined {
  for (const some of [text, text.replace(/\r?\n ?/g, '')]) {
    try {
      return object(JSON.parse(some))
    } catch {}
  }
  return undefined
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, 1000) : []
}

function text_(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
