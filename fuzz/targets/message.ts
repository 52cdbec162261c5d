// The message: header, addresses, structure, words, dates, Received, Authentication-Results, and what reads them whole.

import { createHash } from 'node:crypto'
import { trace } from '../../src/lab/trace/trace.ts'
import { formatMailbox, mailboxesOf, parseAddressList } from '../../src/message/address.ts'
import { authenticationResultsValue, parseAuthenticationResults } from '../../src/message/authentication-results.ts'
import { bodyLists, fileName, htmlToText, partBytes, partText, preview } from '../../src/message/body.ts'
import { structuredField, textField } from '../../src/message/build.ts'
import { decodeText } from '../../src/message/charset.ts'
import { parseDate } from '../../src/message/date.ts'
import { buildDsn } from '../../src/message/dsn.ts'
import { decodeEncodedWords, encodeWords } from '../../src/message/encoded-word.ts'
import { envelope } from '../../src/message/envelope.ts'
import { firstValue, parseHeader, rawField, unfolded } from '../../src/message/header.ts'
import { parseIp } from '../../src/message/ip.ts'
import type { Domain } from '../../src/message/mailbox.ts'
import { baseSubject, parseMessageIds } from '../../src/message/message-id.ts'
import { allParts, bodyLines, type Part, parseStructure } from '../../src/message/mime.ts'
import { formatParameter, parseParameterized } from '../../src/message/parameters.ts'
import { parseReceived } from '../../src/message/received.ts'
import { decodeTransfer, encodeBase64, encodeQuotedPrintable, transferDecoder } from '../../src/message/transfer.ts'
import { bodyStructure } from '../../src/protocols/imap/body-structure.ts'
import { summarise } from '../../src/store/summary.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

