// Rights in a mailbox (RFC 4314): letters, what they allow, and how rights of several identifiers add up.

import type { AccessRight } from '../../store/nouns/mail.ts'

/** Each right as one letter, in the order in which they are written. */
export const ALL_RIGHTS = 'lrswipkxtea'
/** RFC 4314 §2.1.1: 'c' and 'd' stand for what they were split into. */
const OLD: Record<string, string> = { c: 'kx', d: 'te' }

/** The rights that one client has in one mailbox. */
export class Rights {
  readonly letters: ReadonlySet<string>

  constructor(letters: Iterable<string>) {
    this.letters = new Set(letters)
  }

  has(letter: string): boolean {
    return this.letters.has(letter)
  }

  /** As they are written, with 'c' and 'd' where all that they stand for is there (RFC 4314 §2.1.1). */
  toString(): string {
    return shownRights(writeRights(this.letters))
  }
}

export const OWNER = new Rights(ALL_RIGHTS)

/** Rights as text; undefined when a letter is none (RFC 4314 §3.1: BAD). */
export function readRights(text: string): Set<string> | undefined {
  const letters = new Set<string>()
  for (const letter of text) {
    for (const each of OLD[letter] ?? letter) letters.add(each)
  }
  for (const letter of letters) if (!ALL_RIGHTS.includes(letter)) return undefined
  return letters
}

export function writeRights(letters: ReadonlySet<string>): string {
  return [...ALL_RIGHTS].filter((letter) => letters.has(letter)).join('')
}

/** RFC 4314 §2.1.1: older clients look for 'c' and 'd' where a part of what they stood for is there. */
export function shownRights(rights: string): string {
  return `${rights}${/[kx]/.test(rights) ? 'c' : ''}${/[te]/.test(rights) ? 'd' : ''}`
}

/** RFC 4314 §2: what the identifiers of a person give, less what their negative ones take away. */
export function rightsOf(entries: readonly AccessRight[], identifiers: readonly string[]): Rights {
  const given = new Set<string>()
  const taken = new Set<string>()
  for (const { identifier, rights } of entries) {
    if (identifiers.includes(identifier)) for (const letter of rights) given.add(letter)
    else if (identifier.startsWith('-') && identifiers.includes(identifier.slice(1))) {
      for (const letter of rights) taken.add(letter)
    }
  }
  return new Rights([...given].filter((letter) => !taken.has(letter)))
}
