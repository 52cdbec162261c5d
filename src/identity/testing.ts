// For tests and suites: a Dns that is a table of names, answered at once (CNAMEs are followed; what is absent does not
// exist), a clock that stands still, and a Cpu that works in place.

import { pbkdf2Sync, sign, verify } from 'node:crypto'
import type { Dns, DnsAnswer, DnsRecords, DnsType } from '../world/dns.ts'
import type { Clock, Cpu } from '../world/world.ts'

/** Records of one name. 'timeout' in place of a type's records (or of all) gives no answer. */
export type FixedRecords = { readonly [T in DnsType]?: readonly DnsRecords[T][] | 'timeout' } & {
  /** Types that are not listed time out. */
  readonly timeout?: boolean
}

/** A Dns that knows exactly these names (any case). `questions`, if given, collects what was asked. */
export function fixedDns(zone: Readonly<Record<string, FixedRecords>>, questions?: string[]): Dns {
  const table = new Map<string, FixedRecords>()
  for (const [name, records] of Object.entries(zone)) table.set(name.toLowerCase().replace(/\.$/, ''), records)
  const answer = <T extends DnsType>(name: string, type: T, depth: number): DnsAnswer<DnsRecords[T]> => {
    const known = table.get(name.toLowerCase().replace(/\.$/, ''))
    if (!known) return { status: 'no-name', authenticated: false }
    const alias = known.CNAME
    if (type !== 'CNAME' && Array.isArray(alias) && alias[0] !== undefined) {
      if (depth > 8) return { status: 'no-answer', reason: 'CNAME loop' }
      return answer(alias[0], type, depth + 1)
    }
    const records = known[type] as readonly DnsRecords[T][] | 'timeout' | undefined
    if (records === 'timeout' || (!records && known.timeout)) return { status: 'no-answer', reason: 'timed out' }
    if (!records || records.length === 0) return { status: 'no-data', authenticated: false }
    return { status: 'records', records, ttlS: 300, authenticated: false }
  }
  return {
    resolve: async (name, type) => {
      questions?.push(`${type} ${name}`)
      return answer(name, type, 0)
    },
  }
}

/** A clock that stands still. */
export function fixedClock(timeS: number): Clock {
  return { now: () => timeS * 1000, monotonic: () => 0, sleep: async () => {}, after: () => ({ cancel: () => {} }) }
}

/** Works in place. */
export const directCpu: Cpu = {
  sign: async (algorithm, data, privateKey) => sign(algorithm, data, privateKey),
  verify: async (algorithm, data, publicKey, signature) => verify(algorithm, data, publicKey, signature),
  pbkdf2: async (password, salt, iterations) => pbkdf2Sync(password, salt, iterations, 32, 'sha256'),
  argon2id: () => Promise.reject(new Error('no password is checked here')),
  compress: () => Promise.reject(new Error('nothing is compressed here')),
  decompress: () => Promise.reject(new Error('nothing is compressed here')),
}
