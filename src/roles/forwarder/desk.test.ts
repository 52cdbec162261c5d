// Setting up forwarding, at the old place and at the new one, in the simulated world.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem } from '../../system/testing.ts'
import { ForwardingDesk } from './desk.ts'

/** Bob has mailboxes at the old place and at the new one. */
const TWO_PLACES = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder/MDA@old ~~> Receiver/MDA@new ==> Recipient@bob

--> / --> Receiver/Forwarder/MDA@old ==> Recipient@oldbob

Author@bob ==> MSA/Transmitter@new --> / --> Receiver/MDA@sender ==> Recipient@anna

sender: domain=sender.test, ip=127.0.10.1
new:    domain=new.test, ip=127.0.20.1
old:    domain=old.test, ip=127.0.30.1
anna:   address=anna@sender.test, password=demo
bob:    address=bob@new.test, password=demo
oldbob: address=bob@old.test, name="Bob", password=demo
`
const OLD = 'bob@old.test'
const NEW = 'bob@new.test'

async function start(text = TWO_PLACES) {
  const world = await TestSystem.start(text)
  const deskOf = (id: string, address: string) =>
    new ForwardingDesk(world.agent(id), world.agent(id).store.accountByAddress(address)!)
  return { world, old: deskOf('old', OLD), fresh: deskOf('new', NEW) }
}

describe('both places are Borderpost', () => {
  test('asked, accepted with one click, told to both: mail is forwarded, trusted, and the probe has reported', async () => {
    const { world, old, fresh } = await start()
    assert.equal(await world.run(old.ask({ from: OLD, to: NEW, keep: false })), undefined)
    await world.quiet()
    assert.equal((await world.run(old.view())).forwards[0]!.state, 'unverified')
    await world.submit(OLD)
    await world.quiet()
    assert.equal((await world.mail('old', OLD)).length, 1)

    const { offers } = await world.run(fresh.view())
    assert.deepEqual(
      offers.map(({ from, domain }) => ({ from, domain })),
      [{ from: OLD, domain: 'old.test' }],
    )
    assert.equal(await world.run(fresh.accept(offers[0]!.email)), undefined)
    await world.quiet()
    assert.deepEqual((await world.run(fresh.view())).offers, [])
    const [forward] = (await world.run(old.view())).forwards
    assert.equal(forward!.state, 'active')
    const { spf, dkim, dmarc, arc, by } = forward!.probe!.told!
    assert.deepEqual(
      { spf, dkim, dmarc, arc, by },
      { spf: 'pass', dkim: 'pass', dmarc: 'pass', arc: 'pass', by: 'mail.new.test' },
    )

    await world.submit(OLD)
    await world.quiet()
    const arrived = await world.mail('new', NEW)
    assert.equal(arrived.at(-1)!.verdict!.trustedForwarder, 'old.test')
    assert.equal((await world.mail('old', OLD)).length, 1)
    assert.equal(await world.run(old.remove(OLD)), undefined)
    await world.submit(OLD)
    await world.quiet()
    assert.equal((await world.mail('old', OLD)).length, 2)
  })

  test('a copy is kept if asked', async () => {
    const { world, old, fresh } = await start()
    await world.run(old.ask({ from: OLD, to: NEW, keep: true }))
    await world.quiet()
    await world.run(fresh.accept((await world.run(fresh.view())).offers[0]!.email))
    await world.quiet()
    await world.submit(OLD)
    await world.quiet()
    assert.equal((await world.mail('old', OLD)).length, 1)
    assert.match((await world.mail('new', NEW)).at(-1)!.text, /Delivered-To: bob@old\.test/)
  })

  test('nobody else can say yes: not another writer, not a wrong code, not a letter without proof', async () => {
    const { world, old } = await start()
    await world.run(old.ask({ from: OLD, to: NEW, keep: false }))
    await world.quiet()
    const { code } = world.agent('old').store.forward(OLD)!
    const note = (given: string) => JSON.stringify({ kind: 'confirm', from: OLD, to: NEW, code: given })
    const letter = (from: string, given: string) =>
      `From: ${from}\nTo: postmaster+forwarding@old.test\nSubject: yes\nBorderpost-Forwarding: confirm\nMIME-Version: 1.0\n` +
      `Content-Type: application/vnd.borderpost.forwarding+json\n\n${note(given)}\n`
    const to = 'postmaster+forwarding@old.test'
    await world.submit(to, letter('anna@sender.test', code))
    const stranger = world.stranger('192.0.2.9')
    await world.send(stranger, 'old', 'smtp', { from: NEW, to, text: letter(NEW, code) })
    const bobs = world.stranger('127.0.99.2')
    await world.send(bobs, 'new', 'submission', { from: NEW, to, text: letter(NEW, 'wrong'), login: NEW })
    await world.quiet()
    assert.equal(world.agent('old').store.forward(OLD)!.state, 'unverified')
    await world.send(bobs, 'new', 'submission', { from: NEW, to, text: letter(NEW, code), login: NEW })
    await world.quiet()
    assert.equal(world.agent('old').store.forward(OLD)!.state, 'active')
  })
})

describe('the new place is another system', () => {
  test('the code of the verification message makes it active; the pasted header of the probe tells what survives', async () => {
    const { world, old } = await start()
    const ip = '127.0.50.1'
    const far = world.stranger(ip, domainAt('far.test', ip))
    const got: string[] = []
    await serveScript(world, far, {
      message: ({ source }) => {
        got.push(source.toString('utf8'))
        return reply(250, '', 'thanks')
      },
    })
    await world.run(old.ask({ from: OLD, to: 'bob@far.test', keep: false }))
    await world.quiet()
    const code = /^ {4}(\w{12})\r$/m.exec(got[0]!)![1]!
    assert.match((await world.run(old.confirm(OLD, 'wrong')))!, /not the code/)
    assert.equal(await world.run(old.confirm(OLD, ` ${code.toUpperCase()} `)), undefined)
    await world.quiet()
    assert.match(got[1]!, /Subject: Mail for bob@old\.test comes here now/)
    assert.match(got[1]!, /^ARC-Seal: /m)
    assert.match(got[1]!, /SPF and SRS: the reverse-path is in old\.test/)
    assert.match((await world.run(old.tell(OLD, 'From: a@b.test\n\n')))!, /no Authentication-Results/)
    const header =
      'Authentication-Results: mx.far.test; spf=fail smtp.mailfrom=x; dkim=pass; arc=pass\nFrom: postmaster@old.test\n\n'
    assert.equal(await world.run(old.tell(OLD, header)), undefined)
    const told = (await world.run(old.view())).forwards[0]!.probe!.told!
    assert.deepEqual(
      [told.by, told.spf, told.dkim, told.dmarc, told.arc],
      ['mx.far.test', 'fail', 'pass', 'none', 'pass'],
    )
  })

  test('what cannot be is said in words', async () => {
    const { world, old, fresh } = await start()
    const ask = (from: string, to: string) => world.run(old.ask({ from, to, keep: false }))
    assert.match((await ask('eve@old.test', NEW))!, /not an address of yours/)
    assert.match((await ask(OLD, 'nonsense'))!, /no address/)
    assert.match((await ask(OLD, 'otto@old.test'))!, /alias/)
    assert.equal(await ask(OLD, NEW), undefined)
    assert.match((await ask(OLD, NEW))!, /moment ago/)
    assert.match((await world.run(fresh.ask({ from: NEW, to: OLD, keep: false })))!, /does not forward/)
    assert.match((await world.run(fresh.accept(99)))!, /asks for nothing/)
  })
})

test('forwarding that nobody told of is noticed, until the Recipient says whose it is', async () => {
  const { world, fresh } = await start(`${TWO_PLACES}\nold: forward="robert@old.test -> ${NEW}"`)
  for (let i = 0; i < 3; i++) await world.submit('robert@old.test')
  await world.submit(NEW)
  await world.quiet()
  const found = (await world.run(fresh.view())).noticed
  assert.deepEqual(found, [{ domain: 'old.test', oldAddress: 'robert@old.test', count: 3 }])
  await world.run(fresh.dismiss('old.test'))
  assert.deepEqual((await world.run(fresh.view())).noticed, [])
})
