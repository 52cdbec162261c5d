// Texts with places for values, `{{name}}`: what a batch says to each of its recipients. Nothing is computed and no value is
// looked into for further places; in HTML a value is text.

const PLACE = /\{\{ {0,8}([A-Za-z_][\w.-]{0,63}) {0,8}\}\}/g
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string) => text.replace(/[&<>"']/g, (char) => ESCAPES[char]!)

export type Values = ReadonlyMap<string, string>

/** The text with its values; or a name that has none, or that it became longer than `most` characters. */
export function filled(
  text: string,
  values: Values,
  { isHtml, most }: { isHtml: boolean; most: number },
): { readonly text: string } | { readonly missing: string } | 'too-long' {
  const pieces: string[] = []
  let length = 0
  let at = 0
  for (const match of text.matchAll(PLACE)) {
    const value = values.get(match[1]!)
    if (value === undefined) return { missing: match[1]! }
    const piece = isHtml ? escaped(value) : value
    pieces.push(text.slice(at, match.index), piece)
    length += match.index - at + piece.length
    at = match.index + match[0].length
    if (length > most) return 'too-long'
  }
  return { text: at === 0 ? text : pieces.join('') + text.slice(at) }
}
