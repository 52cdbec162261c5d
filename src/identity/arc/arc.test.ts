import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticate } from 'mailauth'
import { fieldsNamed, parseHeader } from '../../message/header.ts'
import { keyRecord } from '../dkim/keys.ts'
import { directCpu, fixedClock, fixedDns } from '../testing.ts'
import { readChain } from './chain.ts'
import { sealArc } from './seal.ts'
import { validateArc } from './validate.ts'

const world = { cpu: directCpu, clock: fixedClock(1_700_000_000) }
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ed25519 = generateKeyPairSync('ed25519').privateKey
const first = { domain: 'list.test', selector: 'a', privateKey: rsa }
const second = { domain: 'old.test', selector: 'b', privateKey: ed25519 }
const zone = Object.fromEntries(
  [first, second].map(({ domain, selector, privateKey }) => {
    const { name, text } = keyRecord(privateKey, domain, selector)
    return [name, { TXT: [text] }]
  }),
)
const dns = fixedDns(zone)
const message = Buffer.from('From: alice@sender.test\r\nTo: bob@old.test\r\nSubject: hello\r\n\r\nHello\r\n')

async function sealed(
  bytes: Buffer,
  key: typeof first,
  results = `${key.domain}; spf=pass smtp.mailfrom=alice@sender.test`,
): Promise<Buffer> {
  const header = parseHeader(bytes)
  return Buffer.concat([await sealArc(header, results, key, await validateArc(header, dns), world), bytes])
}

test('a chain of two Forwarders passes, and tells what each of them saw', async () => {
  const bytes = await sealed(await sealed(message, first), second)
  const chain = await validateArc(parseHeader(bytes), dns)
  assert.equal(chain.result, 'pass')
  assert.deepEqual(
    chain.hops.map(({ domain }) => domain),
    ['list.test', 'old.test'],
  )
  assert.match(chain.hops[0]!.results, /^list\.test; spf=pass/)
})

test('mailauth validates what we seal', async () => {
  const bytes = await sealed(message, first)
  const resolver = async (name: string, type: string) => {
    const text = type === 'TXT' && zone[name]?.TXT[0]
    if (!text) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
    return [[text]]
  }
  const { arc } = await authenticate(bytes, {
    ip: '192.0.2.1',
    helo: 'x.test',
    sender: 'a@b.test',
    mta: 'here.test',
    resolver,
  })
  assert.ok(arc)
  assert.equal(arc.status.result, 'pass')
})

test('a message without sets has no chain', async () => {
  assert.equal((await validateArc(parseHeader(message), dns)).result, 'none')
})

test('whatever is changed breaks the chain', async () => {
  const text = (await sealed(await sealed(message, first), second)).toString('latin1')
  const results = async (changed: string): Promise<string> =>
    (await validateArc(parseHeader(Buffer.from(changed, 'latin1')), dns)).result
  assert.equal(await results(text), 'pass')
  assert.equal(await results(text.replace('Subject: hello', 'Subject: hullo')), 'fail')
  assert.equal(await results(text.replace('\r\n\r\nHello', '\r\n\r\nHullo')), 'fail')
  assert.equal(await results(text.replace('spf=pass', 'spf=fail')), 'fail')
  assert.equal(await results(text.replace('cv=pass', 'cv=none')), 'fail')
  const lastSeal = text.lastIndexOf('ARC-Seal:')
  assert.equal(await results(text.slice(0, lastSeal) + text.slice(text.indexOf('ARC-Message', lastSeal))), 'fail')
})

test('a broken chain is sealed once as failed, and then never again', async () => {
  const broken = Buffer.from((await sealed(message, first)).toString('latin1').replace('Hello', 'Hullo'), 'latin1')
  const marked = await sealed(broken, second)
  const chain = await validateArc(parseHeader(marked), dns)
  assert.equal(chain.result, 'fail')
  assert.equal(chain.ended, true)
  assert.equal(fieldsNamed(parseHeader(marked), 'arc-seal').length, 2)
  assert.equal((await sealed(marked, first)).length, marked.length)
})

test('no answer for a key is not a failed chain, and nothing is sealed then', async () => {
  const bytes = await sealed(message, first)
  const silent = fixedDns({ 'a._domainkey.list.test': { timeout: true } })
  const chain = await validateArc(parseHeader(bytes), silent)
  assert.equal(chain.result, 'temperror')
  assert.equal((await sealArc(parseHeader(bytes), 'old.test; arc=temperror', second, chain, world)).length, 0)
})

test('i= of the results is lower case, with comments around it; cv= is a word in any case (RFC 8617 §4.1)', () => {
  const set = (aar: string, cv: string) => {
    const signature = 'ARC-Message-Signature: i=1; a=rsa-sha256; d=a.test; s=a; h=from; bh=AAAA; b=AAAA'
    const seal = `ARC-Seal: i=1; a=rsa-sha256; cv=${cv}; d=a.test; s=a; b=AAAA`
    return readChain(
      parseHeader(Buffer.from(`ARC-Authentication-Results: ${aar}; a.test; none\r\n${signature}\r\n${seal}\r\n\r\n`)),
    )
  }
  for (const [aar, cv, isRead] of [
    ['i=1', 'none', true],
    ['(one) i (is) = 1', 'None', true],
    ['I=1', 'none', false],
    ['i=1', 'nothing', false],
  ] as const)
    assert.equal(Array.isArray(set(aar, cv)), isRead, `${aar} ${cv}`)
})

test('hostile sets never throw', async () => {
  const field = fc.tuple(
    fc.constantFrom('ARC-Seal', 'ARC-Message-Signature', 'ARC-Authentication-Results'),
    fc.constantFrom('i=1;', 'i=2;', 'i=51;', 'i=0;', ''),
    fc.constantFrom('cv=none;', 'cv=pass;', 'a=rsa-sha256; d=list.test; s=a; b=AAAA; bh=AAAA; h=from;', ''),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(field), async (fields) => {
      const text = fields.map((parts) => `${parts[0]}: ${parts.slice(1).join(' ')}\r\n`).join('')
      const header = parseHeader(Buffer.from(`${text}From: a@b.test\r\n\r\n`))
      const chain = await validateArc(header, dns)
      await sealArc(header, 'x.test; none', second, chain, world)
    }),
    { numRuns: 200 },
  )
})

test('more than fifty sets are none (RFC 8617 §5.1.1.2)', () => {
  const chainOf = (instance: number) =>
    readChain(parseHeader(Buffer.from(`ARC-Seal: i=${instance}; a=rsa-sha256; cv=pass; d=a.test; s=a; b=AAAA\r\n\r\n`)))
  assert.deepEqual(chainOf(51), { fault: 'more than 50 ARC sets' })
  assert.doesNotMatch(JSON.stringify(chainOf(50)), /more than/)
})
