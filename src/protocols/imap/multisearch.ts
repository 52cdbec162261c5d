// ESEARCH over several mailboxes (MULTISEARCH, RFC 7377): one answer for each in which something was found.

import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import { type MailboxFilter, matchingPlaces, readFilter } from './mailbox-filter.ts'
import { mailboxName } from './names.ts'
import { scopeOf } from './scope.ts'
import { readCriteria } from './search.ts'
import { esearch, highestModseq, readReturn } from './search-return.ts'
import { Searching } from './searching.ts'
import type { CommandContext, ImapSession } from './session.ts'

const MOST_MAILBOXES = 1_000

export function* multisearch(session: ImapSession, { tag, args }: CommandContext): Dialogue<Answer> {
  args.space()
  let filters: MailboxFilter[] = [{ kind: 'selected' }]
  if (args.skipKeyword('IN')) {
    args.space()
    filters = args.list(() => readFilter(session, args))
    if (filters.length === 0) args.fail('in which mailboxes?')
    args.space()
  }
  const options = readReturn(args) ?? { names: new Set(['ALL']), partial: undefined }
  // RFC 7377 §2.2: a result of several mailboxes cannot be saved or kept up to date.
  if (['SAVE', 'UPDATE', 'CONTEXT'].some((name) => options.names.has(name))) args.fail('not with ESEARCH')
  const criteria = readCriteria(session, args)
  if ('status' in criteria) return criteria
  if (filters.some(({ kind }) => kind === 'selected') && session.selected === undefined) {
    return bad('no mailbox is selected')
  }
  const places = matchingPlaces(session, filters).filter(({ rights }) => rights.has('r'))
  if (places.length > MOST_MAILBOXES) return no('too many mailboxes', 'LIMIT')
  for (const place of places) {
    const searching = new Searching(scopeOf(session.store, place), criteria.key, session.options.now())
    yield* searching.run((done, total) => session.progress(tag, done, total))
    const { found } = searching
    // RFC 7377 §2.1: nothing is said of a mailbox in which nothing was found.
    if (found.length === 0) continue
    const numbers = found.map(({ uid }) => uid)
    const modseq = criteria.usesModseq ? highestModseq(options, found) : 0
    const mailbox = `MAILBOX ${mailboxName(session, place.path)} UIDVALIDITY ${place.mailbox.uidValidity}`
    session.output.line(esearch(tag, options, { numbers, uid: true, modseq, mailbox })!)
    yield* session.flushWhenFull()
  }
  return ok('that is all')
}
