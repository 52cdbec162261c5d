// What the description adds to what can be proven: sealers that are believed for every Recipient (RFC 8617 §7.2),
// Received-SPF (RFC 7208 §9.1), the published logo (BIMI).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { domainAt, TestSystem, TWO_AGENTS } from '../../system/testing.ts'

/** Mail that only SPF proves, forwarded with SRS and a seal: its policy asks to refuse it. */
const SEALED = (attributes: string, more = '') => `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@recipient ==> Recipient@bob

--> / --> Receiver/MDA@sender ==> Recipient@anna

sender:    domain=sender.test, ip=127.0.10.1, dkim=no, dmarc=reject, filter=no
old:       domain=old.test, ip=127.0.30.1, filter=no, forward="bob@old.test -> bob@recipient.test"${more}
recipient: domain=recipient.test, ip=127.0.20.1, filter=no, ${attributes}
anna: address=anna@sender.test, password=demo
bob:  address=bob@recipient.test
`

describe('sealers that the description trusts', () => {
  test('a validated chain overrides a DMARC failure, and the reason is shown', async () => {
    const world = await TestSystem.start(SEALED('trusts-seals=old.test'))
    assert.match((await world.submit('bob@old.test'))[0]!, /^250 /)
    await world.quiet()
    const [found] = await world.mail('recipient', 'bob@recipient.test')
    assert.equal(found?.verdict?.dmarc, 'fail')
    assert.equal(found?.verdict?.reason, 'old.test, whose seals are believed here, saw sender.test proven (DMARC)')
    const [delivered] = world.events('recipient', 'delivered')
    assert.equal(delivered?.detail.dmarcOverride, 'trusted_forwarder')
  })

  test('the same seal of somebody who is not on the list changes nothing', async () => {
    const world = await TestSystem.start(SEALED('trusts-seals=other.test'))
    await world.submit('bob@old.test')
    await world.quiet()
    assert.deepEqual(await world.mail('recipient', 'bob@recipient.test'), [])
    const [aside] = await world.mail('recipient', 'bob@recipient.test', 'junk')
    assert.match(aside!.verdict!.reason, /p=reject\), but old\.test sealed that it was proven there$/)
  })

  test('a trusted sealer that saw nothing proven is believed, too', async () => {
    const world = await TestSystem.start(SEALED('trusts-seals=old.test', ', allow=liar@sender.test, allow=127.0.66.6'))
    // Let in at old.test by its list; nothing proves that it is from sender.test.
    const stranger = world.stranger('127.0.66.6')
    const letter = {
      from: 'liar@stranger.test',
      to: 'bob@old.test',
      text: 'From: anna@sender.test\nSubject: x\n\nHi\n',
    }
    const [said] = await world.send(stranger, 'old', 'smtp', letter)
    assert.match(said!, /^5\d\d .*p=reject/)
    assert.deepEqual(await world.mail('recipient', 'bob@recipient.test'), [])
  })

  test('a stranger cannot hide behind a trusted seal that was copied from another message', async () => {
    const world = await TestSystem.start(SEALED('trusts-seals=old.test'))
    await world.submit('bob@old.test')
    await world.quiet()
    const { text } = (await world.mail('recipient', 'bob@recipient.test'))[0]!
    const replayed = text.replace(/^(?:Return-Path|Authentication-Results): .*\r\n(?:[ \t].*\r\n)*/gm, '')
    const stranger = world.stranger('127.0.66.6')
    const send = (changed: string) =>
      world.send(stranger, 'recipient', 'smtp', { from: 'x@stranger.test', to: 'bob@recipient.test', text: changed })
    assert.match((await send(replayed.replace('Hello', 'Pay me')))[0]!, /^550 .*p=reject/)
  })
})

describe('Received-SPF', () => {
  test('is written where the description asks for it, and only there', async () => {
    for (const [attribute, wanted] of [
      ['received-spf=yes', true],
      ['received-spf=no', false],
    ] as const) {
      const world = await TestSystem.start(`${TWO_AGENTS}\nrecipient: ${attribute}\n`)
      await world.submit('bob@recipient.test')
      await world.quiet()
      const [found] = await world.mail('recipient', 'bob@recipient.test')
      const field = /^Received-SPF: pass .*(?:\r\n[ \t].*)*/m.exec(found!.text)?.[0]
      assert.equal(field !== undefined, wanted)
      if (field !== undefined) assert.match(field, /client-ip=127\.0\.10\.1;[\s\S]*envelope-from="?anna@sender\.test/)
    }
  })
})

describe('Authentication-Results', () => {
  test('says whether the address leads back to a name (iprev)', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    await world.submit('bob@recipient.test')
    await world.quiet()
    const [found] = await world.mail('recipient', 'bob@recipient.test')
    assert.match(
      found!.text.replace(/\r\n[ \t]+/g, ' '),
      /^Authentication-Results: .*iprev=pass .*policy\.iprev=127\.0\.10\.1/m,
    )
  })
})

describe('BIMI', () => {
  const LOGO = (text: string) => [{ name: 'default._bimi.sender.test', type: 'TXT', ttlS: 60, data: text } as const]
  const RECORD = 'v=BIMI1; l=https://sender.test/logo.svg; a=https://sender.test/mark.pem'

  test('the logo of a proven sender is told, though the reply waited for nothing', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    world.publish(LOGO(RECORD))
    for (const _ of ['first', 'second']) {
      await world.submit('bob@recipient.test')
      await world.quiet()
    }
    // The first was kept before DNS had answered, the second found the answer in the cache.
    await world.run(world.agent('recipient').world.clock.sleep(5000))
    const found = await world.mail('recipient', 'bob@recipient.test')
    const logo = { domain: 'sender.test', location: 'https://sender.test/logo.svg', evidence: true }
    assert.deepEqual(
      found.map(({ verdict }) => verdict?.bimi),
      [logo, logo],
    )
  })

  test('DNS that does not answer about it delays nothing', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    await world.submit('bob@recipient.test')
    await world.quiet()
    const [found] = await world.mail('recipient', 'bob@recipient.test')
    assert.equal(found?.verdict?.dmarc, 'pass')
    assert.equal(found?.verdict?.bimi, undefined)
  })

  test('mail that proves nothing, or a policy that is not enforced, shows no logo', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const stranger = world.stranger('127.0.66.6', [...domainAt('lax.test', '127.0.66.6', 'none'), ...LOGO(RECORD)])
    world.publish([{ name: 'default._bimi.lax.test', type: 'TXT', ttlS: 60, data: RECORD }])
    const letter = { from: 'a@lax.test', to: 'bob@recipient.test', helo: 'mail.lax.test' }
    assert.match((await world.send(stranger, 'recipient', 'smtp', letter))[0]!, /^250 /)
    await world.run(world.agent('recipient').world.clock.sleep(5000))
    const [found] = await world.mail('recipient', 'bob@recipient.test')
    assert.equal(found?.verdict?.dmarc, 'pass')
    assert.equal(found?.verdict?.bimi, undefined)
  })
})
