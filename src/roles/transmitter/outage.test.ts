// Three days without DNS (RFC 5321 §4.5.4.1, §5.1): nothing is lost, nothing comes back, nothing is sent in another way,
// and the queue empties afterwards. And names that are not ASCII, which DNS knows by other letters.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPath } from '../../message/smtp-path.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const HOUR = 3_600_000
const FAR_IP = '127.0.50.1'

async function taker(world: TestSystem, ip = FAR_IP): Promise<InboundMessage[]> {
  const taken: InboundMessage[] = []
  const message = (mail: InboundMessage) => {
    taken.push(mail)
    return reply(250, '2.0.0', 'taken')
  }
  await serveScript(world, world.system.host(`far ${ip}`, ip), { message })
  return taken
}

test('72 hours without DNS lose nothing and bounce nothing, whether or not the domain was known before', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  world.publish(domainAt('far.test', FAR_IP))
  const taken = await taker(world)
  await world.submit('known@far.test')
  await world.passTime(HOUR)
  assert.equal(taken.length, 1)
  world.simulation.links.partition('sender', 'dns')
  let sent = 1
  for (let hour = 0; hour < 72; hour += 6) {
    for (const to of ['carl@far.test', 'bob@recipient.test', 'x@nowhere.test', 'y@a.b.unheard.test'])
      assert.match((await world.submit(to))[0]!, /^250/)
    sent += 4
    await world.passTime(6 * HOUR)
  }
  assert.equal(world.events('sender', 'bounced').length, 0)
  // For a day what was known of far.test before still leads there.
  const early = taken.length
  assert.ok(early > 1 && early <= 6, `${early} taken`)
  assert.equal(world.agent('sender').store.queue.entries().length, sent - early)
  for (const { lastReply, state } of world.agent('sender').store.queue.entries()) {
    assert.equal(state, 'waiting')
    assert.match(lastReply, /^451 4\.4\.3 no answer from DNS for the/)
  }
  world.simulation.links.heal('sender', 'dns')
  await world.passTime(9 * HOUR)
  assert.equal(world.agent('sender').store.queue.entries().length, 0)
  assert.equal(taken.length, 13)
  assert.equal((await world.mail('recipient', 'bob@recipient.test')).length, 12)
  // What does not exist comes back now, and only now: DNS has said so.
  assert.equal(world.events('sender', 'bounced').length, 24)
})

test('name servers that fail for three days are no different from none', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  // The aliases of the domain lead in a circle: a resolver answers with a failure.
  world.publish([{ name: 'far.test', type: 'CNAME', ttlS: 0, data: 'far.test' }])
  const taken = await taker(world)
  await world.submit('carl@far.test')
  await world.passTime(72 * HOUR)
  assert.equal(world.events('sender', 'bounced').length, 0)
  assert.match(
    world.agent('sender').store.queue.entries()[0]!.lastReply,
    /^451 4\.4\.3 .*aliases of far\.test are too many/,
  )
  world.system.publish(domainAt('far.test', FAR_IP))
  await world.passTime(9 * HOUR)
  assert.equal(taken.length, 1)
})

test('a domain in other letters is asked for by its A-labels (RFC 5891), and the host hears them', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  world.publish(domainAt('xn--bcher-kva.test', FAR_IP))
  const taken = await taker(world)
  const text = 'From: anna@sender.test\nTo: carl@bücher.test\nSubject: hello\n\nHello\n'
  for (const to of ['carl@bücher.test', 'carl@BÜCHER.test', 'carl@xn--bcher-kva.test'])
    assert.match((await world.submit(to, text))[0]!, /^250/)
  await world.quiet()
  assert.deepEqual(
    taken.map(({ envelope }) => formatPath(envelope.recipients[0]!.forwardPath)),
    Array.from({ length: 3 }, () => '<carl@xn--bcher-kva.test>'),
  )
})
