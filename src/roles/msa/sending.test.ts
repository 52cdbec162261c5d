// Requests that are done once, where the machine crashes between them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { partOf, requestOf, SendingDesk } from './sending.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'

async function setting() {
  const world = await TestSystem.start(TWO_AGENTS)
  const desk = () => {
    const agent = world.agent('sender')
    return new SendingDesk(agent, agent.store.accountByAddress(ANNA)!)
  }
  const source = Buffer.from(`From: ${ANNA}\r\nTo: ${BOB}\r\nSubject: once\r\n\r\nHello\r\n`)
  const mail = { reversePath: ANNA, forwardPaths: [BOB], source }
  const crash = async () => {
    world.system.crash('sender')
    await world.passTime(100)
    await world.run(world.system.restart('sender'))
  }
  return { world, desk, mail, crash }
}

test('a request that is made until it is answered sends one message, however often the machine crashes', async () => {
  const { world, desk, mail, crash } = await setting()
  const ids = new Set<string>()
  for (let n = 0; n < 12; n++) {
    const request = requestOf(`key ${n}`, ['send', mail.source])
    // Crashes earlier and later in what the request does; the program asks again.
    const first = desk()
      .send(mail, request)
      .catch(() => undefined)
    await world.passTime(n)
    await crash()
    void first
    const answer = await world.run(desk().send(mail, request))
    assert.equal(answer.state, 'taken')
    const again = await world.run(desk().send(mail, request))
    assert.ok(answer.state === 'taken' && again.state === 'taken')
    assert.deepEqual(again.answer, answer.answer)
    assert.ok(again.again)
    ids.add(answer.answer.id)
  }
  assert.equal(ids.size, 12)
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 12)
})

test('two requests at once are one; after a day the key is free', async () => {
  const { world, desk, mail } = await setting()
  const request = requestOf('key', ['send'])
  const both = await world.run(Promise.all([desk().send(mail, request), desk().send(mail, request)]))
  assert.deepEqual(both.map((one) => one.state === 'taken' && one.again).toSorted(), [false, true])
  assert.deepEqual((await world.run(desk().send(mail, requestOf('key', ['other'])))).state, 'another')
  await world.passTime(86_400_000)
  assert.equal((await world.run(desk().send(mail, requestOf('key', ['other'])))).state, 'taken')
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 2)
})

test('a batch that a crash broke off goes on: what it sent is not sent again', async () => {
  const { world, desk, mail, crash } = await setting()
  const request = requestOf('batch', ['all'])
  assert.equal(await world.run(desk().note(request, '')), '')
  for (const at of [0, 1]) await world.run(desk().send(mail, partOf(request, at)))
  await crash()
  assert.equal(await world.run(desk().note(request, '')), '')
  for (const at of [0, 1, 2]) assert.equal((await world.run(desk().send(mail, partOf(request, at)))).state, 'taken')
  assert.equal(await world.run(desk().note(request, 'the answer')), 'the answer')
  assert.equal(await world.run(desk().note(request, '')), 'the answer')
  assert.equal(await world.run(desk().note(requestOf('batch', ['another']), '')), 'another')
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 3)
})
