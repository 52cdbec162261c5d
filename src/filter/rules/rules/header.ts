// The header as it should be (RFC 5322 §3.6) and as programs that only send spam write it: dates, message ids, fields
// that are missing, doubled or broken, and mail programs that somebody pretends to use.

import { isUtf8 } from 'node:buffer'
import { organization } from '../domains.ts'
import type { Rule } from '../rule.ts'
import type { MailView } from '../view.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How much later than its arrival the message says it was written, in milliseconds. */
function ahead(mail: MailView): number | undefined {
  return mail.date && mail.date.epochMs - mail.facts.nowMs
}

const RFC_DATE =
  /^(?:[a-z]{3}, ?)?\s{0,3}\d{1,2} [a-z]{3} \d{4} \d{1,2}:\d\d(?::\d\d)? (?:[+-]\d{4}|[a-z]{1,5})(?: ?\(.{0,60}\))?$/i

function idHost(mail: MailView): string {
  const id = mail.messageId
  return id
    .slice(id.lastIndexOf('@') + 1)
    .replace(/[>\s].*$/s, '')
    .toLowerCase()
}

const mailer = (mail: MailView): string => mail.field('x-mailer') ?? ''
/** Lists and gateways rewrite ids and bodies: what a mail program leaves behind cannot be judged after them. */
const isRewritten = (mail: MailView): boolean => mail.isFromList || mail.has('resent-from')

