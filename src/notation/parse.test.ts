import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format } from './format.ts'
import { blockText, type Finding, type SystemModel } from './model.ts'
import { parse } from './parse.ts'
import { Sayings } from './said.ts'
import { applyEdits } from './text.ts'

// The article's two lines, byte for byte.
const BASIC =
  "|--- Sender's Network ---| |-- Recipient's Network -| / Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient / Border"
const FORWARDER =
  "|-------- Recipient's Network ---------| / --> / --> Receiver/Forwarder ~~> MDA ==> Recipient / Border"

const BASIC_DRAWN = `\
|--- Sender's Network ---|          |-- Recipient's Network -|
                                /
Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient
                              /
                           Border
`
const FORWARDER_DRAWN = `\
           |-------- Recipient's Network ---------|
     /
--> / --> Receiver/Forwarder ~~> MDA ==> Recipient
   /
Border
`

/** Networks, blocks and hops as a few lines: what the text means, without where it stands. */
function meaning(model: SystemModel): string[] {
  const names = new Map(model.networks.map((network) => [network.id, network.name]))
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  const label = (id: string | undefined) => (id === undefined ? 'Internet' : blocks.get(id)!.roles.join('+') || '?')
  return model.flows.flatMap((flow) => [
    ...flow.blocks.map(
      ({ roles, at, relays, network }) =>
        `${roles.join('+') || '?'}${at ? `@${at}` : ''}${relays > 1 ? `*${relays}` : ''} in ${names.get(network ?? '') ?? 'none'}`,
    ),
    ...flow.hops.map(
      ({ from, to, arrow, crossings }) => `${label(from)} ${arrow}${'/'.repeat(crossings.length)} ${label(to)}`,
    ),
  ])
}

const codes = (findings: Finding[]) => findings.map((found) => found.code)
const flowOf = (text: string) => meaning(parse(text).model)

const BASIC_MEANING = [
  "Author in Sender's Network",
  "MSA+Transmitter in Sender's Network",
  "Receiver+MDA in Recipient's Network",
  "Recipient in Recipient's Network",
  'Author direct MSA+Transmitter',
  'MSA+Transmitter flow/ Receiver+MDA',
  'Receiver+MDA direct Recipient',
]
const FORWARDER_MEANING = [
  "Receiver+Forwarder in Recipient's Network",
  "MDA in Recipient's Network",
  "Recipient in Recipient's Network",
  'Internet flow/ Receiver+Forwarder',
  'Receiver+Forwarder indirect MDA',
  'MDA direct Recipient',
]

test("the article's first diagram: four actors, two networks, one Border", () => {
  const { model, findings } = parse(BASIC)
  assert.deepEqual(findings, [])
  assert.deepEqual(meaning(model), BASIC_MEANING)
  assert.equal(model.diagrams[0]!.form, 'flat')
  assert.deepEqual(
    model.actors.map(({ id, kind, roles }) => [id, kind, roles]),
    [
      ['author', 'user', ['Author']],
      ['msa-transmitter', 'agent', ['MSA', 'Transmitter']],
      ['receiver-mda', 'agent', ['Receiver', 'MDA']],
      ['recipient', 'user', ['Recipient']],
    ],
  )
  assert.deepEqual(
    model.networks.map(({ name, actors }) => [name, actors]),
    [
      ["Sender's Network", ['author', 'msa-transmitter']],
      ["Recipient's Network", ['receiver-mda', 'recipient']],
    ],
  )
  assert.equal(model.borders.length, 1)
  assert.equal(BASIC.slice(model.borders[0]!.span.start - 4, model.borders[0]!.span.end + 4), '--> / -->')
  assert.deepEqual(
    model.relationships.map(({ a, b, kind }) => [a, b, kind]),
    [
      ['author', 'msa-transmitter', 'direct'],
      ['receiver-mda', 'recipient', 'direct'],
    ],
  )
})

test("the article's second diagram: the Forwarder's indirect relationship comes from the Recipient (A8)", () => {
  const { model, findings } = parse(FORWARDER)
  assert.deepEqual(findings, [])
  assert.deepEqual(meaning(model), FORWARDER_MEANING)
  assert.deepEqual(
    model.relationships.map(({ a, b, kind, via, inferred }) => [a, b, kind, via, inferred]),
    [
      ['mda', 'recipient', 'direct', undefined, false],
      ['receiver-forwarder', 'mda', 'indirect', 'recipient', false],
      ['receiver-forwarder', 'recipient', 'direct', undefined, true],
    ],
  )
})

