import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Cursor, parseCommand } from './parser.ts'
import { CommandReader, MAX_LINE_BYTES, type ReaderEvent } from './reader.ts'

/** Everything that comes out when the input arrives in these pieces, as plain values. */
function readAll(pieces: readonly Buffer[], limit = 100): unknown[] {
  const reader = new CommandReader(() => limit)
  const seen: unknown[] = []
  for (const piece of pieces) {
    reader.push(piece)
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      seen.push(plain(event))
      if (event.kind === 'fatal') return seen
    }
  }
  return seen
}

function plain(event: ReaderEvent): unknown {
  if (event.kind === 'command') {
    return [event.command.lines.map((line) => line.toString('latin1')), event.command.literals.map(String)]
  }
  return event.kind === 'refused' ? [event.reason, event.line.toString('latin1')] : event.kind
}

function cut(input: Buffer, at: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let from = 0
  for (const place of [...at, input.length].sort((a, b) => a - b)) {
    const to = Math.min(place, input.length)
    pieces.push(Buffer.from(input.subarray(from, to)))
    from = to
  }
  return pieces
}

const WORDS = [
  'a',
  ' ',
  'LOGIN',
  '{3}\r\n',
  '{3+}\r\n',
  '{200+}\r\n',
  '{200}\r\n',
  '~{2+}\r\n',
  '\r\n',
  '\n',
  '"',
  'xyz',
  '(',
  '\0',
]

test('any split of any input gives the same commands', () => {
  const input = fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 5 })), { maxLength: 40 })
  fc.assert(
    fc.property(input, fc.array(fc.nat(400), { maxLength: 10 }), (words, at) => {
      const bytes = Buffer.from(words.join(''))
      const whole = readAll([bytes])
      assert.deepEqual(readAll(cut(bytes, at)), whole)
      assert.deepEqual(readAll([...bytes].map((byte) => Buffer.from([byte]))), whole)
    }),
  )
})

test('a synchronising literal is asked for, a non-synchronising one is not', () => {
  const reader = new CommandReader(() => 10)
  reader.push(Buffer.from('a LOGIN {3}\r\n'))
  assert.equal(reader.next()?.kind, 'continue')
  assert.equal(reader.next(), undefined)
  reader.push(Buffer.from('bob {2+}\r\npw\r\nb NOOP\r\n'))
  assert.deepEqual(plain(reader.next()!), [
    ['a LOGIN {3}', ' {2+}', ''],
    ['bob', 'pw'],
  ])
  assert.deepEqual(plain(reader.next()!), [['b NOOP'], []])
})

test('a literal that is too big is refused before it is sent, or passed over when it comes anyway', () => {
  assert.deepEqual(readAll([Buffer.from('a X {11}\r\nb NOOP\r\n')], 10), [
    ['too-big', 'a X {11}'],
    [['b NOOP'], []],
  ])
  assert.deepEqual(readAll([Buffer.from('a X {11+}\r\n01234567890 {12+}\r\n012345678901\r\nb NOOP\r\n')], 10), [
    ['too-big', 'a X {11+}'],
    [['b NOOP'], []],
  ])
  for (const size of ['4294967295', '18446744073709551616', '99999999999999999999']) {
    assert.deepEqual(readAll([Buffer.from(`a X {${size}+}\r\n`)], 10), ['fatal'])
    assert.deepEqual(readAll([Buffer.from(`a X {${size}}\r\n`)], 10), [['too-big', `a X {${size}}`]])
  }
})

test('the literals of one command count together', () => {
  assert.deepEqual(readAll([Buffer.from('a X {6+}\r\n012345 {6}\r\nb NOOP\r\n')], 10), [
    ['too-big', 'a X {6+}'],
    [['b NOOP'], []],
  ])
})

test('a command has so many literals, however small they are', () => {
  const most = Buffer.from(`a X${' {0+}\r\n'.repeat(1000)}\r\nb NOOP\r\n`)
  const [first, then] = readAll([most]) as [unknown[][], unknown]
  assert.equal(first[1]!.length, 1000)
  assert.deepEqual(then, [['b NOOP'], []])
  const [more] = readAll([Buffer.from(`a X${' {0+}\r\n'.repeat(1001)}\r\n`)]) as [unknown[]]
  assert.equal(more[0], 'too-big')
})

