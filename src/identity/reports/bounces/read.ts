// Reads a bounce: whom it is about, what was said, why (reasons.ts), whether it is for good, and which message it was. It
// may be a report (RFC 3464, RFC 6533), free text of an older system, a notice of a sending service in JSON, a complaint
// (RFC 5965 and older forms) or an automatic answer (RFC 3834). Everything in it is a stranger's word. Never throws.

import { htmlToText, partText } from '../../../message/body.ts'
import { decodeEncodedWords } from '../../../message/encoded-word.ts'
import { firstValue, type Header, parseHeader } from '../../../message/header.ts'
import { parseMessageIds } from '../../../message/message-id.ts'
import { allParts, type Part, parseStructure } from '../../../message/mime.ts'
import { automaticAnswer } from './automatic.ts'
import { complaint } from './complaint.ts'
import { parseNotice } from './notice.ts'
import { type Passage, type Prose, readProse } from './prose.ts'
import { byCodes, byPhrase, ofSender, type Reason, replyCode, statusIn } from './reasons.ts'
import { parseStatusFields, type StatusFields, type StatusReport } from './status-fields.ts'

export interface BouncedRecipient {
  /** As the report names him. */
  readonly address: string
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'
  readonly reason: Reason
  /** Enhanced status code; '' where none was said. */
  readonly status: string
  /** Mail to this address will fail the next time as well. */
  readonly isHard: boolean
  /** What was said, one line. */
  readonly diagnostic: string
  /** Who said it; '' where that is not told. */
  readonly remoteHost: string
}

export interface Bounce {
  readonly kind: 'failed' | 'delayed' | 'delivered' | 'feedback' | 'auto-reply'
  readonly recipients: readonly BouncedRecipient[]
  readonly reportingHost: string
  /** Of the message that it is about, without brackets; '' where it is not told. */
  readonly messageId: string
  readonly subject: string
  readonly envelopeId: string
}

const MAX_TEXT = 256 * 1024
const MAX_PARTS = 30
const MAX_DEPTH = 2
const MAX_DIAGNOSTIC = 1000

/** What a message reports, or undefined: it is no bounce, and no answer of a program. */
export function readBounce(message: Buffer, depth = 0): Bounce | undefined {
  const root = parseStructure(message, { maxParts: 200 })
  const parts = outerParts(root)
  const texts = parts.filter(({ part }) => part.type === 'text' && part.subtype !== 'rfc822-headers')
  const text = textOf(texts.map(({ part }) => part))
  const notice = parseNotice(text)
  const report =
    statusReport(parts.map(({ part }) => part)) ?? (looksAutomatic(root.header) ? parseStatusFields(text) : undefined)
  const isReport = report !== undefined || notice !== undefined
  const complained = isReport ? undefined : complaint(root)
  if (complained)
    return {
      ...about(complained.about, ''),
      kind: 'feedback',
      recipients: complained.addresses.map(feedbackOf),
      reportingHost: complained.by,
      envelopeId: '',
    }
  const prose = readProse(text, strangers(root.header))
  const returned =
    returnedHeader(root) ?? (prose.returned === '' ? undefined : parseHeader(Buffer.from(prose.returned)))
  const common = {
    ...about(returned, text),
    reportingHost: report?.reportingHost ?? '',
    envelopeId: report?.envelopeId ?? '',
  }
  if (notice) return { ...common, ...notice, messageId: notice.messageId || common.messageId }
  if (!report) {
    const answer = automaticAnswer(root.header, prose)
    if (answer) return { ...common, kind: 'auto-reply', recipients: [answer] }
    if (!isBounce(root.header, prose, root.subtype === 'report')) return nested(root, depth)
  }
  const subject = decodeEncodedWords(firstValue(root.header, 'subject') ?? '')
  const recipients = report
    ? report.recipients.map((fields, _, all) => fromReport(fields, prose, all.length === 1, subject))
    : fromProse(root.header, prose, returned, subject)
  const told = recipients.filter((each): each is BouncedRecipient => each !== undefined)
  if (told.length === 0) return nested(root, depth)
  const kind = told.some(({ action }) => action === 'failed')
    ? 'failed'
    : told.some(({ action }) => action === 'delayed')
      ? 'delayed'
      : 'delivered'
  return { ...common, kind, recipients: told }
}

