import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkBatv, signBatv } from './batv.ts'
import { fixedClock } from './testing.ts'

const DAY_S = 86_400
const batv = { secrets: { 1: 'old secret', 2: 'new secret' } }
/** The day before the counter of days begins again. */
const now = 20_999 * DAY_S

test('a signed address leads back to its own for seven days, across the turn of the counter', () => {
  const signed = signBatv('anna@sender.example', batv, fixedClock(now))
  assert.match(signed, /^prvs=2006[0-9a-f]{6}=anna@sender\.example$/)
  const valid = { result: 'valid', address: 'anna@sender.example' }
  for (const days of [0, 1, 7]) assert.deepEqual(checkBatv(signed, batv, fixedClock(now + days * DAY_S)), valid)
  assert.deepEqual(checkBatv(signed, batv, fixedClock(now + 8 * DAY_S)), { result: 'expired' })
})

test('a secret that no longer signs still counts; another, or another address, does not', () => {
  const signed = signBatv('anna@sender.example', { secrets: { 1: 'old secret' } }, fixedClock(now))
  assert.equal(checkBatv(signed, batv, fixedClock(now)).result, 'valid')
  assert.equal(checkBatv(signed.toUpperCase(), batv, fixedClock(now)).result, 'valid')
  for (const wrong of [signed.replace('anna', 'bob'), signed.replace('sender', 'other'), signed.replace(/=\d/, '=3')])
    assert.equal(checkBatv(wrong, batv, fixedClock(now)).result, 'forged', wrong)
})

test('what cannot be signed stays, and nothing is signed twice', () => {
  const signed = signBatv('anna@sender.example', batv, fixedClock(now))
  for (const address of ['', 'anna', '"a b"@sender.example', `${'a'.repeat(60)}@sender.example`, signed])
    assert.equal(signBatv(address, batv, fixedClock(now)), address)
})

test('what a stranger writes is an outcome', () => {
  assert.equal(checkBatv('anna@sender.example', batv, fixedClock(now)).result, 'not-signed')
  assert.equal(checkBatv('prvs=anna@sender.example', batv, fixedClock(now)).result, 'malformed')
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.notEqual(checkBatv(`prvs=${text}@sender.example`, batv, fixedClock(now)).result, 'not-signed')
    }),
  )
})
