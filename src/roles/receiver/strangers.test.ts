// Strangers at the Border, in the simulated world: who must come again, whom lists and memory name, who speaks too early,
// who stands behind a balancer, and one message that its Recipients judge differently.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import { domainAt, TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const BOB = 'bob@recipient.test'
const IP = '192.0.2.10'
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** A machine that nothing vouches for. */
const unproven = (world: TestSystem, ip = IP) => world.stranger(ip)
const listing = (name: string, answer: string): ZoneRecord => ({ name, type: 'A', ttlS: 60, data: answer })
describe('greylisting', () => {
  const start = () => TestSystem.start(`${TWO_AGENTS}\nrecipient: greylist=yes`)

  test('a stranger whom nothing proves must come again; after a minute he is let in, and then always', async () => {
    const world = await start()
    const host = unproven(world)
    const send = () => world.send(host, 'recipient', 'smtp', { from: 'x@nowhere.test', to: BOB })
    assert.match((await send())[0]!, /^451 4\.7\.1 we have not met before/)
    assert.match((await send())[0]!, /^451 /)
    await world.simulation.runFor(2 * MINUTE)
    assert.match((await send())[0]!, /^250 /)
    assert.match((await send())[0]!, /^250 /)
    assert.equal(world.events('recipient', 'deferred').length, 2)
  })

  test('who is proven, or was written to, is not asked', async () => {
    const world = await start()
    const good = world.stranger(IP, domainAt('good.test', IP))
    assert.match((await world.send(good, 'recipient', 'smtp', { from: 'gina@good.test', to: BOB }))[0]!, /^250 /)
    const friend = unproven(world, '192.0.2.77')
    const computer = world.stranger('127.0.99.2')
    const written = { from: BOB, to: 'friend@plain.test', login: BOB }
    assert.match((await world.send(computer, 'recipient', 'submission', written))[0]!, /^250 /)
    const answer = { from: 'friend@plain.test', to: BOB }
    assert.match((await world.send(friend, 'recipient', 'smtp', answer))[0]!, /^250 /)
  })

  test('what it remembers outlives a stop, and is kept a minute after it changed over a crash', async () => {
    const world = await start()
    const host = unproven(world)
    const send = () => world.send(host, 'recipient', 'smtp', { from: 'x@nowhere.test', to: BOB })
    assert.match((await send())[0]!, /^451 /)
    await world.simulation.runFor(2 * MINUTE)
    world.system.crash('recipient')
    await world.run(world.system.restart('recipient'))
    assert.match((await send())[0]!, /^250 /)
  })
})

