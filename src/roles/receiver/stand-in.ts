// What a Backup MX does with a message that it takes. While the domain's own host answers, that decides, and the sender
// waits for it: whoever makes a detour gains nothing. While it is away the message goes into the queue, durably, and waits
// there until it is back (RFC 5321 §4.5.4.1; §5.1: never to ourselves or to hosts of worse preference); but what is judged
// Junk only where the host has said that it sets such mail aside, for what it would refuse is not taken here either. What it
// refuses afterwards goes back only to a sender who was proven; else it is held for the postmaster to see (outcome.ts).

import type { Identity } from '../../identity/authenticate.ts'
import { isWithin } from '../../identity/domain.ts'
import { provesDomain } from '../../identity/spf/spf.ts'
import { type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { domainOf, queueCommand, wishesOf } from '../routing.ts'
import { commitAll, diskRefusal, eventCommand } from '../tracking.ts'
import { envelopeOf } from '../transmitter/jobs.ts'
import type { Backups, BackupWay } from './backups.ts'
import { verdictField } from './hand-over.ts'
import { type Handled, notForwarded } from './handle.ts'
import { type About, detailOf, type Ours } from './keep.ts'

/**
 * The replies for what is taken for other hosts: what each says itself; or 250 where it is away and the message is durably
 * in our queue. `arrival`: the command that remembers the transaction, for that same commit. `commands`: what was said, to
 * be kept beside.
 */
export async function standIn(
  agent: Agent,
  backups: Backups,
  ours: Ours,
  taken: readonly Handled[],
  about: About,
  arrival: Command | undefined,
): Promise<{ readonly replies: ReadonlyMap<number, Reply>; readonly commands: readonly Command[] }> {
  const groups = Map.groupBy(taken, ({ way, judgement }) => `${(way as BackupWay).backed.domain} ${judgement.outcome}`)
  const replies = new Map<number, Reply>()
  const commands: Command[] = []
  for (const those of groups.values()) {
    const { backed } = those[0]!.way as BackupWay
    // Only who knows us takes our word.
    const verdict = backed.primary === undefined ? [] : [verdictField(agent, ours, those[0]!)]
    const message = Buffer.concat([...verdict, ...ours.front, ours.kept])
    const waitingFor = (some: readonly Handled[]) => some.map((one) => waitingOf(ours, one, about))
    const waiting = waitingFor(those)
    const envelope = envelopeOf(waiting, agent.world.clock.now())
    const answer = await backups.offer(backed, { envelope, message })
    if (answer.kind === 'said') {
      for (const [i, one] of those.entries()) {
        for (const place of one.places) replies.set(place, answer.replies[i]!)
        commands.push(saidEvent(agent, ours, one, about, answer.replies[i]!))
      }
      continue
    }
    const kept: Handled[] = []
    for (const one of those) {
      const no = junkRefusal(agent, backups, one, about)
      if (no === undefined) kept.push(one)
      else {
        for (const place of one.places) replies.set(place, no.reply)
        commands.push(no.event)
      }
    }
    if (kept.length === 0) continue
    const mail = { those: kept, waiting: waitingFor(kept), message, why: answer.why }
    const said = await keepFor(agent, ours, mail, about, arrival)
    for (const { places } of kept) for (const place of places) replies.set(place, said)
  }
  return { replies, commands }
}

/** Why Junk is not kept for this one, and what tracking says of it; undefined: it is, or it is none. */
function junkRefusal(
  agent: Agent,
  backups: Backups,
  { way, judgement: { outcome, reason } }: Handled,
  about: About,
): { readonly reply: Reply; readonly event: Command } | undefined {
  const { address, backed } = way as BackupWay
  const junk = backups.junkIs(way as BackupWay)
  if (outcome !== 'junk' || junk === 'taken') return undefined
  const isRefused = junk === 'refused'
  const said = isRefused
    ? notForwarded(reason).reply
    : reply(451, '4.7.1', `${reason}; try again when the hosts of ${backed.domain} are back, to decide about it`)
  const text = isRefused
    ? `Refused for ${address}, as its own hosts would refuse it: ${reason}.`
    : `Asked to come again when the hosts of ${backed.domain} are back, which decide about such mail to ${address}: ${reason}.`
  const kind = isRefused ? 'refused' : 'deferred'
  return { reply: said, event: eventCommand(agent, { ...about, role: 'Receiver', kind, forwardPath: address, text }) }
}

/** What of it stands in the queue: the same bytes and the same envelope as those that were offered. */
function waitingOf(
  { mail, identity }: Ours,
  { way, recipient }: Handled,
  { reversePath }: About,
): Pick<QueueEntry, 'reversePath' | 'forwardPath' | 'parameters'> {
  const { smtputf8, body, ret, envid } = mail.envelope
  const isUnproven = !isSenderProven(identity)
  const parameters = { smtputf8, body, ret, envid, ...wishesOf(recipient), ...(isUnproven && { isUnproven }) }
  return { reversePath, forwardPath: (way as BackupWay).address, parameters }
}

/** Puts it into the queue, due at once. */
async function keepFor(
  agent: Agent,
  ours: Ours,
  mail: {
    readonly those: readonly Handled[]
    readonly waiting: readonly Pick<QueueEntry, 'reversePath' | 'forwardPath' | 'parameters'>[]
    readonly message: Buffer
    readonly why: string
  },
  about: About,
  arrival: Command | undefined,
): Promise<Reply> {
  const { those, waiting, message, why } = mail
  const { trace } = about
  try {
    const blob = await agent.store.putBlob([message])
    const nowMs = agent.world.clock.now()
    const queued = waiting.map(({ forwardPath, ...one }) =>
      queueCommand(agent, { trace, blob, ...one, origin: 'receiver' }, forwardPath, { dueMs: nowMs, why }),
    )
    const events = those.map(({ way, judgement }) => {
      const { address, backed } = way as BackupWay
      const text = `Kept for ${address} until the hosts of ${backed.domain} are back: ${judgement.reason} (${why}).`
      const detail = { ...detailOf(ours), reason: judgement.reason }
      return eventCommand(agent, { ...about, role: 'Receiver', kind: 'queued', forwardPath: address, text, detail })
    })
    await commitAll(agent, [...queued, ...events, ...(arrival === undefined ? [] : [arrival])])
    return reply(250, '2.0.0', `accepted as ${trace}; it waits here until its host is back`)
  } catch (error) {
    return diskRefusal(agent, error)
  }
}

function saidEvent(agent: Agent, ours: Ours, { way, judgement }: Handled, about: About, answer: Reply): Command {
  const { address, backed } = way as BackupWay
  const kind = answer.code < 400 ? 'transmitted' : answer.code < 500 ? 'deferred' : 'refused'
  const host = backed.primary?.at.hostName ?? backed.domain
  const text = `${host} said of ${address}, while the sender waited: ${replyText(answer)}`
  const detail = { ...detailOf(ours), reason: judgement.reason }
  return eventCommand(agent, { ...about, role: 'Receiver', kind, forwardPath: address, text, detail })
}

/** Who it says it comes from is who sent it: only such a sender may hear of it later. */
function isSenderProven({ spf, dmarc, reversePath }: Identity): boolean {
  if (reversePath === '') return false
  if (provesDomain(spf) && spf.identity === 'mailfrom') return true
  return dmarc.result === 'pass' && isWithin(domainOf(reversePath), dmarc.domain)
}
