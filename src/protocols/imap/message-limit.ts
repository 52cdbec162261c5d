// MESSAGELIMIT (RFC 9738): a command works on so many messages at most, from the newest down; a code says where it stopped.

import type { IndexRange, SelectedMailbox } from './selected.ts'
import type { ImapSession } from './session.ts'

export interface Limited {
  readonly ranges: readonly IndexRange[]
  /** The response code, where not all messages fit. */
  readonly code: string | undefined
}

/** The last of these messages (ranges in order), as many as one command may have. */
export function limited(session: ImapSession, selected: SelectedMailbox, ranges: readonly IndexRange[]): Limited {
  const most = session.options.limits.messagesPerCommand
  let left = most
  const kept: IndexRange[] = []
  for (let at = ranges.length - 1; at >= 0 && left > 0; at--) {
    const [first, last] = ranges[at]!
    const from = Math.max(first, last - left + 1)
    kept.unshift([from, last])
    left -= last - from + 1
  }
  const isWhole = kept.length === ranges.length && kept[0]?.[0] === ranges[0]?.[0]
  return { ranges: kept, code: isWhole ? undefined : `MESSAGELIMIT ${most} ${selected.uids.at(kept[0]![0])}` }
}
