// SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 §6.3.2, §6.4.1; CONDSTORE and QRESYNC RFC 7162 §3.1.8 and §3.2.5; UNSELECT
// RFC 3691). With QRESYNC a client that was here before hears what changed since, and nothing else.

import { commit, type Dialogue, isRefusal } from '../dialogue.ts'
import { type Answer, bad, NO_MAILBOX, NO_PERMISSION, no, ok, UID_REQUIRED } from './answer.ts'
import { mailboxAt, mailboxName, readPath } from './names.ts'
import type { Cursor } from './parser.ts'
import { Recent } from './recent.ts'
import { SelectedMailbox } from './selected.ts'
import { formatRanges, formatSet, inBoth, numbersOf, resolveSet, type SequenceSet, setContains } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'

export const select = (session: ImapSession, command: CommandContext) => open(session, command, false)
export const examine = (session: ImapSession, command: CommandContext) => open(session, command, true)

/** RFC 7162 §3.2.5: what the client knew when it was last here. */
interface Resync {
  readonly uidValidity: number
  readonly modseq: number
  readonly known: SequenceSet | undefined
  /** Message numbers and their UIDs as the client had them, so that VANISHED can be short. */
  readonly match: readonly [SequenceSet, SequenceSet] | undefined
}

interface Parameters {
  condstore: boolean
  resync: Resync | undefined
}

function* open(session: ImapSession, { args }: CommandContext, examines: boolean): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args)
  const parameters: Parameters = { condstore: false, resync: undefined }
  if (args.optionalSpace()) args.list(() => readParameter(session, args, parameters))
  args.end()
  if (args.error) return bad(args.error)
  const { output } = session
  // RFC 9051 §7.1 CLOSED: what was selected is not any more, even if this fails.
  if (session.selected !== undefined && (session.tellsModseq || session.isRev2)) {
    output.line('* OK [CLOSED] the mailbox before is closed')
  }
  session.selected = undefined
  if (parameters.resync?.match && session.enabled.has('UIDONLY')) return UID_REQUIRED
  if (parameters.condstore || parameters.resync) session.enableCondstore()
  const place = mailboxAt(session, path)
  if (place === undefined) return NO_MAILBOX
  const { mailbox, account, rights } = place
  if (!rights.has('r')) return rights.has('l') ? NO_PERMISSION : NO_MAILBOX
  const changes = [...'swtei'].some((right) => rights.has(right))
  const readOnly = examines || !changes
  const recent = new Recent(session.store, account, mailbox.id)
  const selected = new SelectedMailbox(session.store, place, recent, readOnly)
  yield* session.watch(account)
  session.selected = selected
  output.line(`* OK [MAILBOXID (${session.mailboxId(account, mailbox.id)})] its object id`)
  output.line(`* FLAGS (${selected.knownFlags})`)
  output.line(`* ${selected.uids.length} EXISTS`)
  if (!session.isRev2) output.line(`* ${selected.recentCount} RECENT`)
  output.line(`* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid`)
  if (selected.firstUnseen > 0 && !session.isRev2 && !session.enabled.has('UIDONLY'))
    output.line(`* OK [UNSEEN ${selected.firstUnseen}] the first unseen message`)
  output.line(`* OK [PERMANENTFLAGS (${selected.permanentFlags})] flags that are kept`)
  output.line(`* OK [HIGHESTMODSEQ ${Math.max(1, mailbox.highestModseq)}] the highest MODSEQ`)
  output.line(`* OK [UIDNEXT ${mailbox.uidNext}] the next UID`)
  output.line('* OK [URLMECH INTERNAL] how URLs are authorized') // RFC 4467 §8
  // RFC 9051 §6.3.2: the name as it is kept.
  if (session.isRev2) output.line(`* LIST () "${session.options.delimiter}" ${mailboxName(session, path)}`)
  if (parameters.resync?.uidValidity === mailbox.uidValidity) yield* resynchronise(session, selected, parameters.resync)
  return ok('selected', readOnly ? 'READ-ONLY' : 'READ-WRITE')
}

