// The registrable domain: one label below the public suffix (https://publicsuffix.org). DMARC no longer uses the list
// (RFC 9989 walks the tree instead); reputation and screens use it to group the names of one owner.

import { getDomain } from 'tldts'
import { normalDomain } from './domain.ts'

/** Undefined for a public suffix itself, an address, and what is no name. */
export function registrableDomain(name: string): string | undefined {
  // tldts passes over a leading dot; the list's own tests do not.
  if (name.startsWith('.')) return undefined
  return getDomain(normalDomain(name), { allowPrivateDomains: true }) ?? undefined
}
