// Annotations (RFC 5464): GETMETADATA and SETMETADATA on mailboxes and, with "" as name, on the account. /shared is one for
// all who may use the mailbox, /private is each reader's own.

import type { Annotation } from '../../store/nouns/mail.ts'
import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, NO_MAILBOX, NO_PERMISSION, no, ok } from './answer.ts'
import { mailboxAt, mailboxName, type Place, pathOf } from './names.ts'
import { one } from './one.ts'
import type { Cursor } from './parser.ts'
import { string } from './response.ts'
import type { CommandContext, ImapSession } from './session.ts'

/** Where annotations are: of a mailbox, or of the account. */
type Target = Place | 'server'

const MAX_ENTRY_BYTES = 1_000

function readTarget(session: ImapSession, args: Cursor): { name: string; target: Target | undefined } {
  const bytes = args.astring()
  if (bytes.length === 0) return { name: '""', target: 'server' }
  const path = pathOf(session, bytes) ?? ''
  return { name: mailboxName(session, path), target: mailboxAt(session, path) }
}

/** RFC 5464 §4.1 and §6.2: '/shared/…' or '/private/…', plain ASCII, no wildcards; vendors' names have a level more. */
function readEntry(args: Cursor): string {
  const entry = args.astring().toString('latin1').toLowerCase()
  const isName = /^\/(shared|private)(\/[^/\x00-\x1f\x7f-\xff*%]+)+$/.test(entry) && entry.length <= MAX_ENTRY_BYTES
  if (!isName || /^\/(shared|private)\/vendor(\/[^/]+)?$/.test(entry)) args.fail('not the name of an entry')
  return entry
}

interface Wish {
  depth: number
  maxSize: number
}

/** '(DEPTH 1)', '(MAXSIZE 1024)', or both in one list. */
function readOptions(args: Cursor, wish: Wish): void {
  args.list(() => {
    const name = args.keyword()
    args.space()
    if (name === 'MAXSIZE') {
      wish.maxSize = args.number()
      if (wish.maxSize === 0) args.fail('not a size')
    } else if (name === 'DEPTH') {
      const depth = args.keyword()
      wish.depth = depth === 'INFINITY' ? Number.POSITIVE_INFINITY : Number(depth)
      if (!['0', '1', 'INFINITY'].includes(depth)) args.fail('not a depth')
    } else args.fail('not an option of GETMETADATA')
  })
}

/** Options come before the mailbox (RFC 5464 §4.2), and from some clients after it. */
export function getMetadata(session: ImapSession, { args }: CommandContext): Answer {
  const wish: Wish = { depth: 0, maxSize: Number.POSITIVE_INFINITY }
  const readAnyOptions = (): void => {
    while (args.isList() && /^\((DEPTH|MAXSIZE) /i.test(args.ahead(12))) {
      readOptions(args, wish)
      if (!args.optionalSpace()) return
    }
  }
  args.space()
  readAnyOptions()
  const { name, target } = readTarget(session, args)
  let entries: string[] | undefined
  if (args.optionalSpace()) {
    readAnyOptions()
    if (args.more()) entries = args.isList() ? args.list(() => readEntry(args)) : [readEntry(args)]
  }
  args.end()
  if (args.error) return bad(args.error)
  if (entries === undefined && wish.depth > 0) return bad('DEPTH below which entry?')
  const found = visible(session, target)
  if ('status' in found) return found
  const wanted = found.filter(
    ({ entry }) => entries === undefined || entries.some((one) => isBelow(entry, one, wish.depth)),
  )
  const short = wanted.filter(({ value }) => value.length <= wish.maxSize)
  tellMetadata(session, name, short)
  if (short.length === wanted.length) return ok('that is all')
  // RFC 5464 §4.2.1: how long the longest is that was left out.
  const longest = Math.max(...wanted.map(({ value }) => value.length))
  return ok('some are longer than you want', `METADATA LONGENTRIES ${longest}`)
}

/** Annotations by their full names, as this client may see them; or why it may not. */
function visible(session: ImapSession, target: Target | undefined): { entry: string; value: Buffer }[] | Answer {
  if (target === undefined) return NO_MAILBOX
  const me = session.account!.id
  const [account, mailbox] = target === 'server' ? [me, 0] : [target.account, target.mailbox.id]
  if (target !== 'server' && !target.rights.has('r')) return NO_PERMISSION
  return session.store.access.annotations(account, mailbox, me).map(({ reader, entry, value }: Annotation) => ({
    entry: `${reader === 0 ? '/shared' : '/private'}${entry}`,
    value,
  }))
}

function isBelow(entry: string, wanted: string, depth: number): boolean {
  if (entry === wanted) return true
  if (!entry.startsWith(`${wanted}/`)) return false
  return entry.slice(wanted.length + 1).split('/').length <= depth
}

function tellMetadata(session: ImapSession, name: string, found: readonly { entry: string; value: Buffer }[]): void {
  if (found.length === 0) return
  const values = found.map(({ entry, value }) => `${entry} ${string(value.toString('latin1'))}`)
  session.output.line(`* METADATA ${name} (${values.join(' ')})`)
}

/** LIST RETURN (METADATA (…)) (RFC 9590). */
export function tellListMetadata(session: ImapSession, place: Place, entries: readonly string[]): void {
  const found = visible(session, place)
  if ('status' in found) return
  const values = entries.map((entry) => {
    const value = found.find((one) => one.entry === entry)?.value
    return `${entry} ${value === undefined ? 'NIL' : string(value.toString('latin1'))}`
  })
  session.output.line(`* METADATA ${mailboxName(session, place.path)} (${values.join(' ')})`)
}

export function readListEntries(args: Cursor): string[] {
  return args.list(() => readEntry(args))
}

export function* setMetadata(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const { target } = readTarget(session, args)
  args.space()
  const wanted = args.list(() => {
    const entry = readEntry(args)
    args.space()
    return { entry, value: args.skipKeyword('NIL') ? null : args.binary() }
  })
  if (wanted.length === 0) args.fail('which entries?')
  args.end()
  if (args.error) return bad(args.error)
  if (target === undefined) return NO_MAILBOX
  const me = session.account!.id
  const { annotations, annotationBytes } = session.options.limits
  if (wanted.some(({ value }) => (value?.length ?? 0) > annotationBytes)) {
    return no('a value is too long', `METADATA MAXSIZE ${annotationBytes}`)
  }
  const isShared = wanted.some(({ entry }) => entry.startsWith('/shared'))
  // RFC 5464 §3.3 leaves rights to ACL: changing what all see needs a right to change something.
  if (target !== 'server' && !target.rights.has(isShared ? 'w' : 'r')) return NO_PERMISSION
  const [account, mailbox] = target === 'server' ? [me, 0 as const] : [target.account, target.mailbox.id]
  const entries = wanted.map(({ entry, value }) => ({
    reader: entry.startsWith('/private') ? me : 0,
    entry: entry.replace(/^\/(shared|private)/, ''),
    value,
  }))
  const result = yield* one({ kind: 'metadata.put', account, mailbox, entries, most: annotations })
  if (!('status' in result)) return ok('annotated')
  return result.code === 'OVERQUOTA' ? no('too many annotations', 'METADATA TOOMANY') : result
}
