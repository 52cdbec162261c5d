// Address fields (From, To, Cc, …): RFC 5322 §3.4 with the obsolete forms of §4.4 and UTF-8 of RFC 6532.
// The house has this one parser of address lists. It returns every address that is there and never picks one silently;
// what cannot be read as an address is in `unparsed`, what is against the grammar in `defects`. Linear, never throws.

import { type Token, tokenize } from './address-tokens.ts'
import { decodeEncodedWords } from './encoded-word.ts'
import { bytesToText, type Header, type HeaderField, rawValue } from './header.ts'
import { addressLiteral, canonicalDomain, type Domain, type Group, isHostName, type Mailbox } from './mailbox.ts'

export * from './mailbox.ts'
export { type ForwardPath, formatPath, type PathResult, parseSmtpPath, type ReversePath } from './smtp-path.ts'

export interface AddressList {
  addresses: (Mailbox | Group)[]
  /** What is against the grammar, for people; empty for a clean field. */
  defects: string[]
  /** Pieces of the text that hold no address: `undisclosed-recipients`, `root`, `a@b@c`. Decoded. */
  unparsed: string[]
}

/** Of a longer field (some ten thousand addresses) the rest is not read: it would cost seconds. */
const MAX_FIELD_BYTES = 512 * 1024

export function isGroup(address: Mailbox | Group): address is Group {
  return 'groupName' in address
}

/** All mailboxes of the list in order, those of groups too. */
export function mailboxesOf(list: AddressList): Mailbox[] {
  return list.addresses.flatMap((address) => (isGroup(address) ? address.members : [address]))
}

/** Reads the value of an address field, folded or not. */
export function parseAddressList(input: string | Buffer): AddressList {
  const whole = typeof input === 'string' ? input : bytesToText(input.subarray(0, MAX_FIELD_BYTES + 1))
  const isCut = whole.length > MAX_FIELD_BYTES || input.length > MAX_FIELD_BYTES
  const list = new ListReader(isCut ? whole.slice(0, MAX_FIELD_BYTES) : whole)
  list.read()
  if (isCut) {
    list.defects.add('a field too long to be read to its end')
    list.unparsed.push('…@…')
  }
  return { addresses: list.addresses, defects: [...list.defects], unparsed: list.unparsed }
}

/** Reads address fields of a header, each once, however many ask for it. */
export type AddressReader = (field: HeaderField) => AddressList

export function addressReader(header: Header): AddressReader {
  const known = new Map<HeaderField, AddressList>()
  return (field) => {
    let list = known.get(field)
    if (list === undefined) known.set(field, (list = parseAddressList(rawValue(header, field))))
    return list
  }
}

class ListReader {
  readonly addresses: (Mailbox | Group)[] = []
  readonly defects = new Set<string>()
  readonly unparsed: string[] = []
  readonly #text: string
  readonly #tokens: Token[]
  #at = 0
  #comment: string | undefined
  #group: Group | undefined

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokenize(text, (what) => this.#defect(what))
  }

  read(): void {
    while (this.#at < this.#tokens.length) this.#readAddress()
    if (this.#group) this.#defect('a group without its ";"')
  }

  #defect(what: string): void {
    if (this.defects.size < 20) this.defects.add(what)
  }

  /** The next token that is no comment; a comment passed over may become a display name. */
  #peek(): Token | undefined {
    for (let token = this.#tokens[this.#at]; token?.kind === 'comment'; token = this.#tokens[++this.#at]) {
      this.#comment = token.value
    }
    return this.#tokens[this.#at]
  }

