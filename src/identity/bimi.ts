// BIMI: which picture a domain wants shown beside its mail (draft-brand-indicators-for-message-identification §4, §7).
// Only the record is looked up, and only for mail that passed a DMARC policy which is enforced. The picture's URL is
// text of a stranger: whoever shows it fetches it through a proxy and vouches for nothing without a certificate (a=).

import { firstValue, type Header } from '../message/header.ts'
import type { Dns } from '../world/dns.ts'
import { isMailDomain, normalDomain } from './domain.ts'
import type { Identity } from './identity.ts'
import { type Step, step } from './steps.ts'
import { compactTag, parseTags } from './tags.ts'

export interface BimiResult {
  /** 'declined': the domain says that it wants no picture. 'skipped': the message proves too little. */
  readonly result: 'record' | 'none' | 'declined' | 'skipped' | 'permerror' | 'temperror'
  /** The domain whose record was found. */
  readonly domain: string
  readonly selector: string
  /** l=: an https URL of an SVG; undefined when there is none. */
  readonly location: string | undefined
  /** a=: an https URL of a certificate for the mark; not checked here. */
  readonly evidence: string | undefined
  readonly steps: readonly Step[]
}

const MAX_URL = 1000

/** Looks up the record for an authenticated message. Never rejects. `selector` is the BIMI-Selector field's s=. */
export async function lookupBimi(
  identity: Pick<Identity, 'dmarc'>,
  dns: Dns,
  selector = 'default',
): Promise<BimiResult> {
  const { dmarc } = identity
  const chosen = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(selector) ? selector.toLowerCase() : 'default'
  const steps: Step[] = []
  const nothing = { domain: dmarc.domain, selector: chosen, location: undefined, evidence: undefined, steps }
  const weakness = weaknessOf(dmarc)
  if (weakness !== undefined) {
    steps.push(step('not looked up', weakness))
    return { ...nothing, result: 'skipped' }
  }
  // §7.2: the Author Domain first, then its organization with the same selector.
  const domains = [...new Set([dmarc.domain, dmarc.organizationalDomain ?? dmarc.policyDomain ?? dmarc.domain])]
  for (const domain of domains) {
    const name = `${chosen}._bimi.${domain}`
    const answer = await dns.resolve(name, 'TXT')
    if (answer.status === 'no-answer') {
      steps.push(step('no answer', `${name}: ${answer.reason}`))
      return { ...nothing, result: 'temperror' }
    }
    const records = answer.status === 'records' ? answer.records.filter((text) => /^v=BIMI1\s*(?:;|$)/.test(text)) : []
    steps.push(step(records.length === 0 ? 'no record' : 'record', `${name}: ${records.join(' | ')}`))
    if (records.length === 0) continue
    const tags = records.length === 1 ? parseTags(records[0]!) : undefined
    if (!tags) return { ...nothing, domain, result: 'permerror' }
    const texts = [compactTag(tags, 'l') ?? '', compactTag(tags, 'a') ?? '']
    if (texts.every((text) => text === '')) return { ...nothing, domain, result: 'declined' } // §4.4
    const [location, evidence] = texts.map(secureUrl)
    if (texts.some((text, i) => text !== '' && [location, evidence][i] === undefined))
      return { ...nothing, domain, result: 'permerror' }
    return { ...nothing, domain, location, evidence, result: 'record' }
  }
  return { ...nothing, result: 'none' }
}

/** s= of the BIMI-Selector field (§5.1); undefined where there is none. */
export function bimiSelector(header: Header): string | undefined {
  return /(?:^|;)\s*s=\s*([^\s;]{1,63})\s*(?:;|$)/.exec(firstValue(header, 'bimi-selector') ?? '')?.[1]
}

/** §7.1: DMARC must pass under a policy that is enforced for all mail. */
function weaknessOf({ result, domain, record }: Identity['dmarc']): string | undefined {
  if (result !== 'pass') return `DMARC ${result}`
  if (!isMailDomain(normalDomain(domain))) return 'no domain'
  const isEnforced = (policy: string | undefined) => policy === 'quarantine' || policy === 'reject'
  if (!record || record.testing || !isEnforced(record.policy)) return 'the DMARC policy is not enforced'
  if (record.subdomainPolicy === 'none') return 'the DMARC policy spares subdomains'
  if (record.percent !== undefined && record.percent < 100) return 'the DMARC policy spares a part of the mail'
  return undefined
}

/** §4.2: https only. */
function secureUrl(text: string): string | undefined {
  if (text.length > MAX_URL || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.protocol === 'https:' && url.username === '' ? url.href : undefined
}
