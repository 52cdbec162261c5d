// One contract for the networks of both worlds, then what only one of them can show.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { generate } from 'selfsigned'
import { type Listener, type Network, NetworkError, type Stream, type TlsIdentity } from './network.ts'
import { RealNetwork } from './real/network.ts'
import { simulate } from './simulated/simulation.ts'
import { testWorld } from './testing.ts'

const generated = await generate([{ name: 'commonName', value: 'mx.example.test' }], {
  keySize: 2048,
  algorithm: 'sha256',
  extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'mx.example.test' }] }],
})
const identity: TlsIdentity = { certificatePem: generated.cert, privateKeyPem: generated.private }
const here = { address: '127.0.0.1', port: 0 }
const soon = { timeoutMs: 5000 }

function realCase() {
  return { network: new RealNetwork() as Network, run: <T>(work: Promise<T>) => work }
}
function simulatedCase() {
  const { world, run } = testWorld()
  return { network: world.network, run }
}

/** A listener that hands over its connections one by one. */
async function listenOnce(
  network: Network,
  tls?: TlsIdentity,
): Promise<{ listener: Listener; next(): Promise<Stream> }> {
  const waiting: ((stream: Stream) => void)[] = []
  const arrived: Stream[] = []
  const listener = await network.listen(
    here,
    (stream) => {
      const taker = waiting.shift()
      if (taker === undefined) arrived.push(stream)
      else taker(stream)
    },
    tls,
  )
  return {
    listener,
    next: () => {
      const stream = arrived.shift()
      return stream === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(stream)
    },
  }
}

