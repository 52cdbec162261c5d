// Contracts: a Transmitter carries mail for companies that are not in the drawing. Who they are is proven, what they write as
// is proven, and what they may send is agreed.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import type { SaslAccounts } from '../../protocols/sasl/accounts.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { planSystem } from '../../system/description.ts'
import { domainAt, type Letter, serveScript, TestSystem } from '../../system/testing.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { ContractAccounts } from './contract-accounts.ts'
import type { Contracts } from './contracts.ts'

const text = (contract: string) => `
Author@anna ==> MSA/Transmitter@carrier --> / --> Receiver/MDA@recipient ==> Recipient@bob

carrier:   domain=carrier.test, ip=127.0.10.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@carrier.test, password=demo
bob:  address=bob@recipient.test, password=demo
contract acme: by=carrier, domain=acme.test${contract}
`
const BOB = 'bob@recipient.test'
const ACME = 'news@acme.test'

class Carried {
  readonly world: TestSystem
  readonly office: SimulatedHost

  private constructor(world: TestSystem) {
    this.world = world
    this.office = world.stranger('127.0.30.1', [
      { name: 'acme.test', type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'mail.acme.test' } },
      { name: 'mail.acme.test', type: 'A', ttlS: 60, data: '127.0.30.1' },
    ])
  }

  static async start(contract = ''): Promise<Carried> {
    const carried = new Carried(await TestSystem.start(text(contract)))
    if (carried.contracts.named('acme')!.hasPassword)
      assert.equal((await carried.world.run(carried.contracts.setPassword('acme', 'demo'))).ok, true)
    return carried
  }

  get contracts() {
    return this.world.agent('carrier').contracts!
  }

  async send(letter: Partial<Letter> = {}): Promise<string> {
    const whole = { from: ACME, to: BOB, login: 'acme', ...letter }
    return (await this.world.send(this.office, 'carrier', 'submission', whole)).join(' ')
  }
}

describe('who has a contract', () => {
  test('signs in with its password; its mail is signed as its own domain’s and arrives proven', async () => {
    const it = await Carried.start()
    assert.match(await it.send(), /^250/)
    await it.world.quiet()
    const [mail] = await it.world.mail('recipient', BOB)
    assert.match(mail!.text, /DKIM-Signature: [^:]*d=acme\.test;\s+s=rsa1-carrier;/)
    assert.deepEqual([mail!.verdict?.spf, mail!.verdict?.dkim, mail!.verdict?.outcome], ['pass', 'pass', 'accept'])
    assert.match(it.contracts.list().text, /^acme {2}acme\.test {2}carried \(password\) {2}today 1 messages, 0 refused/)
    assert.match(it.contracts.report('acme').text, /1 messages to 1 recipients, 0 refused; 1 delivered, 0 returned/)
  })

  test('is known by its network, without a sign-in; nobody else is', async () => {
    const it = await Carried.start(', network=127.0.30.0/24')
    assert.match(await it.send({ login: undefined }), /^250/)
    const elsewhere = it.world.stranger('127.0.31.1')
    const [said] = await it.world.send(elsewhere, 'carrier', 'submission', { from: ACME, to: BOB })
    assert.match(said!, /^530 5\.7\.0/)
  })

  test('cannot be guessed: a wrong password, a name that does not exist and an Author’s door give the same', async () => {
    const it = await Carried.start()
    const say = (login: string, password: string) =>
      it.world.say(
        it.office,
        'carrier',
        ['EHLO office.test\r\n', `AUTH PLAIN ${Buffer.from(`\0${login}\0${password}`).toString('base64')}\r\n`],
        { service: 'submission' },
      )
    // Without TLS no password is taken at all.
    assert.match(await say('acme', 'demo'), /\r\n(?:504|530|538) /)
    const guess = (password: string) =>
      it.world.run(it.contracts.checkPassword(it.contracts.named('acme')!, password, '127.0.30.1'))
    const said: string[] = []
    for (let tries = 0; tries < 40; tries++) said.push((await guess(`guess ${tries}`)).state)
    assert.equal(said[0], 'refused')
    assert.ok(said.indexOf('unavailable') > 4, said.join())
    // Then the right one is of no use from there either.
    assert.equal((await guess('demo')).state, 'unavailable')
    assert.match(await it.send(), /^454|^4\d\d|^535/)
    // The company's own office is elsewhere, and not locked out.
    const other = it.world.stranger('127.0.32.1')
    const letter = { from: ACME, to: BOB, login: 'acme' }
    assert.match((await it.world.send(other, 'carrier', 'submission', letter))[0]!, /^250/)
  })

  test('and the Authors of the MSA sign in at the same door as ever', async () => {
    const it = await Carried.start()
    const letter = { from: 'anna@carrier.test', to: BOB, login: 'anna@carrier.test' }
    assert.match((await it.world.send(it.office, 'carrier', 'submission', letter))[0]!, /^250/)
    const asAcme = { ...letter, from: ACME }
    assert.match((await it.world.send(it.office, 'carrier', 'submission', asAcme))[0]!, /^553/)
  })
})

