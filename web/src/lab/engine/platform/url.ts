// The part of node:url that reads names of hosts.

import punycode from 'punycode/'

/** As hosts of URLs are read (WHATWG URL §3.3); '' when it is none. */
export function domainToASCII(name: string): string {
  try {
    const { hostname } = new URL(`ws://${name}`)
    // Browsers escape what a name may not hold.
    return hostname.includes('%') ? '' : hostname
  } catch {
    return ''
  }
}

/** A label stays as it is when nobody would write it so. */
export function domainToUnicode(name: string): string {
  return domainToASCII(name)
    .split('.')
    .map((label) => {
      const shown = decoded(label)
      return domainToASCII(shown) === label ? shown : label
    })
    .join('.')
}

function decoded(label: string): string {
  try {
    return punycode.toUnicode(label)
  } catch {
    return label
  }
}
