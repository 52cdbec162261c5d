// From what a program says of a message (JSON) to what the MSA takes: an envelope and the bytes of RFC 5322 and MIME, made
// by the house's own builder, so that no value can become a header field or a part of its own.

import { formatAddress, type Mailbox } from '../message/address.ts'
import { type Attachment, addressField, buildMessage, type FieldText, textField } from '../message/build.ts'
import { distinct } from '../message/recipients.ts'
import { suggest } from '../notation/suggest.ts'
import { HOLD_AT_MOST_S } from '../roles/msa/demands.ts'
import type { TextMail } from '../roles/msa/submission.ts'
import type { Random } from '../world/world.ts'
import { escapedName, Faults, isObject, type Json, MAX_RECIPIENTS } from './letter-fields.ts'
import { filled, type Values } from './template.ts'

/** Every field of a message, as the description of the API lists them (openapi.ts). */
export const LETTER_FIELDS = [
  ...['from', 'to', 'cc', 'bcc', 'replyTo', 'subject', 'text', 'html', 'attachments', 'headers'],
  ...['envelopeFrom', 'dsn', 'holdUntil', 'priority', 'requireTls', 'tags', 'metadata', 'variables'],
]

const MAX_SUBJECT = 2000

/** Where a field came from: the fields of a batch are shared or of one message. */
type Place = (name: string) => string

export interface Surroundings {
  readonly nowMs: number
  readonly random: Pick<Random, 'bytes'>
  readonly maxMessageBytes: number
  /** Read before, for all messages of a batch. */
  readonly attachments?: readonly Attachment[]
}

/** The message, or what is wrong with it. */
export function readLetter(
  json: Json,
  around: Surroundings,
  place: Place = (name) => `#/${name}`,
): TextMail | { readonly faults: Faults['list'] } {
  const faults = new Faults()
  for (const name of Object.keys(json)) if (!LETTER_FIELDS.includes(name)) unknownField(faults, name, place)
  const from = faults.mailbox(json.from, place('from'))
  const [to, cc, bcc, replyTo] = (['to', 'cc', 'bcc', 'replyTo'] as const).map((name) =>
    faults.mailboxes(json[name], place(name)),
  ) as [Mailbox[], Mailbox[], Mailbox[], Mailbox[]]
  const forwardPaths = distinct([...to, ...cc, ...bcc].map(formatAddress))
  if (forwardPaths.length === 0) faults.note(place('to'), 'At least one recipient is needed: to, cc or bcc.')
  if (forwardPaths.length > MAX_RECIPIENTS) faults.note(place('to'), `At most ${MAX_RECIPIENTS} recipients in all.`)
  const values = json.variables === undefined ? undefined : faults.variables(json.variables, place('variables'))
  const fill = (text: string, at: string) => withValues(faults, values, text, at, false, around)
  const given = (name: 'subject' | 'text' | 'html', most: number) => {
    if (json[name] === undefined || json[name] === null) return undefined
    const text = faults.text(json[name], place(name), most)
    return text && withValues(faults, values, text, place(name), name === 'html', around)
  }
  const subject = given('subject', MAX_SUBJECT) ?? ''
  if (/[\r\n\0]/.test(subject)) faults.note(place('subject'), 'A subject is one line.')
  const [text, html] = [given('text', around.maxMessageBytes), given('html', around.maxMessageBytes)]
  const attachments = around.attachments ?? faults.attachments(json.attachments, place('attachments'))
  if (text === undefined && html === undefined && attachments.length === 0)
    faults.note(place('text'), 'There is nothing in the message: text, html or attachments are needed.')
  const headers = faults.headers(json.headers, place('headers'), fill)
  const envelopeFrom = json.envelopeFrom === undefined ? from : faults.mailbox(json.envelopeFrom, place('envelopeFrom'))
  const wishes = readWishes(json, faults, place, around.nowMs)
  const [tags, metadata] = [
    faults.tags(json.tags, place('tags')),
    faults.metadata(json.metadata, place('metadata')),
  ] as const
  if (faults.list.length > 0) return { faults: faults.list }
  const fields = [...fieldsOf({ from: from!, to, cc, replyTo }, subject), ...headers]
  const boundary = () => `=_${around.random.bytes(18).toString('hex')}`
  const source = buildMessage({
    ...{ fields, attachments, boundary },
    ...(text !== undefined && { text }),
    ...(html !== undefined && { html }),
  })
  return {
    ...wishes,
    labels: labelsOf(tags, metadata),
    reversePath: formatAddress(envelopeFrom!),
    forwardPaths,
    source,
  }
}

export const labelsOf = (tags: readonly string[], metadata: Readonly<Record<string, string>>) => ({
  ...(tags.length > 0 && { tags }),
  ...(Object.keys(metadata).length > 0 && { metadata }),
})