describe('what a contract covers', () => {
  test('its own domains, in the envelope and in From; nobody else’s', async () => {
    const it = await Carried.start()
    assert.match(await it.send({ from: 'anna@carrier.test' }), /^553 5\.7\.1 .*covers no mail from carrier\.test/)
    const forged = `From: anna@carrier.test\nTo: ${BOB}\nSubject: forged\n\nHello\n`
    assert.match(
      await it.send({ text: forged }),
      /^550 5\.7\.1 .*From names carrier\.test, which the contract with acme does not cover/,
    )
    assert.match(
      await it.send({ from: 'x@news.acme.test', text: `From: x@news.acme.test\nTo: ${BOB}\n\nHello\n` }),
      /^250/,
    )
    const refused = it.world.events('carrier', 'refused')
    assert.equal(refused.length, 2, it.world.complaints.join())
    assert.match(refused[0]!.text, /^Refused for acme: /)
  })

  test('nobody else’s mail is signed with its keys: not an Author’s of ours, and not that of another contract', async () => {
    const it = await Carried.start('\ncontract beta: by=carrier, domain=beta.test, network=127.0.30.7')
    const passedOn = `Resent-From: anna@carrier.test\nFrom: ceo@acme.test\nTo: ${BOB}\nSubject: forged\n\nPay.\n`
    const anna = { from: 'anna@carrier.test', to: BOB, login: 'anna@carrier.test', text: passedOn }
    assert.match((await it.world.send(it.office, 'carrier', 'submission', anna))[0]!, /^250/)
    const beta = it.world.stranger('127.0.30.7')
    const text = passedOn.replace('anna@carrier.test', 'x@beta.test')
    const asUs = text.replace('ceo@acme.test', 'boss@carrier.test')
    const letter = { from: 'x@beta.test', to: BOB, text }
    assert.match((await it.world.send(beta, 'carrier', 'submission', letter))[0]!, /^250/)
    assert.match((await it.world.send(beta, 'carrier', 'submission', { ...letter, text: asUs }))[0]!, /^250/)
    await it.world.quiet()
    const all = [...(await it.world.mail('recipient', BOB)), ...(await it.world.mail('recipient', BOB, 'junk'))]
    const refused = it.world.events('recipient', 'refused')
    assert.equal(all.length + refused.length, 3)
    for (const { text: arrived } of all) assert.doesNotMatch(arrived, /d=acme\.test|dmarc=pass/)
    assert.ok(
      refused.some(({ text: said }) => /carrier\.test/.test(said)),
      JSON.stringify(refused),
    )
  })

  test('nothing before the domain is proven to be theirs: by our keys in their DNS, or by the challenge', async () => {
    const it = await Carried.start()
    const { system } = it.world
    const all = system.wanted
    const bare = all.filter(({ name }) => !name.endsWith('_domainkey.acme.test'))
    system.show(bare)
    await it.world.passTime(2 * 3_600_000)
    const refused = await it.send()
    assert.match(
      refused,
      /^450 4\.7\.1 acme\.test is not proven to be yours: publish our DKIM keys of it, or _borderpost-contract\.acme\.test TXT "borderpost-contract=[\w-]{22}"/,
    )
    assert.match(it.contracts.list().text, /acme\.test is not proven: publish/)
    const [, value] = /TXT "([^"]+)"/.exec(refused)!
    system.show([...bare, { name: '_borderpost-contract.acme.test', type: 'TXT', ttlS: 60, data: value! }])
    await it.world.passTime(3 * 3_600_000)
    assert.match(await it.send(), /^250/)
    // Proven, it stays so while DNS says nothing of it for a day or two, and not for a month.
    system.show(bare)
    await it.world.passTime(2 * 86_400_000)
    assert.match(await it.send(), /^250/)
    const longAgoMs = String(it.world.agent('carrier').world.clock.now() - 31 * 86_400_000)
    const proven = { kind: 'setting.put', key: 'contract.acme.proven.acme.test', value: longAgoMs } as const
    await it.world.run(it.world.agent('carrier').store.commit([proven]))
    assert.match(await it.send(), /^450 4\.7\.1/)
  })

  test('no more than was agreed: messages a minute and a day, recipients, bytes', async () => {
    const it = await Carried.start(', messages-per-day=3, messages-per-minute=2, recipients=2, max-size=1K')
    assert.match(await it.send(), /^250/)
    assert.match(await it.send({ to: [BOB, 'carl@far.test', 'dora@far.test'] }), /^250 .*250 .*452 4\.5\.3/)
    assert.match(await it.send(), /^450 4\.7\.1 .*2 messages a minute/)
    await it.world.passTime(60_000)
    const long = `From: ${ACME}\nTo: ${BOB}\n\n${'Hello\n'.repeat(300)}`
    assert.match(await it.send({ text: long }), /^552 5\.3\.4/)
    await it.world.passTime(60_000)
    assert.match(await it.send(), /^250/)
    await it.world.passTime(60_000)
    assert.match(await it.send(), /^452 4\.5\.3 .*3 messages a day/)
    await it.world.untilNight(60_000)
    assert.match(await it.send(), /^250/)
  })

  test('no more in our queue than was agreed, each recipient counted; when it has left more is taken, and nothing is lost', async () => {
    const it = await Carried.start(', queue-messages=3, queue-size=10K')
    const away = it.world.stranger('127.0.32.1', domainAt('away.test', '127.0.32.1'))
    it.world.simulation.links.partition('carrier', 'stranger 127.0.32.1')
    assert.match(await it.send({ to: ['a@away.test', 'b@away.test'] }), /^250/)
    assert.match(
      await it.send({ to: ['c@away.test', 'd@away.test'] }),
      /^452 4\.3\.1 the contract with acme allows 3 messages in our queue, and 2 wait there: come again when some/,
    )
    // Two at the same time, for one place.
    const both = await it.world.run(
      Promise.all(
        ['e@away.test', 'f@away.test'].map((to) =>
          it.world.sending(it.office, 'carrier', 'submission', { from: ACME, to, login: 'acme' }),
        ),
      ),
    )
    assert.deepEqual(both.map(([said]) => said!.slice(0, 3)).sort(), ['250', '452'])
    assert.match(it.contracts.list().text, /2 refused; in the queue 3 of 3 messages and [\d.]+ KB of 10 KB$/)
    // Before a byte of it is sent.
    assert.match(await it.send({ to: 'g@away.test' }), /^452 4\.3\.1/)
    let taken = 0
    await serveScript(it.world, away, {
      message: ({ envelope }) => {
        taken += envelope.recipients.length
        return reply(250, '2.0.0', 'taken')
      },
    })
    it.world.simulation.links.heal('carrier', 'stranger 127.0.32.1')
    await it.world.quiet()
    assert.equal(taken, 3)
    const large = `From: ${ACME}\nTo: x@away.test\nSubject: large\n\n${'x'.repeat(70).concat('\n').repeat(60)}`
    assert.match(await it.send({ to: 'x@away.test', text: large }), /^250/)
    await it.world.quiet()
    assert.match(
      await it.send({ to: ['x@away.test', 'y@away.test', 'z@away.test'], text: large }),
      /^452 4\.3\.1 the contract with acme allows 10 KB in our queue, and 0 bytes wait there: send it to fewer/,
    )
    assert.equal(taken, 4)
    assert.match(it.contracts.report('acme').text, /^in the queue 0 of 3 messages and 0 bytes of 10 KB\n/)
  })

  test('nothing while it is suspended', async () => {
    const it = await Carried.start()
    await it.world.run(it.contracts.suspend('acme', true))
    assert.match(await it.send(), /^550 5\.7\.1 .*suspended/)
    assert.match(it.contracts.list().text, /suspended {2}today 0 messages, 1 refused/)
    await it.world.run(it.contracts.suspend('acme', false))
    assert.match(await it.send(), /^250/)
  })
})