async function readAll(stream: Stream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (let chunk = await stream.read(5000); chunk !== null; chunk = await stream.read(5000)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function readSome(stream: Stream, length: number): Promise<string> {
  let text = ''
  while (text.length < length) text += Buffer.from((await stream.read(5000)) ?? []).toString('latin1')
  return text
}

for (const [name, make] of [
  ['real', realCase],
  ['simulated', simulatedCase],
] as const) {
  describe(`the ${name} network`, () => {
    const networkTest = (title: string, body: (network: Network) => Promise<void>) =>
      test(title, async () => {
        const { network, run } = make()
        await run(body(network))
      })

    networkTest('carries bytes both ways, in order, and closes each side on its own', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      assert.deepEqual(client.remote, listener.endpoint)
      assert.deepEqual(server.remote, client.local)
      void client.write(Buffer.from('a'))
      void client.write(Buffer.from('bc'))
      await client.write(Buffer.from('d'))
      client.end()
      assert.equal((await readAll(server)).toString(), 'abcd')
      assert.equal(await server.read(), null)
      await server.write(Buffer.from('still here'))
      server.end()
      assert.equal((await readAll(client)).toString(), 'still here')
      await assert.rejects(client.write(Buffer.from('x')), NetworkError)
      await listener.close()
    })

    networkTest('keeps a stream usable after a read that timed out', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      await assert.rejects(server.read(20), { name: 'NetworkError', code: 'timeout' })
      await client.write(Buffer.from('late'))
      assert.equal(await readSome(server, 4), 'late')
      client.destroy()
      server.destroy()
      await listener.close()
    })

    networkTest('slows a writer whose reader does not read, and loses nothing', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      const total = 32 * 1024 * 1024
      const piece = Buffer.alloc(256 * 1024, 'z')
      let written = 0
      const writing = (async () => {
        for (; written < total; written += piece.length) await client.write(piece)
        client.end()
      })()
      await assert.rejects(client.read(100), { code: 'timeout' })
      assert.ok(written < total, 'the writer should be waiting')
      let received = 0
      for (let chunk = await server.read(); chunk !== null; chunk = await server.read()) received += chunk.length
      await writing
      assert.equal(received, total)
      server.end()
      await listener.close()
    })

    networkTest('wakes a pending read and a waiting writer when the stream is destroyed', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      const reading = assert.rejects(client.read(), { code: 'reset' })
      const writing = (async () => {
        for (;;) await client.write(Buffer.alloc(1024 * 1024))
      })()
      const failing = assert.rejects(writing, { code: 'reset' })
      client.destroy()
      client.destroy()
      await Promise.all([reading, failing])
      await assert.rejects(client.read(), { code: 'reset' })
      // The peer sees an end or a reset, but never waits for ever.
      await readAll(server).catch((error) => assert.equal(error.code, 'reset'))
      server.destroy()
      await listener.close()
    })

    networkTest('says why it cannot connect or listen', async (network) => {
      const { listener } = await listenOnce(network)
      await assert.rejects(
        network.listen(listener.endpoint, () => {}),
        { code: 'address-in-use' },
      )
      await assert.rejects(
        network.listen({ address: '198.51.100.77', port: 0 }, () => {}),
        { code: 'address-not-available' },
      )
      await listener.close()
      await assert.rejects(network.connect(listener.endpoint, soon), { name: 'NetworkError', code: 'refused' })
      await assert.rejects(network.connect(listener.endpoint, { ...soon, localAddress: '198.51.100.77' }), {
        code: 'address-not-available',
      })
      const again = await network.listen(listener.endpoint, () => {})
      await again.close()
    })

    networkTest('carries datagrams and says who sent them', async (network) => {
      let answer = (_text: string) => {}
      const answered = new Promise<string>((resolve) => {
        answer = resolve
      })
      const server = await network.udp(here, ({ bytes, from }) => server.send(Buffer.from(`${bytes}!`), from))
      const client = await network.udp(here, ({ bytes, from }) =>
        answer(`${bytes} ${from.port === server.endpoint.port}`),
      )
      await assert.rejects(
        network.udp(server.endpoint, () => {}),
        { code: 'address-in-use' },
      )
      client.send(Buffer.from('ping'), server.endpoint)
      client.send(Buffer.from('nowhere'), { address: '127.0.0.1', port: 0 })
      client.send(Buffer.from('nowhere'), { address: '::1', port: 9 })
      assert.equal(await answered, 'ping! true')
      client.close()
      server.close()
      client.close()
      client.send(Buffer.from('nobody'), server.endpoint)
    })

    networkTest('turns a stream into TLS, both sides knowing what was agreed', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      await server.write(Buffer.from('220 ready'))
      assert.equal(await readSome(client, 9), '220 ready')
      const [serverInfo, clientInfo] = await Promise.all([
        server.startTls({ role: 'server', identity }),
        client.startTls({
          role: 'client',
          serverName: 'mx.example.test',
          trusted: [generated.cert],
          mustAuthenticate: true,
        }),
      ])
      assert.equal(serverInfo.serverName, 'mx.example.test')
      assert.equal(clientInfo.protocol, 'TLSv1.3')
      assert.equal(clientInfo.authorized, true)
      assert.equal(clientInfo.peerCertificates?.length, 1)
      assert.equal(server.tls, serverInfo)
      void client.write(Buffer.alloc(200_000, 'q'))
      client.end()
      assert.equal((await readAll(server)).length, 200_000)
      await server.write(Buffer.from('bye'))
      server.end()
      assert.equal((await readAll(client)).toString(), 'bye')
      await listener.close()
    })

    networkTest('reports, or refuses when told so, a certificate that does not fit', async (network) => {
      const { listener, next } = await listenOnce(network, identity)
      const side = { role: 'client', trusted: [generated.cert], mustAuthenticate: false } as const
      const wrongName = await network.connect(listener.endpoint, {
        ...soon,
        tls: { ...side, serverName: 'other.test' },
      })
      assert.equal(wrongName.tls?.authorized, false)
      assert.equal(wrongName.tls?.authorizationError, 'ERR_TLS_CERT_ALTNAME_INVALID')
      const server = await next()
      assert.equal(server.tls?.serverName, 'other.test')
      await server.write(Buffer.from('hello'))
      assert.equal(await readSome(wrongName, 5), 'hello')
      const untrusted = await network.connect(listener.endpoint, {
        ...soon,
        tls: { ...side, serverName: 'mx.example.test', trusted: [] },
      })
      assert.equal(untrusted.tls?.authorized, false)
      await assert.rejects(
        network.connect(listener.endpoint, {
          ...soon,
          tls: { ...side, serverName: 'other.test', mustAuthenticate: true },
        }),
        { name: 'NetworkError', code: 'tls' },
      )
      for (const stream of [server, wrongName, untrusted]) stream.destroy()
      await listener.close()
    })

    networkTest('forgets what was said in plain text before the handshake', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      await client.write(Buffer.from('STARTTLS\r\n'))
      assert.equal(await readSome(server, 10), 'STARTTLS\r\n')
      await client.write(Buffer.from('RSET\r\nMAIL FROM:<mallory@evil.test>\r\n'))
      // Both sides let the injected line arrive unread.
      await assert.rejects(client.read(50), { code: 'timeout' })
      await server.write(Buffer.from('220 ready'))
      await readSome(client, 9)
      const [, info] = await Promise.all([
        server.startTls({ role: 'server', identity }),
        client.startTls({ role: 'client', serverName: 'mx.example.test', mustAuthenticate: false }),
      ])
      assert.equal(info.authorized, false)
      await client.write(Buffer.from('EHLO'))
      client.end()
      assert.equal((await readAll(server)).toString(), 'EHLO')
      server.end()
      await listener.close()
    })

    networkTest('fails the handshake when plain text comes in its place', async (network) => {
      const { listener, next } = await listenOnce(network)
      const client = await network.connect(listener.endpoint, soon)
      const server = await next()
      const handshake = assert.rejects(server.startTls({ role: 'server', identity }), {
        name: 'NetworkError',
        code: 'tls',
      })
      await client.write(Buffer.from('MAIL FROM:<mallory@evil.test>\r\n'))
      await handshake
      await assert.rejects(server.read(), NetworkError)
      client.destroy()
      await listener.close()
    })
  })
}

