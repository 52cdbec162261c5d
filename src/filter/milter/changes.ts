// What a milter wants changed in a message, and the message with it done. A milter repeats what strangers said, so no
// text of it may become a line of its own: line ends inside a value are made continuation lines, names must be names.

import { fieldsNamed, parseHeader } from '../../message/header.ts'

export type HeaderChange =
  /** At the end of the header. */
  | { readonly kind: 'add'; readonly name: string; readonly value: string }
  /** Before the field with this index, 0 on top of all. */
  | { readonly kind: 'insert'; readonly index: number; readonly name: string; readonly value: string }
  /** The `index`-th field of this name, from 1; an empty value removes it. */
  | { readonly kind: 'change'; readonly index: number; readonly name: string; readonly value: string }

export interface Changes {
  /** In the order in which they were asked for. */
  readonly headers: readonly HeaderChange[]
  /** In place of the whole body. */
  readonly body?: Buffer
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The message with the changes made; bytes that nothing names stay as they are. Indexes speak of the header as sent. */
export function applyChanges(source: Buffer, { headers, body }: Changes): Buffer {
  const header = parseHeader(source)
  const edits: Edit[] = []
  for (const change of headers) {
    if (!/^[!-9;-~]{1,200}$/.test(change.name)) continue
    const text = change.value === '' && change.kind === 'change' ? '' : fieldText(change.name, change.value)
    const at = placeOf(change)
    if (at !== undefined) edits.push({ ...at, text })
  }
  function placeOf(change: HeaderChange): Pick<Edit, 'start' | 'end'> | undefined {
    const end = header.fieldsEnd
    if (change.kind === 'add') return { start: end, end }
    if (change.kind === 'insert') {
      const start = header.fields[change.index]?.start ?? end
      return { start, end: start }
    }
    const field = fieldsNamed(header, change.name.toLowerCase())[change.index - 1]
    if (field !== undefined) return { start: field.start, end: field.end }
    // What is not there is added (libmilter's smfi_chgheader), unless it was to be removed.
    return change.value === '' ? undefined : { start: end, end }
  }
  return Buffer.concat(edited(source.subarray(0, header.bodyStart), edits, body ?? source.subarray(header.bodyStart)))
}

function edited(head: Buffer, edits: readonly Edit[], body: Buffer): Buffer[] {
  const inOrder = edits.toSorted((a, b) => a.start - b.start)
  const parts: Buffer[] = []
  let at = 0
  for (const { start, end, text } of inOrder) {
    // A field that was named twice: the first change has it.
    if (start < at) continue
    parts.push(head.subarray(at, start), Buffer.from(text, 'latin1'))
    at = end
  }
  parts.push(head.subarray(at), body)
  return parts
}

/** One field. Each line end in the value is folding; lines that do not begin with a blank get a tab (RFC 5322 §2.2.3). */
function fieldText(name: string, value: string): string {
  const lines = value
    .replaceAll('\0', '')
    .split(/\r\n|\r|\n/)
    .filter((line, i) => i === 0 || /[^ \t]/.test(line))
    .map((line, i) => (i === 0 || /^[ \t]/.test(line) ? line : `\t${line}`))
  const space = /^[ \t]/.test(lines[0]!) ? '' : ' '
  return `${name}:${space}${lines.join('\r\n')}\r\n`
}
