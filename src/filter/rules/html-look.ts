// How an element of an HTML text looks, as far as hiding goes: colours, sizes and the ways of inline style to show
// nothing. Style sheets are not followed: what they hide, they hide in few mail programs.

export interface Look {
  hidden: 'style' | 'size' | undefined
  colour: number | undefined
  background: number | 'unknown' | undefined
  fontPx: number | undefined
}

/** What attributes and inline style say about how text looks. */
export function lookOf(attributes: ReadonlyMap<string, string>): Look {
  const look: Look = {
    hidden: undefined,
    colour: colourOf(attributes.get('color')),
    background: undefined,
    fontPx: undefined,
  }
  if (attributes.has('bgcolor')) look.background = colourOf(attributes.get('bgcolor')) ?? 'unknown'
  if (attributes.has('background')) look.background = 'unknown'
  if (attributes.has('hidden')) look.hidden = 'style'
  const size = attributes.get('size')
  if (size !== undefined && /^\+?[0-9]/.test(size)) look.fontPx = Number.parseInt(size.replace('+', ''), 10) * 6
  const style = attributes.get('style')
  if (style === undefined) return look
  for (const declaration of style.slice(0, 2000).split(';')) {
    const colon = declaration.indexOf(':')
    if (colon < 0) continue
    const value = declaration
      .slice(colon + 1)
      .trim()
      .toLowerCase()
    switch (declaration.slice(0, colon).trim().toLowerCase()) {
      case 'display':
        if (value.startsWith('none')) look.hidden = 'style'
        break
      case 'visibility':
        if (value.startsWith('hidden')) look.hidden = 'style'
        break
      case 'opacity':
        if (/^0?\.?0*(?![.1-9])/.test(value) && Number.parseFloat(value) === 0) look.hidden = 'style'
        break
      case 'font-size': {
        const number = Number.parseFloat(value)
        if (Number.isNaN(number)) break
        if (value.endsWith('em') || value.endsWith('%') || value.endsWith('pt')) {
          if (number === 0) look.hidden = 'size'
        } else if (number <= 1) look.hidden = 'size'
        else look.fontPx = number
        break
      }
      case 'max-height':
      case 'max-width':
        if (/^0(?:px)?\b/.test(value)) look.hidden = 'size'
        break
      case 'color':
        look.colour = colourOf(value) ?? look.colour
        break
      case 'background-color':
      case 'background':
        look.background = colourOf(value) ?? 'unknown'
        break
      case 'background-image':
        look.background = 'unknown'
        break
      default:
    }
  }
  return look
}

const NAMED: Record<string, number> = {
  white: 0xffffff,
  black: 0,
  snow: 0xfffafa,
  ivory: 0xfffff0,
  whitesmoke: 0xf5f5f5,
}

/** `#fff`, `#ffffff`, `ffffff`, `white`, `rgb(255, 255, 255)` as a number, or undefined. */
function colourOf(text: string | undefined): number | undefined {
  const value = text?.trim().toLowerCase()
  if (value === undefined) return undefined
  const hex = /^#?([0-9a-f]{6}|[0-9a-f]{3})(?:\s|!|$)/.exec(value)?.[1]
  if (hex !== undefined) {
    return Number.parseInt(hex.length === 6 ? hex : [...hex].map((digit) => digit + digit).join(''), 16)
  }
  const rgb = /^rgb\(\s?(\d{1,3})\s?,\s?(\d{1,3})\s?,\s?(\d{1,3})\s?\)/.exec(value)
  if (rgb) return (Number(rgb[1]) << 16) | (Number(rgb[2]) << 8) | Number(rgb[3])
  return Object.hasOwn(NAMED, value) ? NAMED[value] : undefined
}

/** Can nobody tell them apart on a screen. */
export function areClose(a: number, b: number): boolean {
  for (const shift of [16, 8, 0]) if (Math.abs(((a >> shift) & 255) - ((b >> shift) & 255)) > 10) return false
  return true
}
