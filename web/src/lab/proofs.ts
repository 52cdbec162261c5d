// The proofs of the table, in words, and how a result is to be taken.

import type { End, Proof } from '../../../src/lab/simulate/survival.ts'

export const PROOF_NAMES: readonly { readonly id: Proof; readonly name: string; readonly asks: string }[] = [
  {
    id: 'spf',
    name: 'SPF',
    asks: 'May the machine that connects send for the domain of the reverse-path? It speaks of the last hop only, so a Forwarder breaks it, or answers for itself.',
  },
  {
    id: 'helo',
    name: 'HELO',
    asks: 'May the machine that connects call itself by this name? It proves the relay, and no Author.',
  },
  {
    id: 'dkim',
    name: 'DKIM',
    asks: 'Is the letter as the domain signed it? It travels with the letter over any number of hops, until somebody changes a signed part.',
  },
  {
    id: 'dmarc',
    name: 'DMARC',
    asks: "Does SPF or DKIM prove the very domain that the Recipient sees in From? What becomes of the rest is the domain's own policy.",
  },
  {
    id: 'arc',
    name: 'ARC',
    asks: 'What did those see who passed the letter on, sealed by them? It counts for who trusts the sealer.',
  },
]

export type Tone = 'good' | 'bad' | 'other' | 'none'

/** `pass (old.test)`: somebody is proven, and it is not the Author. */
export function toneOf(result: string): Tone {
  if (result === 'pass') return 'good'
  if (/(^|, )pass \(/.test(result) && !/^(fail|permerror)/.test(result)) return 'other'
  if (/^(fail|softfail|permerror|policy)/.test(result)) return 'bad'
  return 'none'
}

export const END_TONES: Readonly<Record<End, Tone>> = {
  inbox: 'good',
  Junk: 'other',
  refused: 'bad',
  bounced: 'bad',
  waiting: 'other',
  nowhere: 'bad',
}
