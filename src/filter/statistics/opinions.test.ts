import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseStructure } from '../../message/mime.ts'
import { type Features, featuresOf } from './features.ts'
import { withOpinion } from './finding.ts'
import { Opinions } from './opinions.ts'

const COMMON = 'the a we you today please in of and for with is on it this new all mail list one'.split(' ')

/** The n-th message on a subject: its words among common ones, drawn by a fixed sequence. */
function letter(subject: string, n: number): Features {
  let state = n * 7919 + 17
  const draw = (max: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % max
  }
  const words = Array.from({ length: 80 }, () =>
    draw(2) === 0 ? `${subject}${draw(20)}` : COMMON[draw(COMMON.length)],
  )
  const head =
    `Received: from mail.${subject}.test (mail.${subject}.test [192.0.2.${subject.length}]) by mx.here.test with ESMTP id ${n}; Mon, 23 Nov 2026 10:00:00 +0000\r\n` +
    `From: ${subject} <news@${subject}.test>\r\nTo: bob@here.test\r\nSubject: ${subject} ${words[0]} ${n}\r\n` +
    `Message-ID: <${n}@${subject}.test>\r\nList-Id: ${subject}.test\r\nX-Mailer: ${subject} 1.0\r\n`
  return featuresOf(parseStructure(Buffer.from(`${head}\r\n${words.join(' ')}\r\n`)))
}

const NOTHING = { points: 0, hits: [] }

/** Points that an account gets for the n-th message on a subject; undefined where there is no opinion. */
function points(opinions: Opinions, account: number, subject: string, n = 1000): number | undefined {
  const opinion = opinions.of(account, () => letter(subject, n))
  return opinion === undefined ? undefined : withOpinion(NOTHING, opinion).points
}

function teach(opinions: Opinions, account: number, subject: string, isSpam: boolean, count: number, told = true) {
  for (let n = 0; n < count; n++) opinions.learn({ account, isSpam, told }, letter(subject, n + account * 100))
}

const fresh = () => new Opinions(() => undefined)

test('there is no opinion before there are lessons of both kinds, and nothing is read for it', () => {
  const opinions = fresh()
  const unread = () => assert.fail('read for nothing')
  assert.equal(opinions.of(4, unread), undefined)
  teach(opinions, 4, 'casino', true, 40)
  assert.equal(opinions.of(4, unread), undefined)
  assert.equal(opinions.of(undefined, unread), undefined)
  teach(opinions, 4, 'garden', false, 15)
  assert.ok(points(opinions, 4, 'casino')! >= 5, `${points(opinions, 4, 'casino')}`)
  assert.ok(points(opinions, 4, 'garden')! <= 0)
})

test('a few decisions are enough for mail that is quite like it, and say little of other mail', () => {
  const opinions = fresh()
  teach(opinions, 4, 'casino', true, 8)
  teach(opinions, 4, 'garden', false, 8)
  assert.ok(points(opinions, 4, 'casino')! >= 5, `${points(opinions, 4, 'casino')}`)
  for (const other of ['school', 'invoice', 'choir']) assert.ok(Math.abs(points(opinions, 4, other)!) < 5, other)
})

test('one person, however much they teach, decides over nobody else; two of the jury do', () => {
  const opinions = fresh()
  for (const account of [3, 4, 5]) {
    teach(opinions, account, 'casino', true, 25)
    teach(opinions, account, 'garden', false, 25)
  }
  const before = points(opinions, 99, 'choir')!
  assert.ok(before < 5)
  teach(opinions, 4, 'choir', true, 200)
  assert.ok(points(opinions, 4, 'choir')! >= 5)
  assert.ok(points(opinions, 99, 'choir')! < 5)
  assert.ok(points(opinions, 100, 'choir')! < 5)
  teach(opinions, 5, 'choir', true, 10)
  assert.ok(points(opinions, 99, 'choir')! >= 5)
  // What they all call spam is spam for who has taught nothing, and for mail to nobody in particular.
  assert.ok(points(opinions, 99, 'casino')! >= 5)
  assert.ok(opinions.of(undefined, () => letter('casino', 1000))!.logOdds > 2)
})