test('what cannot be delivered goes back to the company, and is counted', async () => {
  const it = await Carried.start()
  const bounces: string[] = []
  await serveScript(it.world, it.office, {
    message: ({ source, envelope }) => {
      assert.deepEqual(envelope.reversePath.type, 'null')
      bounces.push(source.toString('latin1'))
      return reply(250, '2.0.0', 'taken')
    },
  })
  assert.match(await it.send({ to: 'nobody@recipient.test' }), /^250/)
  await it.world.quiet()
  assert.equal(bounces.length, 1)
  assert.match(bounces[0]!, /nobody@recipient\.test/)
  assert.match(it.contracts.report('acme').text, /1 messages to 1 recipients, 0 refused; 0 delivered, 1 returned/)
})

test('counts, proofs and passwords outlast a crash', async () => {
  const it = await Carried.start()
  assert.match(await it.send(), /^250/)
  it.world.system.crash('carrier')
  await it.world.run(it.world.system.restart('carrier'))
  await it.world.passTime(1000)
  assert.match(await it.send(), /^250/)
  assert.match(it.contracts.list().text, /carried \(password\) {2}today 2 messages/)
})

test('what a contract line cannot mean is said where it stands', () => {
  const findings = (line: string) =>
    planSystem(parse(`${text('')}${line}\n`).model).findings.map(({ code, message }) => `${code} ${message}`)
  assert.deepEqual(findings(''), [])
  assert.deepEqual(findings('contract "ISP terms": Author -- MSA/Transmitter'), [])
  assert.deepEqual(findings('contract other: by=carrier, domian=x.test'), [
    'S01 a contract has no attribute "domian"',
    'S16 the contract other names no domain',
  ])
  assert.deepEqual(findings('contract other: by=nobody, domain=x.test'), [
    'S16 it is not clear which Transmitter keeps the contract other',
  ])
  assert.deepEqual(findings('contract acme: by=carrier, domain=x.test'), ['S16 there are two contracts called acme'])
  assert.deepEqual(findings('contract thief: by=carrier, domain=news.acme.test'), [
    'S16 thief and another contract name the same domain',
  ])
  assert.deepEqual(findings('contract thief: by=carrier, domain=recipient.test'), [
    'S16 recipient.test is the domain of an agent here, and no contract may write as it',
  ])
})

