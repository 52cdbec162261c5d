// BODYSTRUCTURE (RFC 9051 §7.5.2): the tree of parts as parenthesised lists; parameters as RFC 2231 writes them.

import { isAscii } from 'node:buffer'
import { envelope, fieldBytes } from '../../message/envelope.ts'
import { bodyLines, bodySizeBytes, type Part } from '../../message/mime.ts'
import { nstring, string } from './response.ts'

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

/**
 * BODYSTRUCTURE, or BODY without the extension data when `extended` is false. `decoded`: the part is told as these bytes,
 * without its transfer encoding (RFC 5524 §4); their lines nobody counts.
 */
export function bodyStructure(part: Part, extended: boolean, decoded?: Buffer): string {
  if (part.type === 'multipart') {
    const children = part.children.map((child) => bodyStructure(child, extended)).join('')
    const extension = extended ? ` ${parameterList(part.parameters)} ${extensionOf(part)}` : ''
    return `(${children} ${string(part.subtype.toUpperCase())}${extension})`
  }
  const fields = [
    string(utf8(part.type.toUpperCase())),
    string(utf8(part.subtype.toUpperCase())),
    parameterList(withCharset(part)),
    nstring(fieldBytes(part.header, 'content-id')),
    nstring(part.description && utf8(part.description)),
    string(decoded ? domainOf(decoded) : utf8(part.encoding.toUpperCase())),
    String(decoded?.length ?? bodySizeBytes(part)),
  ]
  if (part.message) fields.push(envelope(part.message.header), bodyStructure(part.message, extended))
  if (part.message || part.type === 'text') fields.push(String(decoded ? 0 : bodyLines(part)))
  if (extended) fields.push(nstring(part.md5 && utf8(part.md5)), extensionOf(part))
  return `(${fields.join(' ')})`
}

/** RFC 2045 §2.7 to §2.9, as far as a client must know it. */
function domainOf(bytes: Buffer): string {
  if (bytes.includes(0)) return 'BINARY'
  return isAscii(bytes) ? '7BIT' : '8BIT'
}

/** Text that does not say its charset is US-ASCII (RFC 2045 §5.2): clients want to be told. */
function withCharset({ type, parameters }: Part): Readonly<Record<string, string>> {
  return type === 'text' && parameters.charset === undefined ? { charset: 'US-ASCII', ...parameters } : parameters
}

/** Disposition, language, location. */
function extensionOf(part: Part): string {
  const disposition = part.disposition
    ? `(${string(utf8(part.disposition.type))} ${parameterList(part.disposition.parameters)})`
    : 'NIL'
  const languages = part.language ?? []
  const language = languages.length === 0 ? 'NIL' : `(${languages.map((tag) => string(utf8(tag))).join(' ')})`
  return `${disposition} ${language} ${nstring(part.location && utf8(part.location))}`
}

function parameterList(parameters: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(parameters).map(([name, value]) => {
    if (/^[\x01-\x7f]*$/.test(value)) return `${string(utf8(name))} ${string(value)}`
    const escaped = encodeURIComponent(value.toWellFormed()).replace(
      /['()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16)}`,
    )
    return `${string(`${utf8(name)}*`)} ${string(`utf-8''${escaped}`)}`
  })
  return pairs.length === 0 ? 'NIL' : `(${pairs.join(' ')})`
}
