import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Network, NetworkError } from '../../world/network.ts'
import type { Clock } from '../../world/world.ts'
import { type FixedRecords, fixedDns } from '../testing.ts'
import { httpsGet, parseResponse } from './https-get.ts'

const HOST = 'mta-sts.x.example'
const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
const POLICY = 'version: STSv1\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n8;x=y\r\nversion:\r\n7\r\n STSv1\n\r\n0\r\n\r\n`

/** A server that answers with these pieces, then closes; what was connected to and asked. */
function server(
  pieces: readonly string[],
  records: FixedRecords = { A: ['198.51.100.7'] },
  failing: readonly string[] = [],
) {
  const seen: string[] = []
  let timeMs = 0
  const network = {
    connect: async (
      { address }: { address: string },
      { tls }: { tls: { serverName: string; mustAuthenticate: boolean } },
    ) => {
      seen.push(`${address} ${tls.serverName} ${tls.mustAuthenticate}`)
      if (failing.includes(address)) throw new NetworkError('tls', 'the certificate names another host')
      const left = pieces.map((piece) => Buffer.from(piece))
      return {
        write: async (bytes: Uint8Array) => void seen.push(Buffer.from(bytes).toString()),
        read: async () => {
          timeMs += 1000
          return left.shift() ?? null
        },
        destroy: () => void seen.push('closed'),
      }
    },
  } as unknown as Network
  const clock = { monotonic: () => timeMs } as Clock
  const get = httpsGet({ network, clock, dns: fixedDns({ [HOST]: records }) })
  return { seen, fetch: () => get({ host: HOST, path: '/p.txt', timeoutMs: 60_000, maxBytes: 65_536 }) }
}

test('the request names host and path, the certificate is checked, the connection is closed', async () => {
  const { seen, fetch } = server([`${OK}Content-Length: 15\r\n\r\n${POLICY}`])
  assert.deepEqual(await fetch(), { status: 200, contentType: 'text/plain', body: Buffer.from(POLICY) })
  assert.equal(seen[0], `198.51.100.7 ${HOST} true`)
  assert.match(seen[1]!, /^GET \/p\.txt HTTP\/1\.1\r\nHost: mta-sts\.x\.example\r\n[\s\S]*\r\n\r\n$/)
  assert.equal(seen[2], 'closed')
})

test('an answer is the same whatever pieces it comes in', async () => {
  for (const answer of [`${OK}Content-Length: 15\r\n\r\n${POLICY}`, `${OK}\r\n${POLICY}`, CHUNKED]) {
    for (let at = 1; at < answer.length; at += 7) {
      const got = await server([answer.slice(0, at), answer.slice(at)]).fetch()
      assert.equal('body' in got && got.body.toString(), POLICY, JSON.stringify(got))
    }
  }
})

test('another address is tried when one cannot be reached; private ones are not', async () => {
  const answer = [`${OK}\r\n${POLICY}`]
  const second = server(answer, { A: ['198.51.100.7', '198.51.100.8'] }, ['198.51.100.7'])
  assert.ok('body' in (await second.fetch()))
  assert.deepEqual(await server(answer, {}, ['198.51.100.7']).fetch(), { fault: `${HOST} has no address` })
  const inside = server(answer, { A: ['127.0.0.1', '10.0.0.1'], AAAA: ['::1'] })
  assert.ok('fault' in (await inside.fetch()))
  assert.deepEqual(inside.seen, [])
  assert.deepEqual(await server(answer, undefined, ['198.51.100.7']).fetch(), {
    fault: 'the certificate names another host',
    isTls: true,
  })
})

test('a server that drips, floods or breaks off is a fault', async () => {
  const fault = async (pieces: readonly string[]) => {
    const got = await server(pieces).fetch()
    return 'fault' in got ? got.fault : got
  }
  assert.equal(await fault(Array.from({ length: 100 }, () => 'H')), 'no answer in time')
  assert.equal(await fault([OK, '\r\n', ...Array.from({ length: 50 }, () => 'x'.repeat(16_000))]), 'too long')
  assert.equal(await fault([`${OK}Content-Length: 70000\r\n\r\n`]), 'too long')
  assert.equal(await fault([`${OK}Content-Length: 16\r\n\r\n${POLICY}`]), 'the answer is cut off')
  assert.equal(await fault([CHUNKED.slice(0, -10)]), 'the answer is cut off')
  assert.equal(await fault(['x'.repeat(20_000)]), 'no HTTP response')
  assert.equal(await fault([]), 'no HTTP response')
})

test('what HTTP does not allow, or could be read in two ways, is a fault', () => {
  for (const head of ['HTTP/2 200', 'HTTP/1.1 100 Continue', 'ICY 200 OK', 'HTTP/1.1 2000 x'])
    assert.deepEqual(parseResponse(Buffer.from(`${head}\r\n\r\n`), true, 100), { fault: 'no HTTP response' }, head)
  for (const fields of [
    'Content-Length: 1\r\nContent-Length: 2',
    'Content-Length: +1',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked\r\nContent-Length: 1',
    'Content-Encoding: gzip',
  ])
    assert.ok('fault' in parseResponse(Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\nx`), true, 100)!, fields)
  fc.assert(
    fc.property(
      fc.string(),
      (text) => void parseResponse(Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n${text}`), true, 100),
    ),
  )
})