/** A bounce that another system wrapped into one of its own, which says nothing. */
function nested(root: Part, depth: number): Bounce | undefined {
  if (depth >= MAX_DEPTH) return undefined
  const inner = [...allParts(root)].find(({ message }) => message)
  return inner && readBounce(root.header.source.subarray(inner.bodyStart, inner.bodyEnd), depth + 1)
}

interface OuterPart {
  readonly part: Part
}

/** The parts that the report itself consists of: not what it returns. */
function outerParts(root: Part): OuterPart[] {
  const found: OuterPart[] = []
  const look = (part: Part) => {
    if (found.length >= MAX_PARTS || part.message) return
    if (part.children.length > 0) for (const child of part.children) look(child)
    else if (part.disposition?.type !== 'attachment' || part.type === 'message') found.push({ part })
  }
  look(root)
  return found
}

/** Plain text; HTML only where it is all there is. */
function textOf(parts: readonly Part[]): string {
  const plain = parts.filter(({ subtype }) => subtype !== 'html')
  const some = plain.length > 0 ? plain : parts
  const texts = some.map((part) => {
    const { text } = partText({ ...part, bodyEnd: Math.min(part.bodyEnd, part.bodyStart + MAX_TEXT) })
    return part.subtype === 'html' ? htmlToText(text) : text
  })
  return texts.join('\n\n').slice(0, MAX_TEXT)
}

function statusReport(parts: readonly Part[]): StatusReport | undefined {
  for (const part of parts) {
    if (part.type !== 'message' || !/^(?:global-)?delivery-status$/.test(part.subtype)) continue
    const read = parseStatusFields(
      partText({ ...part, bodyEnd: Math.min(part.bodyEnd, part.bodyStart + MAX_TEXT) }).text,
    )
    if (read) return read
  }
  return undefined
}

const DAEMON =
  /mailer-?daemon|post ?_?master|mail delivery|mail system|delivery (?:subsystem|system)|system administrator|^\s*<>\s*$|mail deliver|ndr admin/i
const SUBJECT =
  /undeliver|deliver(?:y|ed)?\b.{0,40}(?:fail|status|problem|notif|error|delay|incomplete)|fail(?:ed|ure)\b.{0,40}(?:deliver|notice|mail)|return(?:ed|ing) (?:mail|message|to sender)|mail fail|delivery report|non.?deliver|could not (?:be )?(?:send|sent|deliver)|mail system error|error sending your mail|unzustellbar|non remis|no se (?:ha podido|puede) entregar|mancata consegna|recapito non riuscito|não (?:foi possível )?entreg|onbestelbaar|niedostarcz|kézbesíthetetlen|nedoručiteln|teslim edilemedi|(?:inte|ikke) (?:levereras|leveret|leveres)|не (?:удалось )?доставлен|退信|无法(?:传递|投递)|無法傳遞|配信(?:不能|できません)|배달되지|loop alert|not member|メールエラー|エラー通知|配信エラー|送信エラー/i

function looksAutomatic(header: Header): boolean {
  const subject = decodeEncodedWords(firstValue(header, 'subject') ?? '')
  return (
    DAEMON.test(firstValue(header, 'from') ?? '') ||
    DAEMON.test(firstValue(header, 'return-path') ?? '') ||
    SUBJECT.test(subject) ||
    firstValue(header, 'x-failed-recipients') !== undefined ||
    firstValue(header, 'from') === undefined
  )
}

function isBounce(header: Header, prose: Prose, isReport: boolean): boolean {
  return (
    looksAutomatic(header) &&
    (isReport ||
      prose.passages.length > 0 ||
      byPhrase(prose.text) !== undefined ||
      firstValue(header, 'x-failed-recipients') !== undefined)
  )
}

