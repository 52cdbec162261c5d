// Receiver: the message itself. It is judged for each Recipient (judge-all.ts); then one durable commit holds everything
// that the 250 promises (keep.ts), or the target of a forward answers, or its sender hears why not. Delivery inside the
// same agent is that same commit. What comes again because our 250 was not heard is known.

import { createHash } from 'node:crypto'
import { unmapped } from '../../filter/lists.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatPath } from '../../message/address.ts'
import { fieldsNamed, type Header, parseHeader } from '../../message/header.ts'
import type { InboundMessage, RepliesByRecipient } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { type Agent, newTrace } from '../agent.ts'
import { sentOnFrom } from '../forwarder/forward.ts'
import { passOn, queueAll } from '../forwarder/pass-on.ts'
import type { Targets } from '../forwarder/target.ts'
import { countJudged } from '../reports/judged.ts'
import { reversePathText } from '../routing.ts'
import { commitAll, diskRefusal, keepAside, messageIdOf, note } from '../tracking.ts'
import type { Backups } from './backups.ts'
import type { Border } from './border.ts'
import { findings, refusedSteps, signaturesOf } from './findings.ts'
import { type HandedVerdict, type Homes, handOver, readVerdict, replyFor } from './hand-over.ts'
import { addressOf, type Handled, isStanding, waysOf } from './handle.ts'
import { judgeAll } from './judge-all.ts'
import { type About, forwardingsOf, keep } from './keep.ts'
import { LogoSearch } from './logo.ts'
import { standIn } from './stand-in.ts'

/** More hops than this is a loop (RFC 5321 §6.3 asks for at least 100 to be possible). */
const MAX_HOPS = 100

/** Transactions that may come twice and are being decided, by digest: the second waits for what becomes of the first. */
type Arriving = Map<string, Promise<Reply | RepliesByRecipient>>

/** What the Receiver's transactions share. */
export interface Sharing {
  readonly border: Border
  readonly arriving: Arriving
  readonly targets: Targets
  readonly homes: Homes
  readonly backups: Backups
}

/** The reply to the final dot: a promise when it is 250. Where it was asked for (PRDR), one for each recipient. */
export async function receive(
  agent: Agent,
  sent: InboundMessage,
  sharing: Sharing,
): Promise<Reply | RepliesByRecipient> {
  const { arriving } = sharing
  const handed = handedOver(agent, sent)
  const mail = handed === undefined ? sent : { ...sent, source: handed.message }
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
  if (!isRepeatable(header)) return decide(agent, mail, header, about, sharing, { handed })
  const digest = digestOf(mail)
  const before = agent.store.arrival(digest)
  if (before !== undefined) return acceptedBefore(before)
  // It may come again while the first is still being looked at, because the relay has lost its patience or its connection.
  const key = `${digest} ${mail.prdr}`
  const first = arriving.get(key)
  if (first !== undefined) return first
  const decision = decide(agent, mail, header, about, sharing, { handed, digest }).finally(() => arriving.delete(key))
  arriving.set(key, decision)
  return decision
}

/** What our own backup MX found out at the Border, days ago perhaps: it is not judged again by where it comes from now. */
function handedOver({ settings }: Agent, { session, source }: InboundMessage): HandedVerdict | undefined {
  const ip = unmapped(session.peer.address)
  return settings.receiver.backups.some((one) => one.ip === ip) ? readVerdict(source) : undefined
}

const acceptedBefore = (trace: string) =>
  reply(250, '2.0.0', `accepted as ${trace} before; this is the same message again`)

