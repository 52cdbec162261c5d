// EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3 and §6.4.9): what carries \Deleted goes, in one durable commit.

import type { UidSet } from '../../store/commands.ts'
import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, NO_PERMISSION, ok, READ_ONLY } from './answer.ts'
import { one } from './one.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

export function* expunge(session: ImapSession, { args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  let uids: UidSet = selected.uids.ranges
  if (uid) {
    args.space()
    const set = readSet(args)
    uids = selected.uidSet(selected.indexesOf(set, true) ?? [])
  }
  args.end()
  if (args.error) return bad(args.error)
  if (selected.readOnly) return READ_ONLY
  if (!selected.rights.has('e')) return NO_PERMISSION
  if (uids.length === 0) return ok('nothing to expunge')
  const { account, id: mailbox } = selected
  const result = yield* one({ kind: 'placement.expunge', account, mailbox, uids, onlyDeleted: true })
  if ('status' in result) return result
  // RFC 7162 §3.2.7: so that the client may go on from here.
  const isTold = (result.changed?.length ?? 0) > 0 && session.enabled.has('QRESYNC')
  return ok('expunged', isTold ? `HIGHESTMODSEQ ${result.modseq}` : undefined)
}
