// Sends a report: signed, from the null reverse-path, so that nothing ever comes back (a failure ends in the tracking
// events). Closing the day is the same commit as the queue entries, so a crash sends it once or not yet, never twice.

import { httpsPost } from '../../identity/mta-sts/https-get.ts'
import { TLS_REPORT_TYPE } from '../../identity/reports/tls-build.ts'
import type { Command } from '../../store/commands.ts'
import type { ReportDuty } from '../../store/nouns/reports.ts'
import { type Agent, newTrace } from '../agent.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import { forwardPathOf, queueCommand, wayFor } from '../routing.ts'
import { commitAll, eventCommand } from '../tracking.ts'
import { dkimFields } from '../transmitter/signing.ts'
import { addressOf, dueReport, type Post, withinSize } from './due.ts'
import { DAY_MS } from './observations.ts'

const AT_ONCE = 50
const HOUR_MS = 3_600_000
/** Without an answer from DNS, each an hour later than the one before. */
const ATTEMPTS = 8
const MAX_OUTCOME = 500
const POST_MS = 30_000
const MAX_ANSWER_BYTES = 65_536

/** Sends what is due now, one after another. @throws DiskError */
export async function sendDue(agent: Agent, isStopped: () => boolean): Promise<void> {
  for (;;) {
    const due = agent.store.reports.due(agent.world.clock.now(), AT_ONCE)
    for (const duty of due) {
      if (isStopped()) return
      await commitAll(agent, await commandsFor(agent, duty))
    }
    if (due.length < AT_ONCE) return
  }
}

async function commandsFor(agent: Agent, duty: ReportDuty): Promise<Command[]> {
  const trace = newTrace(agent.world)
  const isLast = duty.attempts + 1 >= ATTEMPTS
  const due = await dueReport(agent, duty, trace, isLast)
  const of = { kind: duty.kind, domain: duty.domain, day: duty.day }
  const closed = (outcome: string): Command[] => [
    { kind: 'report.close', of, state: 'unsent', outcome: `Not sent: ${outcome}.`.slice(0, MAX_OUTCOME) },
  ]
  const later = (outcome: string): Command[] => {
    const dueMs = agent.world.clock.now() + (duty.attempts + 1) * HOUR_MS
    return [{ kind: 'report.postpone', of, dueMs, outcome: outcome.slice(0, MAX_OUTCOME) }]
  }
  if (due.kind === 'later') return later(`No answer from DNS: ${due.why}.`)
  if (due.kind === 'unasked') return [{ kind: 'report.forget', of }]
  if (due.kind === 'unwanted') return closed(due.why)
  const posted = await Promise.all(due.posts.map((one) => post(agent, one)))
  const failed = posted.flatMap(({ fault }) => (fault === undefined ? [] : [fault]))
  // Nothing was mailed yet: all of it is tried again.
  if (failed.length > 0 && !isLast) return later(`Not taken: ${failed.join('; ')}.`)
  const taken = posted.flatMap(({ place, fault }) => (fault === undefined ? [place] : []))
  const refused = [...due.refused, ...failed]
  const all = due.message(due.wanted.map(({ mailbox }) => mailbox))
  const wanted = withinSize(due.wanted, all.length)
  if (wanted.length + taken.length === 0)
    return closed(failed.length > 0 ? failed.join('; ') : `it has ${all.length} bytes, more than anybody wants`)
  const message = wanted.length === due.wanted.length ? all : due.message(wanted.map(({ mailbox }) => mailbox))
  const addresses = wanted.map(addressOf)
  const ignoresTlsPolicy = duty.kind === 'tls'
  const commands = await carry(agent, { trace, message, addresses, about: aboutOf(duty), ignoresTlsPolicy })
  const outcome = [
    `Sent to ${[...addresses, ...taken].join(', ')} as ${trace}.`,
    ...refused.map((why) => `Not to ${why}.`),
  ]
  return [...commands, { kind: 'report.close', of, state: 'sent', outcome: outcome.join(' ').slice(0, MAX_OUTCOME) }]
}

async function post(agent: Agent, { host, path, body }: Post): Promise<{ place: string; fault?: string }> {
  const { privateDestinations } = agent.settings.transmitter
  const request = { host, path, timeoutMs: POST_MS, maxBytes: MAX_ANSWER_BYTES, contentType: TLS_REPORT_TYPE, body }
  const answer = await httpsPost(agent.world, request, { privateDestinations })
  const place = `https://${host}${path}`
  if ('fault' in answer) return { place, fault: `${place}: ${answer.fault}` }
  const isTaken = answer.status >= 200 && answer.status < 300
  return isTaken ? { place } : { place, fault: `${place}: it answered ${answer.status}` }
}

function aboutOf({ kind, domain, day }: ReportDuty): string {
  const date = new Date(day * DAY_MS).toISOString().slice(0, 10)
  return kind === 'dmarc' ? `The DMARC report about ${domain} on ${date}` : `The TLS report about ${domain} on ${date}`
}

/**
 * The commands that send a message of ours that wants no answer, first in their batch; to addresses here it goes at once.
 * @throws DiskError
 */
export async function carry(
  agent: Agent,
  mail: {
    readonly trace: string
    readonly message: Buffer
    readonly addresses: readonly string[]
    /** The subject of a sentence. */
    readonly about: string
    readonly ignoresTlsPolicy?: boolean
  },
): Promise<Command[]> {
  const { trace, message, addresses, about, ignoresTlsPolicy = false } = mail
  const commands: Command[] = []
  const front = await dkimFields(agent, message)
  for (const address of addresses) {
    const event = { trace, role: 'Transmitter', reversePath: '', forwardPath: address } as const
    const way = wayFor(agent, forwardPathOf(address))
    if (way.kind === 'mailbox') {
      const delivery = await prepareDelivery(agent, '', front, message)
      commands.push(placeCommand(agent, way.account, delivery, 'inbox', null))
      const placed = { from: commands.length - 1 }
      commands.push(
        { kind: 'report.arrive', account: way.account.id, email: placed, provenDomain: agent.domain },
        eventCommand(agent, { ...event, kind: 'delivered', text: `${about} was put into the mailbox of ${address}.` }),
      )
    } else if (way.kind === 'unknown') {
      const text = `${about} went nowhere: there is no mailbox ${address} here.`
      commands.push(eventCommand(agent, { ...event, kind: 'bounced', text }))
    } else {
      const target = 'to' in way ? way.to : way.address
      const blob = await agent.store.putBlob([...front, message])
      // RFC 3461 §4.1: nobody is told of a failure.
      const parameters = { notify: ['NEVER'], isReport: true, ...(ignoresTlsPolicy && { ignoresTlsPolicy }) }
      commands.push(
        queueCommand(agent, { trace, blob, reversePath: '', parameters, origin: 'transmitter' }, target),
        eventCommand(agent, { ...event, kind: 'queued', text: `${about} goes to ${target}.` }),
      )
    }
  }
  return commands
}