export const headerRules: readonly Rule[] = [
  {
    id: 'date-missing',
    points: 1.2,
    about: 'header',
    explanation: 'The message does not say when it was written.',
    test: (mail) => !mail.has('date'),
  },
  {
    id: 'date-repeated',
    points: 1.5,
    about: 'header',
    explanation: 'The message gives several dates of writing.',
    test: (mail) => mail.count('date') > 1,
  },
  {
    id: 'date-unreadable',
    points: 1.5,
    about: 'header',
    explanation: 'The date of writing cannot be read.',
    test: (mail) => mail.has('date') && mail.date === undefined && (mail.field('date') || true),
  },
  {
    id: 'date-not-in-form',
    points: 1,
    about: 'header',
    explanation: 'The date of writing is not in the form that mail programs write.',
    test: (mail) => mail.date !== undefined && !RFC_DATE.test(mail.field('date')!) && mail.field('date'),
  },
  {
    id: 'date-in-future',
    points: 2.2,
    about: 'header',
    explanation: 'The message says it was written more than a day after it arrived.',
    test: (mail) => (ahead(mail) ?? 0) > DAY_MS && mail.field('date'),
  },
  {
    id: 'date-hours-ahead',
    points: 1.5,
    about: 'header',
    explanation: 'The message says it was written hours after it arrived.',
    test: (mail) => (ahead(mail) ?? 0) > 3 * HOUR_MS && ahead(mail)! <= DAY_MS && mail.field('date'),
  },
  {
    id: 'date-long-past',
    points: 0.8,
    about: 'header',
    explanation: 'The message says it was written weeks before it arrived.',
    test: (mail) => (ahead(mail) ?? 0) < -15 * DAY_MS && !mail.isFromList && mail.field('date'),
  },
  {
    id: 'date-zone-impossible',
    points: 2,
    about: 'header',
    explanation: 'The date names a time zone that does not exist.',
    test: (mail) => {
      const offset = mail.date?.offsetMinutes ?? 0
      return (offset > 14 * 60 || offset < -12 * 60 || offset % 15 !== 0) && mail.field('date')
    },
  },
  {
    id: 'message-id-missing',
    points: 1,
    about: 'header',
    explanation: 'The message has no identification, which every mail program writes.',
    test: (mail) => !mail.has('message-id'),
  },
  {
    id: 'message-id-repeated',
    points: 1,
    about: 'header',
    explanation: 'The message carries several identifications.',
    test: (mail) => mail.count('message-id') > 1,
  },
  {
    id: 'message-id-not-in-form',
    points: 1.2,
    about: 'header',
    explanation: 'The identification of the message is not in the form that mail programs write.',
    test: (mail) =>
      mail.has('message-id') && !/^<[^<>\s@]+@[^<>\s@]+>$/.test(mail.messageId) && (mail.messageId || true),
  },
  {
    id: 'message-id-of-ours',
    points: 1.5,
    about: 'header',
    explanation: 'A message from outside carries an identification in the name of the Recipient’s own domain.',
    test: (mail) =>
      mail.ownDomains.includes(idHost(mail)) &&
      !mail.ownDomains.includes(mail.fromDomain) &&
      !mail.isFromList &&
      mail.messageId,
  },
  {
    id: 'header-line-broken',
    points: 1,
    about: 'header',
    explanation: 'The header contains lines that are no header lines.',
    test: (mail) => mail.header.defects.some(({ kind }) => kind === 'not-a-field'),
  },
  {
    id: 'header-space-before-colon',
    points: 1.2,
    about: 'header',
    explanation: 'Header lines are written so that some programs do not recognise them.',
    test: (mail) => mail.header.defects.some(({ kind }) => kind === 'space-before-colon'),
  },
  {
    id: 'header-too-long',
    points: 1.5,
    about: 'header',
    explanation: 'The header has hundreds of lines.',
    test: (mail) => mail.header.fields.length > 300 && `${mail.header.fields.length} lines`,
  },
  {
    id: 'header-nul',
    points: 2.5,
    about: 'header',
    explanation: 'The header contains control characters that no mail program writes.',
    test: (mail) => {
      const { source, start, fieldsEnd } = mail.header
      const at = source.indexOf(0, start)
      return at >= 0 && at < fieldsEnd
    },
  },
  {
    id: 'header-raw-bytes',
    points: 1.2,
    about: 'header',
    explanation: 'Sender or subject contain foreign characters without saying which alphabet they are.',
    test: (mail) => ['from', 'subject'].some((name) => mail.has(name) && !isUtf8(mail.raw(name)!)),
  },
  {
    id: 'header-needless-encoding',
    points: 0.6,
    about: 'header',
    explanation: 'Plain letters of the subject are encoded, as if to hide them from filters.',
    test: (mail) => {
      const raw = mail.field('subject') ?? ''
      return /^=\?[^?]{2,30}\?b\?[^?]{1,80}\?=$/i.test(raw) && /^[ -~]+$/.test(mail.subject) && mail.subject
    },
  },
  {
    id: 'sender-repeated',
    points: 1,
    about: 'header',
    explanation: 'Sender, reply address or subject stand in the header more than once.',
    test: (mail) => ['sender', 'reply-to', 'subject', 'to', 'cc'].find((name) => mail.count(name) > 1),
  },
  {
    id: 'mime-version-odd',
    points: 0.8,
    about: 'header',
    explanation: 'The message names a version of the mail format that does not exist.',
    test: (mail) => {
      const version = mail.field('mime-version')
      return version !== undefined && !/\b1\.0\b/.test(version) && (version || true)
    },
  },
  {
    id: 'mailer-outlook-forged',
    points: 2.2,
    about: 'header',
    explanation: 'The message claims to be written with Outlook, but its identification is not one of Outlook’s.',
    test: (mail) => {
      if (!/^Microsoft Outlook(?: Express|,|$)/.test(mailer(mail)) || isRewritten(mail) || !mail.has('message-id'))
        return false
      const id = mail.messageId
      const isOutlooks =
        /^<[0-9a-z!?=+/]{12,300}(?:\$[0-9a-f]{8}\$[0-9a-f]{8})?@[^@]{1,200}>$/i.test(id) &&
        /\$|^<[A-Z]{20}|^<[!0-9A-Z]{30}/.test(id)
      return !isOutlooks && id
    },
  },
  {
    id: 'mailer-priority-without-outlook',
    points: 1.3,
    about: 'header',
    explanation: 'The message has marks of Outlook in its header, but not those that Outlook always writes.',
    test: (mail) =>
      mail.has('x-msmail-priority') &&
      !mail.has('x-mimeole') &&
      !isRewritten(mail) &&
      !/Outlook|Exchange/.test(mailer(mail)),
  },
  {
    id: 'mailer-and-user-agent',
    points: 0.6,
    about: 'header',
    explanation: 'The message claims to be written with two different mail programs.',
    test: (mail) =>
      mail.has('x-mailer') && mail.has('user-agent') && mailer(mail) !== mail.field('user-agent') && mailer(mail),
  },
  {
    id: 'mailer-thunderbird-forged',
    points: 1.8,
    about: 'header',
    explanation:
      'The message claims to be written with Thunderbird, but its identification is not one of Thunderbird’s.',
    test: (mail) =>
      /Thunderbird\//.test(mail.field('user-agent') ?? '') &&
      mail.has('message-id') &&
      !isRewritten(mail) &&
      !/^<[0-9a-f.-]{14,50}@[^@]{1,200}>$/i.test(mail.messageId) &&
      mail.messageId,
  },
  {
    id: 'mailer-apple-forged',
    points: 1.8,
    about: 'header',
    explanation: 'The message claims to be written with Apple Mail, but its identification is not one of Apple’s.',
    test: (mail) =>
      /^(?:Apple Mail|iPhone Mail|iPad Mail) \(/.test(mailer(mail)) &&
      mail.has('message-id') &&
      !isRewritten(mail) &&
      !/^<[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}@/i.test(mail.messageId) &&
      mail.messageId,
  },
  {
    id: 'mailer-bulk-program',
    points: 1.8,
    about: 'header',
    explanation: 'The message was made with a program known for sending unwanted mail.',
    test: (mail) =>
      /(?:mass ?mail|bulk ?mail|e-?mail ?(?:blast|bomb)|stealth|leaf ?php|anonymail|ddm mailer|dynamic mail)/i.exec(
        mailer(mail),
      )?.[0],
  },
  {
    id: 'mailer-random',
    points: 1,
    about: 'header',
    explanation: 'The name of the mail program is a row of random letters.',
    test: (mail) => /^(?=[a-z0-9]{0,30}[bcdfghjklmnpqrstvwxz]{6})[a-z0-9]{8,40}$/i.test(mailer(mail)) && mailer(mail),
  },
  {
    id: 'priority-shouting',
    points: 0.4,
    about: 'header',
    explanation: 'The message marks itself as most urgent.',
    test: (mail) => /^\s*1\b/.test(mail.field('x-priority') ?? '') && !mail.isReply,
  },
  {
    id: 'script-of-a-web-page',
    points: 1,
    about: 'header',
    explanation: 'The message was sent by a script on a web page that somebody seems to have broken into.',
    test: (mail) => {
      const origin = mail.field('x-php-originating-script') ?? mail.field('x-php-script') ?? ''
      return /(?:eval\(\)|\/(?:wp-(?:content|includes|admin)|tmp|images?|css|cache)\/)/i.test(origin) && origin
    },
  },
  {
    id: 'reply-to-elsewhere',
    points: 0.4,
    about: 'header',
    explanation: 'Answers would go to another domain than the one the message says it comes from.',
    test: (mail) => {
      const reply = mail.replyTo?.domain
      return (
        reply !== undefined &&
        mail.fromDomain !== '' &&
        !mail.isFromList &&
        organization(reply) !== mail.fromOrganization &&
        `${mail.fromDomain} → ${reply}`
      )
    },
  },
]
