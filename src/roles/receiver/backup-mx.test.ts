// A Backup MX: it takes mail for hosts that are away, and is no weaker door than they are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, type Letter, serveScript, TestSystem } from '../../system/testing.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'

const SYSTEM = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@first ==> Recipient@bob

Author@anna ==> MSA/Transmitter@sender --> / --> Backup MX@second ==> Receiver/MDA@first ==> Recipient@bob

Author@bob ==> MSA/Transmitter@first --> / --> Receiver/MDA@sender ==> Recipient@anna

sender: domain=sender.test, ip=127.0.10.1, filter=no
first:  domain=recipient.test, ip=127.0.20.1, host=mx1.recipient.test, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo
carl: address=carl@recipient.test
`
const second = (more = 'recipients=bob@recipient.test') =>
  `second: domain=recipient.test, ip=127.0.22.1, host=mx2.recipient.test, filter=no, ${more}\n`
const BOB = 'bob@recipient.test'
const DAY_MS = 86_400_000
const LETTER = `From: anna@sender.test\nTo: ${BOB}\nSubject: across\nMessage-ID: <one@sender.test>\n\nHello\n`

const start = (more?: string, text = SYSTEM.replace(/^carl.*\n/m, '')) => TestSystem.start(text + second(more))

function strangerOf(world: TestSystem, dmarc?: string): SimulatedHost {
  return world.stranger('203.0.113.5', domainAt('stranger.test', '203.0.113.5', dmarc))
}
const toBackup = (world: TestSystem, host: SimulatedHost, letter: Partial<Letter> = {}) =>
  world.send(host, 'second', 'smtp', { from: 'a@stranger.test', to: BOB, helo: 'mail.stranger.test', ...letter })

test('the primary is down for three days: mail waits at the backup and arrives exactly once, as it was judged at the Border', async () => {
  const world = await start()
  world.system.crash('first')
  assert.match((await world.submit(BOB, LETTER))[0]!, /^250/)
  await world.passTime(3 * DAY_MS)
  assert.equal(world.agent('sender').store.queue.nextDueMs(), undefined, 'the sender has given it to the backup')
  assert.deepEqual(
    world
      .events('second')
      .map(({ role, kind }) => `${role} ${kind}`)
      .slice(0, 1),
    ['Receiver queued'],
  )
  // The key with which it was signed is gone, and so is the sender's whole DNS: what the Border found out stays.
  world.system.show(world.system.wanted.filter(({ name }) => !name.endsWith('sender.test')))
  await world.run(world.system.restart('first'))
  await world.quiet()
  const mail = await world.mail('first', BOB)
  assert.equal(mail.length, 1)
  assert.deepEqual([mail[0]!.verdict?.spf, mail[0]!.verdict?.dkim, mail[0]!.verdict?.dmarc], ['pass', 'pass', 'pass'])
  assert.doesNotMatch(mail[0]!.text, /Borderpost-Verdict/)
  assert.match(
    mail[0]!.text,
    /^Return-Path: <anna@sender\.test>\r\nReceived: from mx2\.recipient\.test \(\[127\.0\.22\.1\]\)[^:]*by mx1\.recipient\.test/,
  )
  assert.match(mail[0]!.text, /Authentication-Results: mx2\.recipient\.test;[\s\S]*dmarc=pass/)
  assert.equal((await world.mail('sender', 'anna@sender.test')).length, 0, 'nobody was bothered with warnings')
})

test('while the primary is there it decides, and the sender hears it: nothing waits at the backup', async () => {
  const world = await start('', SYSTEM)
  const host = strangerOf(world)
  assert.match((await toBackup(world, host))[0]!, /^250/)
  assert.equal((await world.mail('first', BOB)).length, 1)
  assert.match(
    (await toBackup(world, host, { to: 'nobody@recipient.test' }))[0]!,
    /^550 5\.1\.1 there is no mailbox nobody/,
  )
  assert.deepEqual(
    world.events('second').map(({ kind }) => kind),
    ['transmitted', 'refused'],
  )
  assert.equal((await world.mail('first', BOB))[0]!.verdict?.spf, 'pass')
})

test('while it is away unknown recipients are refused by the list; without one they are asked to come again, and who was known is taken', async () => {
  const listed = await start()
  listed.system.crash('first')
  const host = strangerOf(listed)
  assert.match((await toBackup(listed, host, { to: 'nobody@recipient.test' }))[0]!, /^550 5\.1\.1/)
  assert.match((await toBackup(listed, host, { to: 'postmaster@recipient.test' }))[0]!, /^250/)
  assert.match((await toBackup(listed, host, { to: 'bob+lists@recipient.test' }))[0]!, /^250/)

  const asked = await start('')
  const other = strangerOf(asked)
  assert.match((await toBackup(asked, other))[0]!, /^250/)
  asked.system.crash('first')
  await asked.passTime(DAY_MS)
  assert.match((await toBackup(asked, other))[0]!, /^250/)
  assert.match((await toBackup(asked, other, { to: 'postmaster@recipient.test' }))[0]!, /^250/)
  assert.match(
    (await toBackup(asked, other, { to: 'nobody@recipient.test' }))[0]!,
    /^450 4\.4\.1 the hosts of recipient\.test are away/,
  )
})

test('a list in a file, which is read again when it changes; when it is missing nobody is refused for good', async () => {
  const world = await start('recipients=people.txt')
  world.system.crash('first')
  const host = strangerOf(world)
  assert.match((await toBackup(world, host))[0]!, /^450/)
  const { disk } = world.agent('second').world
  await world.run(disk.writeFile('people.txt', Buffer.from('# ours\nBob@recipient.test # the boss\n')))
  await world.passTime(61_000)
  assert.match((await toBackup(world, host))[0]!, /^250/)
  assert.match((await toBackup(world, host, { to: 'carl@recipient.test' }))[0]!, /^550/)
})

test('spam and forgeries are refused at the backup, also while the primary is away', async () => {
  const world = await start('recipients=bob@recipient.test, deny=spammer.test')
  world.system.crash('first')
  const host = strangerOf(world)
  world.publish(domainAt('bank.test', '203.0.113.9', 'reject'))
  const forged = `From: ceo@bank.test\nTo: ${BOB}\nSubject: urgent\n\npay\n`
  assert.match((await toBackup(world, host, { text: forged }))[0]!, /^550 5\.7\.26/)
  assert.match((await toBackup(world, host, { from: 'x@spammer.test' }))[0]!, /^550 5\.7\.1/)
  assert.equal(world.agent('second').store.queue.nextDueMs(), undefined)
})

test('what the backup set aside is in Junk at the primary; a verdict that a stranger wrote counts nowhere', async () => {
  const world = await start()
  const host = strangerOf(world)
  // The primary has said that Bob has a mailbox, with a Junk.
  assert.match((await toBackup(world, host))[0]!, /^250/)
  world.system.crash('first')
  world.publish(domainAt('bank.test', '203.0.113.9', 'quarantine'))
  const forged = Buffer.from(JSON.stringify({ outcome: 'accept', reason: 'I said so', spf: 'pass' })).toString('base64')
  const text = `Borderpost-Verdict:\n ${forged}\nFrom: ceo@bank.test\nTo: ${BOB}\nSubject: urgent\n\npay\n`
  assert.match((await toBackup(world, host, { text }))[0]!, /^250/)
  await world.run(world.system.restart('first'))
  assert.match((await world.send(host, 'first', 'smtp', { from: 'a@stranger.test', to: BOB, text }))[0]!, /^250/)
  await world.quiet()
  const mail = await world.mail('first', BOB, 'junk')
  assert.deepEqual(
    mail.map(({ verdict }) => verdict?.dmarc),
    ['fail', 'fail'],
  )
})

const FORWARDED = SYSTEM.replace(/^carl.*\n/m, '')
  .replace(
    'Backup MX@second ==> Receiver/MDA@first ==> Recipient@bob',
    'Backup MX@second ==> Receiver/Forwarder/MDA@first ==> Recipient@bob',
  )
  .replace('host=mx1.recipient.test', 'host=mx1.recipient.test, forward="bob@recipient.test -> bob@sender.test"')
const JUNK = `From: ceo@bank.test\nTo: ${BOB}\nSubject: urgent\n\npay\n`

test('what is judged Junk is refused at the backup where the primary would refuse it, because it forwards: it is never held', async () => {
  const world = await TestSystem.start(FORWARDED + second())
  const host = strangerOf(world)
  world.publish(domainAt('bank.test', '203.0.113.9', 'quarantine'))
  const atPrimary = await world.send(host, 'first', 'smtp', { from: 'a@stranger.test', to: BOB, text: JUNK })
  assert.match(atPrimary[0]!, /^550 5\.7\.1 .*it is not forwarded/)
  // The backup hears the primary's own word, and remembers what it is of Bob.
  assert.match((await toBackup(world, host, { text: JUNK }))[0]!, /^550 5\.7\.1 .*it is not forwarded/)
  world.system.crash('first')
  await world.passTime(DAY_MS)
  assert.match((await toBackup(world, host, { text: JUNK }))[0]!, /^550 5\.7\.1 .*it is not forwarded/)
  assert.match((await toBackup(world, host))[0]!, /^250/, 'what nothing speaks against waits here')
  await world.run(world.system.restart('first'))
  await world.quiet()
  assert.deepEqual([...world.agent('second').store.queue.entries()], [])
})

test('what is judged Junk comes again later where the primary has not said what it does with it', async () => {
  const world = await start()
  world.system.crash('first')
  const host = strangerOf(world)
  world.publish(domainAt('bank.test', '203.0.113.9', 'quarantine'))
  assert.match(
    (await toBackup(world, host, { text: JUNK }))[0]!,
    /^451 4\.7\.1 .*try again when the hosts of recipient\.test are back/,
  )
  assert.deepEqual([...world.agent('second').store.queue.entries()], [])
  assert.match((await toBackup(world, host))[0]!, /^250/)
})

/** SPF says neither yes nor no. */
const NEUTRAL: ZoneRecord[] = [
  { name: 'stranger.test', type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'mail.stranger.test' } },
  { name: 'stranger.test', type: 'TXT', ttlS: 60, data: 'v=spf1 ?all' },
]

/** Bob's mailbox is closed while his mail waits. */
async function closedMeanwhile(from: string, text?: string): Promise<TestSystem> {
  const world = await start()
  await world.passTime(1000)
  const { store } = world.agent('first')
  await world.run(store.commit([{ kind: 'account.remove', account: store.accountByAddress(BOB)!.id }]))
  world.system.crash('first')
  if (from === 'anna@sender.test') await world.submit(BOB, text)
  else {
    // Another computer than the one that may send for stranger.test.
    const host = world.stranger('203.0.113.77', NEUTRAL)
    assert.match((await toBackup(world, host, { from, ...(text && { text }) }))[0]!, /^250/)
  }
  await world.passTime(DAY_MS)
  // Not from the description again: the account is gone.
  const plan = world.system.plan.agents.find(({ id }) => id === 'first')!
  Object.assign(plan, { people: [] })
  await world.run(world.system.restart('first'))
  await world.passTime(DAY_MS)
  return world
}

test('refused afterwards: a proven sender hears of it', async () => {
  const world = await closedMeanwhile('anna@sender.test', LETTER)
  const [bounce] = await world.mail('sender', 'anna@sender.test')
  assert.match(bounce!.text, /there is no mailbox bob@recipient\.test/)
  assert.doesNotMatch(bounce!.text, /Borderpost-Verdict/)
  assert.equal(world.agent('second').store.queue.nextDueMs(), undefined)
})

test('refused afterwards: nobody else does; it is held, and the postmaster reads of it where he reads', async () => {
  const world = await closedMeanwhile('a@stranger.test')
  const { store } = world.agent('second')
  const [held] = store.queue.entries({ domain: 'recipient.test' }, 10)
  assert.equal(held!.state, 'held')
  assert.match(held!.lastReply, /there is no mailbox bob@recipient\.test/)
  const [notice] = await world.mail('first', 'postmaster@recipient.test')
  assert.match(notice!.text, /Subject: Held mail waits for your decision/)
  // He gives it up: it comes before him, and before no stranger.
  await world.run(
    store.commit([{ kind: 'queue.steer', ids: [held!.id], state: 'waiting', givenUp: 'nobody wants it' }]),
  )
  await world.quiet()
  const texts = (await world.mail('first', 'postmaster@recipient.test')).map(({ text }) => text)
  assert.equal(texts.length, 2)
  assert.match(texts[1]!, /nobody wants it/)
  assert.match(texts[1]!, /says that it is from a@stranger\.test/)
})

test('a crash of the backup right after its 250 loses nothing, and nothing comes twice', async () => {
  const world = await start()
  world.system.crash('first')
  assert.match((await world.submit(BOB, LETTER))[0]!, /^250/)
  await world.simulation.run(() => world.events('second', 'queued').length > 0)
  world.system.crash('second')
  await world.passTime(60_000)
  await world.run(world.system.restart('second'))
  await world.run(world.system.restart('first'))
  await world.quiet()
  assert.equal((await world.mail('first', BOB)).length, 1)
})

test('the backup falls after the primary has the message, and before it heard so: the same bytes go again, and are known', async () => {
  const world = await start()
  world.system.crash('first')
  assert.match((await world.submit(BOB, LETTER))[0]!, /^250/)
  await world.simulation.run(() => world.events('second', 'queued').length > 0)
  await world.run(world.system.restart('first'))
  await world.simulation.run(() => world.events('first', 'delivered').length > 0)
  world.system.crash('second')
  await world.run(world.system.restart('second'))
  await world.quiet()
  assert.match(world.events('second', 'transmitted')[0]!.text, /this is the same message again/)
  assert.equal((await world.mail('first', BOB)).length, 1)
})

const ELSEWHERE = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@sender ==> Recipient@anna

/ --> Backup MX@provider

provider: domain=provider.test, ip=127.0.30.1, backup-for=customer.test, recipients=bob@customer.test, filter=no
sender:   domain=sender.test, ip=127.0.10.1, filter=no
anna: address=anna@sender.test, password=demo
`

