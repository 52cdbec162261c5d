// Second opinions: records made by chance, judged by us and by mailauth as strictly as it can. Where the two disagree, one
// of them does not follow the RFC.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dmarc as mailauthDmarc } from 'mailauth/lib/dmarc/index.js'
import { spf as mailauthSpf } from 'mailauth/lib/spf/index.js'
import { parseHeader } from '../message/header.ts'
import type { Dns, DnsType } from '../world/dns.ts'
import { authorOf } from './dmarc/author.ts'
import { evaluateDmarc } from './dmarc/dmarc.ts'
import { checkHost } from './spf/spf.ts'
import { type FixedRecords, fixedClock, fixedDns } from './testing.ts'

const RUNS = 3000
const CODES = { 'no-name': 'ENOTFOUND', 'no-data': 'ENODATA', 'no-answer': 'ETIMEOUT' } as const

/** Our Dns as Node's resolver. */
const resolverOf = (dns: Dns) => async (name: string, type: string) => {
  const answer = await dns.resolve(name, type as DnsType)
  if (answer.status !== 'records') throw Object.assign(new Error(answer.status), { code: CODES[answer.status] })
  return answer.records.map((record) => {
    if (type === 'TXT') return [String(record)]
    return typeof record === 'object' && 'preference' in record ? { ...record, priority: record.preference } : record
  })
}
const texts = (...pieces: fc.Arbitrary<string>[]) => fc.tuple(...pieces).map((list) => list.join(''))
const one = (words: string) => fc.constantFrom(...words.split(' ').map((word) => (word === '_' ? '' : word)))

test('DMARC: records on the way up from the Author, with anything in them', async () => {
  const policy = one('none quarantine reject Reject bogus _')
  const switches = one(
    'adkim=s adkim=S adkim=r adkim=x aspf=s psd=y psd=n psd=u psd=Y t=y t=n pct=50 rua=mailto:a@b.com rua=a@b.com junk =v x=1',
  )
  const tag = fc.oneof(texts(one('p= sp= np='), policy), texts(one('p= sp= np='), policy), switches)
  const tags = fc.uniqueArray(tag, { maxLength: 6, selector: (text) => text.split('=')[0] })
  const version = fc.constantFrom(
    'v=DMARC1',
    'v=DMARC1',
    'v=DMARC1 ',
    'V=DMARC1',
    'v = DMARC1',
    'v=dmarc1',
    'v=DMARC1x',
  )
  const record = fc
    .tuple(version, tags, fc.constantFrom(';', '; ', ' ; ', ';;'), one('_ ;'))
    .map(([v, list, between, end]) => [v, ...list].join(between) + end)
  const labels = fc.array(one('a b mail x1'), { maxLength: 9 }).map((list) => [...list, 'com'])
  const above = fc.tuple(fc.nat(9), fc.array(record, { minLength: 1, maxLength: 2 }))
  const subject = fc.tuple(
    labels,
    fc.array(above, { maxLength: 4 }),
    fc.option(fc.nat(9)),
    fc.array(fc.nat(9)),
    fc.nat(9),
  )
  await fc.assert(
    fc.asyncProperty(subject, async ([from, records, spfAt, dkimAt, existing]) => {
      const upTo = (n: number) => from.slice(n % from.length).join('.')
      const zone: Record<string, FixedRecords> = { [upTo(existing)]: { A: ['192.0.2.1'] } }
      for (const [n, published] of records) zone[`_dmarc.${upTo(n)}`] = { TXT: published }
      const dns = fixedDns(zone)
      const spf = spfAt === null ? '' : upTo(spfAt)
      const dkim = dkimAt.slice(0, 3).map((n, i) => (i === 0 ? upTo(n) : `z.${upTo(n)}`))
      const author = `u@${from.join('.')}`
      const ours = await evaluateDmarc(
        authorOf(parseHeader(Buffer.from(`From: ${author}\r\n\r\n`))),
        {
          spf: { result: spf === '' ? 'none' : 'pass', domain: spf },
          dkim: dkim.map((domain) => ({ result: 'pass', domain, unsignedBytes: 0 })),
        },
        dns,
      )
      const theirs = await mailauthDmarc({
        headerFrom: author,
        spfDomains: spf === '' ? [] : [{ domain: spf }],
        dkimDomains: dkim.map((domain) => ({ domain })),
        resolver: resolverOf(dns),
      } as unknown as Parameters<typeof mailauthDmarc>[0])
      assert.ok(theirs)
      const { result } = theirs.status
      assert.deepEqual(
        [ours.result, ours.result === 'none' ? '' : ours.policy],
        [result, result === 'none' ? '' : theirs.policy],
      )
    }),
    { numRuns: RUNS },
  )
})

