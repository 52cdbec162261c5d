// How the body is put together (RFC 2045, RFC 2046): structures that two programs read differently, encodings that only
// hide text, and parts that say one thing and are another.

import { isAscii } from 'node:buffer'
import { knownCharset } from '../../../message/charset.ts'
import type { PartDefect } from '../../../message/mime.ts'
import { wordsOf } from '../phrases.ts'
import type { Rule } from '../rule.ts'
import type { MailView } from '../view.ts'

const hasDefect = (mail: MailView, ...kinds: PartDefect[]): boolean =>
  mail.parts.some(({ defects }) => defects.length > 0 && defects.some((defect) => kinds.includes(defect)))

const textParts = (mail: MailView) =>
  mail.parts.filter(({ type, disposition }) => type === 'text' && disposition?.type !== 'attachment')
const LOOKED_AT = 64 * 1024

const rawBody = (part: { header: { source: Buffer }; bodyStart: number; bodyEnd: number }): Buffer =>
  part.header.source.subarray(part.bodyStart, Math.min(part.bodyEnd, part.bodyStart + LOOKED_AT))

const KNOWN_ENCODINGS = new Set([
  '7bit',
  '8bit',
  'binary',
  'base64',
  'quoted-printable',
  'x-uuencode',
  'uuencode',
  'x-uue',
])

/** Of the first longer words of `one`, how many stand in `other`: enough for a rough comparison. */
function commonShare(one: string, other: string): number | undefined {
  const words = wordsOf(one.slice(0, 3000).toLowerCase())
    .filter((word) => word.length > 4)
    .slice(0, 40)
  if (words.length < 20) return undefined
  const inOther = other.slice(0, 50_000).toLowerCase()
  return words.reduce((count, word) => count + (inOther.includes(word) ? 1 : 0), 0) / words.length
}

