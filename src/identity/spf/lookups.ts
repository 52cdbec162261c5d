// How many questions to DNS an SPF record costs its readers (RFC 7208 §4.6.4): with more than ten it proves nothing.

import type { Dns } from '../../world/dns.ts'
import { isSpfRecord, parseSpfRecord } from './record.ts'

export const MAX_LOOKUPS = 10
/** Enough to say that it is too many. */
const STOP_AT = 3 * MAX_LOOKUPS
const COSTS: ReadonlySet<string> = new Set(['include', 'a', 'mx', 'ptr', 'exists'])

/** The terms of the record of `domain`, and of those it includes, that are looked up; undefined: nobody answers. */
export async function spfLookups(domain: string, dns: Dns): Promise<number | undefined> {
  let count = 0
  const waiting = [domain]
  while (waiting.length > 0 && count <= STOP_AT) {
    const answer = await dns.resolve(waiting.shift()!, 'TXT')
    if (answer.status === 'no-answer') return undefined
    const text = answer.status === 'records' ? answer.records.find(isSpfRecord) : undefined
    const record = text === undefined ? undefined : parseSpfRecord(text)
    if (record === undefined || 'error' in record) continue
    for (const { name, text: term } of record.directives) {
      if (!COSTS.has(name)) continue
      count++
      const target = term.slice(term.indexOf(':') + 1)
      if (name === 'include' && !target.includes('%')) waiting.push(target)
    }
    const redirect = /(?:^| )redirect=([^ %]+)(?: |$)/i.exec(text!)?.[1]
    if (record.redirect !== undefined) count++
    if (redirect !== undefined) waiting.push(redirect)
  }
  return count
}
