import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionsOf, isTrue, MESSAGE, run } from './testing.ts'

test('without an action the message is kept; with one it is not', () => {
  assert.deepEqual(actionsOf(''), ['keep'])
  assert.deepEqual(actionsOf('discard;'), [])
  assert.deepEqual(actionsOf('require ["fileinto","copy"]; fileinto :copy "Known"; redirect :copy "a@b.test";'), [
    'fileinto Known',
    'redirect a@b.test',
    'keep',
  ])
  assert.deepEqual(actionsOf('require "fileinto"; fileinto "Known"; fileinto "Known"; stop; discard;'), [
    'fileinto Known',
  ])
})

for (const [require, test_, answer] of [
  ['', 'header :is "subject" "grüße from änna"', false],
  ['', 'header :is "subject" "GRüßE FROM Änna"', true],
  ['', 'header :contains "subject" "üß"', true],
  ['', 'header :matches "subject" "Gr??e *"', true],
  ['', 'header :matches "subject" "Gr\\\\??e *"', false],
  ['', 'address :localpart "from" "anna"', true],
  ['', 'address :domain ["from", "to"] "other.test"', true],
  ['subaddress', 'address :detail "to" "lists"', true],
  ['subaddress', 'address :user "to" "bob"', true],
  ['subaddress', 'address :detail "from" ""', false],
  ['envelope', 'envelope "from" "anna@sender.test"', true],
  ['', 'exists ["from", "x-count"]', true],
  ['', 'exists ["from", "x-none"]', false],
  ['', 'size :over 100', true],
  ['', 'size :under 1K', true],
  ['', 'not anyof (false, allof (true, true))', false],
  ['comparator-i;ascii-numeric', 'header :comparator "i;ascii-numeric" "x-count" "7"', true],
  ['relational comparator-i;ascii-numeric', 'header :value "gt" :comparator "i;ascii-numeric" "x-count" "6"', true],
  ['relational', 'header :count "ge" ["from", "to"] "2"', true],
  ['relational', 'address :count "eq" "to" "2"', true],
  ['regex', 'header :regex "subject" "^gr(üß|uss)e"', true],
  ['regex', 'header :regex "subject" "^from"', false],
  ['body', 'body :contains "the BODY"', true],
  ['body', 'body :content "text/plain" :contains "Bob"', true],
  ['body', 'body :content "text/html" :contains "Bob"', false],
  ['date', 'date :originalzone "date" "hour" "10"', true],
  ['date', 'date :zone "+0000" "date" "hour" "09"', true],
  ['date', 'date "date" "weekday" "2"', true],
  ['date', 'date :originalzone "date" "std11" "Tue, 24 Nov 2026 10:11:12 +0100"', true],
  ['date', 'date "date" "julian" "61368"', true],
  ['date relational', 'currentdate :value "ge" "date" "2026-11-24"', true],
  ['environment', 'environment "location" "MDA"', true],
  ['mailbox', 'mailboxexists ["INBOX", "Known"]', true],
  ['mailbox', 'mailboxexists "Other"', false],
  ['mailboxid', 'mailboxidexists "M7"', true],
  ['special-use', 'specialuse_exists "\\\\Junk"', true],
  ['extlists', 'address :list "from" ":addrbook:default"', true],
  ['extlists', 'valid_ext_list ":addrbook:other"', false],
  ['spamtest', 'spamtest "0"', true],
  ['enotify', 'valid_notify_method "mailto:a@b.test"', true],
  ['enotify', 'valid_notify_method "tel:123"', false],
] as const)
  test(`${test_} is ${answer}`, () => assert.equal(isTrue(require, test_), answer))

test('spam and virus as the Border saw them', () => {
  const given = { context: { spam: 0.85, virus: 1 } }
  assert.ok(
    isTrue(
      'spamtest relational comparator-i;ascii-numeric',
      'spamtest :value "ge" :comparator "i;ascii-numeric" "8"',
      given,
    ),
  )
  assert.ok(isTrue('spamtestplus', 'spamtest :percent "85"', given))
  assert.ok(isTrue('virustest', 'virustest "1"', given))
})

