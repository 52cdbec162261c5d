import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHeader } from '../../message/header.ts'
import { type FixedRecords, fixedDns } from '../testing.ts'
import { authorOf } from './author.ts'
import { type DmarcResult, type Evidence, evaluateDmarc } from './dmarc.ts'
import { parseDmarcRecord } from './record.ts'
import { namesToAsk } from './tree-walk.ts'

const nothing: Evidence = { spf: { result: 'none', domain: '' }, dkim: [] }
const spf = (domain: string): Evidence => ({ spf: { result: 'pass', domain }, dkim: [] })
const dkim = (domain: string, unsignedBytes = 0): Evidence => ({
  ...nothing,
  dkim: [{ result: 'pass', domain, unsignedBytes }],
})

function judge(from: string, evidence: Evidence, records: Record<string, string | FixedRecords>): Promise<DmarcResult> {
  const zone = Object.entries(records).map(([name, value]) => [
    name,
    typeof value === 'string' ? { TXT: [value] } : value,
  ])
  const header = parseHeader(Buffer.from(`${from}\r\n\r\n`))
  return evaluateDmarc(authorOf(header), evidence, fixedDns(Object.fromEntries(zone)))
}

test('relaxed alignment within the organization, strict only for the very domain', async () => {
  const zone = { '_dmarc.sender.test': 'v=DMARC1; p=reject' }
  assert.equal((await judge('From: a@news.sender.test', dkim('sender.test'), zone)).result, 'pass')
  assert.equal((await judge('From: a@sender.test', spf('bounce.sender.test'), zone)).result, 'pass')
  assert.equal((await judge('From: a@sender.test', spf('evilsender.test'), zone)).result, 'fail')
  const strict = { '_dmarc.sender.test': 'v=DMARC1; p=reject; adkim=s' }
  assert.equal((await judge('From: a@news.sender.test', dkim('sender.test'), strict)).result, 'fail')
})

test('A34: SPF that lets everybody pass aligns with nobody', async () => {
  const zone = { '_dmarc.sender.test': 'v=DMARC1; p=reject' }
  const everybody: Evidence = { spf: { result: 'pass', domain: 'sender.test', letsEverybody: true }, dkim: [] }
  const { result, aligned } = await judge('From: a@sender.test', everybody, zone)
  assert.deepEqual([result, aligned.spf], ['fail', undefined])
  const signed = { ...everybody, dkim: dkim('sender.test').dkim }
  assert.equal((await judge('From: a@sender.test', signed, zone)).result, 'pass')
})

test('sp, np and t decide what is asked for', async () => {
  const zone = {
    '_dmarc.sender.test': 'v=DMARC1; p=reject; sp=none; np=quarantine',
    'real.sender.test': { A: ['192.0.2.1'] },
  }
  assert.equal((await judge('From: a@sender.test', nothing, zone)).policy, 'reject')
  assert.equal((await judge('From: a@real.sender.test', nothing, zone)).policy, 'none')
  assert.equal((await judge('From: a@unreal.sender.test', nothing, zone)).policy, 'quarantine')
  assert.equal(
    (await judge('From: a@sender.test', nothing, { '_dmarc.sender.test': 'v=DMARC1; p=reject; t=y' })).policy,
    'quarantine',
  )
})

test('a public suffix bounds the organization (RFC 9989 §4.10.2)', async () => {
  const zone = { '_dmarc.bank.test': 'v=DMARC1; p=reject; psd=y' }
  assert.equal((await judge('From: a@giant.bank.test', spf('mega.bank.test'), zone)).result, 'fail')
  const aligned = await judge('From: a@giant.bank.test', spf('mail.giant.bank.test'), zone)
  assert.equal(aligned.result, 'pass')
  assert.equal(aligned.organizationalDomain, 'giant.bank.test')
})

test('nothing is asked of more than eight names', () => {
  assert.deepEqual(namesToAsk('a.b.test'), ['a.b.test', 'b.test', 'test'])
  const long = Array.from({ length: 100 }, (_, i) => `l${i}`).join('.')
  assert.equal(namesToAsk(long).length, 8)
})

test('a From that can be read in two ways never passes', async () => {
  const zone = { '_dmarc.legit.test': 'v=DMARC1; p=reject', '_dmarc.attack.test': 'v=DMARC1; p=none' }
  const evil = dkim('attack.test')
  for (const from of [
    'From: a@attack.test\r\nFrom: b@legit.test',
    'From: b@legit.test\r\nFrom: a@attack.test',
    'From: a@attack.test, b@legit.test',
    'From: b@legit.test, a@attack.test',
    'From: <a@attack.test>, <b@legit.test>',
    'From: <b@legit.test@attack.test>',
  ]) {
    const result = await judge(from, evil, zone)
    assert.equal(result.result, 'fail', from)
    assert.notEqual(result.policy, 'none', from)
  }
  assert.equal((await judge('From: b@legit.test, a@attack.test', evil, zone)).policy, 'reject')
  for (const from of ['Subject: no from', 'From: undisclosed:;', 'From: ']) {
    const result = await judge(from, evil, zone)
    assert.equal(result.result, 'fail', from)
    assert.ok(result.reason, from)
  }
})

