// The administrator at the queue, in the simulated world: what he sees, what becomes of what he says, and that mail which is
// held is told to the postmaster and never ends by itself.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { AdminAnswer } from '../administer.ts'
import { queueCommand } from '../routing.ts'
import { type QueueWish, queueDesk } from './queue-desk.ts'

const ANNA = 'anna@sender.test'
const AWAY_IP = '127.0.63.1'
const FAR_IP = '127.0.63.2'
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const TAKEN = reply(250, '2.0.0', 'taken')

/** far.test takes mail, away.test is away. */
async function setting() {
  const world = await TestSystem.start(TWO_AGENTS)
  const taken: string[] = []
  await serveScript(world, world.stranger(FAR_IP, domainAt('far.test', FAR_IP)), {
    recipient(path) {
      if (path.type === 'mailbox') taken.push(`${path.mailbox.localPart}@${path.mailbox.domain}`)
      return undefined
    },
    message: () => TAKEN,
  })
  const away = world.stranger(AWAY_IP, domainAt('away.test', AWAY_IP))
  world.simulation.links.partition('sender', `stranger ${AWAY_IP}`)
  const { agent } = world.system.agent('sender')
  const put = async (addresses: readonly string[], from = ANNA) => {
    const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${from}\r\nSubject: x\r\n\r\nx\r\n`)]))
    const mail = { blob, reversePath: from, parameters: {}, origin: 'msa' } as const
    await world.run(agent.store.commit(addresses.map((to) => queueCommand(agent, { ...mail, trace: to }, to))))
  }
  const ask = (action: QueueWish['action'], wish: Partial<QueueWish> = {}): Promise<AdminAnswer> =>
    world.run(
      queueDesk(
        { ...agent, forgetPauses: () => world.system.agent('sender').forgetPauses() },
        { verb: 'queue', action, filter: {}, ...wish },
      ),
    )
  return { world, agent, away, taken, put, ask }
}

describe('what is seen', () => {
  test('destinations with what waits there, when it goes on and why not now; messages by filters', async () => {
    const { world, put, ask } = await setting()
    assert.equal((await ask('list')).text, 'The queue is empty.')
    await put(['a@away.test', 'b@away.test'])
    await put(['c@away.test'], 'else@sender.test')
    await world.simulation.runFor(2 * MINUTE)
    const { text, data } = await ask('list')
    assert.match(text, /^3 messages\naway\.test {2}3 waiting {2}(next at 20\S+Z|due now) {2}\((did not answer|421)/)
    const [lane] = (data as { destinations: { waiting: number; failures: number }[] }).destinations
    assert.equal(lane!.waiting, 3)
    assert.ok(lane!.failures >= 1)
    const count = async (filter: QueueWish['filter']) =>
      ((await ask('list', { filter })).data as { count: number }).count
    assert.equal(await count({ sender: ANNA.toUpperCase() }), 2)
    assert.equal(await count({ sender: '@sender.test' }), 3)
    assert.equal(await count({ sender: '@nder.test' }), 0)
    assert.equal(await count({ domain: 'AWAY.test' }), 3)
    assert.equal(await count({ domain: 'far.test' }), 0)
    assert.equal(await count({ reply: 'NO CONNECTION' }), 3)
    assert.equal(await count({ reply: 'mailbox full' }), 0)
    const { clock } = world.agent('sender').world
    assert.equal(await count({ acceptedBeforeMs: clock.now() - MINUTE }), 3)
    assert.equal(await count({ acceptedAfterMs: clock.now() - MINUTE }), 0)
    const shown = await ask('show', { filter: { trace: 'a@away.test' } })
    assert.match(shown.text, /a@away\.test\)\n {2}waiting, .*no connection/)
    assert.match(shown.text, /Transmitter: Not taken yet/)
  })

  test('what comes over the door is not believed', async () => {
    const { ask } = await setting()
    for (const filter of [{ domain: 5 }, { ids: 'x' }, { ids: [1.5] }, { state: 'dead' }, { sender: 'x'.repeat(501) }])
      assert.deepEqual(await ask('drop', { filter: filter as never }), {
        ok: false,
        text: 'A filter has a wrong value.',
      })
    assert.equal((await ask('constructor' as never, { all: true })).ok, false)
    assert.match((await ask('drop')).text, /--all/)
    assert.match((await ask('reroute', { all: true, to: 'no domain' })).text, /^Say where to/)
  })
})

describe('what is done', () => {
  test('hold and release: held mail outlives its time, the postmaster hears of it every day, and let go it arrives', async () => {
    const { world, agent, away, put, ask } = await setting()
    await put(['a@away.test', 'b@away.test'])
    const dry = await ask('hold', { filter: { domain: 'away.test' }, dryRun: true })
    assert.equal(dry.text, '2 messages would be held: 2 for away.test.')
    assert.equal(agent.store.queue.lane({ domain: 'away.test', share: '' })!.held, 0)
    assert.equal((await ask('hold', { filter: { domain: 'away.test' }, why: 'looks odd' })).ok, true)
    await world.simulation.runFor(3 * HOUR)
    assert.equal((await world.mail('sender', 'postmaster@sender.test')).length, 0)
    await world.simulation.runFor(3 * HOUR)
    const [letter] = await world.mail('sender', 'postmaster@sender.test')
    assert.match(letter!.text, /^2 for away\.test\r\n {4}held: looks odd\r$/m)
    await world.simulation.runFor(6 * 24 * HOUR)
    assert.equal(agent.store.queue.lane({ domain: 'away.test', share: '' })!.held, 2)
    const letters = (await world.mail('sender', 'postmaster@sender.test')).length
    assert.ok(letters >= 6 && letters <= 8, `${letters} letters`)
    world.simulation.links.heal('sender', `stranger ${AWAY_IP}`)
    let arrived = 0
    await serveScript(world, away, {
      message() {
        arrived++
        return TAKEN
      },
    })
    assert.equal((await ask('release', { filter: { state: 'held' } })).text, '2 messages let go: 2 for away.test.')
    await world.quiet()
    assert.equal(arrived, 2)
    assert.equal(world.events('sender', 'bounced').length, 0)
  })

  test('what lies in a lane already is held, too', async () => {
    const { world, agent, put, ask } = await setting()
    await put(Array.from({ length: 40 }, (_, n) => `a${n}@away.test`))
    await world.simulation.runFor(1000)
    await ask('hold', { filter: { domain: 'away.test' } })
    await world.simulation.runFor(HOUR)
    assert.equal(agent.store.queue.lane({ domain: 'away.test', share: '' })!.held, 40)
    // One was being tried at that moment.
    assert.equal(world.events('sender', 'deferred').length, 1)
  })

  test('retry: a place that rests is asked again at once', async () => {
    const { world, put, ask } = await setting()
    await put(['a@away.test'])
    await world.simulation.runFor(10 * HOUR)
    const before = world.events('sender', 'deferred').length
    await world.simulation.runFor(MINUTE)
    assert.equal(world.events('sender', 'deferred').length, before)
    await ask('retry', { filter: { domain: 'away.test' } })
    await world.simulation.runFor(MINUTE)
    assert.ok(world.events('sender', 'deferred').length > before)
  })

  test('reroute: mail goes by way of another host, to the same Recipient', async () => {
    const { world, taken, put, ask } = await setting()
    await put(['a@away.test'])
    await world.simulation.runFor(MINUTE)
    assert.equal((await ask('reroute', { all: true, to: 'FAR.test' })).ok, true)
    await world.quiet()
    assert.deepEqual(taken, ['a@away.test'])
  })

  test('fail: senders hear of it at once, with the reason; drop: nobody does; both are in the story', async () => {
    const { world, agent, put, ask } = await setting()
    await put(['a@away.test', 'b@away.test'])
    await world.simulation.runFor(MINUTE)
    await ask('fail', { filter: { trace: 'a@away.test' }, why: 'sent by mistake' })
    await ask('drop', { filter: { trace: 'b@away.test' } })
    await world.simulation.runFor(MINUTE)
    assert.equal(agent.store.queue.length(), 0)
    const reports = await world.mail('sender', ANNA)
    assert.equal(reports.length, 1)
    assert.match(reports[0]!.text, /^Diagnostic-Code: smtp; 554 5\.7\.0 sent by mistake\r$/m)
    const said = world.events('sender').map(({ text }) => text)
    assert.ok(said.includes('Given up by the administrator: sent by mistake.'))
    assert.ok(said.includes('Dropped by the administrator, and nobody hears of it.'))
  })
})
