import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findInList, inNetwork, neighbourhood, parseListEntry, parseNetwork } from './lists.ts'

test('an entry is an address, a domain or a network; anything else is refused', () => {
  assert.equal(parseListEntry('Spam@Bad.Example')?.kind, 'address')
  assert.equal(parseListEntry('bad.example')?.kind, 'domain')
  assert.equal(parseListEntry('192.0.2.0/24')?.kind, 'network')
  assert.equal(parseListEntry('2001:db8::/32')?.kind, 'network')
  for (const wrong of ['', 'word', '192.0.2.0/33', '192.0.2.0/24/1', 'a@b@c', '2001:db8::/129', '192.0.2.0/-1'])
    assert.equal(parseListEntry(wrong), undefined, wrong)
})

test('a network holds its addresses and no others', () => {
  const network = parseNetwork('192.0.2.64/26')!
  assert.ok(inNetwork('192.0.2.64', network))
  assert.ok(inNetwork('192.0.2.127', network))
  assert.ok(inNetwork('::ffff:192.0.2.100', network))
  assert.ok(!inNetwork('192.0.2.128', network))
  assert.ok(!inNetwork('2001:db8::1', network))
  assert.ok(inNetwork('2001:db8:1::5', parseNetwork('2001:db8::/32')!))
  assert.ok(inNetwork('10.1.2.3', parseNetwork('0.0.0.0/0')!))
})

test('a domain covers what is below it, not what only ends alike', () => {
  const list = [parseListEntry('bad.example')!, parseListEntry('one@good.example')!]
  assert.equal(findInList(list, { ip: '192.0.2.1', address: 'x@mail.bad.example' })?.value, 'bad.example')
  assert.equal(findInList(list, { ip: '192.0.2.1', address: 'x@notbad.example' }), undefined)
  assert.equal(findInList(list, { ip: '192.0.2.1', address: 'ONE@good.example' })?.kind, 'address')
  assert.equal(findInList(list, { ip: '192.0.2.1' }), undefined)
})

test('neighbours share a /24 or a /64', () => {
  assert.equal(neighbourhood('192.0.2.7'), neighbourhood('192.0.2.200'))
  assert.notEqual(neighbourhood('192.0.2.7'), neighbourhood('192.0.3.7'))
  assert.equal(neighbourhood('2001:db8::1'), neighbourhood('2001:db8::ffff'))
})