test('a chain of Forwarders has the Recipient as the third of each indirect relationship', () => {
  const { model } = parse('--> / --> Receiver/Forwarder@a ~~> Forwarder@b ~~> MDA@c ==> Recipient@r')
  assert.deepEqual(
    model.relationships.filter(({ kind }) => kind === 'indirect').map(({ a, b, via }) => [a, b, via]),
    [
      ['b', 'c', 'r'],
      ['a', 'b', 'r'],
    ],
  )
})

test('the drawn forms mean the same as the flat ones', () => {
  for (const [drawn, expected] of [
    [BASIC_DRAWN, BASIC_MEANING],
    [FORWARDER_DRAWN, FORWARDER_MEANING],
  ] as const) {
    const { model, findings } = parse(drawn)
    assert.deepEqual(findings, [])
    assert.equal(model.diagrams[0]!.form, 'drawn')
    assert.deepEqual(meaning(model), expected)
  }
  assert.deepEqual(meaning(parse(`${BASIC}\n${FORWARDER}\n`).model), [...BASIC_MEANING, ...FORWARDER_MEANING])
  assert.deepEqual(meaning(parse(`${BASIC_DRAWN}\n${FORWARDER_DRAWN}`).model), [...BASIC_MEANING, ...FORWARDER_MEANING])
})

test('spans point at what was written', () => {
  const { model } = parse(`# a comment\r\n\r\n${BASIC}\r\n`)
  const { span, roleSpans } = model.blocks[1]!
  assert.deepEqual([span.line, span.column], [3, BASIC.indexOf('MSA') + 1])
  assert.equal(model.source.slice(span.start, span.end), 'MSA/Transmitter')
  assert.equal(model.source.slice(roleSpans[1]!.start, roleSpans[1]!.end), 'Transmitter')
})

test('A1: a tight slash joins, one at an arrow is the Border, anything between is reported', () => {
  assert.deepEqual(flowOf('MSA/Transmitter -->/--> Receiver').at(-1), 'MSA+Transmitter flow/ Receiver')
  const half = parse('MSA /Transmitter --> Receiver')
  assert.deepEqual(codes(half.findings), ['N03'])
  assert.deepEqual(half.model.blocks[0]!.roles, ['MSA', 'Transmitter'])
  const doubtful = parse('Author ==> MSA / Transmitter')
  assert.deepEqual(codes(doubtful.findings), ['N04'])
  const [join, border] = doubtful.findings[0]!.fixes
  assert.equal(applyEdits('Author ==> MSA / Transmitter', join!.edits), 'Author ==> MSA/Transmitter')
  assert.equal(applyEdits('Author ==> MSA / Transmitter', border!.edits), 'Author ==> MSA --> / --> Transmitter')
  assert.deepEqual(flowOf('Transmitter / Receiver').at(-1), 'Transmitter flow/ Receiver')
  assert.deepEqual(codes(parse('Transmitter --> / Receiver').findings), ['N05'])
})

test('A2: a leading slash is a stroke only in a drawing that has another crossing', () => {
  assert.deepEqual(flowOf('/ --> Receiver/Forwarder --> / --> MDA'), [
    'Receiver+Forwarder in none',
    'MDA in none',
    'Internet flow/ Receiver+Forwarder',
    'Receiver+Forwarder flow/ MDA',
  ])
  assert.equal(flowOf('|-- R --| / --> Receiver/MDA ==> Recipient / Border')[2], 'Internet flow/ Receiver+MDA')
  assert.equal(flowOf('|-- R --| / / --> Receiver/MDA ==> Recipient / Border')[2], 'Internet flow/ Receiver+MDA')
})

test('A3: "Border" is the label, or the Border in a word, never a role', () => {
  assert.equal(parse('/ Author --> / --> Receiver / Border').model.blocks.length, 2)
  const word = parse('MSA/Transmitter --> Border --> Receiver')
  assert.deepEqual(codes(word.findings), ['N01'])
  assert.equal(word.model.hops[0]!.border, true)
  assert.deepEqual(codes(parse('MSA/Border --> Receiver').findings), ['N13'])
  assert.deepEqual(flowOf('Author ==> MSA/Transmitter --> / Border').at(-1), 'MSA+Transmitter flow/ Internet')
})

