// What came back, in the running system: VERP beside BATV and SRS, the story and the count, the suppression list.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { forwardSrs, reverseLocalPart } from '../../identity/srs.ts'
import { isVerpRecipient, readVerp, verpAddress } from '../../identity/verp.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { administer } from '../administer.ts'
import { SendingDesk } from '../msa/sending.ts'
import { reversePathText } from '../routing.ts'
import { SuppressedDesk } from './desk.ts'

const ANNA = 'anna@sender.test'
const FAR_IP = '127.0.50.1'
const DAY = 86_400_000

async function start(attributes: string, message?: (mail: InboundMessage) => ReturnType<typeof reply>) {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: ${attributes}\n`)
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  const taken: InboundMessage[] = []
  await serveScript(world, far, {
    message: (mail) => {
      taken.push(mail)
      return message?.(mail) ?? reply(250, '2.0.0', 'taken')
    },
  })
  const bounce = (to: string, text: string) =>
    world.send(far, 'sender', 'smtp', { from: '', to, text, helo: 'mail.far.test' })
  const leftAs = () => taken.map(({ envelope }) => reversePathText(envelope.reversePath))
  const { store } = world.agent('sender')
  return { world, taken, bounce, leftAs, store }
}

const dsn = (
  recipient: string,
  messageId: string,
  diagnostic = '550 5.1.1 no such mailbox',
) => `From: MAILER-DAEMON@far.test
To: ${ANNA}
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

It did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.far.test

Final-Recipient: rfc822; ${recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; ${diagnostic}

--b
Content-Type: text/rfc822-headers

Message-ID: <${messageId}>
Subject: Hello

--b--
`

describe('VERP', () => {
  const secret = Buffer.from('a secret')
  test('names message and recipient, and nobody else can write it', () => {
    const address = verpAddress(ANNA, '0123456789ab', 'Carl@far.test', secret)
    const read = readVerp(address.toUpperCase().replace('ANNA@SENDER.TEST', ANNA), secret)!
    assert.deepEqual([read.address, read.trace], [ANNA, '0123456789ab'])
    assert.equal(isVerpRecipient(read, 'carl@far.test'), true)
    assert.equal(isVerpRecipient(read, 'eve@far.test'), false)
    assert.equal(readVerp(address.replace('=anna', '=eve'), secret), undefined)
    assert.equal(readVerp(address, Buffer.from('another')), undefined)
    assert.equal(readVerp(ANNA, secret), undefined)
  })

  test('what would be too long, or is one already, stays as it is', () => {
    const long = `${'a'.repeat(40)}@sender.test`
    assert.equal(verpAddress(long, '0123456789ab', 'carl@far.test', secret), long)
    const once = verpAddress(ANNA, '0123456789ab', 'carl@far.test', secret)
    assert.equal(verpAddress(once, '0123456789ab', 'carl@far.test', secret), once)
  })

  test('comes back through a Forwarder that rewrites it (SRS)', () => {
    const clock = { now: () => Date.UTC(2026, 0, 1) } as Parameters<typeof forwardSrs>[2]
    const srs = { domain: 'forwarder.test', secrets: ['s'] }
    const address = verpAddress(ANNA, '0123456789ab', 'carl@far.test', secret)
    const rewritten = forwardSrs(address, srs, clock)!
    assert.deepEqual(reverseLocalPart(rewritten.slice(0, rewritten.lastIndexOf('@')), srs, clock), {
      result: 'address',
      address,
    })
  })

  for (const attributes of ['verp=yes', 'verp=yes, batv=yes'])
    test(`${attributes}: each copy has its own reverse-path, and its bounce is known whatever it says`, async () => {
      const { world, bounce, leftAs, store } = await start(attributes)
      await world.submit(['carl@far.test', 'dora@far.test'])
      await world.quiet()
      const [first, second] = leftAs()
      assert.notEqual(first, second)
      for (const one of [first!, second!])
        assert.match(
          one,
          attributes.includes('batv') ? /^prvs=.+=vp=.+=anna@sender\.test$/ : /^vp=.+=anna@sender\.test$/,
        )
      // It names nobody that we know, and no message.
      assert.match(
        (await bounce(second!, dsn('someone@inner.far.test', 'other@far.test'))).join(),
        /250 2\.0\.0 accepted/,
      )
      await world.quiet()
      const told = store.events({ limit: 1000 }).filter(({ detail }) => detail.bounce !== undefined)
      assert.equal(told.length, 1)
      assert.match(told[0]!.forwardPath, /^(carl|dora)@far\.test$/)
      assert.equal(told[0]!.detail.reason, 'user-unknown')
      assert.deepEqual([...store.bounces.tally(ANNA, 0)], [['user-unknown', 1]])
      assert.match((await bounce(second!.replace(/vp=./, 'vp=~'), dsn('carl@far.test', 'x'))).join(), /550 5\.1\.1/)
    })
})

describe('a bounce that comes in', () => {
  test('is told in the story of the message, counted for its Author, and who writes to many does not write there again', async () => {
    const { world, bounce, store } = await start('verp=no\nanna: bulk=yes')
    await world.submit('carl@far.test')
    await world.quiet()
    const sent = store.events({ limit: 1000 }).find(({ role, kind }) => role === 'MSA' && kind === 'accepted')!
    // Not to whom the message went: everybody could write that.
    await bounce(ANNA, dsn('dora@far.test', sent.messageId))
    await bounce(ANNA, dsn('carl@far.test', 'made-up@sender.test'))
    assert.equal(store.bounces.everySuppressed(10).length, 0)
    await bounce(ANNA, dsn('carl@far.test', sent.messageId))
    await world.quiet()
    const story = store.events({ trace: sent.trace })
    assert.match(
      story.findLast(({ kind }) => kind === 'bounced')!.text,
      /bounce came from mail\.far\.test for carl@far\.test, there is no such mailbox: 550 5\.1\.1/,
    )
    assert.match(story.at(-1)!.text, /^carl@far\.test is on the suppression list of anna@sender\.test now/)
    const answer = await world.submit('Carl@far.test').catch((error: Error) => error)
    assert.match(String(answer), /suppression list|5\.1\.1|550/)
    assert.equal(
      store.events({ limit: 1000 }).filter(({ role, kind }) => role === 'MSA' && kind === 'accepted').length,
      1,
    )
    const place = { store, world: world.agent('sender').world }
    assert.match(
      (await world.run(administer(place, { verb: 'suppressed', action: 'list' }))).text,
      /carl@far\.test {2}for anna@sender\.test .*user-unknown/,
    )
    assert.equal(
      (await world.run(administer(place, { verb: 'suppressed', action: 'remove', address: 'carl@far.test' }))).ok,
      true,
    )
    await world.submit('carl@far.test')
    await world.quiet()
    assert.equal(
      store.events({ limit: 1000 }).filter(({ role, kind }) => role === 'MSA' && kind === 'accepted').length,
      2,
    )
    assert.equal(
      (
        await world.run(
          administer(place, { verb: 'suppressed', action: 'add', address: 'x@far.test', owner: 'nobody.test' }),
        )
      ).ok,
      false,
    )
    assert.equal(
      (
        await world.run(
          administer(place, { verb: 'suppressed', action: 'add', address: 'x@far.test', owner: 'sender.test' }),
        )
      ).ok,
      true,
    )
  })
})

describe('a person who writes to an address that fails', () => {
  const REFUSED = reply(550, '5.1.1', 'no such mailbox')

  test('may try again, is stopped after the second time, for longer each time, and takes it off himself', async () => {
    const { world, store, taken } = await start('verp=no', () => REFUSED)
    const agent = world.agent('sender')
    const author = store.accountByAddress(ANNA)!
    const desk = new SuppressedDesk(agent, author)
    const write = async () => {
      const said = (await world.submit('carl@far.test')).join()
      await world.simulation.runFor(60_000)
      return said
    }
    const day = (after: number) => new Date(agent.world.clock.now() + after * DAY).toISOString().slice(0, 10)
    assert.match(await write(), /^250/)
    assert.deepEqual(
      desk.list().map(({ address, failures, stoppedUntilMs }) => [address, failures, stoppedUntilMs]),
      [['carl@far.test', 1, null]],
    )
    const told = () => world.events('sender', 'suppressed').map(({ text }) => text.replace(/ \(.*\)/, ''))
    assert.deepEqual(told(), [
      `carl@far.test failed for ${ANNA}; when it fails again, mail to it is stopped for a while.`,
    ])
    // The bounce said why: he may have reasons.
    assert.match(await write(), /^250/)
    assert.equal(told().at(-1), `carl@far.test is on the suppression list of ${ANNA} now.`)
    assert.match(
      await write(),
      new RegExp(
        `^550 5\\.1\\.1 carl@far\\.test is stopped until ${day(1)} \\(there is no such mailbox: 550 5\\.1\\.1 no such mailbox\\): take it off in your settings`,
      ),
    )
    await world.passTime(DAY + 60_000)
    assert.match(await write(), /^250/)
    await world.passTime(DAY + 60_000)
    assert.match(await write(), new RegExp(`^550 5\\.1\\.1 carl@far\\.test is stopped until ${day(6)} `))
    assert.equal(taken.length, 3)
    assert.deepEqual(desk.stopped(['Carl@far.test', 'dora@far.test', '']), ['carl@far.test'])
    assert.equal(await world.run(desk.takeOff('Carl@Far.test')), undefined)
    assert.match((await world.run(desk.takeOff('carl@far.test')))!, /not on your list/)
    assert.match(await write(), /^250/)
    assert.equal(taken.length, 4)
  })

  test('programs that send in his name are refused after the first', async () => {
    const { world, store } = await start('verp=no', () => REFUSED)
    await world.submit('carl@far.test')
    await world.quiet()
    const programs = new SendingDesk(world.agent('sender'), store.accountByAddress(ANNA)!)
    const source = Buffer.from(`From: ${ANNA}\r\nTo: carl@far.test\r\nSubject: x\r\n\r\nx\r\n`)
    const sent = await world.run(programs.send({ source, reversePath: ANNA, forwardPaths: ['carl@far.test'] }))
    assert.match(sent.state === 'refused' ? sent.reply.lines.join() : sent.state, /on the suppression list since/)
    assert.match((await world.submit('carl@far.test')).join(), /^250/)
  })

  test('what an administrator put there is for everybody, and only he takes it off', async () => {
    const { world, store } = await start('verp=no')
    const place = { store, world: world.agent('sender').world }
    const add = (owner: string, address: string) =>
      world.run(administer(place, { verb: 'suppressed', action: 'add', address, owner }))
    assert.equal((await add(ANNA, 'carl@far.test')).ok, true)
    assert.equal((await add('sender.test', 'dora@far.test')).ok, true)
    const desk = new SuppressedDesk(world.agent('sender'), store.accountByAddress(ANNA)!)
    assert.deepEqual(
      desk.list().map(({ address, stoppedUntilMs, isRemovable }) => [address, stoppedUntilMs, isRemovable]),
      [['carl@far.test', 'always', false]],
    )
    assert.match((await world.run(desk.takeOff('carl@far.test')))!, /postmaster/)
    assert.match((await world.run(desk.takeOff('dora@far.test')))!, /not on your list/)
    for (const to of ['carl@far.test', 'dora@far.test']) assert.match((await world.submit(to)).join(), /^550/)
  })
})

describe('a refusal of the other side', () => {
  test('for a mailbox that is not there is counted and suppressed; for policy it is counted alone', async () => {
    const { world, store } = await start('verp=no', ({ envelope }) =>
      JSON.stringify(envelope.recipients).includes('gone')
        ? reply(550, '5.1.1', 'no such mailbox')
        : reply(550, '5.7.1', 'not from you'),
    )
    await world.submit('gone@far.test')
    await world.submit('carl@far.test')
    await world.quiet()
    assert.deepEqual(
      [...store.bounces.tally(ANNA, 0)],
      [
        ['policy', 1],
        ['user-unknown', 1],
      ],
    )
    assert.deepEqual(
      store.bounces.everySuppressed(10).map(({ owner, address }) => [owner, address]),
      [[ANNA, 'gone@far.test']],
    )
    const bounced = store.events({ limit: 1000 }).filter(({ kind }) => kind === 'bounced')
    assert.deepEqual(bounced.map(({ detail }) => detail.reason).sort(), ['policy', 'user-unknown'])
  })
})
