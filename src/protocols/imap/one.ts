// One command for the store, and what the client hears when it is refused.

import type { Command, CommandResult } from '../../store/commands.ts'
import { commit, type Dialogue, isRefusal } from '../dialogue.ts'
import { type Answer, diskRefused, refused } from './answer.ts'

/** Commits one command; an Answer when it was refused. */
export function* one(command: Command): Dialogue<Extract<CommandResult, { ok: true }> | (Answer & { status: 'NO' })> {
  const outcome = yield* commit(command)
  if (isRefusal(outcome)) return diskRefused(outcome.refused)
  const result = outcome[0]!
  return result.ok ? result : refused(result)
}
