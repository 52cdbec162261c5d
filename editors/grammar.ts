// The TextMate grammar of the notation, made from the vocabulary, so that editors and parser know the same words.
// `node editors/grammar.ts` writes it beside this file and into the extension; test/editors.test.ts keeps both fresh
// and compares what it finds in a text with what the parser's own lexer finds.

import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SETTINGS } from '../src/notation/settings.ts'
import { KEYWORDS, ROLES, SYNONYMS } from '../src/notation/vocabulary.ts'

const WORD = String.raw`[\p{L}\p{N}\p{M}_.'’?&!]`
/** Dashes are part of a word unless they lead to the head of an arrow. */
const WORDS = `(?:${WORD}|-++(?!>|&gt;|\\+))+`
const HEAD = '(?:>|&gt;)'
const KEY = String.raw`[A-Za-z_][\w.-]*(?=\s*=(?![=>]))`
const QUOTED = String.raw`"(?:\\.|[^"\\])*"`

/** Whole words of a list, the longest first, whatever their case. */
const oneOf = (words: readonly string[]) =>
  `(?i)(?<!${WORD}|-)(?:${[...words].sort((a, b) => b.length - a.length).join('|')})(?!${WORD}|-+(?!-*[>+]))`

const scope = (name: string) => `${name}.borderpost`
const rule = (name: string, match: string) => ({ name: scope(name), match })

/** The grammar as the editors read it. */
export function grammar() {
  const keys = [...new Set(SETTINGS.map(({ name }) => name))].sort((a, b) => b.length - a.length)
  const keywords = KEYWORDS.map(({ word }) => word).join('|')
  return {
    name: 'Borderpost',
    scopeName: 'source.borderpost',
    fileTypes: ['borderpost'],
    patterns: [
      { include: '#comment' },
      rule('markup.fence', String.raw`^\s*(?:\x60\x60\x60|~~~)\s*\w*\s*$`),
      { include: '#attributes' },
      { include: '#flow' },
    ],
    repository: {
      comment: { patterns: [rule('comment.line.number-sign', String.raw`(?:^\s*|(?<=\s))#(?=\s|$).*$|^\s*#.*$`)] },
      attributes: {
        patterns: [
          {
            begin: String.raw`^\s*(?!\|)(?:(${keywords})(?=\s+[^\s:]))?((?:${QUOTED}|=+>|==+|(?!\s#(?:\s|$))[^":=])+)(:)`,
            beginCaptures: {
              1: { name: scope('keyword.other.layer') },
              2: { name: scope('entity.name.tag.target'), patterns: [{ include: '#who' }] },
              3: { name: scope('punctuation.separator.target') },
            },
            end: '$',
            patterns: [{ include: '#comment' }, { include: '#entries' }],
          },
          {
            begin: String.raw`^(?=\s*,?\s*${KEY})`,
            end: '$',
            patterns: [{ include: '#comment' }, { include: '#entries' }],
          },
        ],
      },
      entries: {
        patterns: [
          rule('support.type.property-name', String.raw`(?<![\w.-])(?:${keys.join('|')})(?=\s*=(?![=>]))`),
          rule('entity.other.attribute-name', KEY),
          rule('keyword.operator.assignment', '=(?!>)'),
          {
            name: scope('string.quoted.double'),
            begin: '"',
            end: '"|$',
            patterns: [rule('constant.character.escape', String.raw`\\["\\]`)],
          },
          rule('punctuation.separator.entries', '[,;]'),
          { include: '#arrows' },
          rule('string.unquoted', String.raw`[^\s,;="][^\s,;"]*(?:,(?=[\w.-])(?!${KEY})[^\s,;"]*)*`),
        ],
      },
      flow: {
        patterns: [
          {
            name: scope('entity.name.section.network'),
            match: String.raw`(\|)([-–—−‐‑─―]+[^|]*?)(\|)(?![-–—]+[^|>]*\|)|(\|)([-–—−‐‑─―]+[^|]*?)(?=\|)`,
          },
          rule('keyword.other.border', `(?i)(?<!${WORD}|-|@)Border(?!${WORD}|-)`),
          rule('string.other.condition', String.raw`(?<=>|&gt;|[→⇒⇝])\[[^\[\]|]+\]`),
          rule('keyword.control.branch', String.raw`[-=~–—]*\+`),
          { include: '#arrows' },
          { include: '#who' },
        ],
      },
      arrows: {
        patterns: [
          rule('keyword.operator.relation.direct', `(?:[=═]+${HEAD})|[⇒⟹⇨➡⇔]`),
          rule('keyword.operator.relation.indirect', `(?:[~∼〜]+${HEAD})|[⇝↝⤳⟿⇾↭]`),
          rule('keyword.operator.relation.flow', `(?:[-–—−‐‑─―]+${HEAD})|[→⟶➔➜➝➞⇢⭢↔]`),
        ],
      },
      who: {
        patterns: [
          rule('variable.other.agent', `@(?:${WORDS})?`),
          rule('constant.numeric.relays', `\\*(?:${WORDS})?`),
          rule('variable.parameter.relays', String.raw`(?<=${WORD}|-|\))\s*\([^()|]*\)`),
          rule('punctuation.section.branches', '[{};,]'),
          rule('punctuation.separator.roles', String.raw`(?<=${WORD}|-|\))[/∕⁄／](?=${WORD}|@)`),
          rule('keyword.control.border', '[/∕⁄／]'),
          rule('entity.name.type.role', oneOf(ROLES)),
          rule('entity.name.type.role.synonym', oneOf([...SYNONYMS.keys(), 'mua', 'mta', 'user'])),
          rule('entity.name.type.unknown', WORDS),
        ],
      },
    },
  }
}

if (import.meta.main) {
  const file = join(import.meta.dirname, 'borderpost.tmLanguage.json')
  writeFileSync(file, `${JSON.stringify(grammar(), null, 2)}\n`)
  copyFileSync(file, join(import.meta.dirname, 'vscode', 'borderpost.tmLanguage.json'))
}
