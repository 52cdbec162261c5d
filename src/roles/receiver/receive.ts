// Receiver: the message itself. Authenticate, know, judge, for each Recipient; then one durable commit holds everything
// that the 250 promises: mailbox entries, queue entries of what is forwarded, and what was found (design: the path of a
// message). Delivery inside the same agent is that same commit.

import { createHash } from 'node:crypto'
import { findInList, unmapped } from '../../filter/lists.ts'
import { authenticate, authenticationResults, type Identity, stripForgedResults } from '../../identity/authenticate.ts'
import { checkHost, type SpfResult } from '../../identity/spf/spf.ts'
import { type ForwarderMatch, forwarderIdentity } from '../../identity/trusted.ts'
import { formatAddress, formatPath } from '../../message/address.ts'
import { fieldsNamed, firstValue, type Header, parseHeader } from '../../message/header.ts'
import { buildReceived } from '../../message/received.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Verdict } from '../../store/types.ts'
import { DiskError } from '../../world/disk.ts'
import { type Agent, newTrace } from '../agent.ts'
import { forwardCommands } from '../forwarder/forward.ts'
import { reverseSrs } from '../forwarder/srs.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import { queueCommand, reversePathText, type Way, wayOf } from '../routing.ts'
import { eventCommand, note } from '../tracking.ts'
import { type Judgement, judge } from './judge.ts'

/** More hops than this is a loop (RFC 5321 §6.3 asks for at least 100 to be possible). */
const MAX_HOPS = 100

interface Handled {
  readonly way: Exclude<Way, { kind: 'elsewhere' | 'unknown' }>
  readonly judgement: Judgement
  readonly forwarder: ForwarderMatch | undefined
}

/** The reply to the final dot: a promise when it is 250. */
export async function receive(agent: Agent, mail: InboundMessage): Promise<Reply> {
  const trace = newTrace(agent.world)
  const { source, session, envelope } = mail
  const header = parseHeader(source)
  const reversePath = reversePathText(envelope.reversePath)
  const about = { trace, reversePath, messageId: messageIdOf(header) }

  const loop = loopReason(agent, header, mail)
  if (loop !== undefined) {
    note(agent, { ...about, role: 'Receiver', kind: 'refused', forwardPath: '', text: loop })
    return reply(554, '5.4.6', loop)
  }

  const ip = unmapped(session.peer.address)
  const digest = repeatable(header) ? digestOf(ip, mail) : undefined
  const before = digest === undefined ? undefined : agent.store.arrival(digest)
  if (before !== undefined) return reply(250, '2.0.0', `accepted as ${before} before; this is the same message again`)
  const identity = await authenticate(
    { source, header, ip, helo: session.helo, reversePath },
    { dns: agent.world.dns, clock: agent.world.clock, receiverName: agent.hostName },
  )
  const authorSpf = await spfOfAuthor(agent, identity)
  const allowedBy = findInList(agent.settings.receiver.allow, { ip, address: reversePath })?.value
  const handled = waysOf(agent, mail).map((way) => handle(agent, way, identity, allowedBy))

  const standing = handled.filter(({ judgement }) => judgement.outcome === 'accept' || judgement.outcome === 'junk')
  if (standing.length === 0) {
    const worst = handled.map(({ judgement }) => judgement).find((j) => j.outcome === 'defer') ?? handled[0]!.judgement
    note(
      agent,
      ...handled.map(({ way }) => ({
        ...about,
        role: 'Receiver' as const,
        kind: worst.outcome === 'defer' ? ('deferred' as const) : ('refused' as const),
        forwardPath: addressOf(way),
        text: `Refused at the Border: ${worst.reason}.`,
        detail: { ip, helo: session.helo, ...findings(identity) },
      })),
    )
    return 'reply' in worst ? worst.reply : reply(550, '5.7.1', worst.reason)
  }

  try {
    const commands = await keep(agent, mail, header, { ...identity, authorSpf }, handled, about)
    if (digest !== undefined) commands.push({ kind: 'arrival.add', digest, trace, atMs: agent.world.clock.now() })
    await agent.store.commit(commands)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    agent.log('error', 'a message could not be kept', { reason: error.message })
    return error.code === 'full'
      ? reply(452, '4.3.1', 'our disk is full, try again later')
      : reply(451, '4.3.0', 'our disk refuses, try again later')
  }
  return reply(250, '2.0.0', `accepted as ${trace}`)
}

/**
 * A relay that did not hear our 250 must send again (RFC 1047). What has passed a relay carries a Received line with an
 * id of its own, so the same bytes in the same envelope are the same message. Without one they may be two that are alike.
 */
