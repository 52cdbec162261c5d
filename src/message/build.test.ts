import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mailboxesOf, parseAddressList, parseDomain } from './address.ts'
import { bodyLists, fileName, partBytes, partText } from './body.ts'
import { addressField, buildMessage, structuredField, textField } from './build.ts'
import { buildDsn } from './dsn.ts'
import { decodeEncodedWords } from './encoded-word.ts'
import { firstValue, parseHeader } from './header.ts'
import { baseSubject, parseMessageIds } from './message-id.ts'
import { allParts, parseStructure } from './mime.ts'

const boundaries = () => {
  let count = 0
  return () => `boundary-${++count}`
}
const [bob] = mailboxesOf(parseAddressList('"Bob, Jr." <bob@recipient.test>'))

test('a message with text, HTML, an inline picture and an attachment is read back', () => {
  const message = buildMessage({
    fields: [addressField('From', [bob!]), textField('Subject', 'Grüße und ein langer Betreff '.repeat(5).trim())],
    text: 'Grüße\nFrom here\n.\n',
    html: '<p>Grüße</p>',
    attachments: [
      { mediaType: 'image/png', contentId: 'pic@x', content: Buffer.from([1, 2, 3]) },
      { mediaType: 'text/x"; evil', fileName: 'für "dich".txt', content: Buffer.from('hallo') },
    ],
    boundary: boundaries(),
  })
  assert.ok(
    message
      .toString()
      .split('\r\n')
      .every((line) => line.length <= 78 && !/[^ -~]/.test(line)),
  )
  const root = parseStructure(message)
  assert.deepEqual(
    [...allParts(root)].map((part) => `${part.type}/${part.subtype}`),
    [
      'multipart/mixed',
      'multipart/alternative',
      'text/plain',
      'multipart/related',
      'text/html',
      'image/png',
      'application/octet-stream',
    ],
  )
  const { textBody, attachments } = bodyLists(root)
  assert.equal(partText(textBody[0]!).text, 'Grüße\r\nFrom here\r\n.\r\n')
  assert.equal(fileName(attachments.at(-1)!), 'für "dich".txt')
  assert.equal(partBytes(attachments.at(-1)!).toString(), 'hallo')
  const header = parseHeader(message)
  assert.equal(decodeEncodedWords(firstValue(header, 'subject')!), 'Grüße und ein langer Betreff '.repeat(5).trim())
  assert.deepEqual(mailboxesOf(parseAddressList(firstValue(header, 'from')!)), [bob])
})

test('no value starts a field of its own', () => {
  for (const field of [
    textField('Subject', 'x\r\nBcc: evil@x.test'),
    structuredField('X', 'x\nBcc: evil@x.test'),
    addressField('To', [{ displayName: 'x\r\nBcc: evil@x.test', localPart: 'a\r\nb', domain: parseDomain('x.test')! }]),
  ]) {
    assert.equal(parseHeader(Buffer.from(`${field}\r\n`)).fields.length, 1, field)
  }
})

test('any subject survives', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (raw) => {
      const text = raw
        .replace(/[\0-\x1f\x7f]/g, '')
        .replace(/\s+/g, ' ')
        .trim()
        .toWellFormed()
      const header = parseHeader(Buffer.from(`${textField('Subject', text)}\r\n`))
      assert.equal(decodeEncodedWords(firstValue(header, 'subject')!), text)
    }),
  )
})

test('any text survives in a message', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (raw) => {
      const text = raw.toWellFormed().replace(/\r\n|\r|\n/g, '\r\n')
      const root = parseStructure(buildMessage({ fields: [], text, boundary: boundaries() }))
      assert.equal(partText(root).text, text.startsWith('\ufeff') ? text.slice(1) : text)
    }),
  )
})

test('a delivery status notification for people and for programs', () => {
  const original = Buffer.from('Message-ID: <1@x.test>\r\nSubject: hi\r\n\r\nbody\r\n')
  const dsn = {
    reportingHost: 'mx.sender.test',
    from: { displayName: 'Mail Delivery', localPart: 'postmaster', domain: parseDomain('sender.test')! },
    to: { localPart: 'anna', domain: parseDomain('sender.test')! },
    messageId: '<dsn@sender.test>',
    nowMs: 0,
    envelopeId: 'env1',
    recipients: [
      {
        recipient: bob!,
        originalRecipient: 'rfc822;bob@old.test',
        action: 'failed' as const,
        status: '5.1.1',
        remoteHost: 'mx.recipient.test',
        diagnostic: '550 5.1.1 no such\r\nmailbox',
      },
    ],
    original,
    returns: 'full' as const,
    boundary: boundaries(),
  }
  const root = parseStructure(buildDsn(dsn))
  assert.equal(root.subtype, 'report')
  assert.equal(root.parameters['report-type'], 'delivery-status')
  const [text, status, returned] = root.children
  assert.match(partText(text!).text, /bob@recipient\.test: it was not taken \(5\.1\.1\)/)
  const report = partBytes(status!).toString()
  assert.match(
    report,
    /^Original-Envelope-Id: env1\r\nReporting-MTA: dns; mx\.sender\.test\r\n\r\nOriginal-Recipient: rfc822; bob@old\.test\r\n/,
  )
  assert.match(report, /Diagnostic-Code: smtp; 550 5\.1\.1 no such mailbox/)
  assert.equal(returned!.message && partBytes(returned!).toString(), original.toString())
  const header = parseHeader(buildDsn({ ...dsn, boundary: boundaries() }))
  assert.equal(firstValue(header, 'in-reply-to'), '<1@x.test>')
  const headersOnly = parseStructure(buildDsn({ ...dsn, returns: 'headers', boundary: boundaries() }))
  assert.equal(headersOnly.children[2]!.subtype, 'rfc822-headers')
  assert.doesNotMatch(partBytes(headersOnly.children[2]!).toString(), /body/)
})

test('message ids and base subjects', () => {
  assert.deepEqual(parseMessageIds(' <a@b>\r\n <c@d> (x) <a@b> <<e@f>'), ['a@b', 'c@d', 'e@f'])
  assert.deepEqual(parseMessageIds('a@b, c@d'), ['a@b', 'c@d'])
  assert.deepEqual(parseMessageIds('<'.repeat(100_000)), [])
  for (const [subject, base, reply] of [
    ['Re: [list] Fwd: hello', 'hello', true],
    ['[list] hello', 'hello', false],
    ['AW: RE[2]: hello (fwd)', 'hello', true],
    ['[fwd: hello]', 'hello', true],
    ['[list]', '[list]', false],
    ['Re:', '', true],
    ['regarding: x', 'regarding: x', false],
  ] as const) {
    assert.deepEqual(baseSubject(subject), { base, isReplyOrForward: reply }, subject)
  }
})
