// Sends a report: signed, from the null reverse-path, so that nothing ever comes back (a failure ends in the tracking
// events). Closing the day is the same commit as the queue entries, so a crash sends it once or not yet, never twice.

import type { Command } from '../../store/commands.ts'
import type { ReportDuty } from '../../store/types.ts'
import { type Agent, newTrace } from '../agent.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import { forwardPathOf, queueCommand, wayFor } from '../routing.ts'
import { commitAll, eventCommand } from '../tracking.ts'
import { dkimFields } from '../transmitter/signing.ts'
import { addressOf, dueReport, withinSize } from './due.ts'
import { DAY_MS } from './observations.ts'

const AT_ONCE = 50
const HOUR_MS = 3_600_000
/** Without an answer from DNS, each an hour later than the one before. */
const ATTEMPTS = 8
const MAX_OUTCOME = 500

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
  const due = await dueReport(agent, duty, trace, duty.attempts + 1 >= ATTEMPTS)
  const of = { kind: duty.kind, domain: duty.domain, day: duty.day }
  const closed = (outcome: string): Command[] => [
    { kind: 'report.close', of, state: 'unsent', outcome: `Not sent: ${outcome}.`.slice(0, MAX_OUTCOME) },
  ]
  if (due.kind === 'later') {
    const dueMs = agent.world.clock.now() + (duty.attempts + 1) * HOUR_MS
    return [{ kind: 'report.postpone', of, dueMs, outcome: `No answer from DNS: ${due.why}.`.slice(0, MAX_OUTCOME) }]
  }
  if (due.kind === 'unwanted') return closed(due.why)
  const all = due.message(due.wanted.map(({ mailbox }) => mailbox))
  const wanted = withinSize(due.wanted, all.length)
  if (wanted.length === 0) return closed(`it has ${all.length} bytes, more than anybody wants`)
  const message = wanted.length === due.wanted.length ? all : due.message(wanted.map(({ mailbox }) => mailbox))
  const addresses = wanted.map(addressOf)
  const commands = await carry(agent, { trace, message, addresses, about: aboutOf(duty) })
  const outcome = [`Sent to ${addresses.join(', ')} as ${trace}.`, ...due.refused.map((why) => `Not to ${why}.`)]
  return [...commands, { kind: 'report.close', of, state: 'sent', outcome: outcome.join(' ').slice(0, MAX_OUTCOME) }]
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
  },
): Promise<Command[]> {
  const { trace, message, addresses, about } = mail
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
      const target = way.kind === 'elsewhere' ? way.address : way.to
      const blob = await agent.store.putBlob([...front, message])
      // RFC 3461 §4.1: nobody is told of a failure.
      const parameters = { notify: ['NEVER'], isReport: true }
      commands.push(
        queueCommand(agent, { trace, blob, reversePath: '', parameters, origin: 'transmitter' }, target),
        eventCommand(agent, { ...event, kind: 'queued', text: `${about} goes to ${target}.` }),
      )
    }
  }
  return commands
}
