import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './check.ts'
import { mend } from './mend.ts'
import { parse } from './parse.ts'

const left = (text: string) => check(parse(text).model).map(({ code }) => code)

test('what there is one way to mend is mended, one thing after the other', () => {
  const { text, mended } = mend('Author => Transmitter -> / -> MDA ==> Recipient\n')
  assert.equal(text, 'Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient\n')
  assert.deepEqual(left(text), [])
  assert.ok(mended.some(({ code }) => code === 'R01') && mended.some(({ code }) => code === 'R02'))
})

test('what a person must decide stays as it is, and so does what is right', () => {
  const doubtful = 'Author ==> MSA / Transmitter --> / --> Receiver/MDA'
  assert.equal(mend(doubtful).text, doubtful)
  assert.deepEqual(left(doubtful), ['N04'])
  const untrusted = '--> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob'
  assert.equal(mend(untrusted).text, untrusted)
  assert.deepEqual(left(untrusted), ['R05'])
  const right = 'Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient'
  assert.deepEqual(mend(right), { text: right, mended: [] })
})

test('no text makes it run on, and none gets worse', () => {
  for (const text of ['=> => =>', '/ / / /', 'MX -> MTA -> MUA', 'a ==> / ==> b', '|---|', 'x: y=1'])
    assert.ok(left(mend(text).text).length <= left(text).length, text)
})