test('A4: with as many brackets as sides the order decides, and a wrong column is only a hint', () => {
  const { model, findings } = parse('|- A -||- B -|\nAuthor ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient')
  assert.deepEqual(codes(findings), ['N09'])
  assert.deepEqual(
    meaning(model)
      .slice(0, 4)
      .map((line) => line.slice(-1)),
    ['A', 'A', 'B', 'B'],
  )
})

test('A5: one bracket and two sides: the other side is (unnamed)', () => {
  const { model, findings } = parse(
    '|-- Ours --| / Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient / Border',
  )
  assert.deepEqual(codes(findings), ['N07'])
  assert.deepEqual(
    model.networks.map(({ name, named }) => [name, named]),
    [
      ['Ours', true],
      ['(unnamed)', false],
    ],
  )
  const right = parse('                 |-- Theirs --|\nMSA/Transmitter --> / --> Receiver/MDA')
  assert.equal(meaning(right.model)[1], 'Receiver+MDA in Theirs')
})

test('A6: three networks over one Border are told apart by columns, or by the relationship that leaves one', () => {
  const drawn = `\
|--- Sender's Network ---|    |--- Old Network ---|    |--- Recipient's Network ---|
MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> MDA@recipient ==> Recipient@bob`
  const flat = `|- Sender's Network -| |- Old Network -| |- Recipient's Network -| / ${drawn.split('\n')[1]} / Border`
  for (const text of [drawn, flat]) {
    const { model, findings } = parse(text)
    assert.deepEqual(findings, [])
    assert.deepEqual(meaning(model).slice(0, 4), [
      "MSA+Transmitter@sender in Sender's Network",
      'Receiver+Forwarder@old in Old Network',
      "MDA@recipient in Recipient's Network",
      "Recipient@bob in Recipient's Network",
    ])
  }
  const unclear = '|- A -| |- B -| |- C -| / MSA --> Transmitter --> / --> Receiver/MDA / Border'
  assert.deepEqual(codes(parse(unclear).findings), ['N08'])
  const told = parse(`${unclear}\n\nMSA: in=A\nTransmitter: in=B\nReceiver: in=C`)
  assert.deepEqual(told.findings, [])
  assert.deepEqual(meaning(told.model).slice(0, 3), ['MSA in A', 'Transmitter in B', 'Receiver+MDA in C'])
})

test('A10: the same @id is one actor wherever it stands, in the network where it is drawn', () => {
  const { model } = parse(`
|-- Home --|     |-- Away --|
Author@a ==> MSA/Transmitter@h --> / --> Receiver/MDA@w ==> Recipient@b

Author@b ==> MSA/Transmitter@w --> / --> Receiver/MDA@h ==> Recipient@a
Transmitter --> / --> Receiver --> Receiver`)
  const home = model.actors.find((actor) => actor.id === 'h')!
  assert.deepEqual(home.roles, ['MSA', 'Transmitter', 'Receiver', 'MDA'])
  assert.equal(home.network, 'net-home')
  assert.equal(model.flows[1]!.blocks[0]!.network, 'net-away')
  assert.equal(model.flows[2]!.blocks[1]!.actor === model.flows[2]!.blocks[2]!.actor, false)
})

test('A11: other words for roles become ours with a hint; unknown ones stay, with a suggestion', () => {
  const { model, findings } = parse('MUA ==> msa/SMTP Relay --> / --> MX/MDA ==> MUA')
  assert.deepEqual(
    model.blocks.map((block) => block.roles.join('/')),
    ['Author', 'MSA/Transmitter', 'Receiver/MDA', 'Recipient'],
  )
  assert.ok(findings.every((found) => found.code === 'N01' && found.severity === 'hint'))
  assert.equal(parse('MTA --> / --> Receiver').findings[0]!.fixes.length, 2)
  assert.match(parse('Author ==> MSA/Transmiter').findings[0]!.message, /did you mean Transmitter\?/)
  assert.match(parse('Author MSA --> Transmitter').findings[0]!.fixes[0]!.label, /Author ==> MSA/)
  assert.deepEqual(codes(parse('Open Relay --> / --> ?').findings), [])
})