describe('lists over DNS', () => {
  const lines = 'recipient: filter=yes, dns-list="bad-addresses:bl.test", dns-list="bad-domains:uri.test"'
  const lists: ZoneRecord[] = [
    listing('10.2.0.192.bl.test', '127.0.0.2'),
    listing('casino.test.uri.test', '127.0.0.2'),
    listing('66.2.0.192.bl.test', '127.255.255.254'),
  ]

  test('an address on a list gets points, with a sentence for the Recipient', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}`)
    const host = world.stranger(IP, [...domainAt('good.test', IP), ...lists])
    await world.send(host, 'recipient', 'smtp', { from: 'gina@good.test', to: BOB })
    const mail = [...(await world.mail('recipient', BOB)), ...(await world.mail('recipient', BOB, 'junk'))]
    const rule = mail[0]!.verdict!.rules!.find(({ id }) => id === 'address-on-bad-list')!
    assert.equal(rule.points, 4)
    assert.equal(rule.evidence, '192.0.2.10 is listed, says bl.test')
  })

  test('a link to a listed site; a list that refuses to answer says nothing', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}`)
    const host = world.stranger('192.0.2.66', [...domainAt('good.test', '192.0.2.66'), ...lists])
    const text = `From: gina@good.test\nTo: ${BOB}\nSubject: look\n\nSee https://www.casino.test/win for more.\n`
    await world.send(host, 'recipient', 'smtp', { from: 'gina@good.test', to: BOB, text })
    const [mail] = [...(await world.mail('recipient', BOB)), ...(await world.mail('recipient', BOB, 'junk'))]
    const ids = mail!.verdict!.rules!.map(({ id }) => id)
    assert.ok(ids.includes('link-on-bad-list'), ids.join())
    assert.ok(!ids.includes('address-on-bad-list'), ids.join())
  })

  test('one mark is not enough to refuse at once, two are; postmaster is always there', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}\nrecipient: pause=2s`)
    const host = world.stranger(IP, lists)
    const begin = ['EHLO x.test\r\n', 'MAIL FROM:<x@nowhere.test>\r\n', `RCPT TO:<${BOB}>\r\n`]
    // The greeting waits six times as long for who is on a list.
    const waits = Array.from({ length: 40 }, () => '')
    assert.match(await world.say(host, 'recipient', [...waits, ...begin]), /250 2\.1\.5 /)
    const heard = await world.say(host, 'recipient', [
      'EHLO x.test\r\n',
      ...waits,
      ...begin.slice(1),
      'RCPT TO:<postmaster@recipient.test>\r\n',
    ])
    assert.match(heard, /554 5\.7\.1 your address is listed, says bl\.test, and you spoke before it was your turn/)
    assert.match(heard, /250 2\.1\.5 [^\r]*\r\n$/)
  })
})

describe('reputation', () => {
  const SPAM = `From: "PayPal Service" <gina@good.test>\nTo: ${BOB}\nSubject: VIAGRA FREE MONEY $$$ ACT NOW!!!\nX-Mailer: spam\n\nClick here http://192.0.2.99/win to claim your million dollars prize, viagra, casino, lottery winner! 100% free, act now, no risk.\n`

  test('a proven domain that keeps sending what is refused is a stranger no more, over a restart', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\nrecipient: filter=yes`)
    const host = world.stranger(IP, domainAt('good.test', IP))
    const send = (text?: string) =>
      world.send(host, 'recipient', 'smtp', { from: 'gina@good.test', to: BOB, helo: 'mail.good.test', text })
    for (let i = 0; i < 30; i++) await send(SPAM)
    await world.simulation.runFor(2 * MINUTE)
    world.system.crash('recipient')
    await world.run(world.system.restart('recipient'))
    await send()
    const mail = [...(await world.mail('recipient', BOB)), ...(await world.mail('recipient', BOB, 'junk'))]
    const verdict = mail.find(({ text }) => text.includes('Subject: hello'))!.verdict!
    assert.ok(
      verdict.rules!.some(({ id }) => id.startsWith('reputation-')),
      JSON.stringify(verdict.rules),
    )
  })

  test('a good name takes days to earn', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\nrecipient: filter=yes`)
    const host = world.stranger(IP, domainAt('good.test', IP))
    const send = () =>
      world.send(host, 'recipient', 'smtp', { from: 'gina@good.test', to: BOB, helo: 'mail.good.test' })
    const rules = async () => (await world.mail('recipient', BOB)).at(-1)!.verdict!.rules!.map(({ id }) => id)
    for (let i = 0; i < 20; i++) await send()
    assert.ok(!(await rules()).includes('reputation-good'))
    for (let day = 0; day < 10; day++) {
      await world.simulation.runFor(DAY)
      for (let i = 0; i < 3; i++) await send()
    }
    assert.ok((await rules()).includes('reputation-good'))
  })
})

