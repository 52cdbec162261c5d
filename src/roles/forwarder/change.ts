// What is changed of a message that is passed on: a mark in the subject, a footer, a list's own name in From, the List
// fields (RFC 2369, RFC 2919). Each of them touches what the Author's domain signed, so its DKIM signatures fail behind us;
// a Mailing List signs what it made of it. A text gets its footer as lines; anything else becomes a multipart with the
// footer as a part of its own, so that no encoding and no signature within is broken.

import { type Mailbox, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { addressField, multipart, structuredField, textEntity, textField } from '../../message/build.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { fieldsNamed, firstValue, type HeaderField, parseHeader, rawField } from '../../message/header.ts'
import type { Agent } from '../agent.ts'
import { forwardPathOf, listAt } from '../routing.ts'

/** The message with the changes that this agent makes, sent on from this address of ours. */
export function changed(agent: Agent, source: Buffer, from: string): Buffer {
  const { parts, footer, rewritesFrom } = agent.settings.forwarder.changes
  const list = listAt(agent, forwardPathOf(from))
  if (parts.length === 0 && !rewritesFrom && list === undefined) return source
  const header = parseHeader(source)
  const name = from.slice(0, from.lastIndexOf('@'))
  const replaced = new Map<HeaderField, string>()
  const added: string[] = []
  if (parts.includes('subject')) {
    const [field] = fieldsNamed(header, 'subject')
    const subject = decodeEncodedWords(firstValue(header, 'subject') ?? '')
    const mark = `[${name}]`
    // A reply has the mark already.
    const text = textField('Subject', subject.includes(mark) ? subject : `${mark} ${subject}`)
    if (field === undefined) added.push(text)
    else replaced.set(field, text)
  }
  if (rewritesFrom) {
    const [field] = fieldsNamed(header, 'from')
    const [author] = mailboxesOf(parseAddressList(firstValue(header, 'from') ?? ''))
    if (field !== undefined && author !== undefined) {
      const us = mailboxesOf(parseAddressList(from))[0]!
      replaced.set(field, addressField('From', [{ ...us, displayName: `${nameOf(author)} via ${name}` }]))
      if (fieldsNamed(header, 'reply-to').length === 0) added.push(addressField('Reply-To', [author]))
    }
  }
  if (list !== undefined && fieldsNamed(header, 'list-id').length === 0)
    added.push(
      structuredField('List-Id', `<${name}.${agent.domain}>`),
      structuredField('List-Post', `<mailto:${from}>`),
    )
  const kept = (field: HeaderField) => {
    const text = replaced.get(field)
    return text === undefined ? rawField(header, field) : Buffer.from(text)
  }
  const body = source.subarray(header.bodyStart)
  const head = Buffer.from(added.join(''))
  if (!parts.includes('footer')) return Buffer.concat([head, ...header.fields.map(kept), Buffer.from('\r\n'), body])
  const type = (firstValue(header, 'content-type') ?? 'text/plain').toLowerCase()
  const encoding = (firstValue(header, 'content-transfer-encoding') ?? '7bit').toLowerCase()
  const lines = `-- \r\n${footer}\r\n`
  if (/^text\/plain\b/.test(type) && /^(7bit|8bit)$/.test(encoding) && /^[\x20-\x7e]*$/.test(footer)) {
    const end = body.length === 0 || body.at(-1) === 10 ? '' : '\r\n'
    return Buffer.concat([head, ...header.fields.map(kept), Buffer.from('\r\n'), body, Buffer.from(end + lines)])
  }
  const isOfBody = ({ lowerName }: HeaderField) => lowerName.startsWith('content-')
  const inner = {
    fields: [],
    body: Buffer.concat([...header.fields.filter(isOfBody).map(kept), Buffer.from('\r\n'), body]),
  }
  const boundary = `list-${agent.world.random.bytes(12).toString('hex')}`
  const whole = multipart('mixed', [], boundary)
  const outer = header.fields.filter((field) => !isOfBody(field) && field.lowerName !== 'mime-version')
  const part = textEntity('plain', lines)
  return Buffer.concat([
    head,
    ...outer.map(kept),
    Buffer.from(`MIME-Version: 1.0\r\n${whole.fields.join('')}\r\n--${boundary}\r\n`),
    inner.body,
    Buffer.from(`\r\n--${boundary}\r\n${part.fields.join('')}\r\n`),
    part.body,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
}

const nameOf = ({ displayName, localPart }: Mailbox) => displayName ?? localPart
