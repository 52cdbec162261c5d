// Border-true forwarding in the simulated world: the target's answer is the sender's answer; and at every moment at which
// sender, Forwarder or target can vanish, the message arrives, once wherever SMTP leaves us the means.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem } from '../../system/testing.ts'
import { PAUSE_AFTER } from './health.ts'

/** Carl moved from old.test to far.test, whose server each test writes; Dora to a real agent. */
const MOVED = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder/MDA@old ~~> Receiver/MDA@recipient ==> Recipient@dora

--> / --> Receiver/MDA@sender ==> Recipient@anna

--> / --> Receiver/Forwarder/MDA@old ==> Recipient@carl

sender:    domain=sender.test, ip=127.0.10.1, retry=1m
recipient: domain=recipient.test, ip=127.0.20.1
old:       domain=old.test, ip=127.0.30.1, retry=1m,
           forward="carl@old.test -> carl@far.test",
           forward="dora@old.test -> dora@recipient.test",
           forward="gone@old.test -> gone@recipient.test",
           forward="lost@old.test -> lost@nowhere.test"
anna: address=anna@sender.test, password=demo
dora: address=dora@recipient.test
carl: address=carl@old.test
`
const ANNA = 'anna@sender.test'
const CARL = 'carl@old.test'
const DORA = 'dora@recipient.test'
const FAR_IP = '127.0.50.1'

/** A relay of good.test, from which a test speaks to old.test itself. `id`: as a relay's Received line has one. */
async function withRelay(world: TestSystem) {
  world.publish(domainAt('good.test', '127.0.60.1'))
  const relay = world.stranger('127.0.60.1')
  const letter = (to: string, id: string) => ({
    from: 'gina@good.test',
    to,
    text: `Received: from there by mail.good.test id ${id}; Thu, 1 Jan 2026 00:00:00 +0000\nFrom: gina@good.test\nTo: ${to}\nSubject: hello\n\nHello\n`,
  })
  const send = async (to: string, id = 'one') => (await world.send(relay, 'old', 'smtp', letter(to, id)))[0]!
  return { relay, letter, send }
}

async function withFar(text = MOVED) {
  const world = await TestSystem.start(text)
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  return { world, far, ...(await withRelay(world)) }
}

describe("the target's answer is the sender's answer", () => {
  test('taken: 250 names who took it, nothing waits here, tracking has both steps', async () => {
    const world = await TestSystem.start(MOVED)
    const { send } = await withRelay(world)
    assert.match(await send('dora@old.test'), /^250 2\.0\.0 accepted as \w+; mail\.recipient\.test took it$/)
    assert.equal(world.agent('old').store.queue.length(), 0)
    assert.equal((await world.mail('recipient', DORA)).length, 1)
    const [forwarded] = world.events('old', 'forwarded')
    assert.match(forwarded!.text, /^Forwarded from dora@old\.test to dora@recipient\.test, sealed with ARC/)
    const [taken] = world.events('old', 'transmitted')
    assert.match(taken!.text, /^Taken by mail\.recipient\.test while its sender waited: 250 /)
    assert.equal(taken!.trace, forwarded!.trace)
  })

  test('refused: the sender hears it, with the code of the target; nothing is kept, and a second try is looked at anew', async () => {
    const world = await TestSystem.start(MOVED)
    const { send } = await withRelay(world)
    for (let i = 0; i < 2; i++)
      assert.match(
        await send('gone@old.test'),
        /^550 5\.1\.1 there is no mailbox gone@recipient\.test here \(says mail/,
      )
    assert.match(await send('lost@old.test'), /^550 5\.1\.2 the domain nowhere\.test does not exist/)
    assert.equal(world.agent('old').store.queue.length(), 0)
    assert.equal(world.events('old', 'refused').length, 3)
  })

  test('the Author of refused mail gets one report, from her own system', async () => {
    const world = await TestSystem.start(MOVED)
    await world.submit('gone@old.test')
    await world.quiet()
    const [report, ...more] = await world.mail('sender', ANNA)
    assert.equal(more.length, 0)
    assert.match(report!.text, /^Reporting-MTA: dns; mail\.sender\.test\r$/m)
    assert.match(report!.text, /^Status: 5\.1\.1\r$/m)
  })

  test('not now: the sender is asked to come again, and what it brings then arrives', async () => {
    const { world, far, send } = await withFar()
    let isBusy = true
    let taken = 0
    await serveScript(world, far, {
      recipient: () => (isBusy ? reply(450, '4.2.1', 'greylisted') : undefined),
      message: () => {
        taken++
        return reply(250, '2.0.0', 'thanks')
      },
    })
    assert.match(await send(CARL), /^450 4\.2\.1 greylisted \(says mail\.far\.test/)
    assert.equal(world.agent('old').store.queue.length(), 0)
    isBusy = false
    assert.match(await send(CARL), /^250 /)
    assert.equal(taken, 1)
  })

  test('of two targets one refuses: 250, and the Author hears of the other from the queue', async () => {
    const world = await TestSystem.start(MOVED)
    await world.submit(['dora@old.test', 'gone@old.test'])
    await world.quiet()
    assert.equal((await world.mail('recipient', DORA)).length, 1)
    const [report, ...more] = await world.mail('sender', ANNA)
    assert.equal(more.length, 0)
    assert.match(report!.text, /^Reporting-MTA: dns; mail\.old\.test\r$/m)
    assert.match(report!.text, /^Original-Recipient: rfc822; gone@old\.test\r$/m)
  })

  test('what our own Border refuses never reaches the target', async () => {
    const { world, far, relay, letter } = await withFar()
    const server = await serveScript(world, far, { message: () => reply(250, '', 'thanks') })
    world.publish(domainAt('other.test', '192.0.2.99', 'reject'))
    const forged = { ...letter(CARL, 'x'), text: 'From: gina@other.test\nSubject: hello\n\nHello\n' }
    const [said] = await world.send(relay, 'old', 'smtp', forged)
    assert.match(said!, /^550 5\.7\.26 /)
    assert.equal(server.sessions, 0)
  })
})

describe('a target that is slow or down', () => {
  test('down: 250 at once, and it leaves from the queue when the target is there', async () => {
    const { world, far, send } = await withFar()
    assert.match(await send(CARL), /^250 2\.0\.0 accepted as \w+$/)
    assert.equal(world.agent('old').store.queue.length(), 1)
    let taken = 0
    await serveScript(world, far, {
      message: () => {
        taken++
        return reply(250, '', 'thanks')
      },
    })
    await world.quiet()
    assert.equal(taken, 1)
    assert.equal((await world.mail('sender', ANNA)).length, 0)
  })

  test('slow: the sender waits for the time limit and no longer; the next one does not wait at all', async () => {
    const { world, far, send } = await withFar(`${MOVED}\nold: forward-wait=20s`)
    let isSlow = true
    let taken = 0
    await serveScript(world, far, {
      mail: async () => {
        if (isSlow) await far.world.clock.sleep(300_000)
        return undefined
      },
      message: () => {
        taken++
        return reply(250, '', 'thanks')
      },
    })
    const startMs = world.simulation.nowMs
    assert.match(await send(CARL), /^250 /)
    const waitedMs = world.simulation.nowMs - startMs
    assert.ok(waitedMs >= 19_000 && waitedMs < 30_000, `waited ${waitedMs} ms`)
    const nextMs = world.simulation.nowMs
    assert.match(await send(CARL, 'two'), /^250 /)
    assert.ok(world.simulation.nowMs - nextMs < 2000)
    isSlow = false
    await world.quiet()
    assert.equal(taken, 2)
  })

  test('slow after the final dot: it may have it already, so its answer is waited for, and there is one copy', async () => {
    const { world, far, send } = await withFar(`${MOVED}\nold: forward-wait=20s`)
    let taken = 0
    await serveScript(world, far, {
      message: async () => {
        taken++
        await far.world.clock.sleep(90_000)
        return reply(250, '', 'thanks')
      },
    })
    assert.match(await send(CARL), /^250 2\.0\.0 accepted as \w+; mail\.far\.test took it$/)
    await world.quiet()
    assert.equal(taken, 1)
    assert.equal(world.agent('old').store.queue.length(), 0)
  })

  test('forward-mode=queue asks nobody', async () => {
    const { world, far, send } = await withFar(`${MOVED}\nold: forward-mode=queue`)
    await serveScript(world, far, { message: () => reply(550, '5.7.1', 'no') })
    assert.match(await send(CARL), /^250 2\.0\.0 accepted as \w+$/)
  })
})

describe('whoever vanishes, and when', () => {
  test('the target, after the final dot: the queue sends the same bytes again', async () => {
    const { world, far, send } = await withFar()
    const got: string[] = []
    const policy = {
      message: ({ source }: { source: Buffer }) => {
        got.push(source.toString('latin1').replace(/^Received: [\s\S]*?\r\n(?! )/, ''))
        if (got.length === 1) far.crash()
        return reply(250, '', 'thanks')
      },
    }
    await serveScript(world, far, policy)
    assert.match(await send(CARL), /^250 2\.0\.0 accepted as \w+$/)
    assert.equal(world.agent('old').store.queue.length(), 1)
    far.restart()
    await serveScript(world, far, policy)
    await world.quiet()
    assert.equal(got.length, 2)
    assert.equal(got[0], got[1])
  })

  test('the sender, while it waits: it comes again, hears that it was accepted, and there is one copy', async () => {
    const { world, far, relay, letter, send } = await withFar()
    let taken = 0
    await serveScript(world, far, {
      message: async () => {
        taken++
        await far.world.clock.sleep(10_000)
        return reply(250, '', 'thanks')
      },
    })
    const waiting = world.sending(relay, 'old', 'smtp', letter(CARL, 'one')).catch(() => [])
    await world.run(far.world.clock.sleep(5000))
    relay.crash()
    void waiting
    assert.equal(taken, 1)
    await world.run(far.world.clock.sleep(20_000))
    relay.restart()
    assert.match(await send(CARL), /^250 2\.0\.0 accepted as \w+ before/)
    assert.equal(taken, 1)
    assert.equal(world.agent('old').store.queue.length(), 0)
  })

  /** With 20 ms to everywhere, the target has it after 948 ms and the sender knows after 988: times in every state. */
  const TIMES_MS = [20, 120, 220, 320, 390, 400, 410, 470, 570, 670, 770, 870, 930, 944, 954, 964, 974, 984, 994]
  for (const who of ['sender', 'old', 'recipient'] as const)
    test(`${who} crashes at any moment and comes back: one copy, and no bounce`, async () => {
      const states = new Set<string>()
      for (const timeMs of TIMES_MS) {
        const world = await TestSystem.start(MOVED, { latencyMs: 20 })
        assert.match((await world.submit('dora@old.test'))[0]!, /^250 /)
        const { clock } = world.stranger('127.0.99.9').world
        await world.run(clock.sleep(timeMs))
        const arrived = (await world.mail('recipient', DORA)).length
        states.add(
          `${world.agent('sender').store.queue.length()} ${world.agent('old').store.queue.length()} ${arrived}`,
        )
        world.system.crash(who)
        await world.run(clock.sleep(30_000))
        await world.run(world.system.restart(who))
        await world.quiet()
        assert.equal((await world.mail('recipient', DORA)).length, 1, `after ${timeMs} ms`)
        assert.equal((await world.mail('sender', ANNA)).length, 0, `a bounce after ${timeMs} ms`)
      }
      // At the sender only; in our queue too, while the target is asked; at the target too; at the target only.
      assert.deepEqual([...states].sort(), ['0 0 1', '1 0 0', '1 0 1', '1 1 0', '1 1 1'])
    })

  test('the Forwarder, while it asks: what it had promised itself leaves as soon as it is back', async () => {
    const world = await TestSystem.start(MOVED, { latencyMs: 20 })
    await world.submit('dora@old.test')
    const { clock } = world.stranger('127.0.99.9').world
    await world.run(clock.sleep(470))
    world.system.crash('old')
    await world.run(world.system.restart('old'))
    assert.equal(world.agent('old').store.queue.length(), 1)
    await world.run(clock.sleep(5000))
    assert.equal(world.agent('old').store.queue.length(), 0)
    assert.equal((await world.mail('recipient', DORA)).length, 1)
  })

  test("the Forwarder's disk: its sender is asked to come again, and the target is not bothered", async () => {
    const { world, far, send } = await withFar()
    const server = await serveScript(world, far, { message: () => reply(250, '', 'thanks') })
    const { disk } = world.system.hostOf('old')
    disk.fault({ operation: 'append', code: 'full', times: Number.POSITIVE_INFINITY })
    assert.match(await send(CARL), /^452 4\.3\.1 /)
    assert.equal(server.sessions, 0)
    disk.repair()
    assert.match(await send(CARL), /^250 .*took it$/)
  })
})

describe('copies, pauses and junk', () => {
  test('keep=yes: a copy stays here, whatever the target says, and nobody hears of its refusal', async () => {
    const { world, far, send } = await withFar(`${MOVED}\nold: keep=yes`)
    await serveScript(world, far, { message: () => reply(550, '5.7.1', 'no') })
    assert.match(await send(CARL), /^250 /)
    await world.quiet()
    assert.equal((await world.mail('old', CARL)).length, 1)
    assert.equal(world.events('old', 'bounced').length, 1)
    assert.equal(world.events('old', 'queued').length, 0)
  })

  test('keep=yes: what was judged junk stays in Junk here and is not passed on, unless told', async () => {
    for (const told of [false, true]) {
      const { world, far, relay, letter } = await withFar(
        `${MOVED}\nold: keep=yes, forward-junk=${told ? 'yes' : 'no'}`,
      )
      const server = await serveScript(world, far, { message: () => reply(250, '', 'thanks') })
      world.publish(domainAt('other.test', '192.0.2.99', 'quarantine'))
      const forged = { ...letter(CARL, 'x'), text: 'From: gina@other.test\nSubject: hello\n\nHello\n' }
      assert.match((await world.send(relay, 'old', 'smtp', forged))[0]!, /^250 /)
      await world.quiet()
      assert.equal((await world.mail('old', CARL, 'junk')).length, told ? 0 : 1)
      assert.equal(server.sessions, told ? 1 : 0)
    }
  })

  test('keep=yes: what is submitted by somebody here goes on and stays, too', async () => {
    const text = `${MOVED}\n\nAuthor@olga ==> MSA/Transmitter@old --> / --> Receiver/MDA@recipient`
    const { world, far } = await withFar(`${text}\nold: keep=yes\nolga: address=olga@old.test, password=demo`)
    const server = await serveScript(world, far, { message: () => reply(250, '', 'thanks') })
    const computer = world.stranger('127.0.99.3')
    const letter = { from: 'olga@old.test', to: CARL, login: 'olga@old.test' }
    assert.match((await world.send(computer, 'old', 'submission', letter))[0]!, /^250 /)
    await world.quiet()
    assert.equal(server.sessions, 1)
    assert.equal((await world.mail('old', CARL)).length, 1)
  })

  for (const mode of ['true', 'queue'])
    test(`a target that refuses ${PAUSE_AFTER} times in a row: the forward is paused and its mail kept (mode ${mode})`, async () => {
      const { world, far, send } = await withFar(`${MOVED}\nold: forward-mode=${mode}, expires=10m`)
      let refuses = true
      const server = await serveScript(world, far, {
        message: () => (refuses ? reply(550, '5.2.1', 'disabled') : reply(250, '', 'thanks')),
      })
      for (let i = 0; i < PAUSE_AFTER; i++) {
        await send(CARL, `n${i}`)
        await world.quiet()
      }
      const [letter, ...others] = await world.mail('old', CARL)
      assert.equal(others.length, 0)
      assert.match(letter!.text, /Subject: Forwarding to carl@far\.test is paused/)
      assert.match(letter!.text, /550 5\.2\.1 disabled/)
      const sessions = server.sessions
      assert.match(await send(CARL, 'kept'), /^250 /)
      assert.equal((await world.mail('old', CARL)).length, 2)
      assert.equal(server.sessions, sessions)
      // Resumed, and well again: it is as if nothing had been.
      refuses = false
      const health = { refusals: 1, pausedAtMs: null, lastReply: '' }
      await world.run(world.agent('old').store.commit([{ kind: 'forward.health', from: CARL, health }]))
      assert.match(await send(CARL, 'again'), /^250 /)
      await world.quiet()
      assert.equal(world.agent('old').store.forwardHealth(CARL)!.refusals, 0)
    })
})
