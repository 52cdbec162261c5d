// DMARC: does what SPF and DKIM proved belong to the domain in From, and if not, what does that domain ask for?
// (RFC 9989: §4.10 policy discovery, §4.4 alignment, §4.7 what a record says.) Records of RFC 7489 are understood too.

import type { Dns } from '../../world/dns.ts'
import type { DkimResult } from '../dkim/verify.ts'
import { isAskable, isWithin } from '../domain.ts'
import { provesDomain, type SpfResult } from '../spf/spf.ts'
import { type Step, step } from '../steps.ts'
import type { Author } from './author.ts'
import type { DmarcRecord, Policy } from './record.ts'
import { TreeWalker } from './tree-walk.ts'

export interface DmarcResult {
  readonly result: 'pass' | 'fail' | 'none' | 'temperror' | 'permerror'
  /** The domain in From that was judged (of several, the one that decided); empty when there is none. */
  readonly domain: string
  /** What is asked for this message when it fails: p=, sp= or np=, one step milder for t=y. */
  readonly policy: Policy
  /** The domain whose record was used. */
  readonly policyDomain: string | undefined
  readonly organizationalDomain: string | undefined
  readonly record: DmarcRecord | undefined
  /** The authenticated domains that agree with From. */
  readonly aligned: { readonly spf: string | undefined; readonly dkim: string | undefined }
  /** A signature that would agree, were it not for the part of the body that it leaves open (l=). */
  readonly openSignature?: { readonly domain: string; readonly unsignedBytes: number }
  readonly reason?: string
  readonly steps: readonly Step[]
}

/** What was authenticated. */
export interface Evidence {
  readonly spf: Pick<SpfResult, 'result' | 'domain' | 'letsEverybody'>
  readonly dkim: readonly Pick<DkimResult, 'result' | 'domain' | 'unsignedBytes'>[]
}

const STRICTNESS: readonly Policy[] = ['none', 'quarantine', 'reject']
const ORDER: readonly DmarcResult['result'][] = ['pass', 'none', 'permerror', 'temperror', 'fail']

function stricter(a: Policy, b: Policy): Policy {
  return STRICTNESS[Math.max(STRICTNESS.indexOf(a), STRICTNESS.indexOf(b))]!
}

/** Judges every domain in From; the worst result decides, with the strictest policy (§5.3). Never rejects. */
export async function evaluateDmarc(author: Author, evidence: Evidence, dns: Dns): Promise<DmarcResult> {
  const walker = new TreeWalker(dns)
  const results: DmarcResult[] = []
  for (const domain of author.domains) results.push(await evaluateDomain(domain, evidence, walker, dns))
  results.sort((a, b) => ORDER.indexOf(b.result) - ORDER.indexOf(a.result))
  const worst = results[0]
  if (!author.fault) {
    if (!worst)
      return { ...NOTHING, result: 'none', reason: 'From names no domain', steps: [step('From names no domain')] }
    if (results.length === 1) return worst
    const policy = results
      .filter(({ result }) => result === 'fail')
      .reduce<Policy>((known, { policy }) => stricter(known, policy), 'none')
    return {
      ...worst,
      policy: worst.result === 'fail' ? policy : worst.policy,
      steps: results.flatMap(({ steps }) => steps),
    }
  }
  // A From that readers may read differently never passes, whoever is in it; it is set aside at least.
  const policy = results.reduce<Policy>((known, { policy }) => stricter(known, policy), 'quarantine')
  const steps = [step('From is not clear', author.fault), ...results.flatMap(({ steps }) => steps)]
  return { ...(worst ?? NOTHING), result: 'fail', policy, reason: author.fault, aligned: NOTHING.aligned, steps }
}

const NOTHING: Omit<DmarcResult, 'result' | 'steps'> = {
  domain: '',
  policy: 'none',
  policyDomain: undefined,
  organizationalDomain: undefined,
  record: undefined,
  aligned: { spf: undefined, dkim: undefined },
}

async function evaluateDomain(domain: string, evidence: Evidence, walker: TreeWalker, dns: Dns): Promise<DmarcResult> {
  const steps: Step[] = [step('From domain', domain)]
  const nothing = { ...NOTHING, domain, steps }
  // A single label is a domain, too (RFC 5321 §2.3.5: a top-level domain by itself).
  if (!isAskable(domain) || !/^[a-z0-9._-]+$/.test(domain))
    return { ...nothing, result: 'none', reason: 'not a domain name' }
  // §4.10.1: the record of the Author Domain itself, else of its organization, else of the public suffix.
  const own = await walker.lookup(domain)
  if ('noAnswer' in own) return { ...nothing, result: 'temperror', reason: own.noAnswer }
  const discovered = own.record ? { policyDomain: domain, record: own.record } : await inherited(domain, walker)
  if ('noAnswer' in discovered) return { ...nothing, result: 'temperror', reason: discovered.noAnswer }
  const { policyDomain, record } = discovered
  if (!record) return { ...nothing, result: 'none', reason: 'no DMARC record' }
  steps.push(step('DMARC record', `_dmarc.${policyDomain}: ${record.text}`))
  if (record.passedOver.length > 0) steps.push(step('passed over in the record', record.passedOver.join('; ')))
  // §4.7 p=: a record without a usable policy asks for reports only, or for nothing at all.
  const unusable = record.policy === undefined || record.malformed
  if (unusable && record.aggregateReports.length === 0)
    return { ...nothing, result: 'none', reason: 'the record names no policy' }
  const { policy: published, noAnswer } = unusable
    ? { policy: 'none' as const, noAnswer: undefined }
    : await policyFor(domain, policyDomain, record, dns, steps)
  const policy = record.testing && published !== 'none' ? STRICTNESS[STRICTNESS.indexOf(published) - 1]! : published
  if (policy !== published) steps.push(step('t=y: one step milder', `${published} becomes ${policy}`))

  const alignment = new Alignment(domain, walker)
  const spf =
    provesDomain(evidence.spf) && (await alignment.holds(evidence.spf.domain, record.strictSpf))
      ? evidence.spf.domain
      : undefined
  const { dkim, openSignature } = await alignedSignature(evidence, alignment, record)
  if (openSignature !== undefined)
    steps.push(step('a signature leaves part of the body open', `DKIM ${openSignature.domain}`))
  const known = {
    ...nothing,
    policy,
    policyDomain,
    record,
    organizationalDomain: alignment.organizationalDomain,
    aligned: { spf, dkim },
    ...(openSignature && { openSignature }),
  }
  if (spf || dkim) {
    steps.push(step('aligned', [spf && `SPF ${spf}`, dkim && `DKIM ${dkim}`].filter(Boolean).join(', ')))
    return { ...known, result: 'pass' }
  }
  const waiting = alignment.noAnswer ?? (await mayStillPass(evidence, alignment, record)) ?? noAnswer
  if (waiting) return { ...known, result: 'temperror', reason: waiting }
  steps.push(step('nothing aligned', `policy ${policy}`))
  return { ...known, result: 'fail', reason: 'neither SPF nor DKIM proves this domain' }
}

