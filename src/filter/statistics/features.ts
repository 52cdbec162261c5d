// What the learners see of a message: hashes of its words, of pairs of words, and of runs of four characters. Read with
// the house's one header parser and MIME walker, so that the filter sees what the reader sees. Everything is bounded:
// only the beginnings of long fields, bodies and lists of parts count, and nothing here throws.

import { fileName, htmlToText, partBytes, partText } from '../../message/body.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { type Header, type HeaderField, unfolded } from '../../message/header.ts'
import { allParts, type Part } from '../../message/mime.ts'
import { FeatureSet, hashText, mix } from './feature-set.ts'
import { addGrams, addWords } from './words.ts'

/** One way to look at a message: distinct hashes, in the order in which they first came. */
export type View = Int32Array

/** The header and the body, each seen as words, pairs of words and runs of four characters. */
export interface Features {
  headerWords: View
  headerPairs: View
  headerGrams: View
  bodyWords: View
  bodyPairs: View
  bodyGrams: View
}

const MAX_FIELDS = 60
const MAX_FIELD_CHARACTERS = 600
const MAX_PARTS = 20
const MAX_TEXT_BYTES = 24 * 1024
const MAX_TEXT_CHARACTERS = 10_000
const MAX_GRAM_CHARACTERS = 3_000

/**
 * Fields that other filters, readers and mailboxes add: a stranger must not steer us with them, and what is added after
 * the message was scored must not be learned. Results of authentication are no words: they reach us as `facts`.
 */
const NOT_READ =
  /^(x-spam|x-bogosity|x-rspamd|x-junk|x-virus|x-borderpost|x-status|x-keywords|x-uid|x-mozilla|x-pyzor|status$|lines$|content-length$|authentication-results|received-spf|arc-|dkim-|domainkey|delivered-to$|x-original-to$|return-path$)/

/** Scratch: filled and emptied for each part of a message. */
const words = new FeatureSet(8_192)
const pairs = new FeatureSet(16_384)
const grams = new FeatureSet(8_192)

const FIELD = hashText('field')
const SHAPE = hashText('shape')
const TEXT = hashText('text')
const URL_SALT = hashText('url')
const PART = hashText('part')
const FACT = hashText('fact')
const HEADER_GRAM = hashText('header gram')
const BODY_GRAM = hashText('body gram')
const MARKUP_GRAM = hashText('markup gram')

/**
 * Reads the features of a message.
 * @param facts short texts known besides the message, such as `spf=pass`: each is a word of its own
 */
export function featuresOf(root: Part, facts: readonly string[] = []): Features {
  clear()
  for (const fact of facts.slice(0, 100)) words.add(hashText(fact.slice(0, 200), FACT))
  readHeader(root.header)
  const [headerWords, headerPairs, headerGrams] = [words.toArray(), pairs.toArray(), grams.toArray()]
  clear()
  readBody(root)
  const [bodyWords, bodyPairs, bodyGrams] = [words.toArray(), pairs.toArray(), grams.toArray()]
  return { headerWords, headerPairs, headerGrams, bodyWords, bodyPairs, bodyGrams }
}

function clear(): void {
  words.clear()
  pairs.clear()
  grams.clear()
}

function readHeader(header: Header): void {
  let previous = 0
  let read = 0
  for (const field of header.fields) {
    if (NOT_READ.test(field.lowerName)) continue
    if (++read > MAX_FIELDS) break
    // Programs write their fields in an order, and in upper and lower case, of their own.
    const name = hashText(field.name, SHAPE)
    words.add(name)
    pairs.add(mix(name, previous))
    previous = name
    readField(header, field)
  }
  for (const { kind } of header.defects) words.add(hashText(kind, SHAPE))
}

function readField(header: Header, field: HeaderField): void {
  const long = field.end - field.start > MAX_FIELD_CHARACTERS
  let text = unfolded(header, long ? { ...field, end: field.valueStart + MAX_FIELD_CHARACTERS } : field)
  if (text.includes('=?')) text = decodeEncodedWords(text)
  const salt = hashText(field.lowerName, FIELD)
  addWords(text, salt, words, pairs)
  // What a subject says, a body says too.
  if (field.lowerName === 'subject') addWords(text, TEXT, words, pairs)
  if (field.lowerName !== 'received') words.add(hashText(shapeOf(text), salt))
  addGrams(`${field.name}: ${text}`, HEADER_GRAM, grams)
}

/** The form of a value without its content: `<9a63c01c@x.test>` and others like it become `<0a0a0a0a@a.a>`. */
function shapeOf(text: string): string {
  return text
    .slice(0, 120)
    .replace(/[A-Z]+/g, 'A')
    .replace(/[a-z]+/g, 'a')
    .replace(/\d+/g, '0')
    .replace(/\s+/g, ' ')
}

function readBody(root: Part): void {
  let bytesLeft = MAX_TEXT_BYTES
  let gramsLeft = MAX_GRAM_CHARACTERS
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
    addWords(text, TEXT, words, pairs)
    addGrams(text.slice(0, gramsLeft), BODY_GRAM, grams)
    gramsLeft = Math.max(0, gramsLeft - text.length)
    if (isHtml) addGrams(whole.slice(0, 1000), MARKUP_GRAM, grams)
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
  addWords(name, PART, words, pairs)
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
    words.add(hashText(shapeOf(path!), URL_SALT))
  }
}
