// Authentication-Results: what a Receiver found out, written for those behind it (RFC 8601).
// We write it, the trace and the screens read it. A field counts only if its authserv-id is one that the reader trusts,
// and a Border removes fields that pretend to come from itself (RFC 8601 §5): `claimsToBe` says which those are.

import { type FieldText, structuredField } from './build.ts'
import { unfold } from './header.ts'

export interface AuthenticationMethod {
  /** `spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`, … lower case. */
  method: string
  /** `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror`, `permerror`, `policy`. */
  result: string
  reason?: string
  /** `smtp.mailfrom`, `header.d`, … in order. Values as written, without quotes. */
  properties: readonly { name: string; value: string }[]
  /** For people, in parentheses after the result. */
  comment?: string
}

export interface AuthenticationResults {
  authservId: string
  methods: readonly AuthenticationMethod[]
}

const MAX_METHODS = 100
/** Of a longer field the rest is not read. */
const MAX_CHARACTERS = 256 * 1024

/** The value of the field, without its name: also what ARC-Authentication-Results wants after its instance. */
export function authenticationResultsValue(results: AuthenticationResults): string {
  if (results.methods.length === 0) return `${results.authservId}; none`
  const methods = results.methods.map((each) => {
    const comment = each.comment ? ` (${plain(each.comment).replace(/[()\\]/g, ' ')})` : ''
    const reason = each.reason ? ` reason=${valueText(each.reason)}` : ''
    const properties = each.properties.map(({ name, value }) => ` ${name}=${valueText(value)}`).join('')
    return `${each.method}=${each.result}${comment}${reason}${properties}`
  })
  return [results.authservId, ...methods].join('; ')
}

/** The whole field. */
export function buildAuthenticationResults(results: AuthenticationResults): FieldText {
  return structuredField('Authentication-Results', authenticationResultsValue(results))
}

function plain(text: string): string {
  return text.replace(/[\0-\x1f\x7f]+/g, ' ')
}

/** RFC 8601 §2.2: a token or an address stands bare, all else is quoted. What strangers gave cannot end the method. */
function valueText(value: string): string {
  const clean = plain(value)
  if (/^[A-Za-z0-9!#$%&'*+\-._^`{|}~/@:][A-Za-z0-9!#$%&'*+\-._^`{|}~/@:=]*$/.test(clean)) return clean
  return `"${clean.replace(/["\\]/g, '\\$&')}"`
}

/** Reads the value of such a field; undefined if it names no authserv-id. Lenient, linear. */
export function parseAuthenticationResults(value: string): AuthenticationResults | undefined {
  const [head, ...rest] = splitTokens(unfold(value.slice(0, MAX_CHARACTERS)))
  // Between quotes white space may stand around it: it is the same name to whoever is careless.
  const authservId = head
    ?.find((token) => token.kind !== 'comment')
    ?.text.trim()
    .toLowerCase()
  if (!authservId || /[=;"()\s\0-\x1f\x7f]/.test(authservId)) return undefined
  const methods: AuthenticationMethod[] = []
  for (const tokens of rest.slice(0, MAX_METHODS)) {
    const method = readMethod(tokens)
    if (method) methods.push(method)
  }
  return { authservId, methods }
}

/** True if the field's writer calls himself one of these hosts (RFC 8601 §5: to be removed at the Border). */
export function claimsToBe(value: string, authservIds: readonly string[]): boolean {
  const results = parseAuthenticationResults(value)
  return results !== undefined && authservIds.some((id) => id.toLowerCase() === results.authservId)
}

interface Token {
  kind: 'text' | 'quoted' | 'comment' | 'equals'
  text: string
}

const WORD = /[^\s;"(=]+/y
const VALUE = /[^\s;"(]+/y

/** The tokens between semicolons. */
function splitTokens(text: string): Token[][] {
  const parts: Token[][] = [[]]
  let at = 0
  while (at < text.length) {
    const character = text[at]!
    if (character === ';') {
      parts.push([])
      at++
    } else if (character === '(') {
      const end = endOfComment(text, at)
      parts.at(-1)!.push({ kind: 'comment', text: text.slice(at + 1, end - 1).trim() })
      at = end
    } else if (character === '"') {
      let value = ''
      for (at++; at < text.length && text[at] !== '"'; at++) value += text[at] === '\\' ? (text[++at] ?? '') : text[at]
      parts.at(-1)!.push({ kind: 'quoted', text: value })
      at++
    } else if (character === '=') {
      parts.at(-1)!.push({ kind: 'equals', text: '=' })
      at++
    } else if (/\s/.test(character)) at++
    else {
      // An `=` inside a value (VERP, base64) belongs to it: only the first one of a word separates.
      const word = parts.at(-1)!.at(-1)?.kind === 'equals' ? VALUE : WORD
      word.lastIndex = at
      const [found] = word.exec(text)!
      parts.at(-1)!.push({ kind: 'text', text: found })
      at += found.length
    }
  }
  return parts
}

function endOfComment(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return at + 1
  }
  return text.length + 1
}

function readMethod(tokens: Token[]): AuthenticationMethod | undefined {
  const pairs: { name: string; value: string }[] = []
  let comment: string | undefined
  for (const [index, token] of tokens.entries()) {
    if (token.kind === 'comment') comment ??= token.text
    if (token.kind !== 'equals') continue
    const before = beside(tokens, index, -1)
    const after = beside(tokens, index, 1)
    if (before && after) pairs.push({ name: before.text.toLowerCase(), value: after.text })
  }
  const [first, ...others] = pairs
  // RFC 8601 §2.2: both are keywords. Anything else is no result, whatever was quoted to look like one.
  if (!first || !/^[\w.-]+(?:\/\d+)?$/.test(first.name) || !/^[\w.-]+$/.test(first.value)) return undefined
  const reason = others.find((pair) => pair.name === 'reason')?.value
  return {
    method: first.name.replace(/\/.*$/, ''), // RFC 8601 §2.2: `dkim/1`
    result: first.value.toLowerCase(),
    ...(reason !== undefined && { reason }),
    properties: others.filter(({ name }) => name !== 'reason' && /^[\w.-]+$/.test(name)),
    ...(comment !== undefined && { comment }),
  }
}

/** The next token on that side that is no comment. */
function beside(tokens: Token[], index: number, step: 1 | -1): Token | undefined {
  let at = index + step
  while (tokens[at]?.kind === 'comment') at += step
  const token = tokens[at]
  return token?.kind === 'equals' ? undefined : token
}
