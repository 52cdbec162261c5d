// The Transmitter hands a domain's mail over by LMTP, in the simulated world: one transaction, an answer for each recipient.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { serveSmtp } from '../../protocols/smtp/serve.ts'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const LISTS = '192.0.2.50'

test('mail for the domain goes to its program, which answers for each recipient', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: lmtp-to="lists.test -> ${LISTS}:24", retry=60s`)
  const host = world.stranger(LISTS)
  const got: InboundMessage[] = []
  let laterAnswers = 0
  const policy = {
    mail: () => undefined,
    recipient: () => undefined,
    message: (mail: InboundMessage) => {
      got.push(mail)
      const each = mail.envelope.recipients.map(({ forwardPath }) => {
        const local = forwardPath.type === 'mailbox' ? forwardPath.mailbox.localPart : ''
        if (local === 'gone') return reply(550, '5.1.1', 'no such list')
        if (local === 'busy' && laterAnswers++ === 0) return reply(451, '4.3.0', 'come again')
        return reply(250, '2.0.0', 'taken')
      })
      return { each, final: reply(250, '2.0.0', 'done') }
    },
  }
  await world.run(
    host.world.network.listen({ address: LISTS, port: 24 }, (stream) => {
      void serveSmtp(stream, policy, { hostName: 'lists.test', lmtp: true }, host.world)
    }),
  )
  await world.submit(['all@lists.test', 'gone@lists.test', 'busy@lists.test'])
  await world.quiet()
  const recipients = got.map(({ envelope }) =>
    envelope.recipients.map(({ forwardPath }) => (forwardPath.type === 'mailbox' ? forwardPath.mailbox.localPart : '')),
  )
  assert.deepEqual(recipients, [['all', 'gone', 'busy'], ['busy']])
  assert.equal(got[0]!.session.protocol, 'LMTP')
  const [bounce, ...others] = await world.mail('sender', 'anna@sender.test')
  assert.equal(others.length, 0)
  assert.match(bounce!.text, /no such list/)
  assert.equal(world.events('sender', 'transmitted').length, 2)
})

test('a program that is down: the mail waits, and nothing is lost', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: lmtp-to="lists.test -> ${LISTS}:24"`)
  world.stranger(LISTS)
  await world.submit('all@lists.test')
  await world.simulation.run(
    () => world.events('sender', 'attempt').length > 0 || world.events('sender', 'deferred').length > 0,
  )
  assert.equal(world.agent('sender').store.queue.length(), 1)
})

test('what the description says of it is checked', async () => {
  await assert.rejects(TestSystem.start(`${TWO_AGENTS}\nsender: lmtp-to="lists.test"`), /is not a value for lmtp-to/)
})