test('A12: a line that ends or begins with an arrow goes on', () => {
  for (const text of [
    BASIC.replace('==> MSA', '==>\nMSA'),
    BASIC.replace(' ==> Recipient', '\n==> Recipient'),
    BASIC.replace('--> / -->', '-->\n/\n-->'),
    BASIC.replace('--> / -->', '--> /\n-->'),
    BASIC.replace(' / Border', '\n/ Border'),
    BASIC.replace(' / Border', ' /\nBorder'),
  ]) {
    const { model, findings } = parse(text)
    assert.deepEqual([text, ...meaning(model)], [text, ...BASIC_MEANING])
    assert.deepEqual(findings, [])
  }
  assert.equal(parse('MSA/Transmitter --> / -->\n--> / --> Receiver').model.flows.length, 2)
})

test('what people and programs write is read, with a hint and its normal spelling', () => {
  for (const [text, normal] of [
    ['Author =&gt; MSA/Transmitter --&gt; / → Receiver', 'Author ==> MSA/Transmitter --> / --> Receiver'],
    ['Author ⇒ MSA ⇝ Transmitter –> / —> Receiver', 'Author ==> MSA ~~> Transmitter --> / --> Receiver'],
    ['Author <==> MSA ~> Transmitter', 'Author ==> MSA ~~> Transmitter'],
    ['|— Sender&#39;s —| |— R —| / MSA --> / --> MDA / Border', "|— Sender's —| |— R —| / MSA --> / --> MDA / Border"],
    ['```\nAuthor ==> MSA\n```', '#\nAuthor ==> MSA\n#'],
    ['Author ══▶ MSA/Transmitter ──► / -→ Receiver', 'Author ==> MSA/Transmitter --> / --> Receiver'],
    ['> Author ==> MSA\n>\n> Author: address=a@b.test', 'Author ==> MSA\n\nAuthor: address=a@b.test'],
    ['- Author ==> MSA\n* MSA --> /\n1. / --> MDA', 'Author ==> MSA\nMSA --> /\n/ --> MDA'],
    ['\tAuthor\t==>\tMSA\r\n', '\tAuthor\t==>\tMSA\r\n'],
    ['Author ====> MSA   # with a remark', 'Author ====> MSA   # with a remark'],
  ] as const) {
    const { model, findings } = parse(text)
    assert.equal(applyEdits(text, model.spelling), normal)
    assert.ok(findings.every((found) => found.severity === 'hint'))
    assert.ok(findings.length > 0 || text === normal)
    assert.deepEqual(parse(normal).findings, [])
  }
})

test('what is wrong is reported once, and the rest is still read', () => {
  for (const [text, code, blocks] of [
    ['Author ==> --> MSA', 'N06', 3],
    ['Author@anna MSA', 'N06', 2],
    ['Author <== MSA', 'N12', 2],
    ['Author == MSA', 'N12', 2],
    ['Author ==> MSA*0', 'N15', 2],
    ['Author@ ==> MSA', 'N15', 2],
    ['Author ==> MSA@a@b', 'N15', 2],
    ['Author ==> (MSA', 'N02', 2],
    ['Author ==> MSA/MSA', 'N14', 2],
    ["|--- Sender's Network --- / Author ==> MSA --> /", 'N10', 2],
    ['| Author ==> MSA', 'N10', 2],
    ['|------| Author ==> MSA', 'N10', 2],
  ] as const) {
    const { model, findings } = parse(text)
    assert.deepEqual([text, codes(findings).filter((found) => found !== 'N07')], [text, [code]])
    assert.equal(model.blocks.length, blocks, text)
  }
  assert.deepEqual(codes(parse('|-- A --|\n\n# nothing below').findings), ['N16'])
})

const ATTRIBUTES = `
|- Home Net -|
Author@anna ==> MSA/Transmitter@home*2 --> /

anna: address=anna@home.test, name="Anna \\"A\\" Author"
@home: ip=192.0.2.1,
   ip=192.0.2.2
   spf="v=spf1 -all"
Home Net: dns=internal
MSA/Transmitter@home: size=10M
Transmitter: dkim=none
Author -> MSA: kind=contract
machine m1: Transmitter, MSA
contract "ISP terms": Author -- MSA/Transmitter
`

