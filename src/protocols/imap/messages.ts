// Commands that change messages: STORE, EXPUNGE, COPY, MOVE (RFC 3501 §6.4, UIDPLUS RFC 4315, MOVE RFC 6851,
// CONDSTORE RFC 7162 §3.1.3). Each is one durable commit.

import type { UidSet } from '../../store/commands.ts'
import { commit, type Dialogue, isRefusal } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import { readFlags } from './flags.ts'
import { diskRefused, one, refused } from './mailboxes.ts'
import { mailboxAt, readPath } from './names.ts'
import type { IndexRange, SelectedMailbox } from './selected.ts'
import { formatSet } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

const READ_ONLY = no('the mailbox is open read-only', 'CANNOT')
const NO_SUCH_MESSAGE = bad('there is no message with that number')

export function* store(session: ImapSession, { args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const set = readSet(args)
  args.space()
  let unchangedSince: number | undefined
  if (args.isList()) {
    args.list(() => {
      if (args.keyword() !== 'UNCHANGEDSINCE') args.fail('not a STORE modifier')
      args.space()
      unchangedSince = args.number()
    })
    args.space()
  }
  const sign = args.skipText('+') ? '+' : args.skipText('-') ? '-' : ''
  const silent = args.skipKeyword('FLAGS.SILENT')
  if (!silent && !args.skipKeyword('FLAGS')) args.fail('STORE knows FLAGS only')
  args.space()
  const flags = readFlags(args)
  args.end()
  if (args.error) return bad(args.error)
  if (unchangedSince !== undefined) session.enableCondstore()
  if (selected.readOnly) return READ_ONLY
  const ranges = selected.indexesOf(set, uid)
  if (ranges === undefined) return NO_SUCH_MESSAGE
  if (ranges.length === 0) return ok('no messages')
  const mode = sign === '+' ? 'add' : sign === '-' ? 'remove' : 'replace'
  const { account, id: mailbox } = selected
  const uids = selected.uidSet(ranges)
  const modifier = unchangedSince === undefined ? {} : { unchangedSince }
  const result = yield* one({ kind: 'flags.store', account, mailbox, uids, mode, flags, ...modifier })
  if ('status' in result) return result
  const unchanged = new Set(result.unchanged ?? [])
  const missing = tellStored(session, selected, ranges, unchanged, silent, uid, result.modseq ?? 0)
  if (unchanged.size > 0 && unchangedSince !== undefined) {
    const numbers = [...unchanged].sort((a, b) => a - b).map((one) => (uid ? one : selected.indexOf(one) + 1))
    return ok('some messages had changed', `MODIFIED ${formatSet(numbers)}`)
  }
  return missing > 0 ? ok('some messages are gone', 'EXPUNGEISSUED') : ok('stored')
}

/** Untagged FETCH with the new flags; with .SILENT only what others changed is told (by the session, afterwards). */
function tellStored(
  session: ImapSession,
  selected: SelectedMailbox,
  ranges: readonly IndexRange[],
  unchanged: ReadonlySet<number>,
  silent: boolean,
  byUid: boolean,
  modseq: number,
): number {
  let missing = 0
  const condstore = session.enabled.has('CONDSTORE')
  for (const range of ranges) {
    const placements = selected.placements(range)
    missing += range[1] - range[0] + 1 - placements.length
    selected.tellKeywords(
      session.output,
      placements.map((placement) => placement.flags),
    )
    for (const placement of placements) {
      if (unchanged.has(placement.uid)) continue
      // Changed by somebody else since: the session tells it.
      if (placement.modseq > modseq && modseq > 0) continue
      selected.flagsTold(placement.uid, placement.modseq)
      if (silent && !condstore) continue
      const flags = silent ? '' : `FLAGS ${selected.flags(placement)}`
      const uid = byUid || condstore ? `UID ${placement.uid}` : ''
      const version = condstore ? `MODSEQ (${placement.modseq})` : ''
      const items = [flags, uid, version].filter((item) => item !== '').join(' ')
      session.output.line(`* ${selected.indexOf(placement.uid) + 1} FETCH (${items})`)
    }
  }
  return missing
}

export function* expunge(session: ImapSession, { args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  const last = selected.uids.at(-1) ?? 0
  let uids: UidSet = last === 0 ? [] : [[1, last]]
  if (uid) {
    args.space()
    const set = readSet(args)
    uids = selected.uidSet(selected.indexesOf(set, true) ?? [])
  }
  args.end()
  if (args.error) return bad(args.error)
  if (selected.readOnly) return READ_ONLY
  if (uids.length === 0) return ok('nothing to expunge')
  const { account, id: mailbox } = selected
  const result = yield* one({ kind: 'placement.expunge', account, mailbox, uids, onlyDeleted: true })
  return 'status' in result ? result : ok('expunged')
}

export const copy = (session: ImapSession, command: CommandContext) => transfer(session, command, false)
export const move = (session: ImapSession, command: CommandContext) => transfer(session, command, true)

function* transfer(session: ImapSession, { args, uid }: CommandContext, moves: boolean): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const set = readSet(args)
  args.space()
  const path = readPath(session, args)
  args.end()
  if (args.error) return bad(args.error)
  if (moves && selected.readOnly) return READ_ONLY
  const ranges = selected.indexesOf(set, uid)
  if (ranges === undefined) return NO_SUCH_MESSAGE
  const target = mailboxAt(session, path)
  if (target === undefined) return no('there is no such mailbox', 'TRYCREATE')
  if (ranges.length === 0) return ok('no messages')
  const { account, id: mailbox } = selected
  const uids = selected.uidSet(ranges)
  const outcome = yield* commit({ kind: 'placement.copy', account, mailbox, uids, to: target.id, move: moves })
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  if (!result.ok) return refused(result)
  const placements = (result.placements ?? []).filter((placement) => placement.sourceUid !== undefined)
  const first = placements[0]
  if (first === undefined) return no('the messages are gone', 'EXPUNGEISSUED')
  const from = formatSet(placements.map((placement) => placement.sourceUid!))
  const to = formatSet(placements.map((placement) => placement.uid))
  const code = `COPYUID ${first.uidValidity} ${from} ${to}`
  if (!moves) return ok('copied', code)
  // RFC 6851 §4.3: for MOVE the code comes untagged, before the EXPUNGEs.
  session.output.line(`* OK [${code}] moved`)
  return ok('moved')
}