/** Whom a bounce is not about: to whom it goes, and who wrote it. */
function strangers(header: Header): Set<string> {
  const all = ['to', 'from', 'reply-to', 'cc', 'sender', 'return-path']
    .map((name) => firstValue(header, name) ?? '')
    .join(' ')
  return new Set(
    all
      .slice(0, 8000)
      .toLowerCase()
      .match(/[^\s<>()",;:@]{1,100}@[a-z0-9.-]{1,255}/g) ?? [],
  )
}

function fromReport(
  fields: StatusFields,
  prose: Prose,
  isOnly: boolean,
  subject: string,
): BouncedRecipient | undefined {
  const named = fields.finalRecipient ?? fields.originalRecipient
  // A pipe or a file in the place of an address: for whom it was made.
  const address =
    named && /^[|/]|\s/.test(named)
      ? (/generated (?:by|from) (\S{1,255}@[\w.-]{1,255})/.exec(prose.text)?.[1] ?? named)
      : named
  if (address === undefined) return undefined
  const names = [fields.finalRecipient, fields.originalRecipient].map((each) => each?.toLowerCase())
  const passage = prose.passages.find((each) => names.includes(each.address.toLowerCase()))
  const words = passage?.text ?? (isOnly ? prose.text : '')
  return describe(address, fields, words, isOnly ? `${subject}\n${prose.text}` : '')
}

function fromProse(
  header: Header,
  prose: Prose,
  returned: Header | undefined,
  subject: string,
): (BouncedRecipient | undefined)[] {
  const failed = firstValue(header, 'x-failed-recipients')
    ?.slice(0, 32_000)
    .split(/[\s,]+/)
    .filter((each) => each.includes('@'))
  const passages: Passage[] = failed?.length
    ? [...new Set(failed)].map(
        (address) =>
          prose.passages.find((each) => each.address.toLowerCase() === address.toLowerCase()) ?? { address, text: '' },
      )
    : prose.passages.length > 0
      ? [...prose.passages]
      : recipientsOf(returned).map((address) => ({ address, text: '' }))
  return passages.map(({ address, text }, _, all) =>
    describe(address, {}, text, all.length === 1 ? `${prose.text}\n${subject}` : `${subject}\n${prose.text}`),
  )
}

/** To whom the message went that comes back, if the report itself does not say. */
function recipientsOf(returned: Header | undefined): string[] {
  if (!returned) return []
  const values = ['x-envelope-to', 'x-actual-recipient', 'delivered-to', 'to'].map((name) => firstValue(returned, name))
  const found = /[^\s<>()",;:@]{1,100}@[A-Za-z0-9.-]{1,255}/.exec(
    values.find((value) => value?.includes('@')) ?? '',
  )?.[0]
  return found ? [found] : []
}

const IS_DELAY =
  /delayed|not (?:yet )?been delivered|warning|still (?:trying|being)|will be retried|temporary failure report|temporarily|attempts will continue/i

/** @param words What the report says of this recipient @param more The whole of it, asked last. */
function describe(address: string, fields: StatusFields, words: string, more: string): BouncedRecipient {
  const diagnostic = fields.diagnostic ?? ''
  const said = diagnostic || firstReply(words) || firstReply(more)
  const status =
    statusIn(diagnostic) ??
    (diagnostic ? undefined : (statusIn(words) ?? statusIn(said))) ??
    fields.status ??
    statusIn(words)
  const command = commandOf(`${words}\n${more}`)
  const action = actionOf(fields.action, more)
  const specific = fields.status && /\.0\.0$/.test(status ?? '.0.0') ? fields.status : status
  const reason =
    action === 'failed' || action === 'delayed'
      ? ofSender(
          byPhrase(diagnostic) ??
            byPhrase(said) ??
            byPhrase(words) ??
            known(byCodes({ text: said, status: specific, command })) ??
            byPhrase(more) ??
            (action === 'delayed' ? 'expired' : 'unknown'),
          { text: said, status: specific, command },
        )
      : 'delivered'
  const isForGood = action === 'failed' && !/^4(?!\.0\.0)/.test(replyCode(said) ?? status ?? '')
  return {
    address,
    action,
    reason,
    status: status ?? '',
    isHard: HARD.has(reason) && isForGood,
    diagnostic: (said || lastWords(words)).replace(/\s+/g, ' ').trim().slice(0, MAX_DIAGNOSTIC),
    remoteHost: fields.remoteHost ?? /host:? ([\w.-]{1,255})/.exec(words)?.[1] ?? '',
  }
}

/** Reasons that stay: nothing that the sender or time does helps. */
export const HARD: ReadonlySet<Reason> = new Set(['user-unknown', 'host-unknown', 'moved', 'suspended', 'feedback'])

function known(reason: Reason): Reason | undefined {
  return reason === 'unknown' ? undefined : reason
}

function actionOf(action: string | undefined, words: string): BouncedRecipient['action'] {
  if (action === 'deliverable') return 'delivered'
  if (
    action === 'delivered' ||
    action === 'relayed' ||
    action === 'expanded' ||
    action === 'delayed' ||
    action === 'failed'
  )
    return action
  if (action === undefined && IS_DELAY.test(words) && !/permanent|fatal|given up|giving up/i.test(words))
    return 'delayed'
  return 'failed'
}

/** The lines of a report that are an SMTP reply, as one. */
function firstReply(words: string): string {
  const lines = words.slice(0, 16_000).split('\n')
  const at = lines.findIndex((line) =>
    /(?:^|[\s:[>"'-])[45]\d\d[ -](?!\d)\S|(?:^|[^\d.])[45]\.\d{1,2}\.\d{1,3}\b/.test(line),
  )
  if (at < 0) return ''
  const reply = [lines[at]!.replace(/^.*?(?=(?:^|[\s:[>"'-])[45]\d\d[ -])/, '').trim()]
  for (const line of lines.slice(at + 1, at + 12)) {
    if (
      line.trim() === '' ||
      /^[\s-]{4,}$|giving up|not going to try|^\s*(?:>>>|<<<)|while talking|@\S+.{0,6}error_code/i.test(line)
    )
      break
    // Another reply, of which this one is no line.
    if (/^\s*[245]\d\d /.test(line) && !/^[45]\d\d-/.test(reply.at(-1)!)) break
    reply.push(line.trim())
  }
  return reply.join(' ').replace(/I'm not going to try again.*$/i, '')
}

function lastWords(words: string): string {
  return words.split('\n').slice(0, 6).join(' ')
}

const COMMANDS: readonly (readonly [string, RegExp])[] = [
  [
    'RCPT',
    /(?:after|in reply to|to our|our|>>>|following|response to)[^\n]{0,20}\s?RCPT|RCPT TO response|does not like recipient|SMTP:RCPT/i,
  ],
  ['MAIL', /(?:after|in reply to|our|>>>|following)[^\n]{0,20}\s?MAIL FROM|sender was rejected/i],
  [
    'DATA',
    /(?:after|in reply to|our|>>>|following)[^\n]{0,30}\s?(?:DATA|end of data|TEXT command)|after I sent the message/i,
  ],
  ['CONNECT', /after (?:initial )?connection|initial greeting|while connected|connect to/i],
  ['EHLO', /(?:after|in reply to|our|>>>)[^\n]{0,20}\s?(?:EHLO|HELO)|my name was rejected/i],
]

function commandOf(words: string): string | undefined {
  const head = words.slice(0, 16_000)
  return COMMANDS.find(([, pattern]) => pattern.test(head))?.[0]
}

/** The header of the message that comes back. */
function returnedHeader(root: Part): Header | undefined {
  for (const part of allParts(root)) {
    if (part.message) return part.message.header
    if (part.subtype === 'rfc822-headers' || part.subtype === 'global-headers')
      return parseHeader(root.header.source.subarray(part.bodyStart, part.bodyEnd))
  }
  return undefined
}

function about(returned: Header | undefined, text: string): Pick<Bounce, 'messageId' | 'subject'> {
  const named = returned && firstValue(returned, 'message-id')
  const messageId = named ?? /^\s*message-id:\s*(<[^<>\s]{1,900}>)/im.exec(text)?.[1] ?? ''
  return {
    messageId: parseMessageIds(messageId)[0] ?? '',
    subject: decodeEncodedWords((returned && firstValue(returned, 'subject')) ?? '').slice(0, 500),
  }
}

function feedbackOf(address: string): BouncedRecipient {
  return { address, action: 'failed', reason: 'feedback', status: '', isHard: true, diagnostic: '', remoteHost: '' }
}
