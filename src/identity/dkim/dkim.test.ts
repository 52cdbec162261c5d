import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { parseHeader } from '../../message/header.ts'
import { realWorld } from '../../world/real/world.ts'
import { directCpu, type FixedRecords, fixedClock, fixedDns } from '../testing.ts'
import { canonicalBody } from './canonical.ts'
import { keyRecord, makeEd25519Key, privateKeyPem, readPrivateKey } from './keys.ts'
import { signDkim } from './sign.ts'
import { CanonicalMessage } from './signed-fields.ts'
import { verifyDkim, verifyDkimOf } from './verify.ts'

const clock = fixedClock(1_700_000_000)
const world = { cpu: directCpu, clock }
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ed25519 = generateKeyPairSync('ed25519').privateKey
const message = Buffer.from(
  [
    'From: Alice <alice@sender.test>',
    'To: bob@recipient.test',
    'Subject:  a  folded',
    '\t subject ',
    'Date: Tue, 14 Nov 2023 22:13:20 +0000',
    '',
    'Hello  Bob, ',
    '',
    ' see\tyou. ',
    '',
    '',
    '',
  ].join('\r\n'),
)

function zoneOf(...keys: [KeyObject, string][]): Record<string, FixedRecords> {
  const zone: Record<string, FixedRecords> = {}
  for (const [key, selector] of keys) {
    const record = keyRecord(key, 'sender.test', selector)
    zone[record.name] = { TXT: [record.text] }
  }
  return zone
}
const zone = zoneOf([rsa, 'r'], [ed25519, 'e'])

async function signed(options: Parameters<typeof signDkim>[3] = {}, bytes = message): Promise<Buffer> {
  const keys = [
    { domain: 'sender.test', selector: 'r', privateKey: rsa },
    { domain: 'sender.test', selector: 'e', privateKey: ed25519 },
  ]
  return Buffer.concat([await signDkim(parseHeader(bytes), keys, world, options), bytes])
}

/** mailauth's opinion of each signature. */
async function secondOpinion(bytes: Buffer): Promise<string[]> {
  const resolver = async (name: string) => {
    const records = zone[name]?.TXT
    if (!records || records === 'timeout') throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
    return records.map((text) => [text])
  }
  const { results } = await dkimVerify(Readable.from([bytes]), { resolver, curTime: new Date(clock.now()) })
  return results.map(({ status }: { status: { result: string } }) => status.result)
}

test('Ed25519 verified beside the network thread: right, wrong and of no length that a signer makes', async () => {
  const others = { dns: fixedDns(zone), clock, cpu: realWorld({ folder: tmpdir(), dns: () => fixedDns(zone) }).cpu }
  const resultsOf = async (text: string) => {
    const message = new CanonicalMessage(parseHeader(Buffer.from(text, 'latin1')))
    return (await verifyDkimOf(message, others)).map(({ result, reason }) => reason ?? result)
  }
  const text = (await signed()).toString('latin1')
  assert.deepEqual(await resultsOf(text), ['pass', 'pass'])
  assert.deepEqual(await resultsOf(text.replace('Alice', 'Mallory')), ['signature-wrong', 'signature-wrong'])
  const short = text.replace(/( s=e;(?:.|\s)*? b=)(?:.|\s)*?(?=\r\n\S)/, '$1QUJD')
  assert.deepEqual(await resultsOf(short), ['pass', 'signature-wrong'])
})

for (const headerMethod of ['simple', 'relaxed'] as const) {
  for (const bodyMethod of ['simple', 'relaxed'] as const) {
    test(`signed ${headerMethod}/${bodyMethod} with both algorithms, verified by us and by mailauth`, async () => {
      const bytes = await signed({ headerMethod, bodyMethod })
      const results = await verifyDkim(parseHeader(bytes), fixedDns(zone), clock)
      assert.deepEqual(
        results.map(({ result, algorithm, domain }) => [result, algorithm, domain]),
        [
          ['pass', 'rsa-sha256', 'sender.test'],
          ['pass', 'ed25519-sha256', 'sender.test'],
        ],
      )
      assert.deepEqual(await secondOpinion(bytes), ['pass', 'pass'])
      for (const line of bytes.toString('latin1').split('\r\n')) assert.ok(line.length <= 78, line)
    })
  }
}

