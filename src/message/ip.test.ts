// Which addresses no host on the Internet has, also where one stands within another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPrivateIp } from './ip.ts'

test('addresses that lead into a machine or a private network, in every form that says so', () => {
  const inside = [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.31.0.1', '192.168.0.1'],
    ...['192.0.0.8', '198.18.0.1', '198.19.255.255', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', 'fe80::1', 'fec0::1', 'fc00::1', 'fdff::1', 'ff02::1', '100::1'],
    // Mapped, compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056 §2), Teredo (RFC 4380).
    ...['::ffff:10.0.0.1', '::127.0.0.1', '::a00:1', '64:ff9b::7f00:1', '64:ff9b:1::7f00:1', '64:ff9b:1:a::808:808'],
    ...['2002:7f00:1::1', '2002:c0a8:1::1', '2002:a00:1::', '2001:0:102:304::1'],
  ]
  for (const ip of inside) assert.equal(isPrivateIp(ip), true, ip)
  const outside = ['8.8.8.8', '100.63.0.1', '172.32.0.1', '192.0.2.1', '192.1.0.1', '198.17.0.1', '198.20.0.1']
  const outside6 = ['2001:db8::1', '2606:4700::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1', '2a00::1']
  for (const ip of [...outside, ...outside6]) assert.equal(isPrivateIp(ip), false, ip)
})
