// Words of a text in any language, as hashes. Letters and digits make words; ideographs and syllables that are written
// without spaces are a word each, and the pairs below make n-grams of them. Orthogonal sparse bigrams (OSB: Siefkes et
// al. 2004): each word is paired with each of the few before it, and the pair knows its distance.

import { type FeatureSet, mix } from './feature-set.ts'

const MAX_WORD = 40
const HYPHEN = 45
const APOSTROPHE = 39

const SPACE = 0
const LETTER = 1
/** Part of a word only between two letters: `e-mail`, `www.here.test`, `don't`. */
const JOINER = 2
/** A word by itself: `!`, `$`, `%`. */
const SIGN = 3
const IDEOGRAPH = 4

const ASCII = new Uint8Array(128)
for (let code = 48; code < 58; code++) ASCII[code] = LETTER
for (let code = 65; code < 91; code++) ASCII[code] = ASCII[code + 32] = LETTER
for (const character of "-._'") ASCII[character.charCodeAt(0)] = JOINER
for (const character of '!$%*#=') ASCII[character.charCodeAt(0)] = SIGN

const isDigit = (code: number): boolean => code >= 48 && code <= 57

function kindOf(code: number): number {
  if (code < 128) return ASCII[code]!
  if (code < 0xc0) return code === 0xa3 || code === 0xa5 ? SIGN : SPACE
  if (code < 0x2000) return LETTER
  if (code < 0x2e80) return code >= 0x20a0 ? SIGN : SPACE
  if (code < 0x3040) return code >= 0x3000 ? SPACE : IDEOGRAPH
  return code < 0xff00 || code > 0xff0f ? IDEOGRAPH : SPACE
}

/** Adds the words of a text to `words` and their sparse pairs to `pairs`; `salt` tells where the text stood. */
export function addWords(text: string, salt: number, words: FeatureSet, pairs?: FeatureSet): void {
  // The hashes of the last words, newest first.
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let at = 0
  const { length } = text
  while (at < length) {
    const kind = kindOf(text.charCodeAt(at))
    if (kind === SPACE || kind === JOINER) {
      at++
      continue
    }
    let hash = mix(salt, text.charCodeAt(at++))
    if (kind === LETTER) {
      const limit = Math.min(length, at + MAX_WORD)
      for (; at < limit; at++) {
        const code = text.charCodeAt(at)
        const next = kindOf(code)
        if (next === LETTER) hash = mix(hash, code)
        else if (next === JOINER && at + 1 < length && kindOf(text.charCodeAt(at + 1)) === LETTER)
          hash = mix(hash, code)
        else break
      }
    } else if (kind === SIGN) {
      while (at < length && kindOf(text.charCodeAt(at)) === SIGN) at++
    }
    words.add(hash)
    if (pairs === undefined) continue
    if (a !== 0) pairs.add(mix(hash, a))
    if (b !== 0) pairs.add(mix(hash, b + 1))
    if (c !== 0) pairs.add(mix(hash, c + 2))
    if (d !== 0) pairs.add(mix(hash, d + 3))
    d = c
    c = b
    b = a
    a = hash
    if (words.isFull && pairs.isFull) return
  }
}

/**
 * Adds what a text says however it is dressed up: its words without capitals, digits and signs to `words`, and each word
 * with the one and the two before it to `phrases`.
 */
export function addPlainWords(text: string, salt: number, words: FeatureSet, phrases: FeatureSet): void {
  const plain = text.toLowerCase()
  let a = 0
  let b = 0
  let at = 0
  const { length } = plain
  while (at < length) {
    const kind = kindOf(plain.charCodeAt(at))
    if ((kind !== LETTER && kind !== IDEOGRAPH) || isDigit(plain.charCodeAt(at))) {
      at++
      continue
    }
    let hash = mix(salt, plain.charCodeAt(at++))
    let letters = 1
    for (; kind === LETTER && at < length && letters < MAX_WORD; at++, letters++) {
      const code = plain.charCodeAt(at)
      const isLetter = kindOf(code) === LETTER && !isDigit(code)
      if (!isLetter && code !== HYPHEN && code !== APOSTROPHE) break
      hash = mix(hash, code)
    }
    if (kind === LETTER && letters < 2) continue
    words.add(hash)
    phrases.add(hash)
    if (a !== 0) phrases.add(mix(hash, a))
    if (b !== 0) phrases.add(mix(mix(hash, a), b))
    b = a
    a = hash
    if (words.isFull && phrases.isFull) return
  }
}
