// The Receiver's judgement on one message for one Recipient: what can be proven (identity), who is known (lists, trusted
// Forwarders), and the policy that the Author's domain published. A table of reasons, the first that holds decides.
// DMARC: RFC 9989. The reply codes: RFC 7372.

import { JUNK_POINTS, type Weight } from '../../filter/rules/rules.ts'
import type { Identity } from '../../identity/authenticate.ts'
import type { ForwarderMatch, TrustedSeal } from '../../identity/trusted.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'

export type Judgement =
  | { readonly outcome: 'accept' | 'junk'; readonly reason: string; readonly overrides?: Override }
  | { readonly outcome: 'refuse' | 'defer'; readonly reason: string; readonly reply: Reply }

/** Why the Author's policy was not followed, as aggregate reports have to say it (RFC 9990 §3.1.1.6). */
type Override = 'trusted_forwarder' | 'local_policy'

export interface Circumstances {
  readonly identity: Identity
  /** The entry of the allow list that named the sender, as text. */
  readonly allowedBy: string | undefined
  /** The entry of the deny list that named who wrote or signed it. */
  readonly deniedBy?: string | undefined
  /** The mailbox in Resent-From or Sender, where a proven domain stands behind it. */
  readonly sentBy: string | undefined
  /** What the rules found in header and content; undefined where they are off. */
  readonly content?: Weight
  /** The Recipient trusts this Forwarder, and it proved who it is. */
  readonly forwarder: ForwarderMatch | undefined
  /** Why it may be honest mail that somebody passed on, as a sentence. */
  readonly detour?: string | undefined
  /** What the description's own trusted sealers saw. */
  readonly seal?: TrustedSeal | undefined
}

type Rule = (about: Circumstances) => Judgement | undefined

const accept = (reason: string, overrides?: Override): Judgement => ({
  outcome: 'accept',
  reason,
  ...(overrides && { overrides }),
})
const junk = (reason: string): Judgement => ({ outcome: 'junk', reason })
const refuse = (reason: string, code: string): Judgement => ({
  outcome: 'refuse',
  reason,
  reply: reply(550, code, reason),
})
const defer = (reason: string): Judgement => ({ outcome: 'defer', reason, reply: reply(451, '4.4.3', reason) })

const RULES: readonly Rule[] = [
  ({ allowedBy }) =>
    allowedBy === undefined
      ? undefined
      : accept(`${allowedBy} is on the list of senders always let in`, 'local_policy'),

  ({ deniedBy, forwarder }) => {
    if (deniedBy === undefined) return undefined
    const reason = `${deniedBy} is on the list of senders never let in`
    return forwarder === undefined ? refuse(reason, '5.7.1') : junk(reason)
  },

  // Several From fields, or a From that two programs would read differently (RFC 9989 §5.3): nobody can be proven by it.
  ({ identity: { from, dmarc }, sentBy, forwarder }) => {
    if (from.fault === undefined) return undefined
    // Where From names no address at all, who sent the message answers for it (RFC 5322 §3.6.2).
    if (!from.isAmbiguous && sentBy !== undefined) return accept(`${from.fault}, but ${sentBy}, who sent it, is proven`)
    // What a trusted Forwarder passed on is never sent back to it.
    if (dmarc.policy === 'reject' && forwarder === undefined)
      return refuse(`${from.fault}, so nothing proves who wrote it, and ${dmarc.domain} asks to refuse that`, '5.7.26')
    return junk(`${from.fault}, so nobody can say who wrote it`)
  },

  // The article: "he should make sure that the Forwarder is whitelisted by the MDA". What its Border saw counts here.
  ({ forwarder }) => {
    if (forwarder === undefined) return undefined
    const { domain, seen } = forwarder
    if (seen === undefined) return accept(`your Forwarder ${domain} passed it on`, 'trusted_forwarder')
    const spfSpoke = seen.spf === 'fail' && seen.dkim !== 'pass' && seen.dmarc !== 'pass'
    if (seen.dmarc === 'fail' || spfSpoke)
      return junk(`your Forwarder ${domain} passed it on, but saw there that its sender was not proven`)
    return accept(`your Forwarder ${domain} passed it on and vouches for what its own Border saw`, 'trusted_forwarder')
  },

  ({ identity: { dmarc } }) => {
    if (dmarc.result !== 'pass') return undefined
    return accept(`${dmarc.domain} is proven to be the sender (DMARC)`)
  },

  // RFC 8617 §7.2: a chain of seals that are believed here can say more than what is left to be proven at this Border.
  ({ identity: { dmarc, from }, seal }) => {
    if (seal === undefined || from.fault !== undefined) return undefined
    const { domain, seen } = seal
    if (dmarc.result === 'fail' && seen.dmarc === 'pass')
      return accept(`${domain}, whose seals are believed here, saw ${dmarc.domain} proven (DMARC)`, 'trusted_forwarder')
    if (dmarc.result === 'none' && seen.dmarc !== 'fail' && (seen.spf === 'pass' || seen.dkim === 'pass'))
      return accept(`${domain}, whose seals are believed here, saw its sender proven`)
    return undefined
  },

  ({ identity: { dmarc } }) => {
    if (dmarc.result !== 'temperror') return undefined
    return defer(`DNS gave no answer about ${dmarc.domain}, so its mail cannot be checked now; try again later`)
  },

  // RFC 9989 §7.4: nobody is refused for the published policy alone where the mail may have come
  // by another's hands.
  ({ identity: { dmarc }, detour }) => {
    if (dmarc.result !== 'fail') return undefined
    const why = `neither SPF nor DKIM proves that this mail is from ${dmarc.domain}`
    if (dmarc.policy === 'reject' && detour !== undefined)
      return junk(`${why}, and ${dmarc.domain} asks to refuse such mail (DMARC p=reject), but ${detour}`)
    if (dmarc.policy === 'reject')
      return refuse(`${why}, and ${dmarc.domain} asks to refuse such mail (DMARC p=reject)`, '5.7.26')
    if (dmarc.policy === 'quarantine')
      return junk(`${why}, and ${dmarc.domain} asks to set such mail aside (DMARC p=quarantine)`)
    return undefined
  },

  ({ identity: { spf, dkim } }) => {
    if (spf.result !== 'fail' || dkim.some((signature) => signature.result === 'pass')) return undefined
    return junk(
      `${spf.domain} says that the connecting address may not send its mail (SPF), and no signature proves otherwise`,
    )
  },
]

/** From this weight on a message is refused: its sender hears why, and nobody has to look through it. */
export const REFUSE_POINTS = 15

/** What is to be done with the message for this Recipient, and why. */
export function judge(about: Circumstances): Judgement {
  const judgement =
    RULES.map((rule) => rule(about)).find((one) => one !== undefined) ?? accept('nothing speaks against it')
  return judgement.outcome === 'accept' && about.allowedBy === undefined ? weighed(judgement, about) : judgement
}

/** Who sent it is one question, what it holds another: proven senders send spam, too. */
function weighed(judgement: Judgement, { content, forwarder }: Circumstances): Judgement {
  if (content === undefined || content.points < JUNK_POINTS) return judgement
  const worst = content.hits.find(({ points }) => points > 0)
  const reason = `it looks like spam (${content.points} points): ${worst!.explanation.replace(/\.$/, '')}`
  // What a trusted Forwarder passed on is never sent back: it would come back as a bounce to a stranger.
  return content.points >= REFUSE_POINTS && forwarder === undefined ? refuse(reason, '5.7.1') : junk(reason)
}
