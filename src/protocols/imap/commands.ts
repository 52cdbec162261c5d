// Every command with the state in which it is allowed (RFC 3501 §6).

import { append } from './append.ts'
import { authenticate, capability, enable, id, login, logout, noop, startTls } from './auth.ts'
import { fetch } from './fetch.ts'
import { idle } from './idle.ts'
import { list, lsub, namespace } from './list.ts'
import {
  close,
  create,
  examine,
  remove,
  rename,
  select,
  status,
  subscribe,
  unselect,
  unsubscribe,
} from './mailboxes.ts'
import { copy, expunge, move, store } from './messages.ts'
import { search } from './search.ts'
import type { CommandHandler } from './session.ts'

export interface CommandRow {
  readonly state: 'any' | 'not-signed-in' | 'signed-in' | 'selected'
  readonly run: CommandHandler
  /** Exists behind UID too. */
  readonly uid?: true
  /** False: no EXPUNGE may be told at its end, unless behind UID (RFC 3501 §7.4.1). */
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
  ['CHECK', { state: 'selected', run: noop }],
  ['CLOSE', { state: 'selected', run: close }],
  ['UNSELECT', { state: 'selected', run: unselect }],
  ['EXPUNGE', { state: 'selected', run: expunge, uid: true }],
  ['SEARCH', { state: 'selected', run: search, uid: true, expungesTold: false }],
  ['FETCH', { state: 'selected', run: fetch, uid: true, expungesTold: false }],
  ['STORE', { state: 'selected', run: store, uid: true, expungesTold: false }],
  ['COPY', { state: 'selected', run: copy, uid: true }],
  ['MOVE', { state: 'selected', run: move, uid: true }],
])
