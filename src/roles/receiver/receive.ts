// Receiver: the message itself. Authenticate, know, judge, for each Recipient; then one durable commit holds everything
// that the 250 promises: mailbox entries, queue entries of what is forwarded, and what was found (design: the path of a
// message). Delivery inside the same agent is that same commit.

import { createHash } from 'node:crypto'
import { unmapped } from '../../filter/lists.ts'
import { authenticate, type Identity } from '../../identity/authenticate.ts'
import { cameThrough, trustedSeal } from '../../identity/trusted.ts'
import { formatPath } from '../../message/address.ts'
import { fieldsNamed, type Header, parseHeader } from '../../message/header.ts'
import type { EnvelopeRecipient } from '../../protocols/smtp/envelope.ts'
import type { InboundMessage, RepliesByRecipient } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import { type Agent, newTrace } from '../agent.ts'
import { noteCommands } from '../forwarder/exchange.ts'
import { type Forwarding, withHop } from '../forwarder/forward.ts'
import { passOn, queueAll } from '../forwarder/pass-on.ts'
import { srsReversePath } from '../forwarder/srs.ts'
import type { Targets } from '../forwarder/target.ts'
import { carryOut } from '../mda/carry-out.ts'
import { type Delivery, placeCommand, prepareDelivery, returnPathField, withoutReturnPath } from '../mda/place.ts'
import { arrivalCommands, countJudged } from '../reports/judged.ts'
import { forwardPathOf, queueCommand, reversePathText, wayFor } from '../routing.ts'
import { commitAll, diskRefusal, eventCommand, messageIdOf, note } from '../tracking.ts'
import { deniedOnList, provenOnList, provenSender } from './acquaintance.ts'
import type { Border } from './border.ts'
import { ourFields, withoutForgedResults } from './fields.ts'
import { type Findings, findings, spfOfAuthor, verdictOf } from './findings.ts'
import { addressOf, type Handled, handle, isStanding, settle, trustedNetworks, waysOf } from './handle.ts'
import type { Judgement } from './judge.ts'
import { LogoSearch } from './logo.ts'
import { borrowed, withoutFlood } from './replayed.ts'
import { scan } from './scan.ts'
import { isAnswerable, sortAll } from './sorting.ts'
import { greylisted, learnFrom } from './strangers.ts'
import { weigher } from './weigh.ts'

/** More hops than this is a loop (RFC 5321 §6.3 asks for at least 100 to be possible). */
const MAX_HOPS = 100

/** Transactions that may come twice and are being decided, by digest: the second waits for what becomes of the first. */
type Arriving = Map<string, Promise<Reply | RepliesByRecipient>>

/** What the Receiver's transactions share. */
export interface Sharing {
  readonly border: Border
  readonly arriving: Arriving
  readonly targets: Targets
}

/** The reply to the final dot: a promise when it is 250. Where it was asked for (PRDR), one for each recipient. */
export async function receive(
  agent: Agent,
  mail: InboundMessage,
  sharing: Sharing,
): Promise<Reply | RepliesByRecipient> {
  const { arriving } = sharing
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
  if (!isRepeatable(header)) return decide(agent, mail, header, about, sharing)
  const digest = digestOf(mail)
  const before = agent.store.arrival(digest)
  if (before !== undefined) return acceptedBefore(before)
  // It may come again while the first is still being looked at, because the relay has lost its patience or its connection.
  const key = `${digest} ${mail.prdr}`
  const first = arriving.get(key)
  if (first !== undefined) return first
  const decision = decide(agent, mail, header, about, sharing).finally(() => arriving.delete(key))
  arriving.set(key, decision)
  return decision
}

