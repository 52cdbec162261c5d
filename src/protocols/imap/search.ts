// SEARCH (RFC 9051 §6.4.4, ESEARCH RFC 4731, SEARCHRES RFC 5182, MODSEQ RFC 7162 §3.1.5, PARTIAL RFC 9394, CONTEXT RFC
// 5267, MESSAGELIMIT RFC 9738).

import { knownCharset } from '../../message/charset.ts'
import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, no, ok, UID_REQUIRED } from './answer.ts'
import { offerUpdates } from './context.ts'
import type { Cursor } from './parser.ts'
import { type SearchKey, SearchParser } from './search-keys.ts'
import { esearch, highestModseq, type ReturnOptions, readReturn, savedOf } from './search-return.ts'
import { Searching } from './searching.ts'
import type { CommandContext, ImapSession } from './session.ts'

/** Of IMAP4rev2, where every search is answered by ESEARCH (RFC 9051 §6.4.4). */
const WHOLE: ReturnOptions = { names: new Set(['ALL']), partial: undefined }

export function* search(session: ImapSession, { tag, args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const options = readReturn(args) ?? (session.isRev2 ? WHOLE : undefined)
  const criteria = readCriteria(session, args)
  if ('status' in criteria) return criteria
  const { key, usesModseq } = criteria
  const searching = new Searching(selected, key, session.options.now())
  // RFC 5182 §2.1: what was saved before is gone, even if this fails.
  if (options?.names.has('SAVE')) selected.saved = []
  yield* searching.run((done, total) => session.progress(tag, done, total))
  const { found } = searching
  if (options?.names.has('SAVE')) selected.saved = savedOf(options, found)
  const numbers = found.map((placement) => (uid ? placement.uid : selected.uids.indexOf(placement.uid) + 1))
  const modseq = usesModseq ? highestModseq(options, found) : 0
  const line =
    options === undefined
      ? `* SEARCH${numbers.map((number) => ` ${number}`).join('')}${modseq > 0 ? ` (MODSEQ ${modseq})` : ''}`
      : esearch(tag, options, { numbers, uid, modseq })
  if (line !== undefined) session.output.line(line)
  if (options?.names.has('UPDATE')) {
    const uids = found.map((placement) => placement.uid)
    offerUpdates(session, selected, { tag, uid, key, uids, order: undefined })
  }
  if (searching.unreadable > 0) return ok(`${searching.unreadable} messages could not be searched`)
  return ok('that is all')
}

export interface Criteria {
  readonly key: SearchKey
  readonly usesModseq: boolean
}

/** The charset and the keys to the end of the command; or why they cannot be used. SORT and THREAD always say the charset. */
export function readCriteria(
  session: ImapSession,
  args: Cursor,
  says: 'charset' | 'maybe' = 'maybe',
): Criteria | Answer {
  let charset: string | undefined
  let isSaid = says === 'charset'
  if (!isSaid && args.skipKeyword('CHARSET')) {
    args.space()
    isSaid = true
  }
  if (isSaid) {
    charset = args.astring().toString('latin1')
    args.space()
  }
  if (args.error) return bad(args.error)
  if (charset !== undefined && !knownCharset(charset)) return no('charset not known', 'BADCHARSET (UTF-8 US-ASCII)')
  // RFC 6855 §3: with UTF8=ACCEPT texts are UTF-8, and a charset is a mistake.
  if (charset !== undefined && session.enabled.has('UTF8=ACCEPT')) return bad('no charset with UTF8=ACCEPT')
  const parser = new SearchParser(args, charset)
  const key = parser.all()
  args.end()
  if (args.error) return bad(args.error)
  if (parser.usesNumbers && session.enabled.has('UIDONLY')) return UID_REQUIRED
  if (parser.usesModseq) session.enableCondstore()
  return { key, usesModseq: parser.usesModseq }
}
