import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkScript } from './check.ts'
import { scriptText } from './lexer.ts'
import { actionsOf, findingsOf } from './testing.ts'

test('what is wrong is told with its place, and all of it at once', () => {
  assert.deepEqual(findingsOf('require "fileinto";\nif header :is "Subject" {\n  fileinto 7;\n  snooze;\n}\nkeep\n'), [
    'line 7, column 1: expected ";" or a block after the keep command, but found the end of the script',
  ])
  assert.deepEqual(findingsOf('require "fileinto";\nif header :is "Subject" {\n  fileinto 7;\n  snooze;\n}\nkeep;\n'), [
    'line 2, column 4: the header test requires 2 positional arguments, but 1 is specified',
    'line 3, column 12: the fileinto command expects a string as argument 1 (mailbox), but a number was found',
    "line 4, column 3: unknown command 'snooze'",
  ])
})

for (const [what, script, wanted] of [
  ['a capability that was not required', 'fileinto "a";', /unknown command 'fileinto': it needs require "fileinto"/],
  [
    'a tag that was not required',
    'redirect :copy "a@b.test";',
    /unknown tagged argument ':copy' .*needs require "copy"/,
  ],
  ['an unknown capability', 'require "teleport";', /unknown capability 'teleport'/],
  ['a late require', 'keep; require "copy";', /before all other commands/],
  ['an else without if', 'else { keep; }', /must follow an if/],
  ['a string without end', 'keep; "abc', /no closing quotation mark/],
  ['a string that ends in the middle of a quoted pair', 'keep; "abc\\', /no closing quotation mark/],
  ['braces that close nothing, and many commands', `}${'keep;'.repeat(60_000)}`, /closes nothing/],
  ['a text without end', 'redirect text:\nabc\n', /no end: a line that holds a single dot/],
  ['a comment without end', 'keep; /* abc', /this comment has no end/],
  [
    'a comparator without substrings',
    'require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "b" {}',
    /no substrings/,
  ],
  ['no address', 'redirect "nobody";', /is no address to redirect to/],
  ['a regular expression that is none', 'require "regex"; if header :regex "a" "(" {}', /invalid regular expression/],
  [
    'a regular expression that repeats too often',
    'require "regex"; if header :regex "a" "(a{100}){100}" {}',
    /repeats too often/,
  ],
  ['a break outside a loop', 'require "foreverypart"; break;', /only inside a foreverypart loop/],
  ['a variable that cannot be set', 'require "variables"; set "1" "a";', /no name for a variable/],
  ['a namespace that there is not', 'require "variables"; redirect "${x.y}";', /no namespace 'x'/],
  ['blocks nested too deep', `${'if true {'.repeat(33)}${'}'.repeat(33)}`, /more than 32 blocks/],
] as const)
  test(`an error: ${what}`, () => {
    const findings = findingsOf(script)
    assert.match(findings.join('\n'), wanted)
  })

test('a script that is too large is refused before it is read', () => {
  const { findings } = checkScript(Buffer.alloc(101, 32), { limits: { scriptBytes: 100 } })
  assert.match(findings[0]!.message, /larger than 100 bytes/)
})

test('what ihave rules out is not looked at; what it finds may be used', () => {
  const script =
    'require "ihave"; if ihave "teleport" { teleport "home"; } elsif ihave ["fileinto", "copy"] { fileinto :copy "Known"; }'
  assert.deepEqual(actionsOf(script), ['fileinto Known', 'keep'])
  assert.match(
    findingsOf('require "ihave"; if not ihave "teleport" { nonsense; }').join(),
    /unknown command 'nonsense'/,
  )
})

test('encoded characters are what they say, and bytes that are no UTF-8 are told apart', () => {
  const script = (name: string) => `require ["fileinto", "encoded-character"]; fileinto "${name}";`
  assert.deepEqual(actionsOf(script('${hex:4b 6e}${unicode: 6f 77 6e}')), ['fileinto Known'])
  assert.deepEqual(actionsOf(script('${hex:c3 a4}')), ['fileinto ä'])
  assert.match(findingsOf(script('${hex:ff}')).join(), /invalid folder name/)
  assert.match(findingsOf(Buffer.from(`${script('')}`.replace('""', '"\xff"'), 'latin1')).join(), /invalid folder name/)
  assert.match(findingsOf(script('${unicode:d800}')).join(), /no Unicode character/)
})

test('bytes become text without loss', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = scriptText(Buffer.from(bytes))
      const back = Buffer.concat(
        [...text].map((character) => {
          const code = character.codePointAt(0)!
          return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(character)
        }),
      )
      const bare = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
      assert.deepEqual(back.equals(Buffer.from(bytes)) || back.equals(Buffer.from(bare)), true)
    }),
  )
})

test('any text is checked without an exception, and its findings lie in it', () => {
  const words = fc.constantFrom(
    ...'if elsif else keep discard stop require set include not anyof allof header address :is :matches :comparator "a" ["a","b"] ( ) { } ; , 5K text:\n.\n # /* */ true " \\ foreverypart break "${1}" "${a}"'.split(
      ' ',
    ),
  )
  fc.assert(
    fc.property(fc.array(words, { maxLength: 60 }), (parts) => {
      const text = parts.join(' ')
      const lines = text.split('\n').length
      for (const { line, column } of checkScript(Buffer.from(text)).findings)
        assert.ok(line >= 1 && line <= lines + 1 && column >= 1, `${line}:${column}`)
    }),
    { numRuns: 500 },
  )
})
