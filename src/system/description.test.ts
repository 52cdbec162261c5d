import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from '../notation/parse.ts'
import { planSystem } from './description.ts'
import { TWO_AGENTS } from './testing.ts'

/** The findings of the two agents with one line more, each as its code and the text it points at. */
function findingsOf(line: string, base = TWO_AGENTS): [code: string, at: string, message: string][] {
  const text = `${base}\n${line}\n`
  const { findings } = planSystem(parse(text).model)
  return findings.map(({ code, span, message }) => [code, text.slice(span.start, span.end), message])
}

describe('findings', () => {
  const cases: [about: string, line: string, code: string, at: string, message: RegExp][] = [
    ['an attribute that is none', 'sender: domian=x.test', 'S01', 'domian', /an agent has no attribute "domian"/],
    ['an attribute of agents on a person', 'bob: forward="a@b.test -> c@d.test"', 'S01', 'forward', /a person has no/],
    ['a name that every object has', 'sender: constructor=x', 'S01', 'constructor', /no attribute "constructor"/],
    ['a value that cannot be read', 'sender: retry="soon"', 'S02', '"soon"', /"soon" is not a value for retry/],
    ['a switch that is neither', 'sender: srs=maybe', 'S02', 'maybe', /is not a value for srs/],
    ['a policy that is none', 'sender: dmarc=strict', 'S02', 'strict', /is not a value for dmarc/],
    ['a mode that is none', 'recipient: mta-sts=yes', 'S02', 'yes', /is not a value for mta-sts/],
    ...['far.test: strict', 'far.test: verified a/b', 'far.test: dane mx.far.test'].map(
      (rule): [string, string, string, string, RegExp] => [
        'a TLS rule that is none',
        `sender: tls="${rule}"`,
        'S02',
        `"${rule}"`,
        /is not a value for tls/,
      ],
    ),
    ['a seal of nobody', 'recipient: trusts-seals=nobody@', 'S02', 'nobody@', /is not a value for trusts-seals/],
    ['a store elsewhere', 'sender: store="mysql://db/mail"', 'S02', '"mysql://db/mail"', /is not a value for store/],
    [
      'a password for all to read',
      'sender: store="postgres://a:b@db/mail"',
      'S02',
      '"postgres://a:b@db/mail"',
      /is not a/,
    ],
    [
      'a bucket without a name',
      'sender: bodies="https://s3.test/"',
      'S02',
      '"https://s3.test/"',
      /is not a value for bodies/,
    ],
    [
      'a program that is answered anywhere',
      'recipient: oauth-client="desk: http://there.test/"',
      'S02',
      '"desk: http://there.test/"',
      /is not a value for oauth-client/,
    ],
    [
      'an issuer that anybody could be',
      'recipient: oidc="http://there.test mail"',
      'S02',
      '"http://there.test mail"',
      /is not a value for oidc/,
    ],
    ['an address that is none', 'bob: alias=bob', 'S02', 'bob', /is not a value for alias/],
    [
      'a person of a foreign domain',
      'bob: address=bob@far.test',
      'S04',
      'Recipient@bob',
      /no agent here has the domain/,
    ],
    ['trust in nobody', 'bob: trusts=nobody', 'S05', 'nobody', /neither an agent here nor a domain/],
    ['two MDAs of one domain', 'recipient: domain=sender.test', 'S06', '', /are both the MDA of sender\.test/],
    ['a pool without addresses', 'sender: pool="bulk:"', 'S02', '"bulk:"', /is not a value for pool/],
    [
      'a ramp that falls',
      'sender: warm-up="192.0.2.1 grow=0.5"',
      'S02',
      '"192.0.2.1 grow=0.5"',
      /is not a value for warm-up/,
    ],
    ['a pool that is none', 'anna: pool=bulk', 'S18', 'bulk', /sender has no pool called bulk/],
    [
      'a pool of a destination',
      'sender: route="far.test pool=bulk"',
      'S18',
      '"far.test pool=bulk"',
      /no pool called bulk/,
    ],
    [
      'a pool of a contract',
      'contract acme: by=sender, domain=acme.test, pool=bulk',
      'S18',
      'bulk',
      /no pool called bulk/,
    ],
    [
      'a pool where nothing leaves',
      'recipient: pool="bulk: 127.0.20.1 127.0.10.1"',
      'S18',
      '"bulk: 127.0.20.1 127.0.10.1"',
      /127\.0\.10\.1 is the address of sender/,
    ],
    [
      'an address that warms up nowhere',
      'sender: pool="bulk: 127.0.11.1", warm-up="127.0.11.2"',
      'S18',
      '"127.0.11.2"',
      /127\.0\.11\.2 warms up, and is in no pool of sender/,
    ],
    [
      'a password on the open Internet',
      'recipient: ip=203.0.113.5',
      'S07',
      'Recipient@bob',
      /the password of bob stands/,
    ],
  ]
  for (const [about, line, code, at, message] of cases)
    test(`${code}: ${about}`, () => {
      const found = findingsOf(line).filter(([one]) => one === code)
      assert.equal(found.length, 1, JSON.stringify(findingsOf(line)))
      assert.match(found[0]![2], message)
      if (at !== '') assert.equal(found[0]![1], at)
    })

  test('S03: an agent without domain or address, a person without address', () => {
    const flow = 'Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob\n'
    const found = findingsOf('recipient: domain=recipient.test', flow)
    assert.deepEqual(
      found.map(([code, at]) => `${code} ${at}`),
      [
        'S03 Author@anna',
        'S03 MSA/Transmitter@sender',
        'S03 MSA/Transmitter@sender',
        'S03 Receiver/MDA@recipient',
        'S03 Recipient@bob',
      ],
    )
  })

  test('S09: roles that cannot do without another', () => {
    const flow = `Author@anna ==> MSA@sender --> / --> MDA@recipient ==> Recipient@bob
sender: domain=sender.test, ip=127.0.10.1
recipient: domain=recipient.test, ip=127.0.20.1
anna: address=anna@sender.test
bob: address=bob@recipient.test`
    const messages = findingsOf('', flow).flatMap(([code, , message]) => (code === 'S09' ? [message] : []))
    assert.deepEqual(messages, [
      'sender plays MSA without Transmitter: its mail would never leave',
      'recipient plays MDA without Receiver: no mail would reach it',
    ])
  })

  test('S08: a role that can be drawn, but not run', () => {
    const found = findingsOf('', TWO_AGENTS.replace('MSA/Transmitter@sender', 'MSA/Mediator/Transmitter@sender'))
    const [role] = found.filter(([code]) => code === 'S08')
    assert.match(role![2], /the role Mediator can be drawn and explained, but not run/)
  })

  test('S10: forwards that would never happen', () => {
    assert.match(findingsOf('sender: forward="a@sender.test -> b@far.test"')[0]![2], /plays no Forwarder/)
    const flow = TWO_AGENTS.replace('Receiver/MDA@sender', 'Receiver/Forwarder/MDA@sender')
    assert.deepEqual(findingsOf('sender: forward="a@sender.test -> b@far.test"', flow), [])
    assert.match(findingsOf('sender: forward="a@far.test -> b@far.test"', flow)[0]![2], /gets no mail for a@far\.test/)
  })

  test('every finding says what to do', () => {
    const text = `${TWO_AGENTS}\nsender: domian=x, retry=soon\nbob: trusts=nobody\n`
    for (const finding of planSystem(parse(text).model).findings) assert.ok(finding.fixes![0]!.label.length > 5)
  })
})

