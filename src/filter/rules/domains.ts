// Questions about a domain name that several families of rules ask: whose is it, what does it imitate.

import { domainToUnicode } from 'node:url'
import { getDomain } from 'tldts'
import { oneEditApart, skeleton } from './confusables.ts'
import { ABUSED_TLDS, BRANDS, type Brand, RESERVED_TLDS } from './tables.ts'

const known = new Map<string, string>()
const MAX_KNOWN = 5000

/** The registrable domain (one label below the public suffix), or the name itself where there is none. */
export function organization(name: string): string {
  const kept = known.get(name)
  if (kept !== undefined) return kept
  const found = (name.length <= 253 && getDomain(name, { allowPrivateDomains: true })) || name
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(name, found)
  return found
}

export function tld(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** `paypal` of `paypal.co.uk`: the first label of the registrable domain, as people read it. */
export function mainLabel(name: string): string {
  const own = organization(name)
  const label = own.split('.')[0] ?? own
  return label.startsWith('xn--') ? domainToUnicode(label) || label : label
}

/** Is `name` one of the brand's: its label under any ordinary ending, or a domain that is listed. */
export function belongsTo(name: string, brand: Brand): boolean {
  if (brand.domains.some((domain) => name === domain || name.endsWith(`.${domain}`))) return true
  return mainLabel(name) === brand.label && !ABUSED_TLDS.has(tld(name))
}

/** By what the eye reads of their label. Short labels are left out: too many honest words look like them. */
const BRAND_OF_SKELETON = new Map(
  BRANDS.filter(({ label }) => label.length >= 5).map((brand) => [skeleton(brand.label), brand]),
)

/** The brand that a word is made to look like without being it: `paypa1`, `раураl`. */
export function brandLike(word: string): Brand | undefined {
  if (word.length < 4 || word.length > 60) return undefined
  const brand = BRAND_OF_SKELETON.get(skeleton(word))
  return brand?.label === word ? undefined : brand
}

/** The brand that the name is made to look like without being it: `paypa1.com`, `раураl.com`. */
export function imitatedBrand(name: string): Brand | undefined {
  return brandLike(mainLabel(name))
}

/** The brand whose label is a word of a name that is not its own: `paypal-secure.example`, `paypal.com.evil.example`. */
export function brandWithin(name: string): Brand | undefined {
  if (!/[a-z]{5}/.test(name)) return undefined
  const words = name.split(/[.-]/)
  return BRANDS.find((brand) => brand.label.length >= 5 && words.includes(brand.label) && !belongsTo(name, brand))
}

/** The domain of `own` that the name is made to look like: one letter away, or the same to the eye. */
export function imitatedOwn(name: string, own: readonly string[]): string | undefined {
  const org = organization(name)
  const label = mainLabel(name)
  return own.find((domain) => {
    const ownOrg = organization(domain)
    if (ownOrg === org) return false
    const ownLabel = mainLabel(domain)
    if (label === ownLabel) return false // another ending is too often another honest owner
    if (ownLabel.length >= 4 && skeleton(label) === skeleton(ownLabel)) return true
    return ownLabel.length >= 7 && oneEditApart(label, ownLabel)
  })
}

export function isReserved(name: string): boolean {
  return !name.includes('.') || RESERVED_TLDS.has(tld(name))
}
