// What became of a judged message, in the words of an aggregate report (RFC 9990 §3.1.1.8 and §3.1.6): what DMARC asked
// for, what was done, and why that is not the same.

import type { Identity } from '../../identity/authenticate.ts'
import type { AggregateRow, Disposition } from '../../identity/reports/aggregate.ts'
import type { ForwarderMatch } from '../../identity/trusted.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import type { Judgement } from '../receiver/judge.ts'

/** One Recipient's judgement. */
export interface Judged {
  readonly judgement: Pick<Judgement, 'outcome'> & { readonly overrides?: 'trusted_forwarder' | 'local_policy' }
  readonly forwarder: ForwarderMatch | undefined
}

type Done = { readonly disposition: Disposition; readonly reasons: AggregateRow['reasons'] }

const STRICTNESS: readonly Disposition[] = ['none', 'quarantine', 'reject']

/**
 * One message counts once: of several Recipients the mildest outcome. Mail that DMARC passes is `pass` whatever its
 * content was judged to be: that is not DMARC's, and no help to who sends spam.
 */
export function dispositionOf(
  { dmarc, arc }: Pick<Identity, 'dmarc' | 'arc'>,
  judged: readonly Judged[],
  reply: Pick<Reply, 'code'>,
): Done {
  if (dmarc.result === 'pass') return { disposition: 'pass', reasons: [] }
  const accepted = judged.filter(({ judgement }) => judgement.outcome === 'accept')
  const disposition = reply.code >= 500 ? 'reject' : accepted.length > 0 ? 'none' : 'quarantine'
  if (disposition === dmarc.policy) {
    const isMilder = dmarc.steps.some(({ what }) => what.startsWith('t=y'))
    return { disposition, reasons: isMilder ? [{ type: 'policy_test_mode', comment: '' }] : [] }
  }
  const isStricter = STRICTNESS.indexOf(disposition) > STRICTNESS.indexOf(dmarc.policy)
  if (isStricter) return { disposition, reasons: [{ type: 'local_policy', comment: 'our own rules speak against it' }] }
  const mildest = accepted[0] ?? judged.find(({ judgement }) => judgement.outcome === 'junk')
  const { judgement, forwarder } = mildest!
  const type = judgement.overrides ?? (forwarder === undefined ? 'local_policy' : 'trusted_forwarder')
  return { disposition, reasons: [{ type, comment: commentOn(type, judgement.overrides, forwarder, arc) }] }
}

function commentOn(
  type: string,
  overrides: string | undefined,
  forwarder: ForwarderMatch | undefined,
  arc: Identity['arc'],
): string {
  if (type === 'local_policy')
    return overrides === undefined ? 'our own rules speak for it' : 'on our list of senders always let in'
  if (forwarder !== undefined) return `passed on by ${forwarder.provenDomain}`
  return `sealed by ${arc.hops.at(-1)?.domain ?? 'whom we trust'} (ARC)`
}
