// Where reports of others arrive: addresses that every Receiver has, whoever its people are. The postmaster reads them
// (RFC 2142 §4 asks for abuse@), unless a person has the address.

import type { Agent } from '../agent.ts'

const LOCAL_PARTS = {
  /** rua= of the DMARC record. */
  dmarc: 'dmarc-reports',
  /** rua= of the TLS reporting record. */
  tls: 'tls-reports',
  /** CFBL-Address of what Authors here send, and RFC 2142. */
  abuse: 'abuse',
} as const

const ALL: ReadonlySet<string> = new Set(Object.values(LOCAL_PARTS))

/** The address for one kind of report. */
export function reportAddress(kind: keyof typeof LOCAL_PARTS, domain: string): string {
  return `${LOCAL_PARTS[kind]}@${domain}`
}

/** Is it an address that the postmaster reads because reports come there. */
export function isReportAddress(agent: Pick<Agent, 'domain'>, address: string): boolean {
  const at = address.lastIndexOf('@')
  return ALL.has(address.slice(0, at).toLowerCase()) && address.slice(at + 1).toLowerCase() === agent.domain
}
