// Mailbox names as clients say them, and the store's paths: '/' between parts, INBOX in any case (RFC 3501 §5.1). Where a
// house shows '.' as its delimiter, '.' and '/' change places on the wire, so that every path still has one name.
// The store keeps mailboxes by id; a path never becomes the name of a file.

import type { Mailbox } from '../../store/types.ts'
import { decodeMailboxName, encodeMailboxName } from './mutf7.ts'
import type { Cursor } from './parser.ts'
import { string } from './response.ts'
import type { ImapSession } from './session.ts'

/** Between the parts of the store's paths. */
export const SEPARATOR = '/'
const MAX_NAME_BYTES = 1_000
const MAX_LEVELS = 50

/** The path that these bytes name, or undefined when they cannot be a name. */
export function pathOf(session: ImapSession, bytes: Buffer): string | undefined {
  const utf8 = session.enabled.has('UTF8=ACCEPT')
  const text = bytes.toString('latin1')
  // With UTF8=ACCEPT names are UTF-8, and '&' is itself (RFC 6855 §3). Thunderbird relies on it.
  const name = utf8
    ? decodeUtf8(bytes)
    : (decodeMailboxName(text) ?? (/[\x80-\xff]/.test(text) ? decodeUtf8(bytes) : undefined))
  return name === undefined ? undefined : withInbox(swapped(session, name.normalize('NFC')))
}

/** The store's path of a name, and the name of a path. */
function swapped(session: ImapSession, name: string): string {
  if (session.options.delimiter === SEPARATOR) return name
  return name.replace(/[./]/g, (character) => (character === '.' ? '/' : '.'))
}

/** A path as it travels: modified UTF-7, or UTF-8 once the client has enabled that (RFC 6855 §3). */
export function mailboxName(session: ImapSession, path: string): string {
  const name = swapped(session, path)
  if (!session.enabled.has('UTF8=ACCEPT')) return string(encodeMailboxName(name))
  return `"${Buffer.from(name).toString('latin1').replace(/["\\]/g, '\\$&')}"`
}

function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? undefined : text
}

function withInbox(name: string): string {
  return /^inbox(?=\/|$)/i.test(name) ? `INBOX${name.slice(5)}` : name
}

/** Reads a mailbox name argument. '' stands for one that cannot exist: no mailbox has it. */
export function readPath(session: ImapSession, args: Cursor): string {
  return pathOf(session, args.astring()) ?? ''
}

/** Why a new mailbox may not have this path, for people; undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'not a mailbox name'
  if (Buffer.byteLength(path) > MAX_NAME_BYTES) return 'the name is too long'
  const parts = path.split(SEPARATOR)
  if (parts.length > MAX_LEVELS) return 'too many levels'
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'a part of the name is empty or only dots'
  if (/[\x00-\x1f\x7f\u2028\u2029]/.test(path)) return 'the name holds characters that are not allowed'
  return undefined
}

export function mailboxAt(session: ImapSession, path: string): Mailbox | undefined {
  return path === '' ? undefined : session.store.mailboxByPath(session.account!.id, path)
}
