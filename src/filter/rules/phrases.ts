// Phrases of content, found in one pass over the words: a phrase is a sequence of words, whatever stands between them.
// Few and explainable on purpose: what is spam for whom, the statistics learn better than any list.

import { PHRASES, type Topic } from './phrase-lists.ts'

export type { Topic }
export type PhraseHits = ReadonlyMap<Topic, ReadonlySet<string>>

interface Node {
  next: Map<string, Node> | undefined
  found: { topic: Topic; phrase: string }[] | undefined
}

const newNode = (): Node => ({ next: undefined, found: undefined })
const trie = newNode()
for (const [topic, phrases] of Object.entries(PHRASES) as [Topic, string[]][]) {
  for (const phrase of phrases) {
    let node = trie
    for (const word of phrase.split(' ')) {
      node.next ??= new Map()
      let child = node.next.get(word)
      if (child === undefined) node.next.set(word, (child = newNode()))
      node = child
    }
    node.found ??= []
    node.found.push({ topic, phrase })
  }
}

/** Content beyond this is not read for phrases. */
const MAX_CHARACTERS = 128 * 1024
const LONGEST_WORD = 24

/** Every phrase that stands in the text, by topic. Linear: words once, a few steps down the trie from each. */
export function findPhrases(text: string): PhraseHits {
  const hits = new Map<Topic, Set<string>>()
  const words = wordsOf(text.slice(0, MAX_CHARACTERS).toLowerCase())
  const first = trie.next!
  for (let i = 0; i < words.length; i++) {
    let node = first.get(words[i]!)
    for (let k = i + 1; node !== undefined; k++) {
      if (node.found) {
        for (const { topic, phrase } of node.found) {
          const known = hits.get(topic)
          if (known === undefined) hits.set(topic, new Set([phrase]))
          else known.add(phrase)
        }
      }
      node = k < words.length ? node.next?.get(words[k]!) : undefined
    }
  }
  return hits
}

/** Runs of letters and digits, lower case; longer ones are no words. Others end a word and start none. */
export function wordsOf(text: string): string[] {
  const words: string[] = []
  let start = -1
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 32
    const isWord = (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code >= 0xc0 && code < 0x2000)
    if (isWord) {
      if (start < 0) start = i
    } else if (start >= 0) {
      if (i - start <= LONGEST_WORD) words.push(text.slice(start, i))
      start = -1
    }
  }
  return words
}
