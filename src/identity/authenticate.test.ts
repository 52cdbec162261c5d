import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { parseAuthenticationResults } from '../message/authentication-results.ts'
import { parseHeader, rawField } from '../message/header.ts'
import { seal } from './arc/seal.ts'
import { authenticate, authenticationResults, type Identity, stripForgedResults } from './authenticate.ts'
import { keyRecord } from './dkim/keys.ts'
import { signDkim } from './dkim/sign.ts'
import { directCpu, type FixedRecords, fixedClock, fixedDns } from './testing.ts'
import { atHomeAt, forwarderIdentity } from './trusted.ts'

const world = { cpu: directCpu, clock: fixedClock(1_700_000_000) }
const privateKey = generateKeyPairSync('ed25519').privateKey
const zone: Record<string, FixedRecords> = {
  'sender.test': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  '_dmarc.sender.test': { TXT: ['v=DMARC1; p=reject'] },
  'old.test': { TXT: ['v=spf1 ip4:198.51.100.1 -all'] },
  '1.2.0.192.in-addr.arpa': { PTR: ['mx.sender.test'] },
  'mx.sender.test': { A: ['192.0.2.1'] },
  'everybody.test': { TXT: ['v=spf1 +all'] },
}
for (const domain of ['sender.test', 'old.test']) {
  const { name, text } = keyRecord(privateKey, domain, 's')
  zone[name] = { TXT: [text] }
}
const dns = fixedDns(zone)
const plain = Buffer.from('From: Alice <alice@sender.test>\r\nTo: bob@old.test\r\nSubject: hello\r\n\r\nHello\r\n')

function check(source: Buffer, ip: string, reversePath: string, helo = 'mx.sender.test'): Promise<Identity> {
  return authenticate(
    { source, header: parseHeader(source), ip, helo, reversePath },
    { dns, clock: world.clock, receiverName: 'mx.new.test' },
  )
}

async function signed(): Promise<Buffer> {
  return Buffer.concat([
    await signDkim(parseHeader(plain), [{ domain: 'sender.test', selector: 's', privateKey }], world),
    plain,
  ])
}

/** Passed on by old.test, which adds a footer, so that the Author's signature breaks, and seals what it saw. */
async function forwarded(): Promise<Buffer> {
  const arrived = await signed()
  const seen = await check(arrived, '192.0.2.1', 'alice@sender.test')
  const leaving = Buffer.concat([arrived, Buffer.from('-- \r\nforwarded for you\r\n')])
  const key = { domain: 'old.test', selector: 's', privateKey, authservId: 'mx.old.test' }
  return Buffer.concat([...(await seal(leaving, seen, key, world)), leaving])
}

test('direct mail: SPF, DKIM, DMARC and iprev agree', async () => {
  const identity = await check(await signed(), '192.0.2.1', 'alice@sender.test')
  assert.equal(identity.spf.result, 'pass')
  assert.equal(identity.dkim[0]!.result, 'pass')
  assert.equal(identity.dmarc.result, 'pass')
  assert.equal(identity.arc.result, 'none')
  assert.deepEqual(identity.iprev, { result: 'pass', name: 'mx.sender.test' })
  const field = authenticationResults(identity, 'mx.new.test').toString()
  assert.equal(parseHeader(Buffer.from(field)).fields.length, 1)
  const flat = field.replace(/\r\n /g, ' ')
  assert.match(flat, /^Authentication-Results: mx\.new\.test; spf=pass smtp\.mailfrom=alice@sender\.test; dkim=pass/)
  assert.match(flat, /dmarc=pass \(p=reject\) header\.from=sender\.test;/)
})

test('forwarded and changed mail fails DMARC, and the seal tells a Recipient who trusts the Forwarder', async () => {
  const identity = await check(await forwarded(), '198.51.100.1', 'SRS0=AAAAAAAA=AA=sender.test=alice@old.test')
  assert.equal(identity.dmarc.result, 'fail')
  assert.equal(identity.dmarc.policy, 'reject')
  assert.equal(identity.arc.result, 'pass')
  assert.equal(forwarderIdentity(identity, []), undefined)
  assert.equal(forwarderIdentity(identity, ['elsewhere.test']), undefined)
  assert.deepEqual(forwarderIdentity(identity, ['elsewhere.test', 'Old.Test']), {
    domain: 'Old.Test',
    how: 'arc',
    provenDomain: 'old.test',
    seen: { spf: 'pass', dkim: 'pass', dmarc: 'pass' },
  })
})

