// Whom an Author knows: to whom he wrote before, whose mail he answers, who stands among his contacts since some days. What
// somebody who got into the account could make up in an hour counts for nothing: contacts are old, and of what is answered
// our own Border has seen that it came. Who is new here and brought mail and contacts along knows those people already.

import { fieldsNamed, type Header } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { EmailAddress } from '../../store/nouns/mail.ts'
import { MET_AGAIN_DAYS } from '../../store/nouns/outgoing.ts'
import type { Account, AccountId } from '../../store/nouns/people.ts'
import { printOf } from '../../store/read/outgoing.ts'
import { summarise } from '../../store/summary.ts'
import { threadKeys } from '../../store/threads.ts'
import type { World } from '../../world/world.ts'
import type { Agent } from '../agent.ts'

const DAY_MS = 86_400_000
/** Contacts are trusted when they are so old. */
const CONTACTS_AGE_MS = 2 * DAY_MS
const KEPT_MS = 400 * DAY_MS
/** Of a conversation, the newest. */
const CONVERSATION = 50
/** Of mail that was brought along, the newest. */
const BROUGHT = 5000

/** What is asked about one message. */
export interface Letter {
  readonly header: Header
  readonly source: Buffer
  /** Its recipients elsewhere. */
  readonly elsewhere: readonly string[]
}

/** Of its recipients, those whom this Author never had to do with. `brought`: whom he knew when he came, to be noted. */
export function strangersAmong(agent: Agent, { id }: Account, letter: Letter, isNew: boolean) {
  const { header, source, elsewhere } = letter
  const unknown = elsewhere.filter((address) => agent.store.outgoing.metDay(id, address) === undefined)
  if (unknown.length === 0) return { strangers: new Set<string>(), brought: [] }
  const brought = isNew ? broughtAlong(agent, id) : []
  const known = new Set(brought)
  if (fieldsNamed(header, 'in-reply-to').length > 0 || fieldsNamed(header, 'references').length > 0)
    for (const { from, replyTo, to, cc } of answered(agent, id, source))
      for (const address of lowerCase([...from, ...replyTo, ...to, ...cc])) known.add(address)
  const isUnknown = (address: string) => !known.has(address.toLowerCase())
  // Contacts are many: asked last.
  if (unknown.some(isUnknown)) for (const address of oldContacts(agent, id)) known.add(address)
  return { strangers: new Set(unknown.filter(isUnknown)), brought }
}

/** The command that makes acquaintances of them: most mail goes to people for whom that was done lately. */
export function acquaint(
  { store, world }: { readonly store: Pick<Agent['store'], 'outgoing'>; readonly world: Pick<World, 'clock'> },
  account: AccountId,
  addresses: readonly string[],
): Command[] {
  const day = Math.floor(world.clock.now() / DAY_MS)
  const isNoted = (address: string) => (store.outgoing.metDay(account, address) ?? -Infinity) >= day - MET_AGAIN_DAYS
  const prints = addresses.filter((address) => !isNoted(address)).map(printOf)
  return prints.length === 0 ? [] : [{ kind: 'acquaintance.put', account, prints, day }]
}

/** What came to him in the conversation that this message goes on with. */
function answered({ store }: Agent, account: AccountId, source: Buffer) {
  const { subject, inReplyTo, references } = summarise(source)
  const keys = threadKeys({ subject, messageId: [], inReplyTo, references })
  if (keys.length === 0) return []
  const ids = store.outgoing.conversations(account, keys).flatMap((thread) => store.thread(account, thread))
  return store.emails(account, ids.slice(-CONVERSATION)).filter(({ verdict }) => verdict?.outcome === 'accept')
}

/** The people of his sent mail, and all contacts. */
function broughtAlong(agent: Agent, account: AccountId): string[] {
  const { store } = agent
  const sent = store.mailboxByUse(account, 'sent')
  const placements = sent === undefined ? [] : store.placements(account, sent.id).slice(-BROUGHT)
  const emails = store.emails(
    account,
    placements.map(({ email }) => email),
  )
  const people = emails.flatMap(({ to, cc, bcc }) => lowerCase([...to, ...cc, ...bcc]))
  return [...new Set([...people, ...contactsUpTo(agent, account, Number.POSITIVE_INFINITY)])]
}

/** Notes how the account's contacts stand: what is there now is old in some days. */
function noteContacts(agent: Agent, account: AccountId): void {
  const nowMs = agent.world.clock.now()
  const [, newer = '0', notedMs] = agent.memory.get(contactsKey(account))?.split(' ') ?? []
  if (notedMs !== undefined && nowMs - Number(notedMs) < CONTACTS_AGE_MS) return
  const modseq = agent.store.lists.objects(account, 'contact').reduce((most, one) => Math.max(most, one.modseq), 0)
  agent.memory.put(contactsKey(account), `${newer} ${modseq} ${nowMs}`, nowMs + KEPT_MS)
}

/** Once in a while, for everybody who keeps contacts. */
export function noteAllContacts(agent: Agent): void {
  for (const account of agent.store.outgoing.keepersOfContacts()) noteContacts(agent, account)
}

function oldContacts(agent: Agent, account: AccountId): string[] {
  noteContacts(agent, account)
  const trusted = Number(agent.memory.get(contactsKey(account))?.split(' ')[0] ?? 0)
  return contactsUpTo(agent, account, trusted)
}

/** A contact that was changed since is as young as its change. */
function contactsUpTo({ store }: Agent, account: AccountId, modseq: number): string[] {
  return store.lists
    .objects(account, 'contact')
    .filter((contact) => contact.modseq <= modseq)
    .flatMap(({ value }) => addressesIn(value))
}

/** The addresses of a card (RFC 9553 §2.3.1). */
function addressesIn(card: string): string[] {
  const { emails } = JSON.parse(card) as { emails?: unknown }
  if (typeof emails !== 'object' || emails === null) return []
  return Object.values(emails).flatMap((one) =>
    typeof one?.address === 'string' ? [one.address.toLowerCase() as string] : [],
  )
}

const lowerCase = (addresses: readonly EmailAddress[]) => addresses.map(({ email }) => email.toLowerCase())
const contactsKey = (account: AccountId) => `contacts:${account}`
