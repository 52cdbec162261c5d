// The MSA in the simulated world: who may submit, as whom, and what becomes of it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'
const WITH_PLACES = `${TWO_AGENTS}
anna: alias=annie@sender.test, ip=192.0.2.7
sender: network=192.168.5.0/24
`

describe('who may submit', () => {
  test('an Author with the password, over STARTTLS', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const [reply] = await world.submit(BOB)
    assert.match(reply!, /^250 2\.0\.0 accepted as [0-9a-z]{12}$/)
    await world.quiet()
    const [mail] = await world.mail('recipient', BOB)
    assert.equal(mail!.verdict!.dmarc, 'pass')
    assert.match(mail!.text, /^Return-Path: <anna@sender\.test>\r\n/)
    // RFC 6409 §8: what was missing is there. The Author's own address and machine are not told.
    for (const field of [/^Date: /m, /^Message-ID: </m, /^DKIM-Signature: /m]) assert.match(mail!.text, field)
    assert.ok(!mail!.text.includes('127.0.99.1') && !mail!.text.includes('computer.test'), mail!.text)
  })

  test('an Author with the password, over implicit TLS (RFC 8314)', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const { network } = world.stranger('127.0.99.1').world
    const endpoint = world.system.agent('sender').endpoint('submissions')!
    const dialogue = async () => {
      const tls = { role: 'client', serverName: 'mail.sender.test', mustAuthenticate: false } as const
      const stream = await network.connect(endpoint, { timeoutMs: 1000, tls })
      const said: string[] = []
      const password = Buffer.from(`\0${ANNA}\0demo`).toString('base64')
      const message = `From: ${ANNA}\r\n\r\nhello\r\n.`
      for (const line of [
        'EHLO x',
        `AUTH PLAIN ${password}`,
        `MAIL FROM:<${ANNA}>`,
        `RCPT TO:<${BOB}>`,
        'DATA',
        message,
      ]) {
        said.push(Buffer.from((await stream.read(5000)) ?? '').toString('latin1'))
        await stream.write(Buffer.from(`${line}\r\n`))
      }
      said.push(Buffer.from((await stream.read(5000)) ?? '').toString('latin1'))
      stream.destroy()
      return said
    }
    const said = await world.run(dialogue())
    assert.match(said[2]!, /^235 /)
    assert.match(said.at(-1)!, /^250 2\.0\.0 accepted as/)
  })

  test('an Author by static address and by local network; nobody else', async () => {
    const world = await TestSystem.start(WITH_PLACES)
    for (const ip of ['192.0.2.7', '192.168.5.9']) {
      const [reply] = await world.send(world.stranger(ip), 'sender', 'submission', { from: ANNA, to: BOB })
      assert.match(reply!, /^250 /, ip)
    }
    const [reply] = await world.send(world.stranger('192.0.2.8'), 'sender', 'submission', { from: ANNA, to: BOB })
    assert.match(reply!, /^530 5\.7\.0 authentication required/)
    await world.quiet()
    assert.equal((await world.mail('recipient', BOB)).length, 2)
  })

  test('the password can be switched off in the description', async () => {
    const world = await TestSystem.start(`${WITH_PLACES}\nsender: password=no`)
    const computer = world.stranger('127.0.99.1')
    const [reply] = await world.send(computer, 'sender', 'submission', { from: ANNA, to: BOB, login: ANNA })
    assert.match(reply!, /no common way to log in/)
    const [station] = await world.send(world.stranger('192.0.2.7'), 'sender', 'submission', { from: ANNA, to: BOB })
    assert.match(station!, /^250 /)
  })

  test('too many wrong passwords from one address make it wait, and others not', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const guesser = world.stranger('127.0.99.2')
    const replies: string[] = []
    for (let n = 0; n < 22; n++)
      replies.push(
        ...(await world.send(guesser, 'sender', 'submission', { from: ANNA, to: BOB, login: `guess${n}@sender.test` })),
      )
    assert.match(replies[0]!, /^535 5\.7\.8/)
    assert.match(replies[21]!, /^421 4\.7\.0 too many wrong passwords/)
    assert.match((await world.submit(BOB))[0]!, /^250 /)
  })
})

