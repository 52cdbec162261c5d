import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStructure } from '../../message/mime.ts'
import { type Features, featuresOf } from './features.ts'

const read = (text: string | Buffer, facts: string[] = []): Features =>
  featuresOf(parseStructure(Buffer.isBuffer(text) ? text : Buffer.from(text)), { facts })

const shared = (a: Int32Array, b: Int32Array): number => {
  const known = new Set(a)
  return b.filter((hash) => known.has(hash)).length / Math.max(1, Math.min(a.length, b.length))
}

test('the same message gives the same features, whatever was read before it', () => {
  const text = 'Subject: Hello\r\nFrom: a@b.test\r\n\r\nTea at five?\r\n'
  const first = read(text)
  read('Subject: other\r\n\r\nsomething else altogether')
  assert.deepEqual(read(text), first)
})

test('a word is the same word in quoted-printable, base64 and another charset', () => {
  const head = 'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset='
  const plain = read(`${head}utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncafé crème brûlée`)
  const quoted = read(
    `${head}iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 cr=E8me br=FBl=E9e`,
  )
  const base64 = read(
    `${head}utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from('café crème brûlée').toString('base64')}`,
  )
  const body = (features: Features) => [...features.bodyWords.slice(-3)]
  assert.deepEqual(body(quoted), body(plain))
  assert.deepEqual(body(base64), body(plain))
})

test('text without spaces gives words: two Chinese texts on one subject share some, on others none', () => {
  const about = (text: string) => read(`\r\n${text}`)
  const one = about('免费赢取大奖 立即点击')
  assert.ok(shared(one.phrases, about('恭喜您赢取大奖').phrases) > 0)
  assert.ok(one.bodyWords.length >= 10)
  assert.equal(shared(one.phrases, about('明天下午开会').phrases), 0)
})

test('the words that HTML shows count as words, whatever markup stands between them', () => {
  const plain = read('\r\nspecial offer')
  const html = read('Content-Type: text/html\r\n\r\n<p>special <b>of<!-- x -->fer</b></p>')
  const known = new Set(html.phrases)
  assert.ok(plain.phrases.every((pair) => known.has(pair)))
})

test('what other filters wrote into the header is not read, facts are', () => {
  const bare = read('Subject: x\r\n\r\nbody')
  assert.deepEqual(read('X-Spam-Status: No, score=-5\r\nSubject: x\r\n\r\nbody'), bare)
  assert.equal(bare.known.length, 0)
  assert.equal(read('Subject: x\r\n\r\nbody', ['spf=pass', 'spf=pass', 'rule html-only']).known.length, 2)
})

test('any bytes are read, and no message gives more than the bound', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const { rulePoints: _, ...views } = read(Buffer.from(bytes))
      for (const view of Object.values(views)) assert.ok(view.length <= 16_384)
    }),
    { numRuns: 200 },
  )
  let number = 1
  const random = () =>
    String.fromCharCode(33 + (((number = (Math.imul(number, 1_103_515_245) + 12_345) >>> 0) >>> 16) % 90))
  const noise = Array.from({ length: 200_000 }, random).join('')
  for (const hostile of [
    noise,
    `Content-Type: text/html\r\n\r\n${'<a '.repeat(100_000)}`,
    `Content-Type: text/html\r\n\r\n${'<style>'.repeat(50_000)}`,
    `${'X: y\r\n'.repeat(20_000)}\r\n`,
    `\r\n${'http://a.b.c.d.e.f.test/x '.repeat(20_000)}`,
    `Subject: ${'=?utf-8?q?a?= '.repeat(20_000)}\r\n\r\n`,
    `\r\n${'a'.repeat(300_000)}`,
    `\r\n${'大'.repeat(100_000)}`,
  ]) {
    const { headerWords, headerPairs, sender, path, bodyWords, plainWords, phrases } = read(hostile)
    for (const view of [headerWords, bodyWords, plainWords]) assert.ok(view.length <= 8_192)
    for (const view of [headerPairs, phrases]) assert.ok(view.length <= 16_384)
    assert.ok(sender.length <= 256 && path.length <= 2_048)
  }
})

test('a repeated feature is one feature', () => {
  const { bodyWords: words } = read(`\r\n${'again '.repeat(100)}`)
  assert.equal(new Set(words).size, words.length)
  assert.ok(words.length < 10)
})
