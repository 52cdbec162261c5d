// What a script decides is to be done, as plain data (RFC 5228 §2.10): the MDA carries it out, or nothing of it. Here are
// the rules by which actions go together: duplicates become one (§2.10.3), incompatible ones are an error (RFC 5429 §2.1,
// RFC 5230 §4.7), and their number is bounded (§2.10.4).

import type { Message } from './message.ts'
import type { Place } from './syntax.ts'

/** Where a message is stored: by keep in the inbox, by fileinto or `:fcc` in a mailbox of that name. */
export interface Target {
  readonly mailbox: string
  /** Make it if it is not there (RFC 5490 §3.2). */
  readonly create: boolean
  /** Goes before the name where a mailbox has this use (RFC 8579 §4). */
  readonly specialUse?: string | undefined
  /** Goes before the name where a mailbox has this id (RFC 9042 §4). */
  readonly mailboxId?: string | undefined
  readonly flags: readonly string[]
}

export interface StoreAction extends Target {
  readonly kind: 'keep' | 'fileinto'
  readonly message: Message
}

export interface RedirectAction {
  readonly kind: 'redirect'
  readonly address: string
  readonly message: Message
}

export interface RejectAction {
  readonly kind: 'reject' | 'ereject'
  readonly reason: string
}

export interface VacationAction {
  readonly kind: 'vacation'
  readonly periodS: number
  readonly subject: string | undefined
  readonly from: string | undefined
  readonly addresses: readonly string[]
  /** The text is a MIME entity, header and all. */
  readonly mime: boolean
  readonly reason: string
  /** What the answer is remembered by, with whom it went to. */
  readonly handle: string
  readonly fcc: Target | undefined
}

export interface NotifyAction {
  readonly kind: 'notify'
  readonly method: string
  readonly from: string | undefined
  readonly importance: 1 | 2 | 3
  readonly message: string | undefined
  readonly options: readonly string[]
  readonly fcc: Target | undefined
}

export type Action = StoreAction | RedirectAction | RejectAction | VacationAction | NotifyAction

export interface ActionLimits {
  readonly actions: number
  readonly redirects: number
  readonly notifications: number
}

export const ACTION_LIMITS: ActionLimits = { actions: 32, redirects: 4, notifications: 10 }

const STORING = new Set<Action['kind']>(['keep', 'fileinto'])
const REJECTING = new Set<Action['kind']>(['reject', 'ereject'])

/** The actions with one more; or the reason why it cannot be. */
export function withAction(
  actions: readonly Action[],
  added: Action,
  limits: ActionLimits,
): { actions: Action[] } | { error: string } {
  const clash = actions.find((one) => excludes(one, added))
  if (clash !== undefined) {
    return {
      error:
        clash.kind === added.kind
          ? `${added.kind} can be done only once`
          : `${added.kind} and ${clash.kind} exclude each other`,
    }
  }
  const same = actions.findIndex((one) => isSame(one, added))
  if (same >= 0) {
    const merged = [...actions]
    merged[same] = merge(actions[same]!, added)
    return { actions: merged }
  }
  if (actions.length >= limits.actions)
    return { error: `the total number of actions exceeds policy limit (${limits.actions})` }
  const ofKind = actions.filter(({ kind }) => kind === added.kind).length
  if (added.kind === 'redirect' && ofKind >= limits.redirects)
    return { error: `the number of redirect actions exceeds policy limit (${limits.redirects})` }
  if (added.kind === 'notify' && limits.notifications === 0)
    return { error: 'local policy prohibits the use of a notify action' }
  if (added.kind === 'notify' && ofKind >= limits.notifications)
    return { error: `the number of notify actions exceeds policy limit (${limits.notifications})` }
  return { actions: [...actions, added] }
}

function excludes(a: Action, b: Action): boolean {
  if (REJECTING.has(a.kind)) return b.kind !== 'notify'
  if (REJECTING.has(b.kind)) return a.kind !== 'notify'
  return a.kind === 'vacation' && b.kind === 'vacation'
}

function isSame(a: Action, b: Action): boolean {
  if (a.kind === 'redirect' && b.kind === 'redirect') return a.address.toLowerCase() === b.address.toLowerCase()
  if (!STORING.has(a.kind) || !STORING.has(b.kind)) return false
  const [one, other] = [a as StoreAction, b as StoreAction]
  return (
    mailboxKey(one.mailbox) === mailboxKey(other.mailbox) &&
    one.specialUse === other.specialUse &&
    one.mailboxId === other.mailboxId
  )
}

/** The later one's flags hold; what was kept once is kept. */
function merge(old: Action, added: Action): Action {
  if (!STORING.has(old.kind)) return old
  const [before, after] = [old as StoreAction, added as StoreAction]
  const kind = before.kind === 'keep' || after.kind === 'keep' ? 'keep' : 'fileinto'
  return { ...before, kind, create: before.create || after.create, flags: after.flags }
}

function mailboxKey(name: string): string {
  return name.replace(/^inbox(?=$|[./])/i, 'INBOX')
}

/** A script failed while it ran: nothing of it is done but to keep the message (RFC 5228 §2.10.6). */
export interface Failure extends Place {
  readonly message: string
  readonly script: string | undefined
}
