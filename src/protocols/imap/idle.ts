// IDLE (RFC 2177): changes are told as they happen, until the client says DONE.

import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import type { CommandContext, ImapSession } from './session.ts'

export function* idle(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.end()
  if (args.error) return bad(args.error)
  yield* session.tell(true, false)
  session.output.line('+ idling')
  for (;;) {
    const line = yield* session.readLine(true)
    if (line === 'changed') yield* session.tell(true, false)
    else if (line === 'timeout') {
      session.bye('you were silent for too long')
      return no('IDLE is over')
    } else if (line === 'closed') {
      session.closing = true
      return no('you are gone')
    } else {
      return line !== 'bad' && line.toString('latin1').toUpperCase() === 'DONE'
        ? ok('IDLE is over')
        : bad('DONE ends IDLE')
    }
  }
}