test('a real client whose hello follows our reply at once is not cut off', async () => {
  const network = new RealNetwork()
  const { listener, next } = await listenOnce(network)
  const socket = connectPlain(listener.endpoint.port, '127.0.0.1')
  const server = await next()
  socket.write('STARTTLS\r\nINJECTED\r\n')
  assert.match(await readSome(server, 10), /^STARTTLS/)
  await server.write(Buffer.from('220 ready'))
  const secured = new Promise<Socket>((resolve) => {
    socket.once('data', () => {
      const encrypted = connectTls({ socket, rejectUnauthorized: false }, () => resolve(encrypted))
    })
  })
  // The hello is in our buffer by the time we ask for TLS.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const [info, encrypted] = await Promise.all([server.startTls({ role: 'server', identity }), secured])
  assert.equal(info.protocol, 'TLSv1.3')
  encrypted.end('EHLO')
  assert.equal((await readAll(server)).toString(), 'EHLO')
  server.end()
  await listener.close()
})

test('a real peer that vanishes in the middle breaks the stream, not the process', async () => {
  const network = new RealNetwork()
  const rude = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
  await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
  const { port } = rude.address() as { port: number }
  const stream = await network.connect({ address: '127.0.0.1', port }, soon)
  await stream.write(Buffer.from('x'))
  await assert.rejects(stream.read(), { code: 'reset' })
  const half = await network.connect({ address: '127.0.0.1', port }, soon)
  await assert.rejects(half.startTls({ role: 'client', serverName: 'x.test', mustAuthenticate: false }), {
    code: 'tls',
  })
  rude.close()
})

test('simulated bytes arrive one by one where a link is told so', async () => {
  const simulation = simulate({ seed: 3, segmentBytes: 1, jitterMs: 5, loss: 0.05 })
  const a = simulation.host('a', ['192.0.2.1'])
  const b = simulation.host('b', ['192.0.2.2'])
  const chunks: string[] = []
  await simulation.finish(
    (async () => {
      const received = new Promise<void>((resolve) => {
        void b.world.network.listen({ address: '192.0.2.2', port: 25 }, async (stream) => {
          for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read())
            chunks.push(`${Buffer.from(chunk)}`)
          resolve()
        })
      })
      const stream = await a.world.network.connect({ address: '192.0.2.2', port: 25 }, soon)
      assert.equal(stream.local.address, '192.0.2.1')
      await stream.write(Buffer.from('EHLO a.test\r\n'))
      stream.end()
      await received
    })(),
  )
  assert.deepEqual(chunks, [...'EHLO a.test\r\n'])
})

test('simulated bytes come piece by piece, and take their time, where a link is slow', async () => {
  const simulation = simulate({ seed: 3, segmentBytes: 4, segmentMs: 500 })
  const a = simulation.host('a', ['192.0.2.1'])
  const b = simulation.host('b', ['192.0.2.2'])
  const arrivedMs: number[] = []
  await simulation.finish(
    (async () => {
      const received = new Promise<void>((resolve) => {
        void b.world.network.listen({ address: '192.0.2.2', port: 25 }, async (stream) => {
          while ((await stream.read()) !== null) arrivedMs.push(simulation.nowMs)
          resolve()
        })
      })
      const stream = await a.world.network.connect({ address: '192.0.2.2', port: 25 }, soon)
      await stream.write(Buffer.from('EHLO a.test\r\n'))
      stream.end()
      await received
    })(),
  )
  assert.deepEqual(
    arrivedMs.map((ms) => ms - arrivedMs[0]!),
    [0, 500, 1000, 1500],
  )
})

test('the real network reaches a Unix socket, and says what is wrong where there is none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-socket-'))
  const path = join(folder, 'echo.sock')
  const server = createServer((socket) => socket.pipe(socket))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  try {
    const stream = await new RealNetwork('127.0.0.1').connect({ path }, soon)
    await stream.write(Buffer.from('hello'))
    assert.equal(await readSome(stream, 5), 'hello')
    stream.end()
    assert.equal(await stream.read(5000), null)
    stream.destroy()
    for (const network of [new RealNetwork(), testWorld().world.network])
      await assert.rejects(network.connect({ path: join(folder, 'nothing') }, soon), {
        name: 'NetworkError',
        code: 'refused',
      })
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
})