test('a line that is too long is refused with its tag, and what never ends is cut off', () => {
  const reader = new CommandReader(() => 10)
  reader.push(Buffer.from(`a NOOP ${'x'.repeat(MAX_LINE_BYTES)}`))
  assert.equal(reader.next(), undefined)
  assert.ok(reader.bufferedBytes < MAX_LINE_BYTES, 'what cannot be a command is not kept')
  reader.push(Buffer.from('\r\nb NOOP\r\n'))
  const refused = reader.next()
  assert.ok(
    refused?.kind === 'refused' && refused.reason === 'too-long' && refused.line.toString().startsWith('a NOOP'),
  )
  assert.equal(reader.next()?.kind, 'command')
  const chunk = Buffer.alloc(100_000, 'x')
  let last: ReaderEvent | undefined
  for (let i = 0; i < 20 && last === undefined; i++) {
    reader.push(chunk)
    last = reader.next()
  }
  assert.equal(last?.kind, 'fatal')
})

test('bare LF is refused', () => {
  assert.deepEqual(readAll([Buffer.from('a NOOP\nb NOOP\r\n')]), [
    ['bare-line-feed', 'a NOOP\n'],
    [['b NOOP'], []],
  ])
})

test('lines that are no commands: SASL responses and DONE', () => {
  const reader = new CommandReader(() => 10)
  reader.push(Buffer.from('DONE\r'))
  assert.equal(reader.nextLine(), undefined)
  reader.push(Buffer.from('\n*\nx NOOP\r\n'))
  assert.equal(String(reader.nextLine()), 'DONE')
  assert.equal(reader.nextLine(), 'bad')
  assert.equal(reader.next()?.kind, 'command')
})

function cursor(text: string, ...literals: string[]): Cursor {
  const command = {
    lines: text.split('\r\n').map((line) => Buffer.from(line)),
    literals: literals.map((one) => Buffer.from(one)),
  }
  return new Cursor(command)
}

test('the cursor reads atoms, strings, lists, numbers, sets and dates', () => {
  const args = cursor('atom "quo\\"ted" {3}\r\n (a (b)) 42 1:3,* 1-Feb-2007 "17-Jul-1996 02:44:25 -0700"', 'lit')
  assert.equal(args.atom(), 'atom')
  args.space()
  assert.equal(args.astring().toString(), 'quo"ted')
  args.space()
  assert.equal(args.astring().toString(), 'lit')
  args.space()
  assert.deepEqual(
    args.list(() => (args.isList() ? args.list(() => args.atom()) : args.atom())),
    ['a', ['b']],
  )
  args.space()
  assert.equal(args.number(), 42)
  args.space()
  assert.deepEqual(args.sequenceSet(), [
    [1, 3],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])
  args.space()
  assert.deepEqual(args.date(), { year: 2007, month: 1, day: 1 })
  args.space()
  assert.equal(args.dateTime(), Date.UTC(1996, 6, 17, 9, 44, 25))
  args.end()
  assert.equal(args.error, undefined)
})

test('the first mistake sticks and ends every loop', () => {
  const args = cursor('(a b')
  args.list(() => args.atom())
  assert.equal(args.error, 'a list has no end')
  assert.equal(args.atom(), '')
  assert.equal(args.more(), false)
  assert.equal(args.error, 'a list has no end')
})

test('commands need a tag and a name', () => {
  const parse = (line: string) => parseCommand({ lines: [Buffer.from(line, 'latin1')], literals: [] })
  assert.ok('name' in parse('a1 noop') && 'name' in parse('A.1 UID FETCH 1 FLAGS'))
  for (const line of ['', ' ', 'a', '* NOOP', '+ NOOP', '(((', 'a b{', 'a\x80 NOOP', 'a NOOP\0']) {
    assert.ok('error' in parse(line), line)
  }
})

test('garbage never throws', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const args = cursor(text)
      args.sequenceSet()
      args.optionalSpace()
      args.listPattern()
      args.optionalSpace()
      args.dateTime()
      args.end()
    }),
  )
})
