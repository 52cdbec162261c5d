// Mail to a Mailing List that does not come over the Border: of a partner whose mail its agent carries, or of an Author
// there. It is passed on as a stranger's is: changed, signed, and in the list's own name.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestSystem } from '../../system/testing.ts'
import { submitText } from '../msa/submission.ts'

const TEXT = `
Author@anna ==> MSA@sender ==> Transmitter@lists --> / --> Receiver/MDA@recipient ==> Recipient@bob

/ --> Mailing List@lists --> / --> Receiver/MDA@recipient ==> Recipient@bob

/ --> Receiver/MDA@sender ==> Recipient@anna

sender:    domain=sender.test, ip=127.0.10.1, filter=no
lists:     domain=lists.test, ip=127.0.30.1, filter=no, from-rewrite=yes,
           list="talk@lists.test: bob@recipient.test gone@recipient.test",
           list="news@lists.test: bob@recipient.test"
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test, password=demo
`
const LETTER = 'From: Anna Author <anna@sender.test>\nTo: talk@lists.test\nSubject: hello\n\nHello\n'

/** As `change.test.ts` shows it of mail from outside. */
async function assertIsOfList(world: TestSystem, author: string) {
  const [bobs, ...more] = await world.mail('recipient', 'bob@recipient.test')
  assert.equal(more.length, 0)
  assert.match(bobs!.text, /^Return-Path: <talk-owner@lists\.test>\r$/m)
  assert.match(bobs!.text, /^Delivered-To: talk@lists\.test\r$/m)
  assert.match(bobs!.text, /^List-Id: <talk\.lists\.test>\r$/m)
  assert.match(bobs!.text, /^Subject: \[talk\] hello\r$/m)
  assert.match(bobs!.text, /^From: Anna Author via talk <talk@lists\.test>\r$/m)
  assert.match(bobs!.text, new RegExp(`^Reply-To: Anna Author <${author}>\r$`, 'm'))
  assert.ok(bobs!.text.endsWith('Hello\r\n-- \r\nYou are on this list.\r\n'), bobs!.text)
  assert.match(bobs!.text, /dkim=pass[^;]*header\.d=lists\.test/)
  assert.deepEqual([bobs!.verdict!.spf, bobs!.verdict!.dmarc], ['pass', 'pass'])
  // What cannot reach a member comes back to the list.
  const [report, ...others] = await world.mail('lists', 'postmaster@lists.test')
  assert.equal(others.length, 0)
  assert.match(report!.text, /^Final-Recipient: rfc822; ?gone@recipient\.test\r$/m)
}

describe('of a partner under contract', () => {
  test('it is the list’s: marked, signed, from its owner’s address', async () => {
    const world = await TestSystem.start(TEXT)
    assert.match((await world.submit('talk@lists.test', LETTER))[0]!, /^250 /)
    await world.quiet()
    await assertIsOfList(world, 'anna@sender.test')
    assert.equal((await world.mail('sender', 'anna@sender.test')).length, 0)
    const forwarded = world
      .events('lists', 'forwarded')
      .map(({ forwardPath, reversePath }) => [forwardPath, reversePath])
    assert.deepEqual(forwarded, [
      ['bob@recipient.test', 'talk-owner@lists.test'],
      ['gone@recipient.test', 'talk-owner@lists.test'],
    ])
  })

  test('two lists with one member: he has it once; a bounce is for the owner', async () => {
    const world = await TestSystem.start(TEXT)
    await world.submit(['news@lists.test', 'talk@lists.test'], LETTER)
    await world.quiet()
    assert.equal((await world.mail('recipient', 'bob@recipient.test')).length, 1)
  })

  test('what has been through the list does not go round again', async () => {
    const world = await TestSystem.start(TEXT)
    await world.submit('talk@lists.test', `Delivered-To: talk@lists.test\n${LETTER}`)
    await world.quiet()
    assert.equal((await world.mail('recipient', 'bob@recipient.test')).length, 0)
    assert.match((await world.mail('sender', 'anna@sender.test'))[0]!.text, /goes round in a loop/)
  })
})

test('of an Author at the list’s own agent: the same', async () => {
  const world = await TestSystem.start(TEXT)
  const { store } = world.agent('lists')
  const author = store.accountByAddress('postmaster@lists.test')!
  const { reply } = await world.run(
    submitText(world.agent('lists'), author, {
      reversePath: author.address,
      forwardPaths: ['talk@lists.test'],
      source: Buffer.from(LETTER.replace('anna@sender.test', author.address).replaceAll('\n', '\r\n')),
    }),
  )
  assert.equal(reply.code, 250)
  await world.quiet()
  await assertIsOfList(world, author.address)
})
