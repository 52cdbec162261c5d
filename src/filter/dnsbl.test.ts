import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dns } from '../world/dns.ts'
import { DnsTable, type NameRecords } from '../world/simulated/dns.ts'
import { testWorld } from '../world/testing.ts'
import { type DnsList, DnsLists, KNOWN_LISTS, type ListResult } from './dnsbl.ts'

const listOf = (zone: string) => KNOWN_LISTS.find((list) => list.zone === zone)!
const zen = listOf('zen.spamhaus.org')
const surbl = listOf('multi.surbl.org')
const good = listOf('list.dnswl.org')

function asking(lists: DnsList[], names: Record<string, NameRecords>) {
  const { world, run, simulation } = testWorld()
  const dns = new DnsTable(names)
  const asked = new DnsLists(lists, { dns, clock: world.clock })
  return {
    dns,
    simulation,
    address: (ip: string) => run(async () => (await asked.address(ip)).map(short)),
    domains: (...names: string[]) => run(async () => (await asked.domains(names)).map(short)),
  }
}

const short = (result: ListResult) =>
  result.kind === 'listed' ? result.meanings.join('; ') : result.kind === 'unknown' ? `? ${result.reason}` : 'no'

test('an address is asked by its reversed bytes, IPv6 by its nibbles, and each code has its meaning', async () => {
  const v6 = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'
  const { address } = asking([zen], {
    '7.2.0.192.zen.spamhaus.org': { A: ['127.0.0.2', '127.0.0.11'] },
    [`${v6}.zen.spamhaus.org`]: { A: ['127.0.0.5'] },
  })
  const both = 'sends spam (SBL); is an end user’s address and should send through a provider (PBL)'
  assert.deepEqual(await address('192.0.2.7'), [both])
  assert.deepEqual(await address('::ffff:192.0.2.7'), [both])
  assert.deepEqual(await address('2001:db8::1'), ['is taken over by malware (XBL)'])
  assert.deepEqual(await address('192.0.2.8'), ['no'])
})

test('lists of domains answer in bits, and addresses in links are not asked about', async () => {
  const { domains, dns } = asking([surbl], { 'bad.test.multi.surbl.org': { A: ['127.0.0.72'] } })
  assert.deepEqual(await domains('bad.test', 'good.test', 'bad.test'), ['is used for phishing; is seen in spam', 'no'])
  assert.deepEqual(await domains('192.0.2.7', 'localhost', 'a b.test', ''), [])
  // One of them asks whether the list lists everything.
  assert.equal(dns.questions.length, 3)
})

test('a list of good senders counts only where it vouches', async () => {
  const { address } = asking([good], {
    '7.2.0.192.list.dnswl.org': { A: ['127.0.5.3'] },
    '8.2.0.192.list.dnswl.org': { A: ['127.0.5.0'] },
  })
  assert.deepEqual(await address('192.0.2.7'), ['is known for no spam'])
  assert.match((await address('192.0.2.8'))[0]!, /^\? list\.dnswl\.org answered 127\.0\.5\.0/)
})

for (const [answer, why] of [
  ['127.255.255.254', 'refuses to answer our resolver'],
  ['127.255.255.255', 'refuses to answer our resolver'],
  ['127.255.255.252', 'refuses to answer our resolver'],
  ['127.0.0.1', 'refuses to answer our resolver'],
  ['203.0.113.80', 'no longer a list'],
] as const)
  test(`${answer} is no listing, and the list is left alone for an hour`, async () => {
    const { address, dns, simulation } = asking([zen], {
      '7.2.0.192.zen.spamhaus.org': { A: [answer] },
      '8.2.0.192.zen.spamhaus.org': { A: ['127.0.0.2'] },
    })
    assert.match((await address('192.0.2.7'))[0]!, new RegExp(`^\\? .*${why}`))
    assert.match((await address('192.0.2.8'))[0]!, new RegExp(`^\\? .*${why}`))
    assert.equal(dns.questions.length, 1)
    await simulation.runFor(3_600_001)
    assert.deepEqual(await address('192.0.2.8'), ['sends spam (SBL)'])
  })

test('a list that lists everything was given up, and is not asked for a day', async () => {
  for (const [list, subject, test] of [
    [zen, '192.0.2.7', '1.0.0.127'],
    [surbl, 'bad.test', 'invalid'],
  ] as const) {
    const name = list.of === 'address' ? '7.2.0.192' : subject
    const all = { A: [list.of === 'address' ? '127.0.0.2' : '127.0.0.64'] }
    const { address, domains, dns, simulation } = asking([list], {
      [`${name}.${list.zone}`]: all,
      [`${test}.${list.zone}`]: all,
    })
    const ask = () => (list.of === 'address' ? address(subject) : domains(subject))
    assert.match((await ask())[0]!, /^\? .* lists everything/)
    assert.match((await ask())[0]!, /^\? .* lists everything/)
    assert.equal(dns.questions.length, 2)
    dns.set(`${test}.${list.zone}`, undefined)
    await simulation.runFor(86_400_001)
    assert.doesNotMatch((await ask())[0]!, /^\?/)
  }
})

test('private addresses are never asked about', async () => {
  const { address, dns } = asking([zen], {})
  for (const ip of ['10.1.2.3', '127.0.0.1', '::1', 'fd00::1', 'nonsense']) assert.deepEqual(await address(ip), [])
  assert.equal(dns.questions.length, 0)
})

test('answers are remembered for five minutes', async () => {
  const { address, dns, simulation } = asking([zen], {})
  await address('192.0.2.7')
  await address('192.0.2.7')
  assert.equal(dns.questions.length, 1)
  await simulation.runFor(300_001)
  await address('192.0.2.7')
  assert.equal(dns.questions.length, 2)
})

test('silence is nothing known, costs bounded time, and a silent list rests', async () => {
  const { world, run, simulation } = testWorld()
  let questions = 0
  const silent: Dns = {
    resolve: () => {
      questions++
      return new Promise(() => {})
    },
  }
  const lists = new DnsLists([zen], { dns: silent, clock: world.clock }, { timeoutMs: 2000 })
  const began = world.clock.monotonic()
  const results = await run(async () =>
    Promise.all([1, 2, 3, 4, 5, 5].map(async (i) => short((await lists.address(`192.0.2.${i}`))[0]!))),
  )
  assert.deepEqual(new Set(results), new Set(['? zen.spamhaus.org did not answer in time']))
  assert.equal(world.clock.monotonic() - began, 2000)
  assert.equal(questions, 5)
  await run(lists.address('192.0.2.9'))
  assert.equal(questions, 5)
  await simulation.runFor(60_001)
  await run(lists.address('192.0.2.9'))
  assert.equal(questions, 6)
})

test('a message with thousands of links asks about twenty', async () => {
  const { domains, dns } = asking([surbl], {})
  await domains(...Array.from({ length: 5000 }, (_, i) => `d${i}.test`))
  assert.equal(dns.questions.length, 20)
})
