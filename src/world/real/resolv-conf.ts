// The name servers this machine is configured to ask: /etc/resolv.conf (resolv.conf(5)).

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Endpoint } from '../network.ts'

export interface SystemDns {
  readonly servers: readonly Endpoint[]
  /** 'options trust-ad', or every server on this machine: the AD bit may be believed. */
  readonly trustAuthenticatedData: boolean
}

const dnsPort = 53
/** The resolver of libc reads no more either (MAXNS). */
const mostServers = 3

/** Read when called; a machine without the file asks itself, as libc does. */
export function systemDns(path = '/etc/resolv.conf'): SystemDns {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'))
  } catch {
    return parseResolvConf('')
  }
}

export function parseResolvConf(text: string): SystemDns {
  const servers: Endpoint[] = []
  let trustsAd = false
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined && isIP(values[0]) !== 0 && servers.length < mostServers) {
      servers.push({ address: values[0], port: dnsPort })
    }
    if (keyword === 'options' && values.includes('trust-ad')) trustsAd = true
  }
  if (servers.length === 0) servers.push({ address: '127.0.0.1', port: dnsPort })
  const areLocal = servers.every(({ address }) => address === '::1' || address.startsWith('127.'))
  return { servers, trustAuthenticatedData: trustsAd || areLocal }
}
