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

test('the record, field by field (RFC 8461 §3.1)', () => {
  for (const [text, id] of [
    ['v=STSv1; id=20160831085700Z', '20160831085700Z'],
    ['v=STSv1 ; id=a ;', 'a'],
    ['v=STSv1;\tid=a\t;\t', 'a'],
    ['v=STSv1; id=a ', 'a'],
    [`v=STSv1; id=${'a'.repeat(32)};`, 'a'.repeat(32)],
    ['v=STSv1; x-new.field_1=value!; id=a', 'a'],
    ['v=STSv1; id=a; id=b;', 'a'],
    ['v=STSv1; id=a; next=b:c/d;', 'a'],
    // Not well formed, so nothing is announced.
    ['v=STSv1; id=a; garbage', undefined],
    ['v=STSv1; id=a;;', undefined],
    ['v=STSv1; id=a b;', undefined],
    ['v=STSv1; id=a; x=', undefined],
    ['v=STSv1; id=a; x=b=c', undefined],
    ['v=STSv1; id=a; x=\u00e4', undefined],
    ['v=STSv1; id=a; -x=b', undefined],
    [`v=STSv1; id=a; ${'x'.repeat(33)}=b`, undefined],
    ['v=STSv1; id = a', undefined],
    ['v=STSv1; ID=a', undefined],
    ['v=STSv1; id=', undefined],
    ['v=STSv1; id="a"', undefined],
    ['v=STSv1; id=a-b; id=c', undefined],
    // No record of this kind.
    [' v=STSv1; id=a', undefined],
    ['V=STSv1; id=a', undefined],
    ['v=stsv1; id=a', undefined],
    ['v=STSv1 id=a', undefined],
    ['v=STSv2; id=a', undefined],
    ['"v=STSv1; id=a"', undefined],
  ] as const)
    assert.equal(policyId([text]), id, text)
  // Others are discarded before they are counted; two of this kind are none, also where one is broken.
  assert.equal(policyId(['v=STSv12; id=x', 'v=STSv1; id=a;']), 'a')
  assert.equal(policyId(['v=STSv1; garbage', 'v=STSv1; id=a;']), undefined)
})

test('the policy file, line by line (RFC 8461 §3.2)', () => {
  const policy = (...lines: string[]) => parsePolicy(lines.join('\n'))
  const [version, mode, mx, age] = ['version: STSv1', 'mode: enforce', 'mx: mail.x.example', 'max_age: 86400']
  const good = { policy: { mode: 'enforce', maxAgeS: 86400, mx: ['mail.x.example'] } }
  for (const text of [
    [version, mode, mx, age].join('\n'),
    [version, mode, mx, age, ''].join('\r\n'),
    `${version}\r\n${mode}\n${mx}\r\n${age}`,
    [age, mx, mode, version].join('\n'),
    ['version:STSv1', 'mode:enforce', 'mx:mail.x.example', 'max_age:86400'].join('\n'),
    ['version:\t STSv1 \t', 'mode:  enforce ', 'mx:\tmail.x.example\t', 'max_age: 86400  '].join('\n'),
    [version, mode, mx, age, 'x-new_field.1: \u00e4 value: with colons'].join('\n'),
    [version, 'version: STSv2', mode, 'mode: none', mx, age, 'max_age: 1'].join('\n'),
    [version, mode, mx, 'max_age: 0000086400'].join('\n'),
    [version, mode, 'mx: MAIL.x.Example.', age].join('\n'),
  ])
    assert.deepEqual(parsePolicy(text), good, JSON.stringify(text))
  for (const bad of [
    policy('version: STSv2', mode, mx, age, version),
    policy('version: stsv1', mode, mx, age),
    policy('Version: STSv1', mode, mx, age),
    policy(version, 'mode: Enforce', mx, age),
    policy(version, 'Mode: enforce', mx, age),
    policy(version, 'mode: none enforce', mx, age),
    policy(version, 'mode enforce', mx, age),
    policy(version, 'mode : enforce', mx, age),
    policy(version, ' mode: enforce', mx, age),
    policy(version, mode, mx, 'max_age:'),
    policy(version, mode, mx, 'max_age: 1.5'),
    policy(version, mode, mx, 'max_age: +1'),
    policy(version, mode, mx, 'max_age: 1e3'),
    policy(version, mode, mx, 'max_age: 0x10'),
    policy(version, mode, mx, 'max_age: 31557601'),
    policy(version, mode, mx, 'max_age: 00000000001'),
    policy(version, mode, mx, 'max-age: 86400'),
    policy(version, mode, 'mx:', age),
    policy(version, mode, 'mx: *', age),
    policy(version, mode, 'mx: *.', age),
    policy(version, mode, 'mx: .x.example', age),
    policy(version, mode, 'mx: **.x.example', age),
    policy(version, mode, 'mx: *.*.x.example', age),
    policy(version, mode, 'mx: mail.*.example', age),
    policy(version, mode, 'mx: mail*.x.example', age),
    policy(version, mode, 'mx: a.x.example, b.x.example', age),
    policy(version, mode, 'mx: 192.0.2.1', age),
    policy(version, mode, 'mx: [192.0.2.1]', age),
    policy(version, mode, 'mx: https://mail.x.example', age),
    policy(version, mode, 'mx: mail.x.example:25', age),
    policy(`\ufeff${version}`, mode, mx, age),
    policy(version, mode, mx, age, '# a comment'),
    policy(version, mode, mx, age, `${'x'.repeat(33)}: y`),
    policy(version, mode, mx, age, '-x: y'),
    parsePolicy([version, mode, mx, age].join('\r')),
    parsePolicy([version, mode, mx, age].join('; ')),
  ])
    assert.ok('fault' in bad, JSON.stringify(bad))
  const many = policy(version, mode, ...Array.from({ length: 2000 }, (_, n) => `mx: m${n}.x.example`), age)
  assert.ok('policy' in many && allowsMx(many.policy, 'm1999.x.example'))
  assert.deepEqual(policy(version, 'mode: none', 'max_age: 31557600'), {
    policy: { mode: 'none', maxAgeS: 31_557_600, mx: [] },
  })
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
