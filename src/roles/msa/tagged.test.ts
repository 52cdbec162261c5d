// BATV in the running system: what leaves is tagged, bounces find back, forged ones are refused at RCPT. Case N12 of the
// hostile networks: somebody sends in Anna's name, and the whole world bounces to her.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { reversePathText } from '../routing.ts'

const ANNA = 'anna@sender.test'
const FAR_IP = '127.0.50.1'
const DAY = 86_400_000
const DSN = `From: MAILER-DAEMON@far.test\nTo: ${ANNA}\nSubject: Undelivered Mail\n\nIt did not arrive.\n`

/** A sender with the switch on, and far.test, which takes everything. */
async function start(attributes = 'batv=yes, expires=1d') {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: ${attributes}\n`)
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  const taken: InboundMessage[] = []
  await serveScript(world, far, {
    message: (message) => {
      taken.push(message)
      return reply(250, '2.0.0', 'taken')
    },
  })
  const bounce = (to: string) => world.send(far, 'sender', 'smtp', { from: '', to, text: DSN, helo: 'mail.far.test' })
  const pass = (days: number) => world.run(world.agent('sender').world.clock.sleep(days * DAY), 2 * days * DAY)
  return { world, taken, bounce, pass }
}

/** Anna writes once; the reverse-path under which it left. */
async function write({ world, taken }: Awaited<ReturnType<typeof start>>): Promise<string> {
  await world.submit('carl@far.test')
  await world.quiet()
  return reversePathText(taken.at(-1)!.envelope.reversePath)
}

describe('mail that leaves', () => {
  test('carries a tag in its reverse-path, and a bounce to it reaches its Author', async () => {
    const setting = await start()
    const reversePath = await write(setting)
    assert.match(reversePath, /^prvs=1\d{3}[0-9a-f]{6}=anna@sender\.test$/)
    // Some hosts change the case.
    for (const to of [reversePath, reversePath.toUpperCase().replace('SENDER.TEST', 'sender.test')])
      assert.match((await setting.bounce(to))[0]!, /^250 /)
    assert.equal((await setting.world.mail('sender', ANNA)).length, 2)
  })

  test('a bounce of our own goes to the Author, not to the tag', async () => {
    const { world } = await start()
    await world.submit('carl@nowhere.test')
    await world.quiet()
    const [found] = await world.mail('sender', ANNA)
    assert.match(found!.text, /^To: anna@sender\.test\r$/m)
  })

  test('is as it was where the switch is off', async () => {
    const setting = await start('batv=no')
    assert.equal(await write(setting), ANNA)
    await setting.pass(9)
    assert.match((await setting.bounce(ANNA))[0]!, /^250 /)
  })
})

describe('bounces without a tag', () => {
  test('N12: a flood of them is refused at RCPT, with the reason, and real ones come through', async () => {
    const setting = await start()
    await write(setting)
    await setting.pass(9)
    const real = await write(setting)
    const said = new Set<string>()
    for (let n = 0; n < 200; n++) for (const text of await setting.bounce(ANNA)) said.add(text.slice(0, 90))
    assert.equal(said.size, 1)
    assert.match([...said][0]!, /^550 5\.7\.1 all mail from anna@sender\.test has a tag in its reverse-path \(BATV\)/)
    assert.match((await setting.bounce(real))[0]!, /^250 /)
    assert.equal((await setting.world.mail('sender', ANNA)).length, 1)
    assert.match(
      setting.world.events('sender', 'refused')[0]!.text,
      /it answers mail that anna@sender\.test did not send/,
    )
  })

  test('guessed and old tags are refused, too', async () => {
    const setting = await start()
    const real = await write(setting)
    const guessed = real.replace(/[0-9a-f]{6}(?==anna)/, (digits) => (digits === '000000' ? '111111' : '000000'))
    assert.match((await setting.bounce(guessed))[0]!, /^550 5\.1\.1 we gave no such tag: prvs=/)
    await setting.pass(9)
    assert.match((await setting.bounce(real))[0]!, /^550 5\.1\.1 the tag is out of date: prvs=/)
  })

  test('are taken as long as mail of before the switch may still bounce', async () => {
    const setting = await start()
    await write(setting)
    await setting.pass(7)
    assert.match((await setting.bounce(ANNA))[0]!, /^250 /)
  })

  test('are taken for who never sends so: the postmaster, and addresses without mail of their own', async () => {
    const setting = await start()
    await write(setting)
    await setting.pass(9)
    for (const to of ['postmaster@sender.test', 'anna+list@sender.test'])
      assert.match((await setting.bounce(to))[0]!, /^250 /, to)
  })

  test('mail that is no bounce needs no tag', async () => {
    const setting = await start()
    await write(setting)
    await setting.pass(9)
    const { world } = setting
    const host = world.stranger('127.0.50.3', domainAt('other.test', '127.0.50.3'))
    const letter = { from: 'x@other.test', to: ANNA, helo: 'mail.other.test' }
    assert.match((await world.send(host, 'sender', 'smtp', letter))[0]!, /^250 /)
  })

  test('the time in which they are taken begins anew when the switch is turned on again', async () => {
    const setting = await start()
    await write(setting)
    const { world } = setting
    await setting.pass(9)
    const plan = world.system.plan.agents.find(({ id }) => id === 'sender')!
    for (const batv of [false, true]) {
      world.system.crash('sender')
      Object.assign(plan.settings, { batv })
      await world.run(world.system.restart('sender'))
    }
    assert.match((await setting.bounce(ANNA))[0]!, /^250 /)
    await setting.pass(9)
    assert.match((await setting.bounce(ANNA))[0]!, /^550 5\.7\.1 /)
  })
})

test('bounces that come back by way of a Forwarder (SRS) need no tag of ours', async () => {
  const world = await TestSystem.start(`
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> MDA@recipient ==> Recipient@bob

--> / --> Receiver/MDA@sender ==> Recipient@anna

--> / --> Receiver/MDA@recipient

sender:    domain=sender.test, ip=127.0.10.1, filter=no, batv=yes
old:       domain=old.test, ip=127.0.30.1, filter=no, batv=yes, forward="bob@old.test -> nobody@recipient.test",
           forward-mode=queue
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test
`)
  await world.submit('bob@old.test')
  await world.quiet()
  const [found] = await world.mail('sender', ANNA)
  assert.match(found?.text ?? '', /nobody@recipient\.test/)
})
