import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { complete } from './complete.ts'
import { hover } from './hover.ts'
import { parse } from './parse.ts'

const FLOW = 'Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@home ==> Recipient@bob\n\n'

/** What is offered where `^` stands; with what the text becomes when the first is taken. */
function at(marked: string) {
  const offset = marked.indexOf('^')
  const text = marked.slice(0, offset) + marked.slice(offset + 1)
  const { from, to, suggestions } = complete(text, offset)
  const taken = suggestions[0] === undefined ? text : text.slice(0, from) + suggestions[0].insert + text.slice(to)
  return { labels: suggestions.map(({ label }) => label), suggestions, taken }
}

test('roles where a role is expected, the usual one first', () => {
  assert.equal(at('^').labels[0], 'Author')
  assert.equal(at('Author ==> ^').labels[0], 'MSA')
  assert.equal(at('Author ==>^').taken, 'Author ==> MSA')
  assert.equal(at('MSA/Transmitter --> / --> ^').labels[0], 'Receiver')
  assert.equal(at('Receiver --> ^').labels[0], 'MDA')
  assert.deepEqual(at('Author ==> Tra^').labels, ['Transmitter'])
  assert.equal(at('Author ==> Tra^ --> /').taken, 'Author ==> Transmitter --> /')
  assert.equal(at('--> / --> open re^').taken, '--> / --> Open Relay')
  assert.equal(at('Author ==> MSA/t^').labels[0], 'Transmitter')
})

test('what people call a role is offered as the role', () => {
  const [first] = at('--> / --> mx^').suggestions.filter(({ kind }) => kind === 'synonym')
  assert.deepEqual([first!.label, first!.insert], ['mx', 'Receiver'])
  assert.equal(at('Author ==> smtp re^').taken, 'Author ==> Transmitter')
  assert.match(first!.says, /Border defense/)
})

test('arrows behind an actor, and in place of half an arrow', () => {
  assert.deepEqual(at('Author ^').labels, ['==>', '-->', '~~>', '--> / -->'])
  assert.equal(at('Author =^').taken, 'Author ==> ')
  assert.equal(at('Author ~^').taken, 'Author ~~> ')
  assert.equal(at('Author@anna -^').taken, 'Author@anna --> ')
  assert.equal(at('MSA --> / ^').labels.includes('-->'), true)
})

test('names behind @, in targets and where a setting names somebody', () => {
  assert.deepEqual(at(`${FLOW}Author@^`).labels, ['anna', 'sender', 'home', 'bob'])
  assert.deepEqual(at(`${FLOW}Author@se^`).labels, ['sender'])
  assert.equal(at(`${FLOW}sen^`).taken, `${FLOW}sender: `)
  assert.equal(at(`${FLOW}bob: trusts=se^`).taken, `${FLOW}bob: trusts=sender`)
  assert.ok(at(`${FLOW}--> / --> ^`).labels.includes('Receiver/MDA@home'))
  assert.deepEqual(at(`|- My Net -|\n${FLOW}bob: in=^`).taken, `|- My Net -|\n${FLOW}bob: in="My Net"`)
})

test('settings of an agent, of a person, of a contract; what is said already comes last', () => {
  const agent = at(`${FLOW}home: d^`)
  assert.equal(agent.labels[0], 'domain')
  assert.equal(agent.taken, `${FLOW}home: domain=`)
  assert.match(agent.suggestions[0]!.says, /whose mail it handles/)
  assert.equal(at(`${FLOW}home: domain=x.test, ^`).labels.at(-1), 'domain')
  assert.ok(at(`${FLOW}bob: ^`).labels.includes('quota') && !at(`${FLOW}bob: ^`).labels.includes('dkim'))
  assert.ok(at(`${FLOW}contract "x": ^`).labels.includes('messages-per-day'))
  assert.ok(at(`${FLOW}home: domain=x.test,\n   ^`).labels.includes('arc'))
  assert.deepEqual(at(`${FLOW}home: domain=x.test\n^`).labels.includes('arc'), false)
  assert.deepEqual(at(`${FLOW}machine m: ho^`).labels, ['home'])
})

