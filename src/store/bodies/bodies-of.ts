// Which commands name bodies. For those who must know where a body lies, and that it is there.

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
