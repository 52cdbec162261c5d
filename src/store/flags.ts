// Flags as the store keeps them: a bit for each system flag (RFC 9051 §2.3.2) and the keywords as sorted text, joined
// by spaces. Names are compared without case (RFC 9051 §2.3.2); a keyword keeps the case it was first written in.

const SYSTEM_FLAGS = ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft'] as const
const bitOf = new Map(SYSTEM_FLAGS.map((flag, index) => [flag.toLowerCase(), 1 << index]))
export const SEEN = 1
export const DELETED = 8

export interface StoredFlags {
  readonly bits: number
  readonly keywords: string
}

// RFC 9051 §9 flag-keyword = atom: no specials, no space, no controls. What is not a flag is left out, \Recent too.
const keywordForm = /^[^\x00-\x20\x7f(){%*"\\\]]{1,255}$/

/** From names to what is stored. Unknown system flags and names that no client may set are left out. */
export function storedFlags(flags: readonly string[]): StoredFlags {
  if (flags.length === 0) return { bits: 0, keywords: '' }
  let bits = 0
  const keywords = new Map<string, string>()
  for (const flag of flags) {
    const bit = bitOf.get(flag.toLowerCase())
    if (bit !== undefined) bits |= bit
    else if (keywordForm.test(flag) && !keywords.has(flag.toLowerCase())) keywords.set(flag.toLowerCase(), flag)
  }
  return { bits, keywords: keywords.size === 0 ? '' : [...keywords.values()].sort().join(' ') }
}

/** The bit of a system flag; undefined for a keyword. */
export const flagBit = (flag: string): number | undefined => bitOf.get(flag.toLowerCase())

/** What STORE does to a message's flags (RFC 9051 §6.4.6). */
export function changeFlags(old: StoredFlags, mode: 'add' | 'remove' | 'replace', by: StoredFlags): StoredFlags {
  if (mode === 'replace') return by
  const bits = mode === 'add' ? old.bits | by.bits : old.bits & ~by.bits
  if (by.keywords === '') return { bits, keywords: old.keywords }
  const had = old.keywords === '' ? [] : old.keywords.split(' ')
  const named = new Set(by.keywords.toLowerCase().split(' '))
  if (mode === 'remove') return { bits, keywords: had.filter((name) => !named.has(name.toLowerCase())).join(' ') }
  const known = new Set(had.map((name) => name.toLowerCase()))
  const added = by.keywords.split(' ').filter((name) => !known.has(name.toLowerCase()))
  return { bits, keywords: added.length === 0 ? old.keywords : [...had, ...added].sort().join(' ') }
}

// Few combinations are in use, so lists of 100,000 messages share their arrays.
const presented = new Map<string, readonly string[]>()

/** From what is stored to names, sorted. */
export function presentFlags(bits: number, keywords: string): readonly string[] {
  const key = `${bits} ${keywords}`
  let flags = presented.get(key)
  if (flags === undefined) {
    const names: string[] = SYSTEM_FLAGS.filter((_, index) => bits & (1 << index))
    if (keywords !== '') names.push(...keywords.split(' '))
    flags = Object.freeze(names.sort())
    if (presented.size >= 10_000) presented.clear()
    presented.set(key, flags)
  }
  return flags
}

/** A test for one flag by name on what is stored. */
export function flagTest(flag: string): (bits: number, keywords: string) => boolean {
  const name = flag.toLowerCase()
  const bit = bitOf.get(name)
  if (bit !== undefined) return (bits) => (bits & bit) !== 0
  return (_, keywords) => keywords !== '' && keywords.toLowerCase().split(' ').includes(name)
}
