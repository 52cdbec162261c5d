// MDA by LMTP (RFC 2033): another program's relay, which has done what a Border does, hands mail over for people here. Each
// Recipient has his own commit and his own reply, so that one full mailbox or one script keeps nobody else waiting.

import { createHash } from 'node:crypto'
import { findInList, unmapped } from '../../filter/lists.ts'
import { formatAddress, formatPath } from '../../message/address.ts'
import { buildReceived } from '../../message/build-received.ts'
import { fieldsNamed, parseHeader } from '../../message/header.ts'
import type { InboundMessage, SessionFacts, SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import { type Agent, newTrace } from '../agent.ts'
import { readVerdict, welcome } from '../receiver/hand-over.ts'
import { groupFor, holderOf, type Leg, reversePathText, wayFor, waysTo } from '../routing.ts'
import { commitAll, diskRefusal, eventCommand, messageIdOf } from '../tracking.ts'
import { placedAtHome } from './at-home.ts'
import { type Delivery, hasRoom, prepareDelivery } from './place.ts'

/** More hops than this is a loop. */
const MAX_HOPS = 100

/** The MDA's voice for those who may hand mail over. */
export function lmtpPolicy(agent: Agent): SmtpServerPolicy {
  return {
    connected(session) {
      const ip = unmapped(session.peer.address)
      if (findInList(agent.settings.mda.lmtpFrom, { ip }) !== undefined || isOurReceiver(agent, session))
        return undefined
      agent.log('warning', 'somebody who may not hand mail over by LMTP tried to', { ip })
      return reply(554, '5.7.1', `${ip} may not hand mail over here (lmtp= of the description says who may)`)
    },
    mail: () => undefined,
    recipient(forwardPath, _parameters, session) {
      const way = wayFor(agent, forwardPath)
      const group = groupFor(agent, forwardPath, false)
      if (group !== undefined && group.ways.length > 0) return undefined
      if (group === undefined && way.kind === 'mailbox') {
        if (!hasRoom(agent, way.account.id, 1)) return reply(452, '4.2.2', 'this mailbox is full')
        if (!isOurReceiver(agent, session)) return undefined
        return welcome(agent.store.trustedForwarders(way.account.id).map(({ domain }) => domain))
      }
      const at = forwardPath.type === 'mailbox' ? formatAddress(forwardPath.mailbox) : 'postmaster'
      return reply(550, '5.1.1', `there is no mailbox ${at} here`)
    },
    message: (mail) => deliver(agent, mail),
  }
}

const isOurReceiver = ({ settings }: Agent, { peer }: SessionFacts) =>
  settings.mda.receivers.some(({ ip }) => ip === unmapped(peer.address))

async function deliver(agent: Agent, mail: InboundMessage) {
  const { envelope, session } = mail
  const ip = unmapped(session.peer.address)
  // Our own Receiver has judged it: what it says counts.
  const judged = isOurReceiver(agent, session) ? readVerdict(mail.source) : undefined
  const source = judged?.message ?? mail.source
  const header = parseHeader(source)
  if (fieldsNamed(header, 'received').length > MAX_HOPS)
    return reply(554, '5.4.6', `this message has passed more than ${MAX_HOPS} relays: it goes round in a loop`)
  const trace = newTrace(agent.world)
  const reversePath = reversePathText(envelope.reversePath)
  const receivedField = buildReceived({
    helo: session.helo,
    remoteIp: ip,
    byHost: agent.hostName,
    protocol: session.protocol,
    tls: session.tls,
    id: trace,
    epochMs: agent.world.clock.now(),
  })
  const front = [Buffer.from(receivedField)]
  const reason = `${session.helo} (${ip}) handed it over`
  const verdict: Verdict = judged?.verdict ?? {
    outcome: 'accept',
    reason,
    spf: 'none',
    dkim: 'none',
    dmarc: 'none',
    arc: 'none',
    steps: [],
  }
  let delivery: Promise<Delivery> | undefined
  const prepared = () => (delivery ??= prepareDelivery(agent, reversePath, front, source))
  const about = { trace, reversePath, messageId: messageIdOf(header) }
  const isRepeatable = fieldsNamed(header, 'received').length > 0
  const replies: (Reply | undefined)[] = envelope.recipients.map(() => undefined)
  for (const leg of waysTo(agent, envelope)) {
    const digest = isRepeatable ? digestOf(ip, mail, leg) : undefined
    const before = digest && agent.store.arrival(digest)
    const answer = before
      ? reply(250, '2.0.0', `accepted as ${before} before; this is the same message again`)
      : await placed(agent, leg, { ...about, envelope, front, body: source, verdict, digest }, prepared)
    // Of a group, one who must wait makes the sender try again: twice is better than never.
    for (const place of leg.places) if (replies[place] === undefined || answer.code >= 400) replies[place] = answer
  }
  const each = replies.map((one) => one ?? reply(451, '4.3.0', 'a fault on our side, try again later'))
  return { each, final: reply(250, '2.0.0', `accepted as ${trace}`) }
}

/** A relay that did not hear our 250 sends the same bytes for the same Recipient again (RFC 2033 §4.2, RFC 1047). */
function digestOf(ip: string, { envelope, source }: InboundMessage, { places }: Leg): string {
  const to = places.map((place) => formatPath(envelope.recipients[place]!.forwardPath)).sort()
  const hash = createHash('sha256').update(`lmtp\0${ip}\0${formatPath(envelope.reversePath)}\0${to.join('\0')}\0`)
  return hash.update(source).digest('hex')
}

async function placed(
  agent: Agent,
  { way, recipient }: Leg,
  mail: Parameters<typeof placedAtHome>[1] & {
    readonly messageId: string
    readonly digest: string | undefined
  },
  prepared: () => Promise<Delivery>,
): Promise<Reply> {
  const isOfGroup = 'group' in way && way.group !== undefined
  const account = way.kind === 'mailbox' || isOfGroup ? holderOf(way) : undefined
  if (account === undefined) return reply(550, '5.1.1', 'there is no such mailbox here')
  const address = way.kind === 'mailbox' ? way.address : account.address
  const { trace, reversePath, messageId, digest } = mail
  try {
    const outcome = await placedAtHome(
      agent,
      mail,
      { way, recipient, account, address },
      { prepared, at: 0, isAlone: !isOfGroup },
    )
    if ('refusal' in outcome) return outcome.refusal
    const about = { trace, reversePath, messageId, role: 'MDA', kind: 'delivered', forwardPath: address } as const
    const atMs = agent.world.clock.now()
    const arrival = digest === undefined ? [] : [{ kind: 'arrival.add', digest, trace, atMs } as const]
    await commitAll(agent, [...outcome.commands, ...arrival, eventCommand(agent, { ...about, text: outcome.text })])
    return reply(250, '2.0.0', `accepted as ${trace}`)
  } catch (error) {
    return diskRefusal(agent, error)
  }
}
