// A command's tagged answer as a value (RFC 9051 §7.1), and the answers that several commands give.

import type { CommandResult } from '../../store/commands.ts'

/** A command's tagged answer. `code` is a response code without brackets (RFC 9051 §7.1). */
export interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD'
  readonly code?: string
  readonly text: string
}

export const ok = (text: string, code?: string): Answer => ({ status: 'OK', text, ...(code && { code }) })
export const no = (text: string, code?: string): Answer & { status: 'NO' } => ({
  status: 'NO',
  text,
  ...(code && { code }),
})
export const bad = (text: string, code?: string): Answer => ({ status: 'BAD', text, ...(code && { code }) })

/** The tagged answer was sent already: STARTTLS answers before the handshake. */
export const ANSWERED: Answer = { status: 'OK', text: '' }

export const NO_MAILBOX = no('there is no such mailbox', 'NONEXISTENT')
/** APPEND and COPY: the client may make it and try again (RFC 9051 §6.3.12). */
export const NO_TARGET = no('there is no such mailbox', 'TRYCREATE')
export const READ_ONLY = no('the mailbox is open read-only', 'CANNOT')
export const NO_SUCH_MESSAGE = bad('there is no message with that number')
export const NO_PERMISSION = no('you have no right to do that', 'NOPERM')
/** RFC 9586 §3. */
export const UID_REQUIRED = bad('message numbers are not used in this session', 'UIDREQUIRED')

export function diskRefused(reason: 'full' | 'failed'): Answer & { status: 'NO' } {
  return reason === 'full' ? no('the disk is full', 'OVERQUOTA') : no('the disk does not work', 'SERVERBUG')
}

const REFUSALS: Record<Extract<CommandResult, { ok: false }>['reason'], string> = {
  'no-account': 'NONEXISTENT',
  'no-mailbox': 'NONEXISTENT',
  'no-email': 'NONEXISTENT',
  exists: 'ALREADYEXISTS',
  forbidden: 'CANNOT',
  conflict: 'INUSE',
  'over-quota': 'OVERQUOTA',
}

export function refused(result: Extract<CommandResult, { ok: false }>): Answer & { status: 'NO' } {
  return no(result.message.replace(/[^\x20-\x7e]/g, '?'), REFUSALS[result.reason])
}