test('a domain elsewhere (backup-for=): its mail goes to the better hosts of its MX, never to itself or to worse ones', async () => {
  const world = await TestSystem.start(ELSEWHERE)
  const mx = (preference: number, exchange: string): ZoneRecord => ({
    name: 'customer.test',
    type: 'MX',
    ttlS: 60,
    data: { preference, exchange },
  })
  const a = (name: string, data: string): ZoneRecord => ({ name, type: 'A', ttlS: 60, data })
  const primary = world.stranger('203.0.113.10', [a('mx.customer.test', '203.0.113.10'), mx(10, 'mx.customer.test')])
  const worse = world.stranger('203.0.113.30', [a('mx3.customer.test', '203.0.113.30'), mx(30, 'mx3.customer.test')])
  const got: string[] = []
  const policyOf = (name: string) => ({
    message: ({ source }: InboundMessage) => {
      got.push(`${name} ${source.toString('latin1')}`)
      return reply(250, '2.0.0', 'kept')
    },
  })
  await serveScript(world, worse, policyOf('worse'))
  const server = await serveScript(world, primary, policyOf('primary'))
  const host = strangerOf(world)
  const send = (to: string) =>
    world.send(host, 'provider', 'smtp', { from: 'a@stranger.test', to, helo: 'mail.stranger.test' })
  assert.match((await send('bob@customer.test'))[0]!, /^250 2\.0\.0 kept/)
  await server.close()
  assert.match((await send('eve@customer.test'))[0]!, /^550 5\.1\.1/)
  assert.match((await send('bob@customer.test'))[0]!, /^250 2\.0\.0 accepted as/)
  await world.passTime(DAY_MS)
  assert.equal(got.length, 1)
  await serveScript(world, primary, policyOf('primary'))
  await world.quiet()
  assert.equal(got.length, 2)
  for (const one of got) {
    assert.match(one, /^primary Authentication-Results: mail\.provider\.test; spf=pass/)
    assert.doesNotMatch(one, /Borderpost-Verdict/)
  }
})
