// Programs beside ours that look at a message before it is taken: clamd for malware, and the site's own milters, in the
// order in which the description names them; each sees what the one before made of it. That one of them fails is 451:
// nothing passes as if it had been looked at.

import { scan as askClamd } from '../../filter/clamd.ts'
import { unmapped } from '../../filter/lists.ts'
import { applyChanges } from '../../filter/milter/changes.ts'
import { askMilter } from '../../filter/milter/client.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatPath } from '../../message/address.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Endpoint, LocalSocket } from '../../world/network.ts'
import type { Agent } from '../agent.ts'
import { reversePathText } from '../routing.ts'
import type { Judgement } from './judge.ts'

/** A relay waits ten minutes for the reply (RFC 5321 §4.5.3.2.6). */
const CLAMD_MS = 60_000
const MILTER_MS = 120_000

export interface Scanned {
  /** The message as the milters want it kept here. */
  readonly source: Buffer
  /** What they say of this recipient; undefined: nothing against it. */
  verdict(recipient: number): Judgement | undefined
}

/** Asks all of them; `trace`: our name for the message. Never rejects because of them. */
export async function scan(agent: Agent, mail: InboundMessage, identity: Identity, trace: string): Promise<Scanned> {
  const { clamd, milters } = agent.settings.receiver
  let source = mail.source
  const whole = (judgement: Judgement): Scanned => ({ source, verdict: () => judgement })
  if (clamd !== undefined) {
    const found = await lookForMalware(agent, clamd, source)
    if (found !== undefined) return whole(found)
  }
  const refused = new Map<number, Reply>()
  let aside: string | undefined
  for (const at of milters) {
    const verdict = await askMilter(
      { ...told(agent, mail, identity), source, queueId: trace },
      { at, timeoutMs: MILTER_MS },
      agent.world,
    )
    if (verdict.kind === 'unavailable') return whole(absent(agent, nameOf(at), verdict.reason))
    if (verdict.kind !== 'accept') {
      const reason = `a content filter of this site says: ${replyText(verdict.reply)}`
      return whole({ outcome: verdict.kind, reason, reply: verdict.reply })
    }
    for (const [recipient, answer] of verdict.refused) refused.set(recipient, answer)
    aside ??= verdict.quarantine
    if (verdict.ignored.length > 0)
      agent.log('warning', `the milter ${nameOf(at)} asked for ${verdict.ignored.join(', ')}`)
    const { headers, body } = verdict.changes
    if (headers.length > 0 || body !== undefined) source = applyChanges(source, verdict.changes)
  }
  return {
    source,
    verdict(recipient) {
      const answer = refused.get(recipient)
      if (answer !== undefined)
        return { outcome: answer.code < 500 ? 'defer' : 'refuse', reason: replyText(answer), reply: answer }
      return aside === undefined ? undefined : { outcome: 'junk', reason: `a content filter set it aside: ${aside}` }
    },
  }
}

async function lookForMalware(
  agent: Agent,
  at: Endpoint | LocalSocket,
  source: Buffer,
): Promise<Judgement | undefined> {
  const result = await askClamd(source, { at, timeoutMs: CLAMD_MS }, agent.world)
  if (result.kind === 'clean') return undefined
  if (result.kind === 'infected') {
    const reason = `it carries malware (${result.name})`
    return { outcome: 'refuse', reason, reply: reply(550, '5.7.1', reason) }
  }
  if (result.kind === 'too-big') {
    const reason = 'it is larger than what can be searched for malware here'
    return { outcome: 'refuse', reason, reply: reply(552, '5.3.4', reason) }
  }
  return absent(agent, nameOf(at), result.reason)
}

function absent(agent: Agent, name: string, why: string): Judgement {
  agent.log('error', `${name} does not look at messages, so they are deferred`, { reason: why })
  const reason = 'a program that must look at it does not answer now'
  return { outcome: 'defer', reason, reply: reply(451, '4.7.1', `${reason}, try again later`) }
}

function told(agent: Agent, { envelope, session }: InboundMessage, { iprev }: Identity) {
  return {
    ip: unmapped(session.peer.address),
    port: session.peer.port,
    ...(iprev.result === 'pass' && iprev.name !== undefined ? { clientName: iprev.name } : {}),
    helo: session.helo,
    reversePath: reversePathText(envelope.reversePath),
    recipients: envelope.recipients.map(({ forwardPath }) => formatPath(forwardPath).slice(1, -1)),
    hostName: agent.hostName,
    ...(session.tls === undefined ? {} : { tls: session.tls }),
  }
}

const nameOf = (at: Endpoint | LocalSocket) => ('path' in at ? at.path : `${at.address}:${at.port}`)