const acceptedBefore = (trace: string) =>
  reply(250, '2.0.0', `accepted as ${trace} before; this is the same message again`)

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
  { border, targets }: Sharing,
): Promise<Reply | RepliesByRecipient> {
  const { source, session } = mail
  const { trace, reversePath } = about
  const ip = unmapped(session.peer.address)
  const dkim2Recipients = agent.settings.dkim2 ? mail.envelope.recipients.map(addressText) : undefined
  const identity = await authenticate(
    { source, header, ip, helo: session.helo, reversePath, dkim2Recipients },
    { dns: agent.world.dns, clock: agent.world.clock, cpu: agent.world.cpu, receiverName: agent.hostName },
  )
  const authorSpf = await spfOfAuthor(agent, identity)
  const ways = waysOf(agent, mail)
  const copies = borrowed(border, header, identity, ways)
  const known = {
    allowedBy: provenOnList(agent, identity),
    deniedBy: deniedOnList(agent, identity),
    sentBy: provenSender(header, identity),
    atHome: await trustedNetworks(agent, identity, ways),
    weigh: await weigher(agent, border, mail, identity, copies.before),
    seal: trustedSeal(identity, agent.settings.receiver.trustedSealers),
  }
  const judged = ways.map((one) => handle(agent, one, identity, known))
  // Only what would be taken is worth a look by others, and only then is a stranger asked to come again.
  const { source: kept, handled: scanned } = await scanAll(agent, mail, identity, about.trace, judged)
  const met = greylisted(agent, border, identity, scanned)
  const weighed = agent.settings.receiver.filters ? withoutFlood(border, identity, copies, met) : met
  const clean = withoutForgedResults(agent, source, header)
  const fields = {
    front: ourFields(agent, mail, identity, trace),
    source: clean,
    kept: kept === source ? clean : withoutForgedResults(agent, kept),
  }
  const asKept = () => Buffer.concat([returnPathField(reversePath), ...fields.front, fields.kept])
  let handled: readonly Handled[]
  try {
    handled = await sortAll(agent, mail, identity, reversePath, asKept, weighed)
  } catch (error) {
    return diskRefusal(agent, error)
  }
  learnFrom(agent, border, identity, handled)
  const counted = (answer: Reply) => countJudged(agent, { identity, header, handled }, answer)

  const standing = handled.filter(isStanding)
  if (standing.length === 0) {
    const worst = handled.map(({ judgement }) => judgement).find((j) => j.outcome === 'defer') ?? handled[0]!.judgement
    note(agent, ...handled.map((one) => refusedEvent(one, mail, identity, about)))
    return counted('reply' in worst ? worst.reply : reply(550, '5.7.1', worst.reason))
  }
  // With one reply for all the mildest holds, and what one Recipient would refuse goes into his Junk.
  const taken = mail.prdr ? standing : handled
  const answered = (answer: Reply) => (taken.length === ways.length ? answer : byRecipient(mail, handled, answer))

  try {
    const ours = { mail, header, ...fields, identity: { ...identity, authorSpf } }
    const atMs = agent.world.clock.now()
    const digest = isRepeatable(header) ? digestOf(mail, taken) : undefined
    const before = digest === undefined || taken.length === ways.length ? undefined : agent.store.arrival(digest)
    if (before !== undefined) return answered(acceptedBefore(before))
    const arrival = digest === undefined ? undefined : ({ kind: 'arrival.add', digest, trace, atMs } as const)
    if (taken.length < ways.length)
      note(agent, ...handled.filter((one) => !isStanding(one)).map((one) => refusedEvent(one, mail, identity, about)))
    const forwardings = forwardingsOf(ours, standing, about)
    // Where somebody has it here in any case, 250 is true whatever a target says, and the queue sees to the rest.
    const isPromised = standing.length > forwardings.length || forwardings.some(({ isKept }) => isKept)
    if (!isPromised && agent.settings.forwarder.mode === 'true')
      return answered(counted(await passOn(agent, targets, forwardings, arrival)))
    const logo = new LogoSearch(agent, identity, header)
    const commands = [...(await keep(agent, ours, taken, about, logo)), ...(await queueAll(agent, forwardings))]
    if (arrival !== undefined) commands.push(arrival)
    logo.tellLater(commands, await commitAll(agent, commands))
  } catch (error) {
    return diskRefusal(agent, error)
  }
  return answered(counted(reply(250, '2.0.0', `accepted as ${trace}`)))
}

/** `answer` for those for whom it was taken, and each other's own (draft-hall-prdr-00). */
function byRecipient(mail: InboundMessage, handled: readonly Handled[], answer: Reply): Reply | RepliesByRecipient {
  if (answer.code >= 400) return answer
  const each = mail.envelope.recipients.map((_recipient, place) => {
    const { judgement } = handled.find(({ places }) => places.includes(place))!
    return 'reply' in judgement ? judgement.reply : answer
  })
  return { each, final: answer }
}

function refusedEvent({ way, judgement }: Handled, { session }: InboundMessage, identity: Identity, about: About) {
  const isLater = judgement.outcome === 'defer'
  return {
    ...about,
    role: 'Receiver' as const,
    kind: isLater ? ('deferred' as const) : ('refused' as const),
    forwardPath: addressOf(way),
    text: `${isLater ? 'Asked to come again later' : 'Refused at the Border'}: ${judgement.reason}.`,
    detail: { ip: identity.ip, helo: session.helo, ...findings(identity) },
  }
}

/** With what clamd and milters say; `source`: the message as they want it kept. */
async function scanAll(
  agent: Agent,
  mail: InboundMessage,
  identity: Identity,
  trace: string,
  judged: readonly Handled[],
): Promise<{ source: Buffer; handled: readonly Handled[] }> {
  const { clamd, milters } = agent.settings.receiver
  if ((clamd === undefined && milters.length === 0) || !judged.some(isStanding))
    return { source: mail.source, handled: judged }
  const scanned = await scan(agent, mail, identity, trace)
  const handled = judged.map((one): Handled => {
    const verdict = isStanding(one) ? scanned.verdict(one.places[0]!) : undefined
    if (verdict === undefined) return one
    // What a trusted Forwarder passed on is never sent back: it would come back as a bounce to a stranger.
    const isSpared = one.forwarder !== undefined && verdict.outcome === 'refuse'
    return settle(agent, { ...one, judgement: isSpared ? { outcome: 'junk', reason: verdict.reason } : verdict })
  })
  return { source: scanned.source, handled }
}

