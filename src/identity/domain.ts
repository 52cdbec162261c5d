// Domain names as DNS can hold them (RFC 1035 §2.3.4): what may be asked, and what is below what. Text is compared in
// lower case without the final dot; U-labels become A-labels (RFC 5890) before anything is asked.

import { domainToASCII } from 'node:url'

/** Lower case, no final dot, A-labels. Empty when it is no name at all. */
export function normalDomain(text: string): string {
  let name = text.endsWith('.') ? text.slice(0, -1) : text
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 126) {
      // To a URL parser these end the name: what stands before them would be taken for all of it.
      name = /[\0-\x20%/?#:@[\]\\]/.test(name) ? '' : domainToASCII(name).replace(/\.$/, '')
      break
    }
  }
  return name.toLowerCase()
}

/** Can DNS be asked for it: labels of 1 to 63 bytes, 253 in all. Says nothing about the characters. */
export function isAskable(name: string): boolean {
  if (name.length === 0 || name.length > 253) return false
  let labelStart = 0
  for (let i = 0; i <= name.length; i++) {
    if (i < name.length && name.charCodeAt(i) !== 46) continue
    if (i === labelStart || i - labelStart > 63) return false
    labelStart = i + 1
  }
  return true
}

/** A host-like name of letters, digits, hyphens and underscores with at least two labels. */
export function isMailDomain(name: string): boolean {
  return isAskable(name) && name.includes('.') && /^[a-z0-9._-]+$/i.test(name) && !/^[0-9.]+$/.test(name)
}

/** Is `name` the domain or below it? Both normal. */
export function isWithin(name: string, domain: string): boolean {
  return (
    name === domain ||
    (name.length > domain.length && name.endsWith(domain) && name[name.length - domain.length - 1] === '.')
  )
}

/** The part after the last `@`, normal; empty when there is none. */
export function domainOf(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 0 ? '' : normalDomain(address.slice(at + 1))
}
