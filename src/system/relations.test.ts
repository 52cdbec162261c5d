// Roles played by different agents: an MSA and the Transmitter that carries its mail under contract, a Receiver and the MDA
// it stands before. The drawing says so, and it runs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../notation/parse.ts'
import { planSystem } from './description.ts'
import { recordsOf } from './records.ts'
import { domainAt, TestSystem } from './testing.ts'

const SPLIT = `
Author@anna ==> MSA@sender ==> Transmitter@carrier --> / --> Receiver@border ==> MDA@home ==> Recipient@bob

Author@bob ==> MSA/Transmitter@home --> / --> Receiver/MDA@sender ==> Recipient@anna

sender:  domain=sender.test, ip=127.0.10.1, filter=no
carrier: domain=carrier.test, ip=127.0.11.1, filter=no
border:  domain=border.test, ip=127.0.20.1, filter=no
home:    domain=recipient.test, ip=127.0.21.1, filter=no
anna: address=anna@sender.test, name="Anna", password=demo
bob:  address=bob@recipient.test, name="Bob", password=demo
`
const BOB = 'bob@recipient.test'
const LETTER = `From: anna@sender.test\nTo: ${BOB}\nSubject: across\nMessage-ID: <one@sender.test>\n\nHello\n`

const published = (text: string) =>
  recordsOf(planSystem(parse(text).model).plan.agents.map((plan) => ({ plan, dkim: [] }))).map(
    ({ name, type, value }) => `${name} ${type} ${value}`,
  )
const findingsOf = (text: string) =>
  planSystem(parse(text).model).findings.map(({ code, message }) => `${code} ${message}`)

test('MSA, Transmitter, Receiver and MDA are four agents: each does its part, and the signature is the domain’s', async () => {
  const world = await TestSystem.start(SPLIT)
  assert.match((await world.submit(BOB, LETTER))[0]!, /^250/)
  await world.quiet()
  const [mail] = await world.mail('home', BOB)
  assert.match(mail!.text, /^Received: from mail\.border\.test[^:]*by mail\.recipient\.test with LMTPS/m)
  assert.match(mail!.text, /Authentication-Results: mail\.border\.test;[\s\S]*dmarc=pass[^;]*header\.from=sender\.test/)
  assert.match(mail!.text, /DKIM-Signature: [^:]*d=sender\.test;\s+s=rsa1-carrier;/)
  assert.doesNotMatch(mail!.text, /Borderpost-Verdict/)
  assert.deepEqual([mail!.verdict?.dmarc, mail!.verdict?.outcome], ['pass', 'accept'])
  assert.deepEqual(world.complaints, [])
  const roles = ['sender', 'carrier', 'border', 'home'].map((id) =>
    world.events(id).map(({ role, kind }) => `${role} ${kind}`),
  )
  assert.deepEqual(roles, [
    ['MSA accepted', 'Transmitter transmitted'],
    ['Transmitter accepted', 'Transmitter transmitted'],
    ['Receiver transmitted'],
    ['MDA delivered'],
  ])
})

test('DNS says who sends for the domain, who takes its mail, and nothing of who stands behind', () => {
  const records = published(SPLIT)
  assert.ok(records.includes('sender.test TXT v=spf1 ip4:127.0.11.1 -all'))
  assert.ok(records.includes('recipient.test MX 10 mail.border.test'))
  assert.ok(!records.includes('recipient.test MX 10 mail.recipient.test'))
})

test('whom the MDA does not know is refused at the Border, by its answer', async () => {
  const world = await TestSystem.start(SPLIT)
  const host = world.stranger('203.0.113.5', domainAt('stranger.test', '203.0.113.5'))
  const [said] = await world.send(host, 'border', 'smtp', { from: 'a@stranger.test', to: 'nobody@recipient.test' })
  assert.match(said!, /^550 5\.1\.1 there is no mailbox nobody@recipient\.test here/)
  const others = await world.send(host, 'border', 'smtp', {
    from: 'a@stranger.test',
    to: [BOB, 'postmaster@recipient.test'],
  })
  assert.match(others[0]!, /^250/)
  assert.match(others[1]!, /^452 4\.5\.3/)
})

