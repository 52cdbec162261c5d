import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatAddress,
  formatMailbox,
  isGroup,
  literalIp,
  mailboxesOf,
  parseAddressList,
  parseDomain,
  parseSmtpPath,
  sameAddress,
} from './address.ts'

const suites = join(import.meta.dirname, '../../../shared/suites')

const all = (text: string) => mailboxesOf(parseAddressList(text)).map(formatMailbox)

test('names, comments, groups, quotes and encoded words', () => {
  const cases: [string, string[]][] = [
    ['Mary Smith <mary@x.test>, jdoe@example.org', ['Mary Smith <mary@x.test>', 'jdoe@example.org']],
    ['"Joe Q. Public" <j@x.test>', ['"Joe Q. Public" <j@x.test>']],
    ['Joe Q. Public <j@x.test>', ['"Joe Q. Public" <j@x.test>']],
    ['A Group:Ed <c@a.test>,joe@where.test;, z@z.test', ['Ed <c@a.test>', 'joe@where.test', 'z@z.test']],
    ['Undisclosed recipients:;', []],
    ['Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>', ['Pete <pete@silly.test>']],
    ['mary@x.test (Mary Smith)', ['Mary Smith <mary@x.test>']],
    ['=?UTF-8?Q?J=C3=BCrgen?= =?UTF-8?B?IFfDpGhsZXI=?= <j@x.test>', ['=?utf-8?b?SsO8cmdlbiBXw6RobGVy?= <j@x.test>']],
    ['=?utf-8?Q?M,_J?= <j@x.test>', ['"M, J" <j@x.test>']],
    ['"test"."test"@x.test', ['test.test@x.test']],
    ['< @a.test,@b.test:jdoe@c.test >', ['jdoe@c.test']],
    ['<jdoe@machine(comment).  example>', ['jdoe@machine.example']],
    ['grüße@grüße.test', ['grüße@xn--gre-6ka8l.test']],
  ]
  for (const [text, expected] of cases) assert.deepEqual(all(text), expected, text)
})

test('every address is returned and none is chosen silently', () => {
  for (const [text, expected, clean] of [
    ['<first@attack.test>, <admin@legitimate.test>', ['first@attack.test', 'admin@legitimate.test'], true],
    ['<admin@legitimate.test>\\,<second@attack.test>', ['admin@legitimate.test', 'second@attack.test'], false],
    ['<admin@legitimate.test> <second@attack.test>', ['admin@legitimate.test', 'second@attack.test'], false],
    ['admin@legitimate.test,<second@attack.test>', ['admin@legitimate.test', 'second@attack.test'], true],
    ['<@attack.test,@any.test:admin@legitimate.test>', ['admin@legitimate.test'], false],
    ['=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUudGVzdD4=?=,<second@attack.test>', ['second@attack.test'], false],
    ['a (x (y <hidden@x.test> <b@x.test>', ['hidden@x.test', 'b@x.test'], false],
    ['"unclosed <b@x.test>, c@x.test', ['b@x.test', 'c@x.test'], false],
    ['a@x.test b@x.test', ['a@x.test', 'b@x.test'], false],
    ['<a@x.test, b@x.test', ['a@x.test', 'b@x.test'], false],
    ['a@b@c.test', [], false],
    ['admin@legitimate.test <x@attack.test>', ['x@attack.test'], false],
    ['A: B: c@x.test; d@x.test', ['c@x.test', 'd@x.test'], false],
  ] as const) {
    const list = parseAddressList(text)
    assert.deepEqual(mailboxesOf(list).map(formatAddress), expected, text)
    assert.equal(list.defects.length === 0, clean, `${text}: ${list.defects}`)
  }
})

test('a quoted local part never misroutes', () => {
  const [mailbox] = mailboxesOf(parseAddressList('"user@evil.test x" <"a@evil.test,b@evil.test"@good.test>'))
  assert.deepEqual(mailbox, {
    displayName: 'user@evil.test x',
    localPart: 'a@evil.test,b@evil.test',
    domain: 'good.test',
  })
  assert.equal(formatAddress(mailbox!), '"a@evil.test,b@evil.test"@good.test')
  const path = parseSmtpPath('<"a@evil.test> X=<"@good.test> SIZE=1', 'forward')
  assert.ok(path.ok && path.path.type === 'mailbox')
  assert.deepEqual(path.path.mailbox, { localPart: 'a@evil.test> X=<', domain: 'good.test' })
  assert.equal(path.length, '<"a@evil.test> X=<"@good.test>'.length)
})

test('what is no address is kept as text', () => {
  assert.deepEqual(parseAddressList('undisclosed-recipients').unparsed, ['undisclosed-recipients'])
  assert.deepEqual(parseAddressList('Root <root>').unparsed, ['Root <root'])
  const [group] = parseAddressList('Friends: a@x.test;').addresses
  assert.ok(group && isGroup(group) && group.groupName === 'Friends')
})

