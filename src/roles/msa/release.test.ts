// Mail that waits until its Author wants it to leave, over JMAP and in the simulated world (RFC 4865, RFC 8621 §7).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handleRequest } from '../../protocols/jmap/request.ts'
import { CORE, MAIL, SUBMISSION } from '../../protocols/jmap/types.ts'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { backendsOf } from '../../system/web.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'
const HOUR_MS = 3_600_000

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
type Loose = any

/** Anna writes over JMAP, to be sent in an hour. */
async function held(to: string) {
  const world = await TestSystem.start(TWO_AGENTS)
  const backend = backendsOf([...world.system.agents.values()]).accountFor(ANNA)!
  const accountId = `a${backend.account.id}`
  const one = async (method: string, args: object): Promise<Loose> => {
    const methodCalls = [[method, { accountId, ...args }, '0']]
    const body = Buffer.from(JSON.stringify({ using: [CORE, MAIL, SUBMISSION], methodCalls }))
    const answer: Loose = await world.run(handleRequest(backend, body))
    return answer.response.methodResponses[0][1]
  }
  const drafts = `m${backend.store.mailboxByUse(backend.account.id, 'drafts')!.id}`
  const made = await one('Email/set', {
    create: { m: { mailboxIds: { [drafts]: true }, from: [{ email: ANNA }], to: [{ email: to }], subject: 'Later' } },
  })
  const { list } = await one('Identity/get', {})
  const { state } = await one('EmailSubmission/get', { ids: [] })
  const envelope = { mailFrom: { email: ANNA, parameters: { HOLDFOR: '3600' } }, rcptTo: [{ email: to }] }
  const set = await one('EmailSubmission/set', {
    create: { s: { identityId: list[0].id, emailId: made.created.m.id, envelope } },
  })
  assert.equal(set.notCreated, null)
  assert.equal(set.created.s.undoStatus, 'pending')
  const { id } = set.created.s
  assert.deepEqual((await one('EmailSubmission/changes', { sinceState: state })).created, [id])
  const show = async () => (await one('EmailSubmission/get', { ids: [id] })).list[0]
  const sleep = (ms: number) => world.simulation.runFor(ms)
  return { world, one, id, show, sleep, store: backend.store }
}

test('held mail leaves at its time, not before, and not twice', async () => {
  const { world, show, sleep } = await held(BOB)
  await sleep(HOUR_MS - 60_000)
  assert.equal((await world.mail('recipient', BOB)).length, 0)
  assert.equal((await show()).undoStatus, 'pending')
  await sleep(3 * 60_000)
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 1)
  const shown = await show()
  assert.equal(shown.undoStatus, 'final')
  assert.match(shown.deliveryStatus[BOB].smtpReply, /^250 /)
})

test('held mail for somebody at this agent goes to his mailbox at its time', async () => {
  const { world, sleep, show } = await held(ANNA)
  await sleep(HOUR_MS - 60_000)
  const before = (await world.mail('sender', ANNA)).length
  await sleep(3 * 60_000)
  await world.quiet()
  const mail = await world.mail('sender', ANNA)
  assert.equal(mail.length, before + 1)
  assert.ok(mail.some(({ text }) => /^Return-Path: <anna@sender\.test>\r\n/.test(text)))
  assert.equal((await show()).deliveryStatus[ANNA].delivered, 'yes')
})

test('what is held can be taken back, and only while it is held', async () => {
  const { world, one, id, show, sleep, store } = await held(BOB)
  const cancel = { update: { [id]: { undoStatus: 'canceled' } } }
  assert.equal(
    (await one('EmailSubmission/set', { update: { [id]: { sendAt: null } } })).notUpdated[id].type,
    'invalidProperties',
  )
  assert.deepEqual((await one('EmailSubmission/set', cancel)).updated, { [id]: null })
  assert.equal((await show()).undoStatus, 'canceled')
  assert.equal(store.queue.length(), 0)
  await sleep(2 * HOUR_MS)
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 0)

  const sent = await held(BOB)
  await sent.sleep(HOUR_MS + 120_000)
  const late = await sent.one('EmailSubmission/set', { update: { [sent.id]: { undoStatus: 'canceled' } } })
  assert.equal(late.notUpdated[sent.id].type, 'cannotUnsend')
  const gone = await sent.one('EmailSubmission/set', { destroy: [sent.id] })
  assert.deepEqual(gone.destroyed, [sent.id])
})
