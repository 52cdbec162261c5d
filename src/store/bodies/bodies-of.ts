// Which commands name bodies. For those who must know where a body lies, and that it is there.

import { DiskError } from '../../world/disk.ts'
import type { Command } from '../commands.ts'
import type { BlobRef } from '../nouns/bodies.ts'

/** The command with its body where `place` says. */
export function withBody(command: Command, place: (ref: BlobRef) => BlobRef): Command {
  switch (command.kind) {
    case 'email.deliver':
    case 'upload.put':
    case 'script.put':
      return { ...command, blob: place(command.blob) }
    case 'queue.add':
      return { ...command, entry: { ...command.entry, blob: place(command.entry.blob) } }
    default:
      return command
  }
}

export function bodyOf(command: Command): BlobRef | undefined {
  switch (command.kind) {
    case 'email.deliver':
    case 'upload.put':
    case 'script.put':
      return command.blob
    case 'queue.add':
      return command.entry.blob
    default:
      return undefined
  }
}

/**
 * Why nothing of a batch may be done: a body that it names is not there. A sync that failed took it, or nobody named it for
 * too long; a batch done without it would be half of what was promised. Undefined: all are there.
 */
export function bodyGone(batch: readonly Command[], isThere: (ref: BlobRef) => boolean): DiskError | undefined {
  for (const command of batch) {
    const ref = bodyOf(command)
    if (ref !== undefined && !isThere(ref))
      return new DiskError('failed', `The body ${ref.hash} is not (or no longer) stored: put it again.`)
  }
  return undefined
}
