// The grammar that editors use finds in every text what the parser's own lexer finds, and knows the same words.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { before, test } from 'node:test'
import oniguruma from 'vscode-oniguruma'
import textmate from 'vscode-textmate'
import { grammar } from '../editors/grammar.ts'
import { commentStart, lex } from '../src/notation/lexer.ts'
import { parse } from '../src/notation/parse.ts'
import { readLines } from '../src/notation/text.ts'
import { ROLES } from '../src/notation/vocabulary.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

let tokenise: textmate.IGrammar

before(async () => {
  await oniguruma.loadWASM(readFileSync(createRequire(import.meta.url).resolve('vscode-oniguruma/release/onig.wasm')))
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () =>
      textmate.parseRawGrammar(read('editors/borderpost.tmLanguage.json'), 'borderpost.tmLanguage.json'),
  })
  tokenise = (await registry.loadGrammar('source.borderpost'))!
})

const KINDS: readonly [string, string][] = [
  ['comment', 'comment'],
  ['entity.name.tag', 'target'],
  ['keyword.other.layer', 'target'],
  ['support.type', 'key'],
  ['entity.other.attribute-name', 'key'],
  ['string.other.condition', 'condition'],
  ['string', 'value'],
  ['entity.name.section', 'bracket'],
  ['keyword.operator.relation.direct', 'direct'],
  ['keyword.operator.relation.indirect', 'indirect'],
  ['keyword.operator.relation.flow', 'flow'],
  ['punctuation.separator.roles', 'slash'],
  ['keyword.control.border', 'slash'],
  ['variable.other.agent', 'at'],
  ['variable.parameter', 'inside'],
  ['punctuation.section.branches', 'fork'],
  ['keyword.control.branch', 'fork'],
  ['constant.numeric', 'star'],
  ['keyword.other.border', 'word'],
  ['entity.name.type', 'word'],
]

const FORKS: ReadonlySet<string> = new Set(['open', 'close', 'next', 'comma', 'plus'])

/** For each character what the grammar takes it for; also the whole scopes. */
function byGrammar(text: string): { kinds: string[]; scopes: string[] } {
  const kinds: string[] = new Array(text.length).fill('')
  const scopes: string[] = new Array(text.length).fill('')
  let state = textmate.INITIAL
  for (const { start, end } of readLines(text, [])) {
    const { tokens, ruleStack } = tokenise.tokenizeLine(text.slice(start, end), state)
    state = ruleStack
    for (const token of tokens) {
      const kind = KINDS.find(([scope]) => token.scopes.some((one) => one.startsWith(scope)))?.[1] ?? ''
      for (let k = start + token.startIndex; k < Math.min(end, start + token.endIndex); k++) {
        kinds[k] = kind
        scopes[k] = token.scopes.at(-1)!
      }
    }
  }
  return { kinds, scopes }
}

