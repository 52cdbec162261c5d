// JMAPACCESS (RFC 9698): the same messages can be reached over JMAP, with the ids that OBJECTID tells.

import { type Answer, bad, no, ok } from './answer.ts'
import { string } from './response.ts'
import type { CommandContext, ImapSession } from './session.ts'

export function getJmapAccess(session: ImapSession, { args }: CommandContext): Answer {
  args.end()
  if (args.error) return bad(args.error)
  const { jmapUrl } = session.options
  if (jmapUrl === undefined) return no('there is no JMAP here', 'UNAVAILABLE')
  session.output.line(`* JMAPACCESS ${string(jmapUrl)}`)
  return ok('that is all')
}
