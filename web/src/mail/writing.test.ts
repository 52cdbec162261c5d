import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAddresses, writeAddress } from '../format.ts'
import type { Email, Identity, Mailbox } from '../jmap.ts'
import { answerTo, badAddresses, draftFromMailto, newDraft } from './draft.ts'
import { parseSearch } from './search.ts'

const bob: Identity = { id: 'i1', name: 'Bob', email: 'bob@recipient.test', textSignature: '' }
const email = (more: Partial<Email>): Email => ({
  id: 'e1',
  threadId: 't1',
  blobId: 'b1',
  mailboxIds: {},
  keywords: {},
  receivedAt: '2026-11-23T10:00:00Z',
  sentAt: null,
  from: [{ name: 'Anna', email: 'anna@sender.test' }],
  to: [{ name: null, email: 'BOB@recipient.test' }],
  cc: null,
  bcc: null,
  replyTo: null,
  subject: 'Lunch',
  preview: '',
  hasAttachment: false,
  messageId: ['two@x'],
  inReplyTo: ['one@x'],
  references: ['one@x'],
  verdict: null,
  textBody: [{ partId: '1', blobId: null, size: 0, name: null, type: 'text/plain', cid: null, disposition: null }],
  htmlBody: [],
  attachments: [],
  bodyValues: { 1: { value: 'Hello\n> before\n', isTruncated: false } },
  ...more,
})

test('addresses are read as people write them, and come back', () => {
  const text = 'anna@sender.test, "Author, A." <a@x.test>; Carl Ö <c@x.test>,, "q \\" q" <d@x.test>'
  const read = readAddresses(text)
  assert.deepEqual(
    read.map((one) => one.email),
    ['anna@sender.test', 'a@x.test', 'c@x.test', 'd@x.test'],
  )
  assert.deepEqual(
    read.map((one) => one.name),
    [null, 'Author, A.', 'Carl Ö', 'q " q'],
  )
  assert.deepEqual(readAddresses(read.map(writeAddress).join(', ')), read)
  assert.deepEqual(badAddresses({ ...newDraft(bob), to: 'anna@x.test, oops' }), ['oops'])
})

test('an answer goes to the sender, to all goes to the others too, never to oneself', () => {
  const cc = [
    { name: 'Carl', email: 'carl@x.test' },
    { name: null, email: 'anna@sender.test' },
  ]
  const one = answerTo(email({ cc }), false, [bob])
  assert.deepEqual([one.to, one.cc, one.subject], ['Anna <anna@sender.test>', '', 'Re: Lunch'])
  assert.deepEqual(one.references, ['one@x', 'two@x'])
  assert.match(one.body, /Anna wrote:\n> Hello\n>> before/)
  const all = answerTo(email({ cc, subject: 'RE: Lunch' }), true, [bob])
  assert.deepEqual([all.cc, all.subject], ['Carl <carl@x.test>', 'RE: Lunch'])
  const own = answerTo(email({ from: [{ name: null, email: 'bob@recipient.test' }], to: cc }), false, [bob])
  assert.equal(own.to, 'Carl <carl@x.test>, anna@sender.test')
})

test('mailto: links (RFC 6068) set what the person sees, and nothing else', () => {
  const draft = draftFromMailto(
    'mailto:a%2Bb@x.test,c@x.test?to=d@x.test&Subject=1%2B1&body=x%0D%0Ay&attach=/etc/passwd',
    bob,
  )
  assert.deepEqual(
    [draft.to, draft.subject, draft.body, draft.files],
    ['a+b@x.test,c@x.test, d@x.test', '1+1', 'x\ny', []],
  )
  assert.equal(draftFromMailto('mailto:x@y.test?subject=a%0D%0ABcc:z@y.test', bob).subject, 'a Bcc:z@y.test')
  assert.equal(draftFromMailto('javascript:alert(1)', bob).to, '')
  assert.equal(draftFromMailto('mailto:%E0%A4%A', bob).to, '%E0%A4%A')
})

test('what is typed into the search box becomes a filter', () => {
  const mailboxes = [
    { id: 'm1', name: 'Inbox', role: 'inbox' },
    { id: 'm5', name: 'Junk', role: 'junk' },
  ] as Mailbox[]
  assert.deepEqual(parseSearch('from:anna "red car" is:unread has:attachment', mailboxes), {
    operator: 'AND',
    conditions: [
      { from: 'anna' },
      { notKeyword: '$seen' },
      { hasAttachment: true },
      { text: '"red car"' },
      { inMailboxOtherThan: ['m5'] },
    ],
  })
  assert.deepEqual(parseSearch('in:junk before:2026-01-01', mailboxes), {
    operator: 'AND',
    conditions: [{ inMailbox: 'm5' }, { before: '2026-01-01T00:00:00Z' }],
  })
  assert.deepEqual(parseSearch('is:odd x:y', mailboxes), {
    operator: 'AND',
    conditions: [{ text: 'is:odd x:y' }, { inMailboxOtherThan: ['m5'] }],
  })
})
