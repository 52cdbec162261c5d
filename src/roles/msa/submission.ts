// MSA: takes a message from an Author it knows. The reverse-path must be the Author's own address; a message that is from
// somebody else is sent on and says so (Resent-From, RFC 5322 §3.6.6), and none may claim to be from another person of this
// domain. What RFC 6409 §8 lets an MSA complete is completed (Date, Message-ID, From); the Transmitter's signature goes on; one commit
// holds the queue entries and the mailboxes of Recipients at this same agent. SMTP, JMAP and the sending API all end here.

import { isAscii } from 'node:buffer'
import { authorOf } from '../../identity/dmarc/author.ts'
import {
  type AddressReader,
  addressReader,
  formatAddress,
  type Mailbox,
  mailboxesOf,
  parseSmtpPath,
} from '../../message/address.ts'
import { buildReceived } from '../../message/build-received.ts'
import { formatDate } from '../../message/date.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { fieldsNamed, firstValue, type Header, parseHeader } from '../../message/header.ts'
import type { Envelope, EnvelopeRecipient } from '../../protocols/smtp/envelope.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { withSafeLineEnds } from '../../protocols/smtp/wire.ts'
import type { Command, CommandResult } from '../../store/commands.ts'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import type { SentMessage } from '../../store/nouns/outgoing.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import { type Agent, newTrace } from '../agent.ts'
import { suppressedRefusal, type Writer, writerOf } from '../bounces/suppressed.ts'
import { noteCorrespondent } from '../correspondents.ts'
import { srsReversePath } from '../forwarder/srs.ts'
import { placedAtHome } from '../mda/at-home.ts'
import { type Delivery, prepareDelivery } from '../mda/place.ts'
import { type Passing, passAuthor, whileDecided } from '../outgoing/gate.ts'
import { reportAddress } from '../reports/addresses.ts'
import { groupFor, type Later, type Leg, queueCommand, reversePathText, wayFor, waysTo, wishesOf } from '../routing.ts'
import { diskRefusal, eventCommand, keepAside, messageIdOf, mustBeKept } from '../tracking.ts'
import { tellSender } from '../transmitter/bounce.ts'
import { dkimFields } from '../transmitter/signing.ts'
import { demandsOf } from './demands.ts'
import { groupNotice, groupOf, isList, waitingOf, wishesOfMember } from './expansion.ts'
import { type Identities, sendingIdentities } from './identities.ts'
import { tagged } from './tagged.ts'

export interface SubmittedMail {
  readonly author: Account
  readonly envelope: Envelope
  readonly source: Buffer
  /** How it came, for the Received line: 'ESMTPSA', 'HTTP', … */
  readonly protocol: string
  readonly tls?: { readonly protocol: string; readonly cipher: string } | undefined
  /** Not before then may it leave (RFC 4865): it waits in the queue, and can be taken back until then. */
  readonly holdUntilMs?: number | undefined
  /** A command of whoever hands it in, for the same commit; the message is known by its trace. */
  readonly record?: ((trace: string) => Command) | undefined
  /** What its Author's program wants to find again with it. */
  readonly labels?: Pick<SentMessage, 'tags' | 'metadata'>
  /** The request that it comes from, where that is done once. */
  readonly once?: ((message: { readonly trace: string; readonly messageId: string }) => OnceCommand) | undefined
}

type OnceCommand = Extract<Command, { kind: 'once.put' }>

export type Submitted = {
  readonly reply: Reply
  readonly trace: string | undefined
  /** What came of `record`. */
  readonly recorded?: CommandResult | undefined
  readonly messageId?: string
  /** Nothing was taken: the request was done before ('exists'), or another has its key. */
  readonly again?: 'exists' | 'conflict'
}

