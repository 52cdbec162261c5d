import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { qrCode } from './qr.ts'

// Each of these was read back by a decoder that others wrote (jsQR 1.4.0), when it was made.
const READ_BACK: readonly [bytes: number, size: number, digest: string][] = [
  [1, 21, 'a4dece7f45d05a09'],
  [17, 21, '6ac33df3533dd00a'],
  [18, 25, '301319ebb7ea2df7'],
  [100, 37, '927a4c1ba8497b43'],
  [134, 41, 'b3905903dd57e034'],
  [192, 49, '99a4308ba6ee569c'],
  [271, 57, '1bb4f9b02cc61d9b'],
]
const TEXT = 'otpauth://totp/Borderpost:bob%40recipient.test?secret=ABCDEFGH234567'.repeat(4)

for (const [bytes, size, digest] of READ_BACK)
  test(`a QR code of ${bytes} bytes is the picture that was read back`, () => {
    const rows = qrCode(TEXT.slice(0, bytes))!
    assert.deepEqual([rows.length, rows.every((row) => row.length === size)], [size, true])
    const picture = rows.map((row) => row.map(Number).join('')).join('\n')
    assert.equal(createHash('sha256').update(picture).digest('hex').slice(0, 16), digest)
  })

test('a text that does not fit gives none', () => {
  assert.equal(qrCode('x'.repeat(272)), undefined)
  assert.notEqual(qrCode(''), undefined)
})
