// Access rights (RFC 4314): SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS. The owner has all rights in a mailbox, always;
// what others may do is kept with the mailbox.

import { commit, type Dialogue, isRefusal } from '../dialogue.ts'
import { type Answer, bad, diskRefused, NO_MAILBOX, NO_PERMISSION, no, ok, refused } from './answer.ts'
import { mailboxAt, mailboxName, type Place, readPath } from './names.ts'
import { astring } from './response.ts'
import { ALL_RIGHTS, readRights, shownRights, writeRights } from './rights.ts'
import type { CommandContext, ImapSession } from './session.ts'

/** Identifiers as they are kept: an address, 'anyone', or one of them after '-'. */
function identifierOf(session: ImapSession, bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8').normalize('NFC').toLowerCase()
  const name = text.replace(/^-/, '')
  const sign = text.slice(0, text.length - name.length)
  if (name === 'anyone') return text
  const own = session.account!.address
  const domain = own.slice(own.lastIndexOf('@') < 0 ? own.length : own.lastIndexOf('@'))
  const known = session.store.accountByAddress(name.includes('@') ? name : name + domain)
  return known && sign + known.address.toLowerCase()
}

/** Who may see and change rights: without any right the mailbox does not exist for the client. */
function administered(session: ImapSession, path: string): Place | Answer {
  const place = mailboxAt(session, path)
  if (place === undefined || !(place.rights.has('l') || place.rights.has('a'))) return NO_MAILBOX
  return place.rights.has('a') ? place : NO_PERMISSION
}

export function* setAcl(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args)
  args.space()
  const identifier = identifierOf(session, args.astring())
  args.space()
  const text = args.astring().toString('latin1')
  args.end()
  if (args.error) return bad(args.error)
  const sign = /^[+-]/.exec(text)?.[0]
  const wanted = readRights(sign ? text.slice(1) : text)
  if (wanted === undefined) return bad('not rights')
  return yield* change(session, path, identifier, (before) => {
    if (sign === '+') return new Set([...before, ...wanted])
    if (sign === '-') return new Set([...before].filter((right) => !wanted.has(right)))
    return wanted
  })
}

export function* deleteAcl(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args)
  args.space()
  const identifier = identifierOf(session, args.astring())
  args.end()
  if (args.error) return bad(args.error)
  return yield* change(session, path, identifier, () => new Set())
}

function* change(
  session: ImapSession,
  path: string,
  identifier: string | undefined,
  after: (before: ReadonlySet<string>) => ReadonlySet<string>,
): Dialogue<Answer> {
  const place = administered(session, path)
  if ('status' in place) return place
  const { account, mailbox } = place
  if (identifier === undefined) return no('nobody has that address', 'CANNOT')
  const owner = session.store.account(account)!.address.toLowerCase()
  if (identifier.replace(/^-/, '') === owner) return no('the owner has all rights, always', 'CANNOT')
  const entries = session.store.access.rights(account, mailbox.id)
  const before = readRights(entries.find((entry) => entry.identifier === identifier)?.rights ?? '') ?? new Set()
  const rights = writeRights(after(before))
  const told = { by: session.account!.id, nowMs: session.options.now() }
  const outcome = yield* commit({ kind: 'acl.put', account, mailbox: mailbox.id, identifier, rights, told })
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  return result.ok ? ok('rights set') : refused(result)
}

export function getAcl(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  const path = readPath(session, args)
  args.end()
  if (args.error) return bad(args.error)
  const place = administered(session, path)
  if ('status' in place) return place
  const { account, mailbox } = place
  const owner = session.store.account(account)!.address.toLowerCase()
  const entries = [{ identifier: owner, rights: ALL_RIGHTS }, ...session.store.access.rights(account, mailbox.id)].map(
    ({ identifier, rights }) => ` ${astring(Buffer.from(identifier).toString('latin1'))} ${shownRights(rights)}`,
  )
  session.output.line(`* ACL ${mailboxName(session, path)}${entries.join('')}`)
  return ok('that is all')
}

export function listRights(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  const path = readPath(session, args)
  args.space()
  const written = args.astring()
  args.end()
  if (args.error) return bad(args.error)
  const place = administered(session, path)
  if ('status' in place) return place
  const identifier = identifierOf(session, written)
  if (identifier === undefined) return no('nobody has that address', 'CANNOT')
  const isOwner = identifier === session.store.account(place.account)!.address.toLowerCase()
  // RFC 4314 §3.7: what is always granted, then each right that may be granted by itself.
  const rights = isOwner ? ALL_RIGHTS : `"" ${[...ALL_RIGHTS].join(' ')}`
  session.output.line(`* LISTRIGHTS ${mailboxName(session, path)} ${astring(written.toString('latin1'))} ${rights}`)
  return ok('that is all')
}

export function myRights(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  const path = readPath(session, args)
  args.end()
  if (args.error) return bad(args.error)
  const place = mailboxAt(session, path)
  if (place === undefined) return NO_MAILBOX
  tellMyRights(session, place)
  return ok('that is all')
}

export function tellMyRights(session: ImapSession, { path, rights }: Place): void {
  session.output.line(`* MYRIGHTS ${mailboxName(session, path)} "${rights}"`)
}
