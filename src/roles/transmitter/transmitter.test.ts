// The Transmitter in the simulated world: retries, bounces, connections, and faults of its own machine.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { DiskError } from '../../world/disk.ts'
import { queueCommand } from '../routing.ts'

const ANNA = 'anna@sender.test'
const FAR = 'carl@far.test'
const FAR_IP = '127.0.50.1'
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Two agents, and a mail server of far.test that answers as told: one reply after another, the last for ever. */
async function withFar(answers: readonly Reply[], text = TWO_AGENTS) {
  const world = await TestSystem.start(text)
  const taken: InboundMessage[] = []
  const atMs: number[] = []
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  const server = await serveScript(world, far, {
    message(message) {
      const answer = answers[Math.min(atMs.length, answers.length - 1)]!
      atMs.push(world.simulation.nowMs)
      if (answer.code < 400) taken.push(message)
      return answer
    },
  })
  return { world, taken, atMs, far, server }
}

const TAKEN = reply(250, '2.0.0', 'taken')
const LATER = reply(451, '4.2.0', 'come back later')
const NEVER = reply(550, '5.1.1', 'no Carl here')

describe('retries', () => {
  test('a deferred message is tried again after waits that grow, and arrives', async () => {
    const { world, taken, atMs } = await withFar([LATER, LATER, LATER, LATER, TAKEN])
    await world.submit(FAR)
    await world.quiet()
    assert.equal(taken.length, 1)
    const waits = atMs.slice(1).map((ms, i) => (ms - atMs[i]!) / 1000)
    for (const [i, wanted] of [60, 300, 900, 1800].entries())
      assert.ok(Math.abs(waits[i]! - wanted) <= wanted * 0.05 + 2, `wait ${i}: ${waits[i]} s`)
    assert.deepEqual(
      world.events('sender').flatMap(({ role, kind }) => (role === 'Transmitter' ? [kind] : [])),
      ['deferred', 'deferred', 'deferred', 'deferred', 'transmitted'],
    )
  })

  test('waits are bounded: five days take about twenty attempts, and the last one ends in a bounce', async () => {
    const { world, atMs } = await withFar([LATER])
    await world.submit(FAR)
    await world.quiet()
    assert.ok(atMs.length > 15 && atMs.length < 30, `${atMs.length} attempts`)
    const longest = Math.max(...atMs.slice(1).map((ms, i) => ms - atMs[i]!))
    assert.ok(longest <= 8.5 * HOUR, `${longest / HOUR} h`)
    // With the warnings: after four hours, and each day.
    const failed = (await world.mail('sender', ANNA)).filter(({ text }) => /^Action: failed/m.test(text))
    assert.equal(failed.length, 1)
  })

  test('no answer from DNS for three days bounces nothing', async () => {
    const { world, taken } = await withFar([TAKEN])
    world.simulation.links.partition('sender', 'dns')
    await world.submit(FAR)
    await world.simulation.runFor(72 * HOUR)
    assert.equal(world.agent('sender').store.queue.length(), 1)
    const told = await world.mail('sender', ANNA)
    assert.deepEqual(
      told.filter(({ text }) => !/^Action: delayed/m.test(text)),
      [],
    )
    assert.match(world.agent('sender').store.queue.entries()[0]!.lastReply, /^451 4\.4\.3 no answer from DNS/)
    world.simulation.links.heal('sender', 'dns')
    await world.quiet()
    assert.equal(taken.length, 1)
  })

  test('one transaction, three answers: each recipient has his own', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
    const answers: Readonly<Record<string, Reply | undefined>> = { later: LATER, never: NEVER }
    let messages = 0
    await serveScript(world, far, {
      recipient: (path) => answers[path.type === 'mailbox' ? path.mailbox.localPart : ''],
      message() {
        messages++
        return TAKEN
      },
    })
    await world.submit(['never@far.test', 'taken@far.test', 'later@far.test'])
    await world.simulation.runFor(10_000)
    assert.equal(messages, 1)
    const of = (kind: 'transmitted' | 'bounced' | 'deferred') =>
      world.events('sender', kind).map(({ forwardPath }) => forwardPath)
    assert.deepEqual(of('transmitted'), ['taken@far.test'])
    assert.deepEqual(of('bounced'), ['never@far.test'])
    assert.deepEqual(of('deferred'), ['later@far.test'])
    assert.deepEqual(
      world
        .agent('sender')
        .store.queue.entries()
        .map(({ forwardPath, lastReply }) => [forwardPath, lastReply.slice(0, 9)]),
      [['later@far.test', '451 4.2.0']],
    )
    const [bounce] = await world.mail('sender', ANNA)
    const told = [...bounce!.text.matchAll(/^Final-Recipient: rfc822; ?(\S+)/gm)].map(([, address]) => address)
    assert.deepEqual(told, ['never@far.test'])
  })

  test('what failed together does not come back together; the recipients of one message do, in one transaction', async () => {
    const { world, taken, atMs } = await withFar([LATER, LATER, LATER, LATER, LATER, TAKEN])
    const agent = world.agent('sender')
    const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\nx\r\n`)]))
    const mail = { blob, reversePath: ANNA, parameters: {}, origin: 'msa' } as const
    const five = ['a', 'b', 'c', 'd', 'e'].flatMap((trace) =>
      Array.from({ length: 10 }, (_, n) => queueCommand(agent, { ...mail, trace }, `${trace}${n}@far.test`)),
    )
    await world.run(agent.store.commit(five))
    await world.simulation.run(
      () => atMs.length === 5 && agent.store.queue.entries().every(({ attempts }) => attempts > 0),
    )
    const dueMs = Map.groupBy(agent.store.queue.entries(), ({ trace }) => trace)
    const waits = [...dueMs.values()].map((entries) => new Set(entries.map(({ nextAttemptAtMs }) => nextAttemptAtMs)))
    assert.deepEqual(
      waits.map(({ size }) => size),
      [1, 1, 1, 1, 1],
    )
    assert.equal(new Set(waits.map(([ms]) => ms)).size, 5)
    await world.quiet()
    assert.equal(taken.length, 5)
    assert.ok(taken.every(({ envelope }) => envelope.recipients.length === 10))
  })

  test('destinations that fell silent together are not asked again together', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const names = Array.from({ length: 8 }, (_, n) => `far${n}.test`)
    for (const [n, name] of names.entries()) world.publish(domainAt(name, `127.0.51.${n + 1}`))
    await world.submit(names.map((name) => `x@${name}`))
    await world.simulation.run(() => world.events('sender', 'deferred').length === names.length)
    const { queue } = world.agent('sender').store
    const waits = world
      .events('sender', 'deferred')
      .map(({ forwardPath, atMs }) => queue.lane({ domain: forwardPath.slice(2), share: '' })!.restsUntilMs - atMs)
    assert.ok(
      waits.every((ms) => ms > 55_000 && ms < 65_000),
      waits.join(),
    )
    assert.ok(Math.max(...waits) - Math.min(...waits) > 500, waits.join())
  })

  test('a host that takes one recipient at a time gets the others at once', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const one = reply(452, '4.5.3', 'one at a time')
    let recipients = 0
    let messages = 0
    const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
    await serveScript(world, far, {
      mail() {
        recipients = 0
        return undefined
      },
      recipient: () => (++recipients > 1 ? one : undefined),
      message() {
        messages++
        return TAKEN
      },
    })
    const startMs = world.simulation.nowMs
    await world.submit(['a@far.test', 'b@far.test', 'c@far.test'])
    await world.quiet()
    assert.equal(messages, 3)
    assert.ok(world.simulation.nowMs - startMs < 30_000)
  })
})

describe('bounces', () => {
  test('time runs out: the Author gets a report that says what was tried (RFC 3464)', async () => {
    const text = `${TWO_AGENTS}\nsender: retry="1m 5m", expires=1h`
    const { world, atMs } = await withFar([LATER], text)
    await world.submit(FAR, `From: ${ANNA}\nTo: ${FAR}\nMessage-ID: <one@sender.test>\nSubject: late\n\nI am late\n`)
    const startMs = world.simulation.nowMs
    await world.quiet()
    const lastMs = atMs.at(-1)! - startMs
    assert.ok(lastMs >= HOUR - MINUTE && lastMs < HOUR + MINUTE, `${lastMs / MINUTE} min`)
    const [report] = await world.mail('sender', ANNA)
    const fields = [
      /^Return-Path: <>\r$/m,
      /^From: "?Mail Delivery"? <postmaster@sender\.test>\r$/m,
      /^To: anna@sender\.test\r$/m,
      /^Auto-Submitted: auto-replied\r$/m,
      /report-type=delivery-status/,
      /^Reporting-MTA: dns; mail\.sender\.test\r$/m,
      /^Final-Recipient: rfc822; carl@far\.test\r$/m,
      /^Action: failed\r$/m,
      /^Status: 4\.4\.7\r$/m,
      /^Remote-MTA: dns; mail\.far\.test\r$/m,
      /^Diagnostic-Code: smtp; 451 4\.2\.0 come back later\r$/m,
      /^References: <one@sender\.test>\r$/m,
      /^I am late\r$/m,
    ]
    for (const field of fields) assert.match(report!.text, field)
  })

  test('a refusal comes back at once, one report for all recipients of the message', async () => {
    const { world } = await withFar([NEVER])
    await world.submit([FAR, 'cora@far.test'])
    await world.quiet()
    const reports = await world.mail('sender', ANNA)
    assert.equal(reports.length, 1)
    assert.match(reports[0]!.text, /^Status: 5\.1\.1\r$/m)
    assert.match(reports[0]!.text, /^Final-Recipient: rfc822; carl@far\.test\r$/m)
    assert.match(reports[0]!.text, /^Final-Recipient: rfc822; cora@far\.test\r$/m)
  })

  test('a domain that does not exist, and one that takes no mail, bounce at once', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    world.publish([{ name: 'silent.test', type: 'MX', ttlS: 60, data: { preference: 0, exchange: '' } }])
    await world.submit(['x@nowhere.test', 'x@silent.test'])
    await world.quiet()
    const texts = (await world.mail('sender', ANNA)).map(({ text }) => text)
    assert.equal(texts.length, 2)
    assert.ok(texts.some((text) => /^Status: 5\.1\.2\r$/m.test(text)))
    assert.ok(texts.some((text) => /^Status: 5\.1\.10\r$/m.test(text)))
  })

  test('what has the null reverse-path never bounces to anybody: the postmaster gets it', async () => {
    const { world } = await withFar([NEVER])
    const text = `From: ${ANNA}\nTo: ${FAR}\nSubject: read\n\nread\n`
    const computer = world.stranger('127.0.99.5')
    await world.send(computer, 'sender', 'submission', { from: '', to: FAR, login: ANNA, text })
    await world.quiet()
    assert.equal((await world.mail('sender', ANNA)).length, 0)
    const [double] = await world.mail('sender', 'postmaster@sender.test')
    assert.match(double!.text, /^Final-Recipient: rfc822; carl@far\.test\r$/m)
  })

  test('NOTIFY=NEVER is kept: no report', async () => {
    const { world } = await withFar([NEVER])
    const agent = world.agent('sender')
    const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\nhello\r\n`)]))
    const mail = { trace: 'never', blob, reversePath: ANNA, parameters: { notify: [] }, origin: 'msa' } as const
    await world.run(agent.store.commit([queueCommand(agent, mail, FAR)]))
    await world.quiet()
    assert.equal((await world.mail('sender', ANNA)).length, 0)
    assert.match(world.events('sender', 'bounced')[0]!.text, /wants no notification/)
  })

  test('a very large message comes back as its header', async () => {
    const { world } = await withFar([NEVER])
    await world.submit(FAR, `From: ${ANNA}\nSubject: big\n\n${'x'.repeat(78).concat('\n').repeat(20_000)}`)
    await world.quiet()
    const [report] = await world.mail('sender', ANNA)
    assert.ok(report!.text.length < 20_000)
    assert.match(report!.text, /^Subject: big\r$/m)
  })
})

