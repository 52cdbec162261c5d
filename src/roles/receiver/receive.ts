// Receiver: the message itself. Authenticate, know, judge, for each Recipient; then one durable commit holds everything
// that the 250 promises: mailbox entries, queue entries of what is forwarded, and what was found (design: the path of a
// message). Delivery inside the same agent is that same commit.

import { createHash } from 'node:crypto'
import { findInList, unmapped } from '../../filter/lists.ts'
import type { Weight } from '../../filter/rules/rules.ts'
import { authenticate, type Identity } from '../../identity/authenticate.ts'
import {
  atHomeAt,
  cameThrough,
  type ForwarderMatch,
  forwarderIdentity,
  type TrustedSeal,
  trustedSeal,
} from '../../identity/trusted.ts'
import { formatAddress, formatPath, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { fieldsNamed, type Header, parseHeader, rawValue } from '../../message/header.ts'
import type { EnvelopeRecipient } from '../../protocols/smtp/envelope.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import { type Agent, newTrace } from '../agent.ts'
import { noteCommands } from '../forwarder/exchange.ts'
import type { Forwarding } from '../forwarder/forward.ts'
import { passOn, queueAll } from '../forwarder/pass-on.ts'
import { srsReversePath } from '../forwarder/srs.ts'
import type { Targets } from '../forwarder/target.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import { arrivalCommands, countJudged } from '../reports/judged.ts'
import { queueCommand, reversePathText, type Way, waysTo } from '../routing.ts'
import { commitAll, diskRefusal, eventCommand, messageIdOf, note } from '../tracking.ts'
import { withOurFields } from './fields.ts'
import { type Findings, findings, spfOfAuthor, verdictOf } from './findings.ts'
import { type Circumstances, type Judgement, judge } from './judge.ts'
import { LogoSearch } from './logo.ts'
import { type Weigher, weigher } from './weigh.ts'

/** More hops than this is a loop (RFC 5321 §6.3 asks for at least 100 to be possible). */
const MAX_HOPS = 100

/** Transactions that may come twice and are being decided, by digest: the second waits for what becomes of the first. */
export type Arriving = Map<string, Promise<Reply>>

interface Handled {
  readonly recipient: EnvelopeRecipient
  readonly way: Exclude<Way, { kind: 'elsewhere' | 'unknown' }>
  readonly judgement: Judgement
  readonly forwarder: ForwarderMatch | undefined
  readonly content: Weight | undefined
}

/** What the Receiver's transactions share. */
export interface Sharing {
  readonly arriving: Arriving
  readonly targets: Targets
}

/** The reply to the final dot: a promise when it is 250. */
export async function receive(agent: Agent, mail: InboundMessage, { arriving, targets }: Sharing): Promise<Reply> {
  const header = parseHeader(mail.source)
  const about = {
    trace: newTrace(agent.world),
    reversePath: reversePathText(mail.envelope.reversePath),
    messageId: messageIdOf(header),
  }
  const loop = loopReason(agent, header, mail)
  if (loop !== undefined) {
    note(agent, { ...about, role: 'Receiver', kind: 'refused', forwardPath: '', text: loop })
    return reply(554, '5.4.6', loop)
  }
  if (!isRepeatable(header)) return decide(agent, mail, header, about, targets, undefined)
  const digest = digestOf(mail)
  const before = agent.store.arrival(digest)
  if (before !== undefined) return reply(250, '2.0.0', `accepted as ${before} before; this is the same message again`)
  // It may come again while the first is still being looked at, because the relay has lost its patience or its connection.
  const first = arriving.get(digest)
  if (first !== undefined) return first
  const decision = decide(agent, mail, header, about, targets, digest).finally(() => arriving.delete(digest))
  arriving.set(digest, decision)
  return decision
}

interface About {
  readonly trace: string
  readonly reversePath: string
  readonly messageId: string
}

async function decide(
  agent: Agent,
  mail: InboundMessage,
  header: Header,
  about: About,
  targets: Targets,
  digest: string | undefined,
): Promise<Reply> {
  const { source, session } = mail
  const { trace, reversePath } = about
  const ip = unmapped(session.peer.address)
  const dkim2Recipients = agent.settings.dkim2 ? mail.envelope.recipients.map(addressText) : undefined
  const identity = await authenticate(
    { source, header, ip, helo: session.helo, reversePath, dkim2Recipients },
    { dns: agent.world.dns, clock: agent.world.clock, cpu: agent.world.cpu, receiverName: agent.hostName },
  )
  const authorSpf = await spfOfAuthor(agent, identity)
  const allowedBy = provenOnList(agent, identity)
  const sentBy = provenSender(header, identity)
  const ways = waysOf(agent, mail)
  const atHome = await trustedNetworks(agent, identity, ways)
  const weigh = weigher(agent, mail, identity)
  const seal = trustedSeal(identity, agent.settings.receiver.trustedSealers)
  const handled = ways.map((one) => handle(agent, one, identity, { allowedBy, sentBy, atHome, weigh, seal }))
  const counted = (answer: Reply) => countJudged(agent, { identity, header, handled }, answer)

  const standing = handled.filter(({ judgement }) => judgement.outcome === 'accept' || judgement.outcome === 'junk')
  if (standing.length === 0) {
    const worst = handled.map(({ judgement }) => judgement).find((j) => j.outcome === 'defer') ?? handled[0]!.judgement
    const isLater = worst.outcome === 'defer'
    note(
      agent,
      ...handled.map(({ way }) => ({
        ...about,
        role: 'Receiver' as const,
        kind: isLater ? ('deferred' as const) : ('refused' as const),
        forwardPath: addressOf(way),
        text: `${isLater ? 'Asked to come again later' : 'Refused at the Border'}: ${worst.reason}.`,
        detail: { ip, helo: session.helo, ...findings(identity) },
      })),
    )
    return counted('reply' in worst ? worst.reply : reply(550, '5.7.1', worst.reason))
  }

  try {
    const ours = {
      mail,
      header,
      ...withOurFields(agent, mail, header, identity, trace),
      identity: { ...identity, authorSpf },
    }
    const atMs = agent.world.clock.now()
    const arrival = digest === undefined ? undefined : ({ kind: 'arrival.add', digest, trace, atMs } as const)
    const forwardings = forwardingsOf(ours, standing, about)
    // Where somebody has it here in any case, 250 is true whatever a target says, and the queue sees to the rest.
    const isPromised = standing.length > forwardings.length || forwardings.some(({ isKept }) => isKept)
    if (!isPromised && agent.settings.forwarder.mode === 'true')
      return counted(await passOn(agent, targets, forwardings, arrival))
    const logo = new LogoSearch(agent, identity, header)
    const commands = [...(await keep(agent, ours, handled, about, logo)), ...(await queueAll(agent, forwardings))]
    if (arrival !== undefined) commands.push(arrival)
    logo.tellLater(commands, await commitAll(agent, commands))
  } catch (error) {
    return diskRefusal(agent, error)
  }
  return counted(reply(250, '2.0.0', `accepted as ${trace}`))
}

/** The entry of the allow list that names the sender. An address counts once it is proven: anybody can claim one. */
function provenOnList(agent: Agent, { ip, reversePath, spf, dmarc, from }: Identity): string | undefined {
  const { allow } = agent.settings.receiver
  if (allow.length === 0) return undefined
  const proven: (string | undefined)[] = [undefined]
  if (spf.result === 'pass' && spf.identity === 'mailfrom') proven.push(reversePath)
  if (dmarc.result === 'pass') proven.push(...from.mailboxes.map((mailbox) => formatAddress(mailbox)))
  return proven.map((address) => findInList(allow, { ip, address })?.value).find((value) => value !== undefined)
}

/** The mailbox in Resent-From, else in Sender, if its domain signed the message or is that of a proven reverse-path. */
function provenSender(header: Header, { spf, dkim }: Identity): string | undefined {
  const proven = dkim
    .filter(({ result, unsignedBytes }) => result === 'pass' && unsignedBytes === 0)
    .map(({ domain }) => domain)
  if (spf.result === 'pass' && spf.identity === 'mailfrom') proven.push(spf.domain)
  const field = fieldsNamed(header, 'resent-from')[0] ?? fieldsNamed(header, 'sender')[0]
  const [mailbox, ...others] = field === undefined ? [] : mailboxesOf(parseAddressList(rawValue(header, field)))
  if (mailbox === undefined || others.length > 0 || !proven.includes(mailbox.domain)) return undefined
  return formatAddress(mailbox)
}

/**
 * A relay that did not hear our 250 must send again (RFC 1047). What has passed a relay carries a Received line with an
 * id of its own, so the same bytes in the same envelope are the same message. Without one they may be two that are alike.
 */
const isRepeatable = (header: Header) => fieldsNamed(header, 'received').length > 0

function digestOf({ envelope, source, session }: InboundMessage): string {
  const hash = createHash('sha256').update(`${unmapped(session.peer.address)}\0${formatPath(envelope.reversePath)}`)
  for (const { forwardPath } of envelope.recipients) hash.update(`\0${formatPath(forwardPath)}`)
  return hash.update('\0').update(source).digest('hex')
}

/** Every recipient's way; RCPT let only those through that have one. */
function waysOf(agent: Agent, mail: InboundMessage): Pick<Handled, 'way' | 'recipient'>[] {
  return waysTo(agent, mail.envelope).map(({ way, recipient }) => {
    if (way.kind === 'elsewhere' || way.kind === 'unknown') throw new Error(`RCPT let ${way.address} through`)
    return { way, recipient }
  })
}

/** The Recipient's trusted Forwarders: domains. */
function trustedBy(agent: Agent, way: Way): string[] {
  return way.kind === 'mailbox' ? agent.store.trustedForwarders(way.account.id).map(({ domain }) => domain) : []
}

/** Asked only where nothing in the message proves its Author or a trusted Forwarder. */
async function trustedNetworks(
  agent: Agent,
  identity: Identity,
  ways: readonly Pick<Handled, 'way'>[],
): Promise<ReadonlySet<string>> {
  if (identity.dmarc.result === 'pass') return new Set()
  const trusted = ways.map(({ way }) => trustedBy(agent, way))
  const unproven = trusted.filter((domains) => forwarderIdentity(identity, domains) === undefined)
  const { dns, clock } = agent.world
  return atHomeAt(identity, [...new Set(unproven.flat())], { dns, clock, receiverName: agent.hostName })
}

function handle(
  agent: Agent,
  { way, recipient }: Pick<Handled, 'way' | 'recipient'>,
  identity: Identity,
  known: Pick<Circumstances, 'allowedBy' | 'sentBy'> & {
    readonly atHome: ReadonlySet<string>
    readonly weigh: Weigher
    readonly seal: TrustedSeal | undefined
  },
): Handled {
  const forwarder = forwarderIdentity(identity, trustedBy(agent, way), known.atHome)
  // A bounce to an address that we signed is an answer to mail of ours, however little is in it.
  const { allowedBy, sentBy, seal, weigh } = known
  const content = way.kind === 'return' ? undefined : weigh((forwarder ?? seal) !== undefined)
  const judgement = judge({ identity, allowedBy, sentBy, forwarder, seal, content })
  if (way.kind === 'mailbox' || judgement.outcome !== 'junk') return { way, recipient, judgement, forwarder, content }
  const { reason } = judgement
  if (way.kind === 'forward' && agent.settings.forwarder.passesJunk)
    return { way, recipient, judgement: { outcome: 'accept', reason }, forwarder, content }
  // What is judged spam is not passed on: a copy that is kept here goes into Junk.
  if (way.kind === 'forward' && way.keep !== undefined) return { way, recipient, judgement, forwarder, content }
  // Else its sender hears of it here, at the Border.
  const refusal = reply(550, '5.7.1', `${reason}; it is not forwarded`)
  return { way, recipient, judgement: { outcome: 'refuse', reason, reply: refusal }, forwarder, content }
}

/** What came, with our fields in front of it. */
interface Ours {
  readonly mail: InboundMessage
  readonly header: Header
  readonly front: readonly Uint8Array[]
  readonly source: Buffer
  readonly identity: Findings
}

/** What goes on to another address. */
function forwardingsOf(ours: Ours, standing: readonly Handled[], about: About): Forwarding[] {
  const detail = detailOf(ours)
  return standing.flatMap(({ way, recipient, judgement }) =>
    way.kind === 'forward' && judgement.outcome === 'accept'
      ? [{ ...about, ...ours, recipient, from: way.from, to: way.to, isKept: way.keep !== undefined, detail }]
      : [],
  )
}

function detailOf({ mail: { session }, identity }: Ours): Record<string, unknown> {
  return {
    ip: unmapped(session.peer.address),
    helo: session.helo,
    tls: session.tls?.protocol ?? 'none',
    spfDomain: identity.spf.domain,
    authorSpf: identity.authorSpf?.result,
    authorDomain: identity.authorSpf?.domain,
    ...findings(identity),
    dkim2: identity.dkim2?.result,
  }
}

/** Everything that the 250 will promise for people here, as commands of one commit; bodies are written now. @throws DiskError */
async function keep(
  agent: Agent,
  ours: Ours,
  handled: readonly Handled[],
  about: About,
  logo: LogoSearch,
): Promise<Command[]> {
  const { mail, header, front, source, identity } = ours
  const commands: Command[] = []
  const through = cameThrough(identity, header)
  const detail = detailOf(ours)
  const toMailbox = handled.flatMap((one) => {
    const { way } = one
    if (way.kind === 'mailbox') return [{ ...one, account: way.account, address: way.address }]
    return way.kind === 'forward' && way.keep !== undefined ? [{ ...one, account: way.keep, address: way.from }] : []
  })
  if (toMailbox.length > 0) {
    const delivery = await prepareDelivery(agent, about.reversePath, front, source)
    for (const { account, address, judgement, forwarder, content } of toMailbox) {
      // A Recipient for whom alone it would have been refused: SMTP has one reply for all, so the mildest holds, and Junk.
      const mailbox = judgement.outcome === 'accept' ? 'inbox' : 'junk'
      const verdict = {
        ...verdictOf(identity, judgement, forwarder, content),
        ...(through && { through }),
        ...logo.known,
      }
      commands.push(placeCommand(agent, account, delivery, mailbox, verdict))
      commands.push(...arrivalCommands(agent, account, address, identity, commands.length - 1))
      commands.push(
        eventCommand(agent, {
          ...about,
          role: 'MDA',
          kind: 'delivered',
          forwardPath: address,
          text: `Put into ${mailbox === 'inbox' ? 'the inbox' : 'Junk'} of ${account.address}: ${judgement.reason}.`,
          detail: {
            ...detail,
            reason: judgement.reason,
            mailbox,
            trustedForwarder: forwarder?.domain,
            dmarcOverride: identity.dmarc.result === 'fail' ? overrideOf(judgement) : undefined,
          },
        }),
      )
      if (judgement.outcome === 'accept')
        commands.push(...(await noteCommands(agent, identity, header, mail.source, { account, address })))
    }
  }
  for (const { way, judgement } of handled) {
    const isKept = way.kind === 'mailbox' || (way.kind === 'forward' && way.keep !== undefined)
    if (!isKept && judgement.outcome !== 'accept') throw new Error('RCPT keeps mailboxes and ways out apart')
    if (way.kind !== 'return') continue
    const blob = await agent.store.putBlob([...front, source])
    const parameters = { smtputf8: mail.envelope.smtputf8, body: mail.envelope.body }
    // A bounce has none; of anything else SPF must speak of us who send it.
    const reversePath = srsReversePath(agent, about.reversePath)
    const { trace } = about
    commands.push(
      queueCommand(agent, { trace, blob, reversePath, parameters, origin: 'forwarder' }, way.to),
      eventCommand(agent, {
        ...about,
        role: 'Forwarder',
        kind: 'forwarded',
        forwardPath: way.to,
        text: `A bounce goes back to ${way.to}.`,
        detail,
      }),
    )
  }
  return commands
}

const overrideOf = (judgement: Judgement) => ('overrides' in judgement ? judgement.overrides : undefined)

function loopReason(agent: Agent, header: Header, mail: InboundMessage): string | undefined {
  if (fieldsNamed(header, 'received').length > MAX_HOPS)
    return `this message has passed more than ${MAX_HOPS} relays: it goes round in a loop`
  const deliveredTo = fieldsNamed(header, 'delivered-to').map((field) =>
    header.source.toString('latin1', field.valueStart, field.end).trim().toLowerCase(),
  )
  if (deliveredTo.length === 0) return undefined
  for (const { way } of waysOf(agent, mail))
    if (way.kind === 'forward' && deliveredTo.includes(way.from))
      return `this message was forwarded from ${way.from} before: it goes round in a loop`
  return undefined
}

const addressText = ({ forwardPath }: EnvelopeRecipient) => formatPath(forwardPath).slice(1, -1)

function addressOf(way: Way): string {
  return way.kind === 'mailbox' || way.kind === 'elsewhere' || way.kind === 'unknown'
    ? way.address
    : way.kind === 'forward'
      ? way.from
      : way.to
}
