import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { drawnAs } from './export.ts'
import { parse } from './parse.ts'

const BASIC = `
|--- Sender's Network ---|         |-- Recipient's Network -|
                                /
Author ==> MSA/Transmitter --> / --> Receiver/Forwarder ~~> MDA ==> Recipient
                              /
                           Border
`
const of = (text: string, format: string) => drawnAs(parse(text).model, format)!

test('Mermaid: networks are subgraphs, relationships are thick or dotted, the Border is a label', () => {
  assert.equal(
    of(BASIC, 'mermaid'),
    `flowchart LR
  subgraph net0["Sender's Network"]
    b0["Author"]
    b1["MSA/Transmitter"]
  end
  subgraph net1["Recipient's Network"]
    b2["Receiver/Forwarder"]
    b3["MDA"]
    b4["Recipient"]
  end
  b0 ==> b1
  b1 -->|"Border"| b2
  b2 -.-> b3
  b3 ==> b4
`,
  )
})

test('D2 and DOT tell the same', () => {
  const d2 = of(BASIC, 'd2')
  assert.match(d2, /^net0: "Sender's Network" \{\n {2}b0: "Author"\n/m)
  assert.match(d2, /^net0\.b1 -> net1\.b2: Border$/m)
  assert.match(d2, /^net1\.b2 -> net1\.b3: \{style\.stroke-dash: 4\}$/m)
  const dot = of(BASIC, 'dot')
  assert.match(dot, /subgraph cluster_net1 \{\n {4}label="Recipient's Network";/)
  assert.match(dot, /^ {2}b1 -> b2 \[label="Border"\];$/m)
})

test('the open Internet is drawn where a flow comes from it, and one place is drawn once', () => {
  const text = of(
    '/ --> Receiver/MDA@r ==> Recipient\n\nAuthor ==> MSA/Transmitter --> / --> Receiver/MDA@r',
    'mermaid',
  )
  assert.match(text, /internet\["the open Internet"\]/)
  assert.equal(text.match(/Receiver\/MDA@r/g)!.length, 1)
})

test('what strangers write cannot leave its quotes', () => {
  const text = '|--- "]; evil --> x[" ${a} <b> ---|\nAuthor ==> MSA/Transmitter --> / --> Receiver/MDA'
  assert.doesNotMatch(of(text, 'mermaid'), /"\]; evil/)
  assert.match(of(text, 'dot'), /\\"\]; evil/)
  assert.doesNotMatch(of(text, 'd2'), /\$\{a\}/)
})

test('text is the drawn form, json the model', () => {
  assert.match(of('Author ==> MSA/Transmitter --> / --> Receiver/MDA', 'text'), /MSA\/Transmitter/)
  assert.equal(JSON.parse(of(BASIC, 'json')).blocks.length, 5)
  assert.equal(drawnAs(parse(BASIC).model, 'word'), undefined)
})

const hasDot = spawnSync('dot', ['-V']).status === 0
test('Graphviz draws it', { skip: hasDot ? false : 'graphviz is not installed' }, () => {
  const demo = readFileSync(new URL('../system/demo.borderpost', import.meta.url), 'utf8')
  for (const text of [BASIC, demo, '|--- a"b\\ ---|\nAuthor ==> MSA/Transmitter --> / --> Receiver/MDA']) {
    const { status, stdout, stderr } = spawnSync('dot', ['-Tsvg'], { input: of(text, 'dot') })
    assert.equal(status, 0, stderr.toString())
    assert.match(stdout.toString(), /<svg /)
  }
})

test('machines, organisations and contracts are in every language, or left out', () => {
  const { model } = parse('MSA(in)@a ==> Transmitter@b\n\nmachine m1: MSA.in, b\norg "A [x]": a\ncontract c: a -- b\n')
  const mermaid = drawnAs(model, 'mermaid')!
  for (const line of ['o0{{"machine m1"}}', 'o0 -.- b1', 'o1{{"A [x]"}}', 'b0 ---|"c"| b1', 'b0["MSA(in)@a"]'])
    assert.ok(mermaid.includes(`  ${line}\n`), line)
  assert.match(drawnAs(model, 'd2')!, /o0 -- b1: \{style\.stroke-dash: 2\}\n[\s\S]*b0 -- b1: "c"\n/)
  assert.match(
    drawnAs(model, 'dot')!,
    /o1 \[label="A \[x\]", shape=hexagon\];\n {2}o1 -> b0 \[dir=none, style=dotted\];/,
  )
  assert.equal(drawnAs(model, 'dot', { layers: new Set() })!.includes('o0'), false)
  const text = drawnAs(model, 'text', { layers: new Set(['organisations']) })!
  assert.equal(text, 'MSA(in)@a ==> Transmitter@b\n\norg "A [x]": a\n')
})
