// `borderpost where` and `borderpost suppressed` over the folder of a stopped agent.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import { makeAccount } from '../../store/testing.ts'
import { worldOf } from '../agents-in.ts'
import { suppressed } from './suppressed.ts'
import { where } from './where.ts'

test('what is known of a message is told in text and in JSON; who is suppressed is listed, added and let go', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-where-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  const store = await openStore(worldOf(join(folder, 'here')))
  await makeAccount(store, 'postmaster@here.test')
  const event = {
    trace: '0123456789ab',
    messageId: 'one@here.test',
    reversePath: 'anna@here.test',
    forwardPath: 'bob@far.test',
  }
  await store.commit([
    {
      kind: 'event.add',
      event: { ...event, atMs: 1000, role: 'MSA', kind: 'accepted', text: 'Taken from anna.', detail: {} },
    },
    {
      kind: 'event.add',
      event: {
        ...event,
        atMs: 2000,
        role: 'Transmitter',
        kind: 'transmitted',
        text: 'Taken by mx.far.test: 250 ok',
        detail: { reply: '250 ok', attempts: 1 },
      },
    },
  ])
  await store.close()
  let printed = ''
  const print = (text: string) => {
    printed += text
  }
  const ask = async (question: string, json = false) => {
    printed = ''
    return where(question, { folder, json }, print)
  }
  assert.equal(await ask('BOB@far.test'), 0)
  assert.match(
    printed,
    /^Accepted 1970-01-01 00:00:02 by mx\.far\.test, reply 250 ok; not in our hands since\.\n\nanna@here\.test to bob@far\.test/,
  )
  assert.match(printed, /MSA@here {2}accepted[\s\S]*Transmitter@here attempt 1 {2}transmitted/)
  assert.equal(await ask('one@here.test', true), 0)
  assert.equal(JSON.parse(printed)[0].events.length, 2)
  assert.equal(await ask('nothing of the kind'), 1)

  const say = async (action: 'list' | 'add' | 'remove', words: { address?: string; owner?: string } = {}) => {
    printed = ''
    complaints.length = 0
    const code = await suppressed(folder, { verb: 'suppressed', action, ...words }, print)
    return `${code} ${printed}${complaints.join()}`.trim()
  }
  assert.equal(await say('list'), '0 Nobody is suppressed.')
  assert.match(await say('add', { address: 'x@far.test', owner: 'elsewhere.test' }), /^1 Say for whom/)
  assert.match(
    await say('add', { address: 'X@far.test', owner: 'here.test' }),
    /^0 x@far\.test gets nothing more from here\.test/,
  )
  assert.match(await say('list'), /^0 x@far\.test {2}for here\.test .* asked: /)
  assert.match(await say('remove', { address: 'x@far.test' }), /^0 x@far\.test can be written to again/)
  assert.match(await say('remove', { address: 'x@far.test' }), /^1 x@far\.test is on no such list/)
})
