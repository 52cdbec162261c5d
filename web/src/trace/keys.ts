// Keys for signatures: those that were pasted, and, only where the page was told to, those that a public resolver is asked for
// by HTTPS (the JSON form that several of them speak). Whoever is asked learns the names of the keys, and nothing of the message.

import type { Dns, DnsAnswer, DnsRecords, DnsType } from '../../../src/world/dns.ts'

/** Public resolvers that answer pages: their names, and where. */
export const RESOLVERS: Readonly<Record<string, string>> = {
  Cloudflare: 'https://cloudflare-dns.com/dns-query',
  Google: 'https://dns.google/resolve',
}

const PATIENCE_MS = 10_000
const MAX_RECORDS = 10

/** Undefined: no keys are known and nobody may be asked. */
export function keysOf(known: Readonly<Record<string, string>>, resolver: string | undefined): Dns | undefined {
  const url = resolver === undefined ? undefined : RESOLVERS[resolver]
  if (url === undefined && Object.keys(known).length === 0) return undefined
  const asked = new Map<string, Promise<DnsAnswer<string>>>()
  async function txt(name: string): Promise<DnsAnswer<string>> {
    const pasted = known[name.toLowerCase()]
    if (pasted !== undefined) return { status: 'records', records: [pasted], ttlS: 0, authenticated: false }
    if (url === undefined) return { status: 'no-answer', reason: 'its key is not here, and nobody was asked' }
    const answer = asked.get(name) ?? askResolver(url, name)
    asked.set(name, answer)
    return answer
  }
  return {
    resolve: async <T extends DnsType>(name: string, type: T): Promise<DnsAnswer<DnsRecords[T]>> =>
      type === 'TXT'
        ? ((await txt(name)) as DnsAnswer<DnsRecords[T]>)
        : { status: 'no-answer', reason: 'only keys are asked for here' },
  }
}

async function askResolver(url: string, name: string): Promise<DnsAnswer<string>> {
  try {
    const response = await fetch(`${url}?name=${encodeURIComponent(name)}&type=TXT`, {
      headers: { accept: 'application/dns-json' },
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    if (!response.ok) return { status: 'no-answer', reason: `the resolver said ${response.status}` }
    return answerOf(await response.json())
  } catch (error) {
    return { status: 'no-answer', reason: `the resolver could not be asked: ${String(error)}` }
  }
}

interface JsonAnswer {
  readonly Status?: number
  readonly AD?: boolean
  readonly Answer?: readonly { readonly type?: number; readonly data?: string }[]
}

const TXT = 16

/** RFC 8427 in spirit: the strings of a record stand in quotes, one after the other. */
export function answerOf({ Status, AD, Answer }: JsonAnswer): DnsAnswer<string> {
  const authenticated = AD === true
  if (Status === 3) return { status: 'no-name', authenticated }
  if (Status !== 0) return { status: 'no-answer', reason: `the resolver answered with code ${Status}` }
  const records = (Array.isArray(Answer) ? Answer : [])
    .filter(({ type, data }) => type === TXT && typeof data === 'string')
    .slice(0, MAX_RECORDS)
    .map(({ data }) => unquoted(data!))
  return records.length === 0
    ? { status: 'no-data', authenticated }
    : { status: 'records', records, ttlS: 0, authenticated }
}

function unquoted(data: string): string {
  if (!data.startsWith('"')) return data
  return [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text!.replace(/\\(.)/g, '$1')).join('')
}