function addresses(bytes: Buffer): void {
  const list = parseAddressList(bytes)
  for (const mailbox of mailboxesOf(list)) {
    must(!/[\r\n\0]/.test(mailbox.displayName ?? ''), 'a line end in a display name', mailbox)
    must(
      mailbox.domain.startsWith('[') || !/[\s<>,;:"@]/.test(mailbox.domain),
      'a domain that could be read as something else',
      mailbox,
    )
    const written = formatMailbox(mailbox)
    const again = mailboxesOf(parseAddressList(written))
    const address = ({ localPart, domain }: { localPart: string; domain: string }) => [localPart, domain]
    if (/[\x00-\x1f\x7f]/.test(mailbox.localPart + mailbox.domain)) continue
    same(`an address changes on its way (${JSON.stringify(written)})`, again.map(address), [address(mailbox)])
  }
}

function header(bytes: Buffer): void {
  const read = parseHeader(bytes)
  let at = read.start
  for (const field of read.fields) {
    must(field.start >= at && field.valueStart > field.start && field.end >= field.valueStart, 'fields overlap', field)
    at = field.end
    must(/^[^\r\n:]+$/.test(field.name), 'a name that is none', field.name)
    rawField(read, field)
    must(!/[\r\n]/.test(unfolded(read, field).replace(/\r(?!\n)/g, '')), 'unfolded, and still a line end', field)
  }
  must(read.fieldsEnd <= read.bodyStart && read.bodyStart <= bytes.length && at <= read.fieldsEnd, 'ends out of order')
}

/** Parts lie within each other and do not overlap; everything that looks at one part does. */
function checkParts(root: Part): void {
  const parts = [...allParts(root)]
  must(parts.length <= 10_001, 'too many parts', parts.length)
  for (const part of parts) {
    must(part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd, 'a part that ends before it begins')
    let at = part.bodyStart
    for (const child of part.children) {
      must(child.headerStart >= at && child.bodyEnd <= part.bodyEnd, 'parts overlap', child.number)
      at = child.bodyEnd
    }
    partText(part)
    must(!/[\r\n\0/\\]/.test(fileName(part) ?? ''), 'a file name that is a path', fileName(part))
    bodyLines(part)
  }
}

function mime(bytes: Buffer): void {
  const root = parseStructure(bytes)
  checkParts(root)
  const { textBody, htmlBody, attachments } = bodyLists(root)
  for (const part of allParts(root))
    if (part.type !== 'multipart')
      must(
        [textBody, htmlBody, attachments].some((list) => list.includes(part)) || isBelowMessage(root, part),
        'a part in no list',
        part.number,
      )
  must(preview(root).length <= 2 * 256, 'a long preview')
  for (const answer of [envelope(root.header), bodyStructure(root, true), bodyStructure(root, false)]) imapList(answer)
  summarise(bytes)
}

function isBelowMessage(root: Part, part: Part): boolean {
  return [...allParts(root)].some(({ message }) => message !== undefined && [...allParts(message)].includes(part))
}

/** IMAP answers are balanced, and hold no line end outside literals. */
function imapList(answer: string): void {
  let depth = 0
  for (let at = 0; at < answer.length; at++) {
    const character = answer[at]!
    if (character === '"') {
      for (at++; answer[at] !== '"'; at++) {
        must(at < answer.length && !/[\r\n\0]/.test(answer[at]!), 'a quoted string that does not end', answer)
        if (answer[at] === '\\') at++
      }
    } else if (character === '{') {
      const literal = /^\{(\d+)\}\r\n/.exec(answer.slice(at, at + 30))
      must(literal !== null, 'a literal that is none', answer)
      const start = at + literal![0].length
      must(!answer.slice(start, start + Number(literal![1])).includes('\0'), 'a NUL in a literal', answer)
      at = start + Number(literal![1]) - 1
    } else if (character === '(') depth++
    else if (character === ')') must(--depth >= 0, 'a list that ends twice', answer)
    else must(!/[\r\n\0]/.test(character), 'a line end in an answer', answer)
  }
  same('lists that do not end', depth, 0)
}

function words(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const decoded = decodeEncodedWords(text)
  parseDate(text)
  for (const id of parseMessageIds(text)) must(!/[\s]/.test(id), 'white space in a Message-ID', id)
  baseSubject(text)
  htmlToText(text)
  const { parameters } = parseParameterized(text)
  for (const [name, value] of Object.entries(parameters)) {
    if (!/^[!#$&+\-^_`{|}~A-Za-z0-9.]+$/.test(name) || !value.isWellFormed() || /[\x00-\x1f\x7f]/.test(value)) continue
    // Of a longer field not all is read.
    if (formatParameter(name, value).length > 60_000) continue
    same('a parameter changes', parseParameterized(`x/y; ${formatParameter(name, value)}`).parameters[name], value)
  }
  for (const field of [textField('Subject', decoded), structuredField('X', text)]) {
    const written = Buffer.from(field)
    must(
      !/\n(?![ \t]|$)/.test(written.toString('latin1').replace(/\r\n$/, '')),
      'a header that becomes two',
      String(field),
    )
  }
  const plain = text
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .trim()
    .replace(/ +/g, ' ')
  if (plain.isWellFormed() && !plain.includes('=?'))
    same('encoded words change a text', decodeEncodedWords(encodeWords(plain)), plain)
}

function transfer(bytes: Buffer): void {
  for (const encoding of ['base64', 'quoted-printable', '7bit', 'x-uuencode']) {
    const whole = decodeTransfer(bytes, encoding)
    must(whole.length <= bytes.length, 'decoding makes more', encoding)
    const decoder = transferDecoder(encoding)
    const parts: Buffer[] = []
    for (const piece of pieces(bytes)) parts.push(Buffer.from(decoder.write(piece)))
    parts.push(decoder.end())
    must(Buffer.concat(parts).equals(whole), `the cut changes ${encoding}`)
  }
  must(decodeTransfer(Buffer.from(encodeBase64(bytes)), 'base64').equals(bytes), 'base64 changes bytes')
  must(
    decodeTransfer(Buffer.from(encodeQuotedPrintable(bytes)), 'quoted-printable').equals(bytes),
    'quoted-printable changes bytes',
  )
  for (const charset of [
    'utf-8',
    'utf-7',
    'iso-2022-jp',
    'gb18030',
    'utf-16',
    'windows-1252',
    'x-none',
    bytes.toString('latin1', 0, 20),
  ])
    decodeText(bytes, charset)
}

function received(bytes: Buffer): void {
  const { ip } = parseReceived(bytes.toString('latin1'))
  must(ip === undefined || parseIp(ip) !== undefined, 'an address that is none', ip)
  trace(Buffer.concat([Buffer.from('Received: '), bytes]))
  trace(bytes)
}

function results(bytes: Buffer): void {
  const read = parseAuthenticationResults(bytes.toString('utf8'))
  if (read === undefined) return
  const written = authenticationResultsValue(read)
  must(!/[\r\n\0]/.test(written), 'a line end in Authentication-Results', written)
  // What we write is what we would read: nothing in a value may become a result of its own (RFC 8601 §7.1).
  const again = parseAuthenticationResults(written)
  const shape = (all: typeof again) =>
    all?.methods.map(({ method, result, properties }) => [method, result, properties.length])
  const isPlain = /^[\x20-\x7e]+$/.test(JSON.stringify(read))
  if (isPlain) same(`results change (${written})`, shape(again), shape(read))
}

function dsn(bytes: Buffer): void {
  const bob = { localPart: 'bob', domain: 'two.test' as Domain }
  const text = bytes.toString('utf8')
  const report = buildDsn({
    reportingHost: 'mx.test',
    from: { localPart: 'postmaster', domain: 'one.test' as Domain },
    to: bob,
    messageId: '<1@mx.test>',
    nowMs: 0,
    envelopeId: text.slice(0, 100),
    recipients: [
      { recipient: bob, originalRecipient: text.slice(0, 500), action: 'failed', status: '5.1.1', diagnostic: text },
    ],
    original: bytes,
    returns: 'headers',
    boundary: () => `boundary-${createHash('sha256').update(bytes).digest('hex')}`,
  })
  const root = parseStructure(report)
  same('a report has three parts', root.children.length, 3)
  const fields = partBytes(root.children[1]!).toString('utf8').split('\r\n\r\n')
  must(fields.length === 2, 'a delivery status with other blocks', fields)
  must(firstValue(parseHeader(Buffer.from(`${fields[1]}\r\n`)), 'action') === 'failed', 'Action is gone')
}

const MESSAGE =
  'Received: from a (b [192.0.2.1]) by c with ESMTP id 1; Mon, 23 Nov 2026 11:59:58 +0000\r\nFrom: "A, B" <a@b.test>, g: c@d.test;\r\nTo: c@d.test (C)\r\nSubject: =?utf-8?q?=C3=A9?=\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nSGk=\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--x--\r\n'
const MAILS = ['mime-ambiguity/hide-filename', 'mime-mailparser-rs/rfc', 'mime-mime4j', 'spam-fixtures']
const MIME_WORDS = [
  ...[
    '\r\nContent-Type: ',
    'multipart/mixed; boundary=',
    'multipart/alternative',
    'message/rfc822',
    'text/html',
    '; charset=utf-8',
  ],
  ...[
    '\r\n--x\r\n',
    '\r\n--x--\r\n',
    '\r\nContent-Transfer-Encoding: ',
    'base64',
    'quoted-printable',
    '\r\nContent-Disposition: attachment; filename=',
  ],
  ...[
    "; filename*0*=utf-8''%41",
    '; filename*1=',
    '; boundary*0="x',
    '\r\nContent-ID: <a>',
    '\r\nSubject: ',
    '\r\nFrom: ',
    '\r\n\r\n',
  ],
]
const ADDRESS_WORDS = [
  'a@b.test',
  '<a@b.test>',
  'g:',
  ';',
  '"x" ',
  '(c)',
  '((',
  '<@a,@b:',
  '[127.0.0.1]',
  '.',
  'xn--mller-kva.test',
  '\\"',
]

export const messageTargets: Targets = {
  addresses: {
    fuzz: addresses,
    seeds: ['"A, B" <a@b.test>, g: c@d.test, e@f;', 'a@b.test (C)', '=?utf-8?b?w6k=?= <@r:x@[::1]>'],
    words: [...ADDRESS_WORDS, ...WORDS],
    suites: ['addresses', 'attack-espoofer'],
  },
  header: {
    fuzz: header,
    seeds: [MESSAGE, 'From x\r\nA : b\r\n c\r\nno field\r\nB:\r\n'],
    words: [...MIME_WORDS, ...WORDS],
    suites: MAILS,
  },
  mime: { fuzz: mime, seeds: [MESSAGE], words: [...MIME_WORDS, ...ADDRESS_WORDS, ...WORDS], suites: MAILS },
  words: {
    fuzz: words,
    seeds: [
      'Re: [x] =?utf-8?b?w6k=?= =?iso-2022-jp?B?GyRC?=',
      "text/plain; name*0*=utf-8''%c3%a9; name*1=x",
      'Mon, 23 Nov 2026 11:59:58 +0000 (x)',
      '<a@b> <c@d>',
      '<b>x</b>&amp;',
    ],
    words: [
      '=?',
      '?q?',
      '?b?',
      '?=',
      '=C3',
      '=?utf-7?q?+AAo-?=',
      "*0*=''",
      '%0A',
      '; a=',
      '-0000',
      'Feb 30',
      '99999',
      ...WORDS,
    ],
  },
  transfer: {
    fuzz: transfer,
    seeds: ['SGVsbG8=', 'a=C3=A9=\r\nb  \r\n', 'begin 644 x\n#86)C\n`\nend\n'],
    words: ['=', '==', '=\r\n', '=0D=0A', '+AAo-', '\x1b$B', '\x1b(B', '\x0e', ...WORDS],
  },
  received: {
    fuzz: received,
    seeds: [
      'from a (b [192.0.2.1]) by c (8.1/8.2) with ESMTPS id 1 for <x@y>; Mon, 23 Nov 2026 11:59:58 +0000',
      '(from x [::1]) by y',
    ],
    words: [
      ' from ',
      ' by ',
      ' with ',
      ' id ',
      ' for ',
      ' via ',
      '[192.0.2.1]',
      '(HELO x)',
      '; Mon, 1 Jan',
      '((',
      ...WORDS,
    ],
    suites: ['received'],
  },
  'authentication-results': {
    fuzz: results,
    seeds: ['mx.test; spf=pass smtp.mailfrom=a@b; dkim=fail reason="x" header.d=b (c)', 'mx.test 1; none'],
    words: ['; dkim=pass', ' header.d=', ' smtp.mailfrom=', 'reason=', '(', ')', '"', '\\"', 'none', ...WORDS],
  },
  dsn: {
    fuzz: dsn,
    seeds: [MESSAGE, '550 5.1.1 no such\r\nmailbox', 'rfc822;a@b'],
    words: ['\r\nAction: delivered', '\r\n\r\n', '--boundary', ...WORDS],
  },
}