describe('the plan', () => {
  const planOf = (lines: string) => {
    const { plan, findings } = planSystem(parse(`${TWO_AGENTS}\n${lines}\n`).model)
    assert.deepEqual(findings, [])
    return plan
  }

  test('what is not written has a working default', () => {
    const [sender] = planOf('').agents
    assert.equal(sender!.hostName, 'mail.sender.test')
    assert.equal(sender!.dmarc.policy, 'reject')
    assert.deepEqual([...sender!.roles].sort(), ['MDA', 'MSA', 'Receiver', 'Transmitter'])
    const { msa, transmitter, receiver, forwarder, maxMessageBytes } = sender!.settings
    assert.equal(maxMessageBytes, 50 * 1024 * 1024)
    assert.equal(msa.password, true)
    assert.equal(transmitter.expiresAfterS, 5 * 86_400)
    const waits = transmitter.retryAfterS
    assert.ok(waits.every((wait, i) => i === 0 || wait > waits[i - 1]!))
    assert.equal(transmitter.signs, true)
    assert.equal(transmitter.privateDestinations, true)
    assert.deepEqual([receiver.allow, receiver.deny, forwarder.forwards], [[], [], []])
    assert.deepEqual([forwarder.srs, forwarder.seals], [true, true])
  })

  test('what is written is what runs', () => {
    const { agents } = planOf(`
sender: host=mx.sender.test, network=10.0.0.0/8, password=no, max-size=2M, retry="30s 5m", expires=2d, dkim=no
recipient: allow=good.test, deny=203.0.113.0/24, deny=eve@bad.test, connections=7, connections-per-address=3,
           messages-per-minute=9, dmarc=none
anna: alias=annie@sender.test, ip=10.1.2.3
recipient: trusts=other.example
bob: trusts=sender, trusts=lists.example`)
    const [sender, recipient] = agents
    assert.equal(sender!.hostName, 'mx.sender.test')
    const { msa, transmitter, maxMessageBytes } = sender!.settings
    assert.deepEqual(
      [msa.password, msa.networks.map(({ value }) => value), maxMessageBytes, transmitter.retryAfterS],
      [false, ['10.0.0.0/8'], 2 * 1024 * 1024, [30, 300]],
    )
    assert.deepEqual([transmitter.expiresAfterS, transmitter.signs], [172_800, false])
    assert.deepEqual(
      msa.stations.map(({ place, author }) => [place.value, author]),
      [['10.1.2.3', 'anna@sender.test']],
    )
    const { receiver } = recipient!.settings
    assert.deepEqual(
      receiver.deny.map(({ kind, value }) => `${kind} ${value}`),
      ['network 203.0.113.0/24', 'address eve@bad.test'],
    )
    assert.deepEqual([receiver.connections, receiver.connectionsPerAddress], [7, 3])
    assert.equal(receiver.messagesPerMinutePerAddress, 9)
    const bob = recipient!.people.find(({ id }) => id === 'bob')
    // What the MDA says for all, and his own.
    assert.deepEqual(bob!.trusts, ['other.example', 'sender.test', 'lists.example'])
    const anna = sender!.people.find(({ id }) => id === 'anna')
    assert.deepEqual([anna!.aliases, anna!.roles], [['annie@sender.test'], ['Author', 'Recipient']])
  })

  test('on the open Internet a Transmitter does not deliver to private addresses', () => {
    const text = TWO_AGENTS.replaceAll('127.0.10.1', '203.0.113.5').replaceAll(', password=demo', '')
    const { plan, findings } = planSystem(parse(text).model)
    assert.deepEqual(findings, [])
    assert.equal(plan.agents[0]!.settings.transmitter.privateDestinations, false)
  })

  test('the demo is a system that runs', () => {
    const demo = readFileSync(new URL('./demo.borderpost', import.meta.url), 'utf8')
    const { plan, findings } = planSystem(parse(demo).model)
    assert.deepEqual(findings, [])
    assert.deepEqual(
      plan.agents.map(({ id }) => id),
      ['sender', 'recipient', 'old'],
    )
  })
})
