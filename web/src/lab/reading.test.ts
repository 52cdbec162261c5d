import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { placeAt } from './place.ts'
import { readText } from './reading.ts'

const GALLERY = new URL('../../../gallery/', import.meta.url)

const marked = (text: string) => readText(text).marks.map(({ from, to, kind }) => `${kind} ${text.slice(from, to)}`)

test('every word of a flow has the colour of what the parser took it for', () => {
  assert.deepEqual(marked('# Title\nAuthor@a ==> MSA/Transmitter*2 --> / --> Robot ~~> MDA # why'), [
    'comment # Title',
    'role Author',
    'id @a',
    'direct ==>',
    'role MSA',
    'role Transmitter',
    'count *2',
    'flow -->',
    'border /',
    'flow -->',
    'strange Robot',
    'indirect ~~>',
    'role MDA',
    'comment # why',
  ])
})

test('what works inside a block', () => {
  assert.deepEqual(marked('Transmitter(in > scan, spare)@isp*2 --> MDA(store)'), [
    'role Transmitter',
    'inside (in > scan, spare)',
    'id @isp',
    'count *2',
    'flow -->',
    'role MDA',
    'inside (store)',
  ])
})

test('where ways part and meet', () => {
  assert.deepEqual(marked('Author@a, Author@b ==> MSA --> { MDA@x ; MDA@y }'), [
    'role Author',
    'id @a',
    'fork ,',
    'role Author',
    'id @b',
    'direct ==>',
    'role MSA',
    'flow -->',
    'fork {',
    'role MDA',
    'id @x',
    'fork ;',
    'role MDA',
    'id @y',
    'fork }',
  ])
})

test('brackets, strokes and the label of a drawing; targets, keys and values below it', () => {
  const drawing = `|- Home -|
     /
 --> / --> Receiver/MDA@m ==> Recipient
   /
 Border

m: domain=a.test,
   name="B C"
`
  assert.deepEqual(marked(drawing), [
    'network |- Home -|',
    'border /',
    'flow -->',
    'border /',
    'flow -->',
    'role Receiver',
    'role MDA',
    'id @m',
    'direct ==>',
    'role Recipient',
    'border /',
    'border Border',
    'target m',
    'key domain',
    'value a.test',
    'key name',
    'value "B C"',
  ])
})

test('marks are in order and apart, whatever is written', () => {
  const texts = readdirSync(GALLERY)
    .filter((name) => name.endsWith('.borderpost'))
    .map((name) => readFileSync(new URL(name, GALLERY), 'utf8'))
  const broken = texts.flatMap((text) => [
    text.slice(0, text.length / 2),
    text.replace(/[aeiou]/g, '/'),
    `${text}\u0000==>`,
  ])
  for (const text of [...texts, ...broken, '', ' ', '/', '|', '# ', 'a: b=', 'a &gt; b &amp;&gt; c']) {
    let end = 0
    for (const { from, to } of readText(text).marks) {
      assert.ok(from >= end && to > from && to <= text.length, text)
      end = to
    }
  }
})

test('what is at the caret: all places of the actor, the arrow, the network, whom a line is about', () => {
  const text = `|- Home -| / --> / --> Receiver@r ==> MDA@m ==> Recipient / Border

Author ==> MSA/Transmitter@s --> / --> Receiver@r

r: domain=a.test
Recipient: name=R
s -> r: delay=1
Home: x=1
`
  const { model } = readText(text)
  const at = (words: string, more = 0) => placeAt(model, text.indexOf(words) + more)
  assert.deepEqual(at('Receiver@r', 3).blocks, ['receiver-r', 'receiver-r-2'])
  assert.deepEqual(at('r: domain', 5).blocks, ['receiver-r', 'receiver-r-2'])
  assert.equal(at('==> MDA', 1).hops.length, 1)
  assert.equal(at('Home', 1).networks.length, 1)
  assert.deepEqual(at('Recipient:', 1).blocks, ['recipient'])
  assert.equal(at('s -> r', 1).hops.length, 1)
  assert.deepEqual(at('Home: x', 1).networks, at('Home', 1).networks)
  assert.deepEqual(at('\n\nAuthor', 1), { blocks: [], hops: [], networks: [] })
})
