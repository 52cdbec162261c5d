import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { format, formatFlow } from './format.ts'
import type { SystemModel } from './model.ts'
import { parse } from './parse.ts'

const SEED = `\
|--- Sender's Network ---| |-- Recipient's Network -| / Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient / Border
|-------- Recipient's Network ---------| / --> / --> Receiver/Forwarder ~~> MDA ==> Recipient / Border
`

const DRAWN = `\
|--- Sender's Network ---|           |-- Recipient's Network -|
                                /
Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient
                              /
                           Border
          |-------- Recipient's Network ---------|
     /
--> / --> Receiver/Forwarder ~~> MDA ==> Recipient
   /
Border
`

test('what needs nothing comes back byte for byte', () => {
  for (const text of [
    SEED,
    DRAWN,
    '',
    '\n',
    `# only a remark\r\n\r\n  ${SEED}`,
    'Author   ====>\tMSA # x\n\nMSA :  a = b\n',
  ])
    assert.equal(format(parse(text).model), text)
})

test('flat to drawn and back, byte for byte', () => {
  assert.equal(format(parse(SEED).model, 'drawn'), DRAWN)
  assert.equal(format(parse(DRAWN).model, 'flat'), SEED)
  assert.equal(format(parse(SEED).model, 'flat'), SEED)
  const crlf = `# title\r\n\r\n${SEED.split('\n')[0]}\r\n\r\nMSA: a=b\r\n`
  const drawn = format(parse(crlf).model, 'drawn')
  assert.equal(drawn.replaceAll('\r\n', '').includes('\n'), false)
  assert.ok(drawn.startsWith('# title\r\n\r\n|---') && drawn.endsWith('\r\n\r\nMSA: a=b\r\n'))
  assert.equal(format(parse(drawn).model, 'flat'), crlf)
})

test('what others have drawn becomes the flat line that says the same, with their dashes', () => {
  const [basic, forwarder] = SEED.split('\n')
  for (const [drawn, flat] of [
    [
      `\
|--- Sender's Network ---|          |-- Recipient's Network -|
                                /
Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient
                              /
                           Border
`,
      `${basic}\n`,
    ],
    [
      `\
           |-------- Recipient's Network ---------|
     /
--> / --> Receiver/Forwarder ~~> MDA ==> Recipient
   /
Border
`,
      `${forwarder}\n`,
    ],
    [
      '|-- A --|      |-- B --|\nMSA/Transmitter --> / --> MDA\n',
      '|-- A --| |-- B --| MSA/Transmitter --> / --> MDA\n',
    ],
  ] as const) {
    assert.equal(format(parse(drawn).model, 'flat'), flat)
    assert.equal(format(parse(format(parse(flat).model, 'drawn')).model, 'flat'), flat)
  }
})