test('attribute lines: targets, lists, quotes, continued lines', () => {
  const { model, findings } = parse(ATTRIBUTES)
  assert.deepEqual(findings, [])
  assert.deepEqual(
    model.attributes.map(({ kind, target, refs }) => [kind, target, ...refs]),
    [
      ['actor', 'anna', 'anna'],
      ['actor', '@home', 'home'],
      ['network', 'Home Net', 'net-home-net'],
      ['block', 'MSA/Transmitter@home', 'msa-transmitter-home'],
      ['role', 'Transmitter', 'home'],
      ['hop', 'Author -> MSA', 'author-anna->msa-transmitter-home'],
      ['machine', 'm1', 'msa-transmitter-home'],
      ['contract', 'ISP terms', 'author-anna', 'msa-transmitter-home'],
    ],
  )
  const [anna, home] = model.actors
  const sayings = new Sayings(model)
  assert.deepEqual(sayings.values(anna!, 'name'), ['Anna "A" Author'])
  assert.deepEqual(sayings.values(home!, 'ip'), ['192.0.2.1', '192.0.2.2'])
  assert.deepEqual(sayings.values(home!, 'spf'), ['v=spf1 -all'])
  assert.deepEqual(sayings.values(home!, 'dns'), ['internal'])
  assert.deepEqual(sayings.values(home!, 'size'), ['10M'])
  const { keySpan, valueSpan } = model.attributes[0]!.entries[1]!
  assert.equal(ATTRIBUTES.slice(keySpan.start, keySpan.end), 'name')
  assert.equal(ATTRIBUTES.slice(valueSpan.start, valueSpan.end), '"Anna \\"A\\" Author"')
})

test('a # inside quotes is no comment; behind them, or where a quote is not closed, it is', () => {
  const value = (line: string) =>
    parse(`MSA@a ==> MDA@b\n\na: ${line}`).model.attributes[0]!.entries.map((one) => one.value)
  assert.deepEqual(value('name="A # B", x="\\" # " # "c"'), ['A # B', '" # '])
  assert.deepEqual(value('name="A" # "B"'), ['A'])
  assert.deepEqual(value('name="A # B'), ['A'])
})

test('relays inside a block, and who hosts them', () => {
  const text = `\
MSA(login)/Transmitter( in -> scan ,spare)@isp*12 ==> MDA (store, imap)

machine m1: Transmitter.scan, MDA.imap, MSA@isp.login
org Acme: isp
contract "ISP terms": isp -- MDA
`
  const { model, findings } = parse(text)
  assert.deepEqual(findings, [])
  const [isp, mda] = model.blocks
  assert.deepEqual(
    isp!.insides!.map(({ role, ways }) => [role, ways.map((way) => way.map(({ name }) => name))]),
    [
      ['MSA', [['login']]],
      ['Transmitter', [['in', 'scan'], ['spare']]],
    ],
  )
  assert.equal(isp!.relays, 12)
  assert.equal(blockText(isp!), 'MSA(login)/Transmitter(in > scan, spare)@isp*12')
  for (const { name, span } of [isp!, mda!].flatMap((block) => block.insides!.flatMap(({ ways }) => ways.flat())))
    assert.equal(text.slice(span.start, span.end), name)
  const [machine, org, contract] = model.attributes
  assert.deepEqual(
    machine!.members!.map(({ blocks, relay }) => [blocks, relay]),
    [
      [[isp!.id], 'scan'],
      [[mda!.id], 'imap'],
      [[isp!.id], 'login'],
    ],
  )
  assert.deepEqual(org!.refs, [isp!.id])
  assert.deepEqual(
    contract!.members!.map(({ span }) => text.slice(span.start, span.end)),
    ['isp', 'MDA'],
  )
  for (const wrong of ['MSA(a', 'MSA()', 'MSA(a)(b)']) assert.equal(parse(wrong).findings.length, 1, wrong)
  const lost = parse('MSA(login)@a\n\nmachine m: MSA.logn, b\n').findings
  assert.deepEqual(codes(lost), ['N25', 'N25'])
  assert.equal(lost[0]!.fixes[0]!.edits[0]!.text, 'MSA.login')
})

test('attribute lines that are wrong', () => {
  const flow = 'Author@anna ==> MSA@home\n\n'
  const unknown = parse(`${flow}anan: name=x`).findings
  assert.deepEqual(codes(unknown), ['N21'])
  assert.equal(applyEdits(`${flow}anan: name=x`, unknown[0]!.fixes[0]!.edits), `${flow}anna: name=x`)
  assert.deepEqual(codes(parse(`${flow}name=x`).findings), ['N20'])
  assert.deepEqual(codes(parse(`${flow}anna: name`).findings), ['N22'])
  assert.deepEqual(codes(parse(`${flow}anna: name="x`).findings), ['N23'])
  assert.deepEqual(codes(parse(`${flow}anna: a=b c=d`).findings), ['N22'])
})

