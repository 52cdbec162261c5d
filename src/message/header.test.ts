import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fieldsNamed, firstValue, parseHeader, rawField, rawValue, unfolded } from './header.ts'

const header = (text: string) => parseHeader(Buffer.from(text))

test('fields are offsets into the source, with their folding', () => {
  const source = 'Subject: one\r\n two\r\nFrom:a@b\r\n\r\nbody'
  const parsed = header(source)
  assert.deepEqual(
    parsed.fields.map((field) => field.name),
    ['Subject', 'From'],
  )
  const [subject, from] = parsed.fields
  assert.equal(rawField(parsed, subject!).toString(), 'Subject: one\r\n two\r\n')
  assert.equal(rawValue(parsed, subject!).toString(), ' one\r\n two')
  assert.equal(unfolded(parsed, subject!), 'one two')
  assert.equal(unfolded(parsed, from!), 'a@b')
  assert.equal(source.slice(parsed.bodyStart), 'body')
  assert.equal(source.slice(parsed.fieldsEnd), '\r\n\r\nbody'.slice(2))
  assert.deepEqual(parsed.defects, [])
})

test('bare line feeds, an mbox line and a space before the colon are accepted and named', () => {
  const parsed = header('From me Mon Nov 23\nSubject : x\nto: y\n\nbody')
  assert.equal(firstValue(parsed, 'SUBJECT'), 'x')
  assert.equal(firstValue(parsed, 'To'), 'y')
  assert.equal(parsed.source.subarray(parsed.bodyStart).toString(), 'body')
  assert.deepEqual(parsed.defects.map((defect) => defect.kind).sort(), ['bare-line-feed', 'space-before-colon'])
})

test('a line that is no field is passed over with its continuation, and does not end the header', () => {
  const parsed = header('A: 1\r\nno field here\r\n folded\r\nB: 2\r\n\r\n')
  assert.deepEqual(
    parsed.fields.map((field) => field.lowerName),
    ['a', 'b'],
  )
  assert.equal(rawField(parsed, parsed.fields[0]!).toString(), 'A: 1\r\n')
  assert.equal(parsed.defects[0]?.kind, 'not-a-field')
})

test('a header without an end, without fields, and with too many fields', () => {
  assert.equal(header('A: 1\r\n').defects[0]?.kind, 'no-end')
  assert.equal(header('').bodyStart, 0)
  assert.equal(header('\r\nbody').bodyStart, 2)
  const many = parseHeader(Buffer.from(`${'A: 1\r\n'.repeat(50)}\r\nbody`), { maxFields: 10 })
  assert.equal(many.fields.length, 10)
  assert.equal(many.bodyStart, 302)
})

test('UTF-8 is read as UTF-8 and other eight-bit text as Latin-1', () => {
  assert.equal(firstValue(header('S: grüße\r\n\r\n'), 's'), 'grüße')
  assert.equal(firstValue(parseHeader(Buffer.from('S: gr\xfc\r\n\r\n', 'latin1')), 's'), 'grü')
})

test('fields of one name come in order', () => {
  const parsed = header('X: 1\nY: 2\nx: 3\n\n')
  assert.deepEqual(
    fieldsNamed(parsed, 'X').map((field) => unfolded(parsed, field)),
    ['1', '3'],
  )
})

test('any bytes parse; fields lie in order inside the source', () => {
  const piece = fc.constantFrom('A', ':', ' ', '\r', '\n', '\r\n', '\t', 'ü', '\0', 'From ', '>')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const source = Buffer.from(pieces.join(''))
      const parsed = parseHeader(source)
      let last = parsed.start
      for (const field of parsed.fields) {
        assert.ok(field.start >= last && field.valueStart <= field.end && field.end <= parsed.bodyStart)
        unfolded(parsed, field)
        last = field.end
      }
      assert.ok(parsed.bodyStart <= source.length)
    }),
  )
})
