// The roles the notation knows, and what else people call them (rule A11).
// The article's own: Author, MSA, Transmitter, Receiver, Forwarder, MDA, Recipient, Open Relay.

import { suggest } from './suggest.ts'

const ROLES = [
  'Author',
  'MSA',
  'Transmitter',
  'Receiver',
  'Forwarder',
  'MDA',
  'Recipient',
  'Open Relay',
  'Mailing List',
  'Bulk Sender',
  'Backup MX',
  'Gateway',
  'Filter',
] as const

const USERS = new Set<string>(['Author', 'Recipient'])

/** Users are people; agents are machines that are part of the mail handling system. */
export function isUserRole(role: string): boolean {
  return USERS.has(role)
}

const KNOWN = new Set<string>(ROLES)

/** True for the roles that have a meaning here; any other is drawn with a question mark. */
export function isKnownRole(role: string): boolean {
  return KNOWN.has(role)
}

const CANONICAL = new Map(ROLES.map((role) => [role.toLowerCase(), role as string]))

const SYNONYMS = new Map<string, string>([
  ['mx', 'Receiver'],
  ['mail exchanger', 'Receiver'],
  // "Such agents advertise their services under the name "SMTP Relay", but in this article …" (the article)
  ['smtp relay', 'Transmitter'],
  ['smarthost', 'Transmitter'],
  ['smart host', 'Transmitter'],
  ['mail submission agent', 'MSA'],
  ['submission', 'MSA'],
  ['mail delivery agent', 'MDA'],
  ['lda', 'MDA'],
  ['mailstore', 'MDA'],
  ['mailbox', 'MDA'],
  ['forwarding', 'Forwarder'],
  ['list', 'Mailing List'],
  ['mailinglist', 'Mailing List'],
  ['openrelay', 'Open Relay'],
  ['secondary mx', 'Backup MX'],
])

/** What a person is called depends on the side of the Border. */
const PEOPLE = new Set(['mua', 'user', 'mail client', 'mail user agent'])

export type RoleReading =
  | { kind: 'known'; role: string }
  | { kind: 'synonym'; role: string; why: string }
  | { kind: 'ambiguous'; choices: string[] }
  | { kind: 'words'; parts: [string, string] }
  | { kind: 'custom'; nearest?: string }

/** What a written role means; `sending` is true before the Border. */
export function readRole(written: string, sending: boolean): RoleReading {
  const folded = written.toLowerCase()
  const canonical = CANONICAL.get(folded)
  if (canonical === written) return { kind: 'known', role: written }
  if (canonical !== undefined) return { kind: 'synonym', role: canonical, why: 'the usual spelling' }
  const synonym = SYNONYMS.get(folded)
  if (synonym !== undefined) return { kind: 'synonym', role: synonym, why: "the notation's word for this role" }
  if (PEOPLE.has(folded)) {
    const role = sending ? 'Author' : 'Recipient'
    return { kind: 'synonym', role, why: `the role of a person ${sending ? 'before' : 'behind'} the Border` }
  }
  if (folded === 'mta') return { kind: 'ambiguous', choices: ['Transmitter', 'Receiver'] }
  for (let space = folded.indexOf(' '); space > 0 && space < 20; space = folded.indexOf(' ', space + 1)) {
    const left = CANONICAL.get(folded.slice(0, space))
    const right = CANONICAL.get(folded.slice(space + 1))
    if (left !== undefined && right !== undefined) return { kind: 'words', parts: [left, right] }
  }
  return { kind: 'custom', nearest: suggest(written, ROLES) }
}
