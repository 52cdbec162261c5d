// Conversations as they come from strangers: deep, wide, in circles.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { summarise } from '../../store/summary.ts'
import { ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

/** A mailbox of messages given by Message-ID and References; the answer to THREAD. */
async function threaded(messages: readonly (readonly [id: string, references: string])[], by = 'REFERENCES') {
  const { name, account } = await tests.person()
  const { store } = tests.bench
  const text = Buffer.from('Subject: x\r\n\r\nx')
  const blob = await store.putBlob([text])
  const base = summarise(text)
  await store.commit(
    messages.map(([id, references], i) => ({
      kind: 'email.deliver',
      account,
      mailboxes: ['inbox'],
      blob,
      summary: { ...base, subject: `s${i}`, messageId: [id], references: references.split(' ').filter(Boolean) },
      flags: [],
      receivedAtMs: i * 1000,
      verdict: null,
    })),
  )
  const client = await tests.session(name)
  await said(client, 'SELECT INBOX')
  return (await said(client, `THREAD ${by} UTF-8 ALL`))[0]!.replace('* THREAD ', '')
}

test('answers below what they answer, siblings in order, what is not there left out', async () => {
  assert.equal(
    await threaded([
      ['a', ''],
      ['b', 'a'],
      ['c', 'a b'],
      ['d', 'a'],
      ['e', 'gone'],
    ]),
    '(1 (2 3)(4))(5)',
  )
  assert.equal(
    await threaded([
      ['x', 'gone'],
      ['y', 'gone'],
    ]),
    '((1)(2))',
  )
})

test('messages that name each other in a circle are each there once', async () => {
  const answer = await threaded([
    ['a', 'c'],
    ['b', 'a'],
    ['c', 'b'],
    ['self', 'self'],
  ])
  assert.deepEqual(answer.match(/\d+/g)?.map(Number).sort(), [1, 2, 3, 4])
})

test('what a message says of its parent counts more than what others said of it', async () => {
  assert.equal(
    await threaded([
      ['late', 'a b c'],
      ['c', 'a'],
      ['a', ''],
      ['b', 'a'],
    ]),
    '(3 (2 1)(4))',
  )
})

test('a conversation of thousands, in one line or all at one message, is no work to speak of', async () => {
  const line = Array.from({ length: 20_000 }, (_, i) => [`m${i}`, i === 0 ? '' : `m${i - 1}`] as const)
  assert.equal((await threaded(line)).match(/\d+/g)?.length, 20_000)
  const star = Array.from({ length: 20_000 }, (_, i) => [`n${i}`, i === 0 ? '' : 'n0'] as const)
  assert.equal((await threaded(star)).match(/\d+/g)?.length, 20_000)
})
