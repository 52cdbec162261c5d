// Searches that go on (CONTEXT=SEARCH, RFC 5267): a client that asked to UPDATE hears which messages come into the result
// and which leave it, until it cancels or leaves the mailbox. Sorted results are not kept up to date: NOUPDATE.

import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, ok } from './answer.ts'
import type { SearchKey } from './search-keys.ts'
import { quoted } from './search-return.ts'
import { Searching } from './searching.ts'
import type { Changes, SelectedMailbox } from './selected.ts'
import { formatSet } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'

/** At most so many at a time (RFC 5267 §4.3.4). */
const MOST_CONTEXTS = 8

export interface SearchContext {
  readonly uid: boolean
  readonly key: SearchKey
  /** The UIDs in the result now. */
  readonly uids: Set<number>
}

interface Wish {
  readonly tag: string
  readonly uid: boolean
  readonly key: SearchKey
  readonly uids: readonly number[]
  /** Undefined: by message number. */
  readonly order: 'sorted' | undefined
}

export function offerUpdates(session: ImapSession, selected: SelectedMailbox, wish: Wish): void {
  const { tag, uid, key, uids, order } = wish
  if (order === 'sorted' || selected.contexts.size >= MOST_CONTEXTS) {
    session.output.line(`* NO [NOUPDATE ${quoted(tag)}] this result is not kept up to date`)
    return
  }
  selected.contexts.set(tag, { uid, key, uids: new Set(uids) })
}

/** RFC 5267 §4.3.2 and §4.3.3: what left the results ('gone': before the EXPUNGEs), or what came in and fell out since. */
export function* tellContexts(
  session: ImapSession,
  selected: SelectedMailbox,
  changes: Changes,
  stage: 'gone' | 'come',
): Dialogue {
  for (const [tag, context] of selected.contexts) {
    const tell = (change: 'ADDTO' | 'REMOVEFROM', uids: readonly number[]): void => {
      if (uids.length === 0) return
      const numbers = [...uids].sort((a, b) => a - b).map((one) => (context.uid ? one : selected.uids.indexOf(one) + 1))
      const uid = context.uid ? 'UID ' : ''
      session.output.line(`* ESEARCH (TAG ${quoted(tag)}) ${uid}${change} (0 ${formatSet(numbers)})`)
    }
    if (stage === 'gone') {
      tell(
        'REMOVEFROM',
        changes.expunged.filter((uid) => context.uids.delete(uid)),
      )
      continue
    }
    const looked = [...changes.fresh, ...changes.flags]
    if (looked.length === 0) continue
    const searching = new Searching(selected, context.key, session.options.now())
    yield* searching.among(looked)
    const matching = new Set(searching.found.map(({ uid }) => uid))
    const fallen = looked.filter(({ uid }) => !matching.has(uid) && context.uids.delete(uid))
    const added = [...matching].filter((uid) => !context.uids.has(uid))
    for (const uid of added) context.uids.add(uid)
    tell(
      'REMOVEFROM',
      fallen.map(({ uid }) => uid),
    )
    tell('ADDTO', added)
  }
}

/** CANCELUPDATE "tag" … (RFC 5267 §4.3.5). */
export function cancelUpdate(session: ImapSession, { args }: CommandContext): Answer {
  const tags: string[] = []
  while (args.optionalSpace()) tags.push(args.astring().toString('latin1'))
  if (tags.length === 0) args.fail('which updates?')
  args.end()
  if (args.error) return bad(args.error)
  for (const tag of tags) session.selected!.contexts.delete(tag)
  return ok('no more updates')
}