/** Takes the message, or says why not. 250 is a promise: everything is durable then. */
export async function submit(agent: Agent, mail: SubmittedMail): Promise<Submitted> {
  const header = parseHeader(mail.source)
  const trace = newTrace(agent.world)
  const reversePath = reversePathText(mail.envelope.reversePath)
  const about = {
    trace,
    reversePath,
    // The one that is added where there is none: a complaint will name it.
    messageId: isNamed(header) ? messageIdOf(header) : addedMessageId(agent, trace),
  }
  const names: Names = { isOwn: sendingIdentities(agent, mail.author), read: addressReader(header) }
  const refusal = refusalOf(agent, mail, header, names)
  if (refusal !== undefined) {
    keepAside(agent, [refusedEvent(agent, mail, about, refusal)])
    return { reply: refusal, trace: undefined }
  }
  const legs = waysTo(agent, mail.envelope)
  const elsewhere = legs.flatMap(({ way }) => (way.kind === 'elsewhere' ? [way.address] : []))
  const answer = await whileDecided(
    () => passAuthor(agent, mail.author, { header, source: mail.source, elsewhere }),
    (passing) => taken(passing),
    (error): Submitted => ({ reply: diskRefusal(agent, error), trace: undefined }),
  )
  return 'code' in answer ? { reply: answer, trace: undefined } : answer

  async function taken(passing: Passing): Promise<Submitted | 'late'> {
    if (passing.refusal !== undefined) {
      await agent.store.commit([...(await passing.commands()), refusedEvent(agent, mail, about, passing.refusal)])
      return { reply: passing.refusal, trace: undefined }
    }
    const kept = await keep(agent, mail, header, about, { legs, passing, names })
    if (!Array.isArray(kept)) return { reply: kept, trace: undefined }
    const record = mail.record ? [mail.record(trace)] : []
    const commands = [...kept, sentCommand(agent, mail, header, about), ...(await passing.commands()), ...record]
    const results = await agent.store.commit(commands)
    if (passing.conditions.some((_one, i) => results[i]?.ok === false)) return 'late'
    const first = results[passing.conditions.length]
    if (mail.once !== undefined && first?.ok === false && (first.reason === 'exists' || first.reason === 'conflict'))
      return { reply: reply(250, '2.0.0', first.message), trace: undefined, again: first.reason }
    mustBeKept(results)
    const recorded = mail.record && results.at(-1)
    return { reply: reply(250, '2.0.0', `accepted as ${trace}`), trace, recorded, messageId: about.messageId }
  }
}

/** As many as SMTP takes at once. */
const MOST_SENT_PATHS = 1000
const MAX_SUBJECT = 200

/** So that its Author finds it again. */
export function sentCommand(
  { world }: Agent,
  {
    author,
    envelope,
    source,
    protocol,
    holdUntilMs,
    labels,
  }: Pick<SubmittedMail, 'author' | 'envelope' | 'source' | 'protocol' | 'holdUntilMs' | 'labels'>,
  header: Header,
  about: { trace: string; reversePath: string; messageId: string },
): Command {
  const paths = envelope.recipients.slice(0, MOST_SENT_PATHS).map(({ forwardPath }) => forwardPath)
  return {
    kind: 'sent.add',
    sent: {
      ...about,
      account: author.id,
      atMs: world.clock.now(),
      protocol,
      forwardPaths: paths.map((path) => (path.type === 'postmaster' ? 'postmaster' : formatAddress(path.mailbox))),
      recipients: envelope.recipients.length,
      subject: decodeEncodedWords(firstValue(header, 'subject') ?? '').slice(0, MAX_SUBJECT),
      sizeBytes: source.length,
      ...(holdUntilMs !== undefined && { holdUntilMs }),
      ...labels,
    },
  }
}

interface About {
  readonly trace: string
  readonly reversePath: string
  readonly messageId: string
}

function refusedEvent(agent: Agent, { author }: SubmittedMail, about: About, { lines }: Reply): Command {
  const text = `Refused for ${author.address}: ${lines.join(' ')}.`
  return eventCommand(agent, { ...about, role: 'MSA', kind: 'refused', forwardPath: '', text })
}

/** May this Author send this: the envelope's and the header's sender must be an address of his own. */
function refusalOf(
  agent: Agent,
  { author, envelope, source }: SubmittedMail,
  header: Header,
  { isOwn, read }: Names,
): Reply | undefined {
  if (source.length > agent.settings.maxMessageBytes) return reply(552, '5.3.4', 'message too big')
  const reverse = envelope.reversePath
  if (reverse.type === 'mailbox' && !isOwn(reverse.mailbox))
    return reply(553, '5.7.1', `${formatAddress(reverse.mailbox)} is not an address of ${author.address}`)
  // Several From fields, or one that two programs would read differently, would be refused or set aside everywhere.
  const { fault, isAmbiguous } = authorOf(header, read)
  if (isAmbiguous) return reply(550, '5.6.0', fault!)
  // Mail that is from somebody else may be sent on, but never as another person of this domain: our signature would
  // prove a lie.
  for (const name of ['From', 'Sender', 'Resent-From', 'Resent-Sender'])
    for (const mailbox of mailboxesIn(header, name.toLowerCase(), read))
      if (mailbox.domain === agent.domain && !isOwn(mailbox))
        return reply(
          550,
          '5.7.1',
          `${name} names ${formatAddress(mailbox)}, which is not an address of ${author.address}`,
        )
  return undefined
}

