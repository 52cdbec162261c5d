// Batches that hold only under a condition: where one of the conditions that stand first is refused, nothing of the batch is
// done. Those that only look stand before one that writes.

import type { Command, CommandResult } from '../commands.ts'
import { refuse } from './apply.ts'

const CONDITIONS: ReadonlySet<Command['kind']> = new Set([
  'outgoing.check',
  'contract.check',
  'once.put',
  'sent.cancel',
])

/** What the commands after a refused condition give. */
const notDone = refuse('conflict', 'Nothing of the batch was done.')

/** The results of a batch; `apply` gives that of one command, by those before. */
export function inBatch(
  batch: readonly Command[],
  apply: (command: Command, results: readonly CommandResult[]) => CommandResult,
): CommandResult[] {
  const results: CommandResult[] = []
  let [isHead, isRefused] = [true, false]
  for (const command of batch) {
    if (isRefused) {
      results.push(notDone)
      continue
    }
    isHead &&= CONDITIONS.has(command.kind)
    const result = apply(command, results)
    results.push(result)
    isRefused = isHead && !result.ok
  }
  return results
}
