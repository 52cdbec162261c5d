import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, strToU8 } from 'fflate'
import { MAX_TEXT } from './reading.ts'
import { fragmentOf, textOf } from './share.ts'

const FLOW = 'Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient\n'

test('a text comes back out of its fragment as it was', () => {
  for (const text of ['', FLOW, FLOW.repeat(1000), '# Ünïcode — ⇒ 👩‍💻 \u0000\n', '<script>alert(1)</script>'])
    assert.deepEqual(textOf(fragmentOf(text)), { text })
})

test('a fragment is written in letters that links keep as they are', () => {
  for (let n = 0; n < 200; n++) assert.match(fragmentOf(FLOW.slice(0, n) + n), /^#d=[\w-]+$/)
})

test('what is none of ours says nothing; what is damaged says so', () => {
  assert.equal(textOf(''), undefined)
  assert.equal(textOf('#top'), undefined)
  const whole = fragmentOf(FLOW)
  for (const broken of ['#d=', '#d=%%%', '#d=AAAA', whole.slice(0, -8), `#d=${whole.slice(9)}`]) {
    const shared = textOf(broken)
    assert.ok(shared !== undefined && 'fault' in shared, broken)
  }
})

test('a few bytes that unpack to a great many are stopped', () => {
  const bomb = deflateSync(new Uint8Array(50_000_000), { level: 9 })
  const fragment = `#d=${Buffer.from(bomb).toString('base64url')}`
  assert.deepEqual(textOf(fragment), { fault: 'This link holds more text than the lab takes.' })
  const tooLong = `#d=${Buffer.from(deflateSync(strToU8('x'.repeat(MAX_TEXT + 1)))).toString('base64url')}`
  assert.deepEqual(textOf(tooLong), { fault: 'This link holds more text than the lab takes.' })
  assert.deepEqual(textOf(`#d=${'A'.repeat(7 * MAX_TEXT)}`), { fault: 'This link holds more text than the lab takes.' })
})
