import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkIprev } from './iprev.ts'
import { fixedDns } from './testing.ts'

test('a name counts only if it leads back to the address', async () => {
  const dns = fixedDns({
    '1.2.0.192.in-addr.arpa': { PTR: ['lie.test', 'MX.sender.test.'] },
    'lie.test': { A: ['198.51.100.1'] },
    'mx.sender.test': { A: ['192.0.2.1'] },
    '2.2.0.192.in-addr.arpa': { PTR: ['lie.test'] },
    '3.2.0.192.in-addr.arpa': { timeout: true },
    '4.2.0.192.in-addr.arpa': { PTR: ['slow.test'] },
    'slow.test': { timeout: true },
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': { PTR: ['six.test'] },
    'six.test': { AAAA: ['2001:DB8::1'] },
  })
  assert.deepEqual(await checkIprev('192.0.2.1', dns), { result: 'pass', name: 'mx.sender.test' })
  assert.deepEqual(await checkIprev('192.0.2.2', dns), { result: 'fail' })
  assert.deepEqual(await checkIprev('192.0.2.3', dns), { result: 'temperror' })
  assert.deepEqual(await checkIprev('192.0.2.4', dns), { result: 'temperror' })
  assert.deepEqual(await checkIprev('192.0.2.9', dns), { result: 'permerror' })
  assert.deepEqual(await checkIprev('2001:db8::1', dns), { result: 'pass', name: 'six.test' })
  assert.deepEqual(await checkIprev('no address', dns), { result: 'permerror' })
})
