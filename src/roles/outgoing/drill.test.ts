// The drill: somebody has the password of an Author here and sends ten thousand messages. At most a hundred leave, whatever
// way they are handed in; what is held is told, kept, and goes on when somebody who may says so.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SmtpConnection } from '../../protocols/smtp/client.ts'
import { replyText } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { backendsOf } from '../../system/web.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { SendingDesk } from '../msa/sending.ts'
import { forwardPathOf, reversePathOf } from '../routing.ts'
import { outgoingDesk } from './desk.ts'
import { authorKey, standingOf } from './gate.ts'

const ANNA = 'anna@sender.test'
const STRICT = `${TWO_AGENTS}\nsender: outgoing="500/2000"\n`
const MANY = 10_000

/** A world in which everything that reaches victims.test is counted. */
async function startDrill(text = STRICT) {
  const world = await TestSystem.start(text)
  const arrived: { to: string; atMs: number }[] = []
  const host = world.stranger('192.0.2.200', domainAt('victims.test', '192.0.2.200'))
  await serveScript(world, host, {
    async message({ envelope }) {
      for (const { forwardPath } of envelope.recipients)
        if (forwardPath.type === 'mailbox')
          arrived.push({ to: forwardPath.mailbox.localPart, atMs: world.simulation.nowMs })
      return { code: 250, enhanced: '2.0.0', lines: ['ok'] }
    },
  })
  return { world, arrived, agent: world.agent('sender') }
}

const spam = (n: number) =>
  `From: ${ANNA}\r\nTo: v${n}@victims.test\r\nSubject: Offer ${n}\r\n\r\nDear v${n}, our shop has shoes at half the price this week only, come and see.\r\n`

/** Sends as fast as it goes, and comes again when it is sent away; what was replied to each. */
async function stealing(world: TestSystem, count: number): Promise<string[]> {
  const thief = world.stranger('198.51.100.66')
  const replies: string[] = []
  while (replies.length < count) replies.push(...(await visiting(world, thief, replies.length, count)))
  return replies
}

async function visiting(world: TestSystem, { world: outside }: SimulatedHost, from: number, to: number) {
  const connection = await SmtpConnection.open({
    network: outside.network,
    clock: outside.clock,
    endpoint: world.system.agent('sender').endpoint('submission')!,
    serverName: 'mail.sender.test',
    heloName: 'thief.test',
    tls: 'required',
    login: { user: ANNA, password: 'demo', cpu: outside.cpu, random: outside.random },
  })
  assert.ok(connection instanceof SmtpConnection)
  const replies: string[] = []
  for (let n = from; n < to && !connection.closed; n++) {
    const result = await connection.send({
      envelope: {
        reversePath: reversePathOf(ANNA),
        recipients: [{ forwardPath: forwardPathOf(`v${n}@victims.test`) }],
        body: '7BIT',
        smtputf8: false,
      },
      message: Buffer.from(spam(n)),
    })
    if (!result.stale) replies.push(replyText(result.recipients[0]!.reply))
  }
  await connection.quit()
  return replies
}

