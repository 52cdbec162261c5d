import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedDns } from '../../identity/testing.ts'
import { routeTo } from './route.ts'

const own = { hostName: 'mx.self.example', ip: '203.0.113.1', privateDestinations: false }
const random = { float: () => 0.5, bytes: (n: number) => Buffer.alloc(n), integer: () => 0 }
const route = (domain: string, zones: Parameters<typeof fixedDns>[0], options = own) =>
  routeTo(domain, options, { dns: fixedDns(zones), random })

test('exchanges come in order of preference, each with its addresses', async () => {
  const found = await route('a.example', {
    'a.example': {
      MX: [
        { preference: 20, exchange: 'second.example' },
        { preference: 10, exchange: 'first.example' },
      ],
    },
    'first.example': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
    'second.example': { A: ['192.0.2.2'] },
  })
  assert.equal(found.kind, 'destinations')
  assert.deepEqual(found.kind === 'destinations' && found.destinations.map((d) => `${d.exchange} ${d.address}`), [
    'first.example 192.0.2.1',
    'first.example 2001:db8::1',
    'second.example 192.0.2.2',
  ])
})

test('N9: a thousand hosts in the MX, each with a hundred addresses, are not all asked for, nor all tried', async () => {
  const asked: string[] = []
  const addresses = Array.from({ length: 100 }, (_, n) => `192.0.2.${n}`)
  const hosts = Array.from({ length: 1000 }, (_, n) => `h${n}.example`)
  const zones = Object.fromEntries(hosts.map((host) => [host, { A: addresses }]))
  const MX = hosts.map((exchange, n) => ({ preference: n % 7, exchange }))
  const dns = fixedDns({ ...zones, 'many.example': { MX } }, asked)
  const found = await routeTo('many.example', own, { dns, random })
  assert.ok(found.kind === 'destinations' && found.destinations.length === 30)
  assert.ok(asked.length <= 41, String(asked.length))
})

test('without MX the domain itself is the host (RFC 5321 §5.1)', async () => {
  const found = await route('a.example', { 'a.example': { A: ['192.0.2.9'] } })
  const destinations = [{ exchange: 'a.example', address: '192.0.2.9' }]
  assert.deepEqual(found, { kind: 'destinations', destinations, site: 'a.example' })
})

test('domains with the same best hosts are one site; a host that is named after its customer is its owner’s', async () => {
  const A = ['192.0.2.9']
  const mx = (...names: string[]) => ({ MX: names.map((exchange, i) => ({ preference: 10 + i, exchange })) })
  const zones = {
    'a.example': mx('MX.big.example', 'spare.a.example'),
    'b.example': mx('mx.big.example', 'spare.b.example'),
    'mx.big.example': { A },
    'c.example': mx('c-example.mail.owner.example'),
    'c-example.mail.owner.example': { A },
  }
  const sites = ['a.example', 'b.example', 'c.example'].map(async (name) => {
    const found = await route(name, zones)
    return found.kind === 'destinations' && found.site
  })
  assert.deepEqual(await Promise.all(sites), ['mx.big.example', 'mx.big.example', 'mail.owner.example'])
})

test('a null MX and a name that does not exist bounce; no answer waits', async () => {
  const nullMx = await route('a.example', { 'a.example': { MX: [{ preference: 0, exchange: '' }] } })
  assert.equal(nullMx.kind === 'unroutable' && nullMx.enhanced, '5.1.10')
  const missing = await route('missing.example', {})
  assert.equal(missing.kind === 'unroutable' && missing.enhanced, '5.1.2')
  const silent = { resolve: async () => ({ status: 'no-answer' as const, reason: 'timeout' }) }
  assert.equal((await routeTo('a.example', own, { dns: silent, random })).kind, 'wait')
})

test('an MX that lists ourselves drops us and all that are worse', async () => {
  const zones = {
    'a.example': {
      MX: [
        { preference: 5, exchange: 'best.example' },
        { preference: 10, exchange: 'mx.self.example' },
        { preference: 20, exchange: 'worse.example' },
      ],
    },
    'best.example': { A: ['192.0.2.1'] },
    'worse.example': { A: ['192.0.2.3'] },
  }
  const found = await route('a.example', zones)
  assert.deepEqual(found.kind === 'destinations' && found.destinations.map((d) => d.exchange), ['best.example'])
  const loop = await route('a.example', { 'a.example': { MX: [{ preference: 10, exchange: 'mx.self.example' }] } })
  assert.equal(loop.kind === 'unroutable' && loop.enhanced, '5.4.6')
})

