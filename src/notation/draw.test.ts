import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { draw, renderPicture } from './draw.ts'
import { arrange, layout } from './layout.ts'
import { parse } from './parse.ts'

const DEMO = `
# The way there & <back>
|--- Sender's Network ---| |-- Recipient's Network -| / Author@a ==> MSA/Transmitter@s*12 --> / --> Receiver/Forwarder ~~> MDA@r ==> Recipient@b / Border

Author@b ==> MSA/Transmitter@r --> / --> Gizmo --> ?
`

/** Tags balance, attributes are quoted, text has no bare markup. Returns the names of the elements. */
function assertWellFormed(svg: string): string[] {
  const open: string[] = []
  const names: string[] = []
  const tag = /<(\/?)([a-z]+)((?:\s+[a-z0-9:-]+="[^"<>]*")*)\s*(\/?)>/gi
  let at = 0
  for (let found = tag.exec(svg); found; found = tag.exec(svg)) {
    const text = svg.slice(at, found.index)
    assert.ok(!/[<>]/.test(text) && !/&(?!(?:amp|lt|gt|quot);)/.test(text), `bare markup in ${text.slice(0, 80)}`)
    at = tag.lastIndex
    const [, closing, name, , selfClosing] = found
    if (closing) assert.equal(open.pop(), name)
    else if (!selfClosing) open.push(name!)
    names.push(name!)
  }
  assert.equal(svg.slice(at), '')
  assert.deepEqual(open, [])
  return names
}

test('the picture is plain SVG with every block, hop, network and Border', () => {
  const { model } = parse(DEMO)
  const svg = draw(model)
  const names = new Set(assertWellFormed(svg))
  for (const foreign of ['script', 'image', 'foreignObject', 'use', 'a']) assert.equal(names.has(foreign), false)
  assert.equal(/https?:(?!\/\/www\.w3\.org\/2000\/svg")|url\(|@import/.test(svg), false)
  for (const { id } of model.blocks) assert.equal(svg.split(`data-block="${id}"`).length, 2, id)
  for (const { from, to } of model.hops)
    assert.ok(svg.includes(`data-hop="${from ?? 'internet'}-&gt;${to ?? 'internet'}"`))
  for (const { id } of model.borders) assert.ok(svg.includes(`data-border="${id.replace('>', '&gt;')}"`))
  for (const text of ["Sender's Network", '×12', 'Border', 'Gizmo', 'The way there &amp; &lt;back&gt;'])
    assert.ok(svg.includes(`>${text}<`), text)
  assert.match(svg, /prefers-color-scheme:dark/)
})

test('the picture reads itself aloud', () => {
  const { description } = layout(
    parse('|- Home -| / Author ==> MSA/Transmitter*2 --> / --> Receiver ~~> ? / Border').model,
  )
  assert.equal(
    description,
    'An email system with 1 user and 3 agents in 1 network: Home. Mail flows from the Author to the MSA and Transmitter (2 relays), with whom there is a direct relationship; then across the Border to the Receiver; then to somebody unknown, with whom there is an indirect relationship.',
  )
})

test('layout: blocks of a row do not overlap, stand in their networks, and the Border between them', () => {
  const picture = layout(parse(DEMO).model)
  for (const [k, block] of picture.blocks.entries()) {
    const next = picture.blocks[k + 1]
    if (next !== undefined && next.x > block.x) assert.ok(block.x + block.width < next.x)
    assert.ok(block.x >= 0 && block.x + block.width <= picture.width && block.y + block.height <= picture.height)
  }
  const [home, away] = picture.networks
  const border = picture.borders[0]!
  const x = (border.from[0] + border.to[0]) / 2
  assert.ok(home!.x + home!.width < x && x < away!.x)
  assert.ok(border.from[0] > border.to[0] && border.from[1] < border.to[1])
  const crossing = picture.hops.find((hop) => hop.points.length === 3)!
  assert.ok(Math.abs(crossing.points[1]![0] - x) < SLANT)
  assert.equal(new Set(picture.blocks.map((block) => block.id)).size, picture.blocks.length)
  const both = picture.blocks.filter((block) => block.actor === 'b')
  assert.equal(both.length, 2)
  assert.ok(both[0]!.tint !== undefined && both[0]!.tint === both[1]!.tint)
})

const SLANT = 25

test('a picture can be made without a model, for the way a message took', () => {
  const picture = arrange(
    [
      {
        caption: 'As the headers say',
        blocks: [
          { id: 'b1', actor: 'x', roles: ['Transmitter'], kind: 'agent', relays: 1, note: 'mail.sender.test' },
          { id: 'b2', actor: 'y', roles: ['Receiver', 'MDA'], kind: 'agent', relays: 1, network: 'n' },
        ],
        hops: [{ id: 'b1->b2', from: 'b1', to: 'b2', arrow: 'flow', crossings: ['border'], label: 'TLS 1.3, 2 s' }],
        relations: [],
      },
    ],
    new Map([['n', 'Our network']]),
    { title: 'A message', description: 'From there to here.' },
  )
  const svg = renderPicture(picture, { idPrefix: 'trace-', theme: 'dark', legend: false })
  assertWellFormed(svg)
  for (const text of ['mail.sender.test', 'TLS 1.3, 2 s', 'Our network', 'As the headers say'])
    assert.ok(svg.includes(`>${text}<`))
  assert.ok(svg.includes('id="trace-block-b1"') && !svg.includes('prefers-color-scheme'))
})

test('a picture of anything is well-formed', () => {
  const piece = fc.constantFrom(
    '|- <A&"> -|',
    '==>',
    '~~>',
    '-->',
    ' / ',
    'Author',
    '<b>',
    '&',
    '"',
    '*9',
    '@x',
    '\n',
    "'",
    '\u0001',
    '\ud800',
    ']]>',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      assertWellFormed(draw(parse(pieces.join('')).model))
    }),
    { numRuns: 300 },
  )
})

const LAYERED = `
Author@anna ==> MSA(login)/Transmitter(in > out, spare)@isp --> / --> Receiver/MDA(store, imap)@home*3 ==> Recipient@bob

Open Relay@wild --> / --> Transmitter@home*4

machine m<1>: isp.spare, MDA.imap
org Acme: isp, anna
contract "ISP & terms": anna -- isp
`

test('relays stand inside their block, each way on a line of its own, and an Open Relay floats in the cloud', () => {
  const { model } = parse(LAYERED)
  const picture = layout(model)
  const svg = draw(model)
  assertWellFormed(svg)
  for (const name of ['login', 'in', 'out', 'spare', 'store', 'imap']) assert.ok(svg.includes(`>${name}</text>`), name)
  // Relays that have no names are squares: the four of the second flow, beside six chips.
  assert.equal(svg.split('class="relay"').length - 1, 6 + 4)
  assert.equal(svg.split('class="step"').length - 1, 1)
  for (const { id, y, height } of picture.blocks) {
    const group = svg.slice(svg.indexOf(`data-block="${id}"`)).split('</g>')[0]!
    for (const [, at, tall] of group.matchAll(
      /class="relay" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"/g,
    ))
      assert.ok(Number(at) > y && Number(at) + Number(tall) < y + height, id)
  }
  assert.match(svg.slice(svg.indexOf('data-block="open-relay-wild"')), /^[^<]*<path class="body" d="M[^"]*Z"/)
})

test('machines, organisations and contracts are layers below the flows that can be left out', () => {
  const { model } = parse(LAYERED)
  const { layers, blocks, height } = layout(model)
  const x = (id: string) => blocks.find((block) => block.id === id)!
  assert.deepEqual([...new Set(layers.map(({ kind, label }) => `${kind} ${label}`))].sort(), [
    'contracts ISP & terms',
    'machines machine m<1>',
    'organisations Acme',
  ])
  const acme = layers.find(({ label }) => label === 'Acme')!
  assert.ok(acme.from <= x('author-anna').x && acme.to >= x('msa-transmitter-isp').x + x('msa-transmitter-isp').width)
  for (const { y } of layers) assert.ok(y > acme.y - 200 && y < height)
  const places = layers.map(({ from, to, y }) => ({ from, to, y }))
  for (const [k, a] of places.entries())
    for (const b of places.slice(k + 1)) assert.ok(a.y !== b.y || a.to <= b.from || b.to <= a.from)
  assert.deepEqual(
    layout(model, new Set(['contracts'])).layers.map(({ kind }) => kind),
    ['contracts'],
  )
  assert.ok(draw(model).includes('>ISP &amp; terms</text>') && draw(model).includes('>machine m&lt;1&gt;</text>'))
  assert.equal(draw(model, { layers: new Set() }).includes('class="layer'), false)
})

test('a flow that branches: every place and arrow once, branches below each other, lines lead to them', () => {
  const { model } = parse(
    '|- A -| |- B -| / Author@a, Author@b ==> MSA/Transmitter@s --> / --> { Receiver/Forwarder@f ~~> { MDA@x ; MDA@y ==> Recipient@q } ; Receiver/MDA@z } / Border\n',
  )
  const picture = layout(model)
  const svg = draw(model)
  assertWellFormed(svg)
  for (const { id } of model.blocks) assert.equal(svg.split(`data-block="${id}"`).length, 2, id)
  for (const { id } of model.hops) assert.equal(svg.split(`data-hop="${id.replace('>', '&gt;')}"`).length, 2, id)
  assert.equal(picture.borders.length, 2)
  for (const [k, a] of picture.blocks.entries())
    for (const b of picture.blocks.slice(k + 1))
      assert.ok(
        a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y,
        `${a.id} and ${b.id} lie on each other`,
      )
  const at = (id: string) => picture.blocks.find((block) => block.id === id)!
  assert.ok(at('mda-x').y < at('mda-y').y && at('mda-y').y < at('receiver-mda-z').y)
  const stems = picture.hops.filter(({ stem }) => stem !== undefined)
  assert.deepEqual(stems.map(({ to }) => to).sort(), ['mda-y', 'msa-transmitter-s', 'receiver-mda-z'])
  for (const { stem, points, from } of stems) {
    assert.deepEqual(stem!.at(-1), points[0])
    assert.equal(stem![0]![1], at(from).y + at(from).height / 2)
  }
})

test('where a longer branch comes back from below, the place that it joins stands behind it', () => {
  for (const text of [
    'Author ==> MSA/Transmitter --> / --> { Receiver/MDA@a ; Receiver/Forwarder@b ~~> MDA@c } ==> Recipient\n',
    '|- A -| |- B -| / MSA@s --> { Transmitter@t ; Filter@f --> Filter@g --> Transmitter@u } --> / --> MDA@m / Border\n',
  ]) {
    const { hops, blocks } = layout(parse(text).model)
    const back = hops.filter(({ stem, points }) => stem !== undefined && points[0]![1] < stem[0]![1])
    assert.equal(back.length, 1)
    for (const { from, stem } of back) {
      const end = blocks.find(({ id }) => id === from)!
      assert.ok(
        stem!.every(([x]) => x > end.x + end.width),
        text,
      )
    }
  }
})