/** The result and reason of the RSA signature after the bytes were changed. */
async function after(change: (text: string) => string, options: Parameters<typeof signDkim>[3] = {}): Promise<string> {
  const bytes = Buffer.from(change((await signed(options)).toString('latin1')), 'latin1')
  const [first] = await verifyDkim(parseHeader(bytes), fixedDns(zone), clock)
  return `${first!.result} ${first!.reason ?? ''}`.trim()
}

test('relaxed forgives white space, and nothing else', async () => {
  assert.equal(await after((text) => text.replace('Hello  Bob, ', 'Hello Bob,')), 'pass')
  assert.equal(await after((text) => text.replace('Hello  Bob', 'Hello Eve')), 'fail body-changed')
  assert.equal(await after((text) => text.replace('a  folded', 'A folded')), 'fail signature-wrong')
  assert.equal(
    await after((text) => text.replace('Hello  Bob, ', 'Hello Bob,'), { bodyMethod: 'simple' }),
    'fail body-changed',
  )
})

test('a second From, Subject or Content-Type breaks the signature wherever it is put', async () => {
  for (const name of ['From: eve@evil.test', 'Subject: other', 'Content-Type: text/html']) {
    assert.equal(await after((text) => `${name}\r\n${text}`), 'fail signature-wrong')
    assert.equal(await after((text) => text.replace('\r\n\r\n', `\r\n${name}\r\n\r\n`)), 'fail signature-wrong')
  }
})

test('a reason is given for each unusable signature', async () => {
  assert.equal(await after((text) => text.replace('v=1', 'v=2')), 'neutral version')
  assert.equal(await after((text) => text.replace('a=rsa-sha256', 'a=rsa-sha1')), 'permerror rsa-sha1')
  assert.equal(await after((text) => text.replace('d=sender.test', 'd=other.test')), 'permerror no-key')
  assert.equal(await after((text) => text.replace('s=r;', 's=e;')), 'permerror key-type')
  assert.equal(await after((text) => text.replace('h=from:from:', 'h=')), 'permerror from-not-signed')
  assert.equal(await after((text) => text.replace('t=1700000000', 't=1800000000')), 'permerror future')
  assert.equal(await after((text) => text.replace('t=1700000000', 't=1;x=1699999999')), 'permerror expired')
  assert.equal(await after((text) => text.replace('s=r;', 's=r; i=@evil.test;')), 'permerror identity')
  assert.equal(await after((text) => text.replace('s=r;', 's=r; s=r;')), 'neutral syntax')
  assert.equal(await after((text) => text.replace('s=r;', 's=r; l=9999;')), 'permerror body-length')
})

test('keys: revoked, short, for another use, strict, unanswered', async () => {
  const bytes = await signed({ identity: '@mail.sender.test' })
  const good = keyRecord(rsa, 'sender.test', 'r').text
  const short = generateKeyPairSync('rsa', { modulusLength: 768 }).privateKey
  const judged = async (records: FixedRecords): Promise<string> => {
    const [first] = await verifyDkim(parseHeader(bytes), fixedDns({ 'r._domainkey.sender.test': records }), clock)
    return `${first!.result} ${first!.reason ?? ''}`.trim()
  }
  assert.equal(await judged({ TXT: [good] }), 'pass')
  assert.equal(await judged({ TXT: ['v=DKIM1; p='] }), 'permerror key-revoked')
  assert.equal(await judged({ TXT: [keyRecord(short, 'sender.test', 'r').text] }), 'permerror key-too-short')
  assert.equal(await judged({ TXT: [good.replace('k=rsa', 'k=rsa; s=tlsrpt')] }), 'permerror key-use')
  assert.equal(await judged({ TXT: [good.replace('k=rsa', 'k=rsa; h=sha1')] }), 'permerror key-use')
  assert.equal(await judged({ TXT: [good.replace('k=rsa', 'k=rsa; t=s')] }), 'permerror identity')
  assert.equal(await judged({ TXT: ['no key at all'] }), 'permerror key-syntax')
  assert.equal(await judged({ timeout: true }), 'temperror no-answer')
})

test('what a report on TLS says of itself is signed (RFC 8460 §5.3)', async () => {
  const report = Buffer.concat([Buffer.from('TLS-Report-Domain: a.test\r\nTLS-Report-Submitter: b.test\r\n'), message])
  const [, names] = /\bh=([^;]+);/.exec((await signed({}, report)).toString())!
  const all = names!
    .toLowerCase()
    .split(':')
    .map((name) => name.trim())
  assert.ok(all.includes('tls-report-domain') && all.includes('tls-report-submitter'), names!)
})

