// STORE (RFC 9051 §6.4.6, CONDSTORE RFC 7162 §3.1.3, UIDONLY RFC 9586): flags, in one durable commit.

import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, NO_PERMISSION, NO_SUCH_MESSAGE, ok, READ_ONLY } from './answer.ts'
import { readFlags } from './flags.ts'
import { limited } from './message-limit.ts'
import { one } from './one.ts'
import { type IndexRange, rightFor, type SelectedMailbox, SYSTEM_FLAGS } from './selected.ts'
import { formatSet } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

type Mode = 'add' | 'remove' | 'replace'

/** From here on a STORE does not wait for what it teaches to be noted. */
const MANY = 200

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
  const all = selected.indexesOf(set, uid)
  if (all === undefined) return NO_SUCH_MESSAGE
  if (all.length === 0) return ok('no messages')
  const mode: Mode = sign === '+' ? 'add' : sign === '-' ? 'remove' : 'replace'
  const allowed = allowedFlags(selected, mode, flags)
  if (allowed === undefined) return NO_PERMISSION
  const { ranges, code } = limited(session, selected, all)
  const { account, id: mailbox } = selected
  const modifier = unchangedSince === undefined ? {} : { unchangedSince }
  const uids = selected.uidSet(ranges)
  const isMany = uids.reduce((sum, [first, last]) => sum + last - first + 1, 0) > MANY
  const lessons = isMany ? { lessons: 'later' as const } : {}
  const result = yield* one({ kind: 'flags.store', account, mailbox, uids, ...allowed, ...modifier, ...lessons })
  if ('status' in result) return result
  const unchanged = new Set(result.unchanged ?? [])
  // With .SILENT the client knows what it did itself, and no more: where others changed something since it was told last,
  // it hears the flags after all.
  const { changed = [] } = result
  // Where it changed nothing, the MODSEQ is of somebody else's commit.
  const isAlone = changed.length > 0 && result.modseq === selected.knownModseq + 1
  const known = new Set(isAlone ? changed : [])
  const modseq = result.modseq ?? 0
  selected.tellKeywords(session.output, mode === 'remove' ? [] : [allowed.flags])
  const missing = yield* tellStored(session, selected, ranges, { unchanged, silent, known, uid, modseq })
  if (isAlone && selected.contexts.size === 0) selected.knows(modseq)
  if (unchanged.size > 0 && unchangedSince !== undefined) {
    const numbers = [...unchanged].sort((a, b) => a - b).map((one) => (uid ? one : selected.uids.indexOf(one) + 1))
    return ok('some messages had changed', `MODIFIED ${formatSet(numbers)}`)
  }
  if (code !== undefined) return ok('stored, but not in all', code)
  return missing > 0 ? ok('some messages are gone', 'EXPUNGEISSUED') : ok('stored')
}

interface Allowed {
  readonly mode: Mode
  readonly flags: readonly string[]
  readonly within?: { readonly flags: readonly string[]; readonly keywords: boolean }
}

/**
 * RFC 4314 §4: flags that the client may not change are left as they are, also by a replacement; undefined when it may
 * change none, or none of those that it names.
 */
function allowedFlags({ rights }: SelectedMailbox, mode: Mode, flags: readonly string[]): Allowed | undefined {
  if ([...'stw'].every((right) => rights.has(right))) return { mode, flags }
  const mayChange = (flag: string): boolean => rights.has(rightFor(flag))
  const allowed = flags.filter(mayChange)
  if (![...'stw'].some((right) => rights.has(right)) || (flags.length > 0 && allowed.length === 0)) return undefined
  if (mode !== 'replace') return allowed.length === 0 ? undefined : { mode, flags: allowed }
  return {
    mode,
    flags: allowed,
    within: { flags: SYSTEM_FLAGS.split(' ').filter(mayChange), keywords: rights.has('w') },
  }
}

interface Stored {
  readonly unchanged: ReadonlySet<number>
  readonly silent: boolean
  /** Messages of which a silent STORE leaves nothing to tell. */
  readonly known: ReadonlySet<number>
  readonly uid: boolean
  /** Of the commit; 0 when nothing changed. */
  readonly modseq: number
}

/** Untagged FETCH with the new flags; with .SILENT only what others changed is told (by the session, afterwards). */
function* tellStored(
  session: ImapSession,
  selected: SelectedMailbox,
  ranges: readonly IndexRange[],
  { unchanged, silent, known, uid, modseq }: Stored,
): Dialogue<number> {
  const { manner } = session
  if (silent && !manner.modseq) {
    for (const one of known) selected.flagsTold(one, modseq)
    return 0
  }
  let missing = 0
  for (const [from, to] of ranges) {
    for (let first = from; first <= to; first += WINDOW) {
      const last = Math.min(to, first + WINDOW - 1)
      const placements = selected.placements([first, last])
      missing += last - first + 1 - placements.length
      selected.tellKeywords(
        session.output,
        placements.map(({ flags }) => flags),
      )
      for (const placement of placements) {
        if (unchanged.has(placement.uid)) continue
        // Changed by somebody else since: the session tells it.
        if (placement.modseq > modseq && modseq > 0) continue
        if (!silent || known.has(placement.uid)) selected.flagsTold(placement.uid, placement.modseq)
        const flags = silent ? '' : `FLAGS ${selected.flags(placement, manner.recent)}`
        selected.tellMessage(session.output, placement, manner, uid, flags)
      }
      yield* session.flushWhenFull()
    }
  }
  return missing
}

const WINDOW = 2_000
