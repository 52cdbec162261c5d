// The part of a bounce that is for programs (RFC 3464 §2, RFC 6533 §3): groups of fields, the message's first, then one for
// each recipient. Read tolerantly: many systems put the part into prose, leave empty lines out or in, or fold badly.

/** What a report says of one recipient, as it stands there. */
export interface StatusFields {
  readonly finalRecipient?: string
  readonly originalRecipient?: string
  readonly action?: string
  /** Enhanced status code. */
  readonly status?: string
  readonly diagnostic?: string
  readonly remoteHost?: string
}

export interface StatusReport {
  readonly reportingHost?: string
  readonly envelopeId?: string
  readonly recipients: readonly StatusFields[]
}

/** Recipients of one report that are read. */
const MAX_RECIPIENTS = 1000
const MAX_VALUE = 4000
const NAMES =
  /^(?:original-envelope-id|reporting-mta|final-recipient|original-recipient|action|status|diagnostic-code|remote-mta|x-actual-recipient|last-attempt-date|will-retry-until|arrival-date|received-from-mta|final-log-id)$/

/** Reads the fields out of a text that holds them; undefined where it names no recipient. */
export function parseStatusFields(text: string): StatusReport | undefined {
  const report: { reportingHost?: string; envelopeId?: string } = {}
  const recipients: Record<string, string>[] = []
  let current: Record<string, string> | undefined
  // Fields before the first Final-Recipient of a group belong to that recipient, where they come after an empty line.
  let waiting: Record<string, string> = {}
  for (const [name, value] of fieldsOf(text)) {
    if (name === '') {
      current = undefined
      waiting = {}
    } else if (name === 'reporting-mta') report.reportingHost ??= afterType(value)
    else if (name === 'original-envelope-id') report.envelopeId ??= value
    else if (name === 'final-recipient' || (name === 'original-recipient' && current === undefined)) {
      if (current === undefined || name in current) {
        if (recipients.length >= MAX_RECIPIENTS) break
        current = { ...waiting }
        waiting = {}
        recipients.push(current)
      }
      current[name] = value
    } else if (current) current[name] ??= value
    else waiting[name] = value
  }
  // A report whose empty lines stand inside a group: what is left of a single recipient is his.
  if (recipients.length === 1) recipients[0] = { ...waiting, ...recipients[0] }
  if (recipients.length === 0) return undefined
  return { ...report, recipients: recipients.map(statusFields) }
}

function statusFields(fields: Record<string, string>): StatusFields {
  const status = /[245]\.\d{1,3}\.\d{1,3}/.exec(fields.status ?? '')?.[0]
  return {
    ...addressAs('finalRecipient', fields['final-recipient']),
    ...addressAs('originalRecipient', fields['original-recipient'] ?? fields['x-actual-recipient']),
    ...(fields.action ? { action: fields.action.toLowerCase().replace(/[^a-z].*$/s, '') } : {}),
    ...(status ? { status } : {}),
    ...(fields['diagnostic-code'] ? { diagnostic: withoutType(fields['diagnostic-code']) } : {}),
    ...(fields['remote-mta'] ? { remoteHost: afterType(fields['remote-mta']) } : {}),
  }
}

function addressAs<K extends string>(key: K, value: string | undefined): { [k in K]?: string } {
  if (value === undefined) return {}
  const address = afterType(value)
    .replace(/^<+|>+$/g, '')
    .trim()
  return address === '' ? {} : ({ [key]: address.slice(0, 320) } as { [k in K]?: string })
}

/** `rfc822; bob@old.test` and `dns; mx.old.test`: what comes after the type. */
function afterType(value: string): string {
  const semicolon = value.indexOf(';')
  return (semicolon >= 0 && semicolon < 40 ? value.slice(semicolon + 1) : value).trim()
}

/** The type of a diagnostic code is a word; without one the whole is what was said. */
function withoutType(value: string): string {
  return value.replace(/^\s*[\w-]{1,40}\s*;\s*/, '').trim()
}

/** The known fields in order, unfolded; an empty name stands for an empty line. */
function* fieldsOf(text: string): Generator<readonly [string, string]> {
  let name = ''
  let value = ''
  for (const line of text.split(/\r?\n/)) {
    if (/^[ \t]+\S/.test(line) && name !== '') {
      if (value.length < MAX_VALUE) value += ` ${line.trim()}`
      continue
    }
    if (name !== '') yield [name, value.trim()]
    name = ''
    const found = /^\s{0,8}([A-Za-z][\w-]{1,40}):\s*(.*)$/.exec(line)
    if (found && NAMES.test(found[1]!.toLowerCase())) [name, value] = [found[1]!.toLowerCase(), found[2]!]
    else if (line.trim() === '') yield ['', '']
  }
  if (name !== '') yield [name, value.trim()]
}
