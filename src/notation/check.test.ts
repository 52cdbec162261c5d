import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './check.ts'
import { renderFinding } from './findings.ts'
import { parse } from './parse.ts'
import { suggest } from './suggest.ts'
import { applyEdits } from './text.ts'

const found = (text: string) => check(parse(text).model)
const codes = (text: string) => found(text).map(({ code }) => code)

test("the demo's description has nothing above a hint", () => {
  const demo = `\
# Borderpost's demo: the article's own system, on this computer.

|--- Sender's Network ---|               |--- Recipient's Network ---|
                                             /
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob
                                           /
                                        Border

# Bob has moved. His old address still receives, and forwards.
|--- Sender's Network ---|    |--- Old Network ---|    |--- Recipient's Network ---|
MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> MDA@recipient ==> Recipient@bob

# The way back: replies and bounces.
Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@sender ==> Recipient@anna

old: domain=old.test, ip=127.0.30.1, forward="bob@old.test -> bob@recipient.test"
bob: address=bob@recipient.test, name="Bob Recipient", trusts=old
`
  // M03: the article's Forwarder in a network of its own is right, and worth an explanation.
  assert.deepEqual(
    found(demo).map(({ code, severity }) => [code, severity]),
    [['M03', 'hint']],
  )
})

test('M01: no relationship crosses the Border', () => {
  const text = 'Author ==> MSA/Transmitter ==> / --> Receiver/MDA ==> Recipient'
  const [wrong] = found(text)
  assert.equal(wrong!.code, 'M01')
  assert.equal(wrong!.severity, 'error')
  assert.equal(wrong!.reason, 'There is no relationship between agents across the Border to the open Internet.')
  assert.deepEqual(codes(applyEdits(text, wrong!.fixes[0]!.edits)), [])
  assert.equal(parse(text).model.relationships.length, 2)
  // Rule A9: what a Forwarder abroad probably meant.
  const abroad = 'Receiver/Forwarder@old ~~> / ~~> MDA ==> Recipient\n\nMDA: trusts=old'
  const fix = found(abroad).find(({ code }) => code === 'M01')!.fixes[1]!
  assert.deepEqual(codes(applyEdits(abroad, fix.edits)), [])
})

test('M02: an indirect relationship needs a third party', () => {
  assert.deepEqual(codes('Transmitter ~~> Gateway'), ['M02'])
  assert.deepEqual(codes('Author ==> MSA ~~> Transmitter'), [])
})

test('R01: Border defence at the Border', () => {
  assert.deepEqual(codes('/ --> MDA ==> Recipient'), ['R01'])
  assert.equal(applyEdits('/ --> MDA', found('/ --> MDA')[0]!.fixes[0]!.edits), '/ --> Receiver/MDA')
  assert.deepEqual(codes('--> / --> Backup MX --> Receiver/MDA ==> Recipient'), ['R01'])
  assert.deepEqual(codes('--> / --> Backup MX ==> Receiver/MDA ==> Recipient'), [])
  assert.deepEqual(codes('--> / --> Receiver/MDA ==> Recipient'), [])
  assert.deepEqual(codes('--> / --> Gateway --> MDA ==> Recipient'), [])
  // One cause, one finding: the misspelt role is what is wrong.
  assert.deepEqual(codes('--> / --> Reciever/MDA ==> Recipient'), ['N11'])
  const checksLate = '--> / --> Receiver/Forwarder@f ~~> MDA@m ==> Recipient\n\nm: checks=spf'
  assert.deepEqual(codes(checksLate).sort(), ['R01', 'R05'])
  assert.deepEqual(codes(`${checksLate}, trusts=f`), [])
})

test('R02: an MSA between the Author and the Transmitter', () => {
  assert.deepEqual(codes('Author ==> Transmitter --> / --> Receiver'), ['R02'])
  assert.deepEqual(codes('Author --> / --> Receiver'), ['R02'])
  assert.deepEqual(codes('Author ==> MSA ==> Transmitter --> / --> Receiver'), [])
  const text = 'Author ==> Transmitter --> /'
  assert.deepEqual(codes(applyEdits(text, found(text)[0]!.fixes[0]!.edits)), [])
})

test('R03, R04: identity and open relays', () => {
  const sender = 'MSA/Transmitter@s --> / --> Receiver\n\n'
  assert.deepEqual(codes(`${sender}s: dkim=none, spf=none`), ['R03'])
  assert.deepEqual(codes(`${sender}s: dkim=none`), [])
  assert.deepEqual(codes('MSA/Transmitter --> Open Relay --> / --> Receiver'), ['R04'])
})

test('R05: the Forwarder is known to the MDA, by whatever name', () => {
  const flow = '|- Old Net -| |- New -| / --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob / Border\n\n'
  assert.deepEqual(codes(flow), ['M03', 'R05'].sort().reverse())
  for (const line of ['bob: trusts=old', 'MDA: trusts=Forwarder', '@new: trusts="Old Net"', 'New: whitelist=@old'])
    assert.deepEqual([line, ...codes(flow + line)], [line, 'M03'])
  assert.deepEqual(codes(`${flow}old: domain=old.test\nnew: trusts=old.test`), ['M03'])
  assert.deepEqual(codes('--> / --> Receiver/Forwarder/MDA ==> Recipient'), [])
})

test('R05: its remedy writes the line that answers it, and is a decision', () => {
  for (const flow of [
    '--> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob',
    '--> / --> Receiver/Forwarder ~~> MDA ==> Recipient\n\n',
    '--> / --> Receiver/Forwarder ~~> MDA ==> Recipient\n\nMDA: domain=new.test\r\n',
  ]) {
    const found = check(parse(flow).model).find(({ code }) => code === 'R05')!
    assert.ok(found.fixes[0]!.isDecision)
    assert.ok(!codes(applyEdits(flow, found.fixes[0]!.edits)).includes('R05'), flow)
  }
})

test('a finding for a person', () => {
  const text = 'Author ==> MSA\nAuthor\t==> MSA / Transmitter --> / --> Receiver\n'
  assert.equal(
    renderFinding(text, parse(text).findings[0]!, 'office.borderpost'),
    [
      'office.borderpost:2:16: error N04: "MSA / Transmitter" could mean two things',
      '  Author\t==> MSA / Transmitter --> / --> Receiver',
      '        \t        ^',
      '  Why: A tight "/" joins the roles of one actor; a "/" that touches an arrow is the Border.',
      '  1. One actor plays both roles: MSA/Transmitter',
      '  2. Mail crosses the Border: MSA --> / --> Transmitter',
    ].join('\n'),
  )
})

test('a long line is cut around the place', () => {
  const text = `${'Filter --> '.repeat(40)}Reciver`
  const [head, line, carets] = renderFinding(text, parse(text).findings[0]!, 'x').split('\n')
  assert.match(head!, /^x:1:441: warning N11/)
  assert.ok(line!.length < 120 && line!.includes('Reciver'))
  assert.equal(line!.slice(carets!.indexOf('^'), carets!.lastIndexOf('^') + 1), 'Reciver')
})

test('suggestions are near, or not made', () => {
  assert.equal(suggest('Reciever', ['Receiver', 'Recipient']), 'Receiver')
  assert.equal(suggest('dmian', ['domain', 'dkim']), 'domain')
  assert.equal(suggest('xyz', ['domain', 'dkim']), undefined)
  assert.equal(suggest('MDA', ['mda']), 'mda')
})
