// What was found out about one message, as the store keeps it and screens show it: results in one word each, and the
// steps that led to them. Bounded, because a stranger's DNS and header speak in them.

import type { Weight } from '../../filter/rules/rules.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { checkHost, type SpfResult } from '../../identity/spf/spf.ts'
import type { ForwarderMatch } from '../../identity/trusted.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import type { Agent } from '../agent.ts'
import type { Judgement } from './judge.ts'

/** Findings with what SPF says of the domain in From, where that is not the domain of the reverse-path. */
export type Findings = Identity & { readonly authorSpf: SpfResult | undefined }

/**
 * May the connecting address send for the domain in From. It decides nothing (DMARC does); it shows what the article
 * says: "protocols that try to correlate the Transmitter's domain name to the connecting IP address can fail when a
 * Forwarder is involved".
 */
export async function spfOfAuthor(agent: Agent, { spf, from, ip, helo }: Identity): Promise<SpfResult | undefined> {
  const [domain, ...others] = from.domains
  if (domain === undefined || others.length > 0 || domain === spf.domain || !domain.includes('.')) return undefined
  return checkHost(
    { ip, helo, sender: `postmaster@${domain}`, receiver: agent.hostName },
    agent.world.dns,
    agent.world.clock,
  )
}

/** The results in one word each, for events and screens. */
export function findings(identity: Identity): { spf: string; dkim: string; dmarc: string; arc: string } {
  const passed = identity.dkim.find((signature) => signature.result === 'pass')
  return {
    spf: identity.spf.result,
    dkim: passed?.result ?? identity.dkim[0]?.result ?? 'none',
    dmarc: identity.dmarc.result,
    arc: identity.arc.result,
  }
}

const MAX_SIGNATURES = 5

/** Each DKIM signature by itself: of a message that a list has signed, too, one word does not say whose passed. */
export const signaturesOf = ({ dkim }: Identity) =>
  dkim.slice(0, MAX_SIGNATURES).map(({ domain, result }) => ({ domain: domain.slice(0, 250), result }))

const MAX_RULES = 30

export function verdictOf(
  identity: Findings,
  judgement: Judgement,
  forwarder: ForwarderMatch | undefined,
  content: Weight | undefined,
): Verdict {
  return {
    outcome: judgement.outcome === 'accept' ? 'accept' : 'junk',
    reason: judgement.reason,
    ...findings(identity),
    ...(identity.dkim2 === undefined || identity.dkim2.result === 'none' ? {} : { dkim2: identity.dkim2.result }),
    ...(identity.authorSpf === undefined
      ? {}
      : { authorSpf: { domain: identity.authorSpf.domain, result: identity.authorSpf.result } }),
    ...(forwarder === undefined ? {} : { trustedForwarder: forwarder.domain }),
    ...(content === undefined
      ? {}
      : {
          points: content.points,
          rules: content.hits
            .slice(0, MAX_RULES)
            .map(({ id, points, explanation, evidence }) => ({ id, points, explanation, evidence })),
        }),
    steps: stepsOf(identity),
  }
}

const MAX_STEPS = 60
const MAX_STEP = 300

/** Of mail that is refused less is kept: there may be much of it. */
const MAX_REFUSED_STEPS = 25
const MAX_REFUSED_STEP = 160

export const refusedSteps = (identity: Identity): string[] =>
  stepsOf({ ...identity, authorSpf: undefined })
    .slice(0, MAX_REFUSED_STEPS)
    .map((step) => step.slice(0, MAX_REFUSED_STEP))

function stepsOf(identity: Findings): string[] {
  const sentence = (about: string) => (step: { what: string; detail?: string }) =>
    `${about}: ${step.what}${step.detail === undefined ? '' : ` (${step.detail})`}`
  return [
    ...identity.spf.steps.map(sentence('SPF')),
    ...(identity.authorSpf?.steps.map(sentence(`SPF of ${identity.authorSpf.domain}`)) ?? []),
    ...identity.dkim.flatMap((signature) => signature.steps.map(sentence('DKIM'))),
    ...(identity.dkim2?.steps.map(sentence('DKIM2')) ?? []),
    ...identity.dmarc.steps.map(sentence('DMARC')),
    ...identity.arc.steps.map(sentence('ARC')),
  ]
    .slice(0, MAX_STEPS)
    .map((step) => step.slice(0, MAX_STEP))
}
