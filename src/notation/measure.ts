// Lengths of a picture, and how wide a text is likely to be: an estimate, generous, since no font is known here.

export const SIZE = {
  font: 15,
  small: 12,
  line: 21,
  userRadius: 25,
  margin: 28,
  padX: 18,
  padY: 11,
  networkPad: 20,
  networkLabel: 34,
  gap: 74,
  crossing: 64,
  slant: 20,
  rowGap: 34,
  branchGap: 14,
  turn: 8,
  join: 46,
  caption: 22,
  relationDepth: 50,
  layer: 30,
} as const

const NARROW = new Set("iljtfr.,:;'’|!()[] I/")
const WIDE = new Set('mwMW@%')

/** An estimate of a text's width that is rather too great than too small, at a font size in pixels. */
export function textWidth(text: string, size: number): number {
  let ems = 0
  for (const c of text) {
    if (NARROW.has(c)) ems += 0.4
    else if (WIDE.has(c)) ems += 0.98
    else if (c > '\u2e80') ems += 1.05
    else if (c >= 'A' && c <= 'Z') ems += 0.74
    else ems += 0.63
  }
  return ems * size
}

/** Lines of at most `width`. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && textWidth(longer, SIZE.font) > width) {
      lines.push(line)
      line = word
    } else {
      line = longer
    }
  }
  return [...lines, line]
}