test('the words that a setting takes', () => {
  assert.deepEqual(at(`${FLOW}home: dmarc=^`).labels, ['none', 'quarantine', 'reject'])
  assert.deepEqual(at(`${FLOW}home: domain=x.test, dmarc=q^`).taken, `${FLOW}home: domain=x.test, dmarc=quarantine`)
  assert.equal(at(`${FLOW}home: modifies=subject,fo^`).taken, `${FLOW}home: modifies=subject,footer`)
  assert.equal(at(`${FLOW}home: modifies="subject fo^"`).taken, `${FLOW}home: modifies="subject footer"`)
  assert.deepEqual(at(`${FLOW}home: domain=^`).labels, [])
  assert.deepEqual(at(`${FLOW}home: dkim^`).suggestions[0]!.words, ['yes', 'no'])
})

test('nothing where nothing can be helped', () => {
  for (const text of ['# Aut^', 'Author # Re^', '|--- Sen^', 'Transmitter*^', 'Author ==> MSA^'])
    assert.deepEqual(
      at(text).labels.filter((label) => label !== 'mail submission agent' && label !== 'submission'),
      [],
      text,
    )
})

test('whatever is offered is read as what it says', () => {
  for (const { kind, insert } of at('Author ==> ^').suggestions) {
    if (kind !== 'role') continue
    assert.deepEqual(parse(`Author ==> ${insert}`).findings, [], insert)
  }
  for (const { insert } of at('Author ^').suggestions) {
    const { findings, model } = parse(`Author ${insert}MSA`)
    assert.deepEqual(findings, [], insert)
    assert.equal(model.hops.length, 1)
  }
})

test('hover says what a thing is, in the words of the article', () => {
  const text = `|--- Home Net ---|\n${FLOW}home: dmarc=reject, spf=no\nbob: trusts=sender\n`
  const over = (word: string, skip = 0) => hover(text, text.indexOf(word) + skip)
  assert.deepEqual(over('Author'), {
    from: text.indexOf('Author'),
    to: text.indexOf('Author') + 6,
    title: 'Author',
    says: 'composes a message, and hands it to his MSA',
  })
  assert.match(over('==>')!.says, /^a direct relationship between actors/)
  assert.match(over(' / ', 1)!.says, /no relationship between agents across it/)
  assert.match(over('/Transmitter')!.says, /multiple roles/)
  assert.deepEqual(over('@home', 2)!.title, '@home')
  assert.match(over('@home')!.says, /an agent in the role of Receiver, MDA/)
  assert.match(over('Home Net')!.says, /^a network: /)
  assert.match(over('dmarc')!.says, /the policy that it publishes.* One of: none, quarantine, reject\./)
  assert.match(over('home:')!.says, /an agent/)
  assert.equal(hover('# a remark', 3), undefined)
  assert.equal(hover('', 0), undefined)
})

test('at every place of every text there is an answer, and its range is what was typed', () => {
  const gallery = join(import.meta.dirname, '../../gallery')
  const texts = readdirSync(gallery).filter((name) => name.endsWith('.borderpost'))
  const real = fc.constantFrom(...texts.map((name) => readFileSync(join(gallery, name), 'utf8')))
  const wild = fc.stringMatching(/^[ -~\n|/@*:="#→]{0,80}$/)
  fc.assert(
    fc.property(fc.oneof(real, wild, fc.string()), fc.nat(), (text, n) => {
      const offset = n % (text.length + 1)
      const { from, to, suggestions } = complete(text, offset)
      assert.ok(from >= 0 && from <= offset && to === offset && !/[\r\n]/.test(text.slice(from, to)))
      assert.ok(new Set(suggestions.map(({ insert, label }) => insert + label)).size === suggestions.length)
      const found = hover(text, offset)
      if (found !== undefined) assert.ok(found.from <= offset && offset < found.to && found.says !== '')
    }),
    { numRuns: 300 },
  )
})
