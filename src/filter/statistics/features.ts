// What the learners see of a message, one view for each way to look at it: hashes of words and of neighbouring words in
// header and body, of the path that it came, of who it says to be from, and of what else is known of it. Read with the
// house's one header parser and MIME walker, so that the filter sees what the reader sees. Everything is bounded: only the
// beginnings of long fields, bodies and lists of parts count, and nothing here throws.

import { fileName, htmlToText, partBytes, partText } from '../../message/body.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { type Header, type HeaderField, unfolded } from '../../message/header.ts'
import { allParts, type Part } from '../../message/mime.ts'
import { FeatureSet, hashText, mix } from './feature-set.ts'
import { addReceived, shapeOf } from './received-look.ts'
import { addPlainWords, addWords } from './words.ts'

/** One way to look at a message: distinct hashes, in the order in which they first came. */
export type View = Int32Array

export interface Features {
  readonly headerWords: View
  readonly headerPairs: View
  /** From, by itself. */
  readonly sender: View
  /** The lines of Received. */
  readonly path: View
  /** What is known besides the message. */
  readonly known: View
  readonly bodyWords: View
  /** The text without capitals, digits and signs: its words, and each with those before it. */
  readonly plainWords: View
  readonly phrases: View
  /** Points of the rules: all there is to go by while nothing was learned. */
  readonly rulePoints: number
}

/** What is known besides the message. */
export interface Known {
  /** Our own Received field, where the message does not hold it yet. */
  readonly arrival?: string
  /** Short texts such as `spf=pass` or the name of a rule: each is a word of its own. */
  readonly facts?: readonly string[]
  readonly rulePoints?: number
}

const MAX_FIELDS = 60
const MAX_FIELD_CHARACTERS = 600
const MAX_SHAPE = 120
const MAX_HOPS = 12
const MAX_PARTS = 20
const MAX_FACTS = 200
const MAX_TEXT_BYTES = 24 * 1024
const MAX_TEXT_CHARACTERS = 10_000

/**
 * Fields that other filters, readers and mailboxes add: a stranger must not steer us with them, and what is added after
 * the message was scored must not be learned. Results of authentication are no words: they reach us as facts.
 */
const NOT_READ =
  /^(x-spam|x-bogosity|x-rspamd|x-junk|x-virus|x-borderpost|x-status|x-keywords|x-uid|x-mozilla|x-pyzor|status$|lines$|content-length$|authentication-results|received-spf|arc-|dkim-|domainkey|delivered-to$|x-original-to$|return-path$)/

/** Scratch: filled and emptied for each message. */
const words = new FeatureSet(8_192)
const pairs = new FeatureSet(16_384)
const sender = new FeatureSet(256)
const path = new FeatureSet(2_048)
const plainWords = new FeatureSet(8_192)
const phrases = new FeatureSet(16_384)
const SCRATCH = [words, pairs, sender, path, plainWords, phrases]

const FIELD = hashText('field')
const SHAPE = hashText('shape')
const TEXT = hashText('text')
const PLAIN = hashText('plain')
const URL_SALT = hashText('url')
const PART = hashText('part')
const FACT = hashText('fact')
const SENDER = hashText('sender')
const RECEIVED = hashText('received', FIELD)

/** Reads the features of a message. */
export function featuresOf(root: Part, { arrival, facts = [], rulePoints = 0 }: Known = {}): Features {
  for (const set of SCRATCH) set.clear()
  readHeader(root.header, arrival)
  const [headerWords, headerPairs] = [words.toArray(), pairs.toArray()]
  words.clear()
  readBody(root)
  return {
    headerWords,
    headerPairs,
    sender: sender.toArray(),
    path: path.toArray(),
    known: Int32Array.from(new Set(facts.slice(0, MAX_FACTS).map((fact) => hashText(fact.slice(0, 200), FACT)))),
    bodyWords: words.toArray(),
    plainWords: plainWords.toArray(),
    phrases: phrases.toArray(),
    rulePoints,
  }
}

