// Words of a text in any language, as hashes. Letters and digits make words; ideographs and syllables that are written
// without spaces are a word each, and the pairs below make n-grams of them. Orthogonal sparse bigrams (OSB: Siefkes et
// al. 2004): each word is paired with each of the few before it, and the pair knows its distance.

import { type FeatureSet, mix } from './feature-set.ts'

const MAX_WORD = 40

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

function kindOf(code: number): number {
  if (code < 128) return ASCII[code]!
  if (code < 0xc0) return code === 0xa3 || code === 0xa5 ? SIGN : SPACE
  if (code < 0x2000) return LETTER
  if (code < 0x2e80) return code >= 0x20a0 ? SIGN : SPACE
  if (code < 0x3040) return code >= 0x3000 ? SPACE : IDEOGRAPH
  return code < 0xff00 || code > 0xff0f ? IDEOGRAPH : SPACE
}

/** Adds the words of text [from, to) to `words` and their sparse pairs to `pairs`; `salt` tells where the text stood. */
export function addWords(text: string, salt: number, words: FeatureSet, pairs: FeatureSet): void {
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

/** Adds every run of four characters; white space counts as one space. */
export function addGrams(text: string, salt: number, grams: FeatureSet): void {
  let a = 32
  let b = 32
  let c = 32
  let last = 32
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code <= 32) {
      if (last === 32) continue
      code = 32
    }
    last = code
    grams.add(mix(mix(salt, (a << 16) ^ b), (c << 16) ^ code))
    a = b
    b = c
    c = code
  }
}
