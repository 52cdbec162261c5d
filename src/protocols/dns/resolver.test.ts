// The resolver against our server and against servers that misbehave, in the simulated world; then over real sockets.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DnsAnswer } from '../../world/dns.ts'
import type { Stream } from '../../world/network.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { parseResolvConf } from '../../world/real/resolv-conf.ts'
import { realClock, realRandom } from '../../world/real/world.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { simulate } from '../../world/simulated/simulation.ts'
import { Resolver, type ResolverOptions } from './resolver.ts'
import { answerMessage, startDnsServer } from './server.ts'
import { decodeMessage, encodeMessage, frameForTcp, TcpFrames } from './wire.ts'
import { ZoneTable } from './zone.ts'
import { parseZone } from './zone-text.ts'

const { zone } = parseZone(
  `
@ 300 SOA ns1 hostmaster 1 3600 600 604800 60
@ 300 MX 10 MX1
null MX 0 .
mx1 60 A 192.0.2.1
www 30 CNAME mx1
loop CNAME loop
far CNAME near.other.test.
_25._tcp.mx1 TLSA 3 1 1 abcd
mx1 CAA 0 issue "ca.test; validationmethods=http-01"
mx1 CAA 128 iodef "mailto:a@b.test"
big TXT "${'x'.repeat(250)}" "${'y'.repeat(250)}" "${'z'.repeat(250)}" "${'u'.repeat(250)}" "${'v'.repeat(250)}"
`,
  'example.test',
)
const other = parseZone('near A 192.0.2.99', 'other.test').zone
const nameServer = { address: '192.0.2.53', port: 53 }
const secondServer = { address: '192.0.2.54', port: 53 }

function scene(options: { loss?: number; seed?: number } & Partial<ResolverOptions> = {}) {
  const simulation = simulate({ seed: options.seed ?? 1, loss: options.loss ?? 0 })
  const client = simulation.host('client', ['192.0.2.10'])
  const server = simulation.host('ns1', [nameServer.address])
  const second = simulation.host('ns2', [secondServer.address])
  const zones = new ZoneTable([{ ...zone, authenticated: true }, other])
  const resolver = new Resolver({ ...client.world, servers: [nameServer], ...options })
  const counts = { udp: 0, syn: 0 }
  simulation.trace(({ kind, to }) => {
    if (to.endsWith(':53') && kind in counts) counts[kind as keyof typeof counts]++
  })
  const serve = (host: SimulatedHost, address: string) =>
    simulation.finish(startDnsServer({ network: host.world.network, at: { address, port: 53 }, zones }))
  return {
    simulation,
    client,
    server,
    second,
    zones,
    resolver,
    counts,
    serve,
    finish: simulation.finish.bind(simulation),
  }
}

function recordsOf<T>(answer: DnsAnswer<T>): readonly T[] | string {
  return answer.status === 'records' ? answer.records : answer.status
}

test('every kind of answer comes out as what it is', async () => {
  const { resolver, serve, server, finish } = scene({ trustAuthenticatedData: true })
  await serve(server, nameServer.address)
  const ask = async (name: string, type: Parameters<typeof resolver.resolve>[1]) =>
    recordsOf(await finish(resolver.resolve(name, type)))
  assert.deepEqual(await ask('Example.TEST.', 'MX'), [{ preference: 10, exchange: 'mx1.example.test' }])
  assert.deepEqual(await ask('null.example.test', 'MX'), [{ preference: 0, exchange: '' }])
  assert.deepEqual(await ask('www.example.test', 'A'), ['192.0.2.1'])
  assert.deepEqual(await ask('www.example.test', 'CNAME'), ['mx1.example.test'])
  assert.deepEqual(await ask('far.example.test', 'A'), ['192.0.2.99'])
  assert.deepEqual(await ask('_25._tcp.mx1.example.test', 'TLSA'), [
    { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from('abcd', 'hex') },
  ])
  assert.deepEqual(await ask('mx1.example.test', 'CAA'), [
    { isCritical: false, tag: 'issue', value: 'ca.test; validationmethods=http-01' },
    { isCritical: true, tag: 'iodef', value: 'mailto:a@b.test' },
  ])
  assert.equal(await ask('mx1.example.test', 'AAAA'), 'no-data')
  assert.equal(await ask('nobody.example.test', 'A'), 'no-name')
  assert.equal(await ask('elsewhere.example', 'A'), 'no-answer')
  assert.equal(await ask('loop.example.test', 'A'), 'no-answer')
  for (const impossible of [
    '',
    '.',
    'a..b',
    `${'x'.repeat(64)}.test`,
    'spa ce.test',
    'bücher.test',
    `${'ab.'.repeat(90)}test`,
  ]) {
    assert.equal(await ask(impossible, 'A'), 'no-name')
  }
})

