// Commands on mailboxes as wholes: SELECT, EXAMINE, CREATE, DELETE, RENAME, SUBSCRIBE, STATUS, CLOSE, UNSELECT
// (RFC 3501 §6.3, CREATE-SPECIAL-USE RFC 6154 §3, CONDSTORE RFC 7162 §3.1.2, OBJECTID RFC 8474 §4, UNSELECT RFC 3691).

import type { Command, CommandResult } from '../../store/commands.ts'
import type { Mailbox, SpecialUse } from '../../store/types.ts'
import { commit, type Dialogue, isRefusal } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import { mailboxAt, mailboxName, pathProblem, readPath } from './names.ts'
import type { Cursor } from './parser.ts'
import { countUntold, Recent } from './recent.ts'
import { SelectedMailbox } from './selected.ts'
import type { CommandContext, ImapSession } from './session.ts'

const NO_MAILBOX = no('there is no such mailbox', 'NONEXISTENT')

export const select = (session: ImapSession, command: CommandContext) => open(session, command, false)
export const examine = (session: ImapSession, command: CommandContext) => open(session, command, true)

function open(session: ImapSession, { args }: CommandContext, readOnly: boolean): Answer {
  args.space()
  const path = readPath(session, args)
  const parameters = args.optionalSpace() ? args.list(() => args.keyword()) : []
  if (parameters.some((parameter) => parameter !== 'CONDSTORE')) args.fail('not offered')
  args.end()
  if (args.error) return bad(args.error)
  // Whatever was selected is not any more, even if this fails (RFC 3501 §6.3.1).
  const { output } = session
  if (session.selected !== undefined && session.enabled.has('CONDSTORE')) {
    output.line('* OK [CLOSED] the mailbox before is closed')
  }
  session.selected = undefined
  if (parameters.length > 0) session.enableCondstore()
  const mailbox = mailboxAt(session, path)
  if (mailbox === undefined) return NO_MAILBOX
  const account = session.account!.id
  const recent = new Recent(session.store, account, mailbox.id)
  const selected = new SelectedMailbox(session.store, account, mailbox, recent, readOnly)
  session.selected = selected
  output.line(`* OK [MAILBOXID (F${mailbox.id})] its object id`)
  output.line(`* FLAGS (${selected.knownFlags})`)
  output.line(`* ${selected.uids.length} EXISTS`)
  output.line(`* ${selected.recentCount} RECENT`)
  output.line(`* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid`)
  if (selected.firstUnseen > 0) output.line(`* OK [UNSEEN ${selected.firstUnseen}] the first unseen message`)
  const permanent = readOnly ? '' : `${selected.knownFlags} \\*`
  output.line(`* OK [PERMANENTFLAGS (${permanent})] flags that are kept`)
  output.line(`* OK [HIGHESTMODSEQ ${Math.max(1, mailbox.highestModseq)}] the highest MODSEQ`)
  output.line(`* OK [UIDNEXT ${mailbox.uidNext}] the next UID`)
  return ok('selected', readOnly ? 'READ-ONLY' : 'READ-WRITE')
}

/** RFC 3501 §6.4.2: CLOSE removes \Deleted messages without telling; UNSELECT does not. */
export function* close(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.end()
  if (args.error) return bad(args.error)
  const selected = session.selected!
  session.selected = undefined
  const last = selected.uids.at(-1)
  if (selected.readOnly || last === undefined) return ok('closed')
  const { account, id: mailbox } = selected
  // Only what the client knows: messages that came since may be \Deleted too, but not by its wish.
  const outcome = yield* commit({ kind: 'placement.expunge', account, mailbox, uids: [[1, last]], onlyDeleted: true })
  return isRefusal(outcome) ? no('closed, but deleted messages could not be removed', 'SERVERBUG') : ok('closed')
}

export function unselect(session: ImapSession, { args }: CommandContext): Answer {
  args.end()
  if (args.error) return bad(args.error)
  session.selected = undefined
  return ok('unselected')
}

export function* create(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  // A trailing delimiter says that children will come (RFC 3501 §6.3.3): every mailbox of ours may have children.
  const path = readPath(session, args).replace(/\/$/, '')
  let specialUse: SpecialUse | null = null
  if (args.optionalSpace()) specialUse = readSpecialUse(args)
  args.end()
  if (args.error) return bad(args.error)
  const problem = pathProblem(path)
  if (problem) return no(problem, 'CANNOT')
  const { now } = session.options
  const account = session.account!.id
  const result = yield* one({ kind: 'mailbox.create', account, path, specialUse, nowMs: now() })
  if ('status' in result) return result
  const made = mailboxAt(session, path)
  return ok('created', made && `MAILBOXID (F${made.id})`)
}

const SPECIAL_USES: Record<string, SpecialUse> = {
  '\\DRAFTS': 'drafts',
  '\\SENT': 'sent',
  '\\TRASH': 'trash',
  '\\JUNK': 'junk',
  '\\ARCHIVE': 'archive',
}