describe('a stolen account', () => {
  test('ten thousand messages at submission: at most a hundred leave, and it is told', async () => {
    const { world, arrived, agent } = await startDrill()
    const beganMs = world.simulation.nowMs
    const replies = await world.run(stealing(world, MANY), 3 * 86_400_000)
    await world.passTime(3 * 3_600_000)
    assert.ok(arrived.length > 0 && arrived.length <= 100, `${arrived.length} left`)
    const anna = agent.store.accountByAddress(ANNA)!
    const standing = standingOf(agent, authorKey(anna))
    assert.equal(standing.rung, 'suspend')
    assert.match(replies.at(-1)!, /^550 5\.7\.1 mail from anna@sender\.test to others is suspended/)
    // Nothing that was taken is lost: it left, or it lies there.
    const taken = replies.filter((reply) => reply.startsWith('250')).length
    const held = agent.store.queue.entries({}, MANY).filter(({ state }) => state === 'held')
    assert.equal(arrived.length + held.length, taken)
    assert.ok(held.every(({ lastReply }) => lastReply.startsWith('held by our outgoing control')))
    // Anna's programs see it, too.
    assert.equal(new SendingDesk(agent, anna).message(held.at(-1)!.trace)?.status, 'held')
    const notices = await world.mail('sender', 'postmaster@sender.test')
    assert.deepEqual(
      notices.map(({ text }) => /^Subject: (.*)\r$/m.exec(text)![1]),
      [
        'anna@sender.test: mail to new people is slowed',
        'anna@sender.test: mail is held',
        'anna@sender.test: sending is suspended',
      ],
    )
    assert.equal((await world.mail('sender', ANNA)).length, 3)
    const [hold] = notices.filter(({ text }) => text.includes('mail is held'))
    const heldAtMs = Date.parse(/^Date: (.*)\r$/m.exec(hold!.text)![1]!) - world.simulation.startMs
    assert.ok(heldAtMs - beganMs <= 60_000, `held after ${heldAtMs - beganMs} ms`)
    console.log(`# ${arrived.length} left, ${held.length} held, ${MANY - taken} refused`)
  })

  test('ten thousand at once through JMAP: the same', async () => {
    const { world, arrived, agent } = await startDrill()
    const person = backendsOf([world.system.agent('sender')]).accountFor(ANNA)!
    const all = Array.from({ length: MANY }, (_, n) =>
      person.submit(person.account, {
        reversePath: ANNA,
        forwardPaths: [`v${n}@victims.test`],
        source: Buffer.from(spam(n)),
      }),
    )
    const replies = (await world.run(Promise.all(all), 86_400_000)).map(({ reply }) => reply.code)
    await world.passTime(3 * 3_600_000)
    assert.ok(arrived.length > 0 && arrived.length <= 100, `${arrived.length} left`)
    const held = agent.store.queue.entries({}, MANY).filter(({ state }) => state === 'held')
    assert.equal(arrived.length + held.length, replies.filter((code) => code === 250).length)
    console.log(`# ${arrived.length} left, ${held.length} held`)
  })

  test('through the sending API: the same gate', async () => {
    const { world, arrived } = await startDrill()
    const backends = backendsOf([world.system.agent('sender')])
    const desk = backends.sending(backends.accountFor(ANNA)!)!
    for (let n = 0; n < 400; n++) {
      const mail = { reversePath: ANNA, forwardPaths: [`v${n}@victims.test`], source: Buffer.from(spam(n)) }
      const sent = await world.run(desk.send(mail))
      if (n === 399) assert.match(sent.state === 'refused' ? sent.reply.lines.join() : sent.state, /suspended/)
    }
    await world.passTime(3 * 3_600_000)
    assert.ok(arrived.length > 0 && arrived.length <= 100, `${arrived.length} left`)
  })

  test('stands where he stood after the machine fell', async () => {
    const { world, agent } = await startDrill()
    const person = backendsOf([world.system.agent('sender')]).accountFor(ANNA)!
    const forwardPaths = Array.from({ length: 90 }, (_, n) => `v${n}@victims.test`)
    await world.run(person.submit(person.account, { reversePath: ANNA, forwardPaths, source: Buffer.from(spam(0)) }))
    const key = authorKey(person.account)
    const before = standingOf(agent, key)
    world.system.crash('sender')
    await world.run(world.system.restart('sender'))
    assert.deepEqual(standingOf(world.agent('sender'), key), before)
    assert.deepEqual([before.rung, world.agent('sender').store.outgoing.waiting(key).held], ['hold', 90])
  })

  test('one message to ten thousand people is held whole', async () => {
    const { world, arrived, agent } = await startDrill()
    const person = backendsOf([world.system.agent('sender')]).accountFor(ANNA)!
    const forwardPaths = Array.from({ length: MANY }, (_, n) => `v${n}@victims.test`)
    const { reply } = await world.run(
      person.submit(person.account, { reversePath: ANNA, forwardPaths, source: Buffer.from(spam(0)) }),
      86_400_000,
    )
    assert.equal(reply.code, 250)
    await world.passTime(3_600_000)
    assert.equal(arrived.length, 0)
    assert.equal(agent.store.outgoing.waiting(authorKey(person.account)).held, MANY)
  })
})

const CARRIED = `
Author@anna ==> MSA@sender ==> Transmitter@carrier --> / --> Receiver/MDA@recipient ==> Recipient@bob

sender:    domain=sender.test, ip=127.0.10.1, filter=no
carrier:   domain=carrier.test, ip=127.0.11.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo
`

test('a partner under contract passes the gate of its Transmitter, and has a rung of its own', async () => {
  const world = await TestSystem.start(CARRIED)
  const carrier = world.agent('carrier')
  await world.submit('bob@recipient.test')
  await world.quiet()
  assert.equal(carrier.store.outgoing.hours('contract sender', 0)[0]?.strangers, 1)
  await world.run(outgoingDesk(carrier, { verb: 'outgoing', action: 'suspend', who: '@sender' }))
  await world.submit('bob@recipient.test')
  await world.quiet()
  assert.equal((await world.mail('recipient', 'bob@recipient.test')).length, 1)
  assert.match(world.events('sender', 'bounced')[0]!.text, /mail from sender to others is suspended/)
})