const repeatable = (header: Header) => fieldsNamed(header, 'received').length > 0

function digestOf(ip: string, { envelope, source }: InboundMessage): string {
  const hash = createHash('sha256').update(`${ip}\0${formatPath(envelope.reversePath)}`)
  for (const { forwardPath } of envelope.recipients) hash.update(`\0${formatPath(forwardPath)}`)
  return hash.update('\0').update(source).digest('hex')
}

/** Findings with what SPF says of the domain in From, where that is not the domain of the reverse-path. */
type Findings = Identity & { readonly authorSpf: SpfResult | undefined }

/**
 * May the connecting address send for the domain in From. It decides nothing (DMARC does); it shows what the article
 * says: "protocols that try to correlate the Transmitter's domain name to the connecting IP address can fail when a
 * Forwarder is involved".
 */
async function spfOfAuthor(agent: Agent, { spf, from, ip, helo }: Identity): Promise<SpfResult | undefined> {
  const [domain, ...others] = from.domains
  if (domain === undefined || others.length > 0 || domain === spf.domain || !domain.includes('.')) return undefined
  return checkHost(
    { ip, helo, sender: `postmaster@${domain}`, receiver: agent.hostName },
    agent.world.dns,
    agent.world.clock,
  )
}

/** Every recipient's way; RCPT let only those through that have one. */
function waysOf(agent: Agent, mail: InboundMessage): Handled['way'][] {
  return mail.envelope.recipients.map(({ forwardPath }) => {
    const way = wayOf(agent, forwardPath, (localPart) => reverseSrs(agent, localPart))
    if (way.kind === 'elsewhere' || way.kind === 'unknown') throw new Error(`RCPT let ${way.address} through`)
    return way
  })
}

function handle(agent: Agent, way: Handled['way'], identity: Identity, allowedBy: string | undefined): Handled {
  const trusted =
    way.kind === 'mailbox' ? agent.store.trustedForwarders(way.account.id).map(({ domain }) => domain) : []
  const forwarder = forwarderIdentity(identity, trusted)
  let judgement = judge({ identity, allowedBy, forwarder })
  // What is judged spam is not passed on: its sender hears of it here, at the Border.
  if (way.kind !== 'mailbox' && judgement.outcome === 'junk')
    judgement = {
      outcome: 'refuse',
      reason: judgement.reason,
      reply: reply(550, '5.7.1', `${judgement.reason}; it is not forwarded`),
    }
  return { way, judgement, forwarder }
}

/** Everything that the 250 will promise, as commands of one commit; bodies are written here. @throws DiskError */
async function keep(
  agent: Agent,
  mail: InboundMessage,
  header: Header,
  identity: Findings,
  handled: readonly Handled[],
  about: { trace: string; reversePath: string; messageId: string },
): Promise<Command[]> {
  const { front, source } = withOurFields(agent, mail, header, identity, about.trace)
  const commands: Command[] = []
  const detail = {
    ip: unmapped(mail.session.peer.address),
    helo: mail.session.helo,
    tls: mail.session.tls?.protocol ?? 'none',
    spfDomain: identity.spf.domain,
    authorSpf: identity.authorSpf?.result,
    authorDomain: identity.authorSpf?.domain,
    ...findings(identity),
  }

  const toMailbox = handled.filter(({ way }) => way.kind === 'mailbox')
  if (toMailbox.length > 0) {
    const delivery = await prepareDelivery(agent, about.reversePath, front, source)
    for (const { way, judgement, forwarder } of toMailbox) {
      if (way.kind !== 'mailbox') continue
      // A Recipient for whom alone it would have been refused: SMTP has one reply for all, so the mildest holds, and Junk.
      const mailbox = judgement.outcome === 'accept' ? 'inbox' : 'junk'
      const verdict = verdictOf(identity, judgement, forwarder)
      commands.push(placeCommand(agent, way.account, delivery, mailbox, verdict))
      commands.push(
        eventCommand(agent, {
          ...about,
          role: 'MDA',
          kind: 'delivered',
          forwardPath: way.address,
          text: `Put into ${mailbox === 'inbox' ? 'the inbox' : 'Junk'} of ${way.account.address}: ${judgement.reason}.`,
          detail: { ...detail, reason: judgement.reason, mailbox, trustedForwarder: forwarder?.domain },
        }),
      )
    }
  }
  for (const { way, judgement } of handled) {
    if (way.kind === 'return') {
      const blob = await agent.store.putBlob([...front, source])
      commands.push(
        queueCommand(
          agent,
          { trace: about.trace, blob, reversePath: about.reversePath, parameters: {}, origin: 'forwarder' },
          way.to,
        ),
      )
      commands.push(
        eventCommand(agent, {
          ...about,
          role: 'Forwarder',
          kind: 'forwarded',
          forwardPath: way.to,
          text: `A bounce goes back to ${way.to}.`,
          detail,
        }),
      )
    } else if (way.kind === 'forward' && judgement.outcome === 'accept') {
      commands.push(
        ...(await forwardCommands(agent, {
          ...about,
          mail,
          front,
          source,
          identity,
          from: way.from,
          to: way.to,
          detail,
        })),
      )
    }
  }
  return commands
}

