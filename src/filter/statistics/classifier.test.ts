import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStructure } from '../../message/mime.ts'
import { Classifier, SPAM_THRESHOLD } from './classifier.ts'
import { figuresOf, type Scored } from './evaluate.ts'
import { type Features, featuresOf } from './features.ts'

const SPAM = 'free offer winner pills cheap click now limited guarantee money mortgage casino'.split(' ')
const HAM = 'meeting patch report lunch review schedule kernel thanks draft train garden school'.split(' ')
const BOTH = 'the a we you today please in of and for with is on it this new all'.split(' ')

/** A small world of mail: every message has words of its kind among common ones, drawn by a fixed sequence. */
function madeCorpus(count: number): { features: Features; isSpam: boolean }[] {
  let state = 7
  const draw = (max: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % max
  }
  return Array.from({ length: count }, () => {
    const isSpam = draw(2) === 0
    const own = isSpam ? SPAM : HAM
    const words = Array.from({ length: 40 }, () => (draw(5) === 0 ? own[draw(own.length)] : BOTH[draw(BOTH.length)]))
    return { features: message(`Subject: ${words.slice(0, 3).join(' ')}\r\n\r\n${words.join(' ')}\r\n`), isSpam }
  })
}

function message(text: string): Features {
  return featuresOf(parseStructure(Buffer.from(text)))
}

function scoreThenLearn(classifier: Classifier, corpus: ReturnType<typeof madeCorpus>): Scored[] {
  return corpus.map(({ features, isSpam }) => {
    const score = classifier.score(features)
    classifier.learn(features, isSpam)
    return { score, isSpam }
  })
}

test('it knows nothing at first, and learns from what it is shown', () => {
  const classifier = new Classifier(16)
  const corpus = madeCorpus(300)
  assert.ok(classifier.score(corpus[0]!.features) < 0.5, 'what is new gets the benefit of the doubt')
  const scored = scoreThenLearn(classifier, corpus)
  const early = figuresOf(scored.slice(0, 60)).errorAreaPercent
  const late = figuresOf(scored.slice(200)).errorAreaPercent
  assert.ok(late < early || late === 0, `${early} % at first, ${late} % later`)
  assert.ok(late < 0.5, `${late} %`)
  assert.equal(classifier.spamSeen + classifier.hamSeen, 300)
})

test('the state comes back from its bytes, and goes on learning alike', () => {
  const classifier = new Classifier(14)
  const corpus = madeCorpus(120)
  scoreThenLearn(classifier, corpus.slice(0, 80))
  const again = Classifier.fromBytes(classifier.toBytes())
  assert.ok(again)
  assert.deepEqual([again.spamSeen, again.hamSeen], [classifier.spamSeen, classifier.hamSeen])
  for (const { features, isSpam } of corpus.slice(80)) {
    // The weights were rounded to 16 bits.
    assert.ok(Math.abs(again.score(features) - classifier.score(features)) < 0.01)
    again.learn(features, isSpam)
    classifier.learn(features, isSpam)
  }
  assert.deepEqual(again.toBytes(), Classifier.fromBytes(again.toBytes())!.toBytes())
})

test('the same mail in the same order makes the same state', () => {
  const states = [1, 2].map(() => {
    const classifier = new Classifier(14)
    scoreThenLearn(classifier, madeCorpus(50))
    return classifier.toBytes()
  })
  assert.deepEqual(states[0], states[1])
})

test('the size of the state is bounded, and small while it is young', () => {
  const classifier = new Classifier(14)
  assert.ok(classifier.toBytes().length < 200)
  scoreThenLearn(classifier, madeCorpus(20))
  assert.ok(classifier.toBytes().length < 50_000)
  scoreThenLearn(classifier, madeCorpus(400))
  assert.ok(classifier.toBytes().length < 2 * 2 ** 14 * 3)
})

test('bytes that are no state give none, and nothing throws', () => {
  const classifier = new Classifier(10)
  scoreThenLearn(classifier, madeCorpus(5))
  const bytes = classifier.toBytes()
  assert.ok(Classifier.fromBytes(bytes))
  assert.equal(Classifier.fromBytes(Buffer.alloc(0)), undefined)
  assert.equal(Classifier.fromBytes(bytes.subarray(0, bytes.length - 1)), undefined)
  assert.equal(Classifier.fromBytes(Buffer.concat([bytes, Buffer.from([0])])), undefined)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const changed = Buffer.from(bytes)
      changed[at] = value
      const score = Classifier.fromBytes(changed)?.score(message('Subject: x\r\n\r\nfree'))
      assert.ok(score === undefined || (score >= 0 && score <= 1))
    }),
    { numRuns: 300 },
  )
})

test('one message learned again and again, or a flood of one kind, does not drown what is known', () => {
  const classifier = new Classifier(16)
  const corpus = madeCorpus(200)
  scoreThenLearn(classifier, corpus)
  for (let i = 0; i < 2000; i++) classifier.learn(message('Subject: we\r\n\r\nfree offer for you today'), true)
  const ham = corpus.filter(({ isSpam }) => !isSpam)
  const lost = ham.filter(({ features }) => classifier.score(features) >= SPAM_THRESHOLD)
  assert.equal(lost.length, 0)
})
