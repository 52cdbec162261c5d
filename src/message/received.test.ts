import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildAuthenticationResults, claimsToBe, parseAuthenticationResults } from './authentication-results.ts'
import { buildReceived, withProtocol } from './build-received.ts'
import { parseReceived } from './received.ts'

const suites = join(import.meta.dirname, '../../../shared/suites')

test('our own line says what we know, and is read back', () => {
  const field = buildReceived({
    helo: 'mail.sender.test',
    remoteIp: '2001:db8::1',
    remoteName: 'out.sender.test',
    byHost: 'mx.recipient.test',
    protocol: withProtocol({ extended: true, tls: true, authenticated: false }),
    id: 'abc123',
    forAddress: 'bob@recipient.test',
    tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    epochMs: Date.UTC(2026, 10, 23, 15, 45, 12),
  })
  assert.ok(field.split('\r\n').every((line) => line.length <= 78))
  const { raw: _, ...read } = parseReceived(field.slice('Received:'.length))
  assert.deepEqual(read, {
    ip: '2001:db8::1',
    reverseName: 'out.sender.test',
    helo: 'mail.sender.test',
    by: 'mx.recipient.test',
    via: undefined,
    with: 'ESMTPS',
    id: 'abc123',
    for: 'bob@recipient.test',
    envelopeFrom: undefined,
    tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    authenticated: false,
    date: { epochMs: Date.UTC(2026, 10, 23, 15, 45, 12), offsetMinutes: 0 },
    isHandover: true,
  })
})

test('an EHLO argument cannot forge the rest of the line', () => {
  const facts = { remoteIp: '192.0.2.1', byHost: 'mx.test', protocol: 'SMTP', id: '1', epochMs: 0 }
  const field = buildReceived({ ...facts, helo: 'x (trusted [10.0.0.1]) by mx.test;\r\nFrom: y' })
  assert.equal(field.match(/\r\n(?! )/g)?.length, 1)
  assert.equal(parseReceived(field.slice(9)).ip, '192.0.2.1')
})

test('with-protocols', () => {
  assert.equal(withProtocol({ extended: false, tls: false, authenticated: false }), 'SMTP')
  assert.equal(withProtocol({ extended: true, tls: true, authenticated: true }), 'ESMTPSA')
  assert.equal(withProtocol({ extended: true, tls: true, authenticated: false, utf8: true }), 'UTF8SMTPS')
  assert.equal(withProtocol({ extended: true, tls: false, authenticated: false, lmtp: true }), 'LMTP')
})

test('the Received lines of the suite: every handover and its address, most other values', (t) => {
  const file = join(suites, 'received/received-lines.json')
  if (!existsSync(file)) return t.skip('conformance data is absent: received')
  const cases: { received: string; expected: Record<string, string>[] | null }[] = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  let complete = 0
  for (const { received, expected } of cases) {
    const read = parseReceived(received)
    assert.equal(read.isHandover, expected !== null, received)
    const theirs = expected?.[0]
    if (!theirs) continue
    assert.equal(read.ip, theirs.ip, received)
    assert.equal(read.by, theirs.by, received)
    assert.equal(read.id ?? '', theirs.id, received)
    const helo = (read.helo ?? '').replace(/^\[(.*)\]$/, '!$1!')
    const ours = [read.reverseName ?? '', helo, read.ident ?? '', read.envelopeFrom ?? '', read.authenticated]
    const wanted = [theirs.rdns, theirs.helo, theirs.ident, theirs.envfrom, theirs.auth !== '']
    if (JSON.stringify(ours) === JSON.stringify(wanted)) complete++
  }
  assert.ok(complete >= 94, `complete: ${complete}`)
})

test('any text is read, in linear time', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseReceived(text)))
  fc.assert(fc.property(fc.string(), (text) => void parseAuthenticationResults(text)))
  for (const hostile of ['(', 'from ', '[', ';', 'by a (', '=', '"', 'a=b ']) {
    parseReceived(hostile.repeat(50_000))
    parseAuthenticationResults(`x; ${hostile.repeat(50_000)}`)
  }
})

test('Authentication-Results are written, and read back', () => {
  const results = {
    authservId: 'mx.recipient.test',
    methods: [
      {
        method: 'spf',
        result: 'pass',
        properties: [{ name: 'smtp.mailfrom', value: 'a=b@sender.test' }],
        comment: 'listed',
      },
      {
        method: 'dkim',
        result: 'fail',
        reason: 'body "hash"; differs',
        properties: [{ name: 'header.d', value: 'x.test' }],
      },
    ],
  }
  const field = buildAuthenticationResults(results)
  assert.deepEqual(parseAuthenticationResults(field.slice('Authentication-Results:'.length)), results)
  assert.match(buildAuthenticationResults({ authservId: 'a.test', methods: [] }), /a\.test; none/)
  assert.equal(claimsToBe(' MX.recipient.test (x) 1; spf=pass', ['mx.recipient.test']), true)
  assert.equal(claimsToBe('other.test; spf=pass', ['mx.recipient.test']), false)
})

test('Authentication-Results of others', () => {
  const google = parseAuthenticationResults(
    'mx.google.com;\r\n dkim=pass header.i=@x.test header.s=s1 header.b="abc=";\r\n' +
      ' spf=pass (google.com: domain of a@x.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@x.test',
  )
  assert.deepEqual(
    google?.methods.map((each) => `${each.method}=${each.result}`),
    ['dkim=pass', 'spf=pass'],
  )
  assert.equal(google?.methods[0]?.properties[2]?.value, 'abc=')
  assert.deepEqual(parseAuthenticationResults('example.org 1; none')?.methods, [])
  assert.equal(parseAuthenticationResults('" mx.test "; spf=pass')?.authservId, 'mx.test')
  for (const nobody of ['" "; spf=pass', '"a b"; spf=pass', '; spf=pass'])
    assert.equal(parseAuthenticationResults(nobody), undefined, nobody)
})