describe('a message that its Recipients judge differently (PRDR)', () => {
  // Bob has asked for mail of this Forwarder, Carl has not: one accepts what the other refuses.
  const text = TWO_AGENTS.replace('Recipient@bob\n', 'Recipient@bob\nMDA@recipient ==> Recipient@carl\n')
  const lines = 'bob: trusts=list.test\ncarl: address=carl@recipient.test, password=demo'
  const records = [...domainAt('list.test', IP), ...domainAt('strict.test', '192.0.2.55', 'reject')]
  const mail = (id: string) =>
    `Received: from a by b id ${id}\r\nFrom: s@strict.test\r\nTo: ${BOB}\r\nSubject: ${id}\r\n\r\nHello\r\n.\r\n`
  const begin = (prdr: string) => [
    'EHLO mail.list.test\r\n',
    `MAIL FROM:<list@list.test>${prdr}\r\n`,
    `RCPT TO:<${BOB}>\r\n`,
    'RCPT TO:<carl@recipient.test>\r\n',
    'DATA\r\n',
  ]

  test('each hears his own reply, nobody else gets a copy, and a repetition changes nothing', async () => {
    const world = await TestSystem.start(`${text}\n${lines}`)
    const host = world.stranger(IP, records)
    for (let i = 0; i < 2; i++) {
      const heard = await world.say(host, 'recipient', [...begin(' PRDR'), mail('one'), 'QUIT\r\n'])
      assert.match(heard, /353 [^\r]*\r\n250 2\.0\.0 accepted[^\r]*\r\n550 5\.7\.26 [^\r]*\r\n250 2\.0\.0 /)
    }
    assert.equal((await world.mail('recipient', BOB)).length, 1)
    for (const use of ['inbox', 'junk'] as const)
      assert.equal((await world.mail('recipient', 'carl@recipient.test', use)).length, 0)
    const refused = world.events('recipient', 'refused').map(({ forwardPath }) => forwardPath)
    assert.ok(refused.includes('carl@recipient.test'))
  })

  test('with one reply for both the mildest holds, and the other finds it in his Junk', async () => {
    const world = await TestSystem.start(`${text}\n${lines}`)
    const host = world.stranger(IP, records)
    const heard = await world.say(host, 'recipient', [...begin(''), mail('two'), 'QUIT\r\n'])
    assert.match(heard, /354 [^\r]*\r\n250 2\.0\.0 accepted/)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
    assert.equal((await world.mail('recipient', 'carl@recipient.test', 'junk')).length, 1)
  })
})

test('PROXY: behind a known balancer the client is who it says; from a stranger the header is a fault', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nrecipient: proxy=192.0.2.200, deny=198.51.100.66`)
  const balancer = world.stranger('192.0.2.200')
  const header = 'PROXY TCP4 198.51.100.66 127.0.20.1 4000 25\r\n'
  assert.match(await world.say(balancer, 'recipient', [header]), /^554 5\.7\.1 198\.51\.100\.66 is on our deny list/)
  const stranger = world.stranger('192.0.2.201')
  assert.match(await world.say(stranger, 'recipient', [header]), /^220 [^\r]*\r\n500 /)
})

test('a domain that signs can be allowed or denied', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: spf=no\nrecipient: deny="dkim:sender.test"`)
  await world.submit(BOB)
  await world.quiet()
  const [event] = world.events('recipient', 'refused')
  assert.match(event!.text, /dkim:sender\.test is on the list of senders never let in/)
  assert.equal((await world.mail('recipient', BOB)).length, 0)
})

test('a network is slowed down with its neighbours, four times what one address may', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nrecipient: messages-per-minute=2`)
  const replies: string[] = []
  for (let i = 0; i < 10; i++) {
    const host = unproven(world, `192.0.2.${100 + i}`)
    const heard = await world.say(host, 'recipient', ['EHLO x.test\r\n', 'MAIL FROM:<x@nowhere.test>\r\n'])
    replies.push(heard.trimEnd().split('\r\n').at(-1)!.slice(0, 3))
  }
  // The ninth may find that a little has drained.
  assert.deepEqual(replies.slice(0, 8), Array(8).fill('250'))
  assert.equal(replies.at(-1), '450')
})

test('faults cost time, each twice that of the one before, and where nobody is a stranger they cost none', async () => {
  const nonsense = 'X\r\n'.repeat(3)
  const took = async (lines: string) => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}`)
    const before = world.simulation.nowMs
    const heard = await world.say(unproven(world), 'recipient', [nonsense, nonsense], { silenceMs: 30_000 })
    assert.equal(heard.match(/^500 /gm)!.length, 6)
    return world.simulation.nowMs - before
  }
  const free = await took('')
  // The third fault costs one pause, the sixth eight; before the greeting there is one.
  assert.equal(Math.round((await took('recipient: pause=1s')) / 1000) - Math.round(free / 1000), 1 + 1 + 8)
})