/** The same, from the parser. */
function byParser(text: string): string[] {
  const kinds: string[] = new Array(text.length).fill('')
  const fill = ({ start, end }: { start: number; end: number }, kind: string) => kinds.fill(kind, start, end)
  const { model } = parse(text)
  const lines = readLines(text, [])
  for (const line of lines) {
    const comment = commentStart(line.text)
    fill({ start: line.map?.[comment] ?? line.start + comment, end: line.end }, 'comment')
    const isAttribute = model.attributes.some(({ span }) => span.start < line.end && span.end > line.start)
    if (isAttribute || /^\s*(?:```|~~~|#)/.test(line.text)) continue
    for (const { kind, arrow, condition, span } of lex(line, comment, () => {})) {
      if (condition !== undefined) fill({ start: span.end, end: text.indexOf(']', span.end) + 1 }, 'condition')
      fill(span, arrow ?? (FORKS.has(kind) ? 'fork' : kind))
    }
  }
  for (const { targetSpan, entries } of model.attributes) {
    fill(targetSpan, 'target')
    for (const { keySpan, valueSpan } of entries) {
      fill(keySpan, 'key')
      fill(valueSpan, 'value')
    }
  }
  return kinds
}

function compare(text: string, name: string) {
  const { kinds, scopes } = byGrammar(text)
  const ours = byParser(text)
  for (let k = 0; k < text.length; k++) {
    if (/\s/.test(text[k]!)) continue
    const place = `${name}: "${text.slice(Math.max(0, k - 20), k)}»${text.slice(k, k + 20)}" (${scopes[k]})`
    assert.equal(kinds[k], ours[k], place)
  }
  const { model } = parse(text)
  for (const { span } of model.borders) assert.equal(scopes[span.start], 'keyword.control.border.borderpost', name)
  for (const { roles, roleSpans, span } of model.blocks) {
    for (let k = span.start; k < span.end; k++)
      if (text[k] === '/') assert.equal(scopes[k], 'punctuation.separator.roles.borderpost', name)
    roles.forEach((role, k) => {
      if ((ROLES as readonly string[]).includes(role) && text.startsWith(role, roleSpans[k]!.start))
        assert.equal(scopes[roleSpans[k]!.start], 'entity.name.type.role.borderpost', `${name}: ${role}`)
    })
  }
}

test('the files that editors read are made from the vocabulary as it is', () => {
  const made = `${JSON.stringify(grammar(), null, 2)}\n`
  for (const file of ['editors/borderpost.tmLanguage.json', 'editors/vscode/borderpost.tmLanguage.json'])
    assert.ok(read(file) === made, `${file} is made anew by: node editors/grammar.ts`)
})

test('the extension names files that are there', () => {
  const { contributes } = JSON.parse(read('editors/vscode/package.json'))
  for (const { configuration, extensions } of contributes.languages) {
    JSON.parse(read(join('editors/vscode', configuration)))
    assert.deepEqual(extensions, ['.borderpost'])
  }
  for (const { path, scopeName } of contributes.grammars)
    assert.equal(JSON.parse(read(join('editors/vscode', path))).scopeName, scopeName)
})

test('every description of the gallery is coloured as it is read', () => {
  const files = readdirSync(join(ROOT, 'gallery')).filter((name) => name.endsWith('.borderpost'))
  assert.ok(files.length >= 20)
  for (const name of files) compare(read(join('gallery', name)), name)
  compare(read('src/system/demo.borderpost'), 'demo')
})

test('so is what people write otherwise', () => {
  for (const text of [
    "|--- Sender's Network ---| |-- Recipient's Network -| / Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient / Border",
    '|-- A --|-- B-2 --|\nMSA@a ~~> MDA@b\n',
    'author → smtp relay⟶/⟶MX ⇒ mua # the → end',
    'Author@old-isp-->MSA/Transmitter*12--&gt;/--&gt; Receiver',
    'Author--->MSA —> / —> Open Relay ===> old-hand',
    '--> / --> Receiver -->\n/ --> MDA # C#, not a comment\n  ==> Recipient',
    'Author ==> MSA@a\n\na: domain=x.test, ip=192.0.2.1\n   forward="a@x.test -> \\"b\\"@y.test", modifies=subject,footer\n   , dkim = no # why\n',
    'Author@a ==> MSA@b\n\n"a": name="A # B"\nAuthor@a ==> MSA: kind=contract\n@b: x=1;y=2\nMSA@b: in="Net: A"\n',
    'Transmitter@m ==> MDA@n\n\nmachine m1: m, MDA@n\norg "Acme Corp": m, n\ncontract "ISP terms": Author -- MSA/Transmitter\n',
    'MSA(login)/Transmitter (in > scan, spare)@isp*3 ==> MDA(store,imap)@home\n\nmachine m: Transmitter.scan, MDA.imap\n',
    'Author@a, Author@b ==> MSA --> / --> { Receiver@x ; Receiver@y ~~> {MDA;MDA@m} }',
    'Author@a ==> MSA --+--> / --> Receiver@x --+--> MDA@m\n                                           +~~> MDA@n\n                  +==> Transmitter@t --> /',
    'Author@a --+\nAuthor@b --+==> MSA--+-->MDA\n                  +-->Forwarder',
    'MSA { -->[10%] / --> Receiver ; ==>[if spam] Filter } # [x]',
    '```\nAuthor ==> MSA\n```\n',
  ])
    compare(text, text)
})