function readParameter(session: ImapSession, args: Cursor, parameters: Parameters): void {
  const name = args.keyword()
  if (name === 'CONDSTORE') {
    parameters.condstore = true
    return
  }
  if (name !== 'QRESYNC') args.fail('not offered')
  if (!session.enabled.has('QRESYNC')) args.fail('ENABLE QRESYNC first')
  args.space()
  if (!args.skipText('(')) args.fail('a list is missing')
  const uidValidity = args.number()
  args.space()
  const modseq = args.number()
  let known: SequenceSet | undefined
  let match: Resync['match']
  if (args.optionalSpace() && !args.isList()) {
    known = args.sequenceSet()
    args.optionalSpace()
  }
  if (args.isList() && args.skipText('(')) {
    const numbers = args.sequenceSet()
    args.space()
    match = [numbers, args.sequenceSet()]
    if (!args.skipText(')')) args.fail('a list has no end')
  }
  if (!args.skipText(')')) args.fail('a list has no end')
  if (uidValidity < 1) args.fail('not a UIDVALIDITY')
  parameters.resync = { uidValidity, modseq, known, match }
}

/** VANISHED (EARLIER) and FETCH for what changed since the client was here (RFC 7162 §3.2.5.1). */
function* resynchronise(session: ImapSession, selected: SelectedMailbox, resync: Resync): Dialogue {
  const { output } = session
  const since = selected.store.placementsSince(selected.account, selected.id, resync.modseq)
  const known = resync.known && resolveSet(resync.known, Math.max(selected.uids.largest, ...since.expunged.slice(-1)))
  const isKnown = (uid: number): boolean => known === undefined || setContains(known, uid)
  const matched = resync.match === undefined ? 0 : lastMatch(selected, resync.match)
  const vanished = since.expunged.filter((uid) => uid > matched && isKnown(uid))
  // What it saw of this mailbox at another system, before it went on here.
  const gaps = selected.store.contents.neverGiven(selected.account, selected.id, resync.modseq)
  const elsewhere = known === undefined ? gaps : inBoth(gaps, known)
  const gone = [formatSet(vanished), formatRanges(elsewhere)].filter((text) => text !== '')
  if (gone.length > 0) output.line(`* VANISHED (EARLIER) ${gone.join(',')}`)
  const changed = since.changed.filter(({ uid }) => isKnown(uid) && selected.uids.indexOf(uid) >= 0)
  selected.tellKeywords(
    output,
    changed.map(({ flags }) => flags),
  )
  const { manner } = session
  for (const placement of changed) {
    selected.tellMessage(output, placement, manner, true, `FLAGS ${selected.flags(placement, manner.recent)}`)
    yield* session.flushWhenFull()
  }
}

/**
 * RFC 7162 §3.2.5.2: the largest UID of the client's pairs that still has its number here. Nothing up to there was
 * expunged since, as far as the client does not know.
 */
function lastMatch(selected: SelectedMailbox, [numbers, uids]: readonly [SequenceSet, SequenceSet]): number {
  const limit = selected.uids.length
  const expanded = (set: SequenceSet, largest: number): number[] => numbersOf(resolveSet(set, largest), limit + 1)
  const ofNumbers = expanded(numbers, limit)
  const ofUids = expanded(uids, selected.uids.largest)
  let last = 0
  for (const [index, number] of ofNumbers.entries()) {
    const uid = ofUids[index]
    if (uid === undefined || number > limit || selected.uids.at(number - 1) !== uid) break
    last = uid
  }
  return last
}

/** RFC 9051 §6.4.1: CLOSE removes \Deleted messages without telling; UNSELECT does not. */
export function* close(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.end()
  if (args.error) return bad(args.error)
  const selected = session.selected!
  session.selected = undefined
  const uids = selected.uids.ranges
  if (selected.readOnly || uids.length === 0 || !selected.rights.has('e')) return ok('closed')
  const { account, id: mailbox } = selected
  // Only what the client knows: messages that came since may be \Deleted too, but not by its wish.
  const outcome = yield* commit({ kind: 'placement.expunge', account, mailbox, uids, onlyDeleted: true })
  if (isRefusal(outcome)) return no('closed, but deleted messages could not be removed', 'SERVERBUG')
  const [result] = outcome
  // RFC 7162 §3.2.8: the client can go on from here.
  const isTold = result?.ok && (result.changed?.length ?? 0) > 0 && session.enabled.has('QRESYNC')
  return ok('closed', isTold ? `HIGHESTMODSEQ ${result.modseq}` : undefined)
}

export function unselect(session: ImapSession, { args }: CommandContext): Answer {
  args.end()
  if (args.error) return bad(args.error)
  session.selected = undefined
  return ok('unselected')
}
