// What a person sees of a message: which parts are text, HTML and attachments (RFC 8621 §4.1.4), their decoded content,
// file names and a preview. Works on the tree of mime.ts; decodes only the parts that are asked for.

import { decodeText, knownCharset } from './charset.ts'
import { decodeEncodedWords } from './encoded-word.ts'
import { decodeEntities } from './entities.ts'
import type { Part } from './mime.ts'
import { decodeTransfer } from './transfer.ts'

export interface BodyLists {
  textBody: Part[]
  htmlBody: Part[]
  attachments: Part[]
}

/** The three lists of RFC 8621 §4.1.4, by the algorithm that stands there. */
export function bodyLists(root: Part): BodyLists {
  const lists: BodyLists = { textBody: [], htmlBody: [], attachments: [] }
  sort([root], 'mixed', false, lists.htmlBody, lists.textBody, lists.attachments)
  return lists
}

function isInlineMedia(part: Part): boolean {
  return part.type === 'image' || part.type === 'audio' || part.type === 'video'
}

function sort(
  parts: readonly Part[],
  multipartType: string,
  inAlternative: boolean,
  htmlBody: Part[] | undefined,
  textBody: Part[] | undefined,
  attachments: Part[],
): void {
  const textLength = textBody?.length ?? -1
  const htmlLength = htmlBody?.length ?? -1
  for (const [index, part] of parts.entries()) {
    if (part.type === 'multipart') {
      const alternative = inAlternative || part.subtype === 'alternative'
      sort(part.children, part.subtype, alternative, htmlBody, textBody, attachments)
      continue
    }
    const isText = part.type === 'text' && (part.subtype === 'plain' || part.subtype === 'html')
    const isInline =
      part.disposition?.type !== 'attachment' &&
      (isText || isInlineMedia(part)) &&
      (index === 0 || (multipartType !== 'related' && (isInlineMedia(part) || fileName(part) === undefined)))
    if (!isInline) attachments.push(part)
    else if (multipartType === 'alternative') {
      if (isText && part.subtype === 'plain') textBody?.push(part)
      else if (isText) htmlBody?.push(part)
      else attachments.push(part)
    } else {
      // Deeper inside an alternative: a plain text is no HTML, and the other way round.
      if (inAlternative && isText && part.subtype === 'plain') htmlBody = undefined
      if (inAlternative && isText && part.subtype === 'html') textBody = undefined
      textBody?.push(part)
      htmlBody?.push(part)
      if ((!textBody || !htmlBody) && isInlineMedia(part)) attachments.push(part)
    }
  }
  if (multipartType === 'alternative' && textBody && htmlBody) {
    // Found only HTML, or only text: the one serves as the other.
    if (textLength === textBody.length && htmlLength !== htmlBody.length) textBody.push(...htmlBody.slice(htmlLength))
    if (htmlLength === htmlBody.length && textLength !== textBody.length) htmlBody.push(...textBody.slice(textLength))
  }
}

/** The body of the part as it was before it was transfer-encoded. */
export function partBytes(part: Part): Buffer {
  return decodeTransfer(part.header.source.subarray(part.bodyStart, part.bodyEnd), part.encoding)
}

/** The decoded text of a text part. The charset that an HTML part names inside itself is not believed. */
export function partText(part: Part): { text: string; isEncodingProblem: boolean } {
  const { charset } = part.parameters
  return {
    text: decodeText(partBytes(part), charset),
    isEncodingProblem: (charset !== undefined && !knownCharset(charset)) || !isKnownEncoding(part.encoding),
  }
}

function isKnownEncoding(encoding: string): boolean {
  return /^(7bit|8bit|binary|base64|quoted-printable)$/.test(encoding)
}

/** The name that the sender gave the part, without folders, or undefined. */
export function fileName(part: Part): string | undefined {
  const name = part.disposition?.parameters.filename ?? part.parameters.name
  const last =
    name &&
    decodeEncodedWords(name)
      .replace(/[\0-\x1f\x7f]+/g, ' ')
      .split(/[/\\]/)
      .at(-1)
      ?.trim()
  return last || undefined
}

/** Whether a reader should show a paper clip (RFC 8621 §4.1.4: hasAttachment). */
export function hasAttachment(root: Part): boolean {
  return bodyLists(root).attachments.some((part) => part.disposition?.type !== 'inline' || !part.id)
}

/** Up to `maxCharacters` of the text that a reader would see first, white space collapsed (RFC 8621 §4.1.4: preview). */
export function preview(root: Part, maxCharacters = 256): string {
  const { textBody } = bodyLists(root)
  for (const part of textBody) {
    if (part.type !== 'text') continue
    // Only the beginning is decoded; a base64 or quoted-printable text is at most three times as long as its bytes.
    const head: Part = { ...part, bodyEnd: Math.min(part.bodyEnd, part.bodyStart + 64 * 1024) }
    const { text } = partText(head)
    const seen = beginning(part.subtype === 'html' ? htmlToText(text) : text, maxCharacters * 2)
    if (seen !== '') return firstCharacters(seen, maxCharacters).trim()
  }
  return ''
}

/** The beginning, no character cut in half. */
function firstCharacters(text: string, count: number): string {
  let end = 0
  for (let seen = 0; seen < count && end < text.length; seen++) end += text.codePointAt(end)! > 0xffff ? 2 : 1
  return text.slice(0, end)
}

/** What is not a single space already: nearly all white space of a text is, and need not be replaced. */
const RAGGED_SPACE = /[^\S ]\s*|\s{2,}/g

/** The text with its white space collapsed: all of it, or at least `length` of its beginning where it goes on. */
function beginning(text: string, length: number): string {
  const collapsed = (some: string) => some.replace(RAGGED_SPACE, ' ').trim()
  const head = collapsed(text.slice(0, length * 2))
  return head.length >= length ? head : collapsed(text)
}

/** What begins a tag or a comment; no name of a tag is longer. */
const TAG = /<(!--|\/?[a-z][a-z0-9]{0,18})/gi

/** The words of an HTML text, for previews, filters and search: no markup, no styles, no scripts, no hidden head. */
export function htmlToText(html: string): string {
  let text = ''
  let at = 0
  while (at < html.length) {
    TAG.lastIndex = at
    const found = TAG.exec(html)
    text += html.slice(at, found?.index)
    if (found === null) break
    const open = found.index
    const tag = found[1]!.toLowerCase()
    if (tag === '!--') at = after(html, '-->', open)
    else if (tag === 'style' || tag === 'script' || tag === 'title') at = afterElement(html, tag, open)
    else {
      if (/^\/?(p|div|br|tr|li|h[1-6]|table|ul|ol|blockquote|hr)$/.test(tag)) text += '\n'
      else if (/^\/?t[dh]$/.test(tag)) text += ' '
      at = after(html, '>', open)
    }
  }
  return decodeEntities(text)
}

function after(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from)
  return at < 0 ? text.length : at + what.length
}

function afterElement(html: string, tag: string, from: number): number {
  const closing = new RegExp(`</${tag}`, 'gi')
  closing.lastIndex = from
  return closing.test(html) ? after(html, '>', closing.lastIndex) : html.length
}
