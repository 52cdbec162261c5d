import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalDomain } from './domain.ts'
import { forwardSrs, reverseLocalPart } from './srs.ts'
import { fixedClock } from './testing.ts'

const DAY_S = 86_400
const clock = fixedClock(1_700_000_000)
const srs = { domain: 'old.test', secrets: ['secret'] }
const localPart = (address: string | undefined): string => address!.slice(0, address!.lastIndexOf('@'))

test('a bounce finds its way back through one Forwarder, whatever its case became', () => {
  const rewritten = forwardSrs('alice@sender.test', srs, clock)
  assert.match(rewritten!, /^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=sender\.test=alice@old\.test$/)
  assert.deepEqual(reverseLocalPart(localPart(rewritten), srs, clock), {
    result: 'address',
    address: 'alice@sender.test',
  })
  assert.equal(reverseLocalPart(localPart(rewritten).toLowerCase(), srs, clock).result, 'address')
})

test('through two and three Forwarders the path stays short', () => {
  const second = { domain: 'second.test', secrets: ['two'] }
  const third = { domain: 'third.test', secrets: ['three'] }
  const one = forwardSrs('alice@sender.test', srs, clock)!
  const two = forwardSrs(one, second, clock)!
  const three = forwardSrs(two, third, clock)!
  assert.match(three, /^SRS1=[A-Z2-7]{8}=old\.test==.*@third\.test$/)
  // The third sends the bounce straight to the first.
  const back = reverseLocalPart(localPart(three), third, clock)
  assert.deepEqual(back, { result: 'address', address: one })
  assert.deepEqual(reverseLocalPart(localPart(two), second, clock), { result: 'address', address: one })
})

test('what needs no rewriting stays as it is; what cannot be rewritten says so', () => {
  assert.equal(forwardSrs('', srs, clock), '')
  assert.equal(forwardSrs('bob@OLD.test', srs, clock), 'bob@OLD.test')
  assert.equal(forwardSrs(`${'a'.repeat(60)}@sender.test`, srs, clock), undefined)
  assert.equal(forwardSrs('"a b"@sender.test', srs, clock), undefined)
  assert.equal(forwardSrs('nobody', srs, clock), undefined)
})

test('forged, expired and foreign addresses lead nowhere', () => {
  const good = localPart(forwardSrs('alice@sender.test', srs, clock))
  assert.equal(reverseLocalPart(good.replace('=alice', '=eve'), srs, clock).result, 'forged')
  assert.equal(reverseLocalPart(good.replace('sender.test', 'victim.test'), srs, clock).result, 'forged')
  assert.equal(reverseLocalPart('SRS0=AAAAAAAA=AA=victim.test=eve', srs, clock).result, 'forged')
  assert.equal(reverseLocalPart('SRS1=AAAAAAAA=victim.test==x=y=z=eve', srs, clock).result, 'forged')
  assert.equal(reverseLocalPart('SRS0=', srs, clock).result, 'malformed')
  assert.equal(reverseLocalPart('SRS0=x', srs, clock).result, 'malformed')
  assert.equal(reverseLocalPart('alice', srs, clock).result, 'not-srs')
  assert.equal(reverseLocalPart(good, srs, fixedClock(1_700_000_000 + 21 * DAY_S)).result, 'address')
  assert.equal(reverseLocalPart(good, srs, fixedClock(1_700_000_000 + 23 * DAY_S)).result, 'expired')
})

test('a new secret signs, the old one still verifies until it is taken away', () => {
  const old = localPart(forwardSrs('alice@sender.test', srs, clock))
  assert.equal(reverseLocalPart(old, { ...srs, secrets: ['new', 'secret'] }, clock).result, 'address')
  assert.equal(reverseLocalPart(old, { ...srs, secrets: ['new'] }, clock).result, 'forged')
  assert.notEqual(localPart(forwardSrs('alice@sender.test', { ...srs, secrets: ['new', 'secret'] }, clock)), old)
})

test('every address that can be rewritten comes back', () => {
  const atom = fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}$/)
  fc.assert(
    fc.property(atom, (user) => {
      const rewritten = forwardSrs(`${user}@sender.test`, srs, clock)
      if (rewritten === undefined || /^SRS[01][=+-]/i.test(user)) return
      assert.deepEqual(reverseLocalPart(localPart(rewritten), srs, clock), {
        result: 'address',
        address: `${user}@sender.test`,
      })
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => void reverseLocalPart(`SRS0=${text}`, srs, clock)))
})

test('a domain is taken whole or not at all: no part of it stands for it', () => {
  for (const domain of ['bank.test\\.f\u00fcr', 'bank.test/\u00e9', 'bank.test?\u00e9', 'bank.test#\u00e9'])
    assert.equal(normalDomain(domain), '')
})
