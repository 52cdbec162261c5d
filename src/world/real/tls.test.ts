import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { NetworkError, type TlsClientSide, type TlsIdentity, type TlsInfo } from '../network.ts'
import { certificateFor, derOf } from '../testing/certificates.ts'
import { RealNetwork } from './network.ts'
import { TlsSessions } from './tls-sessions.ts'

const NAME = 'mail.far.test'
const network = new RealNetwork()
const servers: Server[] = []
const all = {} as Record<'root' | 'good' | 'stranger', TlsIdentity>

before(async () => {
  all.root = await certificateFor(['Root'], { isAuthority: true })
  all.good = await certificateFor([NAME], { by: all.root })
  all.stranger = await certificateFor([NAME])
})
after(() => {
  for (const server of servers) server.close()
})

/** A server that greets in TLS from the start; whether each of its sessions was a resumed one. */
async function serve(identity: TlsIdentity, options: object = {}): Promise<{ port: number; resumed: boolean[] }> {
  const resumed: boolean[] = []
  const { certificatePem: cert, privateKeyPem: key } = identity
  const server = createServer({ cert, key, ...options }, (socket: TLSSocket) => {
    resumed.push(socket.isSessionReused())
    socket.on('error', () => {})
    socket.end('hello')
  })
  server.on('tlsClientError', () => {})
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, resumed }
}

/** What a client makes of it, once it has heard everything. */
async function meet(port: number, changes: Partial<TlsClientSide> = {}): Promise<TlsInfo> {
  const trusted = [all.root.certificatePem]
  const tls = { role: 'client', serverName: NAME, trusted, mustAuthenticate: false, ...changes } as const
  const stream = await network.connect({ address: '127.0.0.1', port }, { timeoutMs: 5000, tls })
  try {
    while ((await stream.read(5000)) !== null);
    return stream.tls!
  } finally {
    stream.destroy()
  }
}

describe('certificates of every wrong kind: the handshake goes on, and says what is wrong', () => {
  for (const [what, make, fault] of [
    ['a right one', () => all.good, undefined],
    ['one by itself', () => all.stranger, /SELF_SIGNED/],
    ['out of date', () => certificateFor([NAME], { by: all.root, to: new Date(Date.UTC(2021, 0, 1)) }), /EXPIRED/],
    ['not valid yet', () => certificateFor([NAME], { by: all.root, from: new Date(Date.UTC(2045, 0, 1)) }), /NOT_YET/],
    ['for another name', () => certificateFor(['mail.other.test'], { by: all.root }), /ALTNAME_INVALID/],
    ['for clients', () => certificateFor([NAME], { by: all.root, use: 'client' }), /PURPOSE/],
    [
      'without what signed it',
      async () => {
        const middle = await certificateFor(['Middle'], { by: all.root, isAuthority: true })
        return certificateFor([NAME], { by: middle, isAlone: true })
      },
      /UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)/,
    ],
    [
      'signed by one who may not',
      async () => certificateFor([NAME], { by: await certificateFor(['sold.test'], { by: all.root }) }),
      /INVALID_CA|INVALID_PURPOSE/,
    ],
  ] as const)
    test(what, async () => {
      const identity = await make()
      const { port } = await serve(identity, { ciphers: 'DEFAULT@SECLEVEL=0' })
      const info = await meet(port)
      assert.equal(info.authorized, fault === undefined)
      if (fault !== undefined) assert.match(info.authorizationError!, fault)
      assert.deepEqual(info.peerCertificates?.[0], derOf(identity)[0])
      const strict = meet(port, { mustAuthenticate: true })
      if (fault === undefined) assert.ok((await strict).authorized)
      else await assert.rejects(strict, (error) => error instanceof NetworkError && error.code === 'tls')
    })
})

test('a key that is too weak proves nothing, whoever vouches for it', async () => {
  const weak = await certificateFor([NAME], { rsaBits: 1024 })
  const { port } = await serve(weak, { ciphers: 'DEFAULT@SECLEVEL=0' })
  const info = await meet(port, { trusted: [weak.certificatePem] })
  assert.deepEqual([info.authorized, info.authorizationError], [false, 'UNSPECIFIED'])
})

describe('sessions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`${version}: the second is resumed, and the proof of the first stands`, async () => {
      for (const [identity, isProven] of [
        [all.good, true],
        [all.stranger, false],
        [await certificateFor(['mail.other.test'], { by: all.root }), false],
      ] as const) {
        const { port, resumed } = await serve(identity, { minVersion: version, maxVersion: version })
        const first = await meet(port)
        const second = await meet(port)
        const third = await meet(port)
        assert.deepEqual(resumed, [false, true, true])
        assert.equal(first.authorized, isProven)
        for (const later of [second, third]) {
          assert.equal(later.authorized, isProven)
          assert.equal(later.authorizationError, first.authorizationError)
          assert.deepEqual(later.peerCertificates, first.peerCertificates)
        }
      }
    })

  test('another name, other anchors or another demand begin anew: no proof is borrowed', async () => {
    const { port, resumed } = await serve(all.good)
    await meet(port)
    const other = await meet(port, { serverName: 'mail.other.test' })
    assert.match(other.authorizationError!, /ALTNAME/)
    assert.equal((await meet(port, { trusted: [] })).authorized, false)
    assert.equal((await meet(port, { mustAuthenticate: true })).authorized, true)
    assert.deepEqual(resumed, [false, false, false, false])
    const wrong = await serve(all.stranger)
    await meet(wrong.port)
    await assert.rejects(meet(wrong.port, { mustAuthenticate: true }))
  })

  test('are forgotten when their proof is old, or when they failed, and are few', () => {
    let nowMs = 0
    const sessions = new TlsSessions(() => nowMs)
    const kept = { session: Buffer.from('s'), proof: { authorized: true }, provenMs: 0 }
    sessions.keep('a', kept)
    assert.equal(sessions.find('a'), kept)
    sessions.forget('a')
    assert.equal(sessions.find('a'), undefined)
    sessions.keep('a', kept)
    nowMs = 600_000
    assert.equal(sessions.find('a'), undefined)
    sessions.keep('a', kept)
    assert.equal(sessions.find('a'), undefined)
    for (let i = 0; i < 1500; i++) sessions.keep(String(i), { ...kept, provenMs: nowMs })
    assert.equal(sessions.find('0'), undefined)
    assert.ok(sessions.find('1499'))
  })
})
