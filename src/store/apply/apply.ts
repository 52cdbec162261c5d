// What the files that apply commands share: the shape of a handler, refusals, and `Made` references.

import type { Command, CommandResult, Made } from '../commands.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'

export type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>

/**
 * Applies one command inside the group's transaction. It checks everything before it writes anything, because a
 * refusal keeps nothing and does not undo the others of its batch. `made`: results of the batch so far.
 */
export type Handler<Kind extends Command['kind']> = (
  ledger: Ledger,
  command: CommandOf<Kind>,
  made: readonly CommandResult[],
) => CommandResult

export type Refusal = Extract<CommandResult, { ok: false }>

export function refuse(reason: Refusal['reason'], message: string): Refusal {
  return { ok: false, reason, message }
}

export const noAccount = refuse('no-account', 'There is no such account.')
export const noMailbox = refuse('no-mailbox', 'There is no such mailbox.')
export const noEmail = refuse('no-email', 'There is no such email.')

/** The id itself, or what the named earlier command made; undefined when that was refused. */
export function resolveId(id: number | Made, made: readonly CommandResult[]): number | undefined {
  if (typeof id === 'number') return id
  const result = made[id.from]
  return result?.ok ? (result.emailId ?? result.id) : undefined
}

export function resolveAccount(
  ledger: Ledger,
  id: number | Made,
  made: readonly CommandResult[],
): AccountRow | undefined {
  const resolved = resolveId(id, made)
  return resolved === undefined ? undefined : ledger.account(resolved)
}

/** The mailbox and whose it is, or why not. */
export function findMailbox(
  ledger: Ledger,
  accountId: number,
  mailboxId: number,
): Refusal | { ok: true; account: AccountRow; mailbox: MailboxRow } {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const mailbox = account.mailboxes.get(mailboxId)
  return mailbox === undefined ? noMailbox : { ok: true, account, mailbox }
}
