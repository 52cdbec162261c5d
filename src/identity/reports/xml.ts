// A small XML reader for reports that strangers send (XML 1.0, the part that data needs): elements, text, CDATA and the
// five named entities. A document type is refused, so there are no entities to expand and nothing to fetch. Linear, no
// recursion, bounded in depth and number of elements; never throws.

export interface XmlElement {
  /** Local name, without a namespace prefix. */
  readonly name: string
  readonly children: readonly XmlElement[]
  /** The element's own character data, trimmed. */
  readonly text: string
}

export type XmlResult = { readonly root: XmlElement } | { readonly fault: string }

const MAX_DEPTH = 32
const MAX_ELEMENTS = 400_000
/** Of one element, characters; the rest is passed over. */
const MAX_TEXT = 65_536
const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

interface OpenElement {
  name: string
  /** As written, with its prefix: the end tag must repeat it. */
  tag: string
  children: XmlElement[]
  text: string
}

/** Reads one document. */
export function parseXml(source: string): XmlResult {
  const open: OpenElement[] = []
  let root: XmlElement | undefined
  let elements = 0
  let at = source.startsWith('\ufeff') ? 1 : 0
  const fault = (what: string): XmlResult => ({ fault: `${what} at character ${at}` })

  const addText = (from: number, to: number, decode: (text: string) => string): boolean => {
    const current = open.at(-1)
    if (!current) return source.slice(from, to).trim() === ''
    const room = MAX_TEXT - current.text.length
    if (room > 0) current.text += decode(source.slice(from, Math.min(to, from + room)))
    return true
  }
  const close = (): void => {
    const { name, children, text } = open.pop()!
    const element = { name, children, text: text.trim() }
    const parent = open.at(-1)
    if (parent) parent.children.push(element)
    else root = element
  }

  while (at < source.length) {
    const tag = source.indexOf('<', at)
    const textEnd = tag < 0 ? source.length : tag
    if (textEnd > at && !addText(at, textEnd, decodeEntities)) return fault('text outside the document')
    at = textEnd
    if (tag < 0) break
    if (source.startsWith('<!--', at) || source.startsWith('<?', at)) {
      const [ending, what] = source[at + 1] === '?' ? ['?>', 'an instruction'] : ['-->', 'a comment']
      const end = source.indexOf(ending, at + 2)
      if (end < 0) return fault(`${what} without an end`)
      at = end + ending.length
      continue
    }
    if (source.startsWith('<![CDATA[', at)) {
      const end = source.indexOf(']]>', at)
      if (end < 0 || !addText(at + 9, end, (text) => text)) return fault('CDATA out of place')
      at = end + 3
      continue
    }
    if (source.startsWith('<!', at)) return fault('a document type, which is not allowed')
    const isEnd = source[at + 1] === '/'
    NAME.lastIndex = at + (isEnd ? 2 : 1)
    const name = NAME.exec(source)?.[0]
    if (name === undefined) return fault('a tag without a name')
    const end = tagEnd(source, NAME.lastIndex)
    if (end === undefined) return fault('a tag without an end')
    if (isEnd) {
      if (open.at(-1)?.tag !== name) return fault(`an end tag that closes nothing, ${name.slice(0, 60)},`)
      close()
    } else {
      if (root) return fault('a second document')
      if (open.length >= MAX_DEPTH) return fault('elements nested too deep')
      if (++elements > MAX_ELEMENTS) return fault('too many elements')
      open.push({ name: name.slice(name.indexOf(':') + 1), tag: name, children: [], text: '' })
      if (source[end - 1] === '/') close()
    }
    at = end + 1
  }
  if (open.length > 0) return fault(`${open.at(-1)!.name.slice(0, 60)} is never closed`)
  return root ? { root } : fault('no element')
}

/** Offset of the `>` that ends a tag; attributes are passed over, a quoted `>` among them; a `<` ends nothing. */
function tagEnd(source: string, from: number): number | undefined {
  for (let at = from; at < source.length; at++) {
    const character = source[at]
    if (character === '>') return at
    if (character === '<') return undefined
    if (character === '"' || character === "'") {
      at = source.indexOf(character, at + 1)
      if (at < 0) return undefined
    } else if (at === from && !/[\s/]/.test(character!)) return undefined
  }
  return undefined
}

/** Entities that are not predefined stay as written: without a document type nothing else is defined. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code).toWellFormed() : '\ufffd'
  })
}

/** The text in a form that can stand between tags. Control characters, which XML cannot hold, become spaces. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, ' ')
    .replace(/[<>&]/g, (character) => (character === '<' ? '&lt;' : character === '>' ? '&gt;' : '&amp;'))
}

/** The first child of that name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((each) => each.name === name)
}

/** All children of that name. */
export function childrenNamed(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((each) => each.name === name) ?? []
}
