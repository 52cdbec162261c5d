// Commands on mailboxes as wholes: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8,
// CREATE-SPECIAL-USE RFC 6154 §3, OBJECTID RFC 8474 §4), in the client's own account or in a shared one (RFC 4314 §4).

import type { SpecialUse } from '../../store/nouns/mail.ts'
import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, NO_MAILBOX, NO_PERMISSION, no, ok } from './answer.ts'
import { mailboxAt, ownerOf, pathProblem, readPath, rightsIn, SEPARATOR } from './names.ts'
import { one } from './one.ts'
import type { Cursor } from './parser.ts'
import type { CommandContext, ImapSession } from './session.ts'

export function* create(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  // A trailing delimiter says that children will come (RFC 9051 §6.3.4): every mailbox of ours may have children.
  const path = readPath(session, args).replace(/\/$/, '')
  let specialUse: SpecialUse | null = null
  if (args.optionalSpace()) specialUse = readSpecialUse(session, args)
  args.end()
  if (args.error) return args.error === NO_SUCH_USE ? no(args.error, 'USEATTR') : bad(args.error)
  const problem = pathProblem(path)
  if (problem) return no(problem, 'CANNOT')
  const where = ownerOf(session, path)
  if (where === undefined) return no('nobody has such mailboxes', 'CANNOT')
  if (!mayCreateIn(session, where.account, where.path)) return NO_PERMISSION
  const nowMs = session.options.now()
  const result = yield* one({ kind: 'mailbox.create', account: where.account, path: where.path, specialUse, nowMs })
  if ('status' in result) return result
  return ok('created', `MAILBOXID (${session.mailboxId(where.account, result.id!)})`)
}

/** RFC 4314 §4: making a mailbox needs 'k' in the nearest one above it that exists. */
function mayCreateIn(session: ImapSession, account: number, path: string): boolean {
  if (account === session.account!.id) return true
  for (let end = path.lastIndexOf(SEPARATOR); end > 0; end = path.lastIndexOf(SEPARATOR, end - 1)) {
    const above = session.store.mailboxByPath(account, path.slice(0, end))
    if (above !== undefined) return rightsIn(session, account, above.id).has('k')
  }
  return false
}

const SPECIAL_USES: Record<string, SpecialUse> = {
  '\\DRAFTS': 'drafts',
  '\\SENT': 'sent',
  '\\TRASH': 'trash',
  '\\JUNK': 'junk',
  '\\ARCHIVE': 'archive',
}
const NO_SUCH_USE = 'that special use is not offered, or another mailbox has it'

function readSpecialUse(session: ImapSession, args: Cursor): SpecialUse | null {
  let use: SpecialUse | null = null
  args.list(() => {
    if (args.keyword() !== 'USE') return args.fail('not offered')
    args.space()
    for (const flag of args.list(() => args.flag().toUpperCase())) {
      use = SPECIAL_USES[flag] ?? null
      if (use === null || session.store.mailboxByUse(session.account!.id, use)) args.fail(NO_SUCH_USE)
    }
  })
  return use
}

export function* remove(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args)
  args.end()
  if (args.error) return bad(args.error)
  if (path === 'INBOX') return no('INBOX cannot be deleted', 'CANNOT')
  const place = mailboxAt(session, path)
  if (place === undefined) return NO_MAILBOX
  if (!place.rights.has('x')) return NO_PERMISSION
  const { account, mailbox } = place
  const result = yield* one({ kind: 'mailbox.delete', account, mailbox: mailbox.id })
  if ('status' in result) return result
  if (session.selected?.id === mailbox.id && session.selected.account === account) session.selected = undefined
  return ok('deleted')
}

export function* rename(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const from = readPath(session, args)
  args.space()
  const path = readPath(session, args).replace(/\/$/, '')
  args.end()
  if (args.error) return bad(args.error)
  const place = mailboxAt(session, from)
  if (place === undefined) return NO_MAILBOX
  const problem = pathProblem(path)
  if (problem) return no(problem, 'CANNOT')
  if (path.startsWith(`${from}/`)) return no('a mailbox cannot be moved into itself', 'CANNOT')
  if (mailboxAt(session, path)) return no('a mailbox with that name exists', 'ALREADYEXISTS')
  const to = ownerOf(session, path)
  if (to?.account !== place.account) return no('a mailbox stays with its owner', 'CANNOT')
  if (!place.rights.has('x') || !mayCreateIn(session, to.account, to.path)) return NO_PERMISSION
  const { account, mailbox } = place
  const nowMs = session.options.now()
  const result = yield* one({ kind: 'mailbox.rename', account, mailbox: mailbox.id, path: to.path, nowMs })
  return 'status' in result ? result : ok('renamed')
}

export const subscribe = (session: ImapSession, command: CommandContext) => setSubscribed(session, command, true)
export const unsubscribe = (session: ImapSession, command: CommandContext) => setSubscribed(session, command, false)

/** A subscription is the client's own, whoever has the mailbox; it may be to a name that does not exist. */
function* setSubscribed(session: ImapSession, { args }: CommandContext, subscribed: boolean): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args).replace(/\/$/, '')
  args.end()
  if (args.error) return bad(args.error)
  if (subscribed && pathProblem(path)) return no('not a mailbox name', 'CANNOT')
  if (path === '') return NO_MAILBOX
  const account = session.account!.id
  const result = yield* one({ kind: 'mailbox.subscribe', account, path, subscribed })
  return 'status' in result ? result : ok(subscribed ? 'subscribed' : 'unsubscribed')
}