/** Whom the header names, each field read once, and who of them the Author may be. */
interface Names {
  readonly isOwn: Identities
  readonly read: AddressReader
}

/** Every mailbox of every field of this name. */
function mailboxesIn(header: Header, name: string, read: AddressReader): Mailbox[] {
  return fieldsNamed(header, name).flatMap((field) => mailboxesOf(read(field)))
}

async function keep(
  agent: Agent,
  mail: SubmittedMail,
  header: Header,
  about: About,
  { legs, passing, names }: { readonly legs: readonly Leg[]; readonly passing: Passing; readonly names: Names },
): Promise<Command[] | Reply> {
  const { author, envelope } = mail
  const nowMs = agent.world.clock.now()
  const added = completed(agent, mail, header, { trace: about.trace, nowMs, names })
  const body = added === '' ? mail.source : Buffer.concat([Buffer.from(added, 'utf8'), mail.source])
  const signatures = await dkimFields(agent, added === '' ? header : body)
  // The Author's own address and machine stay out of the line (RFC 6409 asks for no more than trace).
  const receivedField = buildReceived({
    helo: agent.domain,
    byHost: agent.hostName,
    protocol: mail.protocol,
    tls: mail.tls,
    id: about.trace,
    priority: envelope.priority,
    epochMs: nowMs,
  })
  const front = [Buffer.from(receivedField), ...signatures]
  const accepted = {
    ...about,
    role: 'MSA' as const,
    kind: 'accepted' as const,
    detail: { author: author.address, protocol: mail.protocol },
  }
  // The conditions of the batch stand before all else.
  const commands: Command[] = [...passing.conditions, ...(mail.once === undefined ? [] : [mail.once(about)])]
  const wished: Later | undefined =
    mail.holdUntilMs === undefined
      ? undefined
      : { dueMs: mail.holdUntilMs, why: `its Author wants it to leave at ${new Date(mail.holdUntilMs).toISOString()}` }
  let blob: BlobRef | undefined
  let delivery: Delivery | undefined
  if (wished === undefined)
    for (const [group, count] of groupsIn(agent, legs))
      commands.push(
        eventCommand(agent, {
          ...{ ...accepted, kind: 'expanded', forwardPath: group },
          text: `${group} stands for ${count} ${count === 1 ? 'mailbox' : 'mailboxes'} here.`,
        }),
      )
  const groups = new Set<string>()
  const waiting = new Map(waitingOf(agent, legs).map((one) => [one.way, one]))
  for (const { way, recipient } of legs) {
    const group = groupOf(way)
    const isFirst = group !== undefined && !groups.has(group)
    if (isFirst) groups.add(group)
    const ofList: Later | undefined =
      group !== undefined && isList(agent, group) ? { dueMs: nowMs, why: 'the list sends it on' } : undefined
    const later = way.kind === 'elsewhere' ? passing.laterFor(way.address, wished) : (wished ?? ofList)
    if (way.kind === 'unknown') throw new Error(`RCPT let ${way.address} through`)
    if (later !== undefined && way.kind !== 'elsewhere') {
      // Where it goes from here is found out when it goes: what is true of an address now may not be then.
      const stands = waiting.get(way)
      if (stands === undefined) continue
      const { to: address, apart } = stands
      blob ??= await agent.store.putBlob([...front, body])
      const parameters = {
        ...demandsOf(envelope, header, nowMs),
        ...wishesOf(recipient),
        ...poolOf(agent, author),
        atHome: true,
        ...(apart.length > 0 && { apart }),
      }
      commands.push(
        queueCommand(
          agent,
          { trace: about.trace, blob, reversePath: about.reversePath, parameters, origin: 'msa' },
          address,
          later,
        ),
        eventCommand(agent, { ...accepted, forwardPath: address, text: `Taken for ${address}: ${later.why}.` }),
      )
      continue
    }
    const asked = { ...demandsOf(envelope, header, nowMs), ...wishesOf(recipient) }
    if (isFirst) {
      const notice = groupNotice(agent, group, { ...about, acceptedAtMs: nowMs, parameters: asked }, async () => body)
      if (notice !== undefined) commands.push(...(await tellSender(agent, [notice], commands.length)))
    }
    const home =
      way.kind === 'mailbox'
        ? { account: way.account, address: way.address }
        : way.kind === 'forward' && way.keep !== undefined
          ? { account: way.keep, address: way.from }
          : undefined
    if (home !== undefined) {
      const prepared = async () => (delivery ??= await prepareDelivery(agent, about.reversePath, front, body))
      const placed = await placedAtHome(
        agent,
        { ...about, envelope, front, body, verdict: verdictOn(author), author: author.address },
        { ...home, way, recipient },
        {
          prepared,
          at: commands.length,
          isAlone: legs.length === 1,
        },
      )
      if ('refusal' in placed) return placed.refusal
      commands.push(
        ...placed.commands,
        eventCommand(agent, {
          ...accepted,
          kind: 'delivered',
          role: 'MDA',
          forwardPath: home.address,
          text: placed.text,
        }),
      )
      // RFC 3461 §5.2.3: whoever wants to know hears that it is there.
      if (group === undefined && recipient.notify?.includes('SUCCESS')) {
        const entry = { ...about, forwardPath: home.address, acceptedAtMs: nowMs, parameters: asked }
        const notice = { entry, action: 'delivered', by: '', reply: undefined, original: async () => body } as const
        commands.push(...(await tellSender(agent, [notice], commands.length)))
      }
    }
    if (way.kind === 'mailbox') continue
    const to = 'to' in way ? way.to : way.address
    const sender = tagged(agent, about.reversePath, { trace: about.trace, recipient: to })
    const reversePath = 'to' in way ? srsReversePath(agent, sender.address) : sender.address
    const parameters = {
      ...asked,
      ...wishesOfMember(agent, group, asked),
      ...poolOf(agent, author),
      ...(way.kind === 'forward' ? { forwardedFrom: way.from } : {}),
      // A copy is here: nobody need hear of the other.
      ...(home === undefined ? {} : { notify: [] }),
    }
    // What is held has not been written to anybody.
    if (!('to' in way) && !later?.isHeld) noteCorrespondent(agent, author.id, to)
    if (blob === undefined) commands.push(...sender.commands)
    blob ??= await agent.store.putBlob([...front, body])
    commands.push(
      queueCommand(agent, { trace: about.trace, blob, reversePath, parameters, origin: 'msa' }, to, later),
      eventCommand(agent, {
        ...accepted,
        forwardPath: to,
        text: `Taken from ${author.address} for ${to}${later === undefined ? '' : `; ${later.why}`}.`,
      }),
    )
    if (later?.isHeld) {
      const text = `For ${to}: ${later.why}.`
      commands.push(eventCommand(agent, { ...accepted, kind: 'held', forwardPath: to, text }))
    }
  }
  return commands
}

