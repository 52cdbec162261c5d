// One message for one Recipient at the Receiver: the way it goes from here, whether a Forwarder whom he trusts passed it
// on, and the judgement. Several Recipients of one message may be judged differently.

import type { Weight } from '../../filter/rules/rules.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { atHomeAt, type ForwarderMatch, forwarderIdentity, type TrustedSeal } from '../../identity/trusted.ts'
import type { Outcome } from '../../protocols/sieve/run.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { Arrival } from '../mda/sort.ts'
import { type Leg, type Way, waysTo } from '../routing.ts'
import { trustedAtHome } from './hand-over.ts'
import { type Circumstances, type Judgement, judge } from './judge.ts'
import type { Weigher } from './weigh.ts'

export interface Handled extends Leg {
  readonly way: Exclude<Way, { kind: 'elsewhere' | 'unknown' }>
  readonly judgement: Judgement
  readonly forwarder: ForwarderMatch | undefined
  readonly content: Weight | undefined
  readonly allowedBy: string | undefined
  /** What our own backup MX found out when it took the message: nothing of that is said anew. */
  readonly seen?: Verdict
  /** What the Recipient's own script wants done; undefined where he has none. */
  readonly sorting?: { readonly arrival: Arrival; readonly outcome: Outcome }
}

/** It would be taken, as far as we know by now. */
export const isStanding = ({ judgement }: Handled) => judgement.outcome === 'accept' || judgement.outcome === 'junk'

/** Every recipient's way; RCPT let only those through that have one. */
export function waysOf(agent: Agent, mail: InboundMessage): (Leg & Pick<Handled, 'way'>)[] {
  return waysTo(agent, mail.envelope).map(({ way, ...leg }) => {
    if (way.kind === 'elsewhere' || way.kind === 'unknown') throw new Error(`RCPT let ${way.address} through`)
    return { ...leg, way }
  })
}

/** The Recipient's trusted Forwarders: domains. */
function trustedBy(agent: Agent, way: Way): readonly string[] {
  if (way.kind === 'home') return trustedAtHome(agent, way)
  if (way.kind === 'backup') return way.backed.trusts.get(way.address.toLowerCase()) ?? []
  return way.kind === 'mailbox' ? agent.store.trustedForwarders(way.account.id).map(({ domain }) => domain) : []
}

/** Whose earlier decisions count for mail that goes this way. */
function accountOf(agent: Agent, way: Way): AccountId | undefined {
  if (way.kind === 'mailbox') return way.account.id
  return way.kind === 'forward' ? agent.store.accountByAddress(way.from)?.id : undefined
}

/** Asked only where nothing in the message proves its Author or a trusted Forwarder. */
export async function trustedNetworks(
  agent: Agent,
  identity: Identity,
  ways: readonly Pick<Handled, 'way'>[],
): Promise<ReadonlySet<string>> {
  if (identity.dmarc.result === 'pass') return new Set()
  const trusted = ways.map(({ way }) => trustedBy(agent, way))
  const unproven = trusted.filter((domains) => forwarderIdentity(identity, domains) === undefined)
  const { dns, clock } = agent.world
  return atHomeAt(identity, [...new Set(unproven.flat())], { dns, clock, receiverName: agent.hostName })
}

/** The judgement for one of them. */
export function handle(
  agent: Agent,
  leg: Leg & Pick<Handled, 'way'>,
  identity: Identity,
  known: Pick<Circumstances, 'allowedBy' | 'deniedBy' | 'sentBy' | 'detour'> & {
    readonly atHome: ReadonlySet<string>
    readonly weigh: Weigher
    readonly seal: TrustedSeal | undefined
  },
): Handled {
  const { allowedBy, deniedBy, sentBy, detour, seal, weigh } = known
  const forwarder = forwarderIdentity(identity, trustedBy(agent, leg.way), known.atHome)
  // A bounce to an address that we signed is an answer to mail of ours, however little is in it.
  const content =
    leg.way.kind === 'return' ? undefined : weigh((forwarder ?? seal) !== undefined, accountOf(agent, leg.way))
  if (agent.settings.receiver.isOpen && leg.way.kind === 'forward') {
    const judgement = { outcome: 'accept', reason: 'an Open Relay asks nobody who he is' } as const
    return { ...leg, judgement, forwarder, content, allowedBy }
  }
  const judgement = judge({ identity, allowedBy, deniedBy, sentBy, detour, forwarder, seal, content })
  return settle(agent, { ...leg, judgement, forwarder, content, allowedBy })
}

/** The same for what our own backup MX has judged. */
export function handleSeen(agent: Agent, leg: Leg & Pick<Handled, 'way'>, seen: Verdict): Handled {
  const judgement = { outcome: seen.outcome, reason: seen.reason }
  return settle(agent, { ...leg, judgement, forwarder: undefined, content: undefined, allowedBy: undefined, seen })
}

/** What a trusted Forwarder or our own backup MX has taken is never sent back: it would bounce to a stranger. */
export const isSpared = ({ forwarder, seen }: Handled) => forwarder !== undefined || seen !== undefined

/** What Junk means for this way. Where nobody sets it aside its sender hears of it here, at the Border. */
export function settle(agent: Agent, handled: Handled): Handled {
  const { way, judgement } = handled
  if (judgement.outcome !== 'junk') return handled
  const { reason } = judgement
  if (way.kind === 'forward' && agent.settings.forwarder.passesJunk)
    return { ...handled, judgement: { outcome: 'accept', reason } }
  return takesJunk(agent, way) ? handled : { ...handled, judgement: notForwarded(reason) }
}

/**
 * What is judged Junk is not refused for it: a mailbox has one, here or where it is handed over to. It is not passed on,
 * where the Forwarder is not told to; but a copy that is kept here goes into Junk.
 */
export function takesJunk({ settings }: Agent, way: Way): boolean {
  if (way.kind === 'forward') return settings.forwarder.passesJunk || way.keep !== undefined
  return way.kind === 'mailbox' || way.kind === 'home' || way.kind === 'backup'
}

export const notForwarded = (reason: string): Extract<Judgement, { outcome: 'refuse' | 'defer' }> => ({
  ...{ outcome: 'refuse', reason },
  reply: reply(550, '5.7.1', `${reason}; it is not forwarded`),
})

/** The address here that it is for. */
export function addressOf(way: Way): string {
  if (way.kind === 'forward') return way.from
  return 'to' in way ? way.to : way.address
}
