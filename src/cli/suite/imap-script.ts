// How imaptest's scripts are compared with what a server says: answers as trees of atoms, strings and lists, and the
// loose matching of scripted_test.md ($variables, $!directives, lists whose order does not matter).

// --- The words of scripts and answers: atoms, strings, lists.

export type Node = { readonly text: string; readonly quoted: boolean } | Node[]

export function parseNodes(text: string): Node[] {
  let at = 0
  const list = (): Node[] => {
    const nodes: Node[] = []
    for (;;) {
      while (text[at] === ' ') at++
      if (at >= text.length) return nodes
      if (text[at] === ')') {
        at++
        return nodes
      }
      nodes.push(node())
    }
  }
  const node = (): Node => {
    if (text[at] === '(') {
      at++
      return list()
    }
    const literal = /^~?\{(\d+)\}\r\n/.exec(text.slice(at, at + 20))
    if (literal) {
      const start = at + literal[0].length
      at = start + Number(literal[1])
      return { text: text.slice(start, at), quoted: true }
    }
    if (text[at] === '"') {
      const match = /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at))
      if (match) {
        at += match[0].length
        return { text: match[1]!.replace(/\\(.)/g, '$1'), quoted: true }
      }
    }
    // An atom; what stands in brackets belongs to it: 'BODY[HEADER.FIELDS (FROM)]', '[UIDNEXT 4]'.
    const start = at
    let depth = 0
    while (at < text.length && (depth > 0 || !' ()'.includes(text[at]!))) {
      if (text[at] === '[') depth++
      if (text[at] === ']') depth--
      at++
    }
    return { text: text.slice(start, at), quoted: false }
  }
  const nodes = list()
  while (at < text.length) nodes.push(...list())
  return nodes
}

// --- Matching.

export type Variables = Map<string, string>

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/**
 * Text with variables, as a pattern: known ones stand for their value, others catch what is there. As in C, a text ends
 * where its first NUL is.
 */
function matchText(wholeExpected: string, wholeActual: string, variables: Variables): boolean {
  const [expected = '', actual = ''] = [wholeExpected, wholeActual].map((text) => text.split('\0')[0]!)
  if (expected === '$') return true
  const names: string[] = []
  const pattern = expected.replace(
    /\$\$|\$\{case:([^}]*)\}|\$\{?(\w+)\}?|[^$]+|\$/g,
    (piece, cased?: string, name?: string) => {
      if (piece === '$$') return '\\$'
      if (cased !== undefined) return escaped(cased)
      if (name === undefined) return escaped(piece)
      const value = variables.get(name)
      if (value !== undefined) return escaped(value)
      names.push(name)
      return '([^]*)'
    },
  )
  const match = new RegExp(`^${pattern}$`, 'i').exec(actual)
  if (match === null) return false
  for (const [index, name] of names.entries()) variables.set(name, match[index + 1]!)
  return true
}

interface Rules {
  chain: number
  extra: boolean
  ordered: boolean
  ignore: string[]
  ban: string[]
}

function rulesOf(nodes: Node[], fallback: Rules): { rules: Rules; nodes: Node[] } {
  let rules = fallback
  let at = 0
  for (; at < nodes.length; at++) {
    const node = nodes[at]!
    if (Array.isArray(node) || !node.text.startsWith('$!')) break
    if (at === 0) rules = { ...ORDERED, ignore: [], ban: [] }
    const [name, value = ''] = node.text.slice(2).split('=')
    if (name === 'unordered') Object.assign(rules, { ordered: false, extra: true, chain: Number(value || 1) })
    else if (name === 'noextra') rules.extra = false
    else if (name === 'extra') rules.extra = true
    else if (name === 'ignore') rules.ignore.push(value)
    else if (name === 'ban') rules.ban.push(value)
  }
  return { rules, nodes: nodes.slice(at) }
}

export const ORDERED: Rules = { chain: 1, extra: false, ordered: true, ignore: [], ban: [] }

export function matchNode(expected: Node, actual: Node | undefined, variables: Variables, inside: Rules): boolean {
  if (actual === undefined) return false
  if (!Array.isArray(expected) && expected.text === '$') return true
  if (Array.isArray(expected)) return Array.isArray(actual) && matchList(expected, actual, variables, inside)
  return !Array.isArray(actual) && matchText(expected.text, actual.text, variables)
}

const inner = (name: Node | undefined): Rules =>
  name !== undefined && !Array.isArray(name) && /^flags$/i.test(name.text)
    ? { chain: 1, extra: false, ordered: false, ignore: ['\\recent'], ban: [] }
    : ORDERED

function matchList(expectedAll: Node[], actual: Node[], variables: Variables, fallback: Rules): boolean {
  const { rules, nodes: expected } = rulesOf(expectedAll, fallback)
  if (rules.ordered) {
    return (
      expected.length === actual.length &&
      expected.every((node, i) => matchNode(node, actual[i], variables, inner(expected[i - 1])))
    )
  }
  const links: Node[][] = []
  for (let at = 0; at < actual.length; at += rules.chain) links.push(actual.slice(at, at + rules.chain))
  for (let at = 0; at < expected.length; at += rules.chain) {
    const wanted = expected.slice(at, at + rules.chain)
    const found = links.findIndex((link) => {
      const attempt = new Map(variables)
      const holds = wanted.every((node, i) => matchNode(node, link[i], attempt, inner(wanted[i - 1])))
      if (holds) for (const [name, value] of attempt) variables.set(name, value)
      return holds
    })
    if (found < 0) return false
    links.splice(found, 1)
  }
  const names = links.map(([first]) => (Array.isArray(first) ? '' : (first?.text ?? '').toLowerCase()))
  if (names.some((name) => rules.ban.includes(name))) return false
  return rules.extra || names.every((name) => rules.ignore.includes(name))
}

export interface Untagged {
  readonly nodes: Node[]
  /** The message's number when the command began, for `$n`. */
  readonly original: number | undefined
}

export function matchUntagged(expected: Node[], { nodes, original }: Untagged, variables: Variables): boolean {
  const [first, second] = expected
  let actual = nodes
  let wanted = expected
  if (first && !Array.isArray(first) && /^\$\d+$/.test(first.text)) {
    if (original !== Number(first.text.slice(1))) return false
    wanted = expected.slice(1)
    actual = nodes.slice(1)
  }
  const word = first && !Array.isArray(first) ? first.text.toLowerCase() : ''
  const verb = second && !Array.isArray(second) ? second.text.toLowerCase() : ''
  const prefixOnly = ['ok', 'no', 'bad', 'bye', 'preauth'].includes(word)
  if (prefixOnly ? actual.length < wanted.length : actual.length !== wanted.length) return false
  const unordered = (chain: number): Rules => ({ chain, extra: true, ordered: false, ignore: [], ban: [] })
  return wanted.every((node, i) => {
    let rules = ORDERED
    if (verb === 'fetch' || word === 'status') rules = unordered(2)
    else if (word === 'list' || word === 'lsub') rules = unordered(1)
    else if (word === 'flags') rules = unordered(1)
    return matchNode(node, actual[i], variables, rules)
  })
}

/** `$modseqN`: as they are named in rising order, each is higher than the one before by the gap of their numbers at least. */
export function modseqsRise(variables: Variables): boolean {
  const known = [...variables]
    .flatMap(([name, value]) => (/^modseq\d+$/.test(name) ? [[Number(name.slice(6)), Number(value)] as const] : []))
    .sort((a, b) => a[0] - b[0])
  return known.every(([index, value], i) => {
    const [before, least] = known[i - 1] ?? [0, 0]
    return value >= least + (index - before)
  })
}