test('SPF: records with every term, right and wrong, that include each other', async () => {
  const names = ['s.test', 'a.test', 'b.test', 'mx.test']
  const name = fc.constantFrom(...names, 'none.test')
  const macro = one(
    '%{i} %{d} %{d1} %{d2r} %{s} %{l} %{l-} %{o} %{h} %{ir} %{v} %{p} %% %_ %- %{D} %{d0} %{x} % %{c} %{r} %{t}',
  )
  const strange = one('_ - a..b a.test. %{d} x a.1 a_b.test [192.0.2.1] a.test- -.test a.%{d} %{ir}.%{v}.a.test')
  const spec = fc.oneof({ weight: 4, arbitrary: name }, texts(macro, fc.constant('.'), name), strange)
  const cidr = one('_ _ _ /24 /32 /0 //64 /24//64 /33 /024 / //129 /-1')
  const sign = one('_ _ + - ~ ? ++')
  const term = fc.oneof(
    texts(sign, one('all ALL all. all/8 all:x.test')),
    texts(sign, one('ip4: IP4: ip4= ip4'), one('192.0.2.1 192.0.2.0 1.2.3.4 192.0.2 192.0.2.256 192.0.2.01 ::1'), cidr),
    texts(sign, one('ip6: ip6'), one('2001:db8::1 ::ffff:192.0.2.1 192.0.2.1 ::: 1::2::3 2001:DB8::1'), cidr),
    texts(sign, one('a A mx a: mx: ptr ptr:'), fc.oneof(fc.constant(''), spec), cidr),
    texts(sign, one('include: exists: include'), spec),
    texts(one('redirect= exp= foo= redirect: x-y.z= r='), spec),
    one('moo a=b = : - ?exists:s.test all\t'),
  )
  const version = fc.constantFrom('v=spf1', 'v=spf1', 'v=spf1', 'V=SPF1', 'v=spf10', 'spf1')
  const record = fc
    .tuple(version, fc.array(term, { maxLength: 5 }), fc.constantFrom(' ', '  '))
    .map(([v, terms, between]) => [v, ...terms].join(between))
  const records = fc.record({
    TXT: fc.oneof(fc.array(record, { minLength: 1, maxLength: 1 }), fc.array(record, { maxLength: 2 })),
    A: fc.oneof(fc.array(one('192.0.2.1 1.2.3.4 192.0.2.9'), { maxLength: 2 }), fc.constant('timeout' as const)),
    AAAA: fc.array(one('2001:db8::1 2001:db8::2'), { maxLength: 1 }),
    MX: fc.array(fc.record({ preference: fc.nat(2), exchange: name }), { maxLength: 2 }),
  })
  const zones = fc
    .tuple(...names.map(() => records))
    .map((list) => Object.fromEntries(list.map((r, i) => [names[i]!, r])))
  const sender = one('user@s.test x.y-z+q@s.test _ @s.test u@none.test a/b@s.test')
  const client = one('192.0.2.1 1.2.3.4 2001:db8::1 9.9.9.9')
  const helo = one('s.test a.test none.test [1.2.3.4] x _')
  await fc.assert(
    fc.asyncProperty(zones, client, sender, helo, fc.option(name), async (zone, ip, from, hello, pointer) => {
      const back: Record<string, FixedRecords> =
        pointer === null ? {} : { '1.2.0.192.in-addr.arpa': { PTR: [pointer] } }
      const dns = fixedDns({ ...zone, ...back })
      const receiver = 'mx.here.test'
      const ours = await checkHost({ ip, helo: hello, sender: from, receiver }, dns, fixedClock(1_700_000_000))
      const theirs = await mailauthSpf({
        ...{ ip, helo: hello, sender: from, mta: receiver, strict: true },
        resolver: resolverOf(dns),
      } as unknown as Parameters<typeof mailauthSpf>[0])
      assert.equal(ours.result, theirs.status.result)
    }),
    { numRuns: RUNS },
  )
})
