import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MAX_PROXY_HEADER_BYTES, parseProxyHeader } from './proxy.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const v2 = (rest: string) => Buffer.from(SIGNATURE + rest.replaceAll(' ', ''), 'hex')
/** 192.0.2.7:49152 to 198.51.100.25:25. */
const IPV4 = v2('21 11 000c c0000207 c6336419 c000 0019')
const IPV6 = v2('21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000025 c000 0019')

const read = (bytes: Buffer | string) => parseProxyHeader(Buffer.from(bytes as string, 'latin1'))
const between = (client: string, clientPort: number, server: string, length: number) => ({
  kind: 'header',
  connection: { client: { address: client, port: clientPort }, server: { address: server, port: 25 } },
  length,
})

describe('PROXY protocol', () => {
  test('version 1 names both ends, in either family', () => {
    const four = 'PROXY TCP4 192.0.2.7 198.51.100.25 49152 25\r\n'
    assert.deepEqual(read(`${four}EHLO x\r\n`), between('192.0.2.7', 49_152, '198.51.100.25', four.length))
    const six = 'PROXY TCP6 2001:DB8:0:0:0:0:0:7 2001:db8::25 49152 25\r\n'
    assert.deepEqual(read(six), between('2001:db8::7', 49_152, '2001:db8::25', six.length))
  })

  test('version 2 names both ends, in either family, and TLVs are passed over', () => {
    assert.deepEqual(parseProxyHeader(IPV4), between('192.0.2.7', 49_152, '198.51.100.25', 28))
    assert.deepEqual(parseProxyHeader(IPV6), between('2001:db8::7', 49_152, '2001:db8::25', 52))
    const withTlv = v2('21 11 0010 c0000207 c6336419 c000 0019 04000100')
    assert.deepEqual(parseProxyHeader(withTlv), between('192.0.2.7', 49_152, '198.51.100.25', 32))
  })

  test('IPv4 in IPv6 clothes is IPv4', () => {
    const mapped = v2('21 21 0024 00000000000000000000ffffc0000207 00000000000000000000ffffc6336419 c000 0019')
    assert.deepEqual(parseProxyHeader(mapped), between('192.0.2.7', 49_152, '198.51.100.25', 52))
  })

  test('a balancer that speaks for itself', () => {
    assert.deepEqual(read('PROXY UNKNOWN\r\n'), { kind: 'header', connection: undefined, length: 15 })
    assert.deepEqual(read('PROXY UNKNOWN ffff::1 x y z\r\n'), { kind: 'header', connection: undefined, length: 29 })
    assert.deepEqual(parseProxyHeader(v2('20 00 0000')), { kind: 'header', connection: undefined, length: 16 })
  })

  for (const [name, bytes] of [
    ['no header', 'EHLO mx.test\r\n'],
    ['small letters', 'proxy TCP4 192.0.2.7 198.51.100.25 49152 25\r\n'],
    ['a port too large', 'PROXY TCP4 192.0.2.7 198.51.100.25 65536 25\r\n'],
    ['a port with zeros in front', 'PROXY TCP4 192.0.2.7 198.51.100.25 049 25\r\n'],
    ['an address of the other family', 'PROXY TCP4 2001:db8::7 198.51.100.25 49152 25\r\n'],
    ['a word too many', 'PROXY TCP4 192.0.2.7 198.51.100.25 49152 25 25\r\n'],
    ['two spaces', 'PROXY TCP4  192.0.2.7 198.51.100.25 49152 25\r\n'],
    ['LF alone', 'PROXY TCP4 192.0.2.7 198.51.100.25 49152 25\n'],
    ['a line that does not end', `PROXY TCP4 ${'1'.repeat(200)}`],
    ['version 3', v2('31 11 000c c0000207 c6336419 c000 0019')],
    ['an unknown command', v2('22 11 000c c0000207 c6336419 c000 0019')],
    ['UDP', v2('21 12 000c c0000207 c6336419 c000 0019')],
    ['a Unix socket', v2('21 31 0000')],
    ['addresses cut short', v2('21 11 000b c0000207 c6336419 c000 00')],
    ['IPv4 where IPv6 was said', v2('21 21 000c c0000207 c6336419 c000 0019')],
    ['a length beyond reason', v2('21 11 ffff')],
  ] as const)
    test(`malformed: ${name}`, () => assert.equal(read(bytes as string).kind, 'malformed'))

  test('no prefix of a header is taken for a header or for a fault', () => {
    for (const whole of [IPV4, IPV6, Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.25 49152 25\r\n')])
      for (let length = 0; length < whole.length; length++)
        assert.deepEqual(parseProxyHeader(whole.subarray(0, length)), { kind: 'more' })
  })

  test('no bytes of a stranger throw, and more are asked for within bounds only', () => {
    const starts = fc.constantFrom(Buffer.alloc(0), IPV4.subarray(0, 12), IPV4.subarray(0, 14), Buffer.from('PROXY '))
    fc.assert(
      fc.property(starts, fc.uint8Array({ maxLength: 300 }), (start, bytes) => {
        const result = parseProxyHeader(Buffer.concat([start, bytes]))
        if (result.kind === 'header') assert.ok(result.length <= MAX_PROXY_HEADER_BYTES)
      }),
    )
    const long = Buffer.concat([v2('21 11 1000'), Buffer.alloc(MAX_PROXY_HEADER_BYTES)])
    assert.notEqual(parseProxyHeader(long.subarray(0, MAX_PROXY_HEADER_BYTES)).kind, 'more')
  })
})
