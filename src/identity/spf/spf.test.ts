import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fixedClock, fixedDns } from '../testing.ts'
import { expandMacros, parseMacroString } from './macro.ts'
import { receivedSpf } from './received-spf.ts'
import { isSpfRecord, parseSpfRecord } from './record.ts'
import { checkHost, provesDomain } from './spf.ts'

const clock = fixedClock(1_700_000_000)
const question = { ip: '192.0.2.7', helo: 'mx.sender.test', sender: 'alice@sender.test' }

test('the matching term decides, and is named', async () => {
  const dns = fixedDns({ 'sender.test': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'] } })
  const inside = await checkHost(question, dns, clock)
  assert.equal(inside.result, 'pass')
  assert.equal(inside.mechanism, 'ip4:192.0.2.0/24')
  const outside = await checkHost({ ...question, ip: '198.51.100.1' }, dns, clock)
  assert.equal(outside.result, 'fail')
  assert.equal(outside.mechanism, '-all')
})

test('the null reverse-path makes HELO the identity', async () => {
  const dns = fixedDns({ 'mx.sender.test': { TXT: ['v=spf1 a -all'], A: ['192.0.2.7'] } })
  const result = await checkHost({ ...question, sender: '' }, dns, clock)
  assert.equal(result.result, 'pass')
  assert.equal(result.identity, 'helo')
  assert.equal(result.domain, 'mx.sender.test')
})

test('an IPv4-mapped client is an IPv4 client', async () => {
  const dns = fixedDns({ 'sender.test': { TXT: ['v=spf1 ip4:192.0.2.7 -all'] } })
  assert.equal((await checkHost({ ...question, ip: '::ffff:192.0.2.7' }, dns, clock)).result, 'pass')
})

test('an unknown modifier may hold any macro-string, and nothing else (RFC 7208 §6, §12)', () => {
  assert.ok(!('error' in parseSpfRecord('v=spf1 foo=%{c}%{r}%{t}.x -all')))
  assert.ok('error' in parseSpfRecord('v=spf1 foo=%{x} -all'))
  assert.ok('error' in parseSpfRecord('v=spf1 exists:%{c}.x.test -all'))
})

test('an include loop ends with permerror after ten lookups', async () => {
  const asked: string[] = []
  const dns = fixedDns({ 'sender.test': { TXT: ['v=spf1 include:sender.test -all'] } }, asked)
  assert.equal((await checkHost(question, dns, clock)).result, 'permerror')
  assert.equal(asked.length, 11)
})

test('a third lookup without an answer is a permerror', async () => {
  const dns = fixedDns({ 'sender.test': { TXT: ['v=spf1 a:a.test a:b.test a:c.test +all'] } })
  assert.equal((await checkHost(question, dns, clock)).result, 'permerror')
})

test('A34: a record that lets nearly everybody pass says pass, and proves nothing', async () => {
  const zone = {
    'wide.test': { TXT: ['v=spf1 ip4:192.0.0.0/7 -all'] },
    'wide6.test': { TXT: ['v=spf1 ip6:2000::/3 -all'] },
    'host.test': { A: ['192.0.2.200'], AAAA: ['2001:db8::1'] },
  }
  const cases: [record: string, ip: string, proves: boolean][] = [
    ['+all', '192.0.2.7', false],
    ['all', '192.0.2.7', false],
    ['ip4:198.51.100.0/24 all', '192.0.2.7', false],
    ['ip4:192.0.0.0/8 -all', '192.0.2.7', false],
    ['ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all', '192.0.2.7', false],
    ['include:wide.test -all', '192.0.2.7', false],
    ['include:wide6.test -all', '2001:db8::7', false],
    ['redirect=wide.test', '192.0.2.7', false],
    ['a:host.test/0 -all', '192.0.2.7', false],
    ['ip4:192.0.2.0/24 +all', '192.0.2.7', true],
    ['ip4:192.0.0.0/9 -all', '192.0.2.7', true],
    ['include:wide.test ip4:203.0.113.0/24 -all', '203.0.113.7', true],
    ['a:host.test/24//64 -all', '192.0.2.7', true],
    ['a:host.test/0//64 -all', '2001:db8::7', true],
  ]
  for (const [record, ip, proves] of cases) {
    const dns = fixedDns({ ...zone, 'sender.test': { TXT: [`v=spf1 ${record}`] } })
    const result = await checkHost({ ...question, ip }, dns, clock)
    assert.deepEqual([result.result, provesDomain(result)], ['pass', proves], record)
  }
  const refusing = fixedDns({ 'sender.test': { TXT: ['v=spf1 -all'] } })
  assert.equal((await checkHost(question, refusing, clock)).letsEverybody, undefined)
})

test('no answer from DNS is a temperror, also inside an include', async () => {
  const dns = fixedDns({ 'sender.test': { TXT: ['v=spf1 include:slow.test -all'] }, 'slow.test': { timeout: true } })
  assert.equal((await checkHost(question, dns, clock)).result, 'temperror')
})

test('the explanation of a fail is the domain’s own', async () => {
  const dns = fixedDns({
    'sender.test': { TXT: ['v=spf1 -all exp=why.sender.test'] },
    'why.sender.test': { TXT: ['%{i} may not send for %{d}, says %{r}'] },
  })
  const result = await checkHost({ ...question, receiver: 'mx.here.test' }, dns, clock)
  assert.equal(result.explanation, '192.0.2.7 may not send for sender.test, says mx.here.test')
})

test('macros of RFC 7208 §7.4', async () => {
  const context = {
    sender: 'strong-bad@email.example.com',
    domain: 'email.example.com',
    ip: [192, 0, 2, 3],
    helo: 'mx.example.org',
    receiver: 'here.test',
    timeS: 1,
    validatedName: async () => 'mx.example.org',
  }
  const table: Record<string, string> = {
    '%{s}': 'strong-bad@email.example.com',
    '%{o}': 'email.example.com',
    '%{d4}': 'email.example.com',
    '%{d2}': 'example.com',
    '%{dr}': 'com.example.email',
    '%{d2r}': 'example.email',
    '%{l-}': 'strong.bad',
    '%{lr-}': 'bad.strong',
    '%{l1r-}': 'strong',
    '%{ir}.%{v}._spf.%{d2}': '3.2.0.192.in-addr._spf.example.com',
    '%{S}%%%_%-': 'strong-bad%40email.example.com% %20',
  }
  for (const [macro, expanded] of Object.entries(table)) {
    assert.equal(await expandMacros(parseMacroString(macro)!, context), expanded, macro)
  }
})

test('nothing a stranger publishes makes the check throw', async () => {
  const term = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'a',
      'mx',
      'ptr',
      'include:sender.test',
      'exists:%{ir}.x.test',
      'redirect=sender.test',
      'ip6:::/0',
      'a/33',
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(term), fc.string(), fc.string(), async (terms, sender, helo) => {
      const text = `v=spf1 ${terms.join(' ')}`
      if (isSpfRecord(text)) parseSpfRecord(text)
      const dns = fixedDns({ 'sender.test': { TXT: [text], MX: [{ preference: 0, exchange: '.' }], A: ['no'] } })
      const result = await checkHost({ ip: '2001:db8::1', helo, sender: `${sender}@sender.test` }, dns, clock)
      receivedSpf({ ...question, helo, sender }, result, 'here.test')
    }),
    { numRuns: 200 },
  )
})

test('Received-SPF quotes what needs it and cannot be made to break the line', async () => {
  const dns = fixedDns({ 'sender.test': { TXT: ['v=spf1 -all'] } })
  const hostile = { ...question, helo: 'evil"\r\nSubject: x' }
  const field = receivedSpf(hostile, await checkHost(hostile, dns, clock), 'mx.here.test').toString()
  assert.match(field, /^Received-SPF: fail \(mx\.here\.test: [^\r\n]*\)\r\n receiver=mx\.here\.test;/)
  assert.ok(field.includes(' helo="evil\\"??Subject: x";'))
})