describe('as whom', () => {
  test('the reverse-path and From must be addresses of the Author, aliases too', async () => {
    const world = await TestSystem.start(WITH_PLACES)
    const computer = world.stranger('127.0.99.1')
    const say = async (from: string, header: string) =>
      (
        await world.send(computer, 'sender', 'submission', {
          from,
          to: BOB,
          login: ANNA,
          text: `${header}\nSubject: x\n\nx\n`,
        })
      )[0]!
    assert.match(await say('annie@sender.test', 'From: "Anna" <ANNIE@sender.test>'), /^250 /)
    assert.match(await say('', `From: ${ANNA}`), /^250 /)
    assert.match(await say(BOB, `From: ${ANNA}`), /^553 5\.7\.1 bob@recipient\.test is not an address of anna/)
    assert.match(await say('postmaster@sender.test', `From: ${ANNA}`), /^553 5\.7\.1/)
    assert.match(await say(ANNA, `From: ${ANNA}, postmaster@sender.test`), /^550 5\.7\.1/)
    assert.match(await say(ANNA, `From: ${ANNA}\nSender: postmaster@sender.test`), /^550 5\.7\.1 Sender names/)
    assert.match(await say(ANNA, `From: ${ANNA}\nFrom: ${ANNA}`), /^550 5\.6\.0 there are 2 From fields/)
    assert.match(await say(ANNA, `From: a@b@c, ${ANNA}`), /^550 5\.6\.0 /)
    // What somebody else wrote may be sent on, but never in the name of another person of this domain.
    assert.match(await say(ANNA, `From: ${BOB}`), /^250 /)
    assert.match(await say(ANNA, 'From: nobody in particular'), /^250 /)
    assert.match(await say(ANNA, `From: postmaster@sender.test\nResent-From: ${ANNA}`), /^550 5\.7\.1/)
    assert.match(await say(ANNA, `From: ${BOB}\nResent-From: postmaster@sender.test`), /^550 5\.7\.1/)
  })

  test('from a local network, any Author of this MSA and no other', async () => {
    const world = await TestSystem.start(WITH_PLACES)
    const printer = world.stranger('192.168.5.20')
    assert.match((await world.send(printer, 'sender', 'submission', { from: ANNA, to: BOB }))[0]!, /^250 /)
    const [other] = await world.send(printer, 'sender', 'submission', { from: BOB, to: BOB })
    assert.match(other!, /^553 5\.7\.1 bob@recipient\.test is not an Author of sender\.test/)
    const [nobody] = await world.send(printer, 'sender', 'submission', { from: '', to: BOB })
    assert.match(nobody!, /^553 5\.7\.1 <> is not an Author/)
  })

  test('the static address of an Author may send with the null reverse-path', async () => {
    const world = await TestSystem.start(WITH_PLACES)
    const text = `From: ${ANNA}\nTo: ${BOB}\nSubject: read\n\nread\n`
    const station = world.stranger('192.0.2.7')
    const [reply] = await world.send(station, 'sender', 'submission', { from: '', to: BOB, text })
    assert.match(reply!, /^250 /)
    await world.quiet()
    const [mail] = await world.mail('recipient', BOB)
    assert.match(mail!.text, /^Return-Path: <>\r\n/)
    assert.equal(mail!.verdict!.dmarc, 'pass')
  })
})

describe('what becomes of it', () => {
  test('a Recipient at the same agent gets one copy at once, whatever his addresses; unknown ones are refused', async () => {
    const world = await TestSystem.start(WITH_PLACES)
    const replies = await world.submit([ANNA, 'annie@sender.test', 'nobody@sender.test'])
    assert.match(replies[0]!, /^250 /)
    assert.match(replies[1]!, /^250 /)
    assert.match(replies[2]!, /^550 5\.1\.1 there is no mailbox nobody@sender\.test here/)
    assert.equal(world.agent('sender').store.queue.length(), 0)
    const mails = await world.mail('sender', ANNA)
    assert.equal(mails.length, 1)
    assert.match(mails[0]!.verdict!.reason, /signed in here/)
  })

  test('a text without a header becomes a message whose text is still its text', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    assert.match((await world.submit(BOB, 'Hello: is this a field?\nno\n'))[0]!, /^250 /)
    assert.match((await world.submit(BOB, 'Just words\n'))[0]!, /^250 /)
    await world.quiet()
    const [, second] = await world.mail('recipient', BOB)
    assert.match(second!.text, /\r\nFrom: anna@sender\.test\r\n\r\nJust words\r\n$/)
  })

  test('when the disk is full the Author hears 452, nothing is kept, and the next try is taken', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    world.system.hostOf('sender').disk.fault({ operation: 'append', code: 'full', times: Number.POSITIVE_INFINITY })
    assert.match((await world.submit(BOB))[0]!, /^452 4\.3\.1 our disk is full/)
    assert.equal(world.agent('sender').store.queue.length(), 0)
    world.system.hostOf('sender').disk.repair()
    assert.match((await world.submit(BOB))[0]!, /^250 /)
    await world.quiet()
    assert.equal((await world.mail('recipient', BOB)).length, 1)
  })

  test('forwards: inside the agent at once, outside with a reverse-path of ours', async () => {
    const world = await TestSystem.start(`
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob

MSA/Transmitter@recipient --> / --> Receiver/Forwarder/MDA@sender ==> Recipient@anna

sender:    domain=sender.test, ip=127.0.10.1, forward="team@sender.test -> anna@sender.test",
           forward="out@sender.test -> bob@recipient.test",
           forward="a@sender.test -> b@sender.test", forward="b@sender.test -> a@sender.test"
recipient: domain=recipient.test, ip=127.0.20.1
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo
`)
    const replies = await world.submit(['team@sender.test', 'out@sender.test', 'a@sender.test'])
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ['250 2.0.0', '250 2.0.0', '550 5.1.1'],
    )
    assert.equal((await world.mail('sender', ANNA)).length, 1)
    await world.quiet()
    assert.equal((await world.mail('recipient', BOB)).length, 1)
  })
})
