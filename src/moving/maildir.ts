// Maildir as Dovecot, Courier, mbsync and mutt keep it: one file a message, flags after ':2,' in its name, folders beside
// each other as '.A.B' (Maildir++) or within each other; and what Dovecot notes beside the messages: keywords, UIDVALIDITY,
// UIDs, what POP3 calls them.

import { decodeMailboxName, encodeMailboxName } from '../protocols/imap/mutf7.ts'

const FLAGS: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['P', '$Forwarded'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
]
const flagOf = new Map(FLAGS)
const letterOf = new Map(FLAGS.map(([letter, flag]) => [flag.toLowerCase(), letter]))
/** Keywords have the letters a to z. */
export const MOST_KEYWORDS = 26

/** What a file's name says. `base` names the message as long as it lives. */
export function parseFileName(name: string, keywords: readonly string[]): { base: string; flags: string[] } {
  // ':' is '!' or ';' where a file system has no ':'.
  const [, base = name, letters = ''] = /^(.+?)[:;!]2,([A-Za-z]*)/.exec(name) ?? []
  const flags = [...letters].flatMap((letter) => flagOf.get(letter) ?? keywords[letter.charCodeAt(0) - 97] ?? [])
  // mbsync notes UIDs of its own in names, and may change them.
  return { base: base.replace(/,U=\d+/, ''), flags: [...new Set(flags)] }
}

/** The part of a file's name that says the flags; `keywords` are those with letters. */
export function flagLetters(flags: readonly string[], keywords: readonly string[]): string {
  const letters = flags.flatMap((flag) => {
    const letter = letterOf.get(flag.toLowerCase())
    if (letter !== undefined) return letter
    const index = keywords.indexOf(flag)
    return index >= 0 && index < MOST_KEYWORDS ? String.fromCharCode(97 + index) : []
  })
  return `:2,${letters.sort().join('')}`
}

/** Does a letter stand for this flag, whatever the keywords. */
export const hasLetter = (flag: string): boolean => letterOf.has(flag.toLowerCase())

/** dovecot-keywords: 'INDEX NAME' in each line. */
export function parseKeywords(text: string): string[] {
  const names: string[] = []
  for (const line of text.split('\n').slice(0, 1000)) {
    const [, index, name] = /^(\d{1,2}) (\S+)\s*$/.exec(line) ?? []
    if (name !== undefined && Number(index) < MOST_KEYWORDS) names[Number(index)] = name
  }
  return names
}

export interface UidList {
  readonly uidValidity: number | undefined
  readonly uidNext: number | undefined
  /** By the part of the file's name that stays. */
  readonly uids: ReadonlyMap<string, { readonly uid: number; readonly uidl: string | undefined }>
}

/** dovecot-uidlist, versions 1 and 3; undefined when it is none. */
export function parseUidList(text: string): UidList | undefined {
  const end = text.indexOf('\n')
  const first = (end < 0 ? text : text.slice(0, end)).trimEnd()
  const [version, ...rest] = first.split(' ')
  const fields = new Map(rest.map((word) => [word[0], Number(word.slice(1))]))
  const [validity, next] =
    version === '3' ? [fields.get('V'), fields.get('N')] : version === '1' ? rest.map(Number) : []
  if (version !== '1' && version !== '3') return undefined
  const uids = new Map<string, { uid: number; uidl: string | undefined }>()
  const line = version === '3' ? /^(\d+)((?: [^: ]\S*)*) :(.+)$/gm : /^(\d+)() (.+)$/gm
  line.lastIndex = end < 0 ? text.length : end + 1
  for (const [, uid, extras = '', name] of text.matchAll(line)) {
    const uidl = / P(\S+)/.exec(extras)?.[1]
    uids.set(parseFileName(name!.trimEnd(), []).base, { uid: Number(uid), uidl })
  }
  const number = (value: number | undefined) =>
    value !== undefined && value >= 1 && value < 2 ** 32 ? value : undefined
  return { uidValidity: number(validity), uidNext: number(next), uids }
}

/** What Dovecot's POP3 calls a message, if nobody told it otherwise (pop3_uidl_format %08Xu%08Xv). */
export function dovecotUidl(uid: number, uidValidity: number): string {
  return [uid, uidValidity].map((number) => number.toString(16).padStart(8, '0')).join('')
}

/** The parts of the mailbox that a Maildir++ folder '.A.B' holds. */
export function partsOfFolder(name: string): string[] {
  return name
    .slice(1)
    .split('.')
    .map((part) => decodeMailboxName(part) ?? part)
}

/** The Maildir++ folder of a mailbox; '.' between parts has no other meaning there. */
export function folderOfParts(parts: readonly string[]): string {
  if (parts.length === 1 && parts[0] === 'INBOX') return ''
  return parts.map((part) => `.${encodeMailboxName(part).replaceAll('.', '&AC4-').replaceAll('/', '&AC8-')}`).join('')
}

/** The file `subscriptions`: names in lines, parts between '.'; or, after 'V 2', parts between tabs. */
export function parseSubscriptions(text: string): string[][] {
  const lines = text.split('\n').slice(0, 100_000)
  const isSecond = /^V\s+2/.test(lines[0] ?? '')
  return lines
    .slice(isSecond ? 1 : 0)
    .filter((line) => line.trim() !== '')
    .map((line) =>
      line
        .trimEnd()
        .split(isSecond ? '\t' : '.')
        .map((part) => decodeMailboxName(part) ?? part),
    )
}