test('without a seal SPF of the reverse-path proves the Forwarder, HELO never does', async () => {
  const bySpf = await check(plain, '198.51.100.1', 'SRS0=AAAAAAAA=AA=sender.test=alice@old.test')
  assert.equal(forwarderIdentity(bySpf, ['old.test'])?.how, 'spf')
  const byHelo = await check(plain, '198.51.100.1', '', 'old.test')
  assert.equal(byHelo.spf.result, 'pass')
  assert.equal(forwarderIdentity(byHelo, ['old.test']), undefined)
  const liar = await check(plain, '203.0.113.9', 'x@evil.test', 'old.test')
  assert.equal(forwarderIdentity(liar, ['old.test']), undefined)
})

test('a Forwarder that changes nothing is known by the network its domain publishes, and by no claim', async () => {
  const at = { dns, clock: world.clock, receiverName: 'mx.new.test' }
  const trusted = ['silent.test', 'Old.Test', 'everybody.test']
  const kept = await check(plain, '198.51.100.1', 'alice@sender.test', 'any.name')
  const atHome = await atHomeAt(kept, trusted, at)
  assert.deepEqual([...atHome], ['Old.Test'])
  assert.equal(forwarderIdentity(kept, trusted), undefined)
  assert.deepEqual(forwarderIdentity(kept, trusted, atHome), {
    domain: 'Old.Test',
    how: 'network',
    provenDomain: 'Old.Test',
    seen: undefined,
  })
  assert.equal(forwarderIdentity(kept, ['silent.test'], atHome), undefined)
  const liar = await check(plain, '203.0.113.9', 'alice@sender.test', 'old.test')
  assert.equal((await atHomeAt(liar, trusted, at)).size, 0)
})

test('results in our own name are found however they are written', () => {
  const forged = [
    'Authentication-Results: mx.new.test; dmarc=pass',
    'Authentication-Results: MX.New.Test 1; dmarc=pass',
    'Authentication-Results: "mx.new.test"; dmarc=pass',
    'Authentication-Results: (a (nested) comment) mx.new.test. ; dmarc=pass',
    'Authentication-Results:\r\n mx.new.test;\r\n dmarc=pass',
    'authentication-results : mx.new.test; dmarc=pass',
  ]
  const others = [
    'Authentication-Results: mx.other.test; dmarc=pass',
    'X-Authentication-Results: mx.new.test; dmarc=pass',
  ]
  const header = parseHeader(Buffer.from(`${[...others, ...forged].join('\r\n')}\r\n\r\n`))
  const found = stripForgedResults(header, 'mx.new.test').map((field) => rawField(header, field).toString().trimEnd())
  assert.deepEqual(found, forged)
})

test('what a stranger says cannot break out of our field', async () => {
  const source = Buffer.from(
    'DKIM-Signature: v=1; a=x";\r\n spf=pass (; d=evil\r\n .test; i="@\\;\r\n b==; dkim=pass\r\nFrom: a@b.test\r\n\r\n',
  )
  const identity = await check(source, '2001:db8::1', '"x y; spf=pass"@evil.test', 'evil"; spf=pass')
  const field = authenticationResults(identity, 'mx.new.test')
  const header = parseHeader(Buffer.concat([field, Buffer.from('\r\n')]))
  assert.equal(header.fields.length, 1)
  const results = parseAuthenticationResults(field.toString().replace('Authentication-Results:', ''))
  assert.deepEqual(
    results?.methods.map(({ method }) => method),
    ['spf', 'dkim', 'dmarc', 'arc', 'iprev'],
  )
  assert.notEqual(results?.methods[0]?.result, 'pass')
})
