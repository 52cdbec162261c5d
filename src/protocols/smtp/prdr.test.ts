// Per-recipient replies (draft-hall-prdr-00): what client and server say to each other.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from './content.ts'
import { DEFAULT_SERVER_OPTIONS } from './options.ts'
import type { Answer, RepliesByRecipient } from './policy.ts'
import { REPLIES, reply } from './reply.ts'
import { SmtpServerSession } from './server-session.ts'
import type { Effect } from './session-types.ts'

/** What the server says to `input`, when the role answers each message with the next of `verdicts`. */
function dialogue(input: string[], verdicts: (Answer | RepliesByRecipient)[], prdr = true): string[] {
  const session = new SmtpServerSession(
    { ...DEFAULT_SERVER_OPTIONS, hostName: 'mx.test', prdr },
    {
      peer: { address: '192.0.2.1', port: 1024 },
      local: { address: '192.0.2.25', port: 25 },
      tls: undefined,
      mechanisms: [],
      budget: new Budget(1_000_000),
      random: { bytes: (length) => Buffer.alloc(length, 1) },
      now: () => Date.UTC(2026, 0, 1),
    },
  )
  let said = ''
  const perform = (effects: Effect[]) => {
    for (const effect of effects) {
      if (effect.kind === 'send') said += effect.text
      if (effect.kind === 'ask')
        perform(session.decide(effect.question.kind === 'message' ? verdicts.shift() : undefined))
    }
  }
  perform(session.start())
  for (const line of input) perform(session.receive(Buffer.from(`${line}\r\n`)))
  return said.split('\r\n').slice(0, -1)
}

const TWO = ['RCPT TO:<bob@two.test>', 'RCPT TO:<eve@two.test>', 'DATA', 'Subject: x', '', 'text', '.']
const ok = reply(250, '2.1.5', 'for Bob')
const spam = reply(550, '5.7.1', 'spam, says Eve')
const later = reply(451, '4.7.1', 'later, says Eve')
const kept = reply(250, '2.0.0', 'accepted')
/** What is said behind the reply to EHLO. */
const replies = (input: string[], ...verdicts: (Answer | RepliesByRecipient)[]) => {
  const said = dialogue(['EHLO out.test', ...input], verdicts)
  return said.slice(said.indexOf('250 PRDR') + 1)
}

test('PRDR is advertised when it is offered, and refused when not', () => {
  assert.ok(dialogue(['EHLO out.test'], []).includes('250 PRDR'))
  const without = dialogue(['EHLO out.test', 'MAIL FROM:<a@one.test> PRDR'], [], false)
  assert.ok(!without.some((line) => line.endsWith('PRDR')))
  assert.match(without.at(-1)!, /^555 5\.5\.4 /)
  assert.match(dialogue(['EHLO out.test', 'MAIL FROM:<a@one.test> PRDR=yes'], []).at(-1)!, /^501 /)
})

test('verdicts that differ: 353, one reply for each in their order, then the final one', () => {
  const said = replies(['MAIL FROM:<a@one.test> PRDR', ...TWO, 'NOOP'], { each: [ok, spam], final: kept })
  assert.deepEqual(said.slice(4), [
    '353 a reply for each recipient follows, in their order, then one for the message',
    '250 2.1.5 for Bob',
    '550 5.7.1 spam, says Eve',
    '250 2.0.0 accepted',
    '250 2.0.0 ok',
  ])
})

test('verdicts that agree need no 353: one reply speaks for all', () => {
  assert.deepEqual(replies(['MAIL FROM:<a@one.test> PRDR', ...TWO], kept).slice(4), ['250 2.0.0 accepted'])
})

test('a final refusal stands for the whole message, and the session goes on', () => {
  const said = replies(['MAIL FROM:<a@one.test> PRDR', ...TWO, 'MAIL FROM:<b@one.test>', 'RCPT TO:<bob@two.test>'], {
    each: [later, spam],
    final: later,
  })
  assert.deepEqual(
    said.slice(5).map((line) => line.slice(0, 9)),
    ['451 4.7.1', '550 5.7.1', '451 4.7.1', '250 2.1.0', '250 2.1.5'],
  )
})

test('each message asks for itself: PRDR of the first is not that of the second', () => {
  const verdict = { each: [ok, spam], final: kept }
  const said = replies(['MAIL FROM:<a@one.test> PRDR', ...TWO, 'MAIL FROM:<a@one.test>', ...TWO], verdict, verdict)
  assert.equal(said.at(-1), `451 4.3.0 ${REPLIES.localError.lines[0]}`)
  assert.equal(said.filter((line) => line.startsWith('353')).length, 1)
})

test('a role that forgets a recipient promises nothing', () => {
  const said = replies(['MAIL FROM:<a@one.test> PRDR', ...TWO], { each: [ok], final: kept })
  assert.match(said.at(-1)!, /^451 4\.3\.0 /)
  assert.ok(!said.some((line) => line.startsWith('353')))
})

test('content that is refused as such is refused for all, without 353', () => {
  const bad = ['RCPT TO:<bob@two.test>', 'DATA', 'a\nb', '.']
  assert.match(replies(['MAIL FROM:<a@one.test> PRDR', ...bad]).at(-1)!, /^550 5\.6\.0 /)
})