  /** One mailbox, group start or separator. Always moves on. */
  #readAddress(): void {
    this.#comment = undefined
    const words = this.#readWords()
    const token = this.#peek()
    if (token === undefined || isSpecial(token, ',;')) this.#endWithoutAddress(words, token)
    else if (token.value === '<') this.#angleAddress(phraseOf(words))
    else if (token.value === '@') this.#bareAddress(words)
    else if (token.value === ':') this.#beginGroup(words)
    else {
      this.#defect('a ">" without "<"')
      this.#at++
      if (words.length > 0) this.#reject(words[0]!.start, words.at(-1)!.end, 'a text without an address')
    }
  }

  /** Everything up to a special that is no dot. */
  #readWords(): Token[] {
    const words: Token[] = []
    for (let token = this.#peek(); token && (token.kind !== 'special' || token.value === '.'); token = this.#peek()) {
      words.push(token)
      this.#at++
    }
    return words
  }

  #beginGroup(words: Token[]): void {
    this.#at++
    if (this.#group || words.length === 0) {
      this.#defect('a ":" that begins no group')
      return
    }
    this.#group = { groupName: phraseOf(words) ?? '', members: [] }
    this.addresses.push(this.#group)
  }

  #endWithoutAddress(words: Token[], separator: Token | undefined): void {
    if (words.length > 0) this.#reject(words[0]!.start, words.at(-1)!.end, 'a text without an address')
    if (separator) this.#at++
    if (separator?.value === ';') {
      if (!this.#group) this.#defect('a ";" that ends no group')
      this.#group = undefined
    }
  }

  /** `local@domain` without angle brackets, after its words were read up to the `@`. */
  #bareAddress(words: Token[]): void {
    const start = words[0]?.start ?? this.#tokens[this.#at]!.start
    const local = this.#localOf(words)
    this.#at++
    const domain = this.#readDomain()
    const next = this.#peek()
    if (!local || !domain || runsOn(next) || isSpecial(next, '<@')) {
      this.#unreadable(start)
      return
    }
    if (local.rest.length > 0) this.#defect('words before an address without angle brackets')
    // RFC 822 style: the name stands in a comment.
    this.#add(local.value, domain, phraseOf(local.rest) ?? (this.#comment && decodeName(this.#comment)))
    this.#expectSeparator()
  }

  /** `user@example.com <user@example.com>`: text before an angle bracket is a name, whatever it looks like. */
  #unreadable(start: number): void {
    while (this.#at < this.#tokens.length && !isSpecial(this.#tokens[this.#at], ',;<')) this.#at++
    const end = this.#tokens[this.#at - 1]!.end
    if (isSpecial(this.#tokens[this.#at], '<')) {
      this.#defect('an "@" in a display name without quotes')
      this.#angleAddress(decodeName(this.#text.slice(start, end)))
    } else this.#reject(start, end, 'a text with "@" that is no address')
  }

  /** `<local@domain>`, an obsolete route apart (RFC 5322 §4.4). */
  #angleAddress(name: string | undefined): void {
    const start = this.#tokens[this.#at]!.start
    this.#at++
    const route = this.#readRoute()
    let valid = route !== undefined
    const words = this.#readWords()
    let domain: Domain | undefined
    const local = this.#localOf(words)
    if (isSpecial(this.#peek(), '@')) {
      this.#at++
      domain = this.#readDomain()
      if (runsOn(this.#tokens[this.#at])) valid = false
    }
    while (this.#peek() && !isSpecial(this.#peek(), '>,;<')) {
      if (isSpecial(this.#peek(), '@')) valid = false
      this.#defect('text after an address in angle brackets')
      this.#at++
    }
    const end = this.#tokens[this.#at - 1]!.end
    if (isSpecial(this.#peek(), '>')) this.#at++
    else this.#defect('a "<" without ">"')
    if (!valid || !domain || !local || local.rest.length > 0) {
      const what = words.length === 0 ? 'empty angle brackets' : 'angle brackets without a valid address'
      this.#reject(start, Math.max(end, start + 1), what, name)
    } else this.#add(local.value, domain, name, route)
    this.#expectSeparator()
  }

  /** Reads `@one,@two:`; '' where there is none. Undefined if it begins like a route and is none. */
  #readRoute(): string | undefined {
    if (!isSpecial(this.#peek(), '@,')) return ''
    this.#defect('a source route')
    const domains: Domain[] = []
    while (isSpecial(this.#peek(), '@,')) {
      const isDomain = this.#peek()!.value === '@'
      this.#at++
      if (!isDomain) continue
      const domain = this.#readDomain()
      if (domain === undefined) return undefined
      domains.push(domain)
    }
    if (!isSpecial(this.#peek(), ':')) return undefined
    this.#at++
    return domains.map((domain) => `@${domain}`).join(',')
  }

  /** The local part at the end of `words`, and the words before it; undefined if those words cannot be one. */
  #localOf(words: Token[]): { value: string; rest: Token[] } | undefined {
    let first = words.length
    while (first > 0) {
      const word = words[first - 1]!
      const after = words[first]
      if (word.kind === 'bad' || word.kind === 'literal') {
        if (after === undefined || !after.spaced) return undefined
        break
      }
      if (after && word.value !== '.' && after.kind !== 'special' && after.value !== '.') {
        if (!after.spaced && (word.kind === 'quoted' || after.kind === 'quoted')) return undefined
        break
      }
      if (after && word.kind === 'quoted' && after.kind !== 'special') break
      first--
    }
    const local = words.slice(first)
    if (local.every((word) => word.kind === 'special')) return undefined
    const value = local.map((word) => word.value).join('')
    const dots = local.map((word) => (word.kind === 'special' ? '.' : 'w')).join('')
    if (dots.startsWith('.') || dots.endsWith('.') || dots.includes('..'))
      this.#defect('a misplaced dot in a local part')
    return { value, rest: words.slice(0, first) }
  }

  /** The domain after an `@`: labels with dots and obsolete white space between, or a literal. */
  #readDomain(): Domain | undefined {
    const first = this.#peek()
    if (first?.kind === 'literal') {
      this.#at++
      const known = addressLiteral(first.value)
      return known ?? (`[${first.value.toLowerCase().replace(/[[\]\\]/g, '\\$&')}]` as Domain)
    }
    let text = ''
    for (let token = first; token?.kind === 'atom' || isSpecial(token, '.'); token = this.#peek()) {
      if (token!.kind === 'atom' && text !== '' && !text.endsWith('.')) break
      text += token!.value
      this.#at++
    }
    if (text.endsWith('.') && text.length > 1) {
      this.#defect('a domain that ends with a dot')
      text = text.slice(0, -1)
    }
    if (text === '' || text.startsWith('.') || text.endsWith('.') || text.includes('..')) return undefined
    return canonicalDomain(text)
  }

  #add(localPart: string, domain: Domain, displayName: string | undefined, route = ''): void {
    if (!domain.startsWith('[') && !isHostName(domain)) this.#defect(`a domain that is no host name: ${domain}`)
    const mailbox: Mailbox = displayName ? { displayName, localPart, domain } : { localPart, domain }
    if (route !== '') mailbox.route = route
    ;(this.#group?.members ?? this.addresses).push(mailbox)
  }

  #reject(start: number, end: number, what: string, name?: string): void {
    this.#defect(what)
    const text = decodeName(this.#text.slice(start, end))
    this.unparsed.push(name ? `${name} ${text}` : text)
  }

  #expectSeparator(): void {
    const next = this.#peek()
    if (next && !isSpecial(next, ',;')) this.#defect('addresses without a comma between them')
  }
}

function isSpecial(token: Token | undefined, characters: string): boolean {
  return token?.kind === 'special' && characters.includes(token.value)
}

/** True if something that is no separator touches the end of a domain: then it was no domain. */
function runsOn(token: Token | undefined): boolean {
  return token !== undefined && !token.spaced && token.kind !== 'comment' && token.kind !== 'special'
}

/** The words as one name: space where space stood, encoded words decoded. */
function phraseOf(words: Token[]): string | undefined {
  let text = ''
  for (const word of words) text += (word.spaced && text !== '' ? ' ' : '') + word.value
  return decodeName(text) || undefined
}

function decodeName(text: string): string {
  return decodeEncodedWords(text.replace(/\r?\n/g, ''))
    .replace(/[\0-\x1f\x7f]+/g, ' ')
    .trim()
}