/** Received and Authentication-Results in front; forged results in our name taken out (RFC 8601 §5). */
function withOurFields(
  agent: Agent,
  mail: InboundMessage,
  header: Header,
  identity: Identity,
  trace: string,
): { front: Uint8Array[]; source: Buffer } {
  const forged = stripForgedResults(header, agent.hostName)
  const { session, envelope } = mail
  const [only, ...others] = envelope.recipients
  const recipient = others.length === 0 ? only!.forwardPath : undefined
  const receivedField = buildReceived({
    helo: session.helo,
    remoteIp: identity.ip,
    remoteName: identity.iprev.result === 'pass' ? identity.iprev.name : undefined,
    byHost: agent.hostName,
    protocol: session.protocol,
    tls: session.tls,
    id: trace,
    forAddress: recipient?.type === 'mailbox' ? formatAddress(recipient.mailbox) : undefined,
    epochMs: agent.world.clock.now(),
  })
  const front = [authenticationResults(identity, agent.hostName), Buffer.from(receivedField)]
  if (forged.length === 0) return { front, source: mail.source }
  const kept: Buffer[] = []
  let at = 0
  for (const field of forged) {
    kept.push(mail.source.subarray(at, field.start))
    at = field.end
  }
  kept.push(mail.source.subarray(at))
  return { front, source: Buffer.concat(kept) }
}

function loopReason(agent: Agent, header: Header, mail: InboundMessage): string | undefined {
  if (fieldsNamed(header, 'received').length > MAX_HOPS)
    return `this message has passed more than ${MAX_HOPS} relays: it goes round in a loop`
  const deliveredTo = fieldsNamed(header, 'delivered-to').map((field) =>
    header.source.toString('latin1', field.valueStart, field.end).trim().toLowerCase(),
  )
  for (const way of waysOf(agent, mail))
    if (way.kind === 'forward' && deliveredTo.includes(way.from))
      return `this message was forwarded from ${way.from} before: it goes round in a loop`
  return undefined
}

function messageIdOf(header: Header): string {
  return (firstValue(header, 'message-id') ?? '').replace(/^<|>$/g, '').slice(0, 250)
}

function addressOf(way: Way): string {
  return way.kind === 'mailbox' || way.kind === 'elsewhere' || way.kind === 'unknown'
    ? way.address
    : way.kind === 'forward'
      ? way.from
      : way.to
}

/** The results in one word each, for events and screens. */
function findings(identity: Identity): { spf: string; dkim: string; dmarc: string; arc: string } {
  const passed = identity.dkim.find((signature) => signature.result === 'pass')
  return {
    spf: identity.spf.result,
    dkim: passed?.result ?? identity.dkim[0]?.result ?? 'none',
    dmarc: identity.dmarc.result,
    arc: identity.arc.result,
  }
}

function verdictOf(identity: Findings, judgement: Judgement, forwarder: ForwarderMatch | undefined): Verdict {
  return {
    outcome: judgement.outcome === 'accept' ? 'accept' : 'junk',
    reason: judgement.reason,
    ...findings(identity),
    ...(forwarder === undefined ? {} : { trustedForwarder: forwarder.domain }),
    steps: stepsOf(identity),
  }
}

const MAX_STEPS = 60

function stepsOf(identity: Findings): string[] {
  const sentence = (about: string) => (step: { what: string; detail?: string }) =>
    `${about}: ${step.what}${step.detail === undefined ? '' : ` (${step.detail})`}`
  return [
    ...identity.spf.steps.map(sentence('SPF')),
    ...(identity.authorSpf?.steps.map(sentence(`SPF of ${identity.authorSpf.domain}`)) ?? []),
    ...identity.dkim.flatMap((signature) => signature.steps.map(sentence('DKIM'))),
    ...identity.dmarc.steps.map(sentence('DMARC')),
    ...identity.arc.steps.map(sentence('ARC')),
  ].slice(0, MAX_STEPS)
}