async function inherited(
  domain: string,
  walker: TreeWalker,
): Promise<{ policyDomain: string; record: DmarcRecord | undefined } | { noAnswer: string }> {
  const walk = await walker.walk(domain)
  if (walk.noAnswer) return { noAnswer: walk.noAnswer }
  const organization = walk.found.find((entry) => entry.domain === walk.organizationalDomain)
  const above = organization ?? walk.found.find(({ record }) => record.publicSuffix === 'y')
  return { policyDomain: above?.domain ?? domain, record: above?.record }
}

/** §4.7: p= for the domain of the record, else np= where the domain does not exist, else sp=, else p=. */
async function policyFor(
  domain: string,
  policyDomain: string,
  record: DmarcRecord,
  dns: Dns,
  steps: Step[],
): Promise<{ policy: Policy; noAnswer?: string }> {
  if (domain === policyDomain) return { policy: record.policy! }
  const policy = record.subdomainPolicy ?? record.policy!
  if (record.absentPolicy === undefined || record.absentPolicy === policy) return { policy }
  const exists = await existence(domain, dns)
  if (exists === 'no') {
    steps.push(step('From domain does not exist', domain))
    return { policy: record.absentPolicy }
  }
  return exists === 'yes' ? { policy } : { policy, noAnswer: exists.noAnswer }
}

/** §3.2.13: only "no such name" says that a domain does not exist. */
async function existence(domain: string, dns: Dns): Promise<'yes' | 'no' | { noAnswer: string }> {
  const address = await dns.resolve(domain, 'A')
  if (address.status === 'no-answer') return { noAnswer: `whether ${domain} exists: ${address.reason}` }
  if (address.status !== 'no-name') return 'yes'
  // An alias exists though its target does not (RFC 6604 §3).
  const alias = await dns.resolve(domain, 'CNAME')
  return alias.status === 'records' ? 'yes' : 'no'
}

/** §4.4: identical domains when strict, domains of one organization when relaxed. */
class Alignment {
  readonly #domain: string
  readonly #walker: TreeWalker
  organizationalDomain: string | undefined
  noAnswer: string | undefined

  constructor(domain: string, walker: TreeWalker) {
    this.#domain = domain
    this.#walker = walker
  }

  async holds(authenticated: string, strict: boolean): Promise<boolean> {
    if (authenticated === this.#domain) return true
    if (strict || !isAskable(authenticated)) return false
    this.organizationalDomain ??= await this.#organizationOf(this.#domain)
    // An organization stands above its members, so most strangers need no walk of their own.
    if (!this.organizationalDomain || !isWithin(authenticated, this.organizationalDomain)) return false
    return (await this.#organizationOf(authenticated)) === this.organizationalDomain
  }

  async #organizationOf(domain: string): Promise<string | undefined> {
    const walk = await this.#walker.walk(domain)
    this.noAnswer ??= walk.noAnswer
    return walk.noAnswer ? undefined : walk.organizationalDomain
  }
}

/** A signature that leaves part of the body open (l=) proves nothing about what a reader sees (RFC 6376 §8.2). */
async function alignedSignature(
  evidence: Evidence,
  alignment: Alignment,
  record: DmarcRecord,
): Promise<{ dkim: string | undefined; openSignature?: NonNullable<DmarcResult['openSignature']> }> {
  const passed = evidence.dkim.filter(({ result }) => result === 'pass')
  for (const { domain, unsignedBytes } of passed)
    if (unsignedBytes === 0 && (await alignment.holds(domain, record.strictDkim))) return { dkim: domain }
  for (const { domain, unsignedBytes } of passed)
    if (unsignedBytes > 0 && (await alignment.holds(domain, record.strictDkim)))
      return { dkim: undefined, openSignature: { domain, unsignedBytes } }
  return { dkim: undefined }
}

/** An aligned identity that DNS said nothing about: the message may pass when it is tried again. */
async function mayStillPass(
  evidence: Evidence,
  alignment: Alignment,
  record: DmarcRecord,
): Promise<string | undefined> {
  const { spf, dkim } = evidence
  if (spf.result === 'temperror' && (await alignment.holds(spf.domain, record.strictSpf)))
    return `SPF of ${spf.domain} could not be checked`
  for (const { result, domain } of dkim) {
    if (result === 'temperror' && (await alignment.holds(domain, record.strictDkim)))
      return `the key of ${domain} could not be fetched`
  }
  return undefined
}
