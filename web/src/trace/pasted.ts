// What people paste is often not quite the message: empty lines before it, every line indented by who quoted it, the line
// with which an mbox begins a message.

/** The message as it probably stood. */
export function asPasted(text: string): string {
  const start = text.replace(/^\ufeff?(?:[ \t]*\r?\n)+/, '').replace(/^\ufeff/, '')
  const indent = /^[ \t>]+(?=[!-9;-~]{1,80}:)/.exec(start)?.[0]
  const lines = indent === undefined ? start : withoutIndent(start, indent)
  return lines.replace(/^>?From \S+ [^\n]{0,200}\n/, '')
}

/** A line that is indented less than the others is as it is. */
function withoutIndent(text: string, indent: string): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join('\n')
}