/** The groups that recipients were, and how many mailboxes here each stands for. */
function groupsIn(agent: Agent, legs: readonly Leg[]): Map<string, number> {
  const groups = new Map<string, number>()
  for (const { way } of legs)
    if ('group' in way && way.group !== undefined && !isList(agent, way.group))
      groups.set(way.group, (groups.get(way.group) ?? 0) + 1)
  return groups
}

/** The addresses that this Author's mail leaves from, where they are others than those of everybody's. */
function poolOf({ settings }: Agent, { address }: Account): Pick<QueueEntry['parameters'], 'pool'> {
  const named = settings.transmitter.authorPools.find((one) => one.address.toLowerCase() === address.toLowerCase())
  return named === undefined ? {} : { pool: named.pool }
}

/** What an MSA may complete (RFC 6409 §8), as header text to put in front. */
function completed(
  agent: Agent,
  { author, source }: SubmittedMail,
  header: Header,
  { trace, nowMs, names }: { readonly trace: string; readonly nowMs: number; readonly names: Names },
): string {
  let added = ''
  const has = (name: string) => fieldsNamed(header, name).length > 0
  if (!has('date')) added += `Date: ${formatDate(nowMs)}\r\n`
  if (!isNamed(header)) added += `Message-ID: <${addedMessageId(agent, trace)}>\r\n`
  if (!has('from')) added += `From: ${author.address}\r\n`
  else if (!isOwnWork(header, names)) added += `Resent-From: ${author.address}\r\nResent-Date: ${formatDate(nowMs)}\r\n`
  // Whoever thinks it is spam can say so, and the MSA hears of it (RFC 9477).
  const { reports } = agent.settings
  if (reports.sends && agent.roles.has('Receiver') && !has('cfbl-address') && isFromHere(agent, header, names))
    added += `CFBL-Address: ${reportAddress('abuse', agent.domain)}; report=arf\r\n`
  // A text without any header must not become one.
  const isBare = header.fields.length === 0 && source.length > 0 && !source.subarray(0, 2).equals(CRLF)
  return isBare ? `${added}\r\n` : added
}

