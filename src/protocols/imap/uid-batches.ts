// UIDBATCHES (RFC 10022): ranges of UIDs that cut the selected mailbox into batches of equal size, newest first, so that a
// client without message numbers can work batch by batch.

import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import { quoted } from './search-return.ts'
import type { CommandContext, ImapSession } from './session.ts'

/** Smaller batches are refused: the answer would be longer than what it saves. */
const SMALLEST = 500
const MOST_BATCHES = 100_000

export function* uidBatches(session: ImapSession, { tag, args }: CommandContext): Dialogue<Answer> {
  const { uids } = session.selected!
  args.space()
  const size = args.number()
  let [first, last] = [1, Number.POSITIVE_INFINITY]
  if (args.optionalSpace()) {
    const match = /^([1-9]\d{0,9}):([1-9]\d{0,9})(?= |$)/.exec(args.ahead(24))
    if (match === null || !args.skipText(match[0])) args.fail('not a range of batches')
    else [first, last] = [Number(match[1]), Number(match[2])]
    if (last < first) args.fail('not a range of batches')
  }
  args.end()
  if (args.error) return bad(args.error)
  if (size < SMALLEST) return no(`a batch has at least ${SMALLEST} messages`, 'TOOSMALL')
  if (last !== Number.POSITIVE_INFINITY && last - first >= MOST_BATCHES) return no('too many batches', 'LIMIT')
  const batches: string[] = []
  for (let batch = first; batch <= last; batch++) {
    const newest = uids.length - 1 - (batch - 1) * size
    if (newest < 0) break
    const oldest = newest - size + 1
    // The last batch takes in every UID that there could be below.
    const [high, low] = [uids.at(newest), oldest > 0 ? uids.at(oldest) : 1]
    batches.push(high === low ? `${high}` : `${high}:${low}`)
  }
  session.output.line(`* UIDBATCHES (TAG ${quoted(tag)})${batches.length > 0 ? ` ${batches.join(',')}` : ''}`)
  yield* session.flushWhenFull()
  return ok('that is all')
}
