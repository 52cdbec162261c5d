// Whether an answer is what a James script expects: Java patterns, line by line, without James's wording. What the
// standard leaves open (the order of data items in a list) may differ, and \Recent is not looked at: James gives it to a
// message for longer than RFC 3501 §2.3.2 allows (a session ends with its mailbox, §1.2), and RFC 9051 has dropped it.

/** One answer: a line, and the lines of its literals. */
export interface Expectation {
  readonly lines: readonly string[]
}

const STATUS = /^(\\\*|[^\s\\]+) (OK|NO|BAD|BYE)\b/

/** Groups the lines of a script into answers. `said`: the command that they answer. */
export function readExpectations(lines: readonly string[], said: string): Expectation[] {
  const groups: string[][] = []
  for (const line of lines) {
    const begins = line.startsWith('\\* ') || line.startsWith('\\+') || /^\S+ (OK|NO|BAD)( |$)/.test(line)
    if (begins || groups.length === 0) groups.push([line])
    else groups.at(-1)!.push(line)
  }
  return groups
    .filter(([first]) => !/^\\\* \S+ RECENT$/.test(first!))
    .map(([first, ...more]) => ({
      lines: [withoutWording(withRightsInOrder(withLiterals(withoutRecent(first!))), said), ...more],
    }))
}

/** Some scripts write the size of a literal as it is said. */
const withLiterals = (line: string): string => line.replace(/ \{(\d+)\}$/, ' \\{$1\\}')

const withoutRecent = (line: string): string =>
  /FLAGS/.test(line) ? line.replace(/ \\+Recent(?![a-z])|\\+Recent ?/g, '') : line

/** Keeps tag, status and response code. */
function withoutWording(line: string, said: string): string {
  if (line.startsWith('\\+')) return '\\+.*'
  const status = STATUS.exec(line)
  if (status === null) return line
  const rest = line.slice(status[0].length)
  // Which number a mailbox has is the server's own affair.
  const code = (/^ \\\[.*\\\]/.exec(rest)?.[0] ?? '').replace(/(UIDVALIDITY|HIGHESTMODSEQ) \d+/, '$1 \\d+')
  // §7.1: what is no command is answered with BAD; James hangs up.
  if (/Unknown command/.test(rest)) return '\\S+ (BYE|BAD) .*'
  // §6.3.2 shows an EXAMINE without permanent flags; James lists those that a SELECT would have.
  if (/PERMANENTFLAGS/.test(rest) && /^\S+ EXAMINE/i.test(said)) return '\\* OK \\[PERMANENTFLAGS .*'
  let kept = status[0]
  // RFC 3501 §3: a command in the wrong state is answered with BAD or NO.
  if (/not valid in this state/.test(rest)) kept = kept.replace(/ (NO|BAD)$/, ' (NO|BAD)')
  // RFC 3501 §7.1: TRYCREATE is for APPEND and COPY; elsewhere RFC 5530 has NONEXISTENT.
  const isForCreate = /\b(APPEND|COPY|MOVE|REPLACE)\b/i.test(said)
  return `${kept}${code.includes('TRYCREATE') && !isForCreate ? ' \\[(TRYCREATE|NONEXISTENT)\\]' : code}( .*)?`
}

export function isAsExpected({ lines }: Expectation, heard: string): boolean {
  const answer = /^\* \d+ FETCH/.test(heard) ? withoutRecent(heard) : withRightsInOrder(heard)
  const forms = [answer, withQuotedStrings(answer), answer.replace(/"([\w.#-]+)"/g, '$1')]
  if (forms.some((form) => matches(lines, form))) return true
  for (const other of arrangements(answer)) if (matches(lines, other)) return true
  return false
}

/** RFC 4314: the order of rights says nothing, and 'c' and 'd' repeat what others say. */
function withRightsInOrder(line: string): string {
  if (!/^\\?\* (MYRIGHTS|ACL) /.test(line)) return line
  const sorted = (rights: string): string =>
    rights.replace(/[a-z]+/, (letters) => [...letters.replace(/[cd]/g, '')].sort().join(''))
  const words = line.split(' ')
  // '* MYRIGHTS mailbox rights', '* ACL mailbox identifier rights identifier rights …'
  return words.map((word, i) => (i > 2 && (words[1] === 'MYRIGHTS' || i % 2 === 0) ? sorted(word) : word)).join(' ')
}

/** RFC 9051 §4.3 and §5.1: a string is quoted or a literal, and a name may be an atom. */
function withQuotedStrings(answer: string): string {
  const literal = /\{(\d+)\}\r\n/.exec(answer)
  if (literal === null) return answer
  const start = literal.index + literal[0].length
  const end = start + Number(literal[1])
  return `${answer.slice(0, literal.index)}"${answer.slice(start, end)}"${answer.slice(end)}`
}

function matches(patterns: readonly string[], answer: string): boolean {
  const lines = answer.split('\r\n')
  return (
    lines.length === patterns.length && patterns.every((pattern, i) => new RegExp(`^(?:${pattern})$`).test(lines[i]!))
  )
}

/** Status and size of the mailbox, which a server may tell whenever it likes (RFC 3501 §7). */
export function mayComeUnasked(answer: string, said: string): boolean {
  // RENAME of INBOX takes its messages away: who has it selected hears of it.
  if (/ EXPUNGE$/.test(answer)) return /^\S+ RENAME /i.test(said)
  return /^\* (OK |FLAGS |\d+ (EXISTS|RECENT)$)/.test(answer)
}

const MAX_ARRANGED = 7

/** The answer with the items of its outermost list in every other order: FETCH and STATUS by pairs, others one by one. */
function* arrangements(answer: string): Generator<string> {
  const head = /^\* (?:\d+ FETCH|STATUS (?:"[^"]*"|\S+)|LIST|FLAGS|OK \[PERMANENTFLAGS|METADATA "[^"]*") \(/.exec(
    answer,
  )
  if (head === null) return
  const { items, end } = itemsFrom(answer, head[0].length)
  const size = /^\* (LIST|FLAGS|OK)/.test(answer) ? 1 : 2
  const units: string[] = []
  for (let at = 0; at < items.length; at += size) units.push(items.slice(at, at + size).join(' '))
  if (units.length > MAX_ARRANGED) return
  for (const order of permutations(units)) yield head[0] + order.join(' ') + answer.slice(end)
}

/** The items of a list from here to its ')', as texts; brackets, strings and literals stay whole. */
function itemsFrom(text: string, start: number): { items: string[]; end: number } {
  const items: string[] = []
  let at = start
  let from = start
  let depth = 0
  for (; at < text.length; at++) {
    const character = text[at]
    const literal = /^~?\{(\d+)\}\r\n/.exec(text.slice(at, at + 24))
    if (literal) at += literal[0].length + Number(literal[1]) - 1
    else if (character === '"') {
      const end = /^"(?:[^"\\]|\\.)*"/s.exec(text.slice(at))
      at += (end?.[0].length ?? 1) - 1
    } else if (character === '(' || character === '[') depth++
    else if (depth > 0 && (character === ')' || character === ']')) depth--
    else if (depth === 0 && (character === ' ' || character === ')')) {
      if (at > from) items.push(text.slice(from, at))
      from = at + 1
      if (character === ')') break
    }
  }
  return { items, end: at }
}

function* permutations(units: readonly string[]): Generator<string[]> {
  if (units.length <= 1) yield [...units]
  for (const [index, unit] of units.entries()) {
    if (units.length === 1) return
    for (const rest of permutations(units.filter((_, i) => i !== index))) yield [unit, ...rest]
  }
}