function readHeader(header: Header, arrival: string | undefined): void {
  let previous = 0
  let read = 0
  let hops = 0
  if (arrival !== undefined) {
    addWords(arrival, RECEIVED, words, pairs)
    addReceived(arrival, hops++, path)
  }
  for (const field of header.fields) {
    if (NOT_READ.test(field.lowerName)) continue
    if (++read > MAX_FIELDS) break
    // Programs write their fields in an order, and in upper and lower case, of their own.
    const name = hashText(field.name, SHAPE)
    words.add(name)
    pairs.add(mix(name, previous))
    previous = name
    const text = textOf(header, field)
    const salt = hashText(field.lowerName, FIELD)
    addWords(text, salt, words, pairs)
    if (field.lowerName === 'received') {
      if (hops < MAX_HOPS) addReceived(text, hops++, path)
      continue
    }
    const shape = hashText(shapeOf(text, MAX_SHAPE), salt)
    words.add(shape)
    // What a subject says, a body says too.
    if (field.lowerName === 'subject') addWords(text, TEXT, words, pairs)
    if (field.lowerName === 'from') {
      sender.add(mix(SENDER, shape))
      for (const [word] of text.toLowerCase().matchAll(/[\p{L}\d.-]+/gu)) sender.add(hashText(word, SENDER))
    }
  }
  for (const { kind } of header.defects) words.add(hashText(kind, SHAPE))
}

function textOf(header: Header, field: HeaderField): string {
  const isLong = field.end - field.start > MAX_FIELD_CHARACTERS
  const text = unfolded(header, isLong ? { ...field, end: field.valueStart + MAX_FIELD_CHARACTERS } : field)
  return text.includes('=?') ? decodeEncodedWords(text) : text
}

function readBody(root: Part): void {
  let bytesLeft = MAX_TEXT_BYTES
  let parts = 0
  for (const part of allParts(root)) {
    if (++parts > MAX_PARTS) break
    describePart(part)
    if (part.type !== 'text' || part.children.length > 0 || bytesLeft <= 0) continue
    const size = Math.min(part.bodyEnd - part.bodyStart, bytesLeft)
    bytesLeft -= size
    const whole = partText({ ...part, bodyEnd: part.bodyStart + size }).text
    const isHtml = part.subtype === 'html' || /^\s*<(!doctype|html|head|body)/i.test(whole.slice(0, 200))
    const text = (isHtml ? htmlToText(whole) : whole).slice(0, MAX_TEXT_CHARACTERS)
    readUrls(whole)
    addWords(text, TEXT, words)
    addPlainWords(text, PLAIN, plainWords, phrases)
  }
}

/** Type, encoding, name and first bytes of a part that is not shown as text. */
function describePart(part: Part): void {
  const type = `${part.type}/${part.subtype}`
  words.add(hashText(type.slice(0, 100), PART))
  words.add(
    hashText(`${type.slice(0, 100)} ${part.encoding.slice(0, 40)} ${part.parameters.charset?.slice(0, 40)}`, PART),
  )
  for (const defect of part.defects) words.add(hashText(defect, PART))
  const name = fileName(part)?.slice(0, 200)
  if (name === undefined) return
  addWords(name, PART, words)
  words.add(hashText(/\.[^.]{1,10}$/.exec(name)?.[0].toLowerCase() ?? 'no ending', PART))
  if (part.type === 'text' || part.type === 'multipart' || part.message) return
  const start = partBytes({ ...part, bodyEnd: Math.min(part.bodyEnd, part.bodyStart + 64) })
  words.add(hashText(start.toString('latin1', 0, 8), PART))
}

const URL_START = /https?:\/\/([^\s/"'<>?#]{1,100})([^\s"'<>]{0,100})/gi

/** Hosts of links, each with all its parent domains, and the shape of the paths. */
function readUrls(text: string): void {
  let count = 0
  for (const [, host, path] of text.matchAll(URL_START)) {
    if (++count > 50) return
    let name = host!.toLowerCase()
    for (let depth = 0; depth < 5; depth++) {
      words.add(hashText(name, URL_SALT))
      const dot = name.indexOf('.')
      if (dot < 0) break
      name = name.slice(dot + 1)
    }
    words.add(hashText(shapeOf(path!, MAX_SHAPE), URL_SALT))
  }
}
