// APPEND (RFC 3501 §6.3.11, APPENDUID of RFC 4315, UTF8 of RFC 6855 §4): a message that the client brings.

import { summarise } from '../../store/summary.ts'
import { commit, type Dialogue, isRefusal, putBlob } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import { readFlags } from './flags.ts'
import { diskRefused, refused } from './mailboxes.ts'
import { mailboxAt, readPath } from './names.ts'
import type { CommandContext, ImapSession } from './session.ts'

export function* append(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args)
  args.space()
  let flags: string[] = []
  let receivedAtMs = session.options.now()
  if (args.isList()) {
    flags = readFlags(args)
    args.space()
  }
  if (args.peek() === 34) {
    receivedAtMs = args.dateTime()
    args.space()
  }
  const inUtf8 = args.skipText('UTF8 (')
  const message = args.literal()
  if (inUtf8 && !args.skipText(')')) args.fail('a ")" is missing')
  args.end()
  if (args.error) return bad(args.error)
  const mailbox = mailboxAt(session, path)
  if (mailbox === undefined) return no('there is no such mailbox', 'TRYCREATE')
  const { messageBytes } = session.options.limits
  if (message!.length > messageBytes) return no(`a message may have ${messageBytes} bytes`, 'TOOBIG')
  if (message!.length === 0) return no('an empty message is none', 'CANNOT')
  const blob = yield* putBlob([message!])
  if (isRefusal(blob)) return diskRefused(blob.refused)
  const outcome = yield* commit({
    kind: 'email.deliver',
    account: session.account!.id,
    mailboxes: [mailbox.id],
    blob,
    summary: summarise(message!),
    flags,
    receivedAtMs,
    verdict: null,
  })
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  if (!result.ok) return refused(result)
  const placed = result.placements?.[0]
  return ok('appended', placed && `APPENDUID ${placed.uidValidity} ${placed.uid}`)
}
