import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from '../check.ts'
import { parse } from '../parse.ts'
import { applyEdits } from '../text.ts'
import { explain, explanationText } from './explain.ts'

const of = (text: string) => explain(parse(text).model)
const codes = (text: string) => check(parse(text).model).map(({ code }) => code)

const FORWARDED = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob

old: domain=old.example
`

test('the matrix: role, duty, who plays it, and whether it is kept', () => {
  const { duties } = of(FORWARDED)
  const row = (role: string, words: RegExp) => duties.find((one) => one.role === role && words.test(one.duty))!
  assert.deepEqual(row('MSA', /authenticates/).who, ['MSA/Transmitter@sender'])
  assert.equal(row('MSA', /authenticates/).state, 'kept')
  const untold = row('Forwarder', /whitelisted/)
  assert.equal(untold.state, 'broken')
  assert.deepEqual(untold.faults, ['Receiver/Forwarder@old: MDA@new does not know that it forwards for its Recipient.'])
  assert.equal(row('Recipient', /Forwarders/).state, 'broken')
  const told = of(`${FORWARDED}bob: trusts=old\n`).duties
  assert.deepEqual(
    told.filter(({ state }) => state !== 'kept').map(({ duty }) => duty),
    [],
  )
})

test('a role that a drawn side needs and nobody plays is told', () => {
  const { duties } = of('Author ==> MSA/Transmitter --> / --> Receiver ==> Recipient')
  assert.deepEqual(
    duties.filter(({ state }) => state === 'nobody').map(({ role }) => role),
    ['MDA'],
  )
})

test('trust: direct, through somebody, and none across the Border', () => {
  const { trust } = of(FORWARDED)
  const kinds = trust.map(({ a, b, kind, via }) => [a, b, kind, via])
  assert.deepEqual(kinds, [
    ['Author@anna', 'MSA/Transmitter@sender', 'direct', undefined],
    ['MDA@new', 'Recipient@bob', 'direct', undefined],
    ['Receiver/Forwarder@old', 'MDA@new', 'indirect', 'Recipient@bob'],
    ['Receiver/Forwarder@old', 'Recipient@bob', 'direct', undefined],
    ['MSA/Transmitter@sender', 'Receiver/Forwarder@old', 'none', undefined],
  ])
})

test('bounces: only toward who is known; an MDA behind a Forwarder never', () => {
  const { bounces } = of(FORWARDED)
  assert.deepEqual(
    bounces.map(({ who, may }) => [who, may]),
    [
      ['MSA/Transmitter@sender', true],
      ['Receiver/Forwarder@old', false],
      ['MDA@new', false],
    ],
  )
})

test('whitelists: who, whom, known by what, and the line that does it; taken, it is done', () => {
  const { whitelists } = of(FORWARDED)
  assert.deepEqual(whitelists, [
    {
      who: 'Recipient@bob',
      whom: 'Receiver/Forwarder@old',
      by: 'its seal (ARC, d=old.example)',
      isDone: false,
      line: 'bob: trusts=old',
    },
  ])
  const done = of(`${FORWARDED}${whitelists[0]!.line}\n`)
  assert.deepEqual(
    done.whitelists.map(({ isDone }) => isDone),
    [true],
  )
  const bare = of(FORWARDED.replace('old.example', 'old.example, arc=no'))
  assert.match(bare.whitelists[0]!.by, /its reverse-path \(SRS\), which SPF of old\.example proves/)
})

test('R06: an MSA that lets anybody in; with a way to know Authors it does not', () => {
  const text = 'Author@a ==> MSA/Transmitter@m --> / --> Receiver/MDA@r ==> Recipient@b\n\nm: password=no\n'
  assert.deepEqual(codes(text), ['R06'])
  assert.deepEqual(codes(`${text}m: network=192.0.2.0/24\n`), [])
  assert.deepEqual(codes(`${text}a: ip=192.0.2.7\n`), [])
})

test('R07: a Forwarder that makes honest mail look forged', () => {
  const text = `${FORWARDED}bob: trusts=old\n`
  assert.deepEqual(codes(text), [])
  assert.deepEqual(codes(`${text}old: srs=no\n`), [])
  assert.deepEqual(codes(`${text}old: srs=no, arc=no\n`), ['R07'])
  assert.deepEqual(codes(`${text}old: modifies=subject\n`), ['R07'])
})

test('R08: nobody keeps the mail', () => {
  assert.deepEqual(codes('Author ==> MSA/Transmitter --> / --> Receiver ==> Recipient'), ['R08'])
})

test('R09: mail carried without a relationship; the remedy draws it', () => {
  const text = 'Author ==> MSA@a --> Transmitter@b --> / --> Receiver/MDA ==> Recipient'
  const [found] = check(parse(text).model)
  assert.deepEqual([found!.code, found!.severity], ['R09', 'hint'])
  const mended = applyEdits(text, found!.fixes[0]!.edits)
  assert.equal(mended, 'Author ==> MSA@a ==> Transmitter@b --> / --> Receiver/MDA ==> Recipient')
  assert.deepEqual(codes(mended), [])
  assert.deepEqual(codes(`${text}\n\ncontract "smart host": a -- b\n`), [])
})

test('R10: a Border to oneself', () => {
  assert.deepEqual(codes('Author ==> MSA/Transmitter@me --> / --> Receiver/MDA@me ==> Recipient'), ['R10'])
})

test('R11: of two gateways one is the weaker', () => {
  const text = `
/ --> Receiver@one ==> MDA@home ==> Recipient@b

/ --> Receiver@two ==> MDA@home ==> Recipient@b

one: filter=no
`
  assert.deepEqual(codes(text), ['R11'])
  assert.deepEqual(codes(`${text}two: filter=no\n`), [])
})

test('R12: mail of nobody known leaves', () => {
  assert.deepEqual(codes('Gateway@g ==> Transmitter@t --> / --> Receiver/MDA ==> Recipient'), ['R12'])
})

test('R13: a backup MX that knows nobody by itself', () => {
  const text = '/ --> Backup MX@b ==> Receiver/MDA@home ==> Recipient\n\nb: domain=here.test, ip=192.0.2.1'
  assert.deepEqual(codes(text), ['R13'])
  assert.deepEqual(codes(`${text}, recipients=people.txt`), [])
  assert.match(explanationText(of(text)), /^ {2}!! {2}Backup MX .*Backup MX@b$/m)
})

test('who believes his backup MX does his Border defence at the Border all the same', () => {
  const text = explanationText(of('/ --> Backup MX@b ==> Receiver/MDA@home ==> Recipient'))
  assert.match(text, /^ {2}ok {2}Receiver +does the Border defence, at the Border: Receiver\/MDA@home$/m)
  assert.match(text, /^ {2}ok {2}Backup MX +does the same Border defence as the one it stands in for/m)
  const stranger = explanationText(of('/ --> Transmitter@b --> Receiver/MDA@home ==> Recipient'))
  assert.match(stranger, /^ {2}!! {2}Receiver +does the Border defence, at the Border: Receiver\/MDA@home$/m)
})

test('as text: every part has its heading, and what is not kept says why', () => {
  const text = explanationText(of(FORWARDED))
  for (const heading of ['Who answers for what', 'Who can trust whom', 'Who may send a bounce', 'What to whitelist'])
    assert.ok(text.includes(`\n${heading}\n`), heading)
  assert.match(text, /^ {2}!! {2}Forwarder +makes sure that the Recipient has it whitelisted: /m)
  assert.match(text, /why: Forwarders should make sure/)
})