test('while the MDA is away the sender keeps the message; nothing is lost, nothing bounces', async () => {
  const world = await TestSystem.start(SPLIT)
  world.system.crash('home')
  const host = world.stranger('203.0.113.5', domainAt('stranger.test', '203.0.113.5'))
  const [said] = await world.send(host, 'border', 'smtp', { from: 'a@stranger.test', to: BOB })
  assert.match(said!, /^451 4\.4\.1 the mailboxes at mail\.recipient\.test cannot be reached now/)
  assert.match((await world.submit(BOB, LETTER))[0]!, /^250/)
  await world.passTime(120_000)
  await world.run(world.system.restart('home'))
  await world.quiet()
  assert.equal((await world.mail('home', BOB)).length, 1)
  assert.equal((await world.mail('sender', 'anna@sender.test')).length, 0)
})

test('what the Border judged decides at the MDA: Junk is Junk there, with the reason; a verdict that a stranger wrote is not', async () => {
  const world = await TestSystem.start(SPLIT)
  const host = world.stranger('203.0.113.5', [
    ...domainAt('stranger.test', '203.0.113.5'),
    ...domainAt('bank.test', '203.0.113.9', 'quarantine'),
  ])
  const forged = Buffer.from(JSON.stringify({ outcome: 'accept', reason: 'I said so', spf: 'pass' })).toString('base64')
  const text = `Borderpost-Verdict:\n ${forged}\nFrom: ceo@bank.test\nTo: ${BOB}\nSubject: urgent\n\npay\n`
  const [said] = await world.send(host, 'border', 'smtp', { from: 'a@stranger.test', to: BOB, text })
  assert.match(said!, /^250/)
  const [mail] = await world.mail('home', BOB, 'junk')
  assert.equal(mail!.verdict?.dmarc, 'fail')
  assert.match(mail!.verdict!.reason, /bank\.test/)
  assert.equal((await world.mail('home', BOB)).length, 0)
})

test('a Forwarder that a Recipient trusts since is known at the Border that stands before his MDA', async () => {
  const world = await TestSystem.start(SPLIT)
  const host = world.stranger('203.0.113.5', [
    ...domainAt('old.test', '203.0.113.5'),
    ...domainAt('bank.test', '203.0.113.9', 'reject'),
  ])
  const text = `From: ceo@bank.test\nTo: bob@old.test\nSubject: statement\n\nby way of the old address\n`
  const pass = () => world.send(host, 'border', 'smtp', { from: 'bob@old.test', to: BOB, text })
  assert.match((await pass())[0]!, /^550 5\.7\.\d+ .*bank\.test/)
  const { store } = world.agent('home')
  const account = store.accountByAddress(BOB)!.id
  const forwarders = ['old.test', ...Array.from({ length: 90 }, (_, i) => `another${i}.forwarder.test`)]
  for (const domain of forwarders)
    await world.run(store.commit([{ kind: 'trust.put', forwarder: { account, domain, oldAddress: '', addedAtMs: 0 } }]))
  // What the MDA said before is true for a while.
  await world.passTime(300_001)
  assert.match((await pass())[0]!, /^250/)
  const [mail] = await world.mail('home', BOB)
  assert.match(mail!.verdict!.reason, /old\.test/)
  // Nobody else hears whom he trusts.
  const said = await world.send(host, 'border', 'smtp', { from: 'a@old.test', to: BOB, text: 'Subject: x\n\nx\n' })
  assert.doesNotMatch(said.join(' '), /forwarder\.test/)
})

test('by LMTP a stranger is turned away, and another’s relay gets no say', async () => {
  const world = await TestSystem.start(SPLIT)
  const host = world.stranger('203.0.113.5')
  const stream = await world.run(
    host.world.network.connect(world.system.agent('home').endpoint('lmtp')!, { timeoutMs: 1000 }),
  )
  assert.match(
    Buffer.from((await world.run(stream.read(1000)))!).toString(),
    /^554 5\.7\.1 203\.0\.113\.5 may not hand mail over/,
  )
})

