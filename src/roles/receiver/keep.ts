// What the 250 promises, as the commands of one commit: mailbox entries, what a Recipient's script asks for, bounces on
// their way back, and the events of tracking. Bodies are written here; nothing is durable before the commit.

import { unmapped } from '../../filter/lists.ts'
import { cameThrough } from '../../identity/trusted.ts'
import type { Header } from '../../message/header.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Command } from '../../store/commands.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import { cameBack } from '../bounces/came-back.ts'
import { noteCommands } from '../forwarder/exchange.ts'
import { type Forwarding, withHop } from '../forwarder/forward.ts'
import { queueAll } from '../forwarder/pass-on.ts'
import { srsReversePath } from '../forwarder/srs.ts'
import { carryOut } from '../mda/carry-out.ts'
import { type Delivery, placeCommand, prepareDelivery, withoutReturnPath } from '../mda/place.ts'
import { arrivalCommands } from '../reports/judged.ts'
import { forwardPathOf, homesFor, queueCommand, wayFor } from '../routing.ts'
import { eventCommand } from '../tracking.ts'
import { type Findings, findings, signaturesOf, verdictOf } from './findings.ts'
import { type Handled, isStanding } from './handle.ts'
import type { Judgement } from './judge.ts'
import type { LogoSearch } from './logo.ts'
import { isAnswerable } from './sorting.ts'

/** By what tracking knows a message. */
export interface About {
  readonly trace: string
  readonly reversePath: string
  readonly messageId: string
}

/** What came, with our fields in front of it. */
export interface Ours {
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
export function forwardingsOf(ours: Ours, standing: readonly Handled[], about: About): Forwarding[] {
  const detail = detailOf(ours)
  return standing.flatMap(({ way, recipient, judgement }) =>
    way.kind === 'forward' && judgement.outcome === 'accept'
      ? [{ ...about, ...ours, recipient, from: way.from, to: way.to, isKept: way.keep !== undefined, detail }]
      : [],
  )
}

/** What tracking keeps of what was found out. */
export function detailOf({ mail: { session }, identity }: Ours): Record<string, unknown> {
  return {
    ip: unmapped(session.peer.address),
    helo: session.helo,
    tls: session.tls?.protocol ?? 'none',
    spfDomain: identity.spf.domain,
    authorSpf: identity.authorSpf?.result,
    authorDomain: identity.authorSpf?.domain,
    ...findings(identity),
    dkim2: identity.dkim2?.result,
    signatures: signaturesOf(identity),
  }
}

const overrideOf = (judgement: Judgement) => ('overrides' in judgement ? judgement.overrides : undefined)

/** Everything that the 250 will promise for people here, as commands of one commit; bodies are written now. @throws DiskError */
export async function keep(
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
    // What it reports is told in the story of the message that it is about.
    if (about.reversePath === '')
      commands.push(...cameBack(agent, source, toMailbox[0]!.recipient.forwardPath, about.trace))
    let prepared: Promise<Delivery> | undefined
    const delivery = () => (prepared ??= prepareDelivery(agent, about.reversePath, front, ours.kept))
    for (const one of toMailbox) {
      const { account, address, judgement, forwarder, content } = one
      // A Recipient for whom alone it would have been refused: SMTP has one reply for all, so the mildest holds, and Junk.
      const mailbox = judgement.outcome === 'accept' ? 'inbox' : 'junk'
      const verdict = {
        ...(one.seen ?? verdictOf(identity, judgement, forwarder, content)),
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

const isSameAddress = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

/** Sends a message on as its Recipient's script says: like forwarded mail, with Delivered-To against loops, SRS and a seal. */
function redirecting(
  agent: Agent,
  ours: Ours,
  { recipient, address, account }: Pick<Handled, 'recipient'> & { readonly address: string; readonly account: Account },
  about: About,
  detail: Record<string, unknown>,
) {
  return async (to: string, message: Buffer | undefined, isKept: boolean): Promise<Command[]> => {
    // What the script changed holds our fields already, and Return-Path is for mailboxes alone.
    const content = message === undefined ? {} : { front: [], source: withoutReturnPath(message) }
    // Back to the group it came through: its members have it.
    const homes = isSameAddress(to, address) ? [account] : homesFor(agent, to)
    if (homes !== undefined) {
      const { front, source } = { ...ours, ...content }
      const deliveredTo = Buffer.from(`Delivered-To: ${address}\r\n`)
      const delivery = await prepareDelivery(agent, about.reversePath, [deliveredTo, ...front], source)
      return homes.map((home) => placeCommand(agent, home, delivery, 'inbox', null))
    }
    const way = wayFor(agent, forwardPathOf(to))
    const target = way.kind === 'forward' || way.kind === 'return' ? way.to : to
    return queueAll(agent, [{ ...about, ...ours, ...content, recipient, from: address, to: target, isKept, detail }])
  }
}
