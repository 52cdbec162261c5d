// The part of node:url that reads names of hosts.

import punycode from 'punycode/'

/** As hosts of URLs are read (WHATWG URL §3.3); '' when it is none. */
export function domainToASCII(name: string): string {
  try {
    return new URL(`ws://${name}`).hostname
  } catch {
    return ''
  }
}

export function domainToUnicode(name: string): string {
  const ascii = domainToASCII(name)
  try {
    return punycode.toUnicode(ascii)
  } catch {
    return ascii
  }
}
