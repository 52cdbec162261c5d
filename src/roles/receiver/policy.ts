// Receiver: Border defence, at the Border. What is decided before a message comes: floods, lists, who is received here.
// Everything is refused during SMTP; nothing that was accepted is bounced or dropped later.

import { findInList, neighbourhood, unmapped } from '../../filter/lists.ts'
import type { Entry } from '../../filter/places.ts'
import { RateLimit } from '../../filter/rate.ts'
import { type ForwardPath, formatAddress } from '../../message/address.ts'
import type { SessionFacts, SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { Agent } from '../agent.ts'
import { newTrace } from '../agent.ts'
import { Targets } from '../forwarder/target.ts'
import { hasRoom } from '../mda/place.ts'
import { needsTag, tagOf } from '../msa/tagged.ts'
import { groupFor, holderOf, reversePathText, type Way, wayFor } from '../routing.ts'
import { note } from '../tracking.ts'
import { Backups, welcomeToBackup } from './backups.ts'
import type { Border } from './border.ts'
import { Homes } from './hand-over.ts'
import { takesJunk } from './handle.ts'
import { receive, type Sharing } from './receive.ts'

/** Unknown recipients that one address may ask for in ten minutes, before it is taken for an address harvester. */
const UNKNOWN_RECIPIENTS = 50

/** Neighbours together, of what one address may. */
const NEIGHBOURS = 4
/** Connections that one address may open in a minute. */
const CONNECTIONS_PER_MINUTE = 600

/** Refusals kept for tracking in a minute. */
const NOTES = 600

const CROWDED: Record<Exclude<Entry, 'ok'>, (ip: string) => string> = {
  'per-address': (ip) => `too many connections from ${ip}`,
  'per-network': () => 'too many connections from your network',
  'in-all': () => 'too many connections, come back later',
}

/** What is wrong with a tag that looks like one of ours. */
const TAG_FAULTS: Partial<Record<ReturnType<typeof tagOf>['result'], string>> = {
  forged: 'we gave no such tag:',
  expired: 'the tag is out of date:',
  malformed: 'we gave no such tag:',
}

/** The Receiver's voice, shared by all its connections. */
export function receiverPolicy(agent: Agent, border: Border): SmtpServerPolicy {
  const { receiver } = agent.settings
  const { clock } = agent.world
  const messages = new RateLimit(clock, receiver.messagesPerMinutePerAddress, 60_000)
  const fromNetwork = new RateLimit(clock, NEIGHBOURS * receiver.messagesPerMinutePerAddress, 60_000)
  const visits = new RateLimit(clock, Math.max(CONNECTIONS_PER_MINUTE, receiver.messagesPerMinutePerAddress), 60_000)
  const unknown = new RateLimit(clock, UNKNOWN_RECIPIENTS, 600_000)
  const notes = new RateLimit(clock, NOTES, 60_000)
  /** Where the recipients of the transaction under way are. */
  /** What the client says the message's size is (RFC 1870). */
  const sizes = new WeakMap<SessionFacts, number>()
  const sides = new WeakMap<SessionFacts, string>()
  /** Sessions whose client takes a reply for each recipient. */
  const byRecipient = new WeakSet<SessionFacts>()
  /** Sessions whose transaction under way has the null reverse-path. */
  const bouncing = new WeakSet<SessionFacts>()
  const sharing: Sharing = {
    border,
    arriving: new Map(),
    targets: new Targets(agent),
    homes: new Homes(agent),
    backups: new Backups(agent),
  }
  const ipOf = (session: SessionFacts) => unmapped(session.peer.address)
  const allowed = (session: SessionFacts) => border.isAllowed(ipOf(session))

  /** Kept for tracking, but a flood of refusals must not become a flood of writing. */
  const refused = (session: SessionFacts, reversePath: string, forwardPath: string, text: string) => {
    if (!notes.take('')) return
    note(agent, {
      trace: newTrace(agent.world),
      role: 'Receiver',
      kind: 'refused',
      reversePath,
      forwardPath,
      text,
      detail: { ip: ipOf(session), helo: session.helo },
    })
  }

  return {
    async connected(session, control) {
      const ip = ipOf(session)
      if (!allowed(session)) {
        const denied = findInList(receiver.deny, { ip })
        if (denied !== undefined) {
          refused(session, '', '', `The connection from ${ip} was refused: ${denied.value} is on the deny list.`)
          return reply(
            554,
            '5.7.1',
            `${ip} is on our deny list (${denied.value}); write to postmaster@${agent.domain} from elsewhere if that is wrong`,
          )
        }
        if (unknown.hasRoom(neighbourhood(ip)) === false)
          return reply(421, '4.7.0', 'too many unknown recipients were asked for from your network, come back later')
        if (!visits.take(ip)) return reply(421, '4.7.0', `too many connections from ${ip} in a minute, slow down`)
      }
      // When the house is full, whoever has been silent longest gives way: slow thousands cannot keep out honest mail.
      const entry = await border.places.admit(session, { ip, isKnown: allowed(session), control })
      if (entry !== 'ok') return reply(421, '4.7.0', CROWDED[entry](ip))
      await border.meet(session)
      return undefined
    },

    disconnected(session) {
      border.places.leave(session)
    },

    mail(reversePath, parameters, session) {
      const address = reversePathText(reversePath)
      const ip = ipOf(session)
      sides.delete(session)
      sizes.set(session, parameters.sizeBytes ?? 0)
      if (parameters.prdr) byRecipient.add(session)
      else byRecipient.delete(session)
      if (address === '') bouncing.add(session)
      else bouncing.delete(session)
      if (allowed(session)) return undefined
      // Here the address is only a claim: on the list of allowed senders it gets past the other list, and no further.
      const denied =
        findInList(receiver.allow, { ip, address }) === undefined
          ? findInList(receiver.deny, { ip, address })
          : undefined
      if (denied !== undefined) {
        refused(session, address, '', `Mail from ${address} was refused: ${denied.value} is on the deny list.`)
        return reply(550, '5.7.1', `mail from ${denied.value} is not taken here (deny list)`)
      }
      if (!messages.take(ip)) return reply(450, '4.7.0', `too many messages from ${ip} in a minute, slow down`)
      if (!fromNetwork.take(neighbourhood(ip)))
        return reply(450, '4.7.0', 'too many messages from your network in a minute, slow down')
      return undefined
    },

    async recipient(forwardPath, _parameters, session) {
      const group = groupFor(agent, forwardPath, bouncing.has(session))
      const ways = group?.ways ?? [wayFor(agent, forwardPath)]
      const [way] = ways
      if (way === undefined) {
        const at = group!.group.address
        refused(session, '', at, `Refused for ${at}: none of its members is here.`)
        return reply(550, '5.2.4', `nobody stands behind ${at} now`)
      }
      if (way.kind === 'elsewhere') {
        refused(
          session,
          '',
          way.address,
          `A relay to ${way.address} was refused: ${agent.domain} does not handle mail for ${way.domain}.`,
        )
        return reply(550, '5.7.1', `we do not relay: ${way.domain} is not handled here`)
      }
      if (way.kind === 'unknown') {
        if (!allowed(session) && !unknown.take(neighbourhood(ipOf(session))))
          return reply(421, '4.7.0', 'too many unknown recipients were asked for from your network, come back later')
        const at = forwardPath.type === 'mailbox' ? formatAddress(forwardPath.mailbox) : 'postmaster'
        const why = TAG_FAULTS[tagOf(agent, at).result] ?? 'there is no mailbox'
        refused(session, '', at, `Refused for ${at}: ${why} here.`)
        return reply(550, '5.1.1', `${why} ${at} here`)
      }
      if (bouncing.has(session) && forwardPath.type === 'mailbox') {
        const at = formatAddress(forwardPath.mailbox)
        if (way.kind !== 'return' && needsTag(agent, at)) {
          refused(session, '', at, `A bounce to ${at} was refused: it answers mail that ${at} did not send.`)
          return reply(
            550,
            '5.7.1',
            `all mail from ${at} has a tag in its reverse-path (BATV), so it did not send this`,
          )
        }
      }
      const objections = border.objections(session)
      if (objections.length > 1 && !isPostmaster(agent, forwardPath)) {
        const why = objections.join(', and ')
        refused(session, '', way.kind === 'mailbox' ? way.address : '', `A stranger was refused: ${why}.`)
        return reply(554, '5.7.1', `${why}; write to postmaster@${agent.domain} if that is wrong`)
      }
      if (way.kind === 'home' || way.kind === 'backup') {
        const objection =
          way.kind === 'home'
            ? await sharing.homes.refusal(way, forwardPath)
            : await sharing.backups.refusal(way, forwardPath, bouncing.has(session))
        if (objection !== undefined) {
          if (objection.code >= 500 && !allowed(session) && !unknown.take(neighbourhood(ipOf(session))))
            return reply(421, '4.7.0', 'too many unknown recipients were asked for from your network, come back later')
          refused(session, '', way.address, `Refused for ${way.address}: ${objection.lines.join(' ')}`)
          return objection
        }
      }
      const full = ways
        .map(holderOf)
        .find((one) => one !== undefined && !hasRoom(agent, one.id, sizes.get(session) ?? 0))
      if (full !== undefined) {
        refused(session, '', full.address, `Asked to come again later: the mailbox of ${full.address} is full.`)
        // Who is in a group is nobody else's business.
        const whose = group === undefined ? `the mailbox of ${full.address}` : `a mailbox behind ${group.group.address}`
        return reply(452, '4.2.2', `${whose} is full, try again later`)
      }
      // One reply answers for all recipients of a message, but what may go into Junk here must not be passed on.
      // And of a host elsewhere each may say something else.
      const isAlone = (way.kind === 'home' || way.kind === 'backup') && !byRecipient.has(session)
      const side = isAlone ? way.address : (ways.map(sideOf).find((one) => one !== 'here') ?? 'here')
      const known = sides.get(session)
      if (known !== undefined && known !== side)
        return reply(452, '4.5.3', 'this recipient reads elsewhere than the others: send the message again for it')
      sides.set(session, side)
      // Our own backup MX must know it while we are away.
      const isBackup = receiver.backups.some(({ ip }) => ip === ipOf(session))
      return isBackup ? welcomeToBackup(ways.every((one) => takesJunk(agent, one))) : undefined
    },

    message: (mail) => receive(agent, mail, sharing),
  }
}

function sideOf(way: Way): string {
  if (way.kind === 'mailbox') return 'here'
  if (way.kind === 'home' || way.kind === 'backup') return way.kind
  return way.kind === 'forward' && way.keep !== undefined ? 'both' : 'away'
}

/** Whoever is refused can say that it is wrong (RFC 5321 §4.5.1). */
function isPostmaster(agent: Agent, path: ForwardPath): boolean {
  return path.type === 'postmaster' || formatAddress(path.mailbox).toLowerCase() === `postmaster@${agent.domain}`
}
