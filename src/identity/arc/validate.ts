// Validating an ARC chain (RFC 8617 §5.2): the structure of its sets, the newest message signature, then every seal.
// A passing chain proves who handled the message and what they say they saw; whom to believe is for others to decide.

import type { Header } from '../../message/header.ts'
import type { Dns } from '../../world/dns.ts'
import { canonicalFieldBytes } from '../dkim/canonical.ts'
import { findKey } from '../dkim/public-key.ts'
import { CanonicalMessage } from '../dkim/signed-fields.ts'
import { bodyOutcome, lineEnd, verifyData, verifyFields, withoutValue } from '../dkim/verify.ts'
import { type Step, step } from '../steps.ts'
import { type ArcSet, readChain } from './chain.ts'

interface ArcHop {
  readonly instance: number
  /** d= of the seal: who vouches for this set. */
  readonly domain: string
  readonly selector: string
  /** What they say they saw: the ARC-Authentication-Results value after `i=N;`, unfolded. */
  readonly results: string
}

export interface ArcResult {
  /** 'temperror': DNS gave no answer for a key; the chain may pass later. */
  readonly result: 'none' | 'pass' | 'fail' | 'temperror'
  readonly reason?: string
  /** The sets, first to last; on 'fail' those that could be read (nothing in them is proven then). */
  readonly hops: readonly ArcHop[]
  /** The newest seal itself says cv=fail: nobody may add to this chain (§5.1). */
  readonly ended: boolean
  /** The number the next set gets. */
  readonly nextInstance: number
  readonly steps: readonly Step[]
}

/** Never rejects. */
export function validateArc(header: Header, dns: Dns): Promise<ArcResult> {
  return validateArcOf(new CanonicalMessage(header), dns)
}

/** The same for a message whose canonical parts others use too. */
export async function validateArcOf(message: CanonicalMessage, dns: Dns): Promise<ArcResult> {
  const steps: Step[] = []
  const sets = readChain(message.header)
  if ('fault' in sets) {
    steps.push(step('chain not usable', sets.fault))
    return {
      result: 'fail',
      reason: sets.fault,
      hops: [],
      ended: false,
      nextInstance: highestInstance(message.header) + 1,
      steps,
    }
  }
  const hops = sets.map(({ instance, seal, results }) => ({
    instance,
    domain: seal.domain,
    selector: seal.selector,
    results,
  }))
  const ended = sets.at(-1)?.seal.chain === 'fail'
  const finish = (result: ArcResult['result'], reason?: string): ArcResult => {
    steps.push(step(result, reason))
    return { result, reason, hops, ended, nextInstance: sets.length + 1, steps }
  }
  if (sets.length === 0) return finish('none')
  if (ended) return finish('fail', `the seal of ${hops.at(-1)!.domain} says that the chain had failed`) // step 2
  for (const { instance, seal } of sets) {
    // Step 3.D: none for the first seal, pass for all others.
    if ((instance === 1 ? 'none' : 'pass') !== seal.chain)
      return finish('fail', `seal i=${instance} says cv=${seal.chain}`)
  }
  const newest = sets.at(-1)!
  // The signature first: only who made one over this very message gets us to ask for the keys of all seals.
  const fault = (await checkSignature(message, newest, dns)) ?? (await checkSeals(message, sets, dns))
  if (fault) return finish(fault.temporary ? 'temperror' : 'fail', fault.text)
  return finish('pass', hops.map(({ domain }) => domain).join(', '))
}

interface Fault {
  readonly text: string
  readonly temporary: boolean
}

/** Step 4: the newest ARC-Message-Signature must verify. */
async function checkSignature(message: CanonicalMessage, set: ArcSet, dns: Dns): Promise<Fault | undefined> {
  const { signature, signatureField, instance } = set
  const key = await findKey(dns, signature.domain, signature.selector, signature.algorithm)
  if (!('key' in key)) return { text: key.detail, temporary: key.result === 'temperror' }
  const body = bodyOutcome(message, signature)
  if (body.reason) return { text: `message signature i=${instance}: ${body.reason}`, temporary: false }
  if (verifyFields(message, signatureField, signature, key)) return undefined
  return { text: `message signature i=${instance} is wrong`, temporary: false }
}

/** Step 6: every seal must verify. A wrong one outweighs one whose key could not be fetched. */
async function checkSeals(message: CanonicalMessage, sets: readonly ArcSet[], dns: Dns): Promise<Fault | undefined> {
  const faults = await Promise.all(sets.map((_, i) => checkSeal(message, sets, i, dns)))
  return faults.find((fault) => fault && !fault.temporary) ?? faults.find((fault) => fault !== undefined)
}

/** A seal signs all sets up to its own (§5.1.1), always relaxed. */
async function checkSeal(
  message: CanonicalMessage,
  sets: readonly ArcSet[],
  at: number,
  dns: Dns,
): Promise<Fault | undefined> {
  const { seal, sealField, instance } = sets[at]!
  const key = await findKey(dns, seal.domain, seal.selector, seal.algorithm)
  if (!('key' in key)) return { text: key.detail, temporary: key.result === 'temperror' }
  const parts = sealedFields(message, sets.slice(0, at))
  parts.push(message.field(sets[at]!.resultsField, 'relaxed'), message.field(sets[at]!.signatureField, 'relaxed'))
  const own = canonicalFieldBytes(withoutValue(message.header, sealField, seal.valueStart, seal.valueEnd), 'relaxed')
  parts.push(own.subarray(0, lineEnd(own)))
  if (verifyData(seal.algorithm, Buffer.concat(parts), key, seal.value)) return undefined
  return { text: `seal i=${instance} of ${seal.domain} is wrong`, temporary: false }
}

/** The canonical fields of complete sets in the order in which seals sign them (§5.1.1). */
export function sealedFields(message: CanonicalMessage, sets: readonly ArcSet[]): Buffer[] {
  return sets.flatMap((set) =>
    [set.resultsField, set.signatureField, set.sealField].map((field) => message.field(field, 'relaxed')),
  )
}

function highestInstance(header: Header): number {
  let highest = 0
  for (const { lowerName, valueStart, end } of header.fields) {
    if (!lowerName.startsWith('arc-')) continue
    const match = /(?:^|;)\s*i\s*=\s*(\d{1,2})\s*(?:;|$)/.exec(header.source.toString('latin1', valueStart, end))
    highest = Math.max(highest, Number(match?.[1] ?? 0))
  }
  return highest
}
