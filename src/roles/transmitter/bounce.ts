// Bounces: mail that cannot be delivered goes back to someone who can act (RFC 5321 §6.1, RFC 3464), and other notices that
// its sender asked for (RFC 3461): delivered, handed on to who gives none, late. Never to the null
// reverse-path: what would have to go there comes before the postmaster instead (a double bounce). The script of who gets
// a bounce here is asked, but not about a double bounce: one that it redirects and that fails again would never end.

import { type Reason, reasonOf } from '../../identity/reports/bounces/reasons.ts'
import type { Mailbox } from '../../message/address.ts'
import { preview } from '../../message/body.ts'
import { buildDsn, type DsnAction } from '../../message/dsn.ts'
import { type DsnCause, type DsnLanguage, dsnLanguage, languageOf } from '../../message/dsn-words.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { firstValue } from '../../message/header.ts'
import { formatMessageId } from '../../message/message-id.ts'
import { parseStructure } from '../../message/mime.ts'
import { isTransient, type Reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import { DiskError } from '../../world/disk.ts'
import { type Agent, newTrace } from '../agent.ts'
import { placedAtHome } from '../mda/at-home.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import { untagged } from '../msa/tagged.ts'
import { readVerdict } from '../receiver/hand-over.ts'
import { forwardPathOf, queueCommand, reversePathOf, type Way, wayFor } from '../routing.ts'
import { eventCommand } from '../tracking.ts'
import { dkimFields } from './signing.ts'

/** One recipient that was given up, and why. */
export interface GivenUp {
  readonly entry: QueueEntry
  readonly reply: Reply
  /** The host that refused; '' when none was reached. */
  readonly by: string
  /** Its time ran out; else it was refused for good. */
  readonly expired: boolean
}

/** What a sender who asked for it hears of one recipient (RFC 3461 §4.1). */
export interface Notice {
  readonly entry: Noted
  readonly action: 'delivered' | 'relayed' | 'delayed' | 'expanded'
  /** The host that answered; '' when none did. */
  readonly by: string
  readonly reply: Reply | undefined
  /** What was said last, where there is no reply now. */
  readonly said?: string
  readonly original: () => Promise<Buffer>
}

/** Of a message what a notification tells. */
type Noted = Pick<QueueEntry, 'trace' | 'reversePath' | 'forwardPath' | 'acceptedAtMs' | 'parameters'> & {
  readonly expiresAtMs?: number
}

const STATUS: Record<Notice['action'], string> = {
  delivered: '2.0.0',
  relayed: '2.0.0',
  expanded: '2.0.0',
  delayed: '4.0.0',
}

/** The commands that send them, one notification for each message; nobody asks for them from nowhere. @throws DiskError */
export async function tellSender(agent: Agent, notices: readonly Notice[], at: number): Promise<Command[]> {
  const commands: Command[] = []
  const wanted = notices.filter(({ entry }) => entry.reversePath !== '')
  const byMessage = Map.groupBy(
    wanted,
    ({ entry, action }) => `${entry.trace}\0${untagged(agent, entry.reversePath)}\0${action}`,
  )
  for (const some of byMessage.values()) {
    const told = some.map(({ entry, action, by, reply, said }) => ({
      entry,
      action,
      by,
      status: isPastItsTime(agent, entry, action) ? '4.4.7' : (reply?.enhanced ?? STATUS[action]),
      diagnostic: reply ? replyText(reply) : said,
    }))
    commands.push(...(await notify(agent, told, await some[0]!.original(), at + commands.length)))
  }
  return commands
}

/** RFC 2852 §4.1.3: what is late because of that says so. */
function isPastItsTime({ world }: Agent, { parameters: { deliverBy } }: Noted, action: Notice['action']): boolean {
  return action === 'delayed' && deliverBy?.mode === 'notify' && world.clock.now() >= deliverBy.atMs
}

/**
 * The commands that return given-up recipients to who sent them: one notification for each message. They go first into
 * the same commit that removes the queue entries. @throws DiskError
 */
export async function returnToSender(agent: Agent, givenUp: readonly GivenUp[]): Promise<Command[]> {
  const commands: Command[] = []
  const byMessage = Map.groupBy(givenUp, ({ entry }) => `${entry.trace}\0${untagged(agent, entry.reversePath)}`)
  for (const failures of byMessage.values()) {
    const wanted = failures.filter(({ entry }) => wantsFailure(entry))
    if (wanted.length > 0) commands.push(...(await bounce(agent, wanted, commands.length)))
  }
  return commands
}

/** NOTIFY (RFC 3461 §4.1): NEVER, or a list without FAILURE, asks for silence. */
export function wantsFailure({ parameters }: QueueEntry): boolean {
  return parameters.notify?.includes('FAILURE') ?? true
}

/** Larger messages come back as their header: what was too big for one way is not sent the other way. */
const MAX_RETURNED_BYTES = 1024 * 1024

/** @param at Index that the first command will have in its batch. @throws DiskError */
async function bounce(agent: Agent, failures: readonly GivenUp[], at: number): Promise<Command[]> {
  const told = failures.map((f) => ({
    entry: f.entry,
    action: 'failed' as const,
    by: f.by,
    status: statusOf(f),
    diagnostic: replyText(f.reply),
  }))
  return notify(agent, told, await originalOf(agent, failures[0]!.entry), at)
}

interface Told {
  readonly entry: Noted
  readonly action: DsnAction
  readonly by: string
  readonly status: string
  readonly diagnostic: string | undefined
}

async function notify(agent: Agent, told: readonly Told[], original: Buffer, at: number): Promise<Command[]> {
  const { entry, action } = told[0]!
  const requireTls = entry.parameters.requireTls === true
  // RFC 8689 §5: what may travel only over proven TLS comes back no other way, and not its content.
  const isShort = entry.parameters.ret === 'HDRS' || requireTls || original.length > MAX_RETURNED_BYTES
  const postmaster = `postmaster@${agent.domain}`
  const isOrphan = entry.reversePath === '' || entry.parameters.isUnproven === true
  const to = isOrphan ? postmaster : untagged(agent, entry.reversePath)
  const trace = newTrace(agent.world)
  const notification = buildDsn({
    reportingHost: agent.hostName,
    from: { displayName: 'Mail Delivery', ...mailboxOf(postmaster) },
    to: mailboxOf(to),
    messageId: formatMessageId(trace, agent.hostName),
    nowMs: agent.world.clock.now(),
    arrivedMs: entry.acceptedAtMs,
    deliverByMs: entry.parameters.deliverBy?.atMs,
    futureRelease: entry.parameters.futureRelease,
    envelopeId: entry.parameters.envid,
    recipients: told.map((one) => ({
      recipient: mailboxOf(one.entry.forwardPath),
      originalRecipient: one.entry.parameters.orcpt,
      action: one.action,
      status: one.status,
      remoteHost: one.by === '' ? undefined : one.by,
      diagnostic: one.diagnostic,
      cause:
        CAUSES[reasonOf({ text: one.diagnostic ?? '', status: one.status, command: 'DATA' })] ??
        (one.status === '4.4.7' ? 'time' : 'other'),
      willRetryUntilMs: one.action === 'delayed' ? one.entry.expiresAtMs : undefined,
    })),
    original,
    language: languageFor(agent, to, original),
    ...(isOrphan && { note: noteOf(entry) }),
    returns: isShort ? 'headers' : 'full',
    boundary: () => `=_${newTrace(agent.world)}${newTrace(agent.world)}`,
  })
  const event = (forwardPath: string, text: string): Command =>
    eventCommand(agent, {
      trace,
      role: 'Transmitter',
      kind: 'queued',
      reversePath: '',
      forwardPath,
      text,
      detail: { bounceOf: entry.trace },
    })

  const what = action === 'failed' ? 'A bounce' : `A notice (${action})`
  const way = wayFor(agent, forwardPathOf(to))
  // The postmaster may read elsewhere; what was on its way there and failed is put down here.
  const isReachable = !isOrphan || (readsElsewhere(way) && entry.forwardPath !== to)
  if (way.kind !== 'mailbox' && way.kind !== 'unknown' && isReachable) {
    const target = 'to' in way ? way.to : way.address
    // Signed, so that it is believed even where a Forwarder takes it back to its Author.
    const blob = await agent.store.putBlob([...(await dkimFields(agent, notification)), notification])
    // RFC 6710 §4.6: it is as urgent as what it is about.
    const { priority } = entry.parameters
    const parameters = { ...(requireTls && { requireTls }), ...(priority && { priority }) }
    const mail = { trace, blob, reversePath: '', parameters, origin: 'transmitter' } as const
    return [queueCommand(agent, mail, target), event(target, `${what} goes back to ${target}.`)]
  }
  // Whoever cannot be found here has the postmaster as guardian: nothing is dropped.
  const account = way.kind === 'mailbox' && !isOrphan ? way.account : agent.store.accountByAddress(postmaster)
  if (account === undefined) throw new Error(`${agent.domain} has no postmaster`)
  const delivery = await prepareDelivery(agent, '', [], notification)
  if (way.kind === 'mailbox' && !isOrphan) {
    const recipient = { forwardPath: forwardPathOf(to) }
    const placed = await placedAtHome(
      agent,
      {
        trace,
        envelope: { reversePath: reversePathOf(''), recipients: [recipient], smtputf8: false, body: '8BITMIME' },
        reversePath: '',
        front: [],
        body: notification,
        verdict: null,
      },
      { account, address: way.address, way, recipient },
      { prepared: async () => delivery, at, isAlone: true },
    )
    // A bounce cannot be refused: there is nobody left to hear of it.
    if (!('refusal' in placed)) return [...placed.commands, event(account.address, placed.text)]
  }
  return [
    placeCommand(agent, account, delivery, 'inbox', null),
    event(account.address, `${what} was put into the mailbox of ${account.address}.`),
  ]
}

/** His mailbox is at the agent that this one stands before. */
export const readsElsewhere = ({ kind }: Way) => kind === 'home' || kind === 'backup'

/** What its Author chose (`borderpost account language`), else what the message itself is written in. */
function languageFor(agent: Agent, to: string, original: Buffer): DsnLanguage | undefined {
  const account = agent.store.accountByAddress(to)
  const chosen = account && dsnLanguage(agent.store.setting(languageKey(account.address)))
  if (chosen !== undefined) return chosen
  const root = parseStructure(original, { maxParts: 50 })
  const said = dsnLanguage(firstValue(root.header, 'content-language'))
  return said ?? languageOf(`${decodeEncodedWords(firstValue(root.header, 'subject') ?? '')}\n${preview(root, 2000)}`)
}

/** Under which the store keeps what language a person reads. */
export const languageKey = (address: string) => `language ${address.toLowerCase()}`

/** Why the postmaster gets it. */
const noteOf = ({ reversePath, trace }: Noted): string =>
  reversePath === ''
    ? `The message ${trace} came from nobody (a bounce or another automatic message), so nobody can be told: this is for the postmaster (a double bounce).`
    : `The message ${trace} says that it is from ${reversePath}, which nothing proved: a notification might reach somebody who never wrote it, so this is for the postmaster.`

const CAUSES: Readonly<Partial<Record<Reason, DsnCause>>> = {
  'user-unknown': 'address',
  moved: 'address',
  suspended: 'address',
  'host-unknown': 'domain',
  'not-accepting': 'domain',
  'mailbox-full': 'full',
  'too-big': 'big',
  'recipient-refused': 'refused',
  content: 'refused',
  virus: 'refused',
  spam: 'refused',
  policy: 'refused',
  'auth-failure': 'refused',
  blocked: 'refused',
  'rate-limited': 'refused',
  'sender-refused': 'refused',
  'relay-denied': 'refused',
  network: 'time',
  expired: 'time',
  system: 'time',
  'system-full': 'time',
}

/** A body that cannot be read must not keep its sender from hearing of the failure. */
export async function originalOf(agent: Agent, entry: QueueEntry): Promise<Buffer> {
  try {
    const kept = (await agent.store.readBlob(entry.blob)) ?? Buffer.alloc(0)
    // What our Border found out is for its host alone.
    return entry.origin === 'receiver' ? (readVerdict(kept)?.message ?? kept) : kept
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    agent.log('error', 'a message that is returned cannot be read', { trace: entry.trace, reason: error.message })
    return Buffer.alloc(0)
  }
}

/** A temporary reply that was repeated until the time ran out is a failure of delivery time (RFC 3463 §3.5, X.4.7). */
function statusOf({ entry, reply, expired }: GivenUp): string {
  if (expired) return entry.parameters.deliverBy?.mode === 'return' ? '5.4.7' : '4.4.7'
  return reply.enhanced ?? (isTransient(reply) ? '4.0.0' : '5.0.0')
}

function mailboxOf(address: string): Mailbox {
  const path = forwardPathOf(address)
  if (path.type !== 'mailbox') throw new Error(`${address} is no mailbox`)
  return path.mailbox
}
