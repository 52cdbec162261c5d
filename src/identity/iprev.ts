// iprev: the name of an address that leads back to it (RFC 8601 §3). It proves no sender; it tells hosts that somebody
// cares for from the others.

import type { Dns } from '../world/dns.ts'
import { isAskable, normalDomain } from './domain.ts'
import { parseIp, reverseName, samePrefix } from './ip.ts'

export interface IprevResult {
  readonly result: 'pass' | 'fail' | 'temperror' | 'permerror'
  /** The first name that leads back to the address. */
  readonly name?: string
}

/** RFC 8601 §3 sets no limit; SPF's ten is more than enough. */
const MAX_NAMES = 10

/** Never rejects. 'permerror': the address has no name. */
export async function checkIprev(address: string, dns: Dns): Promise<IprevResult> {
  const ip = parseIp(address)
  if (!ip) return { result: 'permerror' }
  const pointers = await dns.resolve(reverseName(ip), 'PTR')
  if (pointers.status === 'no-answer') return { result: 'temperror' }
  if (pointers.status !== 'records') return { result: 'permerror' }
  let unanswered = false
  for (const pointer of pointers.records.slice(0, MAX_NAMES)) {
    const name = normalDomain(pointer)
    if (!isAskable(name)) continue
    const addresses = await dns.resolve(name, ip.length === 4 ? 'A' : 'AAAA')
    if (addresses.status === 'no-answer') unanswered = true
    if (addresses.status !== 'records') continue
    const back = addresses.records.some((text) => {
      const bytes = parseIp(text)
      return bytes !== undefined && samePrefix(ip, bytes, ip.length * 8)
    })
    if (back) return { result: 'pass', name }
  }
  return { result: unanswered ? 'temperror' : 'fail' }
}
