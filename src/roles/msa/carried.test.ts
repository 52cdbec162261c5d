// What an Author may ask for beside the message, where another agent is the Transmitter (`MSA ==> Transmitter`): it hears
// all of it, heeds it, and hands it on to who offers it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { ServeOptions } from '../../protocols/smtp/serve.ts'
import { domainAt, serveScript, TestSystem } from '../../system/testing.ts'
import { realKeymaker } from '../../world/real/keymaker.ts'

const SYSTEM = `
Author@anna ==> MSA@sender ==> Transmitter@carrier --> / --> Receiver/MDA@home ==> Recipient@bob

/ --> Receiver/MDA@sender ==> Recipient@anna

sender:  domain=sender.test, ip=127.0.10.1, filter=no
carrier: domain=carrier.test, ip=127.0.11.1, filter=no
home:    domain=recipient.test, ip=127.0.21.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo
`
const ANNA = 'anna@sender.test'
const CARL = 'carl@far.test'
const FAR_IP = '127.0.50.1'
const TAKEN = reply(250, '2.0.0', 'taken')
const LATER = reply(451, '4.2.0', 'come back later')

async function setting(answer: () => Reply, offers: Partial<ServeOptions> = {}) {
  const trusted: string[] = []
  const world = await TestSystem.start(SYSTEM, { trusted })
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  const taken: InboundMessage[] = []
  const message = (arrived: InboundMessage) => {
    const said = answer()
    if (said.code < 400) taken.push(arrived)
    return said
  }
  await serveScript(world, far, { message }, offers)
  const computer = world.stranger('127.0.99.1')
  const submit = (mail: string, wish = '', header = '') =>
    world.run(
      (async () => {
        const tls = { role: 'client', serverName: 'mail.sender.test', mustAuthenticate: false } as const
        const endpoint = world.system.agent('sender').endpoint('submissions')!
        const stream = await computer.world.network.connect(endpoint, { timeoutMs: 1000, tls })
        const hear = async () => Buffer.from((await stream.read(5000)) ?? '').toString('latin1')
        const said = [await hear()]
        for (const line of [
          ...['EHLO x', `AUTH PLAIN ${Buffer.from(`\0${ANNA}\0demo`).toString('base64')}`],
          ...[`MAIL FROM:<${ANNA}> ${mail}`, `RCPT TO:<${CARL}>${wish}`, 'DATA'],
          `From: ${ANNA}\r\nSubject: asked\r\n${header}\r\nThe content.\r\n.`,
        ]) {
          await stream.write(Buffer.from(`${line}\r\n`))
          said.push(await hear())
          if (/^[45]/.test(said.at(-1)!)) break
        }
        stream.destroy()
        return said
      })(),
    )
  const reports = async () => (await world.mail('sender', ANNA)).map(({ text }) => text)
  return { world, taken, submit, reports, trusted }
}

describe('DELIVERBY over a relationship (RFC 2852 §4.1.4)', () => {
  test('the Transmitter hears what is left, and tells the next server, which offers it, what is left then', async () => {
    const { world, taken, submit, reports } = await setting(() => TAKEN, { deliverByS: 30 })
    assert.match((await submit('BY=200;R MT-PRIORITY=3')).at(-1)!, /^250/)
    await world.quiet()
    const { deliverBy, priority } = taken[0]!.envelope
    assert.ok(deliverBy!.mode === 'return' && deliverBy!.byS < 200 && deliverBy!.byS > 100, JSON.stringify(deliverBy))
    assert.deepEqual([priority, await reports()], [undefined, []])
  })

  test('the MSA wants the time that the Transmitter wants, and some more', async () => {
    const { submit } = await setting(() => TAKEN)
    assert.match((await submit('BY=119;R')).at(-1)!, /^555 5\.5\.4/)
  })

  test('R: it comes back from the Transmitter when its time is over', async () => {
    const { world, taken, submit, reports } = await setting(() => LATER, { deliverByS: 30 })
    await submit('BY=1800;R')
    await world.passTime(29 * 60_000)
    assert.deepEqual(await reports(), [])
    await world.quiet()
    const [report, ...none] = await reports()
    assert.deepEqual([none, taken], [[], []])
    assert.match(report!, /^Reporting-MTA: dns; mail\.carrier\.test\r$/m)
    assert.match(report!, /^Deliver-By-Date: /m)
    assert.match(report!, /^Status: 5\.4\.7\r$/m)
  })

  test('N: the Transmitter tells that it is late; to a server that knows no times it tells that it was handed on', async () => {
    let answer = LATER
    const late = await setting(() => answer, { deliverByS: 30 })
    await late.submit('BY=600;N')
    await late.world.passTime(40 * 60_000)
    const [report] = await late.reports()
    assert.match(report!, /^Action: delayed\r\nStatus: 4\.4\.7\r$/m)
    answer = TAKEN
    await late.world.quiet()
    assert.equal(late.taken.length, 1)
    const old = await setting(() => TAKEN)
    await old.submit('BY=600;N')
    await old.world.quiet()
    assert.match((await old.reports())[0]!, /^Action: relayed\r$/m)
  })
})

test('importance and what is held go the same way: held by the MSA until its time, then carried, then handed on', async () => {
  const { world, taken, submit } = await setting(() => TAKEN, { priority: true })
  await submit('HOLDFOR=3600 MT-PRIORITY=-4')
  await world.passTime(50 * 60_000)
  assert.equal(taken.length, 0)
  assert.equal([...world.agent('carrier').store.queue.entries()].length, 0)
  await world.quiet()
  assert.equal(taken[0]!.envelope.priority, -4)
})

test('REQUIRETLS: nothing is said to a Transmitter that does not prove itself; who does hears the demand', async () => {
  const { world, submit, trusted } = await setting(() => TAKEN)
  assert.match((await submit('REQUIRETLS')).at(-1)!, /^250/)
  await world.passTime(60_000)
  assert.match([...world.agent('sender').store.queue.entries()][0]!.lastReply, /^4/)
  assert.deepEqual(world.events('carrier'), [])
  const tls = await realKeymaker.tlsIdentity(['mail.carrier.test'])
  Object.assign(world.agent('carrier').secrets, { tls })
  trusted.push(tls.certificatePem)
  // far.test publishes nothing that could prove its hosts.
  await world.quiet()
  assert.match(world.events('carrier', 'bounced')[0]!.text, /TLS is required, and far\.test publishes no policy/)
})
