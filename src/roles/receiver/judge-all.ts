// The judgement on one message, for each Recipient, before the reply: authenticate, know, weigh, judge; then what only
// those need who would take it: scanners, the wait of a stranger, copies without end, the Recipient's own script.

import { unmapped } from '../../filter/lists.ts'
import { authenticate, type Identity } from '../../identity/authenticate.ts'
import { trustedSeal } from '../../identity/trusted.ts'
import { formatPath } from '../../message/address.ts'
import type { Header } from '../../message/header.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Agent } from '../agent.ts'
import { returnPathField } from '../mda/place.ts'
import { deniedOnList, detourOf, provenOnList, provenSender } from './acquaintance.ts'
import type { Border } from './border.ts'
import { ourFields, receivedField, withoutForgedResults } from './fields.ts'
import { type Findings, spfOfAuthor } from './findings.ts'
import type { HandedVerdict } from './hand-over.ts'
import { type Handled, handle, handleSeen, isSpared, isStanding, settle, trustedNetworks, waysOf } from './handle.ts'
import type { About, Ours } from './keep.ts'
import { borrowed, withoutFlood } from './replayed.ts'
import { scan } from './scan.ts'
import { sortAll } from './sorting.ts'
import { greylisted, learnFrom } from './strangers.ts'
import { weigher } from './weigh.ts'

export interface JudgedMail {
  readonly identity: Findings
  readonly fields: Pick<Ours, 'front' | 'source' | 'kept'>
  readonly handled: readonly Handled[]
}

/** @throws DiskError where a Recipient's script cannot be read */
export async function judgeAll(
  agent: Agent,
  border: Border,
  mail: InboundMessage,
  header: Header,
  { trace, reversePath }: About,
  handed?: HandedVerdict,
): Promise<JudgedMail> {
  const identity = await identityOf(agent, mail, header, reversePath, handed?.client)
  const ways = waysOf(agent, mail)
  const copies = borrowed(border, header, identity, ways)
  const judged =
    handed === undefined
      ? await judgeNow(agent, border, mail, header, identity, ways, copies.before)
      : ways.map((one) => handleSeen(agent, one, handed.verdict))
  // Only what would be taken is worth a look by others, and only then is a stranger asked to come again.
  const { source: kept, handled: scanned } = await scanAll(agent, mail, identity, trace, judged)
  const met = handed === undefined ? greylisted(agent, border, identity, scanned) : scanned
  const isCounted = agent.settings.receiver.filters && handed === undefined
  const weighed = isCounted ? withoutFlood(border, identity, copies, met) : met
  // Before the Recipients' own scripts: what one of them does not want says nothing of its sender to the others.
  learnFrom(agent, border, identity, weighed)
  const source = withoutForgedResults(agent, mail.source, header)
  const fields = {
    // What our backup MX found out stands there already, in its own name.
    front:
      handed === undefined
        ? ourFields(agent, mail, identity, trace)
        : [Buffer.from(receivedField(agent, mail, identity, trace))],
    source,
    kept: kept === mail.source ? source : withoutForgedResults(agent, kept),
  }
  const asKept = () => Buffer.concat([returnPathField(reversePath), ...fields.front, fields.kept])
  const handled = await sortAll(agent, mail, identity, reversePath, asKept, weighed)
  return { identity, fields, handled }
}

async function judgeNow(
  agent: Agent,
  border: Border,
  mail: InboundMessage,
  header: Header,
  identity: Findings,
  ways: ReturnType<typeof waysOf>,
  copies: number,
): Promise<readonly Handled[]> {
  const known = {
    allowedBy: provenOnList(agent, identity),
    deniedBy: deniedOnList(agent, identity),
    sentBy: provenSender(header, identity),
    detour: detourOf(header, identity),
    atHome: await trustedNetworks(agent, identity, ways),
    weigh: await weigher(agent, border, mail, identity, copies),
    seal: trustedSeal(identity, agent.settings.receiver.trustedSealers),
  }
  return ways.map((one) => handle(agent, one, identity, known))
}

/** What can be proven about it, and what SPF says of the domain in From. */
async function identityOf(
  agent: Agent,
  { source, session, envelope }: InboundMessage,
  header: Header,
  reversePath: string,
  client = { ip: unmapped(session.peer.address), helo: session.helo },
): Promise<Findings> {
  const { dns, clock, cpu } = agent.world
  const dkim2Recipients = agent.settings.dkim2
    ? envelope.recipients.map(({ forwardPath }) => formatPath(forwardPath).slice(1, -1))
    : undefined
  const identity = await authenticate(
    { source, header, ...client, reversePath, dkim2Recipients },
    { dns, clock, cpu, receiverName: agent.hostName },
  )
  return { ...identity, authorSpf: await spfOfAuthor(agent, identity) }
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
    const isJunk = isSpared(one) && verdict.outcome === 'refuse'
    return settle(agent, { ...one, judgement: isJunk ? { outcome: 'junk', reason: verdict.reason } : verdict })
  })
  return { source: scanned.source, handled }
}
