// Quotas (RFC 9208): GETQUOTA, GETQUOTAROOT, SETQUOTA. An account has one quota root, named after its owner; what is in its
// mailboxes counts, wherever it came from.

import { type Answer, bad, NO_MAILBOX, NO_PERMISSION, no, ok } from './answer.ts'
import { mailboxAt, mailboxName, readPath } from './names.ts'
import { string } from './response.ts'
import type { CommandContext, ImapSession } from './session.ts'

const rootOf = (session: ImapSession, account: number): string => session.store.account(account)!.address

function tellQuota(session: ImapSession, account: number): void {
  const quota = session.store.access.quota(account)
  if (quota === undefined) return
  const { bytes, messages, usedBytes, usedMessages } = quota
  // RFC 9208 §5.1: STORAGE counts in units of 1024 octets.
  const resources = [
    bytes === null ? '' : `STORAGE ${Math.ceil(usedBytes / 1024)} ${Math.floor(bytes / 1024)}`,
    messages === null ? '' : `MESSAGE ${usedMessages} ${messages}`,
  ].filter((resource) => resource !== '')
  session.output.line(`* QUOTA ${string(rootOf(session, account))} (${resources.join(' ')})`)
}

export function getQuota(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  const root = args.astring().toString('utf8')
  args.end()
  if (args.error) return bad(args.error)
  const account = session.account!.id
  if (root !== rootOf(session, account)) return no('there is no such quota root', 'NONEXISTENT')
  tellQuota(session, account)
  return ok('that is all')
}

export function getQuotaRoot(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  const path = readPath(session, args)
  args.end()
  if (args.error) return bad(args.error)
  const place = mailboxAt(session, path)
  if (place === undefined) return NO_MAILBOX
  // RFC 9208 §4.1.2: what another person may hold is that person's affair, unless the client may fill it.
  if (!place.rights.has('r') && !place.rights.has('i')) return NO_PERMISSION
  session.output.line(`* QUOTAROOT ${mailboxName(session, path)} ${string(rootOf(session, place.account))}`)
  tellQuota(session, place.account)
  return ok('that is all')
}

/** Quotas are set by those who run the system, not by those who are held to them. */
export function setQuota(_: ImapSession, { args }: CommandContext): Answer {
  args.space()
  args.astring()
  args.space()
  args.list(() => {
    args.atom()
    args.space()
    args.number()
  })
  args.end()
  return args.error ? bad(args.error) : NO_PERMISSION
}
