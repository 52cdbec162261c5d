// Flags as clients write them, and as the store keeps them (RFC 3501 §2.3.2): the five system flags in one spelling,
// keywords as they are.

import type { Cursor } from './parser.ts'

const SYSTEM: ReadonlyMap<string, string> = new Map(
  ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'].map((flag) => [flag.toLowerCase(), flag]),
)

/** '(\Seen $Forwarded)' or the same without parentheses (RFC 3501 §9 store-att-flags). \Recent cannot be stored. */
export function readFlags(args: Cursor): string[] {
  const flags: string[] = []
  const read = (): void => {
    const flag = args.flag()
    const known = flag.startsWith('\\') ? SYSTEM.get(flag.toLowerCase()) : flag
    if (known === undefined) {
      if (flag.toLowerCase() !== '\\recent') args.fail('not a flag that can be stored')
    } else if (known.length > 200) args.fail('the keyword is too long')
    else if (!flags.includes(known)) flags.push(known)
  }
  if (args.isList()) args.list(read)
  else
    do read()
    while (args.optionalSpace())
  if (flags.length > 200) args.fail('too many flags')
  return flags
}
