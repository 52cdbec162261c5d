import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { check } from './check.ts'
import { draw } from './draw.ts'
import { format } from './format.ts'
import type { Finding } from './model.ts'
import { parse } from './parse.ts'

const PIECES = [
  '|',
  '---',
  '|--- A ---|',
  '/',
  ' / ',
  ' ',
  '\n',
  '\r\n',
  '\t',
  '==>',
  '~~>',
  '-->',
  '->',
  '<--',
  '→',
  'Author',
  'MSA',
  'Border',
  'MDA@x',
  '*3',
  '@',
  '#',
  ':',
  '=',
  '"',
  ',',
  'x: a=b',
  '\\',
  '&gt;',
  '&',
  '>',
  '<',
  '--',
  '```',
  '\ud800',
  '\u0000',
  '😀',
] as const // prettier-ignore

const garbage = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join('')),
)

test('whatever is written gives a model, findings inside the text, a picture and a format that settles', () => {
  fc.assert(
    fc.property(garbage, (text) => {
      const { model } = parse(text)
      for (const { span, fixes } of check(model)) {
        for (const place of [span, ...fixes.flatMap((fix) => fix.edits.map((edit) => edit.span))]) {
          assert.ok(place.start >= 0 && place.start <= place.end && place.end <= text.length)
          assert.ok(place.line >= 1 && place.column >= 1)
        }
      }
      for (const hop of model.hops) {
        const ids = new Set(model.flows[hop.flow]!.blocks.map((block) => block.id))
        assert.ok((hop.from === undefined || ids.has(hop.from)) && (hop.to === undefined || ids.has(hop.to)))
      }
      assert.equal(new Set(model.blocks.map((block) => block.id)).size, model.blocks.length)
      assert.ok(draw(model).startsWith('<svg'))
      format(model, 'flat')
      format(model, 'drawn')
    }),
    { numRuns: 400 },
  )
})

test('long inputs are read in steps that grow with the text, not with its square', () => {
  // Quadratic reading of any of these would take many times as long as all other tests together.
  const times = (piece: string) => piece.repeat(Math.ceil(80_000 / piece.length))
  for (const text of [
    times('-'),
    times('='),
    times('|'),
    times('|-'),
    times('/'),
    times('/ '),
    times('a/'),
    times('a / '),
    times('<'),
    times('--> '),
    times('A --> / --> '),
    times('|-- A --| '),
    times('/ Border '),
    times('@a'),
    times('*1'),
    times('#'),
    times('a#'),
    times('x: a=b\n'),
    times('Receiver: a=b\nReceiver\n'),
    times('a=b '),
    times('"'),
    times('&gt;'),
    times('A --> B: x=1\nA --> B\n'),
    times('Forwarder --> '),
    times('Author --> '),
    times('A ~~> '),
    times('()'),
    times('Forwarder@f ~~> MDA@m ==> Recipient\nm: trusts=f\n'),
    times('|- A -|\n'),
    times('|- A -| B\n'),
    times('x:\n y=1\n'),
  ])
    check(parse(text).model) // prettier-ignore
})

test('large systems are checked and formatted in steps that grow with them, too', () => {
  const line =
    '|- A -| |- B -| / Author@a ==> MSA/Transmitter@s --> / --> Receiver/Forwarder@f ~~> MDA@m ==> Recipient@r / Border\n'
  for (const text of [
    line.repeat(2000),
    `Author${' --> / --> Receiver/Forwarder@x'.repeat(5000)}`,
    `Author --> {${' MDA@a ==> Recipient ;'.repeat(10_000)} MDA }`,
    'Author@a, Author@b ==> MSA/Transmitter --> / --> { Receiver@a ; Receiver@b } --> MDA\n'.repeat(1500),
    `${'A --+\n'.repeat(20_000)}B --+--> C\n`,
    'author => mx -> / -> user\n'.repeat(3000),
  ]) {
    const { model } = parse(text)
    check(model)
    format(model, 'flat')
  }
})

test('a flow of two hundred thousand places has findings and a picture', () => {
  const { model } = parse(`Author${' --> / --> Forwarder'.repeat(200_000)}`)
  assert.ok(check(model).length > 100_000)
  assert.ok(draw(model).startsWith('<svg'))
})

test('more relays by name than a block can have are an error, and no picture', () => {
  const { model, findings } = parse(`Author ==> MSA(${'a > b, '.repeat(50_000)}c)`)
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['N24'],
  )
  assert.ok(draw(model).length < 50_000)
})

test('of however many spellings each is made usual', () => {
  const text = 'author => mx\n'.repeat(5000)
  assert.equal(format(parse(text).model), 'Author ==> Receiver\n'.repeat(5000))
})

test('a line of four million dashes is a line like any other', () => {
  const { model } = parse(`Author ==> MSA\n${'-'.repeat(4_000_000)}\n`)
  assert.equal(model.actors.length, 2)
})

test('pieces of branches, relays and layers in any order are read to the end', () => {
  const piece = fc.constantFrom(
    ...[
      'Author a',
      'MSA',
      '@b',
      '*3',
      '(a > b, c)',
      '(',
      ')',
      '[if x]',
      '[',
      '{',
      '}',
      ' ; ',
      ', ',
      '+',
      '--+',
      '-->',
      ' ==> ',
    ],
    ...[
      ' / ',
      '/',
      '|',
      '|- A -|',
      '\n',
      '\n\n',
      '\n      +--> ',
      'machine m: a, MDA.b\n',
      'contract c: a -- b\n',
      '#',
      '"',
    ],
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('')
      const { model } = parse(text)
      assertWithin(check(model), text)
      draw(model)
      for (const style of ['flat', 'drawn'] as const) format(model, style)
    }),
    { numRuns: 500 },
  )
})

function assertWithin(findings: readonly Finding[], text: string) {
  for (const { code, span } of findings)
    assert.ok(span.start >= 0 && span.start <= span.end && span.end <= text.length, code)
}
