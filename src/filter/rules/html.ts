// What a reader sees of an HTML text, and what was put there so that he does not see it: one pass over the characters,
// no tree, no regular expression over the whole. Every list is bounded; a search that failed once is not repeated.

import { htmlToText } from '../../message/body.ts'
import { areClose, lookOf } from './html-look.ts'

export interface HtmlLink {
  readonly href: string
  /** What the reader sees of it, white space collapsed, at most 300 characters. */
  text: string
  /** Where the address stood. */
  readonly from: 'link' | 'area' | 'form' | 'image' | 'frame'
}

export interface HtmlImage {
  readonly src: string
  readonly width: number | undefined
  readonly height: number | undefined
}

export interface HtmlFacts {
  /** What is seen. */
  text: string
  /** How many characters (no white space) are hidden, and by which ways. */
  hiddenCharacters: number
  hiddenBy: Set<'style' | 'size' | 'colour'>
  links: HtmlLink[]
  images: HtmlImage[]
  forms: number
  inputs: number
  passwords: number
  scripts: number
  handlers: number
  frames: number
  objects: number
  /** Target of a meta refresh. */
  refresh: string | undefined
  base: string | undefined
  /** Comments or unknown tags with a letter directly before and after: `via<!-- -->gra`. */
  brokenWords: number
  /** Plain letters and digits written as character references. */
  disguisedLetters: number
  unknownTags: number
  tags: number
  largestFontPx: number
}

const MAX_LINKS = 1000
const MAX_STACK = 200
const MAX_SEARCH = 50
const MAX_TAG = 8192

const VOID = new Set('area base br col embed hr img input link meta param source track wbr basefont bgsound'.split(' '))
const KNOWN = new Set(
  `a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body br
  button canvas caption center cite code col colgroup data datalist dd del details dfn dir div dl dt em embed fieldset
  figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins isindex
  kbd label layer legend li link listing main map mark marquee menu meta nav nobr noframes noscript object ol optgroup
  option output p param picture pre progress q rp rt ruby s samp script section select small source span strike strong
  style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr
  xml xmp path g`.split(/\s+/),
)
/** Tags that one of their own kind ends. */
const SELF_CLOSING = new Set(['p', 'li', 'td', 'th', 'tr', 'option', 'dd', 'dt'])
const BREAKS = /^(?:p|div|br|tr|li|h[1-6]|table|ul|ol|blockquote|hr|center|td|th)$/
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map()

interface Open {
  name: string
  hidden: 'style' | 'size' | 'colour' | undefined
  /** Undefined: not known (an image, a gradient). */
  background: number | undefined
}

export function readHtml(html: string): HtmlFacts {
  return new HtmlReader(html).read()
}

