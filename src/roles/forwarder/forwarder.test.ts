// The Forwarder in the simulated world: what it passes on, how bounces come back, and whose word counts at the MDA.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem } from '../../system/testing.ts'

/** Bob and Dora moved from old.test to recipient.test. Bob trusts his Forwarder, Dora has not told anybody of hers. */
const MOVED = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob

MSA/Transmitter@sender --> / --> Receiver/Forwarder/MDA@old ~~> Receiver/Forwarder/MDA@recipient ==> Recipient@dora

Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@sender ==> Recipient@anna

Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@old ==> Recipient@otto

sender:    domain=sender.test, ip=127.0.10.1
recipient: domain=recipient.test, ip=127.0.20.1
old:       domain=old.test, ip=127.0.30.1, filter=no,
           forward="bob@old.test -> bob@recipient.test",
           forward="dora@old.test -> dora@recipient.test",
           forward="gone@old.test -> nobody@recipient.test",
           forward="twice@old.test -> twice@recipient.test",
           forward="round@old.test -> round@recipient.test"
recipient: forward="twice@recipient.test -> carl@far.test",
           forward="round@recipient.test -> round@old.test"
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo, trusts=old
dora: address=dora@recipient.test
otto: address=otto@old.test
`
const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'
const DORA = 'dora@recipient.test'
const STRANGER_IP = '192.0.2.66'

describe('what is passed on', () => {
  test('body and signed fields are untouched, the reverse-path is ours, the chain is sealed', async () => {
    const world = await TestSystem.start(MOVED)
    await world.submit('dora@old.test')
    await world.quiet()
    const [mail] = await world.mail('recipient', DORA)
    assert.match(mail!.text, /^Return-Path: <SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=sender\.test=anna@old\.test>\r\n/)
    assert.match(mail!.text, /^Delivered-To: dora@old\.test\r$/m)
    assert.match(mail!.text, /^ARC-Seal: (.*\r\n[ \t])*.*d=old\.test; i=1;/m)
    const { spf, dkim, dmarc, arc, outcome, trustedForwarder } = mail!.verdict!
    assert.deepEqual(
      { spf, dkim, dmarc, arc, outcome },
      {
        spf: 'pass',
        dkim: 'pass',
        dmarc: 'pass',
        arc: 'pass',
        outcome: 'accept',
      },
    )
    assert.equal(trustedForwarder, undefined)
    assert.ok(mail!.verdict!.steps.some((step) => step.startsWith('SPF of sender.test')))
  })

  test('SRS and ARC can be switched off; then SPF speaks against the Forwarder', async () => {
    const world = await TestSystem.start(`${MOVED}\nold: srs=no, arc=no`)
    await world.submit('dora@old.test')
    await world.quiet()
    const [mail] = await world.mail('recipient', DORA)
    assert.match(mail!.text, /^Return-Path: <anna@sender\.test>\r\n/)
    assert.equal(mail!.verdict!.spf, 'fail')
    assert.equal(mail!.verdict!.arc, 'none')
    assert.equal(mail!.verdict!.dmarc, 'pass')
  })

  test('a reverse-path too long to be rewritten stays, and DKIM speaks for the message', async () => {
    const long = `${'a'.repeat(50)}@sender.test`
    const world = await TestSystem.start(`${MOVED}\nanna: alias=${long}`)
    const computer = world.stranger('127.0.99.7')
    const letter = { from: long, to: 'dora@old.test', login: ANNA }
    assert.match((await world.send(computer, 'sender', 'submission', letter))[0]!, /^250 /)
    await world.quiet()
    const [mail] = await world.mail('recipient', DORA)
    assert.ok(mail!.text.startsWith(`Return-Path: <${long}>`))
    assert.equal(mail!.verdict!.dmarc, 'pass')
  })

  test('what is judged junk is refused at the Border and not passed on', async () => {
    const world = await TestSystem.start(MOVED)
    world.publish(domainAt('good.test', '192.0.2.10', 'quarantine'))
    const stranger = world.stranger(STRANGER_IP)
    const [said] = await world.send(stranger, 'old', 'smtp', { from: 'gina@good.test', to: 'dora@old.test' })
    assert.match(said!, /^550 5\.7\.1 neither SPF nor DKIM proves .*it is not forwarded/)
    assert.equal(world.agent('old').store.queue.length(), 0)
    // Somebody who reads here would have found it in Junk.
    assert.match(
      (await world.send(stranger, 'old', 'smtp', { from: 'gina@good.test', to: 'otto@old.test' }))[0]!,
      /^250 /,
    )
    assert.equal((await world.mail('old', 'otto@old.test', 'junk')).length, 1)
  })

  test('a message for somebody here and somebody who moved arrives at both, in two transactions', async () => {
    const world = await TestSystem.start(MOVED)
    await world.submit(['otto@old.test', 'dora@old.test'])
    await world.quiet()
    assert.equal((await world.mail('old', 'otto@old.test')).length, 1)
    assert.equal((await world.mail('recipient', DORA)).length, 1)
  })

  test('a circle of two Forwarders ends where it began, and the Author hears of it', async () => {
    const world = await TestSystem.start(MOVED)
    await world.submit('round@old.test')
    await world.quiet()
    const [report, ...more] = await world.mail('sender', ANNA)
    assert.match(report!.text, /5\.4\.6 this message was forwarded from round@old\.test before/)
    assert.equal(more.length, 0)
  })
})

describe('the way back', () => {
  const QUEUED = `${MOVED}\nold: forward-mode=queue\nrecipient: forward-mode=queue`

  test('a bounce of the Forwarder finds the Author, and names the address that he wrote to', async () => {
    const world = await TestSystem.start(QUEUED)
    await world.submit('gone@old.test')
    await world.quiet()
    const [report] = await world.mail('sender', ANNA)
    assert.match(report!.text, /^Reporting-MTA: dns; mail\.old\.test\r$/m)
    assert.match(report!.text, /^Original-Recipient: rfc822; gone@old\.test\r$/m)
    assert.match(report!.text, /^Final-Recipient: rfc822; nobody@recipient\.test\r$/m)
    assert.match(report!.text, /^Status: 5\.1\.1\r$/m)
    assert.equal(report!.verdict!.dmarc, 'pass')
  })

  test('a bounce of the next system goes through both rewritten addresses, and is still believed', async () => {
    const world = await TestSystem.start(QUEUED)
    const ip = '127.0.50.1'
    const far = world.stranger(ip, domainAt('far.test', ip))
    let reversePath = ''
    await serveScript(world, far, {
      mail(path) {
        reversePath = path.type === 'mailbox' ? path.mailbox.localPart : ''
        return undefined
      },
      message: () => reply(550, '5.2.2', 'Carl reads no more mail'),
    })
    await world.submit('twice@old.test')
    await world.quiet()
    assert.match(reversePath, /^SRS1=[A-Z2-7]{8}=old\.test==/)
    const [report, ...more] = await world.mail('sender', ANNA)
    assert.equal(more.length, 0)
    assert.match(report!.text, /^Reporting-MTA: dns; mail\.recipient\.test\r$/m)
    assert.match(report!.text, /Carl reads no more mail/)
    // It passed old.test on its way: only its signature proves that recipient.test made it.
    const { dkim, dmarc, outcome } = report!.verdict!
    assert.deepEqual({ dkim, dmarc, outcome }, { dkim: 'pass', dmarc: 'pass', outcome: 'accept' })
  })

  test('a forged or foreign SRS address is no open relay', async () => {
    const world = await TestSystem.start(MOVED)
    world.publish(domainAt('good.test', '192.0.2.10', 'none'))
    const host = world.stranger('192.0.2.10')
    for (const to of ['SRS0=AAAAAAAA=AA=far.test=carl@old.test', 'SRS1=AAAAAAAA=far.test==x=y=z=carl@old.test'])
      assert.match((await world.send(host, 'old', 'smtp', { from: '', to }))[0]!, /^550 5\.1\.1 /)
  })
})

describe('whose word counts', () => {
  // Unsigned mail: the way through the Forwarder takes away all that proved its Author.
  const UNSIGNED = `${MOVED}\nsender: dkim=no`

  test('who trusts the Forwarder gets what its own Border saw to be good; who does not, does not', async () => {
    const world = await TestSystem.start(UNSIGNED)
    await world.submit('bob@old.test')
    await world.submit('dora@old.test')
    await world.quiet()
    const [bobs] = await world.mail('recipient', BOB)
    assert.equal(bobs!.verdict!.dmarc, 'fail')
    assert.equal(bobs!.verdict!.trustedForwarder, 'old.test')
    assert.match(bobs!.verdict!.reason, /your Forwarder old\.test passed it on and vouches/)
    assert.equal((await world.mail('recipient', DORA)).length, 0)
    const [doras] = await world.mail('recipient', DORA, 'junk')
    assert.match(doras!.verdict!.reason, /p=reject\), but old\.test sealed that it was proven there$/)
  })

  test('trust given and taken away changes the verdict of the next message', async () => {
    const world = await TestSystem.start(UNSIGNED)
    const { store } = world.agent('recipient')
    const account = store.accountByAddress(DORA)!.id
    const forwarder = { account, domain: 'old.test', oldAddress: '', addedAtMs: 0 }
    await world.run(store.commit([{ kind: 'trust.put', forwarder }]))
    await world.submit('dora@old.test')
    await world.quiet()
    assert.equal((await world.mail('recipient', DORA)).length, 1)
    await world.run(store.commit([{ kind: 'trust.remove', account, domain: 'old.test' }]))
    await world.submit('dora@old.test')
    await world.quiet()
    assert.equal((await world.mail('recipient', DORA)).length, 1)
  })

  test('one message for two: the inbox of who trusts, and Junk of who does not, never nothing', async () => {
    const world = await TestSystem.start(UNSIGNED)
    // Both copies in one transaction, from the Forwarder's own machine.
    world.publish(domainAt('good.test', '192.0.2.10', 'reject'))
    const from = 'x@old.test'
    const text = 'From: gina@good.test\nSubject: hello\n\nHello\n'
    const old = world.system.hostOf('old')
    const replies = await world.send(old, 'recipient', 'smtp', { from, to: [BOB, DORA], text, helo: 'mail.old.test' })
    for (const said of replies) assert.match(said, /^250 /)
    const [bobs] = await world.mail('recipient', BOB)
    assert.equal(bobs!.verdict!.trustedForwarder, 'old.test')
    const [doras] = await world.mail('recipient', DORA, 'junk')
    assert.match(doras!.verdict!.reason, /p=reject/)
  })

  test('a stranger who only says HELO old.test is not the Forwarder', async () => {
    const world = await TestSystem.start(`${UNSIGNED}\nsender: dmarc=quarantine`)
    const stranger = world.stranger(STRANGER_IP)
    const letter = { from: ANNA, to: BOB, helo: 'mail.old.test' }
    assert.match((await world.send(stranger, 'recipient', 'smtp', letter))[0]!, /^250 /)
    const [mail] = await world.mail('recipient', BOB, 'junk')
    assert.equal(mail!.verdict!.trustedForwarder, undefined)
    const forgedSeal =
      'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=old.test; s=rsa1; b=AAAA\n' +
      'ARC-Message-Signature: i=1; a=rsa-sha256; d=old.test; s=rsa1; h=from; bh=AAAA; b=AAAA\n' +
      'ARC-Authentication-Results: i=1; mail.old.test; dmarc=pass\n'
    const text = `${forgedSeal}From: ${ANNA}\nSubject: forged\n\nHello\n`
    await world.send(stranger, 'recipient', 'smtp', { ...letter, text })
    const [, forged] = await world.mail('recipient', BOB, 'junk')
    assert.equal(forged!.verdict!.arc, 'fail')
    assert.equal(forged!.verdict!.trustedForwarder, undefined)
  })

  test('what the trusted Forwarder itself saw to be false goes into Junk', async () => {
    const world = await TestSystem.start(MOVED)
    // A domain without a policy that SPF says nothing good about: old.test lets it through when it is signed by another.
    world.publish(domainAt('good.test', '192.0.2.10', 'none'))
    const stranger = world.stranger(STRANGER_IP)
    world.publish([{ name: 'bad.test', type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${STRANGER_IP} -all` }])
    const text = 'From: gina@good.test\nSubject: hello\n\nHello\n'
    const letter = { from: 'mallory@bad.test', to: 'bob@old.test', text }
    assert.match((await world.send(stranger, 'old', 'smtp', letter))[0]!, /^250 /)
    await world.quiet()
    const [mail] = await world.mail('recipient', BOB, 'junk')
    assert.equal(mail!.verdict!.trustedForwarder, 'old.test')
    assert.match(mail!.verdict!.reason, /saw there that its sender was not proven/)
  })
})
