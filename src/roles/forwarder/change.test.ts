import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { domainAt, TestSystem } from '../../system/testing.ts'

/** Anna writes to a list with three members: Bob trusts it, Dora has not, Gone has moved away. */
const LIST = `
Author@anna ==> MSA/Transmitter@sender --> / --> Mailing List@lists --> / --> Receiver/MDA@recipient ==> Recipient@bob

Author@anna ==> MSA/Transmitter@sender --> / --> Mailing List@lists --> / --> Receiver/MDA@recipient ==> Recipient@dora

--> / --> Receiver/MDA@sender ==> Recipient@anna

sender:    domain=sender.test, ip=127.0.10.1, filter=no, dmarc=reject
lists:     domain=lists.test, ip=127.0.30.1, filter=no,
           list="talk@lists.test: bob@recipient.test dora@recipient.test gone@recipient.test"
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, trusts=lists
dora: address=dora@recipient.test
`
const LETTER = 'From: Anna Author <anna@sender.test>\nTo: talk@lists.test\nSubject: hello\n\nHello\n'

async function sent(text = LETTER, more = '') {
  const world = await TestSystem.start(`${LIST}${more}`)
  assert.match((await world.submit('talk@lists.test', text))[0]!, /^250 /)
  await world.quiet()
  return world
}

describe('a Mailing List', () => {
  test('marks the subject, adds a footer and its fields, and signs: the signature of the Author is broken', async () => {
    const world = await sent()
    const [bobs, ...more] = await world.mail('recipient', 'bob@recipient.test')
    assert.equal(more.length, 0)
    assert.match(bobs!.text, /^Subject: \[talk\] hello\r$/m)
    assert.match(bobs!.text, /^List-Id: <talk\.lists\.test>\r$/m)
    assert.ok(bobs!.text.endsWith('\r\n\r\nHello\r\n-- \r\nYou are on this list.\r\n'), bobs!.text)
    assert.match(bobs!.text, /^Return-Path: <talk-owner@lists\.test>\r$/m)
    const results = /^Authentication-Results: mail\.recipient\.test;[\s\S]*?\r\n(?! )/m.exec(bobs!.text)![0]
    assert.match(results, /dkim=fail[^;]*header\.d=sender\.test/)
    assert.match(results, /dkim=pass[^;]*header\.d=lists\.test/)
    assert.match(results, /dmarc=fail/)
    assert.equal(bobs!.verdict!.trustedForwarder, 'lists.test')
  })

  test('who has not told the MDA of it finds it in Junk', async () => {
    const world = await sent()
    assert.equal((await world.mail('recipient', 'dora@recipient.test')).length, 0)
    assert.equal((await world.mail('recipient', 'dora@recipient.test', 'junk')).length, 1)
  })

  test('what cannot reach a member comes back to the list, and not to the Author', async () => {
    const world = await sent()
    const [report] = await world.mail('lists', 'postmaster@lists.test')
    assert.match(report!.text, /^Final-Recipient: rfc822; gone@recipient\.test\r$/m)
    assert.equal((await world.mail('sender', 'anna@sender.test')).length, 0)
  })

  test('from-rewrite=yes: the mail is the list’s, and answers go to the Author', async () => {
    const world = await sent(LETTER, 'lists: from-rewrite=yes\n')
    const [doras] = await world.mail('recipient', 'dora@recipient.test')
    assert.match(doras!.text, /^From: Anna Author via talk <talk@lists\.test>\r$/m)
    assert.match(doras!.text, /^Reply-To: Anna Author <anna@sender\.test>\r$/m)
    assert.equal(doras!.verdict!.dmarc, 'pass')
  })

  test('modifies=no: the signature of the Author arrives whole', async () => {
    const world = await sent(LETTER, 'lists: modifies=no\n')
    const [doras] = await world.mail('recipient', 'dora@recipient.test')
    assert.equal(doras!.verdict!.dmarc, 'pass')
    assert.match(doras!.text, /^Subject: hello\r$/m)
  })

  test('the footer of what is no plain text is a part of its own: what is encoded stays as it was', async () => {
    const text =
      'From: anna@sender.test\nTo: talk@lists.test\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nMIME-Version: 1.0\n' +
      'Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+aGVsbG88L3A+\n'
    const world = await sent(text)
    const [bobs] = await world.mail('recipient', 'bob@recipient.test')
    const [, boundary] = /^Content-Type: multipart\/mixed;\s+boundary="?([\w-]+)"?\r$/m.exec(bobs!.text) ?? []
    assert.ok(boundary !== undefined, bobs!.text)
    const [, first, second, end] = bobs!.text.split(`--${boundary}`)
    assert.match(
      first!,
      /^\r\nContent-Type: text\/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA\+/,
    )
    assert.match(second!, /You are on this list\./)
    assert.match(end!, /^--\r\n$/)
    assert.equal(bobs!.text.match(/^MIME-Version:/gm)!.length, 1)
    assert.match(bobs!.text, /^Subject: =\?utf-8\?/im)
  })

  test('what has been through the list does not go round again', async () => {
    const world = await TestSystem.start(LIST)
    const said = await world.submit('talk@lists.test', `Delivered-To: talk@lists.test\n${LETTER}`)
    assert.match(said[0]!, /^250 /)
    await world.quiet()
    assert.equal((await world.mail('recipient', 'bob@recipient.test')).length, 0)
    assert.match((await world.mail('sender', 'anna@sender.test'))[0]!.text, /goes round in a loop/)
  })
})

test('a Forwarder that adds a footer breaks the signature, and its chain of custody ends', async () => {
  const world = await TestSystem.start(`
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@recipient ==> Recipient@bob

sender:    domain=sender.test, ip=127.0.10.1, filter=no
old:       domain=old.test, ip=127.0.30.1, filter=no, modifies=footer, forward="bob@old.test -> bob@recipient.test"
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, trusts=old
`)
  await world.submit('bob@old.test', LETTER)
  await world.quiet()
  const [found] = await world.mail('recipient', 'bob@recipient.test')
  assert.equal(found!.verdict!.dkim, 'fail')
  assert.equal(found!.verdict!.arc, 'pass')
  assert.match(found!.text, /This message was passed on\.\r\n$/)
})

test('an Open Relay takes a forgery that any Receiver refuses, and the Receiver behind it refuses it', async () => {
  const world = await TestSystem.start(`
--> / --> Open Relay@relay --> / --> Receiver/MDA@victim ==> Recipient@vera

relay:  domain=relay.test, ip=127.0.40.1
victim: domain=victim.test, ip=127.0.20.1, filter=no
vera: address=vera@victim.test
`)
  const forger = world.stranger('127.0.99.3', domainAt('bank.test', '192.0.2.99', 'reject'))
  const letter = { from: 'ceo@bank.test', to: 'vera@victim.test' }
  assert.match((await world.send(forger, 'victim', 'smtp', letter))[0]!, /^550 5\.7\.26 /)
  assert.match((await world.send(forger, 'relay', 'smtp', letter))[0]!, /^250 /)
  await world.quiet()
  assert.equal((await world.mail('victim', 'vera@victim.test')).length, 0)
  assert.equal(world.events('victim', 'refused').length, 2)
})