class HtmlReader {
  readonly #html: string
  readonly #facts: HtmlFacts = {
    text: '',
    hiddenCharacters: 0,
    hiddenBy: new Set(),
    links: [],
    images: [],
    forms: 0,
    inputs: 0,
    passwords: 0,
    scripts: 0,
    handlers: 0,
    frames: 0,
    objects: 0,
    refresh: undefined,
    base: undefined,
    brokenWords: 0,
    disguisedLetters: 0,
    unknownTags: 0,
    tags: 0,
    largestFontPx: 0,
  }
  readonly #stack: Open[] = []
  /** Where each thing was last found: no stretch is searched twice for the same. */
  readonly #found = new Map<string, { from: number; at: number }>()
  #link: HtmlLink | undefined

  constructor(html: string) {
    this.#html = html
  }

  read(): HtmlFacts {
    const html = this.#html
    let at = 0
    while (at < html.length) {
      const open = html.indexOf('<', at)
      if (open !== at) this.#text(html.slice(at, open < 0 ? html.length : open))
      if (open < 0) break
      at = this.#markup(open)
    }
    return this.#facts
  }

  /** indexOf that remembers what it found: linear over the whole text, whatever a stranger wrote. */
  #find(what: string, from: number): number {
    const known = this.#found.get(what)
    if (known !== undefined && known.from <= from && (known.at < 0 || known.at >= from)) return known.at
    const at = this.#html.indexOf(what, from)
    if (known === undefined) this.#found.set(what, { from, at })
    else {
      known.from = from
      known.at = at
    }
    return at
  }

  #after(what: string, from: number): number {
    const at = this.#find(what, from)
    return at < 0 ? this.#html.length : at + what.length
  }

  /** Reads what begins with the `<` at `open`; returns where to go on. */
  #markup(open: number): number {
    const html = this.#html
    const code = html.charCodeAt(open + 1) | 32
    if (html.startsWith('<!--', open)) {
      const end = this.#after('-->', open + 4)
      this.#broken(open, end)
      return end
    }
    if (html[open + 1] === '!' || html[open + 1] === '?') return this.#after('>', open)
    const closing = html[open + 1] === '/'
    const first = closing ? html.charCodeAt(open + 2) | 32 : code
    if (first < 97 || first > 122) {
      this.#text('<')
      return open + 1
    }
    const end = this.#endOfTag(open)
    const name = nameAt(html, open + (closing ? 2 : 1), end)
    this.#facts.tags++
    if (!KNOWN.has(name) && !name.includes(':') && !name.includes('-')) {
      this.#facts.unknownTags++
      this.#broken(open, end)
      return end
    }
    if (closing) this.#close(name)
    else {
      this.#open(name, open + 1 + name.length, end)
      if (name === 'script' || name === 'style' || name === 'title' || name === 'xmp')
        return this.#skipElement(name, end)
    }
    return end
  }

  #skipElement(name: string, from: number): number {
    const lower = this.#find(`</${name}`, from)
    const upper = this.#find(`</${name.toUpperCase()}`, from)
    const end = lower < 0 ? upper : upper < 0 ? lower : Math.min(lower, upper)
    return end < 0 ? this.#html.length : this.#after('>', end)
  }

  /** Offset after the `>` that ends the tag; a `>` in quotes ends nothing, unless the quotes never end. */
  #endOfTag(open: number): number {
    const html = this.#html
    const plain = this.#find('>', open)
    if (plain < 0) return html.length
    let at = open
    for (;;) {
      const equals = this.#find('=', at)
      const end = this.#find('>', at)
      if (end < 0) return plain + 1
      if (equals < 0 || equals > end) return end + 1
      let quote = equals + 1
      while (html.charCodeAt(quote) <= 32) quote++
      const mark = html[quote]
      if (mark !== '"' && mark !== "'") {
        at = equals + 1
        continue
      }
      const close = this.#find(mark, quote + 1)
      if (close < 0 || close - open > MAX_TAG) return plain + 1
      at = close + 1
    }
  }

  #broken(from: number, to: number): void {
    if (isLetter(this.#html.charCodeAt(from - 1)) && isLetter(this.#html.charCodeAt(to))) this.#facts.brokenWords++
  }

  #open(name: string, from: number, end: number): void {
    const html = this.#html
    const facts = this.#facts
    const attributes = end - from > 1 ? attributesOf(html.slice(from, Math.min(end, from + MAX_TAG))) : NO_ATTRIBUTES
    for (const key of attributes.keys()) if (key.length > 4 && key.startsWith('on')) facts.handlers++
    if (BREAKS.test(name)) this.#put('\n')
    switch (name) {
      case 'a':
      case 'area':
        this.#endLink()
        if (attributes.has('href')) this.#addLink(attributes.get('href')!, name === 'a' ? 'link' : 'area')
        break
      case 'img':
      case 'image':
        this.#image(attributes)
        break
      case 'form':
        facts.forms++
        if (attributes.has('action')) this.#addLink(attributes.get('action')!, 'form')
        break
      case 'input':
        facts.inputs++
        if (attributes.get('type')?.toLowerCase() === 'password') facts.passwords++
        break
      case 'script':
        facts.scripts++
        break
      case 'iframe':
      case 'frame':
        facts.frames++
        if (attributes.has('src')) this.#addLink(attributes.get('src')!, 'frame')
        break
      case 'object':
      case 'embed':
      case 'applet':
        facts.objects++
        break
      case 'base':
        facts.base ??= attributes.get('href')
        break
      case 'meta':
        if (attributes.get('http-equiv')?.toLowerCase() === 'refresh') {
          facts.refresh ??= /url\s?=\s?['"]?([^'"]{1,500})/i.exec(attributes.get('content') ?? '')?.[1]
        }
        break
      default:
    }
    this.#push(name, attributes)
  }

  #push(name: string, attributes: ReadonlyMap<string, string>): void {
    if (VOID.has(name)) return
    const stack = this.#stack
    if (SELF_CLOSING.has(name) && stack.at(-1)?.name === name) stack.pop()
    if (stack.length >= MAX_STACK) return
    const parent = stack.at(-1)
    const look = attributes.size === 0 ? undefined : lookOf(attributes)
    if (look?.fontPx !== undefined && look.fontPx > this.#facts.largestFontPx) this.#facts.largestFontPx = look.fontPx
    let background = parent === undefined ? 0xffffff : parent.background
    if (look?.background !== undefined) background = look.background === 'unknown' ? undefined : look.background
    let hidden = parent?.hidden ?? look?.hidden
    if (parent?.hidden === 'colour' && look?.colour !== undefined) hidden = look.hidden
    if (hidden === undefined && look?.colour !== undefined && background !== undefined) {
      if (areClose(look.colour, background)) hidden = 'colour'
    }
    stack.push({ name, hidden, background })
  }

  #close(name: string): void {
    if (BREAKS.test(name)) this.#put('\n')
    if (name === 'a') this.#endLink()
    const stack = this.#stack
    for (let i = stack.length - 1, lowest = Math.max(0, i - MAX_SEARCH); i >= lowest; i--) {
      if (stack[i]!.name === name) {
        stack.length = i
        return
      }
    }
  }

  #addLink(href: string, from: HtmlLink['from']): void {
    if (this.#facts.links.length >= MAX_LINKS) return
    const link: HtmlLink = { href: decode(href).trim().slice(0, 4096), text: '', from }
    this.#facts.links.push(link)
    if (from === 'link') this.#link = link
  }

  #endLink(): void {
    if (this.#link !== undefined) this.#link.text = this.#link.text.replace(/\s+/g, ' ').trim().slice(0, 300)
    this.#link = undefined
  }

  #image(attributes: ReadonlyMap<string, string>): void {
    const src = decode(attributes.get('src') ?? '').slice(0, 2048)
    if (this.#facts.images.length < MAX_LINKS) {
      this.#facts.images.push({ src, width: pixels(attributes.get('width')), height: pixels(attributes.get('height')) })
    }
    if (/^https?:/i.test(src)) {
      const link = this.#link
      this.#addLink(src, 'image')
      this.#link = link
    }
  }

  #text(raw: string): void {
    let text = raw
    if (raw.includes('&')) {
      this.#facts.disguisedLetters += disguised(raw)
      text = decode(raw)
    }
    const hidden = this.#stack.at(-1)?.hidden
    if (hidden === undefined) this.#put(text)
    else {
      const characters = text.replace(/(?:[\s\u00a0\u00ad\u200b-\u200f\u2060-\u2064\ufeff]|\u034f)+/g, '').length
      if (characters > 0) this.#facts.hiddenBy.add(hidden)
      this.#facts.hiddenCharacters += characters
    }
  }

  #put(text: string): void {
    this.#facts.text += text
    if (this.#link !== undefined && this.#link.text.length < 2000) this.#link.text += text
  }
}

