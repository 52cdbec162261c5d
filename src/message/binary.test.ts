import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withoutBinary } from './binary.ts'
import { allParts, parseStructure } from './mime.ts'

const PICTURE = Buffer.from([0, 1, 13, 2, 10, 13, 10, 0, 255, 46, 13, 10, 46, 13, 10])

/** A message of a text and a binary leaf. */
const mixed = (body: Buffer) =>
  Buffer.concat([
    Buffer.from(
      'From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x-=1"\r\nContent-Transfer-Encoding: binary\r\n\r\n' +
        '--x-=1\r\n\r\nHello.\r\n--x-=1\r\nContent-Type: image/png\r\nContent-Transfer-Encoding:\r\n BINARY\r\nContent-ID: <1@b>\r\n\r\n',
    ),
    body,
    Buffer.from('\r\n--x-=1--\r\n'),
  ])

test('a binary leaf becomes base64, what holds it 8bit, and the rest stays', () => {
  const made = withoutBinary(mixed(PICTURE))
  assert.ok(!made.includes(0))
  const [root, text, picture] = [...allParts(parseStructure(made))]
  assert.deepEqual([root!.encoding, text!.encoding, picture!.encoding], ['8bit', '7bit', 'base64'])
  assert.equal(picture!.id, '1@b')
  const body = made.subarray(picture!.bodyStart, picture!.bodyEnd).toString()
  assert.ok(Buffer.from(body, 'base64').equals(PICTURE))
  assert.match(made.toString(), /\r\n\r\nHello\.\r\n--x-=1\r\n/)
})

test('a message that is one binary leaf, an empty one, and one that has none', () => {
  const head = 'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n'
  const made = withoutBinary(Buffer.concat([Buffer.from(head), PICTURE]))
  const root = parseStructure(made)
  assert.ok(Buffer.from(made.subarray(root.bodyStart, root.bodyEnd).toString(), 'base64').equals(PICTURE))
  assert.equal(withoutBinary(Buffer.from(head)).toString(), head.replace('binary', 'base64'))
  const plain = Buffer.from('Subject: x\r\n\r\nbody\r\n')
  assert.ok(withoutBinary(plain).equals(plain))
})

test('whatever the bytes are, they come back, and no line is longer than 76', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const body = Buffer.from(bytes)
      if (body.includes('--x-=1')) return
      const made = withoutBinary(mixed(body))
      const picture = [...allParts(parseStructure(made))].at(-1)!
      const lines = made.subarray(picture.bodyStart, picture.bodyEnd).toString()
      assert.ok(Buffer.from(lines, 'base64').equals(body))
      for (const line of lines.split('\r\n')) assert.ok(line.length <= 76)
    }),
  )
})