test('a contract covers its own domains, and nobody without one gets mail carried', async () => {
  const world = await TestSystem.start(SPLIT)
  const relay = world.system.hostOf('sender')
  const carrying = (from: string, text?: string) =>
    world.send(relay, 'carrier', 'submission', { from, to: BOB, ...(text !== undefined && { text }) })
  assert.match(
    (await carrying('ceo@bank.test'))[0]!,
    /^553 5\.7\.1 the contract with sender covers no mail from bank\.test/,
  )
  assert.match(
    (await carrying('anna@sender.test', `From: ceo@bank.test\nTo: ${BOB}\nSubject: x\n\nx\n`))[0]!,
    /^550 5\.7\.1 From names bank\.test, which the contract with sender does not cover/,
  )
  assert.match((await carrying('anna@sender.test', LETTER))[0]!, /^250/)
  const stranger = world.stranger('203.0.113.5')
  const [said] = await world.send(stranger, 'carrier', 'submission', { from: 'a@sender.test', to: BOB })
  assert.match(said!, /^554 5\.7\.1 mail\.carrier\.test carries mail only for those it has a contract with/)
})

test('a crash of any of them at any moment loses no message', async () => {
  for (const [seed, id] of ['sender', 'carrier', 'border', 'home'].entries()) {
    const world = await TestSystem.start(SPLIT, { seed })
    for (let n = 0; n < 5; n++) {
      const text = LETTER.replace('one@', `${n}@`)
      assert.match((await world.submit(BOB, text))[0]!, /^250/)
      await world.passTime(20 + 7 * n)
      world.system.crash(id)
      await world.passTime(1000)
      await world.run(world.system.restart(id))
    }
    await world.quiet()
    const ids = new Set((await world.mail('home', BOB)).map(({ text }) => /^Message-ID: <(\d)@/m.exec(text)![1]))
    assert.equal(ids.size, 5, id)
  }
})

test('a filter in front of an office, and two gateways, are hand-overs too', async () => {
  const world = await TestSystem.start(`
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver@gate1 ==> Receiver/MDA@office ==> Recipient@bob
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver@gate2 ==> Receiver/MDA@office ==> Recipient@bob

sender: domain=sender.test, ip=127.0.10.1, filter=no
gate1:  domain=gate1.test, ip=127.0.20.1, filter=no
gate2:  domain=gate2.test, ip=127.0.20.2, filter=no
office: domain=recipient.test, ip=127.0.21.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test
`)
  for (let n = 0; n < 8; n++) assert.match((await world.submit(BOB, LETTER.replace('one@', `${n}@`)))[0]!, /^250/)
  await world.quiet()
  const mails = await world.mail('office', BOB)
  assert.equal(mails.length, 8)
  const gates = new Set(mails.map(({ text }) => /^Authentication-Results: (\S+);/m.exec(text)![1]))
  assert.deepEqual([...gates].sort(), ['mail.gate1.test', 'mail.gate2.test'])
})

test('the article’s Figure 1, each role another actor, runs', async () => {
  const world = await TestSystem.start(`
Author@anna --> MSA@sender --> Transmitter@out --> / --> Receiver@in --> MDA@home --> Recipient@bob

sender: domain=sender.test, ip=127.0.10.1
out:    domain=sender.test, ip=127.0.11.1
in:     domain=recipient.test, ip=127.0.20.1, filter=no
home:   domain=recipient.test, ip=127.0.21.1
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test
`)
  assert.match((await world.submit(BOB, LETTER))[0]!, /^250/)
  await world.quiet()
  const [mail] = await world.mail('home', BOB)
  assert.match(mail!.text, /Authentication-Results: mail\.recipient\.test;[\s\S]*dmarc=pass/)
})

test('what cannot work is said: two MDAs of a domain, an MSA whose mail nobody carries, an MDA that nothing reaches', () => {
  assert.deepEqual(
    findingsOf(
      'MSA@a --> / --> Receiver/MDA@b\nMDA@c\n\na: domain=a.test, ip=127.0.0.2\nb: domain=b.test, ip=127.0.0.3\nc: domain=b.test, ip=127.0.0.4\n',
    ),
    [
      'S09 a plays MSA without Transmitter: its mail would never leave',
      'S09 c plays MDA without Receiver: no mail would reach it',
      'S06 b and c are both the MDA of b.test',
    ],
  )
})