/** Character references decoded, by the one place that does it. */
function decode(text: string): string {
  return text.includes('&') ? htmlToText(text) : text
}

function disguised(text: string): number {
  let count = 0
  for (const [, decimal, hex] of text.matchAll(/&#(?:([0-9]{2,7})|x([0-9a-f]{2,6}))(?![0-9a-f])/gi)) {
    const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)
    if (isLetter(code) || (code >= 48 && code <= 57)) count++
  }
  return count
}

function isLetter(code: number): boolean {
  const lower = code | 32
  return lower >= 97 && lower <= 122
}

function nameAt(html: string, from: number, end: number): string {
  let at = from
  while (at < end && at - from < 30) {
    const code = html.charCodeAt(at)
    if (code <= 32 || code === 62 || code === 47) break
    at++
  }
  return html.slice(from, at).toLowerCase()
}

/** `name=value` pairs of the inside of a tag; the first of a name counts. Linear. */
function attributesOf(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  let at = 0
  const end = text.length
  while (at < end && attributes.size < 60) {
    while (at < end && (text.charCodeAt(at) <= 32 || text[at] === '/' || text[at] === '>')) at++
    const start = at
    while (at < end && !isAttributeEnd(text.charCodeAt(at))) at++
    const name = text.slice(start, Math.max(at, start)).toLowerCase()
    if (at === start) at++
    while (at < end && text.charCodeAt(at) <= 32) at++
    let value = ''
    if (text[at] === '=') {
      at++
      while (at < end && text.charCodeAt(at) <= 32) at++
      const mark = text[at]
      if (mark === '"' || mark === "'") {
        const close = text.indexOf(mark, at + 1)
        value = text.slice(at + 1, close < 0 ? end : close)
        at = close < 0 ? end : close + 1
      } else {
        const from = at
        while (at < end && text.charCodeAt(at) > 32 && text[at] !== '>') at++
        value = text.slice(from, at)
      }
    }
    if (name !== '' && name.length < 60 && !attributes.has(name)) attributes.set(name, value)
  }
  return attributes
}

function isAttributeEnd(code: number): boolean {
  return code <= 32 || code === 61 || code === 62 || code === 47
}

function pixels(text: string | undefined): number | undefined {
  const number = Number.parseInt(text ?? '', 10)
  return Number.isNaN(number) || text!.includes('%') ? undefined : number
}