test('variables: set, modifiers, match values as short as can be', () => {
  const script = (what: string) => `require ["variables", "fileinto"]; ${what}`
  assert.deepEqual(actionsOf(script('if header :matches "to" "*@*,*" { fileinto "${1}/${2}"; }')), [
    'fileinto bob+lists/here.test',
  ])
  assert.deepEqual(actionsOf(script('set :lower :upperfirst "a" "KNOWN"; fileinto "${a}${none}";')), ['fileinto Known'])
  assert.deepEqual(actionsOf(script('set :length "n" "äöü"; fileinto "${n}";')), ['fileinto 3'])
  assert.deepEqual(actionsOf(script('set :quotewildcard "q" "a*b?c\\\\"; fileinto "${q}";')), [
    'fileinto a\\*b\\?c\\\\',
  ])
  assert.deepEqual(
    actionsOf('require ["variables","fileinto","enotify"]; set :encodeurl "u" "a b/ü"; fileinto "${u}";'),
    ['fileinto a%20b%2F%C3%BC'],
  )
})

test('flags: their variable, hasflag, and what is no flag', () => {
  const script = (what: string) => `require ["imap4flags", "fileinto", "variables"]; ${what}`
  assert.deepEqual(actionsOf(script('setflag "\\\\Seen \\\\seen nonsense"; addflag "a"; removeflag "A";')), [
    'keep [\\Seen nonsense]',
  ])
  assert.deepEqual(actionsOf(script('setflag "\\\\Recent bad(flag ok";')), ['keep [ok]'])
  assert.deepEqual(actionsOf(script('setflag "v" ["a b"]; if hasflag :contains "v" "B" { keep :flags "${v}"; }')), [
    'keep [a b]',
  ])
})

test('editheader: what follows sees the change, and what was done before does not', () => {
  const { actions } = run(
    'require ["editheader","fileinto"]; fileinto "Known"; addheader "X-New" "ä new one"; deleteheader "X-Count"; deleteheader "Received"; if not exists "x-count" { keep; }',
  )
  const texts = actions.map((action) =>
    action.kind === 'keep' || action.kind === 'fileinto' ? action.message.bytes.toString() : '',
  )
  assert.ok(texts[0]!.includes('X-Count') && !texts[0]!.includes('X-New'))
  assert.ok(texts[1]!.startsWith('X-New: =?utf-8?') && !texts[1]!.includes('X-Count'))
  assert.ok(texts[1]!.endsWith('\r\n\r\nHello Bob,\r\nthis is the body.\r\n'))
})

test('reject excludes delivery, and a script that fails keeps the message as it came', () => {
  assert.deepEqual(actionsOf('require "reject"; reject "no"; '), ['reject no'])
  assert.deepEqual(actionsOf('require "ereject"; ereject "no"; keep;'), [
    'keep',
    'failed in line 1: keep and ereject exclude each other',
  ])
  const { actions, failure } = run('require ["editheader","ihave"]; addheader "X" "y"; error "I give up";')
  assert.equal(failure?.message, 'I give up')
  assert.ok(actions[0]?.kind === 'keep' && actions[0].message.bytes.toString() === MESSAGE)
})

test('actions, redirects and notifications are bounded', () => {
  const many = (count: number, one: (i: number) => string) => Array.from({ length: count }, (_, i) => one(i)).join('')
  const failed = (script: string) => actionsOf(script).at(-1)!
  assert.match(failed(many(5, (i) => `redirect "a${i}@b.test";`)), /number of redirect actions exceeds/)
  assert.match(failed(`require "fileinto";${many(33, (i) => `fileinto "f${i}";`)}`), /total number of actions exceeds/)
  assert.match(
    failed(`require "enotify";${many(11, (i) => `notify "mailto:a${i}@b.test";`)}`),
    /number of notify actions exceeds/,
  )
})

