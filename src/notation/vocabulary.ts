// The roles the notation knows, and what else people call them (rule A11).
// The article's own: Author, MSA, Transmitter, Receiver, Forwarder, MDA, Recipient, Open Relay.

import { suggest } from './suggest.ts'

/** What each does, as near to the article's words as one line allows. */
const SAYS = {
  Author: 'composes a message, and hands it to his MSA',
  MSA: 'Mail Submission Agent: authenticates the Author, by a password, a static address or its local network',
  Transmitter:
    'sends across the Border; prevents outgoing spam, and proves its identity by "out-of-band" data such as DNS',
  Receiver: 'Border defense: authenticates the sender and filters spam, at the Border',
  Forwarder: "passes mail on to the Recipient's new address, and should be whitelisted by the MDA there",
  MDA: 'Mail Delivery Agent: manages the mailstore, serves it by POP, IMAP or the web, makes it easy to whitelist Forwarders',
  Recipient: 'reads the mail, and tells his MDA which Forwarders pass it on',
  'Open Relay': 'floats in the cloud and sends mail for anyone, so nobody is responsible for it',
  'Mailing List': 'passes each message on to its members, often changed',
  'Bulk Sender': 'transmits newsletters for others, under contract',
  'Backup MX': 'takes the mail while the Receiver is away',
  Gateway: 'a Receiver that stands alone at the Border and hands over to others inside',
  Filter: 'a Receiver whose Border defense is a service for others',
} as const

export const ROLES = Object.keys(SAYS) as readonly (keyof typeof SAYS)[]

/** What the role is there for, in one line; undefined for a role that is not known. */
export function roleSays(role: string): string | undefined {
  return Object.hasOwn(SAYS, role) ? SAYS[role as keyof typeof SAYS] : undefined
}

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

/** What else a role is called, in small letters. */
export const SYNONYMS: ReadonlyMap<string, string> = new Map<string, string>([
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

/** Words that begin a line about a further layer. */
export const KEYWORDS = [
  {
    word: 'machine',
    insert: 'machine ',
    says: 'a machine, and the relays that it hosts: machine m1: Transmitter, MDA',
  },
  { word: 'org', insert: 'org ', says: 'an organisation, and the actors that belong to it: org Acme: sender, home' },
  { word: 'contract', insert: 'contract ', says: 'who has agreed on what: contract "ISP terms": Author -- MSA' },
] as const

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
