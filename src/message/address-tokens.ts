// The lexical tokens of address fields (RFC 5322 §3.2 with obs- forms, RFC 6532 §3.2 UTF-8), for address.ts.
// One pass, linear: an open parenthesis or quote without its end is an ordinary character with a defect, so that it
// cannot hide what follows; nesting of comments is counted, not recursed into.

export type TokenKind = 'atom' | 'quoted' | 'comment' | 'literal' | 'special' | 'bad'

export interface Token {
  kind: TokenKind
  /** Decoded: without quotes, brackets or parentheses, quoted pairs resolved. */
  value: string
  start: number
  end: number
  /** White space (or the start of the text) stands before it. */
  spaced: boolean
}

const MAX_COMMENT_DEPTH = 100
/** Parentheses without an end that are looked into; later ones are characters at once, which keeps the pass linear. */
const MAX_UNCLOSED = 8

const SPECIALS = '<>@,;:.'
const ENCODED_WORD = /=\?[^?\s"<>@]{1,60}\?[QqBb]\?[^?\s"<>@\\]{0,1000}\?=/y

export function tokenize(text: string, defect: (what: string) => void): Token[] {
  const tokens: Token[] = []
  let unclosedComments = 0
  let quotesLeft = true
  let literalsLeft = true
  let spaced = true
  let at = 0
  if (/\r(?!\n[ \t])|\n(?![ \t])/.test(text)) defect('a line end that is no folding')
  const push = (kind: TokenKind, value: string, end: number): void => {
    tokens.push({ kind, value, start: at, end, spaced })
    at = end
    spaced = false
  }
  while (at < text.length) {
    const character = text[at]!
    if (character === ' ' || character === '\t' || character === '\r' || character === '\n') {
      spaced = true
      at++
    } else if (SPECIALS.includes(character)) {
      push('special', character, at + 1)
    } else if (character === '"' && quotesLeft) {
      const quoted = delimited(text, at, '"')
      if (quoted) {
        if (quoted.nul) defect('a NUL in a quoted string')
        push('quoted', quoted.value, quoted.end)
      } else quotesLeft = false
    } else if (character === '[' && literalsLeft) {
      const literal = delimited(text, at, ']')
      if (!literal) literalsLeft = false
      else if (literal.value.includes('[') && !text.slice(at, literal.end).includes('\\[')) push('bad', '[', at + 1)
      else push('literal', literal.value, literal.end)
    } else if (character === '(' && unclosedComments < MAX_UNCLOSED) {
      const comment = commentAt(text, at, defect)
      if (comment) push('comment', comment.value, comment.end)
      else {
        unclosedComments++
        defect('a comment without its end')
        push('bad', '(', at + 1)
      }
    } else if (isAtomCharacter(text.charCodeAt(at))) {
      const end = endOfAtom(text, at)
      push('atom', text.slice(at, end), end)
    } else {
      defect(`the character ${JSON.stringify(character)} in a place where it cannot stand`)
      push('bad', character, at + 1)
    }
  }
  return tokens
}

/** atext of RFC 5322 §3.2.3, with everything beyond ASCII (RFC 6532). */
function isAtomCharacter(code: number): boolean {
  if (code <= 32 || code === 127) return false
  switch (code) {
    case 34: // "
    case 40: // (
    case 41: // )
    case 44: // ,
    case 46: // .
    case 58: // :
    case 59: // ;
    case 60: // <
    case 62: // >
    case 64: // @
    case 91: // [
    case 92: // \
    case 93: // ]
      return false
    default:
      return true
  }
}

/**
 * An encoded word is one atom even with commas or parentheses in it, which senders write against RFC 2047 §5 (3);
 * but never with `<`, `>`, `@` or quotes: no address can hide in it.
 */
function endOfAtom(text: string, start: number): number {
  let end = start
  while (end < text.length && isAtomCharacter(text.charCodeAt(end))) {
    if (text.charCodeAt(end) === 61 && text[end + 1] === '?') {
      ENCODED_WORD.lastIndex = end
      if (ENCODED_WORD.test(text)) {
        end = ENCODED_WORD.lastIndex
        continue
      }
    }
    end++
  }
  return end
}

/** A quoted string or a domain literal: up to the closing character, quoted pairs resolved; undefined without an end. */
function delimited(
  text: string,
  start: number,
  close: string,
): { value: string; end: number; nul: boolean } | undefined {
  let value = ''
  let nul = false
  let from = start + 1
  for (let i = from; i < text.length; i++) {
    const character = text[i]!
    if (character === close) return { value: value + text.slice(from, i).replace(/\r?\n/g, ''), end: i + 1, nul }
    if (character === '\0') nul = true
    if (character === '\\' && i + 1 < text.length) {
      value += text.slice(from, i).replace(/\r?\n/g, '')
      from = i + 1 // the quoted character is part of the next piece
      i++
    }
  }
  return undefined
}

function commentAt(text: string, start: number, defect: (what: string) => void) {
  let depth = 0
  let deepest = 0
  for (let i = start; i < text.length; i++) {
    const character = text[i]
    if (character === '\\') i++
    else if (character === '(') deepest = Math.max(deepest, ++depth)
    else if (character === ')' && --depth === 0) {
      if (deepest > MAX_COMMENT_DEPTH) defect('comments nested too deeply')
      const value = text
        .slice(start + 1, i)
        .replace(/\\(.)/gs, '$1')
        .replace(/\s+/g, ' ')
        .trim()
      return { value, end: i + 1 }
    }
  }
  return undefined
}
