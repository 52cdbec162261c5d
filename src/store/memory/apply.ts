// Applies commands to the state of a store in memory: what agents do that carry mail. What only mail programs and people ask
// for (flags, copies, scripts, …) is not here: that needs the store with a disk.

import type { CommandOf } from '../apply/apply.ts'
import { inBatch } from '../apply/conditions.ts'
import type { Command, CommandResult } from '../commands.ts'
import type { AccountId } from '../nouns/people.ts'
import type { Change } from '../store.ts'
import { mail } from './apply-mail.ts'
import { people } from './apply-people.ts'
import { reports } from './apply-reports.ts'
import type { Box, State } from './state.ts'

export interface Applying {
  /** Results of the batch so far. */
  readonly made: readonly CommandResult[]
  readonly nowMs: number
  /** Notes a change for those who watch. */
  readonly touch: (account: AccountId, boxes?: readonly Box[]) => void
}

export type Handlers<Kind extends Command['kind']> = {
  readonly [One in Kind]: (state: State, command: CommandOf<One>, applying: Applying) => CommandResult
}

const done = (): CommandResult => ({ ok: true, changed: [] })

const HANDLERS: Partial<Handlers<Command['kind']>> = {
  ...people,
  ...mail,
  ...reports,
  'mailbox.subscribe': done,
  // Nobody reads mail here, so nobody teaches or deletes.
  'lesson.season': done,
  'lesson.unfold': done,
  'learned.put': done,
  'complaint.done': done,
  'deleted.prune': done,
  'once.prune': done,
  'upload.prune': done,
}

/** @throws Error for a command that no agent that carries mail gives */
export function applyBatch(state: State, batch: readonly Command[], nowMs: number, touched: Touched): CommandResult[] {
  const touch: Applying['touch'] = (account, boxes = []) => {
    const known = touched.get(account) ?? new Set()
    touched.set(account, known)
    for (const { id } of boxes) known.add(id)
  }
  return inBatch(batch, (command, made) => {
    const handler = HANDLERS[command.kind] as ((...parameters: unknown[]) => CommandResult) | undefined
    if (handler === undefined) throw new Error(`A store in memory knows no '${command.kind}'.`)
    return handler(state, command, { made, nowMs, touch })
  })
}

export type Touched = Map<AccountId, Set<number>>

export function changesOf(state: State, touched: Touched): Change[] {
  return [...touched].map(([account, mailboxes]) => ({
    account,
    mailboxes: [...mailboxes],
    modseq: state.people.get(account)?.modseq ?? 0,
  }))
}
