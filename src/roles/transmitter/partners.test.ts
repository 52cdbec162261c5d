// Handing over along a relationship: a partner who refuses the connection as a whole says nothing of the message. It waits,
// where everybody sees it; what he says of the message itself holds.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { serveSmtp } from '../../protocols/smtp/serve.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { findStories } from '../where/find.ts'
import { sentenceOf } from '../where/sentence.ts'

const HOUR = 3_600_000
const PROGRAM = '192.0.2.50'
const CARRIED = `
Author@anna ==> MSA@sender ==> Transmitter@carrier --> / --> Receiver/MDA@recipient ==> Recipient@bob

/ --> Receiver/MDA@sender ==> Recipient@anna

sender:    domain=sender.test, ip=127.0.10.1, filter=no
carrier:   domain=carrier.test, ip=127.0.11.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo
`
const BOB = 'bob@recipient.test'

/** Everybody who asks sees that it waits, and why. */
function assertWaits(world: TestSystem, why: RegExp): void {
  const { store } = world.agent('sender')
  assert.deepEqual(world.events('sender', 'bounced'), [])
  assert.equal(store.queue.length(), 1)
  const [entry] = store.queue.entries()
  assert.equal(entry!.state, 'waiting')
  assert.match(entry!.lastReply, why)
  const [story] = findStories([{ agent: 'sender', reads: store.where }], entry!.trace, 5)
  assert.match(sentenceOf(story!), /^Waiting at sender, next attempt/)
  assert.match(sentenceOf(story!), why)
  assert.match(world.complaints.join('\n'), / does not let us in .*reply.*55\d 5\.7\.1/)
}

describe('a program by LMTP', () => {
  async function setting(policy: Partial<SmtpServerPolicy>) {
    const world = await TestSystem.start(`${TWO_AGENTS}\nsender: lmtp-to="lists.test -> ${PROGRAM}:24"`)
    const host = world.stranger(PROGRAM)
    const is = { away: true }
    let taken = 0
    const all: SmtpServerPolicy = {
      mail: () => undefined,
      recipient: () => undefined,
      message: () => {
        taken++
        return reply(250, '2.0.0', 'taken')
      },
      ...policy,
    }
    const calm = { ...all, connected: () => undefined, hello: () => undefined }
    await world.run(
      host.world.network.listen({ address: PROGRAM, port: 24 }, (stream) => {
        void serveSmtp(stream, is.away ? all : calm, { hostName: 'lists.test', lmtp: true }, host.world)
      }),
    )
    return { world, is, taken: () => taken }
  }

  for (const [what, policy] of Object.entries<Partial<SmtpServerPolicy>>({
    'in its greeting': { connected: () => reply(554, '5.7.1', 'no mail from you') },
    'to LHLO': { hello: () => reply(550, '5.7.1', 'no mail from you') },
  }))
    test(`refuses us ${what}: the mail waits until it does not`, async () => {
      const { world, is, taken } = await setting(policy)
      await world.submit('all@lists.test')
      await world.passTime(6 * HOUR)
      assertWaits(world, /192\.0\.2\.50 cannot be used now: 55\d 5\.7\.1 no mail from you/)
      is.away = false
      await world.quiet()
      assert.equal(taken(), 1)
      assert.deepEqual(world.events('sender', 'bounced'), [])
    })

  for (const [what, policy] of Object.entries<Partial<SmtpServerPolicy>>({
    MAIL: { mail: () => reply(550, '5.7.1', 'not this one') },
    RCPT: { recipient: () => reply(550, '5.1.1', 'not this one') },
    DATA: { message: () => reply(554, '5.6.0', 'not this one') },
  }))
    test(`what it says to ${what} is of the message: it comes back`, async () => {
      const { world } = await setting(policy)
      await world.submit('all@lists.test')
      await world.quiet()
      assert.equal(world.events('sender', 'bounced').length, 1)
      assert.match((await world.mail('sender', 'anna@sender.test'))[0]!.text, /not this one/)
    })
})

test('a Transmitter that does not know its MSA any more: the mail waits until the contract is put right', async () => {
  const world = await TestSystem.start(CARRIED)
  const contracts = world.agent('carrier').contracts!
  const known = contracts.ofNetwork.bind(contracts)
  contracts.ofNetwork = () => undefined
  await world.submit(BOB)
  await world.passTime(6 * HOUR)
  assertWaits(
    world,
    /mail\.carrier\.test cannot be used now: 554 5\.7\.1 mail\.carrier\.test carries mail only for those/,
  )
  contracts.ofNetwork = known
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 1)
})

test('an MDA that does not know its Receiver any more: at the Border a sender is asked to come again, and what lies in the queue waits', async () => {
  const world = await TestSystem.start(`
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver@sender ==> MDA@home ==> Recipient@bob

sender: domain=sender.test, ip=127.0.10.1, filter=no
home:   domain=home.test, ip=127.0.21.1, filter=no
anna: address=anna@sender.test, password=demo
bob: address=bob@home.test, password=demo
`)
  const { mda } = world.agent('home').settings
  const { receivers } = mda
  assert.equal(receivers.length, 1)
  Object.assign(mda, { receivers: [] })
  const letter = { from: 'carl@far.test', to: 'bob@home.test' }
  assert.match((await world.send(world.stranger('127.0.99.3'), 'sender', 'smtp', letter))[0]!, /^451 4\.4\.1 /)
  await world.submit('bob@home.test')
  await world.passTime(6 * HOUR)
  assertWaits(world, /mail\.home\.test cannot be used now: 554 5\.7\.1 127\.0\.10\.1 may not hand mail over here/)
  Object.assign(mda, { receivers })
  await world.quiet()
  assert.equal((await world.mail('home', 'bob@home.test')).length, 1)
})

test('a domain elsewhere that we stand in for (backup-for=), whose hosts refuse us: what was taken for it waits', async () => {
  const world = await TestSystem.start(`
/ --> Backup MX@sender
sender: domain=provider.test, ip=127.0.30.1, backup-for=customer.test, recipients=bob@customer.test, filter=no
`)
  const hosts = world.stranger('203.0.113.10', domainAt('customer.test', '203.0.113.10'))
  world.publish([
    { name: 'customer.test', type: 'MX', ttlS: 60, data: { preference: 90, exchange: 'mail.provider.test' } },
  ])
  const is = { away: true }
  let taken = 0
  await serveScript(world, hosts, {
    connected: () => (is.away ? reply(554, '5.7.1', 'no mail from you') : undefined),
    message: () => {
      taken++
      return reply(250, '2.0.0', 'taken')
    },
  })
  const good = world.stranger('203.0.113.5', domainAt('good.test', '203.0.113.5', 'reject'))
  const letter = { from: 'a@good.test', to: 'bob@customer.test', helo: 'mail.good.test' }
  assert.match((await world.send(good, 'sender', 'smtp', letter))[0]!, /^250 .*it waits here/)
  await world.passTime(6 * HOUR)
  assertWaits(world, /mail\.customer\.test cannot be used now: 554 5\.7\.1 no mail from you/)
  is.away = false
  await world.quiet()
  assert.equal(taken, 1)
})
