// A sequence set as an argument: numbers, or '$' for what the last SEARCH saved (RFC 5182 §2).

import type { Cursor } from './parser.ts'
import type { SequenceSet } from './sequence.ts'

export function readSet(args: Cursor): SequenceSet | 'saved' {
  return args.skipText('$') ? 'saved' : args.sequenceSet()
}