test('the AD bit counts only where the path is trusted', async () => {
  for (const trustAuthenticatedData of [true, false]) {
    const { resolver, serve, server, finish } = scene({ trustAuthenticatedData })
    await serve(server, nameServer.address)
    const answer = await finish(resolver.resolve('example.test', 'MX'))
    assert.equal(answer.status === 'records' && answer.authenticated, trustAuthenticatedData)
    const crossing = await finish(resolver.resolve('far.example.test', 'A'))
    assert.equal(crossing.status === 'records' && crossing.authenticated, false, 'the alias leads to an unsigned zone')
  }
})

test('answers are remembered for their time, counted down, and shared in flight', async () => {
  const { resolver, serve, server, finish, counts, simulation } = scene()
  await serve(server, nameServer.address)
  const answers = await finish(Promise.all([1, 2, 3].map(() => resolver.resolve('www.example.test', 'A'))))
  assert.equal(counts.udp, 1)
  assert.equal(answers[0]?.status === 'records' && answers[0].ttlS, 30, 'the smallest TTL of the chain')
  await simulation.runFor(20_000)
  const later = await finish(resolver.resolve('www.example.test', 'A'))
  assert.equal(later.status === 'records' && later.ttlS, 10)
  await simulation.runFor(11_000)
  await finish(resolver.resolve('www.example.test', 'A'))
  assert.equal(counts.udp, 2)
  for (const waitMs of [0, 59_000, 2000]) {
    await simulation.runFor(waitMs)
    assert.equal((await finish(resolver.resolve('nobody.example.test', 'A'))).status, 'no-name')
  }
  assert.equal(counts.udp, 4, 'a negative answer lives for the SOA minimum')
})

test('lost packets are asked for again; a dead server is passed over; nobody left is no answer', async () => {
  const lossy = scene({ loss: 0.3, seed: 4, attempts: 12, timeoutMs: 500 })
  await lossy.serve(lossy.server, nameServer.address)
  for (const name of ['www.example.test', 'example.test', 'nobody.example.test', 'null.example.test']) {
    assert.notEqual((await lossy.finish(lossy.resolver.resolve(name, 'A'))).status, 'no-answer')
  }
  assert.ok(lossy.counts.udp > 4)
  const one = scene({ servers: [nameServer, secondServer] })
  await one.serve(one.second, secondServer.address)
  assert.deepEqual(recordsOf(await one.finish(one.resolver.resolve('mx1.example.test', 'A'))), ['192.0.2.1'])
  const startMs = one.simulation.nowMs
  await one.finish(one.resolver.resolve('example.test', 'MX'))
  assert.ok(one.simulation.nowMs - startMs < 100, 'the server that answered is asked first')
  one.second.crash()
  const dead = await one.finish(one.resolver.resolve('nobody.example.test', 'A'))
  assert.equal(dead.status, 'no-answer')
})

test('a truncated answer is fetched over TCP', async () => {
  const { resolver, serve, server, finish, counts } = scene()
  await serve(server, nameServer.address)
  const [value] = recordsOf(await finish(resolver.resolve('big.example.test', 'TXT'))) as string[]
  assert.equal(value?.length, 1250)
  assert.deepEqual(counts, { udp: 1, syn: 1 })
})

