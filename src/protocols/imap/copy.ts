// COPY and MOVE (RFC 9051 §6.4.7 and §6.4.8, UIDPLUS RFC 4315, OVERQUOTA RFC 9208): all messages or none, in one commit.
// Within an account it is the same email in another place; into another person's mailbox it is delivered there.

import type { Command } from '../../store/commands.ts'
import { commit, type Dialogue, isRefusal } from '../dialogue.ts'
import {
  type Answer,
  bad,
  diskRefused,
  NO_PERMISSION,
  NO_SUCH_MESSAGE,
  NO_TARGET,
  no,
  ok,
  READ_ONLY,
  refused,
} from './answer.ts'
import { limited } from './message-limit.ts'
import { mailboxAt, type Place, readPath } from './names.ts'
import { one } from './one.ts'
import { type IndexRange, rightFor, type SelectedMailbox } from './selected.ts'
import { formatSet } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

export const copy = (session: ImapSession, command: CommandContext) => transfer(session, command, false)
export const move = (session: ImapSession, command: CommandContext) => transfer(session, command, true)

interface Copied {
  readonly uidValidity: number
  readonly from: readonly number[]
  readonly to: readonly number[]
  readonly modseq: number
}

function* transfer(session: ImapSession, { args, uid }: CommandContext, moves: boolean): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const set = readSet(args)
  args.space()
  const path = readPath(session, args)
  args.end()
  if (args.error) return bad(args.error)
  if (moves && selected.readOnly) return READ_ONLY
  const all = selected.indexesOf(set, uid)
  if (all === undefined) return NO_SUCH_MESSAGE
  const target = mailboxAt(session, path)
  if (target === undefined) return NO_TARGET
  if (!target.rights.has('i')) return NO_PERMISSION
  if (moves && !(selected.rights.has('t') && selected.rights.has('e'))) return NO_PERMISSION
  if (all.length === 0) return ok('no messages')
  const { ranges, code } = limited(session, selected, all)
  const isOwn = target.account === selected.account && [...'stw'].every((right) => target.rights.has(right))
  const copied = isOwn
    ? yield* within(session, selected, ranges, target, moves)
    : yield* across(session, selected, ranges, target, moves)
  if ('status' in copied) return copied
  if (copied.from.length === 0) return no('the messages are gone', 'EXPUNGEISSUED')
  const uids = `COPYUID ${copied.uidValidity} ${formatSet(copied.from)} ${formatSet(copied.to)}`
  if (!moves) return code === undefined ? ok('copied', uids) : tellBoth(session, uids, code)
  // RFC 6851 §4.3: for MOVE the code comes untagged, before the EXPUNGEs.
  session.output.line(`* OK [${uids}] moved`)
  const isTold = session.enabled.has('QRESYNC')
  return ok('moved', code ?? (isTold ? `HIGHESTMODSEQ ${copied.modseq}` : undefined))
}

function tellBoth(session: ImapSession, uids: string, code: string): Answer {
  session.output.line(`* OK [${uids}] copied`)
  return ok('copied, but not all', code)
}

function* within(
  session: ImapSession,
  selected: SelectedMailbox,
  ranges: readonly IndexRange[],
  target: Place,
  moves: boolean,
): Dialogue<Copied | Answer> {
  const { account, id: mailbox } = selected
  const nowMs = session.options.now()
  const uids = selected.uidSet(ranges)
  const to = target.mailbox.id
  const outcome = yield* commit({ kind: 'placement.copy', account, mailbox, uids, to, move: moves, nowMs })
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  if (!result.ok) return refused(result)
  const placements = (result.placements ?? []).filter(({ sourceUid }) => sourceUid !== undefined)
  return {
    uidValidity: placements[0]?.uidValidity ?? 0,
    from: placements.map(({ sourceUid }) => sourceUid!),
    to: placements.map(({ uid }) => uid),
    modseq: result.modseq ?? 0,
  }
}

type Delivery = Extract<Command, { kind: 'email.deliver' }>

/** Messages that one command may carry into another account. */
const MOST_ACROSS = 10_000

function* across(
  session: ImapSession,
  selected: SelectedMailbox,
  ranges: readonly IndexRange[],
  target: Place,
  moves: boolean,
): Dialogue<Copied | Answer> {
  const placements = ranges.flatMap((range) => selected.placements(range))
  if (placements.length > MOST_ACROSS) return no(`not more than ${MOST_ACROSS} messages at a time`, 'LIMIT')
  const { store, account, id: mailbox } = selected
  const emails = new Map(
    store
      .emails(
        account,
        placements.map(({ email }) => email),
      )
      .map((email) => [email.id, email]),
  )
  const sources = placements.filter(({ email }) => emails.has(email))
  const savedAtMs = session.options.now()
  const batch = sources.map(({ email: id, flags }): Delivery => {
    const { blob, receivedAtMs, verdict, ...summary } = emails.get(id)!
    return {
      kind: 'email.deliver',
      account: target.account,
      mailboxes: [target.mailbox.id],
      blob,
      summary,
      // RFC 4314 §4: flags go along as far as the client may set them there.
      flags: flags.filter((flag) => target.rights.has(rightFor(flag))),
      receivedAtMs,
      savedAtMs,
      verdict: target.account === account ? verdict : null,
    }
  })
  const outcome = yield* deliverAll(batch)
  if ('status' in outcome) return outcome
  const uids = sources.map(({ uid }): [number, number] => [uid, uid])
  // Only now, so that a message is at one of the two places whatever happens.
  const expunged = moves
    ? yield* one({ kind: 'placement.expunge', account, mailbox, uids, onlyDeleted: false })
    : undefined
  if (expunged !== undefined && 'status' in expunged) return expunged
  return {
    uidValidity: target.mailbox.uidValidity,
    from: sources.map(({ uid }) => uid),
    to: outcome,
    modseq: expunged?.modseq ?? 0,
  }
}

/** RFC 9051 §6.4.7: if one cannot be copied, none is: what was delivered is taken back. Gives the new UIDs. */
function* deliverAll(batch: readonly Delivery[]): Dialogue<number[] | Answer> {
  const outcome = yield* commit(...batch)
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const uids = outcome.flatMap((result) => (result.ok ? (result.placements ?? []).map(({ uid }) => uid) : []))
  const refusal = outcome.find((result) => !result.ok)
  if (refusal === undefined || refusal.ok) return uids
  const { account, mailboxes } = batch[0]!
  const taken = uids.map((uid): [number, number] => [uid, uid])
  const undo = {
    kind: 'placement.expunge',
    account,
    mailbox: mailboxes[0],
    uids: taken,
    onlyDeleted: false,
    nowMs: 0,
  } as Command
  const undone = yield* one(undo)
  return 'status' in undone ? undone : refused(refusal)
}
