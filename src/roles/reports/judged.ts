// The Receiver's part in reports: what it judged is counted for the domain in From, and what came to an address for
// reports is marked to be looked into.

import type { Identity } from '../../identity/authenticate.ts'
import { firstValue, type Header } from '../../message/header.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { Way } from '../routing.ts'
import { isReportAddress } from './addresses.ts'
import { dispositionOf, type Judged } from './disposition.ts'

/** Counts a message once its sender has heard for good what becomes of it; "later" is not counted, for it comes again. */
export function countJudged(
  agent: Agent,
  mail: {
    readonly identity: Identity
    readonly header: Header
    readonly handled: readonly (Judged & { readonly way: Way })[]
  },
  reply: Reply,
): Reply {
  if (agent.observations === undefined || (reply.code >= 400 && reply.code < 500)) return reply
  const { identity, header, handled } = mail
  const done = dispositionOf(identity, handled, reply)
  const isReport =
    identity.dmarc.result === 'pass' &&
    handled.every(({ way }) => way.kind === 'mailbox' && isReportAddress(agent, way.address)) &&
    /^report\s+domain:/i.test(firstValue(header, 'subject') ?? '')
  agent.observations.message(identity, { ...done, envelopeTo: agent.domain }, !isReport)
  return reply
}

/** The command that marks mail to an address for reports, which command `placed` of the batch delivers. */
export function arrivalCommands(
  agent: Agent,
  account: Account,
  address: string,
  { dmarc }: Pick<Identity, 'dmarc'>,
  placed: number,
): Command[] {
  const mayHoldReport = isReportAddress(agent, address) || address.toLowerCase() === `postmaster@${agent.domain}`
  if (!mayHoldReport) return []
  const provenDomain = dmarc.result === 'pass' ? dmarc.domain : ''
  return [{ kind: 'report.arrive', account: account.id, email: { from: placed }, provenDomain }]
}