test('paths of MAIL and RCPT', () => {
  assert.deepEqual(parseSmtpPath('<>', 'reverse'), { ok: true, path: { type: 'null' }, length: 2 })
  assert.equal(parseSmtpPath('<>', 'forward').ok, false)
  assert.deepEqual(parseSmtpPath('<PostMaster>', 'forward'), { ok: true, path: { type: 'postmaster' }, length: 12 })
  const cases: [string, string | false][] = [
    ['<@a.test,@b.test:u@c.test>', 'u@c.test'],
    [' <u@C.test> SIZE=3', 'u@c.test'],
    ['u@c.test', 'u@c.test'],
    ['<u@[IPv6:2001:DB8::1]>', 'u@[ipv6:2001:db8::1]'],
    ['<u@[192.0.2.256]>', false],
    ['<u@c.test', false],
    ['<u u@c.test>', false],
    ['<u@c.test.>', false],
    ['<"u\\"v w"@c.test>', '"u\\"v w"@c.test'],
    ['<u@@c.test>', false],
    ['<u@c..test>', false],
    ['<@a.test>', false],
    ['<ü@c.test>', false],
  ]
  for (const [text, expected] of cases) {
    const result = parseSmtpPath(text, 'forward')
    const address = result.ok && result.path.type === 'mailbox' && formatAddress(result.path.mailbox)
    assert.equal(address, expected, text)
  }
  assert.equal(parseSmtpPath('<ü@c.test>', 'forward', { utf8: true }).ok, true)
  const refused = parseSmtpPath('<ü@c.test>', 'reverse')
  assert.ok(!refused.ok && refused.enhancedCode === '5.6.7')
})

test('domains have one form', () => {
  assert.equal(parseDomain('Example.COM.'), 'example.com')
  assert.equal(parseDomain('BÜCHER.example'), 'xn--bcher-kva.example')
  for (const bad of ['', '.', 'a..b', '-a.test', `${'a'.repeat(64)}.test`, 'a b.test', 'a/b']) {
    assert.equal(parseDomain(bad), undefined, bad)
  }
  const [literal] = mailboxesOf(parseAddressList('u@[IPv6:2001:DB8::1]'))
  assert.equal(literalIp(literal!.domain), '2001:db8::1')
  const [a, b] = mailboxesOf(parseAddressList('Bob <Bob@X.test>, bob@x.TEST'))
  assert.ok(sameAddress(a!, b!))
})

test('the is_email suite: headers read all but its errors, SMTP takes what RFC 5321 has and refuses errors', (t) => {
  const file = join(suites, 'addresses/is_email.json')
  if (!existsSync(file)) return t.skip('conformance data is absent: addresses')
  const cases: { id: string; address: string; category: string }[] = JSON.parse(readFileSync(file, 'utf8'))
  for (const { id, address: shown, category } of cases) {
    const address = shown.replace(/[\u2400-\u2421]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0x2400))
    const list = parseAddressList(address)
    const smtp = parseSmtpPath(`<${address}>`, 'forward')
    const label = `${id} ${category} ${JSON.stringify(shown)} ${list.defects}`
    if (category === 'ISEMAIL_ERR') {
      // RFC 6532 §3.2 has since allowed a quoted pair beyond ASCII: case 160 is an error no more in a header.
      if (id !== '160') assert.ok(list.defects.length > 0 || address === '', label)
      assert.equal(smtp.ok, false, label)
    } else {
      assert.equal(list.addresses.length, 1, label)
      if (/VALID|DNSWARN|RFC5321/.test(category)) assert.equal(smtp.ok, true, label)
    }
  }
})

test('the local parts of the flanker suite', (t) => {
  const file = join(suites, 'mime-fixtures/flanker/abridged_localpart_valid.txt')
  if (!existsSync(file)) return t.skip('conformance data is absent: mime-fixtures')
  const localParts = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  for (const localPart of localParts) {
    const list = parseAddressList(`${localPart}@x.test`)
    assert.equal(list.addresses.length, 1, localPart)
    assert.deepEqual(list.defects, [], localPart)
  }
})

test('mailboxes survive formatting and parsing', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((s) =>
    s
      .replace(/[\0-\x1f\x7f]/g, '')
      .trim()
      .normalize(),
  )
  fc.assert(
    fc.property(text, fc.string({ minLength: 1, maxLength: 12 }), (displayName, raw) => {
      const localPart = raw.replace(/[\0-\x1f\x7f]/g, '') || 'x'
      const mailbox = { ...(displayName && { displayName }), localPart, domain: parseDomain('x.test')! }
      const list = parseAddressList(formatMailbox(mailbox))
      assert.deepEqual(list.addresses, [mailbox])
      assert.deepEqual(list.defects, [])
      const path = parseSmtpPath(`<${formatAddress(mailbox)}>`, 'reverse')
      assert.ok(path.ok && path.path.type === 'mailbox' && path.path.mailbox.localPart === localPart)
    }),
  )
})

test('any text is read, and large hostile ones in linear time', () => {
  const piece = fc.constantFrom(
    'a',
    '@',
    '<',
    '>',
    '"',
    '(',
    ')',
    '\\',
    ',',
    ';',
    ':',
    '.',
    ' ',
    '[',
    ']',
    '=?u?q?',
    '?=',
    '\0',
    'ü',
  )
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void parseAddressList(pieces.join(''))))
  for (const hostile of ['(', '"', '<', '[', '@', 'a@b,', 'g:', '=?a?q?', '\\', '(\\', '<a@', 'a '.repeat(3)]) {
    parseAddressList(hostile.repeat(20_000))
  }
})
