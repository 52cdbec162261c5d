// COMPRESS DEFLATE (RFC 4978): after the OK everything is deflated, both ways. What a client's few bytes may become is
// bounded where they are inflated (drive.ts).

import { compress as compressEffect, type Dialogue } from '../dialogue.ts'
import { ANSWERED, type Answer, bad, no } from './answer.ts'
import type { CommandContext, ImapSession } from './session.ts'

export function* compress(session: ImapSession, { tag, args }: CommandContext): Dialogue<Answer> {
  args.space()
  const algorithm = args.keyword()
  args.end()
  if (args.error) return bad(args.error)
  if (algorithm !== 'DEFLATE') return bad('only DEFLATE')
  if (session.isCompressed) return no('the stream is compressed already', 'COMPRESSIONACTIVE')
  session.output.line(`${tag} OK deflate from here on`)
  yield* session.flush()
  session.isCompressed = true
  // What the client sent behind the command was not deflated: nothing of it can be a command (RFC 4978 §3).
  if (session.reader.bufferedBytes > 0 || !(yield* compressEffect())) session.closing = true
  return ANSWERED
}