/**
 * A relay that did not hear our 250 must send again (RFC 1047). What has passed a relay carries a Received line with an
 * id of its own, so the same bytes in the same envelope are the same message. Without one they may be two that are alike.
 */
const isRepeatable = (header: Header) => fieldsNamed(header, 'received').length > 0

function digestOf({ envelope, source, session }: InboundMessage, taken?: readonly Handled[]): string {
  const hash = createHash('sha256').update(`${unmapped(session.peer.address)}\0${formatPath(envelope.reversePath)}`)
  const places = taken?.flatMap((one) => one.places).sort((a, b) => a - b)
  const recipients = places?.map((place) => envelope.recipients[place]!) ?? envelope.recipients
  for (const { forwardPath } of recipients) hash.update(`\0${formatPath(forwardPath)}`)
  return hash.update('\0').update(source).digest('hex')
}

/** What came, with our fields in front of it. */
interface Ours {
  readonly mail: InboundMessage
  readonly header: Header
  readonly front: readonly Uint8Array[]
  /** Without what was forged in our name. */
  readonly source: Buffer
  /** As it is kept here: the site's own filters may have written into it. */
  readonly kept: Buffer
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

const overrideOf = (judgement: Judgement) => ('overrides' in judgement ? judgement.overrides : undefined)

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
    let prepared: Promise<Delivery> | undefined
    const delivery = () => (prepared ??= prepareDelivery(agent, about.reversePath, front, ours.kept))
    for (const one of toMailbox) {
      const { account, address, judgement, forwarder, content } = one
      // A Recipient for whom alone it would have been refused: SMTP has one reply for all, so the mildest holds, and Junk.
      const mailbox = judgement.outcome === 'accept' ? 'inbox' : 'junk'
      const verdict = {
        ...verdictOf(identity, judgement, forwarder, content),
        ...(through && { through }),
        ...logo.known,
      }
      const sorted = isStanding(one) ? one.sorting : undefined
      let text = `Put into ${mailbox === 'inbox' ? 'the inbox' : 'Junk'} of ${account.address}: ${judgement.reason}.`
      let email: number | undefined = commands.length
      if (sorted === undefined) commands.push(placeCommand(agent, account, await delivery(), mailbox, verdict))
      else {
        const redirect = redirecting(agent, ours, { ...one, address }, about, detail)
        const isUnproven = !isAnswerable(identity)
        const carrying = { verdict, delivery, redirect, isUnproven, at: commands.length }
        const carried = await carryOut(agent, sorted.arrival, sorted.outcome, carrying)
        commands.push(...carried.commands)
        email = carried.email
        text = `Sorted by the script of ${account.address}: ${carried.story} (${judgement.reason}).`
      }
      if (email !== undefined) commands.push(...arrivalCommands(agent, account, address, identity, email))
      commands.push(
        eventCommand(agent, {
          ...about,
          role: 'MDA',
          kind: 'delivered',
          forwardPath: address,
          text,
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
    const parameters = { smtputf8: mail.envelope.smtputf8, body: mail.envelope.body }
    // A bounce has none; of anything else SPF must speak of us who send it.
    const reversePath = srsReversePath(agent, about.reversePath)
    const message = Buffer.concat([...front, source])
    const blob = await agent.store.putBlob([await withHop(agent, message, identity, { reversePath, to: way.to })])
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

/** Sends a message on as its Recipient's script says: like forwarded mail, with Delivered-To against loops, SRS and a seal. */
function redirecting(
  agent: Agent,
  ours: Ours,
  { recipient, address }: Pick<Handled, 'recipient'> & { readonly address: string },
  about: About,
  detail: Record<string, unknown>,
) {
  return async (to: string, message: Buffer | undefined, isKept: boolean): Promise<Command[]> => {
    // What the script changed holds our fields already, and Return-Path is for mailboxes alone.
    const content = message === undefined ? {} : { front: [], source: withoutReturnPath(message) }
    const way = wayFor(agent, forwardPathOf(to))
    if (way.kind === 'mailbox') {
      const { front, source } = { ...ours, ...content }
      const deliveredTo = Buffer.from(`Delivered-To: ${address}\r\n`)
      const delivery = await prepareDelivery(agent, about.reversePath, [deliveredTo, ...front], source)
      return [placeCommand(agent, way.account, delivery, 'inbox', null)]
    }
    const target = way.kind === 'forward' || way.kind === 'return' ? way.to : to
    return queueAll(agent, [{ ...about, ...ours, ...content, recipient, from: address, to: target, isKept, detail }])
  }
}

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
