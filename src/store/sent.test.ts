// What Authors sent, requests that are done once, and taking back what waits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from './commands.ts'
import type { SentMessage } from './nouns/outgoing.ts'
import type { QueueEntry } from './nouns/queue.ts'
import { done, makeAccount, nowMs } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'

const sent = (account: number, trace: string, more: Partial<SentMessage> = {}): Command => ({
  kind: 'sent.add',
  sent: {
    ...{ account, trace, atMs: nowMs, protocol: 'HTTP', reversePath: 'bob@here.test', recipients: 1, sizeBytes: 9 },
    ...{ forwardPaths: ['carl@far.test'], subject: 'Hello', messageId: `${trace}@here.test`, ...more },
  },
})
const once = (account: number, answer: string, digest = 'aa', atMs = nowMs): Command => ({
  kind: 'once.put',
  ...{ account, key: '01', digest, answer, nowMs: atMs },
})
const setting = (value: string): Command => ({ kind: 'setting.put', key: 'done', value })

test(
  'what was sent is listed to its Author alone, the newest first, and is forgotten in time',
  onBothEngines(async (store) => {
    const [bob, eve] = [await makeAccount(store), await makeAccount(store, 'eve@here.test')]
    for (const trace of ['a', 'b', 'c']) await done(store, sent(bob, trace, { tags: [trace] }))
    await done(store, sent(eve, 'd', { atMs: nowMs + 10 }))
    assert.deepEqual(
      store.sent.before(bob, Number.MAX_SAFE_INTEGER, 2).map(({ trace, tags }) => [trace, tags]),
      [
        ['c', ['c']],
        ['b', ['b']],
      ],
    )
    assert.equal(store.sent.owner('d'), eve)
    assert.equal(store.sent.message(bob, 'd'), undefined)
    await done(store, { kind: 'sent.prune', beforeMs: nowMs + 1 })
    assert.deepEqual([store.sent.owner('a'), store.sent.owner('d')], [undefined, eve])
    await done(store, { kind: 'account.remove', account: eve })
    assert.equal(store.sent.owner('d'), undefined)
  }),
)

test(
  'a request is done once in a day, whole or not at all, and another one with its key never',
  onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    await store.commit([once(bob, ''), setting('begun')])
    assert.deepEqual(store.sent.once(bob, '01', nowMs), { digest: 'aa', answer: '' })
    const other = await store.commit([once(bob, 'x', 'bb'), setting('wrong')])
    assert.deepEqual(
      other.map((one) => (one.ok ? 'ok' : one.reason)),
      ['conflict', 'conflict'],
    )
    await store.commit([once(bob, 'the answer'), setting('done')])
    const again = await store.commit([once(bob, 'another'), setting('twice')])
    assert.deepEqual(
      again.map((one) => (one.ok ? 'ok' : one.reason)),
      ['exists', 'conflict'],
    )
    assert.equal(store.setting('done'), 'done')
    assert.equal(store.sent.once(bob, '01', nowMs)?.answer, 'the answer')
    const dayLater = nowMs + 86_400_000
    assert.equal(store.sent.once(bob, '01', dayLater), undefined)
    await store.commit([once(bob, 'anew', 'bb', dayLater), setting('anew')])
    assert.equal(store.setting('done'), 'anew')
    await done(store, { kind: 'once.prune', beforeMs: dayLater + 1 })
    assert.equal(store.sent.once(bob, '01', dayLater), undefined)
  }),
)

test(
  'what waits for its time or is held can be taken back, and nothing else',
  onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    const blob = await store.putBlob([Buffer.from('x')])
    const queue = (trace: string, more: Partial<QueueEntry>): Command => ({
      kind: 'queue.add',
      entry: {
        ...{ trace, blob, reversePath: '', forwardPath: 'carl@far.test', domain: 'far.test', acceptedAtMs: nowMs },
        ...{ nextAttemptAtMs: nowMs, expiresAtMs: nowMs + 1000, attempts: 0, state: 'waiting', lastReply: '' },
        ...{ parameters: {}, origin: 'msa', ...more },
      },
    })
    const cancel = async (trace: string, account = bob) => {
      const [first, second] = await store.commit([
        { kind: 'sent.cancel', account, trace, nowMs },
        setting(`cancelled ${trace}`),
      ])
      return [first!.ok ? 'ok' : first!.reason, second!.ok]
    }
    const eve = await makeAccount(store, 'eve@here.test')
    await store.commit([sent(bob, 'due'), queue('due', {})])
    await store.commit([sent(bob, 'tried'), queue('tried', { attempts: 1, nextAttemptAtMs: nowMs + 9 })])
    await store.commit([
      ...[sent(bob, 'later'), queue('later', { nextAttemptAtMs: nowMs + 9 })],
      queue('later', { state: 'held' }),
    ])
    assert.deepEqual(await cancel('due'), ['forbidden', false])
    assert.deepEqual(await cancel('tried'), ['forbidden', false])
    assert.deepEqual(await cancel('later', eve), ['conflict', false])
    assert.equal(store.queue.length(), 4)
    assert.deepEqual(await cancel('later'), ['ok', true])
    assert.equal(store.setting('done'), 'cancelled later')
    assert.equal(store.queue.length(), 2)
    assert.deepEqual(await cancel('later'), ['forbidden', false])
  }),
)