test('an MX that points to loopback is no way out of our own network', async () => {
  const zones = { 'a.example': { MX: [{ preference: 5, exchange: 'in.example' }] }, 'in.example': { A: ['127.0.0.1'] } }
  const found = await route('a.example', zones)
  assert.equal(found.kind === 'unroutable' && found.enhanced, '5.4.4')
  assert.equal((await route('a.example', zones, { ...own, privateDestinations: true })).kind, 'destinations')
})

const reached = (found: Awaited<ReturnType<typeof route>>) =>
  found.kind === 'destinations' ? found.destinations.map(({ address }) => address) : found

test('the families of a host come by turns (RFC 8305 §4)', async () => {
  const found = await route('a.example', {
    'a.example': { A: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], AAAA: ['2001:db8::1', '2001:db8::2'] },
  })
  assert.deepEqual(reached(found), ['192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2', '192.0.2.3'])
})

test('a null MX beside others says nothing (RFC 7505 §3); an exchange that is no name is passed over', async () => {
  const MX = ['', 'spa ce.example', 'mx.example', 'gone.example'].map((exchange, preference) => ({
    preference,
    exchange,
  }))
  const found = await route('a.example', { 'a.example': { MX }, 'mx.example': { A: ['192.0.2.1'] } })
  assert.deepEqual(reached(found), ['192.0.2.1'])
  const none = await route('a.example', { 'a.example': { MX: MX.slice(3) } })
  assert.equal(none.kind === 'unroutable' && none.enhanced, '5.4.4')
})

test('aliases are followed, of the domain and of a host in its MX', async () => {
  const zones = {
    'www.example': { CNAME: ['a.example'] },
    'a.example': { MX: [{ preference: 1, exchange: 'alias.example' }] },
    'alias.example': { CNAME: ['mx.example'] },
    'mx.example': { A: ['192.0.2.1'] },
  }
  assert.deepEqual(reached(await route('www.example', zones)), ['192.0.2.1'])
})

test('an MX that leads back to us under another name is a loop; what is better than that is used', async () => {
  const zones = {
    'back.example': { A: [own.ip] },
    'best.example': { A: ['192.0.2.1'] },
    'worse.example': { A: ['192.0.2.3'] },
  }
  const mx = (...exchanges: string[]) => ({
    ...zones,
    'a.example': { MX: exchanges.map((exchange, preference) => ({ preference, exchange })) },
  })
  const loop = await route('a.example', mx('back.example', 'worse.example'))
  assert.equal(loop.kind === 'unroutable' && loop.enhanced, '5.4.6')
  assert.deepEqual(reached(await route('a.example', mx('best.example', 'back.example', 'worse.example'))), [
    '192.0.2.1',
  ])
})

test('private addresses are passed over where there are others, of every kind', async () => {
  const A = ['127.0.0.1', '10.1.2.3', '192.168.0.1', '169.254.1.1', '0.0.0.0', '192.0.2.1']
  const AAAA = ['::1', 'fe80::1', 'fd00::1', '::ffff:127.0.0.1', '::']
  assert.deepEqual(reached(await route('a.example', { 'a.example': { A, AAAA } })), ['192.0.2.1'])
  const inside = await route('a.example', { 'a.example': { A: A.slice(0, 5), AAAA } })
  assert.equal(inside.kind === 'unroutable' && inside.enhanced, '5.4.4')
})

test('one host without an answer does not hide the others, and is remembered', async () => {
  const MX = ['silent.example', 'mx.example'].map((exchange, preference) => ({ preference, exchange }))
  const zones = {
    'a.example': { MX },
    'silent.example': { A: 'timeout', AAAA: 'timeout' },
    'mx.example': { A: ['192.0.2.1'] },
  } as const
  const found = await route('a.example', zones)
  assert.deepEqual(reached(found), ['192.0.2.1'])
  assert.match(found.kind === 'destinations' ? found.unanswered! : '', /silent\.example/)
  const all = await route('a.example', { ...zones, 'mx.example': { timeout: true } })
  assert.equal(all.kind, 'wait')
})