describe('connections', () => {
  test('many messages to one domain travel over a few connections', async () => {
    const { world, taken, server } = await withFar([TAKEN])
    const agent = world.agent('sender')
    const commands = []
    for (let n = 0; n < 300; n++) {
      const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\n${n}\r\n`)]))
      const mail = { trace: `t${n}`, blob, reversePath: ANNA, parameters: {}, origin: 'msa' } as const
      commands.push(queueCommand(agent, mail, FAR))
    }
    await world.run(agent.store.commit(commands))
    await world.quiet()
    assert.equal(taken.length, 300)
    assert.ok(server.sessions <= 5, `${server.sessions} connections`)
  })

  test('a host that wants one connection only is served over one', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    let open = 0
    let taken = 0
    const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
    const inside = new WeakSet<object>()
    await serveScript(world, far, {
      connected(session) {
        if (open > 0) return reply(421, '4.7.0', 'one is enough')
        open++
        inside.add(session)
        return undefined
      },
      disconnected(session) {
        if (inside.delete(session)) open--
      },
      message() {
        taken++
        return TAKEN
      },
    })
    const startMs = world.simulation.nowMs
    for (let n = 0; n < 20; n++) await world.submit(`carl${n}@far.test`)
    await world.quiet()
    assert.equal(taken, 20)
    assert.deepEqual(world.events('sender', 'deferred'), [])
    assert.ok(world.simulation.nowMs - startMs < MINUTE)
  })

  test('a kept connection that the other side has closed costs nothing: the message goes at once on a new one', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    let taken = 0
    const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
    const policy = {
      message() {
        taken++
        return TAKEN
      },
    }
    const server = await serveScript(world, far, policy, { timeouts: { commandMs: 1000 } })
    await world.submit(FAR)
    await world.simulation.run(() => taken === 1)
    await world.simulation.runFor(1200)
    await world.submit(FAR)
    await world.quiet()
    assert.equal(taken, 2)
    assert.equal(server.sessions, 2)
    assert.deepEqual(world.events('sender', 'deferred'), [])
  })

  test('exchanges are tried in order of preference, the next when one is dead', async () => {
    const { world, taken } = await withFar([TAKEN])
    world.stranger('127.0.50.2')
    world.publish([
      { name: 'two.test', type: 'MX', ttlS: 60, data: { preference: 20, exchange: 'mail.far.test' } },
      { name: 'two.test', type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'dead.two.test' } },
      { name: 'dead.two.test', type: 'A', ttlS: 60, data: '127.0.50.2' },
    ])
    await world.submit('x@two.test')
    await world.quiet()
    assert.equal(taken.length, 1)
    assert.deepEqual(world.events('sender', 'deferred'), [])
  })

  test('one host that refuses to talk for good is no reason to bounce while another is only silent', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const rude = world.stranger('127.0.50.3')
    world.stranger('127.0.50.4')
    await serveScript(world, rude, { connected: () => reply(554, '5.7.1', 'go away'), message: () => TAKEN })
    world.publish([
      { name: 'two.test', type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'silent.two.test' } },
      { name: 'two.test', type: 'MX', ttlS: 60, data: { preference: 20, exchange: 'rude.two.test' } },
      { name: 'rude.two.test', type: 'A', ttlS: 60, data: '127.0.50.3' },
      { name: 'silent.two.test', type: 'A', ttlS: 60, data: '127.0.50.4' },
    ])
    await world.submit('x@two.test')
    await world.simulation.runFor(5 * MINUTE)
    assert.equal(world.agent('sender').store.queue.length(), 1)
    assert.equal((await world.mail('sender', ANNA)).length, 0)
  })

  test('a dead destination with much mail does not delay another', async () => {
    const { world, taken } = await withFar([TAKEN])
    const dead = Array.from({ length: 8 }, (_, n) => `127.0.60.${n}`)
    for (const [n, ip] of dead.entries()) {
      world.stranger(ip, domainAt(`dead${n}.test`, ip))
      world.simulation.links.partition('sender', `stranger ${ip}`)
    }
    const agent = world.agent('sender')
    const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\nx\r\n`)]))
    const commands = Array.from({ length: 4000 }, (_, n) =>
      queueCommand(
        agent,
        { trace: `d${n}`, blob, reversePath: ANNA, parameters: {}, origin: 'msa' },
        `x${n}@dead${n % dead.length}.test`,
      ),
    )
    await world.run(agent.store.commit(commands))
    const startMs = world.simulation.nowMs
    await world.submit(FAR)
    await world.simulation.run(() => taken.length === 1 || world.simulation.nowMs > startMs + HOUR)
    assert.ok(world.simulation.nowMs - startMs < 2000, `${world.simulation.nowMs - startMs} ms`)
    // One message of each tries now and then; the others wait, and it is known why.
    await world.simulation.runFor(15 * MINUTE)
    const tried = agent.store.queue.entries({}, 5000).filter(({ attempts }) => attempts > 0).length
    assert.ok(tried >= dead.length && tried <= 5 * dead.length, `${tried} tried`)
    const { waiting, failures, lastReply, restsUntilMs } = agent.store.queue.lane({ domain: 'dead0.test', share: '' })!
    assert.equal(waiting, 500)
    assert.ok(failures >= 2 && restsUntilMs > agent.world.clock.now() - 2 * MINUTE)
    assert.match(lastReply, /^421 4\.4\.1 no connection/)
  })
})

