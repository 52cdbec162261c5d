// Flags of a message in an mbox file: fields of its header that programs put there (c-client, mutt, Dovecot: Status,
// X-Status, X-Keywords, and UIDs beside them; Thunderbird: X-Mozilla-Status). They are no part of the message.

const LF = 10
const MARKS = /^(status|x-status|x-keywords|x-uid|x-imap|x-imapbase|x-mozilla-status2?|x-mozilla-keys)[ \t]*:/i
const LETTERS: readonly (readonly [string, string])[] = [
  ['R', '\\Seen'],
  ['A', '\\Answered'],
  ['F', '\\Flagged'],
  ['T', '\\Draft'],
  ['D', '\\Deleted'],
]
/** nsMsgMessageFlags: read, replied, marked, expunged, forwarded. */
const MOZILLA: readonly (readonly [number, string])[] = [
  [0x1, '\\Seen'],
  [0x2, '\\Answered'],
  [0x4, '\\Flagged'],
  [0x8, '\\Deleted'],
  [0x1000, '$Forwarded'],
]

interface Marked {
  readonly from: number
  readonly to: number
  readonly name: string
  readonly value: string
}

export function statusFlags(message: Buffer): string[] {
  const flags = new Set<string>()
  for (const { name, value } of marks(message)) {
    if (name === 'status' || name === 'x-status') {
      for (const [letter, flag] of LETTERS) if (value.includes(letter)) flags.add(flag)
    } else if (name === 'x-mozilla-status') {
      const bits = Number.parseInt(value, 16)
      for (const [bit, flag] of MOZILLA) if (bits & bit) flags.add(flag)
    } else if (name === 'x-keywords' || name === 'x-mozilla-keys') {
      for (const word of value.split(/\s+/)) if (word !== '') flags.add(word)
    }
  }
  return [...flags]
}

/** The message as it was before it came into the file. */
export function withoutStatus(message: Buffer): Buffer {
  const pieces: Uint8Array[] = []
  let from = 0
  for (const mark of marks(message)) {
    pieces.push(message.subarray(from, mark.from))
    from = mark.to
  }
  return from === 0 ? message : Buffer.concat([...pieces, message.subarray(from)])
}

/** Has the message such fields of its own: an mbox file cannot keep them. */
export const hasStatus = (message: Buffer): boolean => marks(message).length > 0

/** The fields that say these flags; lines end in LF. */
export function statusFields(flags: readonly string[]): string {
  const has = new Set(flags)
  const letters = LETTERS.filter(([letter, flag]) => letter !== 'R' && has.has(flag)).map(([letter]) => letter)
  const keywords = flags.filter((flag) => !flag.startsWith('\\'))
  return [
    `Status: ${has.has('\\Seen') ? 'RO' : 'O'}\n`,
    letters.length > 0 ? `X-Status: ${letters.join('')}\n` : '',
    keywords.length > 0 ? `X-Keywords: ${keywords.join(' ')}\n` : '',
  ].join('')
}

function marks(message: Buffer): Marked[] {
  const found: Marked[] = []
  for (let at = 0; at < message.length; ) {
    let end = message.indexOf(LF, at)
    if (end < 0) end = message.length
    const first = message[at]
    if (end === at || (first === 13 && end === at + 1)) break
    const line = message.toString('latin1', at, Math.min(end, at + 30))
    let next = end + 1
    if (MARKS.test(line)) {
      // A folded field goes on in lines that begin with white space.
      while (message[next] === 32 || message[next] === 9) {
        const more = message.indexOf(LF, next)
        next = more < 0 ? message.length : more + 1
      }
      const text = message.toString('utf8', at, Math.min(next, at + 100_000))
      const colon = text.indexOf(':')
      const name = text.slice(0, colon).trim().toLowerCase()
      found.push({ from: at, to: Math.min(next, message.length), name, value: text.slice(colon + 1).trim() })
    }
    at = next
  }
  return found
}
