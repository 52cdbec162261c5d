// What of a message can be searched: its header fields as a reader sees them, the text of its parts (of HTML both what
// is written and what is seen), the headers of messages inside, the names of attachments. Words, bounded in number.

import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { fileName, htmlToText, partText } from '../../message/body.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { fieldsNamed, type Header, rawValue, unfolded } from '../../message/header.ts'
import { allParts, parseStructure } from '../../message/mime.ts'
import { addWords, fold } from './words.ts'

export interface MessageWords {
  /** Of the message's own header. */
  readonly head: ReadonlySet<string>
  /** Of everything else. */
  readonly body: ReadonlySet<string>
  /** False: it holds more words than are kept, so that a search must look into it. */
  readonly isWhole: boolean
}

const MAX_WORDS = 20_000
const MAX_PARTS = 1000
/** Raw bytes of one part that are looked at. */
const MAX_PART_BYTES = 4 * 1024 * 1024

/** Linear in the message; never throws on what a stranger sent. */
export function wordsOf(source: Buffer): MessageWords {
  const structure = parseStructure(source, { maxParts: MAX_PARTS })
  const head = new Set<string>()
  const body = new Set<string>()
  let isWhole = addHeader(structure.header, head)
  isWhole = addAddresses(structure.header, head) && isWhole
  let count = 0
  for (const part of allParts(structure)) {
    if (body.size >= MAX_WORDS) break
    if (++count >= MAX_PARTS) isWhole = false
    const name = fileName(part)
    if (name !== undefined) isWhole &&= addWords(fold(name), body, MAX_WORDS)
    if (part.message) isWhole = addHeader(part.message.header, body) && isWhole
    if (part.type !== 'text') continue
    if (part.bodyEnd - part.bodyStart > MAX_PART_BYTES) isWhole = false
    const { text } = partText({ ...part, bodyEnd: Math.min(part.bodyEnd, part.bodyStart + MAX_PART_BYTES) })
    isWhole = addWords(fold(text), body, MAX_WORDS) && isWhole
    if (part.subtype === 'html') isWhole = addWords(fold(htmlToText(text)), body, MAX_WORDS) && isWhole
  }
  return { head, body, isWhole: isWhole && body.size < MAX_WORDS }
}

/** Fields whose addresses are shown, and sought, in another form than they are written in. */
const ADDRESSES = ['from', 'to', 'cc', 'bcc', 'sender', 'reply-to']
const MAX_ADDRESS_BYTES = 64 * 1024

function addAddresses(header: Header, words: Set<string>): boolean {
  let isWhole = true
  for (const field of ADDRESSES.flatMap((name) => fieldsNamed(header, name))) {
    const value = rawValue(header, field)
    if (value.length > MAX_ADDRESS_BYTES) isWhole = false
    for (const mailbox of mailboxesOf(parseAddressList(value.subarray(0, MAX_ADDRESS_BYTES))))
      isWhole = addWords(fold(`${mailbox.displayName ?? ''} ${formatAddress(mailbox)}`), words, MAX_WORDS) && isWhole
  }
  return isWhole
}

function addHeader(header: Header, words: Set<string>): boolean {
  let isWhole = true
  for (const field of header.fields) {
    const value = decodeEncodedWords(unfolded(header, field))
    isWhole = addWords(fold(`${field.name}: ${value}`), words, MAX_WORDS) && isWhole
  }
  return isWhole
}