const isNamed = (header: Header) => fieldsNamed(header, 'message-id').length > 0
const addedMessageId = ({ hostName }: Agent, trace: string) => `${trace}@${hostName}`

const CRLF = Buffer.from('\r\n')

/** Only what is from our domain is signed by the domain in From. */
function isFromHere(agent: Agent, header: Header, { read }: Names): boolean {
  const from = mailboxesIn(header, 'from', read)
  return from.length === 0 || from.every(({ domain }) => domain === agent.domain)
}

/** Is the message from the Author, or does it already say that he sent it (RFC 5322 §3.6.2, §3.6.6). */
function isOwnWork(header: Header, { isOwn, read }: Names): boolean {
  const isIn = (name: string) => mailboxesIn(header, name, read).some(isOwn)
  return isIn('from') || isIn('sender') || isIn('resent-from')
}

/** Can mail for this recipient leave or be delivered here: asked at RCPT, before the message comes. */
export function recipientRefusal(
  agent: Agent,
  author: Account | undefined,
  forwardPath: Envelope['recipients'][number]['forwardPath'],
  writer?: Writer,
): Reply | undefined {
  const group = groupFor(agent, forwardPath, false)
  if (group !== undefined)
    return group.ways.length > 0 ? undefined : reply(550, '5.2.4', `nobody stands behind ${group.group.address} now`)
  const way = wayFor(agent, forwardPath)
  if (way.kind === 'unknown') return reply(550, '5.1.1', `there is no mailbox ${way.address} here`)
  if (way.kind === 'elsewhere' && !agent.roles.has('Transmitter') && agent.settings.transmitter.via === undefined)
    return reply(550, '5.7.1', 'this MSA has no Transmitter to carry mail out')
  if (way.kind !== 'elsewhere' || author === undefined) return undefined
  return suppressedRefusal(agent, author, way.address, writer ?? writerOf(agent, author))
}

/** What a client hands in that speaks no SMTP: addresses as text, any line ends. */
export interface TextMail
  extends Pick<SubmittedMail, 'source' | 'holdUntilMs' | 'record' | 'labels' | 'once'>,
    Pick<Envelope, 'ret' | 'envid' | 'requireTls' | 'priority'> {
  readonly reversePath: string
  readonly forwardPaths: readonly string[]
  /** Of all recipients. */
  readonly notify?: EnvelopeRecipient['notify']
  /** Where it is not a person who sends it. */
  readonly writer?: Writer
}

/** The same for such a client (JMAP, the sending API). `place`: which of the recipients is refused. */
export async function submitText(
  agent: Agent,
  author: Account,
  mail: TextMail,
): Promise<Submitted & { readonly place?: number }> {
  const reverse = parseSmtpPath(`<${mail.reversePath}>`, 'reverse', { utf8: true })
  if (!reverse.ok) return { reply: reply(501, reverse.enhancedCode, reverse.reason), trace: undefined }
  const recipients: EnvelopeRecipient[] = []
  const { reversePath, forwardPaths, notify, ret, envid, requireTls, priority, writer, ...rest } = mail
  for (const [place, text] of forwardPaths.entries()) {
    const forward = parseSmtpPath(`<${text}>`, 'forward', { utf8: true })
    if (!forward.ok)
      return { reply: reply(501, forward.enhancedCode, `${text}: ${forward.reason}`), trace: undefined, place }
    const refusal = recipientRefusal(agent, author, forward.path, writer)
    if (refusal !== undefined) return { reply: refusal, trace: undefined, place }
    recipients.push({ forwardPath: forward.path, ...(notify && { notify }) })
  }
  const source = withSafeLineEnds(mail.source)
  const addressesAscii = isAscii(Buffer.from([reversePath, ...forwardPaths].join()))
  const envelope: Envelope = {
    reversePath: reverse.path,
    recipients,
    body: isAscii(source) ? '7BIT' : '8BITMIME',
    smtputf8: !addressesAscii,
    ...(ret && { ret }),
    ...(envid && { envid }),
    ...(requireTls && { requireTls }),
    ...(priority && { priority }),
  }
  return submit(agent, { ...rest, author, envelope, source, protocol: 'HTTP' })
}

/** What the MDA shows of a message that an Author of this same agent sent. */
export function verdictOn(author: Account): Verdict {
  const reason = `${author.displayName} signed in here to send it`
  return { outcome: 'accept', reason, spf: 'none', dkim: 'none', dmarc: 'none', arc: 'none', steps: [] }
}