test('a Recipient who wants what others call spam gets it, and the others do not', () => {
  const opinions = fresh()
  for (const account of [3, 4, 5]) {
    teach(opinions, account, 'casino', true, 30)
    teach(opinions, account, 'garden', false, 30)
  }
  assert.ok(points(opinions, 7, 'casino')! >= 5)
  teach(opinions, 7, 'casino', false, 2)
  assert.ok(points(opinions, 7, 'casino')! < 0)
  assert.ok(points(opinions, 8, 'casino')! >= 5)
  // What has nothing to do with it stays as it was.
  assert.ok(points(opinions, 7, 'garden')! <= 0)
})

test('who has taught enough is heard more than the system', () => {
  const opinions = fresh()
  for (const account of [3, 4, 5]) {
    teach(opinions, account, 'casino', true, 30)
    teach(opinions, account, 'garden', false, 30)
  }
  assert.equal(opinions.of(6, () => letter('casino', 1000))!.whose, 'system')
  teach(opinions, 6, 'invoice', true, 120)
  teach(opinions, 6, 'choir', false, 120)
  assert.equal(opinions.of(6, () => letter('invoice', 1000))!.whose, 'own')
})

test('a change of mind counts at once', () => {
  const opinions = fresh()
  teach(opinions, 4, 'casino', true, 10)
  teach(opinions, 4, 'garden', false, 10)
  assert.ok(points(opinions, 4, 'casino')! >= 5)
  teach(opinions, 4, 'casino', false, 2)
  assert.ok(points(opinions, 4, 'casino')! < 5)
  teach(opinions, 4, 'casino', true, 2)
  assert.ok(points(opinions, 4, 'casino')! >= 5)
})

test('what is only shown counts less than what is told', () => {
  const [shown, told] = [false, true].map((isTold) => {
    const opinions = fresh()
    teach(opinions, 4, 'casino', true, 5)
    teach(opinions, 4, 'garden', false, 5, isTold)
    return opinions.of(4, () => letter('garden', 1000))!.logOdds
  })
  assert.ok(told! < shown! && shown! < 0, `${told} ${shown}`)
})

test('states come back, those of many Recipients take turns in memory, and what is unsaved stays', () => {
  const saved = new Map<number, Uint8Array>()
  const opinions = new Opinions((owner) => saved.get(owner))
  const save = () => {
    for (const { owner, state } of opinions.changedStates()) saved.set(owner, state)
    opinions.saved()
  }
  for (let account = 1; account <= 100; account++) {
    teach(opinions, account, `casino${account}`, true, 3)
    teach(opinions, account, 'garden', false, 3)
    if (account === 90) save()
  }
  assert.equal(saved.size, 93)
  save()
  assert.equal(saved.size, 103)
  for (let account = 1; account <= 100; account++) assert.ok(points(opinions, account, `casino${account}`)! >= 5)
  const again = new Opinions((owner) => saved.get(owner))
  for (let account = 1; account <= 100; account += 10) {
    const features = () => letter(`casino${account}`, 1000)
    const difference = again.of(account, features)!.logOdds - opinions.of(account, features)!.logOdds
    assert.ok(Math.abs(difference) < 0.05, `${difference}`)
  }
  // Bytes that are no state are no state: it begins anew.
  const broken = new Opinions(() => Buffer.from('what is this?'))
  assert.equal(
    broken.of(1, () => assert.fail()),
    undefined,
  )
})

test('who never taught anything is looked for once, however many they are, and is heard once he teaches', () => {
  const asked: number[] = []
  const opinions = new Opinions((owner) => {
    asked.push(owner)
    return undefined
  })
  for (let round = 0; round < 2; round++)
    for (let account = 1; account <= 200; account++) assert.equal(points(opinions, account, 'casino'), undefined)
  assert.equal(asked.length, 3 + 200)
  teach(opinions, 7, 'casino', true, 12)
  teach(opinions, 7, 'garden', false, 12)
  assert.ok(points(opinions, 7, 'casino')! > 0)
  assert.equal(asked.length, 3 + 200)
})