test('no more than ten signatures are looked at', async () => {
  const asked: string[] = []
  const field = (
    await signDkim(parseHeader(message), [{ domain: 'sender.test', selector: 'r', privateKey: rsa }], world)
  ).toString()
  const bytes = Buffer.concat([Buffer.from(field.repeat(50)), message])
  assert.equal((await verifyDkim(parseHeader(bytes), fixedDns(zone, asked), clock)).length, 10)
  assert.equal(asked.length, 10)
})

test('what l= leaves open is counted', async () => {
  // A signature over the first 5 bytes, made by hand: sign with that body, then append.
  const short = Buffer.from('From: a@sender.test\r\n\r\nHello\r\n')
  const key = { domain: 'sender.test', selector: 'r', privateKey: rsa }
  const { foldTags, finishSignature } = await import('./sign.ts')
  const { CanonicalMessage } = await import('./signed-fields.ts')
  const parts = new CanonicalMessage(parseHeader(short))
  const bh = parts.bodyHash('relaxed', 5).sha256.toString('base64')
  const text = foldTags('DKIM-Signature', [
    'v=1',
    'a=rsa-sha256',
    'c=relaxed/relaxed',
    'd=sender.test',
    's=r',
    'l=5',
    'h=from',
    `bh=${bh}`,
    'b=',
  ])
  const field = await finishSignature(text, parts.select(['from'], 'relaxed'), 'relaxed', key.privateKey, directCpu)
  const bytes = Buffer.concat([field, short, Buffer.from('and click here\r\n')])
  const [result] = await verifyDkim(parseHeader(bytes), fixedDns(zone), clock)
  assert.equal(result!.result, 'pass')
  assert.equal(result!.unsignedBytes, '\r\nand click here\r\n'.length)
})

test('relaxed body equals the rules of RFC 6376 §3.4.4 applied one after another', () => {
  const piece = fc.constantFrom(' ', '\t', '\r\n', '\r', '\n', 'a', 'bc')
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('')
      const lines = text.split('\r\n').map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''))
      while (lines.at(-1) === '') lines.pop()
      const expected = lines.length ? `${lines.join('\r\n')}\r\n` : ''
      const source = Buffer.from(text)
      assert.equal(canonicalBody(source, 0, source.length, 'relaxed').toString(), expected)
    }),
    { numRuns: 500 },
  )
})

test('hostile signatures and keys never throw', async () => {
  const tag = fc.tuple(
    fc.constantFrom('v', 'a', 'b', 'bh', 'c', 'd', 'h', 'i', 'l', 'q', 's', 't', 'x', 'p', 'k'),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(tag), fc.array(tag), fc.string(), async (tags, keyTags, text) => {
      const line = tags.map(([name, value]) => `${name}=${value}`).join('; ')
      const bytes = Buffer.from(`DKIM-Signature: ${line}\r\nDKIM-Signature:${text}\r\nFrom: a@b.test\r\n\r\n${text}`)
      const record = keyTags.map(([name, value]) => `${name}=${value}`).join('; ')
      await verifyDkim(parseHeader(bytes), fixedDns({ 'r._domainkey.sender.test': { TXT: [record] } }), clock)
      const fixed = Buffer.from(
        `DKIM-Signature: v=1; a=rsa-sha256; d=sender.test; s=r; h=from; bh=${'A'.repeat(43)}=; b=AAAA\r\nFrom: a@b.test\r\n\r\n${text}`,
      )
      await verifyDkim(parseHeader(fixed), fixedDns({ 'r._domainkey.sender.test': { TXT: [record] } }), clock)
    }),
    { numRuns: 200 },
  )
})

test('a key made from the world’s chance is the same again', () => {
  const random = { bytes: (length: number) => Buffer.alloc(length, 7), float: () => 0, integer: () => 0 }
  const key = makeEd25519Key(random)
  assert.equal(privateKeyPem(key), privateKeyPem(makeEd25519Key(random)))
  assert.equal(readPrivateKey(privateKeyPem(key))?.asymmetricKeyType, 'ed25519')
  assert.equal(readPrivateKey('nonsense'), undefined)
  assert.ok(keyRecord(rsa, 'a.test', 's').strings.every((part) => part.length <= 255))
})
