import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../world/world.ts'
import { type FixedRecords, fixedDns } from '../testing.ts'
import { type HttpsGet, MtaSts } from './mta-sts.ts'
import { allowsMx, parsePolicy, policyId } from './policy.ts'

const GOOD = 'version: STSv1\r\nmode: enforce\r\nmx: mail.x.example\r\nmx: *.Backup.x.example\r\nmax_age: 86400\r\n'

test('the record: version first, exactly one, a proper id', () => {
  assert.equal(policyId(['v=STSv1; id=20160831085700Z;']), '20160831085700Z')
  assert.equal(policyId(['v=STSv1;id=a', 'v=spf1 -all', 'other text']), 'a')
  for (const texts of [
    [],
    ['v=STSv1'],
    ['id=a; v=STSv1;'],
    ['v=STSv12; id=a'],
    ['v=STSv1; id=a', 'v=STSv1; id=b'],
    ['v=STSv1; id=a-b;'],
    [`v=STSv1; id=${'a'.repeat(33)};`],
  ]) {
    assert.equal(policyId(texts), undefined, texts.join())
  }
})

test('the policy file: fields in any order, unknown ones passed over, the first of a repeated one counts', () => {
  assert.deepEqual(parsePolicy(GOOD), {
    policy: { mode: 'enforce', maxAgeS: 86400, mx: ['mail.x.example', '*.backup.x.example'] },
  })
  assert.deepEqual(parsePolicy('max_age: 0\nx-new: 1\nmode: none\nmode: enforce\nversion: STSv1'), {
    policy: { mode: 'none', maxAgeS: 0, mx: [] },
  })
})

test('the policy file: what is not clear is refused', () => {
  const without = (line: RegExp) => GOOD.replace(line, '')
  for (const bad of [
    '',
    'garbage',
    without(/version[^\n]*\n/),
    without(/mode[^\n]*\n/),
    without(/max_age[^\n]*\n/),
    without(/mx[^\n]*\n/g),
    GOOD.replace('86400', '31557601'),
    GOOD.replace('86400', '-1'),
    GOOD.replace('mail.x.example', 'not a host'),
    GOOD.replace('enforce', 'doubt'),
    `${GOOD}<html>`,
  ]) {
    assert.ok('fault' in parsePolicy(bad), bad)
  }
  fc.assert(fc.property(fc.string(), (text) => void parsePolicy(text)))
})

test('hosts: names match whole, a wildcard one label', () => {
  const { policy } = parsePolicy(GOOD) as Extract<ReturnType<typeof parsePolicy>, { policy: unknown }>
  for (const host of ['mail.x.example', 'MAIL.x.example.', 'a.backup.x.example'])
    assert.ok(allowsMx(policy, host), host)
  for (const host of [
    'x.example',
    'a.mail.x.example',
    'backup.x.example',
    'a.b.backup.x.example',
    'evilmail.x.example',
    '',
  ])
    assert.ok(!allowsMx(policy, host), host)
})

/** MTA-STS with a domain whose record, web server and time a test sets. */
function setUp() {
  const state = {
    txt: 'v=STSv1; id=1;',
    body: GOOD,
    status: 200,
    contentType: 'text/plain',
    fault: '',
    nowMs: 0,
    fetched: 0,
  }
  const get: HttpsGet = async ({ host, path }) => {
    state.fetched++
    assert.deepEqual([host, path], ['mta-sts.x.example', '/.well-known/mta-sts.txt'])
    const { status, contentType, body, fault } = state
    return fault ? { fault } : { status, contentType, body: Buffer.from(body) }
  }
  const records = (): FixedRecords => (state.txt === '' ? { timeout: true } : { TXT: [state.txt] })
  const dns = {
    resolve: (name: string, type: 'TXT') => fixedDns({ '_mta-sts.x.example': records() }).resolve(name, type),
  }
  const clock = { now: () => state.nowMs, monotonic: () => state.nowMs } as Clock
  return { state, sts: new MtaSts({ dns: dns as never, clock, get }) }
}

test('a policy is fetched once, and again when its id changes', async () => {
  const { state, sts } = setUp()
  const answers = await Promise.all([sts.policyFor('x.example'), sts.policyFor('X.example.')])
  assert.deepEqual(
    answers.map(({ policy }) => policy?.mode),
    ['enforce', 'enforce'],
  )
  await sts.policyFor('x.example')
  assert.equal(state.fetched, 1)
  state.txt = 'v=STSv1; id=2;'
  state.body = GOOD.replace('enforce', 'testing')
  assert.equal((await sts.policyFor('x.example')).policy?.mode, 'testing')
  assert.equal(state.fetched, 2)
})

test('a policy that was seen holds when DNS or HTTPS are blocked, until it is out of date', async () => {
  const { state, sts } = setUp()
  await sts.policyFor('x.example')
  state.txt = ''
  assert.equal((await sts.policyFor('x.example')).policy?.mode, 'enforce')
  state.txt = 'v=STSv1; id=2;'
  state.fault = 'connection refused'
  assert.equal((await sts.policyFor('x.example')).policy?.mode, 'enforce')
  state.nowMs = 86_400_000
  assert.equal((await sts.policyFor('x.example')).policy, undefined)
})

test('after a failure the web server is left alone for five minutes', async () => {
  const { state, sts } = setUp()
  state.status = 404
  await sts.policyFor('x.example')
  state.status = 200
  assert.equal((await sts.policyFor('x.example')).policy, undefined)
  assert.equal(state.fetched, 1)
  state.nowMs = 300_000
  assert.equal((await sts.policyFor('x.example')).policy?.mode, 'enforce')
})

test('redirects, other types and overlong answers bring no policy', async () => {
  for (const wrong of [
    { status: 301 },
    { contentType: 'text/html' },
    { contentType: 'text/plainer' },
    { body: `${GOOD}${' '.repeat(70_000)}` },
  ]) {
    const { state, sts } = setUp()
    Object.assign(state, wrong)
    assert.equal((await sts.policyFor('x.example')).policy, undefined, JSON.stringify(wrong).slice(0, 60))
  }
})

test('what is no domain is not asked about', async () => {
  const { state, sts } = setUp()
  for (const name of ['', 'x', '.x.example', '[192.0.2.1]', '192.0.2.1', 'a b.example']) {
    assert.equal((await sts.policyFor(name)).policy, undefined, name)
  }
  assert.equal(state.fetched, 0)
})