test('large messages wait for each other, so that memory is bounded', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const { store } = world.agent('sender')
  const { queue } = store
  const after = queue.after.bind(queue)
  const asIfLarge = 100 * 1024 * 1024
  queue.after = (id, limit) =>
    after(id, limit).map((entry) => ({ ...entry, blob: { ...entry.blob, sizeBytes: asIfLarge } }))
  let atOnce = 0
  let most = 0
  let taken = 0
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  await serveScript(world, far, {
    async message() {
      most = Math.max(most, ++atOnce)
      await far.world.clock.sleep(2000)
      atOnce--
      taken++
      return TAKEN
    },
  })
  for (let n = 0; n < 8; n++) await world.submit(`carl${n}@far.test`)
  await world.quiet()
  assert.equal(taken, 8)
  assert.equal(most, 2)
})

describe('faults of our own', () => {
  test('while another node may be carrying, nothing is sent; then everything, once', async () => {
    const { world, taken } = await withFar([TAKEN])
    let isAlone = false
    Object.assign(world.agent('sender'), { isAlone: () => isAlone })
    await world.submit(FAR)
    await world.submit(FAR)
    await world.simulation.runFor(5 * MINUTE)
    assert.equal(taken.length, 0)
    isAlone = true
    await world.quiet()
    assert.equal(taken.length, 2)
  })

  test('while the disk refuses to keep what happened, nothing is sent again', async () => {
    const { world, taken } = await withFar([TAKEN])
    const { store } = world.agent('sender')
    const commit = store.commit.bind(store)
    let refusals = 0
    store.commit = async (batch) => {
      if (batch.some(({ kind }) => kind === 'queue.remove') && refusals++ < 5) throw new DiskError('full', 'full')
      return commit(batch)
    }
    await world.submit(FAR)
    await world.quiet()
    assert.equal(refusals, 6)
    assert.equal(taken.length, 1)
    assert.match(world.complaints[0]!, /cannot be kept now/)
  })

  for (const read of ['after', 'nextDueMs', 'due', 'lanesDue', 'waits', 'lane'] as const)
    test(`while the queue cannot be read (${read}), mail waits, and arrives when it can be`, async () => {
      const { world, taken } = await withFar([LATER, TAKEN])
      const { store } = world.agent('sender')
      const can = store.queue[read].bind(store.queue) as (...asked: unknown[]) => never
      let refusals = 0
      Object.assign(store.queue, {
        [read]: (...asked: unknown[]) => {
          if (refusals++ < 2) throw new DiskError('failed', 'disk I/O error')
          return can(...asked)
        },
      })
      await world.submit(FAR)
      await world.simulation.runFor(HOUR)
      assert.ok(refusals > 2)
      assert.equal(taken.length, 1)
      assert.equal(store.queue.length(), 0)
    })

  test('a message whose stored copy cannot be read is held where an administrator sees it; other mail goes on', async () => {
    const { world, taken } = await withFar([TAKEN])
    const { store } = world.agent('sender')
    const readBlob = store.readBlob.bind(store)
    await world.submit('broken@far.test')
    const entry = store.queue.entries()[0]!
    store.readBlob = async (ref, range) => {
      if (ref.hash === entry.blob.hash) throw new DiskError('failed', 'not what was written')
      return readBlob(ref, range)
    }
    await world.submit(FAR)
    await world.quiet()
    assert.equal(taken.length, 1)
    const [held] = store.queue.entries()
    assert.equal(held!.state, 'held')
    assert.match(held!.lastReply, /stored copy of the message cannot be read/)
    assert.equal(world.events('sender', 'held').length, 1)
  })

  test('a stop lets the transaction under way come to its reply: nothing is sent twice after the start', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    let taken = 0
    const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
    await serveScript(world, far, {
      async message() {
        taken++
        await far.world.clock.sleep(5000)
        return TAKEN
      },
    })
    await world.submit(FAR)
    await world.simulation.run(() => taken === 1)
    await world.run(world.system.agent('sender').stop(20_000))
    await world.run(world.system.restart('sender'))
    await world.simulation.runFor(10 * MINUTE)
    assert.equal(taken, 1)
    assert.equal(world.agent('sender').store.queue.length(), 0)
  })

  test('an entry that was never addressed rightly is held, not tried for ever', async () => {
    const { world } = await withFar([TAKEN])
    const agent = world.agent('sender')
    const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\nx\r\n`)]))
    const mail = { trace: 'bad', blob, reversePath: 'not an address', parameters: {}, origin: 'msa' } as const
    await world.run(agent.store.commit([queueCommand(agent, mail, FAR)]))
    await world.quiet()
    assert.equal(agent.store.queue.entries()[0]!.state, 'held')
  })
})
