// JMAP's keywords and IMAP's flags are two spellings of one set (RFC 8621 §4.1.1).

import type { Placement } from '../../store/nouns/mail.ts'

const FLAG_OF: Record<string, string> = {
  $seen: '\\Seen',
  $flagged: '\\Flagged',
  $draft: '\\Draft',
  $answered: '\\Answered',
}
const KEYWORD_OF = new Map(Object.entries(FLAG_OF).map(([keyword, flag]) => [flag.toLowerCase(), keyword]))

/** IMAP's spelling of a keyword. */
export const flagOf = (keyword: string): string => FLAG_OF[keyword.toLowerCase()] ?? keyword.toLowerCase()

/** The form RFC 8621 §4.1.1 allows: what an IMAP atom allows too. */
export const isKeyword = (keyword: string): boolean => /^[!#$&'+\-./0-9:;<=>?@A-Z^_`a-z|}~]{1,255}$/.test(keyword)

/** The keywords of an email: those of all its placements. `\\Deleted` has no keyword. */
export function keywordsOf(placements: readonly Placement[]): Set<string> {
  const keywords = new Set<string>()
  for (const placement of placements)
    for (const flag of placement.flags) {
      const keyword = KEYWORD_OF.get(flag.toLowerCase()) ?? flag.toLowerCase()
      if (keyword[0] !== '\\') keywords.add(keyword)
    }
  return keywords
}