test('two mailboxes of one proven domain pass', async () => {
  const zone = { '_dmarc.sender.test': 'v=DMARC1; p=reject' }
  assert.equal((await judge('From: a@sender.test, b@sender.test', dkim('sender.test'), zone)).result, 'pass')
})

test('a signature that leaves the end of the body open is no proof', async () => {
  const zone = { '_dmarc.sender.test': 'v=DMARC1; p=reject' }
  assert.equal((await judge('From: a@sender.test', dkim('sender.test', 10), zone)).result, 'fail')
})

test('no answer is a temperror: for the record, and for what could still align', async () => {
  assert.equal(
    (await judge('From: a@sender.test', nothing, { '_dmarc.sender.test': { timeout: true } })).result,
    'temperror',
  )
  const zone = { '_dmarc.sender.test': 'v=DMARC1; p=reject' }
  const waiting: Evidence = { ...nothing, dkim: [{ result: 'temperror', domain: 'sender.test', unsignedBytes: 0 }] }
  assert.equal((await judge('From: a@sender.test', waiting, zone)).result, 'temperror')
  const stranger: Evidence = { ...nothing, dkim: [{ result: 'temperror', domain: 'other.test', unsignedBytes: 0 }] }
  assert.equal((await judge('From: a@sender.test', stranger, zone)).result, 'fail')
})

test('records: what counts as one, and what it says without p=', async () => {
  assert.equal(parseDmarcRecord('v=DMARC1')?.policy, undefined)
  assert.equal(parseDmarcRecord('v=DMARC10; p=reject'), undefined)
  assert.equal(parseDmarcRecord('p=reject; v=DMARC1'), undefined)
  const reports = { '_dmarc.sender.test': 'v=DMARC1; rua=mailto:r@sender.test' }
  const asked = await judge('From: a@sender.test', nothing, reports)
  assert.deepEqual([asked.result, asked.policy], ['fail', 'none'])
  assert.equal((await judge('From: a@sender.test', nothing, { '_dmarc.sender.test': 'v=DMARC1' })).result, 'none')
})

test('hostile records and From fields never throw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (record, from) => {
      parseDmarcRecord(`v=DMARC1;${record}`)
      await judge(`From: ${from.replace(/[\r\n]/g, '')}`, dkim('sender.test'), {
        '_dmarc.sender.test': `v=DMARC1;${record}`,
      })
    }),
    { numRuns: 300 },
  )
})

test('what a record holds beside its tags is passed over, and told (RFC 9989 §4.7)', async () => {
  const text = 'v=DMARC1; p=reject; tagonly; =value; x-new=1; p=none;'
  assert.deepEqual(parseDmarcRecord(text)?.passedOver, ['tagonly', '=value', 'x-new=1', 'p=none'])
  assert.equal(parseDmarcRecord(text)?.policy, 'reject')
  const { steps } = await judge('From: a@sender.test', nothing, { '_dmarc.sender.test': text })
  assert.ok(steps.some(({ detail }) => detail === 'tagonly; =value; x-new=1; p=none'))
})

test('a single label is a domain, and an address that looks like one has nothing above it', async () => {
  const result = await judge('From: a@single', spf('single'), { '_dmarc.single': 'v=DMARC1; p=reject' })
  assert.deepEqual([result.result, result.policyDomain], ['pass', 'single'])
  assert.deepEqual(namesToAsk('192.0.2.1'), ['192.0.2.1'])
  assert.equal((await judge('From: a@[192.0.2.1]', nothing, {})).result, 'none')
})

test('a domain exists if its alias does, and where DNS does not say, the policy is not known', async () => {
  const record = { '_dmarc.sender.test': 'v=DMARC1; p=reject; sp=none; np=reject' }
  const alias = { ...record, 'alias.sender.test': { CNAME: ['gone.test'] } }
  assert.equal((await judge('From: a@alias.sender.test', nothing, alias)).policy, 'none')
  const silent = { ...record, 'x.sender.test': { A: 'timeout' as const } }
  assert.equal((await judge('From: a@x.sender.test', nothing, silent)).result, 'temperror')
  assert.equal((await judge('From: a@x.sender.test', dkim('sender.test'), silent)).result, 'pass')
})

test('a signature that leaves part of the body open is named, and proves nothing', async () => {
  const zone = { '_dmarc.sender.test': 'v=DMARC1; p=reject' }
  const { result, openSignature } = await judge('From: a@sender.test', dkim('sender.test', 7), zone)
  assert.equal(result, 'fail')
  assert.deepEqual(openSignature, { domain: 'sender.test', unsignedBytes: 7 })
})