test('a client certificate says who it is, with a sign-in or without, and never for somebody else', () => {
  const certificate = { key: 'a'.repeat(64) }
  const asked: string[] = []
  const contracts = {
    named: (name: string) => (name === 'acme' ? { name } : undefined),
    ofCertificate: (shown: Buffer) => (shown.toString() === certificate.key ? { name: 'acme' } : undefined),
  } as unknown as Contracts
  const authors = {
    mechanisms: ['EXTERNAL'],
    certificateHolder: (_: Buffer, user: string | undefined) => {
      asked.push(user ?? '')
      return { state: 'refused' }
    },
  } as unknown as SaslAccounts
  const accounts = new ContractAccounts(contracts, authors)
  const shown = Buffer.from(certificate.key)
  assert.deepEqual(accounts.certificateHolder(shown, undefined, ''), { state: 'ok', user: 'acme' })
  assert.deepEqual(accounts.certificateHolder(shown, 'ACME', ''), { state: 'ok', user: 'acme' })
  assert.deepEqual(accounts.certificateHolder(shown, 'anna@carrier.test', ''), { state: 'refused' })
  assert.deepEqual(accounts.certificateHolder(Buffer.from('other'), 'acme', ''), { state: 'refused' })
  assert.deepEqual(asked, ['anna@carrier.test', 'acme'])
})