export const mimeRules: readonly Rule[] = [
  {
    id: 'mime-field-repeated',
    points: 1.8,
    about: 'mime',
    explanation: 'The message says twice what a part of it is, so that programs read it differently.',
    test: (mail) => hasDefect(mail, 'repeated-content-field'),
  },
  {
    id: 'mime-ambiguous',
    points: 1,
    about: 'mime',
    explanation: 'The description of a part contradicts itself, so that programs read it differently.',
    test: (mail) => hasDefect(mail, 'ambiguous-parameters'),
  },
  {
    id: 'mime-type-invalid',
    points: 0.8,
    about: 'mime',
    explanation: 'The description of a part cannot be read.',
    test: (mail) => hasDefect(mail, 'invalid-content-type'),
  },
  {
    id: 'mime-boundary-missing',
    points: 1.5,
    about: 'mime',
    explanation: 'The message claims to have several parts, but not where they begin.',
    test: (mail) => hasDefect(mail, 'no-boundary'),
  },
  {
    id: 'mime-parts-missing',
    points: 1,
    about: 'mime',
    explanation: 'The message claims to have several parts, but has none.',
    test: (mail) => hasDefect(mail, 'no-parts'),
  },
  {
    id: 'mime-unclosed',
    points: 0.5,
    about: 'mime',
    explanation: 'The message has no proper end.',
    test: (mail) => hasDefect(mail, 'unclosed-multipart'),
  },
  {
    id: 'mime-encoded-composite',
    points: 2,
    about: 'mime',
    explanation: 'Parts of the message are packed in a way that is forbidden and hides them from filters.',
    test: (mail) => hasDefect(mail, 'encoded-composite'),
  },
  {
    id: 'mime-too-deep',
    points: 3,
    about: 'mime',
    explanation: 'The message nests its parts deeper than any honest message.',
    test: (mail) => hasDefect(mail, 'too-deep'),
  },
  {
    id: 'mime-too-many-parts',
    points: 3,
    about: 'mime',
    explanation: 'The message has more parts than any honest message.',
    test: (mail) => hasDefect(mail, 'too-many-parts') || mail.parts.length >= 500,
  },
  {
    id: 'mime-boundary-too-long',
    points: 1.2,
    about: 'mime',
    explanation: 'The mark between the parts is longer than allowed, so that programs read it differently.',
    test: (mail) =>
      mail.parts.some(({ children, parameters }) => children.length > 0 && (parameters.boundary?.length ?? 0) > 70),
  },
  {
    id: 'mime-boundaries-alike',
    points: 1.5,
    about: 'mime',
    explanation: 'Nested parts use the same mark, so that programs see different parts.',
    test: (mail) => {
      const seen = new Set<string>()
      for (const { parameters, type } of mail.parts) {
        if (type !== 'multipart' || !parameters.boundary) continue
        if (seen.has(parameters.boundary)) return parameters.boundary
        seen.add(parameters.boundary)
      }
      return undefined
    },
  },
  {
    id: 'mime-boundary-of-spamware',
    points: 0.8,
    about: 'mime',
    explanation: 'The mark between the parts is one that only programs for mass sending write.',
    test: (mail) =>
      /^(?:={2,}[\d_]{8,40}|-{2,}[\d_]{12,40}|[a-z0-9._]{8,30}={4,}|[\d.]{20,60})$/i.test(
        mail.root.parameters.boundary ?? '',
      ) &&
      !/^={3,}\d+={2,}$/.test(mail.root.parameters.boundary!) &&
      mail.root.parameters.boundary,
  },
  {
    id: 'mime-encoding-unknown',
    points: 1.2,
    about: 'mime',
    explanation: 'A part of the message is packed in a way that does not exist.',
    test: (mail) => mail.parts.find(({ encoding }) => !KNOWN_ENCODINGS.has(encoding))?.encoding,
  },
  {
    id: 'mime-charset-unknown',
    points: 0.8,
    about: 'mime',
    explanation: 'The text names an alphabet that does not exist.',
    test: (mail) =>
      textParts(mail).find(({ parameters: { charset } }) => charset !== undefined && !knownCharset(charset))?.parameters
        .charset,
  },
  {
    id: 'mime-utf7',
    points: 2,
    about: 'mime',
    explanation: 'The text is written in an outdated encoding that hides markup from filters.',
    test: (mail) => textParts(mail).some(({ parameters: { charset = '' } }) => /utf-?7/i.test(charset)),
  },
  {
    id: 'mime-needless-base64',
    points: 1.5,
    about: 'mime',
    explanation: 'Plain text is packed so that filters cannot read it.',
    test: (mail) =>
      mail.isFromList
        ? false
        : textParts(mail).some((part) => {
            if (part.encoding !== 'base64' || part.disposition !== undefined || part.bodyEnd - part.bodyStart < 40)
              return false
            if (!/^(?:us-ascii|iso-8859-\d+|windows-125\d)$/i.test(part.parameters.charset ?? 'us-ascii')) return false
            // The bytes and not the text: what needs no alphabet needs no packing.
            return isAscii(Buffer.from(rawBody(part).toString('latin1'), 'base64'))
          }),
  },
  {
    id: 'mime-base64-junk',
    points: 1.2,
    about: 'mime',
    explanation: 'Characters that mean nothing are strewn into packed text.',
    test: (mail) =>
      !mail.isFromList &&
      mail.parts.some(
        (part) =>
          part.encoding === 'base64' &&
          part.children.length === 0 &&
          /[^A-Za-z0-9+/=\s]/.test(rawBody(part).toString('latin1', 0, 8192)),
      ),
  },
  {
    id: 'mime-version-missing',
    points: 0.8,
    about: 'mime',
    explanation: 'The message has parts, but lacks the line that every program writes before them.',
    test: (mail) => mail.has('content-type') && mail.root.children.length > 0 && !mail.has('mime-version'),
  },
  {
    id: 'mime-8bit-undeclared',
    points: 0.7,
    about: 'mime',
    explanation: 'The text contains foreign characters without saying which alphabet they are.',
    test: (mail) =>
      textParts(mail).some(
        (part) =>
          (part.parameters.charset === undefined || /^us-ascii$/i.test(part.parameters.charset)) &&
          part.encoding === '7bit' &&
          !isAscii(rawBody(part)),
      ),
  },
  {
    id: 'mime-nul-in-text',
    points: 1.5,
    about: 'mime',
    explanation: 'The text contains control characters that no mail program writes.',
    test: (mail) =>
      textParts(mail).some(
        (part) => rawBody(part).includes(0) && !/utf-?(?:16|32)/i.test(part.parameters.charset ?? ''),
      ),
  },
  {
    id: 'mime-html-only',
    points: 0.6,
    about: 'mime',
    explanation: 'The message has only a formatted text and no plain one.',
    test: (mail) => mail.texts.hasHtmlPart && !mail.texts.hasPlainPart,
  },
  {
    id: 'mime-html-as-only-body',
    points: 0.6,
    about: 'mime',
    explanation: 'The message is nothing but one web page.',
    test: (mail) => mail.root.type === 'text' && mail.root.subtype === 'html',
  },
  {
    id: 'mime-alternative-differs',
    points: 0.6,
    about: 'mime',
    explanation: 'The plain and the formatted text of the message say different things.',
    test: (mail) => {
      const { hasHtmlPart, hasPlainPart, plain } = mail.texts
      const isAlternative = mail.parts.some(({ type, subtype }) => type === 'multipart' && subtype === 'alternative')
      if (!hasHtmlPart || !hasPlainPart || !isAlternative || plain.length < 200) return false
      return (commonShare(mail.html.text, plain) ?? 1) < 0.15
    },
  },
  {
    id: 'mime-alternative-empty',
    points: 1,
    about: 'mime',
    explanation: 'The plain text of the message is empty, and only the formatted one says something.',
    test: (mail) =>
      mail.texts.hasHtmlPart && mail.texts.hasPlainPart && !/\S/.test(mail.texts.plain) && /\S/.test(mail.html.text),
  },
  {
    id: 'mime-plain-is-html',
    points: 1.2,
    about: 'mime',
    explanation: 'A web page is passed off as plain text.',
    test: (mail) =>
      !mail.texts.hasHtmlPart &&
      /^\s{0,20}<(?:!doctype html|html|head|body|center|table|font)\b/i.test(mail.texts.plain),
  },
  {
    id: 'mime-empty',
    points: 0.8,
    about: 'mime',
    explanation: 'The message has no content.',
    test: (mail) =>
      mail.root.children.length === 0 &&
      mail.root.type === 'text' &&
      !/\S/.test(mail.text) &&
      mail.html.images.length === 0,
  },
  {
    id: 'mime-after-the-end',
    points: 1,
    about: 'mime',
    explanation: 'Text stands after the end of the message, where only some programs show it.',
    test: (mail) => {
      const { root } = mail
      const last = root.children.at(-1)
      if (last === undefined || hasDefect(mail, 'unclosed-multipart') || mail.isFromList) return false
      const epilogue = root.header.source.toString('latin1', last.bodyEnd, Math.min(root.bodyEnd, last.bodyEnd + 4096))
      return /<(?:a|html|img|script)\b|https?:\/\//i.test(epilogue.replace(/^\r?\n[^\n]*\n?/, ''))
    },
  },
  {
    id: 'mime-before-the-parts',
    points: 1,
    about: 'mime',
    explanation: 'A long text is hidden before the first part of the message, where no reader sees it.',
    test: (mail) => {
      const first = mail.root.children[0]
      return (
        first !== undefined &&
        first.headerStart - mail.root.bodyStart > 1500 &&
        `${first.headerStart - mail.root.bodyStart} bytes`
      )
    },
  },
  {
    id: 'mime-fragment',
    points: 3,
    about: 'mime',
    explanation: 'The message is a fragment that becomes whole only behind the filters.',
    test: (mail) => mail.parts.some(({ type, subtype }) => type === 'message' && subtype === 'partial'),
  },
  {
    id: 'mime-external-body',
    points: 2,
    about: 'mime',
    explanation: 'The message wants its content to be fetched from elsewhere.',
    test: (mail) => mail.parts.some(({ type, subtype }) => type === 'message' && subtype === 'external-body'),
  },
  {
    id: 'mime-names-differ',
    points: 1.2,
    about: 'mime',
    explanation: 'A file has two different names, so that programs show different ones.',
    test: (mail) => {
      const part = mail.parts.find(({ parameters, disposition }) => {
        const [a, b] = [parameters.name, disposition?.parameters.filename]
        return a !== undefined && b !== undefined && endingOf(a) !== endingOf(b)
      })
      return part && `${part.parameters.name} / ${part.disposition?.parameters.filename}`
    },
  },
]

function endingOf(name: string): string {
  return name.includes('=?')
    ? ''
    : name
        .slice(name.lastIndexOf('.') + 1)
        .trim()
        .toLowerCase()
}