test('include: variables of its own, global ones, return, once, and circles', () => {
  const main =
    'require ["include","variables","fileinto"]; global "g"; set "g" "G"; set "l" "L"; include "a"; fileinto "${g}${l}";'
  const scripts = {
    a: 'require ["include","variables"]; global "g"; set "g" "${g}2${l}"; set "l" "X"; return; discard;',
  }
  assert.deepEqual(actionsOf(main, { scripts }), ['fileinto G2L'])
  assert.deepEqual(actionsOf('require "include"; include :optional "none";'), ['keep'])
  assert.throws(
    () =>
      actionsOf('require "include"; include "a";', {
        scripts: { a: 'require "include"; include "b";', b: 'require "include"; include "a";' },
      }),
    /includes itself/,
  )
  const twice = { a: 'require "editheader"; addheader "X-Once" "1";' }
  const { actions } = run('require "include"; include :once "a"; include :once "a";', { scripts: twice })
  assert.ok(actions[0]?.kind === 'keep' && actions[0].message.named('x-once').length === 1)
})

test('duplicate: known by its Message-ID, and remembered for the period', () => {
  const script = 'require "duplicate"; if duplicate :seconds 60 { discard; }'
  const first = run(script)
  assert.equal(first.seen.length, 1)
  assert.equal(first.seen[0]!.periodS, 60)
  const known = new Set(first.seen.map(({ key }) => key))
  const second = run(script, { context: { isDuplicate: (key) => known.has(key) } })
  assert.deepEqual([second.actions, second.seen], [[], []])
})

const PARTS = [
  'Subject: parts',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain',
  '',
  'first text',
  '--b',
  'Content-Type: application/x-bad; name="virus.exe"',
  '',
  'bad bytes',
  '--b--',
  '',
].join('\r\n')

test('parts: loops, their headers, text taken out, parts replaced, messages enclosed', () => {
  const needs = 'require ["mime","foreverypart","extracttext","variables","fileinto","replace","enclose","copy"];'
  assert.deepEqual(
    actionsOf(
      `${needs} foreverypart { if header :mime :contenttype "content-type" "text/plain" { extracttext :first 5 "t"; fileinto "\${t}"; break; } }`,
      { message: PARTS },
    ),
    ['fileinto first'],
  )
  assert.ok(isTrue('mime', 'header :mime :anychild :param "name" "content-type" "virus.exe"', { message: PARTS }))
  const replaced = run(
    `${needs} foreverypart { if header :mime :subtype "content-type" "x-bad" { replace "It was taken out."; } }`,
    { message: PARTS },
  )
  const [keep] = replaced.actions
  assert.ok(keep?.kind === 'keep')
  const text = keep.message.bytes.toString()
  assert.ok(text.includes('It was taken out.') && !text.includes('bad bytes') && text.includes('first text'))
  const enclosed = run(`${needs} enclose :subject "Beware" "Read with care.";`, { message: PARTS }).actions[0]
  assert.ok(enclosed?.kind === 'keep' && enclosed.message.bytes.toString().includes(PARTS))
  assert.deepEqual(
    enclosed.message.named('subject').map(({ value }) => value),
    ['Beware'],
  )
})

test('a script that takes too much work is stopped, and the message kept', () => {
  const loops = 'if body :regex "(a|aa)+$" {}'.repeat(200)
  const script = `require ["body","regex","foreverypart","mime"]; foreverypart { foreverypart { foreverypart { ${loops} } } }`
  const message = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\naaaaaaaaaaaaaaaaab\r\n'.repeat(200)}--b--\r\n`
  const { actions, failure } = run(script, { message, limits: { work: 1_000_000 } })
  assert.match(failure?.message ?? '', /takes too much time/)
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['keep'],
  )
})

test('variables cannot grow without bound', () => {
  const growing = 'set "a" "${a}${a}${a}${a}";'.repeat(12)
  const script = `require ["variables","fileinto"]; set "a" "0123456789"; ${growing} set :length "n" "\${a}"; fileinto "\${n}";`
  assert.deepEqual(actionsOf(script), ['fileinto 65536'])
})

test('a message cannot be made larger than the house takes', () => {
  const script =
    'require ["enclose","replace","foreverypart"]; enclose "one"; enclose "two"; foreverypart { replace "three"; }'
  assert.equal(run(script).failure, undefined)
  const { failure, actions } = run(script, { limits: { messageBytes: 500 } })
  assert.match(failure?.message ?? '', /too large/)
  assert.ok(actions[0]?.kind === 'keep' && actions[0].message.bytes.toString() === MESSAGE)
})
