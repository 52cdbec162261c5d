// Writes messages: RFC 5322 §2.1.1 (lengths), §2.2.3 (folding), RFC 2045 and 2046 (parts), RFC 2047 (words).
// Used by the webmail, JMAP, bounces and vacation replies. What comes out is 7-bit unless asked otherwise, so that it
// never has to be converted on the way. Time, ids and boundaries are given by the caller: the same input, the same bytes.

import { encodeWords, needsEncoding } from './encoded-word.ts'
import { formatGroup, formatMailbox, type Group, type Mailbox } from './mailbox.ts'
import { formatParameter } from './parameters.ts'
import { encodeBase64, encodeQuotedPrintable } from './transfer.ts'

/** A header field as text with its folding and CRLF. Only the functions below make one. */
export type FieldText = string & { readonly __fieldText: never }

const FOLD_AT = 78

/** A field from a value that is already in its wire form (ASCII, or UTF-8 for SMTPUTF8): folded, never a second field. */
export function structuredField(name: string, value: string): FieldText {
  const words = value
    .replace(/[\r\n\0]+/g, ' ')
    .trim()
    .split(/ +/)
  let out = `${name}:`
  let lineLength = out.length
  for (const word of words) {
    if (lineLength + 1 + word.length > FOLD_AT && lineLength > name.length + 1) {
      out += `\r\n ${word}`
      lineLength = 1 + word.length
    } else {
      out += ` ${word}`
      lineLength += 1 + word.length
    }
  }
  return `${out}\r\n` as FieldText
}

/** Subject, Comments and the like: any text; encoded words where it is not plain ASCII. */
export function textField(name: string, text: string): FieldText {
  const clean = text.replace(/[\0-\x1f\x7f]+/g, ' ').trim()
  // RFC 5322 §2.1.1: no line beyond 998 characters; a word that long can only be split when it is encoded.
  const mustEncode = needsEncoding(clean) || /\S{900}/.test(clean)
  return structuredField(name, mustEncode ? encodeWords(clean) : clean)
}

/** From, To, Cc, Reply-To, …: one address after another, names quoted or encoded where needed. */
export function addressField(name: string, addresses: readonly (Mailbox | Group)[]): FieldText {
  const texts = addresses.map((address) => ('groupName' in address ? formatGroup(address) : formatMailbox(address)))
  return structuredField(name, texts.join(', '))
}

export interface Attachment {
  /** `image/png`; default application/octet-stream. */
  mediaType?: string
  fileName?: string
  content: Buffer
  /** Content-ID without brackets: the HTML shows it as `cid:…`, and it is not listed as an attachment. */
  contentId?: string
}

export interface MessageParts {
  /** All header fields but those of MIME. */
  fields: readonly FieldText[]
  text?: string
  html?: string
  attachments?: readonly Attachment[]
  /** A new boundary at each call: at most 70 characters of RFC 2046's bcharsnospace, unpredictable to strangers. */
  boundary: () => string
}

/** A body part with its header, as it stands between boundaries. */
export interface Entity {
  fields: FieldText[]
  body: Buffer
}

/** The message, lines ended by CRLF. */
export function buildMessage(parts: MessageParts): Buffer {
  const entity = compose(parts)
  return Buffer.concat([Buffer.from(parts.fields.join('')), Buffer.from('MIME-Version: 1.0\r\n'), serialize(entity)])
}

function compose({ text, html, attachments = [], boundary }: MessageParts): Entity {
  const related = html === undefined ? [] : attachments.filter((each) => each.contentId !== undefined)
  const others = attachments.filter((each) => !related.includes(each))
  let content: Entity | undefined =
    text === undefined && html !== undefined ? undefined : textEntity('plain', text ?? '')
  if (html !== undefined) {
    let rich = textEntity('html', html)
    if (related.length > 0) rich = multipart('related', [rich, ...related.map(attachmentEntity)], boundary())
    content = content ? multipart('alternative', [content, rich], boundary()) : rich
  }
  return others.length > 0 ? multipart('mixed', [content!, ...others.map(attachmentEntity)], boundary()) : content!
}

/** The bytes of an entity: header, empty line, body. */
export function serialize(entity: Entity): Buffer {
  return Buffer.concat([Buffer.from(`${entity.fields.join('')}\r\n`), entity.body])
}

/** A text part in UTF-8, in the mildest encoding that keeps lines and bytes safe. */
export function textEntity(subtype: 'plain' | 'html', text: string): Entity {
  const bytes = Buffer.from(text.toWellFormed().replace(/\r\n|\r|\n/g, '\r\n'))
  const { encoding, body } = encodeText(bytes)
  const charset = isAscii(bytes) ? 'us-ascii' : 'utf-8'
  return {
    fields: [
      structuredField('Content-Type', `text/${subtype}; charset=${charset}`),
      structuredField('Content-Transfer-Encoding', encoding),
    ],
    body,
  }
}

function encodeText(bytes: Buffer): { encoding: string; body: Buffer } {
  const text = bytes.toString('latin1')
  if (isAscii(bytes) && !/[^\r\n]{79}|(?:^|\n)(?:From |\.)|[ \t]\r\n|\0/.test(text))
    return { encoding: '7bit', body: bytes }
  const quoted = encodeQuotedPrintable(bytes)
  // Mostly beyond ASCII (Greek, Chinese, …): base64 is shorter than three characters for each byte.
  if (quoted.length > bytes.length * 1.5) return { encoding: 'base64', body: Buffer.from(encodeBase64(bytes)) }
  return { encoding: 'quoted-printable', body: Buffer.from(quoted) }
}

function isAscii(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte > 127) return false
  return true
}

/** A body part that is a file. */
export function attachmentEntity(attachment: Attachment): Entity {
  const { fileName, content, contentId } = attachment
  const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(attachment.mediaType ?? '')
    ? attachment.mediaType!.toLowerCase()
    : 'application/octet-stream'
  const name = fileName === undefined ? '' : `; ${formatParameter('filename', fileName)}`
  const fields = [
    structuredField('Content-Type', mediaType),
    structuredField('Content-Disposition', `${contentId === undefined ? 'attachment' : 'inline'}${name}`),
  ]
  if (contentId !== undefined) fields.push(structuredField('Content-ID', `<${contentId.replace(/[<>\s]/g, '')}>`))
  if (mediaType === 'message/rfc822') {
    // RFC 2046 §5.2.1: a message is never encoded.
    fields.push(structuredField('Content-Transfer-Encoding', isAscii(content) ? '7bit' : '8bit'))
    return { fields, body: content }
  }
  fields.push(structuredField('Content-Transfer-Encoding', 'base64'))
  return { fields, body: Buffer.from(encodeBase64(content)) }
}

/** A multipart of the given entities. `parameters` are added to its Content-Type. */
export function multipart(subtype: string, entities: readonly Entity[], boundary: string, parameters = ''): Entity {
  const pieces: Buffer[] = []
  for (const entity of entities) pieces.push(Buffer.from(`--${boundary}\r\n`), serialize(entity), Buffer.from('\r\n'))
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  const type = `multipart/${subtype};${parameters} ${formatParameter('boundary', boundary)}`
  return { fields: [structuredField('Content-Type', type)], body: Buffer.concat(pieces) }
}