test('SERVFAIL, nonsense and answers to other questions are no answer', async () => {
  const replies: [string, (query: Buffer) => Buffer][] = [
    ['servfail', (query) => withCode(query, 2)],
    ['refused', (query) => withCode(query, 5)],
    [
      'malformed',
      (query) => Buffer.concat([query.subarray(0, 2), Buffer.from([0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0xc0])]),
    ],
    ['short', (query) => query.subarray(0, 5)],
    ['another question', (query) => reply(query, 'other.test')],
    ['another id', (query) => Buffer.concat([Buffer.from([query[0]! ^ 1]), reply(query, undefined).subarray(1)])],
  ]
  for (const [title, forge] of replies) {
    const { resolver, server, finish } = scene({ timeoutMs: 200 })
    const socket = await finish(
      server.world.network.udp(nameServer, ({ bytes, from }) => {
        for (let copy = 0; copy < 12; copy++) socket.send(forge(bytes), from)
      }),
    )
    const answer = await finish(resolver.resolve('mx1.example.test', 'A'))
    assert.equal(answer.status, 'no-answer', title)
  }
})

test('N9: answers under guessed ids, however many before the true one, are never believed', async () => {
  const liar = new ZoneTable([parseZone('mx1 60 A 203.0.113.6', 'example.test').zone])
  for (const guesses of [5, 9, 200]) {
    const { resolver, server, zones, finish } = scene({ timeoutMs: 500 })
    const socket = await finish(
      server.world.network.udp(nameServer, ({ bytes, from }) => {
        for (let n = 0; n < guesses; n++) {
          const guess = answerMessage(liar, bytes, 'udp')!
          guess.writeUInt16BE((bytes.readUInt16BE(0) + 1 + n) & 0xffff, 0)
          socket.send(guess, from)
        }
        socket.send(answerMessage(zones, bytes, 'udp')!, from)
      }),
    )
    // After ten it is asked over TCP, where nobody can guess; here nobody listens there.
    const answer = recordsOf(await finish(resolver.resolve('mx1.example.test', 'A')))
    assert.deepEqual(answer, guesses < 10 ? ['192.0.2.1'] : 'no-answer')
  }
})

test('N9: twenty aliases in a row are no answer', async () => {
  const chain = Array.from({ length: 20 }, (_, n) => `c${n} CNAME c${n + 1}`).join('\n')
  const { resolver, zones, serve, server, finish } = scene()
  zones.set(parseZone(`${chain}\nc20 A 192.0.2.7\nshort CNAME c20`, 'chain.test').zone)
  await serve(server, nameServer.address)
  assert.deepEqual(recordsOf(await finish(resolver.resolve('short.chain.test', 'A'))), ['192.0.2.7'])
  assert.equal((await finish(resolver.resolve('c0.chain.test', 'A'))).status, 'no-answer')
})

test('a server without EDNS0 and one that loses the case of names are understood', async () => {
  const old = scene()
  const socket = await old.finish(
    old.server.world.network.udp(nameServer, ({ bytes, from }) => {
      const hasOpt = decodeMessage(bytes)!.additionals.length > 0
      const formError = Buffer.concat([bytes.subarray(0, 2), Buffer.from([0x80, 1]), Buffer.alloc(8)])
      socket.send(hasOpt ? formError : answerMessage(old.zones, bytes, 'udp')!, from)
    }),
  )
  assert.equal((await old.finish(old.resolver.resolve('mx1.example.test', 'A'))).status, 'records')

  const caseless = scene()
  const { network } = caseless.server.world
  const lowerSocket = await caseless.finish(
    network.udp(nameServer, ({ bytes, from }) => {
      const answer = answerMessage(caseless.zones, bytes, 'udp')!
      const lower = answer.toString('latin1', 12).toLowerCase()
      lowerSocket.send(Buffer.concat([answer.subarray(0, 12), Buffer.from(lower, 'latin1')]), from)
    }),
  )
  const serveTcp = async (stream: Stream) => {
    const [message] = new TcpFrames().receive((await stream.read())!)
    await stream.write(frameForTcp(answerMessage(caseless.zones, message!, 'tcp')!))
  }
  await caseless.finish(network.listen(nameServer, (stream) => void serveTcp(stream)))
  assert.equal((await caseless.finish(caseless.resolver.resolve('mx1.example.test', 'A'))).status, 'records')
  assert.equal(caseless.counts.syn, 1)
})