test('a flow that branches becomes one flow for each way, which share their places', () => {
  const { model, findings } = parse(
    'Author, Author@b ==> MSA@s --> / --> { MDA@x ; Forwarder@f ~~> MDA@y } ==> Recipient\n',
  )
  assert.deepEqual(findings, [])
  assert.deepEqual(
    model.flows.map(({ blocks, branchOf }) => [blocks.map(({ id }) => id).join(' '), branchOf]),
    [
      ['author msa-s mda-x recipient', undefined],
      ['author-b msa-s mda-x recipient', 0],
      ['author msa-s forwarder-f mda-y recipient', 0],
    ],
  )
  assert.deepEqual([model.blocks.length, model.hops.length, model.actors.length], [7, 7, 7])
  assert.equal(model.flows[0]!.blocks[1], model.flows[2]!.blocks[1])
  assert.deepEqual(model.flows[0]!.tree, [
    [['author'], ['author-b']],
    'msa-s',
    [['mda-x'], ['forwarder-f', 'mda-y']],
    'recipient',
  ])
  assert.equal(model.relationships.filter(({ a, b }) => a === 's' || b === 's').length, 2)
})

test('branches on several lines, with upright lines between, braces over lines, and what is wrong with them', () => {
  const drawn = `\
MSA@s --+--> / --> Receiver@x --+--> MDA@m
        |                       +--> MDA@n
        |
        +==> Transmitter@t -->
             /
`
  const flat = 'MSA@s { --> / --> Receiver@x --> { MDA@m ; MDA@n } ; ==> Transmitter@t --> / }'
  const flows = (text: string) => parse(text).model.flows.map(({ blocks }) => blocks.map(({ at }) => at).join(' '))
  assert.deepEqual(flows(drawn), ['s x m', 's x n', 's t'])
  assert.deepEqual(flows(flat), flows(drawn))
  assert.deepEqual(flows('MSA@s --> {\n  MDA@a ;\n\tMDA@b\n} ==> Recipient@r\n'), ['s a r', 's b r'])
  assert.deepEqual(flows('MSA@s ==> Recipient@p,\n  Recipient@q\n'), ['s p', 's q'])
  for (const [text, found] of [
    ['MSA --> { MDA ; Forwarder', ['N26']],
    ['MSA --> MDA }', ['N26']],
    ['MSA --+--> MDA', ['N26']],
    ['Author ==> MSA\n     +--> MDA', ['N26']],
  ] as const)
    assert.deepEqual(codes(parse(text).findings), found, text)
  for (const text of [
    '+--> MDA\n--+F, R',
    'MSA --+--> MDA\n      +--> MDA@a, MDA@b',
    'MSA, MSA@a --+\nMSA@b -----+--> MDA',
  ])
    assert.ok(parse(text).model.blocks.length > 1, text)
  const deep = `MSA --> ${'{ '.repeat(40)}MDA${' }'.repeat(40)}`
  assert.ok(parse(deep).model.flows.length >= 1)
})

test('conditions of an arrow, and people who are named without an @', () => {
  const text = 'Author a, Author b ==> MSA { -->[10%] / --> Receiver ; ==>[ if spam ] Filter }\n'
  const { model, findings } = parse(text)
  assert.deepEqual(codes(findings), ['N01', 'N01'])
  assert.deepEqual(model.hops.map(({ condition }) => condition).sort(), ['10%', 'if spam', undefined, undefined])
  assert.deepEqual(model.blocks.flatMap(({ at }) => at ?? []).sort(), ['a', 'b'])
  assert.ok(format(model).startsWith('Author@a, Author@b ==> MSA {'))
  const drawn = format(parse('MSA -->[10%] / --> { MDA ; Filter }\n').model, 'drawn')
  assert.deepEqual(
    parse(drawn).model.hops.map(({ condition, border }) => [condition, border]),
    [
      ['10%', true],
      ['10%', true],
    ],
  )
  assert.ok(parse('MSA -->[x MDA').findings.length > 0)
  assert.deepEqual(codes(parse('Author msa').findings), ['N11'])
})
