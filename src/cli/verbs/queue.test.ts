import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import type { Store } from '../../store/store.ts'
import { ADMIN_SOCKET, openAdminDoor } from '../../system/admin-door.ts'
import { worldOf } from '../agents-in.ts'
import { type QueueOptions, queue } from './queue.ts'

const COUNT = 12_000

/** Mail for two domains, each with its own last reply. */
async function fill(store: Store): Promise<void> {
  const blob = await store.putBlob([Buffer.from('Subject: x\r\n\r\nx\r\n')])
  const nowMs = Date.now()
  const entry = (n: number) => ({
    trace: `t${n}`,
    blob,
    reversePath: 'ann@here.test',
    forwardPath: `x${n}@${n % 10 === 0 ? 'small' : 'large'}.test`,
    domain: n % 10 === 0 ? 'small.test' : 'large.test',
    acceptedAtMs: nowMs - 3_600_000,
    nextAttemptAtMs: nowMs + 3_600_000,
    expiresAtMs: nowMs + 86_400_000,
    attempts: 1,
    state: 'waiting' as const,
    lastReply: n % 10 === 0 ? '452 4.2.2 mailbox \x1b[2Jfull' : '451 4.7.1 later',
    parameters: {},
    origin: 'msa' as const,
  })
  await store.commit(Array.from({ length: COUNT }, (_, n) => ({ kind: 'queue.add', entry: entry(n) })))
}

test('the queue of an agent that is stopped, and of one that runs: the same words', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-queue-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  const agent = join(folder, 'sender')
  const world = worldOf(agent)
  const first = await openStore(world)
  await fill(first)
  await first.close()
  const say = async (action: string, options: Partial<QueueOptions> = {}, numbers: string[] = []) => {
    complaints.length = 0
    let printed = ''
    const code = await queue(action, numbers, { folder, json: false, ...options }, (text) => {
      printed += text
    })
    return `${code} ${printed}${complaints.join()}`.trim()
  }

  assert.match(
    await say('list'),
    /^0 12000 messages\nlarge\.test {2}10800 waiting {2}next at \S+Z\n +\d+ {2}451 4\.7\.1 later\nsmall\.test/,
  )
  // What strangers said goes to a terminal.
  assert.match(await say('list', { domain: 'small.test', limit: '1' }), /452 4\.2\.2 mailbox \?\[2Jfull/)
  assert.equal(
    await say('hold', { reply: 'FULL', dryRun: true }),
    '0 1200 messages would be held: 1200 for small.test.',
  )
  assert.equal(await say('hold', { reply: 'full' }), '0 1200 messages held: 1200 for small.test.')
  assert.equal(await say('drop'), '1 Say which messages: a number, or a filter; or --all.')
  assert.equal(await say('drop', { domain: 'nowhere.test' }), '1 No message is meant.')
  assert.match(await say('list', { older: 'yesterday' }), /^2 Write a time/)
  assert.match(await say('show', {}, ['x']), /^2 A number is as/)

  const store = await openStore(world)
  try {
    const door = await openAdminDoor({ store, world }, join(agent, ADMIN_SOCKET))
    try {
      const shown = JSON.parse((await say('show', { json: true }, ['2'])).slice(2))
      assert.deepEqual([shown.agent, shown.ok, shown.to, shown.state], ['sender', true, 'x1@large.test', 'waiting'])
      assert.equal(
        await say('release', { state: 'held', older: '30m' }),
        '0 1200 messages let go: 1200 for small.test.',
      )
      assert.equal(
        await say('drop', { all: true }),
        `0 ${COUNT} messages dropped; nobody hears of it: 10800 for large.test, 1200 for small.test.`,
      )
      assert.equal(store.queue.length(), 0)
    } finally {
      await door.close()
    }
  } finally {
    await store.close()
  }
})