test('over real sockets: UDP, TCP and a port nobody listens on', async () => {
  const network = new RealNetwork()
  const server = await startDnsServer({ network, at: { address: '127.0.0.1', port: 0 }, zones: new ZoneTable([zone]) })
  const resolver = new Resolver({
    network,
    clock: realClock,
    random: realRandom,
    servers: [server.endpoint],
    timeoutMs: 2000,
  })
  assert.deepEqual(recordsOf(await resolver.resolve('www.example.test', 'A')), ['192.0.2.1'])
  assert.equal((recordsOf(await resolver.resolve('big.example.test', 'TXT')) as string[])[0]?.length, 1250)
  await server.close()
  const alone = new Resolver({
    network,
    clock: realClock,
    random: realRandom,
    servers: [server.endpoint],
    timeoutMs: 50,
    attempts: 2,
  })
  assert.equal((await alone.resolve('www.example.test', 'A')).status, 'no-answer')
})

test('resolv.conf names the servers', () => {
  const text =
    '# comment\nsearch example.test\nnameserver 192.0.2.53\nnameserver nonsense\nnameserver ::1\noptions edns0 trust-ad\n'
  assert.deepEqual(parseResolvConf(text), {
    servers: [
      { address: '192.0.2.53', port: 53 },
      { address: '::1', port: 53 },
    ],
    trustAuthenticatedData: true,
  })
  assert.deepEqual(parseResolvConf(''), { servers: [{ address: '127.0.0.1', port: 53 }], trustAuthenticatedData: true })
})

function withCode(query: Buffer, code: number): Buffer {
  const bytes = Buffer.from(query)
  bytes[2] = bytes[2]! | 0x80
  bytes[3] = code
  return bytes
}

function reply(query: Buffer, name: string | undefined): Buffer {
  const { id, questions } = decodeMessage(query)!
  const question = { ...questions[0]!, name: name ?? questions[0]!.name }
  return encodeMessage({
    type: 'response',
    id,
    questions: [question],
    answers: [{ name: question.name, type: 'A', ttl: 60, data: '203.0.113.66' }],
  })
}

describe('when nobody answers any more (RFC 8767)', () => {
  const MINUTE = 60_000
  const HOUR = 60 * MINUTE

  async function silenced() {
    const one = scene({ trustAuthenticatedData: true })
    const { resolver, serve, server, finish } = one
    await serve(server, nameServer.address)
    await finish(resolver.resolve('example.test', 'MX'))
    await finish(resolver.resolve('nobody.example.test', 'MX'))
    one.simulation.links.partition('client', 'ns1')
    await one.simulation.runFor(2 * HOUR)
    const ask = (name: string, mayBeStale: boolean) => finish(resolver.resolve(name, 'MX', { mayBeStale }))
    return { ...one, ask }
  }

  test('what was true serves whoever wants it rather than nothing, for a day; a "no" never does', async () => {
    const { ask, simulation } = await silenced()
    assert.equal((await ask('example.test', false)).status, 'no-answer')
    const stale = await ask('example.test', true)
    assert.deepEqual(recordsOf(stale), [{ preference: 10, exchange: 'mx1.example.test' }])
    assert.equal(stale.status === 'records' && stale.ttlS, 30)
    assert.equal((await ask('nobody.example.test', true)).status, 'no-answer')
    assert.equal((await ask('other.test', true)).status, 'no-answer')
    await simulation.runFor(24 * HOUR)
    assert.equal((await ask('example.test', true)).status, 'no-answer')
  })

  test('the servers are asked again every half minute, not at each question, and believed as soon as they are back', async () => {
    const { ask, simulation, counts } = await silenced()
    await ask('example.test', true)
    const before = counts.udp
    for (let i = 0; i < 5; i++) await ask('example.test', true)
    assert.equal(counts.udp, before)
    simulation.links.heal('client', 'ns1')
    await simulation.runFor(31_000)
    const fresh = await ask('example.test', false)
    assert.equal(fresh.status, 'records')
    assert.equal(counts.udp, before + 1)
  })
})
