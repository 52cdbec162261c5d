// Where a message is: by everything that is known of it, over the agents it passed, and for each person his own mail alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { findStories, visibleTo, type WhereSource } from './find.ts'
import { lineOf, sentenceOf } from './sentence.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'

async function start() {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: expires=2h\n`)
  const sources: WhereSource[] = [...world.system.agents].map(([agent]) => ({
    agent,
    reads: world.agent(agent).store.where,
  }))
  const find = (question: string) => findStories(sources, question, 20)
  return { world, sources, find }
}

test('a delivered message: by subject, Message-ID, addresses, trace and reply; from MSA to mailbox and UID, wherever it is now', async () => {
  const { world, find } = await start()
  await world.submit(BOB, 'Subject: Plums on Sunday\n\nCome and pick some.\n')
  await world.submit(BOB, 'Subject: Another\n\nThis is not it.\n')
  await world.quiet()
  const [story, ...others] = find('plums on')
  assert.equal(others.length, 0)
  const { messageId } = story!
  const trace = story!.events[0]!.trace
  assert.match(
    sentenceOf(story!),
    /^Delivered [\d -]+[\d:]+ at recipient to bob@recipient\.test; now in INBOX, UID 1\.$/,
  )
  const roles = story!.events.map(({ role, agent, kind }) => `${role}@${agent} ${kind}`)
  assert.ok(
    roles.includes('MSA@sender accepted') &&
      roles.includes('MDA@recipient delivered') &&
      roles.includes('Transmitter@sender transmitted'),
    roles.join(),
  )
  assert.match(story!.events.map(lineOf).join('\n'), /MDA@recipient .*spf=\w+, dkim=\w+, dmarc=\w+/)
  for (const question of [`<${messageId}>`, messageId, trace, `250 2.0.0 accepted as ${trace}`])
    assert.deepEqual(
      find(question).map((one) => one.messageId),
      [messageId],
      question,
    )
  for (const question of [ANNA, BOB.toUpperCase(), '127.0.0.1'].slice(0, 2))
    assert.equal(find(question).length, 2, question)
  assert.deepEqual(find('nobody@nowhere.test'), [])
})

test('what leaves, waits, fails and is refused says so in its first words', async () => {
  const { world, find } = await start()
  const far = world.stranger('127.0.50.1', domainAt('far.test', '127.0.50.1'))
  let answer = reply(451, '4.3.0', 'come again')
  await serveScript(world, far, { message: () => answer })
  await world.submit('carl@far.test', 'Subject: Late letter\n\nx\n')
  await world.passTime(30_000)
  assert.match(
    sentenceOf(find('late letter')[0]!),
    /^Waiting at sender, next attempt .*; last answer: 451 4\.3\.0 come again\.$/,
  )
  answer = reply(250, '2.0.0', 'queued as X1')
  await world.quiet()
  const taken = find('late letter')[0]!
  assert.match(
    sentenceOf(taken),
    /^Accepted .* by mail\.far\.test.*, reply 250 2\.0\.0 queued as X1; not in our hands since\.$/,
  )
  assert.match(taken.events.map(lineOf).join('\n'), /attempt 1 {2}deferred[\s\S]*attempt 2 {2}transmitted/)
  answer = reply(550, '5.7.1', 'not from you')
  await world.submit('dora@far.test', 'Subject: Unwanted\n\nx\n')
  await world.quiet()
  assert.match(sentenceOf(find('Unwanted')[0]!), /^Failed .*550 5\.7\.1 not from you/)
  assert.equal(find('not from you').length, 1)
  // Nobody has a name for it: it never came in.
  await world.send(far, 'recipient', 'smtp', { from: 'x@far.test', to: 'nobody@recipient.test', helo: 'mail.far.test' })
  await world.passTime(1000)
  const [refused] = find('nobody@recipient.test')
  assert.match(sentenceOf(refused!), /^Refused .* by Receiver recipient: .* It was never in our hands\.$/)
  assert.equal(
    find('127.0.50.1').some(({ events }) => events[0]!.trace === refused!.events[0]!.trace),
    true,
  )
})

test('a person sees what he sent and what came to him, and not what others have', async () => {
  const { world, sources } = await start()
  await world.submit([BOB, 'postmaster@sender.test'], 'Subject: To two\n\nx\n')
  await world.quiet()
  const source = sources.find(({ agent }) => agent === 'sender')!
  const { store } = world.agent('sender')
  const anna = store.accountByAddress(ANNA)!.id
  const seenBy = (addresses: string[], account: number) =>
    findStories(
      [source],
      'to two',
      20,
      visibleTo(addresses, (trace) => store.sent.owner(trace) === account),
    )
  const annas = seenBy([ANNA], anna)
  assert.equal(annas.length, 1)
  assert.ok(annas[0]!.events.some(({ forwardPath }) => forwardPath === BOB))
  assert.doesNotMatch(JSON.stringify(annas[0]!.events.filter(({ role }) => role === 'MDA')), /inbox|Junk/i)
  const masters = seenBy(['postmaster@sender.test'], -1)
  assert.deepEqual([...new Set(masters[0]!.events.map(({ forwardPath }) => forwardPath))], ['postmaster@sender.test'])
  assert.deepEqual(seenBy(['eve@sender.test'], -1), [])
})