function readSpecialUse(args: Cursor): SpecialUse | null {
  let use: SpecialUse | null = null
  args.list(() => {
    if (args.keyword() !== 'USE') return args.fail('not offered')
    args.space()
    for (const flag of args.list(() => args.flag().toUpperCase())) {
      use = SPECIAL_USES[flag] ?? null
      if (use === null) args.fail('that special use is not offered')
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
  const mailbox = mailboxAt(session, path)
  if (mailbox === undefined) return NO_MAILBOX
  const account = session.account!.id
  const result = yield* one({ kind: 'mailbox.delete', account, mailbox: mailbox.id })
  if ('status' in result) return result
  if (session.selected?.id === mailbox.id) session.selected = undefined
  return ok('deleted')
}

export function* rename(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const from = readPath(session, args)
  args.space()
  const path = readPath(session, args).replace(/\/$/, '')
  args.end()
  if (args.error) return bad(args.error)
  const mailbox = mailboxAt(session, from)
  if (mailbox === undefined) return NO_MAILBOX
  const problem = pathProblem(path)
  if (problem) return no(problem, 'CANNOT')
  if (path.startsWith(`${from}/`)) return no('a mailbox cannot be moved into itself', 'CANNOT')
  if (mailboxAt(session, path)) return no('a mailbox with that name exists', 'ALREADYEXISTS')
  const account = session.account!.id
  const nowMs = session.options.now()
  const result = yield* one({ kind: 'mailbox.rename', account, mailbox: mailbox.id, path, nowMs })
  return 'status' in result ? result : ok('renamed')
}

export const subscribe = (session: ImapSession, command: CommandContext) => setSubscribed(session, command, true)
export const unsubscribe = (session: ImapSession, command: CommandContext) => setSubscribed(session, command, false)

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

/** Commits one command; an Answer when it was refused. */
export function* one(command: Command): Dialogue<Extract<CommandResult, { ok: true }> | (Answer & { status: 'NO' })> {
  const outcome = yield* commit(command)
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  return result.ok ? result : refused(result)
}

export function diskRefused(reason: 'full' | 'failed'): Answer & { status: 'NO' } {
  return reason === 'full'
    ? { status: 'NO', code: 'OVERQUOTA', text: 'the disk is full' }
    : { status: 'NO', code: 'SERVERBUG', text: 'the disk does not work' }
}

const REFUSALS: Record<Extract<CommandResult, { ok: false }>['reason'], string> = {
  'no-account': 'NONEXISTENT',
  'no-mailbox': 'NONEXISTENT',
  'no-email': 'NONEXISTENT',
  exists: 'ALREADYEXISTS',
  forbidden: 'CANNOT',
  conflict: 'INUSE',
  'over-quota': 'OVERQUOTA',
  'too-many': 'LIMIT',
}

export function refused(result: Extract<CommandResult, { ok: false }>): Answer & { status: 'NO' } {
  return { status: 'NO', code: REFUSALS[result.reason], text: result.message.replace(/[^\x20-\x7e]/g, '?') }
}

export type StatusItem = keyof typeof STATUS_ITEMS

const STATUS_ITEMS = {
  MESSAGES: (mailbox: Mailbox) => mailbox.total,
  RECENT: (mailbox: Mailbox, session: ImapSession) => countUntold(session.store, session.account!.id, mailbox.id),
  SIZE: (mailbox: Mailbox) => mailbox.sizeBytes,
  UIDNEXT: (mailbox: Mailbox) => mailbox.uidNext,
  UIDVALIDITY: (mailbox: Mailbox) => mailbox.uidValidity,
  UNSEEN: (mailbox: Mailbox) => mailbox.unseen,
  HIGHESTMODSEQ: (mailbox: Mailbox) => Math.max(1, mailbox.highestModseq),
  MAILBOXID: (mailbox: Mailbox) => `(F${mailbox.id})`,
}

export function status(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  const path = readPath(session, args)
  args.space()
  const items = readStatusItems(args)
  args.end()
  if (args.error) return bad(args.error)
  const mailbox = mailboxAt(session, path)
  if (mailbox === undefined) return NO_MAILBOX
  tellStatus(session, mailbox, items)
  return ok('that is all')
}

export function readStatusItems(args: Cursor): ReadonlySet<StatusItem> {
  const items = args.list(() => args.keyword())
  if (items.length === 0) args.fail('STATUS of what?')
  for (const item of items) if (!(item in STATUS_ITEMS)) args.fail('not a STATUS item')
  return new Set(items as StatusItem[])
}

export function tellStatus(session: ImapSession, mailbox: Mailbox, items: ReadonlySet<StatusItem>): void {
  if (items.has('HIGHESTMODSEQ')) session.enableCondstore()
  const parts = Object.entries(STATUS_ITEMS).filter(([name]) => items.has(name as StatusItem))
  const values = parts.map(([name, value]) => `${name} ${value(mailbox, session)}`).join(' ')
  const name = mailboxName(session, mailbox.path)
  session.output.line(`* STATUS ${name} (${values})`)
}
