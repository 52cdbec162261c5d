// Every command with the state in which it is allowed (RFC 9051 §6, and the extensions named in capability.ts).

import { deleteAcl, getAcl, listRights, myRights, setAcl } from './acl.ts'
import { append, replace } from './append.ts'
import { authenticate, capability, enable, id, login, logout, noop, startTls, unauthenticate } from './auth.ts'
import { compress } from './compress.ts'
import { cancelUpdate } from './context.ts'
import { copy, move } from './copy.ts'
import { expunge } from './expunge.ts'
import { fetch } from './fetch.ts'
import { idle } from './idle.ts'
import { getJmapAccess } from './jmap-access.ts'
import { list, lsub, namespace } from './list.ts'
import { create, remove, rename, subscribe, unsubscribe } from './mailboxes.ts'
import { getMetadata, setMetadata } from './metadata.ts'
import { multisearch } from './multisearch.ts'
import { notify } from './notify.ts'
import { getQuota, getQuotaRoot, setQuota } from './quota.ts'
import { search } from './search.ts'
import { close, examine, select, unselect } from './select.ts'
import type { CommandHandler } from './session.ts'
import { sort } from './sort.ts'
import { status } from './status.ts'
import { store } from './store.ts'
import { thread } from './thread.ts'
import { uidBatches } from './uid-batches.ts'
import { genUrlAuth, resetKey, urlFetch } from './url-auth.ts'

export interface CommandRow {
  readonly state: 'any' | 'not-signed-in' | 'signed-in' | 'selected'
  readonly run: CommandHandler
  /** Exists behind UID too. */
  readonly uid?: true
  /** False: without UID, too, it speaks of no message numbers. */
  readonly numbers?: false
  /** False: no EXPUNGE may be told at its end, unless behind UID (RFC 9051 §7.5.1). */
  readonly expungesTold?: false
}

export const COMMANDS: ReadonlyMap<string, CommandRow> = new Map<string, CommandRow>([
  ['CAPABILITY', { state: 'any', run: capability }],
  ['NOOP', { state: 'any', run: noop }],
  ['LOGOUT', { state: 'any', run: logout }],
  ['ID', { state: 'any', run: id }],
  ['STARTTLS', { state: 'not-signed-in', run: startTls }],
  ['AUTHENTICATE', { state: 'not-signed-in', run: authenticate }],
  ['LOGIN', { state: 'not-signed-in', run: login }],
  ['UNAUTHENTICATE', { state: 'signed-in', run: unauthenticate }],
  ['COMPRESS', { state: 'signed-in', run: compress }],
  ['ENABLE', { state: 'signed-in', run: enable }],
  ['SELECT', { state: 'signed-in', run: select }],
  ['EXAMINE', { state: 'signed-in', run: examine }],
  ['CREATE', { state: 'signed-in', run: create }],
  ['DELETE', { state: 'signed-in', run: remove }],
  ['RENAME', { state: 'signed-in', run: rename }],
  ['SUBSCRIBE', { state: 'signed-in', run: subscribe }],
  ['UNSUBSCRIBE', { state: 'signed-in', run: unsubscribe }],
  ['LIST', { state: 'signed-in', run: list }],
  ['LSUB', { state: 'signed-in', run: lsub }],
  ['NAMESPACE', { state: 'signed-in', run: namespace }],
  ['STATUS', { state: 'signed-in', run: status }],
  ['APPEND', { state: 'signed-in', run: append }],
  ['IDLE', { state: 'signed-in', run: idle }],
  ['NOTIFY', { state: 'signed-in', run: notify }],
  ['GETMETADATA', { state: 'signed-in', run: getMetadata }],
  ['SETMETADATA', { state: 'signed-in', run: setMetadata }],
  ['GETQUOTA', { state: 'signed-in', run: getQuota }],
  ['GETQUOTAROOT', { state: 'signed-in', run: getQuotaRoot }],
  ['SETQUOTA', { state: 'signed-in', run: setQuota }],
  ['SETACL', { state: 'signed-in', run: setAcl }],
  ['DELETEACL', { state: 'signed-in', run: deleteAcl }],
  ['GETACL', { state: 'signed-in', run: getAcl }],
  ['LISTRIGHTS', { state: 'signed-in', run: listRights }],
  ['MYRIGHTS', { state: 'signed-in', run: myRights }],
  ['GETJMAPACCESS', { state: 'signed-in', run: getJmapAccess }],
  ['GENURLAUTH', { state: 'signed-in', run: genUrlAuth }],
  ['RESETKEY', { state: 'signed-in', run: resetKey }],
  ['URLFETCH', { state: 'signed-in', run: urlFetch }],
  ['ESEARCH', { state: 'signed-in', run: multisearch, expungesTold: false }],
  ['CHECK', { state: 'selected', run: noop }],
  ['CLOSE', { state: 'selected', run: close }],
  ['UNSELECT', { state: 'selected', run: unselect }],
  ['EXPUNGE', { state: 'selected', run: expunge, uid: true, numbers: false }],
  ['SEARCH', { state: 'selected', run: search, uid: true, expungesTold: false }],
  ['SORT', { state: 'selected', run: sort, uid: true, expungesTold: false }],
  ['THREAD', { state: 'selected', run: thread, uid: true, expungesTold: false }],
  ['CANCELUPDATE', { state: 'selected', run: cancelUpdate }],
  ['FETCH', { state: 'selected', run: fetch, uid: true, expungesTold: false }],
  ['STORE', { state: 'selected', run: store, uid: true, expungesTold: false }],
  ['COPY', { state: 'selected', run: copy, uid: true }],
  ['MOVE', { state: 'selected', run: move, uid: true }],
  ['REPLACE', { state: 'selected', run: replace, uid: true }],
  ['UIDBATCHES', { state: 'selected', run: uidBatches }],
])