export function unknownField(faults: Faults, name: string, place: Place, known: readonly string[] = LETTER_FIELDS) {
  const meant = suggest(name, known)
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
  faults.note(place(escapedName(name)), `There is no such field.${hint}`)
}

function withValues(
  faults: Faults,
  values: Values | undefined,
  text: string,
  at: string,
  isHtml: boolean,
  { maxMessageBytes }: Surroundings,
): string | undefined {
  if (values === undefined) return text
  const result = filled(text, values, { isHtml, most: maxMessageBytes })
  if (result === 'too-long') return faults.note(at, 'With its values it is too long for a message.')
  return 'missing' in result ? faults.note(at, `There is no value for {{${result.missing}}}.`) : result.text
}

function fieldsOf(
  people: Record<'to' | 'cc' | 'replyTo', Mailbox[]> & { from: Mailbox },
  subject: string,
): FieldText[] {
  const { from, to, cc, replyTo } = people
  const nobody = to.length + cc.length === 0
  return [
    addressField('From', [from]),
    ...(to.length > 0 ? [addressField('To', to)] : []),
    // Hidden recipients alone: RFC 5322 §3.4, an empty group.
    ...(nobody ? [addressField('To', [{ groupName: 'undisclosed-recipients', members: [] }])] : []),
    ...(cc.length > 0 ? [addressField('Cc', cc)] : []),
    ...(replyTo.length > 0 ? [addressField('Reply-To', replyTo)] : []),
    textField('Subject', subject),
  ]
}

type Wishes = Pick<TextMail, 'holdUntilMs' | 'priority' | 'requireTls' | 'notify' | 'ret' | 'envid'>

const NOTIFY = { success: 'SUCCESS', failure: 'FAILURE', delay: 'DELAY' } as const

/** What the envelope asks for: the extensions of SMTP under names of this API. */
export function readWishes(json: Json, faults: Faults, place: Place, nowMs: number): Wishes {
  const { holdUntil, priority, requireTls, dsn } = json
  const untilMs = holdUntil === undefined ? undefined : Date.parse(typeof holdUntil === 'string' ? holdUntil : '')
  if (untilMs !== undefined && !(untilMs <= nowMs + HOLD_AT_MOST_S * 1000))
    faults.note(place('holdUntil'), `A time is needed (RFC 3339), at most ${HOLD_AT_MOST_S / 86_400} days ahead.`)
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority as number) <= 9))
    faults.note(place('priority'), 'A whole number from -9 to 9 is needed (RFC 6710).')
  if (requireTls !== undefined && typeof requireTls !== 'boolean')
    faults.note(place('requireTls'), 'true or false is needed.')
  return {
    ...(untilMs !== undefined && untilMs > nowMs && { holdUntilMs: untilMs }),
    ...(priority !== undefined && { priority: priority as number }),
    ...(requireTls === true && { requireTls }),
    ...(dsn !== undefined && readDsn(dsn, faults, place('dsn'))),
  }
}

/** RFC 3461 §4. */
function readDsn(dsn: unknown, faults: Faults, at: string): Pick<Wishes, 'notify' | 'ret' | 'envid'> {
  if (!isObject(dsn)) return faults.note(at, 'An object with notify, return and envelopeId is needed.') ?? {}
  const { notify, return: ret, envelopeId, ...others } = dsn
  for (const name of Object.keys(others)) faults.note(`${at}/${escapedName(name)}`, 'There is no such field.')
  const isWish = (wish: unknown): wish is keyof typeof NOTIFY => typeof wish === 'string' && Object.hasOwn(NOTIFY, wish)
  const wishes = notify === 'never' ? [] : notify
  const isList = Array.isArray(wishes) && wishes.length <= 3 && wishes.every(isWish)
  if (notify !== undefined && !isList)
    faults.note(`${at}/notify`, '“never”, or a list of success, failure and delay is needed.')
  if (ret !== undefined && ret !== 'full' && ret !== 'headers')
    faults.note(`${at}/return`, 'full or headers is needed.')
  if (envelopeId !== undefined && !(typeof envelopeId === 'string' && /^[\x21-\x7e]{1,80}$/.test(envelopeId)))
    faults.note(`${at}/envelopeId`, 'At most 80 characters of ASCII without spaces.')
  return {
    ...(isList && { notify: [...new Set((wishes as (keyof typeof NOTIFY)[]).map((wish) => NOTIFY[wish]))] }),
    ...(ret !== undefined && { ret: ret === 'full' ? ('FULL' as const) : ('HDRS' as const) }),
    ...(envelopeId !== undefined && { envid: envelopeId as string }),
  }
}
