import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Weight } from '../../filter/rules/rules.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { authorOf } from '../../identity/dmarc/author.ts'
import type { ForwarderMatch } from '../../identity/trusted.ts'
import { parseHeader } from '../../message/header.ts'
import { judge } from './judge.ts'

const proven = {
  from: { mailboxes: [], domains: ['sender.test'], fault: undefined },
  dmarc: { result: 'pass', domain: 'sender.test', policy: 'reject' },
  spf: { result: 'pass', domain: 'sender.test' },
  dkim: [],
} as unknown as Identity
const old: ForwarderMatch = { domain: 'old.test', how: 'arc', provenDomain: 'old.test', seen: undefined }
const weight = (points: number): Weight => ({
  points,
  hits: [{ id: 'x', points, about: 'content', explanation: 'It promises money.' }],
})
const outcome = (points: number, more: { allowedBy?: string; forwarder?: ForwarderMatch } = {}) =>
  judge({
    identity: proven,
    allowedBy: more.allowedBy,
    sentBy: undefined,
    forwarder: more.forwarder,
    content: weight(points),
  })

test('what a proven sender sends is weighed, too', () => {
  assert.equal(outcome(4.9).outcome, 'accept')
  const junk = outcome(7)
  assert.equal(junk.outcome, 'junk')
  assert.equal(junk.reason, 'it looks like spam (7 points): It promises money')
  const refused = outcome(20)
  assert.equal(refused.outcome === 'refuse' && refused.reply.code, 550)
})

test('a From that names nobody is answered for by a proven sender, one that hides an address is not', () => {
  const of = (from: string) =>
    judge({
      identity: {
        ...proven,
        from: authorOf(parseHeader(Buffer.from(`${from}\r\nSender: x@shop.test\r\n\r\n`))),
        dmarc: { result: 'fail', domain: '', policy: 'quarantine' },
      } as unknown as Identity,
      allowedBy: undefined,
      sentBy: 'x@shop.test',
      forwarder: undefined,
    }).outcome
  assert.equal(of('From: nobody in particular'), 'accept')
  assert.equal(of('From: ceo@bank@shop.test'), 'junk')
  assert.equal(of('From: somebody\r\nFrom: somebody else'), 'junk')
})

test('what a trusted Forwarder passed on is set aside and never sent back; the allow list goes before content', () => {
  assert.equal(outcome(20, { forwarder: old }).outcome, 'junk')
  assert.equal(outcome(20, { allowedBy: 'sender.test' }).outcome, 'accept')
})
