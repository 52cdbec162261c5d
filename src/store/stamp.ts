// When a person's deletions and moves happen: stamped as they come to the store, whatever protocol they came by, because what
// applies a command knows no clock.

import type { Command } from './commands.ts'

const STAMPED: ReadonlySet<Command['kind']> = new Set([
  'placement.copy',
  'placement.expunge',
  'email.update',
  'email.destroy',
  'mailbox.delete',
] satisfies Command['kind'][])

export function stamped(command: Command, nowMs: number): Command {
  return STAMPED.has(command.kind) ? ({ nowMs, ...command } as Command) : command
}
