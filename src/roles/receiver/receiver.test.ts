// The Receiver in the simulated world: what it refuses at the Border and why, and what it keeps.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { domainAt, TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const BOB = 'bob@recipient.test'
const GOOD_IP = '192.0.2.10'
const BAD_IP = '192.0.2.66'

/** good.test sends from GOOD_IP and asks for `dmarc`; somebody else sits at BAD_IP. */
async function withStrangers(dmarc: string, lines = '') {
  const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}`)
  const good = world.stranger(GOOD_IP, domainAt('good.test', GOOD_IP, dmarc))
  const bad = world.stranger(BAD_IP)
  const from = (host: typeof good, sender: string, to: string | string[] = BOB, text?: string) =>
    world.send(host, 'recipient', 'smtp', { from: sender, to, helo: 'mail.good.test', text })
  return { world, good, bad, from }
}

const letter = (header: string) => `${header}\nTo: ${BOB}\nSubject: hello\n\nHello\n`

describe('who is it (SPF, DKIM, DMARC)', () => {
  test('a proven sender is put into the inbox, with what was found written on top', async () => {
    const { world, good, from } = await withStrangers('reject')
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 2\.0\.0 accepted as/)
    const [mail] = await world.mail('recipient', BOB)
    assert.equal(mail!.verdict!.dmarc, 'pass')
    assert.equal(mail!.verdict!.reason, 'good.test is proven to be the sender (DMARC)')
    const text = mail!.text.replaceAll(/\r\n[ \t]+/g, ' ')
    assert.match(text, /^Return-Path: <gina@good\.test>\r\nAuthentication-Results: mail\.recipient\.test;/)
    assert.match(text, /spf=pass .*dmarc=pass/)
    assert.match(
      text,
      /^Received: from mail\.good\.test \(.*192\.0\.2\.10.*\) by mail\.recipient\.test with ESMTP.* id [0-9a-z]{12}.* for <bob@recipient\.test>; /m,
    )
  })

  for (const [policy, outcome] of [
    ['none', 'inbox'],
    ['quarantine', 'junk'],
  ] as const)
    test(`what is not proven, and p=${policy}: ${outcome}`, async () => {
      const { world, bad, from } = await withStrangers(policy)
      world.publish([{ name: 'bad.test', type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${BAD_IP} -all` }])
      const [reply] = await from(bad, 'mallory@bad.test', BOB, letter('From: gina@good.test'))
      assert.match(reply!, /^250 /)
      const [mail] = await world.mail('recipient', BOB, outcome)
      assert.equal(mail!.verdict!.dmarc, 'fail')
      assert.equal(mail!.verdict!.spf, 'pass')
    })

  test('what is not proven, and p=reject: refused with the reason, and tracked', async () => {
    const { world, bad, from } = await withStrangers('reject')
    const [reply] = await from(bad, 'gina@good.test')
    assert.match(reply!, /^550 5\.7\.26 neither SPF nor DKIM proves that this mail is from good\.test/)
    assert.match(reply!, /p=reject/)
    const [event] = world.events('recipient', 'refused')
    assert.match(event!.text, /^Refused at the Border: /)
    assert.equal(event!.detail.spf, 'fail')
  })

  test('SPF says no and nothing else speaks for the sender: Junk', async () => {
    const { world, bad, from } = await withStrangers('none')
    world.publish([{ name: 'plain.test', type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${GOOD_IP} -all` }])
    assert.match((await from(bad, 'pia@plain.test'))[0]!, /^250 /)
    const [mail] = await world.mail('recipient', BOB, 'junk')
    assert.match(mail!.verdict!.reason, /plain\.test says that the connecting address may not send its mail/)
  })

  test('no answer from DNS: come again later', async () => {
    const { world, good, from } = await withStrangers('reject')
    world.simulation.links.partition('recipient', 'dns')
    assert.match((await from(good, 'gina@good.test'))[0]!, /^451 4\.4\.3 DNS gave no answer about good\.test/)
    assert.match(world.events('recipient', 'deferred')[0]!.text, /^Asked to come again later: /)
    world.simulation.links.heal('recipient', 'dns')
    await world.simulation.runFor(120_000)
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 /)
  })

  test('several From fields, a From without an address, none at all: Junk; refused where the domain asks for it', async () => {
    const { world, good, from } = await withStrangers('reject')
    const [two] = await from(good, 'gina@good.test', BOB, letter('From: gina@good.test\nFrom: boss@bank.test'))
    assert.match(two!, /^550 5\.7\.26 there are 2 From fields/)
    world.publish(domainAt('other.test', GOOD_IP, 'none'))
    for (const header of ['From: a@other.test\nFrom: boss@bank.test', 'From: undisclosed', 'Subject: no From']) {
      const [reply] = await from(good, 'a@other.test', BOB, letter(header))
      assert.match(reply!, /^250 /, header)
    }
    const reasons = (await world.mail('recipient', BOB, 'junk')).map(({ verdict }) => verdict!.reason)
    assert.deepEqual(reasons, [
      'there are 2 From fields, so nobody can say who wrote it',
      'From names no mailbox, so nobody can say who wrote it',
      'there is no From, so nobody can say who wrote it',
    ])
  })

  test('results in our own name that came with the message are taken out, those of others stay', async () => {
    const { world, good, from } = await withStrangers('reject')
    const forged = 'Authentication-Results: mail.recipient.test; dmarc=pass header.from=bank.test'
    const folded = 'Authentication-Results:\n MAIL.recipient.TEST; spf=pass'
    const others = 'Authentication-Results: elsewhere.test; dkim=pass'
    await from(good, 'gina@good.test', BOB, letter(`${forged}\n${folded}\n${others}\nFrom: gina@good.test`))
    const [mail] = await world.mail('recipient', BOB)
    const all = mail!.text.replaceAll(/\r\n[ \t]+/g, ' ').match(/^Authentication-Results: *[^;]*/gim)!
    assert.deepEqual(
      all.map((field) => field.split(/: */)[1]),
      ['mail.recipient.test', 'elsewhere.test'],
    )
    assert.ok(!mail!.text.includes('bank.test'))
  })
})

describe('lists', () => {
  test('an address, a domain or a network on the deny list is refused, with the entry', async () => {
    const lines = `recipient: deny=eve@good.test, deny=bad.test, deny=203.0.113.0/24`
    const { world, good, from } = await withStrangers('none', lines)
    const [address] = await from(good, 'EVE@good.test')
    assert.match(address!, /^550 5\.7\.1 mail from eve@good\.test is not taken here \(deny list\)/)
    const [domain] = await from(good, 'x@sub.bad.test')
    assert.match(domain!, /^550 5\.7\.1 mail from bad\.test/)
    const [network] = await from(world.stranger('203.0.113.9'), 'x@good.test')
    assert.match(network!, /^554 5\.7\.1 203\.0\.113\.9 is on our deny list .*postmaster@recipient\.test/)
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 /)
  })

  test('an allowed network is always let in; an allowed address only when it is proven', async () => {
    const lines = `recipient: allow=gina@good.test, allow=198.51.100.7, deny=good.test`
    const { world, good, bad, from } = await withStrangers('reject', lines)
    const partner = world.stranger('198.51.100.7')
    assert.match((await from(partner, 'who@good.test'))[0]!, /^250 /)
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 /)
    assert.match((await from(good, 'greta@good.test'))[0]!, /^550 5\.7\.1 mail from good\.test/)
    // Anybody can write an address into MAIL FROM.
    assert.match((await from(bad, 'gina@good.test'))[0]!, /^550 5\.7\.26/)
    const reasons = (await world.mail('recipient', BOB)).map(({ verdict }) => verdict!.reason)
    assert.deepEqual(reasons, [
      '198.51.100.7 is on the list of senders always let in',
      'gina@good.test is on the list of senders always let in',
    ])
  })
})

describe('limits', () => {
  test('messages from one address in a minute', async () => {
    const { world, good, from } = await withStrangers('none', 'recipient: messages-per-minute=3')
    const replies: string[] = []
    for (let n = 0; n < 4; n++) replies.push(...(await from(good, `gina${n}@good.test`)))
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ['250 2.0.0', '250 2.0.0', '250 2.0.0', '450 4.7.0'],
    )
    await world.simulation.runFor(60_000)
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 /)
  })

  test('connections at once, from one address and in all; when the house is full the longest silent gives way', async () => {
    const { world, good, bad } = await withStrangers('none', 'recipient: connections-per-address=2, connections=3')
    const endpoint = world.system.agent('recipient').endpoint('smtp')!
    const greet = async (host: typeof good) => {
      const stream = await host.world.network.connect(endpoint, { timeoutMs: 1000 })
      return { stream, said: Buffer.from((await stream.read(5000))!).toString() }
    }
    const first = await world.run(greet(good))
    const said = [first.said]
    for (const host of [good, good, bad, bad]) said.push((await world.run(greet(host))).said)
    assert.deepEqual(
      said.map((greeting) => greeting.slice(0, 3)),
      ['220', '220', '421', '220', '220'],
    )
    assert.match(said[2]!, /too many connections from 192\.0\.2\.10/)
    const farewell = await world.run(first.stream.read(5000))
    assert.match(farewell === null ? '421 ' : Buffer.from(farewell).toString(), /^421 /)
  })

  test('whoever asks for many unknown recipients is sent away, and stays away for a while', async () => {
    const { world, bad, from } = await withStrangers('none')
    const replies: string[] = []
    for (let n = 0; n < 6; n++)
      replies.push(
        ...(await from(
          bad,
          'x@good.test',
          Array.from({ length: 10 }, (_, i) => `guess${n}.${i}@recipient.test`),
        )),
      )
    assert.match(replies[0]!, /^550 5\.1\.1 there is no mailbox guess0\.0@recipient\.test here/)
    assert.match(replies.at(-1)!, /^421 4\.7\.0 too many unknown recipients/)
    assert.match((await from(world.stranger('192.0.2.67'), 'x@good.test'))[0]!, /^421 /)
    await world.simulation.runFor(600_000)
    assert.match((await from(bad, 'x@other.test'))[0]!, /^250 /)
  })

  test('a message larger than allowed is refused', async () => {
    const { good, from } = await withStrangers('none', 'recipient: max-size=10K')
    const [reply] = await from(good, 'gina@good.test', BOB, `From: gina@good.test\n\n${'x\n'.repeat(10_000)}`)
    assert.match(reply!, /^552 5\.3\.4/)
  })

  test('more than a hundred hops are a loop', async () => {
    const { good, from } = await withStrangers('none')
    const hops = (count: number) =>
      letter(`${'Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\n'.repeat(count)}From: gina@good.test`)
    assert.match((await from(good, 'gina@good.test', BOB, hops(100)))[0]!, /^250 /)
    assert.match(
      (await from(good, 'gina@good.test', BOB, hops(101)))[0]!,
      /^554 5\.4\.6 this message has passed more than 100/,
    )
  })
})

describe('recipients', () => {
  test('nobody relays here, and unknown recipients are refused one by one', async () => {
    const { world, good, from } = await withStrangers('none')
    const replies = await from(good, 'gina@good.test', ['x@elsewhere.test', 'nobody@recipient.test', BOB])
    assert.match(replies[0]!, /^550 5\.7\.1 we do not relay: elsewhere\.test is not handled here/)
    assert.match(replies[1]!, /^550 5\.1\.1 there is no mailbox nobody@recipient\.test here/)
    assert.match(replies[2]!, /^250 /)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
  })

  test('postmaster is always there, and several addresses of one person give one copy', async () => {
    const { world, good, from } = await withStrangers('none', 'bob: alias=robert@recipient.test')
    const to = [BOB, 'robert@recipient.test', 'bob+lists@recipient.test', 'postmaster@recipient.test']
    assert.deepEqual(
      (await from(good, 'gina@good.test', to)).map((reply) => reply.slice(0, 3)),
      ['250', '250', '250', '250'],
    )
    assert.equal((await world.mail('recipient', BOB)).length, 1)
    assert.equal((await world.mail('recipient', 'postmaster@recipient.test')).length, 1)
  })
})

describe('never lose, never twice', () => {
  test('when the disk is full: 452, nothing is kept, and the service stays up', async () => {
    const { world, good, from } = await withStrangers('none')
    const { disk } = world.system.hostOf('recipient')
    disk.fault({ operation: 'append', code: 'full', times: Number.POSITIVE_INFINITY })
    assert.match((await from(good, 'gina@good.test'))[0]!, /^452 4\.3\.1 our disk is full/)
    assert.equal((await world.mail('recipient', BOB)).length, 0)
    disk.repair()
    disk.fault({ operation: 'sync', code: 'failed' })
    assert.match((await from(good, 'gina@good.test'))[0]!, /^451 4\.3\.0 our disk refuses/)
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 /)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
  })

  test('a full mailbox: 452 at RCPT, the others get theirs, and there is room again once something goes', async () => {
    const { world, good, from } = await withStrangers('none', 'bob: quota-messages=1')
    assert.match((await from(good, 'gina@good.test'))[0]!, /^250 /)
    const [bob, postmaster] = await from(good, 'gina@good.test', [BOB, 'postmaster@recipient.test'])
    assert.match(bob!, /^452 4\.2\.2 the mailbox of bob@recipient\.test is full/)
    assert.match(postmaster!, /^250 /)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
    const { store } = world.system.agent('recipient').agent
    const account = store.accountByAddress(BOB)!.id
    const mailbox = store.mailboxByPath(account, 'INBOX')!.id
    await world.run(store.commit([{ kind: 'placement.expunge', account, mailbox, uids: [[1, 9]], onlyDeleted: false }]))
    assert.match((await from(good, 'gina@good.test', BOB, letter('From: gina@good.test')))[0]!, /^250 /)
  })

  test('a relay that repeats itself is told 250 again, and the message is there once', async () => {
    const { world, good, from } = await withStrangers('none')
    const relayed = letter(
      'Received: from a by b with ESMTP id 4711; Thu, 1 Jan 2026 00:00:00 +0000\nFrom: gina@good.test',
    )
    assert.match((await from(good, 'gina@good.test', BOB, relayed))[0]!, /^250 2\.0\.0 accepted as \w+$/)
    assert.match((await from(good, 'gina@good.test', BOB, relayed))[0]!, /^250 .* before/)
    assert.match((await from(good, 'gina@good.test', 'postmaster@recipient.test', relayed))[0]!, /accepted as \w+$/)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
  })

  test('the repetition may come while the first is still being looked at', async () => {
    const { world, good } = await withStrangers('none')
    world.simulation.links.set('recipient', 'dns', { latencyMs: 400 })
    const text = letter(
      'Received: from a by b with ESMTP id 4711; Thu, 1 Jan 2026 00:00:00 +0000\nFrom: gina@good.test',
    )
    const one = () => world.sending(good, 'recipient', 'smtp', { from: 'gina@good.test', to: BOB, text })
    const replies = await world.run(Promise.all([one(), one()]))
    for (const [reply] of replies) assert.match(reply!, /^250 /)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
  })

  test('two letters that are only alike, straight from a mail program, are two', async () => {
    const { world, good, from } = await withStrangers('none')
    await from(good, 'gina@good.test')
    await from(good, 'gina@good.test')
    assert.equal((await world.mail('recipient', BOB)).length, 2)
  })

  test('what a stranger says is kept short in tracking and verdicts', async () => {
    const { world, good, from } = await withStrangers('none')
    world.publish([{ name: 'long.test', type: 'TXT', ttlS: 60, data: `v=spf1 ${'a:x.long.test '.repeat(300)}-all` }])
    await from(good, 'x@long.test', BOB, letter(`From: ${'"x" <a@long.test>, '.repeat(300)}b@long.test`))
    const stored = world.events('recipient')
    for (const { text, detail } of stored) {
      assert.ok(text.length <= 1000)
      assert.ok(JSON.stringify(detail).length < 2000)
    }
    for (const { verdict } of [
      ...(await world.mail('recipient', BOB)),
      ...(await world.mail('recipient', BOB, 'junk')),
    ])
      assert.ok(JSON.stringify(verdict).length < 25_000)
  })
})

describe('what it holds', () => {
  const SPAM =
    'From: "PayPal Service" <mallory@shop.test>\nTo: undisclosed-recipients:;\nSubject: URGENT!!! Your account is SUSPENDED\n' +
    'Content-Type: text/html\n\n<html><body><a href="http://203.0.113.9/login.exe">https://www.paypal.com/</a> ' +
    'Dear customer, verify your password within 24 hours or lose your account. You won $1,000,000 dollars, wire transfer.</body></html>\n'
  const WEIGHED = TWO_AGENTS.replaceAll(', filter=no', '')

  const MILDER = SPAM.replace('"PayPal Service" ', '')
    .replace('203.0.113.9/login.exe', 'shop.test/')
    .replace('https://www.paypal.com/', 'here')

  test('spam of a proven sender is refused, or set aside with a sentence for each rule', async () => {
    const world = await TestSystem.start(WEIGHED)
    world.publish(domainAt('shop.test', '192.0.2.10', 'reject'))
    const shop = world.stranger('192.0.2.10')
    const send = async (text: string) =>
      (await world.send(shop, 'recipient', 'smtp', { from: 'mallory@shop.test', to: BOB, text }))[0]!
    assert.match(await send(SPAM), /^550 5\.7\.1 it looks like spam \(\d/)
    assert.match(await send(MILDER), /^250 /)
    await world.quiet()
    const [mail] = await world.mail('recipient', BOB, 'junk')
    assert.match(mail!.verdict!.reason, /^it looks like spam \(\d/)
    assert.ok(mail!.verdict!.points! >= 5)
    assert.ok(mail!.verdict!.rules!.length >= 3)
    for (const { explanation } of mail!.verdict!.rules!) assert.match(explanation, /\.$/)
  })

  test('an honest letter goes to the inbox, with or without the rules', async () => {
    const world = await TestSystem.start(WEIGHED)
    assert.match(
      (
        await world.submit(
          BOB,
          `From: anna@sender.test\nTo: ${BOB}\nSubject: Tuesday\n\nShall we meet on Tuesday at ten? The papers are ready.\n`,
        )
      )[0]!,
      /^250 /,
    )
    await world.quiet()
    const [mail] = await world.mail('recipient', BOB, 'inbox')
    assert.ok(mail!.verdict!.points! < 5)
  })
})
