import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderPicture } from '../../notation/draw.ts'
import { parse } from '../../notation/parse.ts'
import { manyPicture, renderMany, traceMany } from './many.ts'

const OURS = 'mx.home.example'

/** A message that a host handed to our Border, which found DMARC pass or not. */
function message(host: string, { dmarc = 'pass', tls = true, n = 0 } = {}): Buffer {
  return Buffer.from(
    `Authentication-Results: ${OURS}; dmarc=${dmarc} header.from=${host.split('.').slice(-2).join('.')}\r\n` +
      `Received: from ${host} (${host} [192.0.2.1]) by ${OURS} with ${tls ? 'ESMTPS' : 'ESMTP'} id x${n};\r\n Fri, 27 Nov 2026 10:00:0${n} +0000\r\n` +
      `Date: Fri, 27 Nov 2026 10:00:00 +0000\r\nFrom: a@${host}\r\nSubject: ${n}\r\n\r\nhello\r\n`,
  )
}

test('paths are counted, the most frequent first, with delays, TLS and what the Border found', async () => {
  const many = await traceMany(
    [
      message('out.one.example', { n: 1 }),
      message('out.one.example', { n: 3 }),
      message('out.one.example', { n: 5, dmarc: 'fail', tls: false }),
      message('mail.two.example'),
      Buffer.from('no header at all'),
    ],
    { trustedBy: [OURS] },
  )
  assert.deepEqual([many.messages, many.without, many.others], [5, 1, 0])
  const [first, second] = many.paths
  assert.match(first!.flow, /Transmitter@one.* --> \/ --> Receiver/)
  assert.deepEqual([first!.messages, first!.overTls, first!.proven, first!.medianMs], [3, 2, 2, 3000])
  assert.equal(second!.messages, 1)
  // The flows are in the notation.
  for (const { flow } of many.paths) assert.deepEqual(parse(flow).model.findings, [])
  const text = renderMany(many)
  assert.match(text, /^5 messages by 2 paths\n/)
  assert.match(text, /^ {6}3 {3}60 % {2}TLS 67 %, proven \(DMARC\) 67 %, half within 3 s$/m)
  assert.match(text, /^ {6}1 {3}20 % {2}without a path that can be read$/m)
  const svg = renderPicture(manyPicture(many)!)
  assert.match(svg, /3 messages/)
})

test('paths without end are counted together, and the table is bounded', async () => {
  const messages = function* () {
    for (let n = 0; n < 5010; n++) yield message(`host.n${n}.example`)
  }
  const many = await traceMany(messages(), { trustedBy: [OURS] })
  assert.equal(many.paths.length, 5000)
  assert.equal(many.others, 10)
  assert.ok(renderMany(many, 10).split('\n').length < 30)
  assert.match(renderMany(many, 10), /^ {3}5000 {2}100 % {2}by other paths$/m)
})

test('of hostile mailboxes no more is kept than a little', async () => {
  const line = (n: number, at: number) =>
    `Received: from h.n${n}a${at}.example (h.n${n}a${at}.example [192.0.2.1]) by h.n${n}a${at + 1}.example with SMTP id ${'x'.repeat(600)}; Fri, 27 Nov 2026 10:00:00 +0000\r\n`
  const messages = function* () {
    for (let n = 0; n < 300; n++)
      yield Buffer.from(
        `${Array.from({ length: 250 }, (_, at) => line(n, 250 - at)).join('')}From: a@b.example\r\n\r\nx`,
      )
  }
  const many = await traceMany(messages())
  assert.equal(many.messages, 300)
  const kept = many.paths.flatMap(({ example }) => example?.steps ?? [])
  assert.ok(kept.length <= 50_000)
  assert.ok(kept.every(({ received }) => received.raw.length <= 500))
  assert.ok(many.paths.some(({ example }) => example === undefined))
})