test('a remark behind a flow stays behind it, and one elsewhere in a drawing comes above', () => {
  const flat = '|- A -| |- B -| / MSA --> / --> MDA / Border  # ours\n|- B -| / --> / --> MDA / Border # theirs\n'
  const drawn = format(parse(flat).model, 'drawn')
  assert.match(drawn, /MSA --> \/ --> MDA {2}# ours\n/)
  assert.equal(format(parse(drawn).model, 'flat'), flat)
  assert.equal(format(parse('|- A -| # old\nMSA --> MDA\n').model, 'flat'), '# old\n|- A -| MSA --> MDA\n')
})

test('ends in the open Internet and arrows that cannot be stay as they are written', () => {
  for (const text of [
    '/ --> Receiver/MDA',
    'MSA --> /',
    '--> / --> MDA',
    'MSA ==> / ==> MDA',
    'MSA -->[if x] / --> MDA',
  ])
    assert.equal(format(parse(format(parse(`${text}\n`).model, 'drawn')).model, 'flat'), `${text}\n`)
  for (const flat of ['|- A -| / --> MDA / Border\n', '|- A -| / MSA --> / Border\n'])
    assert.equal(format(parse(format(parse(flat).model, 'drawn')).model, 'flat'), flat)
})

test('a short block under a long network name gets a longer arrow, a long one a wider bracket', () => {
  const text = "|- A's rather long network -| |- B -| / MSA --> / --> MDA/Receiver / Border\n"
  const drawn = `\
|- A's rather long network -| |-   B    -|
                         /
MSA ------------------> / --> MDA/Receiver
                       /
                    Border
`
  assert.equal(format(parse(text).model, 'drawn'), drawn)
  assert.equal(format(parse(drawn).model, 'flat'), text)
})

const role = fc.constantFrom('Author', 'MSA', 'Transmitter', 'Receiver', 'Forwarder', 'MDA', 'Recipient', 'Open Relay')
const block = fc
  .tuple(
    fc.uniqueArray(role, { minLength: 1, maxLength: 3 }),
    fc.option(fc.constantFrom('a', 'b1', 'old-isp', 'x.y'), { freq: 3 }),
    fc.option(fc.integer({ min: 2, max: 12 }), { freq: 4 }),
  )
  .map(([roles, at, relays]) => roles.join('/') + (at === null ? '' : `@${at}`) + (relays === null ? '' : `*${relays}`))
const border = fc.constantFrom('--> / -->', '--> / -->', '--> / --> / -->')
const hop = fc.oneof(fc.constantFrom('==>', '~~>', '-->'), border)
const flowText = fc
  .tuple(block, fc.array(fc.tuple(hop, block), { maxLength: 5 }), fc.boolean(), fc.boolean())
  .map(([first, rest, opens, ends]) =>
    [opens ? '--> / -->' : '', first, ...rest.flat(), ends ? '--> / -->' : ''].filter(Boolean).join(' '),
  )
const name = fc.constantFrom("Sender's Network", 'ISP', 'Acme - East', 'Network with a long name indeed', 'Börse')

/** Everything that a text says, without places and ids. */
function says(model: SystemModel) {
  const names = new Map(model.networks.map((network) => [network.id, network.name]))
  return model.flows.map((flow) => [formatFlow(flow), flow.blocks.map((b) => names.get(b.network ?? ''))])
}

test('random flows: printing what was read gives the flow back', () => {
  fc.assert(
    fc.property(flowText, (text) => {
      const { model, findings } = parse(text)
      assert.deepEqual(findings, [])
      assert.equal(formatFlow(model.flows[0]!), text)
    }),
    { numRuns: 300 },
  )
})

test('random flows in flat and drawn form, with brackets and strokes, mean the same', () => {
  const flat = fc.tuple(flowText, fc.array(name, { minLength: 1, maxLength: 4 })).map(([flow, names]) => {
    const brackets = names.map((n, k) => `|${'-'.repeat(k + 1)} ${n} --|`).join(' ')
    return `${brackets} ${flow.includes(' / ') ? `/ ${flow} / Border` : flow}`
  })
  fc.assert(
    fc.property(flat, (text) => {
      const { model } = parse(text)
      assert.equal(format(model), text)
      const drawn = format(model, 'drawn')
      assert.deepEqual(says(parse(drawn).model), says(model))
      assert.equal(format(parse(drawn).model), drawn)
      const back = format(parse(drawn).model, 'flat')
      assert.deepEqual(says(parse(back).model), says(model))
      assert.equal(format(parse(back).model, 'drawn'), drawn)
      // Two brackets of one name over neighbours are one; else each byte comes back.
      const names = model.diagrams[0]!.brackets.map((one) => one.name)
      if (drawn !== text && model.findings.length === 0 && new Set(names).size === names.length)
        assert.equal(back, text)
    }),
    { numRuns: 300 },
  )
})

test('two brackets that share a bar are put right together', () => {
  for (const [given, once] of [
    ['|-- A |-- B |\nAuthor ==> MSA\n', '|-- A --|-- B --|\nAuthor ==> MSA\n'],
    ['|- A |--- B |---|\n', '|-- A --|-- B --|---|\n'],
    ['|--- A |- B|-- C --|\nAuthor ==> MSA\n', '|-- A --|-- B --|-- C --|\nAuthor ==> MSA\n'],
  ] as const) {
    assert.equal(format(parse(given).model), once)
    assert.equal(format(parse(once).model), once)
  }
})

const GARBAGE = [
  ...[
    '|',
    '---',
    '|--- A ---|',
    '|- B |',
    '/',
    ' / ',
    ' ',
    '\n',
    '\n\n',
    '\r\n',
    '\t',
    '\u0000',
    '\ud800',
    '\\',
    '"',
    '```',
  ],
  ...['==>', ' --> ', '~~>', '->', '⇒', '<--', '--', '>', '&gt;', '&', 'Border', '# t\n', ' # x', ':', '=', 'x: a=b'],
  ...['Author', 'Author a', 'mx', 'mta', 'user', 'MDA@x', '@', '*3', '(a > b)', '(', '[if x]', '{', '}', ';', ',', '+'],
  ...['--+', '+--> ', 'machine m: x\n', 'contract c: a -- b\n', 'A -> B: x=1\n'],
]

test('formatting twice is formatting once, in every style, whatever is written', () => {
  const garbage = fc.oneof(
    { weight: 5, arbitrary: fc.array(fc.constantFrom(...GARBAGE), { maxLength: 20 }).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
  )
  fc.assert(
    fc.property(garbage, (text) => {
      const { model } = parse(text)
      for (const style of [undefined, 'flat', 'drawn'] as const) {
        const once = format(model, style)
        assert.equal(format(parse(once).model, style), once)
      }
    }),
    {
      numRuns: 1000,
      // Each of these was once written differently the second time.
      examples: [['Author&gt;mxAuthor'], ['mx{⇒'], ['->\u0000#'], ['|---| / ']],
    },
  )
})

test('a model without a text is printed', () => {
  const { model } = parse(`${SEED.split('\n')[0]}\n\nMSA: a=b, c="d, e"`)
  const printed = format({ ...model, source: '' })
  assert.deepEqual(says(parse(printed).model), says(model))
  assert.ok(printed.endsWith('MSA: a=b, c="d, e"\n'))
})

/** Branches in braces, of any shape: at the start, the end, in the middle, within each other. */
const tree: fc.Memo<string> = fc.memo((n) => {
  const plain = fc.tuple(block, fc.array(fc.tuple(hop, block), { maxLength: 2 }))
  const line = plain.map(([first, rest]) => [first, ...rest.flat()].join(' '))
  if (n <= 1) return line
  const fork = fc
    .array(fc.oneof(line, tree(n - 1)), { minLength: 2, maxLength: 3 })
    .map((ways) => `{ ${ways.join(' ; ')} }`)
  return fc.oneof(
    fc.tuple(line, hop, fork).map((parts) => parts.join(' ')),
    fc.tuple(line, hop, fork).map((parts) => parts.join(' ')),
    fc.tuple(fork, hop, line).map((parts) => parts.join(' ')),
    fc.tuple(line, hop, fork, hop, line).map((parts) => parts.join(' ')),
    fc.tuple(fork, hop, line, hop, fork).map((parts) => parts.join(' ')),
    fc
      .tuple(
        line,
        fork.chain((ways) =>
          hop.map((arrow) => ways.replaceAll('{ ', `{ ${arrow} `).replaceAll(' ; ', ` ; ${arrow} `)),
        ),
      )
      .map((parts) => parts.join(' ')),
  )
})
const flowsOf = (text: string) => parse(text).model.flows.map((flow) => formatFlow(flow))

test('flows that branch and join: flat and drawn mean the same, and each comes back byte for byte', () => {
  let drawnCount = 0
  fc.assert(
    fc.property(tree(3), fc.boolean(), (text, bracketed) => {
      const source = bracketed ? `|- A -| |- B -| / ${text} / Border\n` : `${text}\n`
      const flows = flowsOf(source)
      assert.ok(flows.length > 1)
      const drawn = format(parse(source).model, 'drawn')
      assert.deepEqual(flowsOf(drawn), flows, drawn)
      const flat = format(parse(drawn).model, 'flat')
      assert.deepEqual(flowsOf(flat), flows, flat)
      assert.equal(format(parse(flat).model, 'drawn'), drawn)
      assert.equal(format(parse(format(parse(flat).model, 'drawn')).model, 'flat'), flat)
      assert.equal(format(parse(drawn).model), drawn)
      if (drawn.includes('+')) drawnCount++
    }),
    { numRuns: 300 },
  )
  assert.ok(drawnCount > 80, `${drawnCount} were drawn over several lines`)
})

test('a flow that branches is drawn with a + under which its branches begin', () => {
  assert.equal(
    format(
      parse('Author@a, Author@b ==> MSA/Transmitter@s --> / --> { MDA@x ; Forwarder@f ~~> { MDA@y ; MDA@z } }\n').model,
      'drawn',
    ),
    `\
                                       /
Author@a --+
Author@b --+==> MSA/Transmitter@s --> / --+--> MDA@x
                                          +--> Forwarder@f --+~~> MDA@y
                                                             +~~> MDA@z
                                     /
                                  Border
`,
  )
})

test('ways that join again in the middle of a flow end at a + of the line where they began', () => {
  for (const [flat, drawn] of [
    [
      'Author@a ==> MSA@s --> { Filter@f --> Transmitter@t ; Transmitter@long } --> / --> { Receiver@x ; Receiver@y } --> MDA@h ==> Recipient@b\n',
      `\
                                                             /
Author@a ==> MSA@s --+--> Filter@f --> Transmitter@t --+--> / --+--> Receiver@x --+--> MDA@h ==> Recipient@b
                     +--> Transmitter@long ------------+
                                                                +--> Receiver@y --+
                                                           /
                                                        Border
`,
    ],
    [
      'Author@a, Author@b ==> MSA@s --> { Filter@f --> { Filter@g ; Filter@h } ; Filter@i } --> Transmitter@t\n',
      `\
Author@a --+
Author@b --+==> MSA@s --+--> Filter@f --+--> Filter@g --+---+--> Transmitter@t
                                        +--> Filter@h --+
                        +--> Filter@i ----------------------+
`,
    ],
    [
      'MSA@s --> { Transmitter@t ; Transmitter@u } --> { Filter@f ; Filter@g } --> MDA@h\n',
      `\
MSA@s --+--> Transmitter@t --+--+--> Filter@f --+--> MDA@h
        +--> Transmitter@u --+
                                +--> Filter@g --+
`,
    ],
  ] as const) {
    assert.equal(format(parse(flat).model, 'drawn'), drawn)
    assert.equal(format(parse(drawn).model, 'flat'), flat)
    assert.deepEqual(flowsOf(drawn), flowsOf(flat))
    assert.deepEqual(
      parse(drawn).findings.filter(({ code }) => code === 'N26'),
      [],
    )
  }
})

test('a drawing by hand may be some columns off, and have upright lines', () => {
  const { model, findings } = parse(`\
Author@a ==> MSA@s --+--> Transmitter@t ------+--> / --> MDA@h
                     |                        |
                     +--> Transmitter@u -----+
`)
  assert.deepEqual(findings, [])
  assert.equal(format(model, 'flat'), 'Author@a ==> MSA@s --> { Transmitter@t ; Transmitter@u } --> / --> MDA@h\n')
})

test('a conversion that lines beside it would make say something else is not made', () => {
  for (const text of [
    ', --+\n\n?"org O: a\n --> @bOpen Relay[, , A -> B: x=1\n&gt;\r\n\r\n:{|MDA',
    '*3→/MSA|--- A ---|:A -> B: x=1\n ;\nBorder\n\n| ~~> )',
  ])
    for (const style of ['flat', 'drawn'] as const)
      assert.deepEqual(flowsOf(format(parse(text).model, style)), flowsOf(format(parse(text).model)), text)
})