async function decide(
  agent: Agent,
  mail: InboundMessage,
  header: Header,
  about: About,
  { border, targets, homes, backups }: Sharing,
  { handed, digest: wholeDigest }: { readonly handed: HandedVerdict | undefined; readonly digest?: string },
): Promise<Reply | RepliesByRecipient> {
  const { trace } = about
  try {
    const { identity, fields, handled } = await judgeAll(agent, border, mail, header, about, handed)
    // Who has judged it counts it.
    const counted = (answer: Reply) =>
      handed === undefined ? countJudged(agent, { identity, header, handled }, answer) : answer
    const standing = handled.filter(isStanding)
    const refused = handled.filter((one) => !isStanding(one))
    if (standing.length === 0) {
      note(agent, ...refused.map((one) => refusedEvent(one, mail, identity, about)))
      const worst = refused.find(({ judgement }) => judgement.outcome === 'defer') ?? refused[0]!
      return counted(refusalOf(worst, trace))
    }
    // With one reply for all the mildest holds, and what one Recipient would refuse goes into his Junk.
    const taken = mail.prdr ? handled.filter(({ places }) => hasStanding(standing, places)) : handled
    const isPartly = taken.length < handled.length
    const answered = (answer: Reply) => (isPartly ? byRecipient(mail, handled, answer, trace) : answer)
    const digest = wholeDigest === undefined || !isPartly ? wholeDigest : digestOf(mail, taken)
    const before = digest === undefined || !isPartly ? undefined : agent.store.arrival(digest)
    if (before !== undefined) return answered(acceptedBefore(before))
    if (isPartly)
      note(
        agent,
        ...refused.filter((one) => !taken.includes(one)).map((one) => refusedEvent(one, mail, identity, about)),
      )
    const atMs = agent.world.clock.now()
    const arrival = digest === undefined ? undefined : ({ kind: 'arrival.add', digest, trace, atMs } as const)
    const ours = { mail, header, ...fields, identity }
    const isBacked = standing.some(({ way }) => way.kind === 'backup')
    if (isBacked || standing.some(({ way }) => way.kind === 'home')) {
      const refusals = (place: number) => refusalOf(handled.find(({ places }) => places.includes(place))!, trace)
      const { replies, commands } = isBacked
        ? await standIn(agent, backups, ours, taken.filter(isStanding), about, mail.prdr ? undefined : arrival)
        : await handOver(agent, homes, ours, taken.filter(isStanding), about)
      const answer = replyFor(mail.envelope.recipients.length, replies, mail.prdr, refusals)
      // Who has it, has it: what is said of it here, and that it came, may be lost in a crash, and the message is not.
      const isTaken = !('each' in answer) && answer.code < 400
      keepAside(agent, [...commands, ...(isTaken && arrival !== undefined ? [arrival] : [])])
      return 'each' in answer ? answer : counted(answer)
    }
    const forwardings = forwardingsOf(ours, standing, about)
    // Where somebody has it here in any case, 250 is true whatever a target says, and the queue sees to the rest.
    const isPromised = standing.length > forwardings.length || forwardings.some(({ isKept }) => isKept)
    if (!isPromised && agent.settings.forwarder.mode === 'true')
      return answered(counted(await passOn(agent, targets, forwardings, arrival)))
    const logo = new LogoSearch(agent, identity, header)
    const commands = [...(await keep(agent, ours, taken, about, logo)), ...(await queueAll(agent, forwardings))]
    if (arrival !== undefined) commands.push(arrival)
    logo.tellLater(commands, await commitAll(agent, commands))
    return answered(counted(reply(250, '2.0.0', `accepted as ${trace}`)))
  } catch (error) {
    return diskRefusal(agent, error)
  }
}

const hasStanding = (standing: readonly Handled[], places: readonly number[]) =>
  standing.some((one) => one.places.some((place) => places.includes(place)))

/** With the name under which we keep why, so that whoever asks can be answered. */
function refusalOf({ judgement }: Handled, trace: string): Reply {
  const { code, enhanced, lines } = 'reply' in judgement ? judgement.reply : reply(550, '5.7.1', judgement.reason)
  return reply(code, enhanced ?? (code < 500 ? '4.7.1' : '5.7.1'), `${lines.join(' ')} (kept here as ${trace})`)
}

/** `answer` for those for whom it was taken, and each other's own (draft-hall-prdr-00). */
function byRecipient(
  mail: InboundMessage,
  handled: readonly Handled[],
  answer: Reply,
  trace: string,
): Reply | RepliesByRecipient {
  if (answer.code >= 400) return answer
  const each = mail.envelope.recipients.map((_recipient, place) => {
    // Of a group, those who would refuse it get it into Junk, if anybody takes it.
    const those = handled.filter(({ places }) => places.includes(place))
    return those.some(isStanding) ? answer : refusalOf(those[0]!, trace)
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
    detail: {
      ip: identity.ip,
      helo: session.helo,
      spfDomain: identity.spf.domain,
      ...findings(identity),
      signatures: signaturesOf(identity),
      steps: refusedSteps(identity),
    },
  }
}

/**
 * A relay that did not hear our 250 must send again (RFC 1047). What has passed a relay carries a Received line with an
 * id of its own, so the same bytes in the same envelope are the same message. Without one they may be two that are alike.
 */
const isRepeatable = (header: Header) => fieldsNamed(header, 'received').length > 0

function digestOf({ envelope, source, session }: InboundMessage, taken?: readonly Handled[]): string {
  const hash = createHash('sha256').update(`${unmapped(session.peer.address)}\0${formatPath(envelope.reversePath)}`)
  const places = taken && [...new Set(taken.flatMap((one) => one.places))].sort((a, b) => a - b)
  const recipients = places?.map((place) => envelope.recipients[place]!) ?? envelope.recipients
  for (const { forwardPath } of recipients) hash.update(`\0${formatPath(forwardPath)}`)
  return hash.update('\0').update(source).digest('hex')
}

function loopReason(agent: Agent, header: Header, mail: InboundMessage): string | undefined {
  if (fieldsNamed(header, 'received').length > MAX_HOPS)
    return `this message has passed more than ${MAX_HOPS} relays: it goes round in a loop`
  const deliveredTo = sentOnFrom(header)
  if (deliveredTo.length === 0) return undefined
  for (const { way } of waysOf(agent, mail)) {
    const group = 'group' in way ? way.group : undefined
    if (group !== undefined && deliveredTo.includes(group))
      return `this message was sent on from ${group} before: it goes round in a loop`
    if (way.kind === 'forward' && deliveredTo.includes(way.from))
      return `this message was forwarded from ${way.from} before: it goes round in a loop`
  }
  return undefined
}
