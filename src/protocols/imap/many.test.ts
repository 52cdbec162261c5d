// Commands on very many messages at once: what they say to who gave them and to others.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Command } from '../../store/commands.ts'
import { delivery } from '../../store/testing.ts'
import { ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

/** Somebody with so many messages in the inbox. */
async function personWith(messages: number): Promise<{ name: string; account: number }> {
  const person = await tests.person()
  const { store } = tests.bench
  for (let at = 0; at < messages; at += 500) {
    const some = Array.from(
      { length: Math.min(500, messages - at) },
      (_, i) => `Subject: ${at + i}\r\n\r\n${at + i}\r\n`,
    )
    const batch: Command[] = await Promise.all(some.map((text) => delivery(store, person.account, text)))
    await store.commit(batch)
  }
  return person
}

test('a STORE of a thousand messages: each hears what it does not know, and lessons come afterwards', async () => {
  const { name, account } = await personWith(1_000)
  const [one, other] = [await tests.session(name), await tests.session(name)]
  for (const client of [one, other]) await said(client, 'SELECT INBOX')
  await said(other, 'SEARCH RETURN (UPDATE COUNT) FLAGGED')
  const silent = await said(one, 'STORE 1:* +FLAGS.SILENT (\\Flagged)')
  assert.equal(silent.length, 1)
  assert.equal((await said(one, 'NOOP')).length, 1)
  const heard = await said(other, 'NOOP')
  assert.equal(heard.filter((line) => /^\* \d+ FETCH \(FLAGS \(\\Flagged\)/.test(line)).length, 1_000)
  assert.ok(heard.includes('* ESEARCH (TAG "x") ADDTO (0 1:1000)'))
  assert.equal(tests.bench.store.lessons(0, 10).length, 0)
  assert.equal(tests.bench.store.isTaughtLater(), true)

  // Only what is not so already changes, and others hear of that alone.
  await said(one, 'STORE 500 -FLAGS.SILENT (\\Flagged)')
  await said(other, 'NOOP')
  await said(one, 'STORE 1:* +FLAGS.SILENT (\\Flagged)')
  assert.deepEqual(
    (await said(other, 'NOOP')).filter((line) => line.includes('FETCH')),
    ['* 500 FETCH (FLAGS (\\Flagged))'],
  )
  assert.equal(
    (await said(one, 'STORE 1:* -FLAGS (\\Flagged)')).filter((line) => line.includes('FETCH (')).length,
    1_000,
  )
  assert.equal((await said(one, 'SEARCH RETURN (COUNT) FLAGGED'))[0], '* ESEARCH (TAG "x") COUNT 0')
  assert.equal((await said(one, 'NOOP')).length, 1)

  await said(one, 'STORE 1:999 +FLAGS.SILENT (\\Seen)')
  assert.match((await said(one, 'STATUS INBOX (UNSEEN)'))[0]!, /UNSEEN 1\)/)
  await said(one, 'STORE 2:5 -FLAGS.SILENT (\\Seen)')
  assert.equal(tests.bench.store.mailboxByUse(account, 'inbox')!.unseen, 5)
})

test('a STORE that changes nothing hides nothing of what others did', async () => {
  const { name } = await personWith(2)
  const [one, other] = [await tests.session(name), await tests.session(name)]
  for (const client of [one, other]) await said(client, 'SELECT INBOX')
  await said(other, 'STORE 1 +FLAGS.SILENT (\\Seen)')
  const heard = [...(await said(one, 'STORE 1 +FLAGS.SILENT (\\Seen)')), ...(await said(one, 'NOOP'))]
  assert.ok(heard.includes('* 1 FETCH (FLAGS (\\Seen))'), heard.join('\n'))
  await said(other, 'STORE 2 +FLAGS (\\Deleted)')
  await said(other, 'EXPUNGE')
  await said(one, 'STORE 1 -FLAGS.SILENT (\\Flagged)')
  assert.ok((await said(one, 'NOOP')).includes('* 2 EXPUNGE'))
})

test('a client that reads slowly holds up its own answers: they are made as it takes them', async () => {
  const { name } = await personWith(10_000)
  const [slow, other] = [await tests.session(name), await tests.session(name)]
  for (const client of [slow, other]) await said(client, 'SELECT INBOX')
  const { write } = slow.stream
  let largest = 0
  let waiting: (() => void) | undefined
  // Each piece is taken only when it is asked for.
  slow.stream.write = async (bytes) => {
    assert.equal(waiting, undefined, 'more is sent while a piece waits')
    largest = Math.max(largest, bytes.length)
    await new Promise<void>((resolve) => (waiting = resolve))
    waiting = undefined
    return write(bytes)
  }
  const taken = async (command: string): Promise<number> => {
    slow.send(`x ${command}\r\n`)
    let pieces = 0
    for (let tail = '\n'; !/\nx OK .*\r\n$/.test(tail); pieces++) {
      while (waiting === undefined) await setTimeout(1)
      waiting()
      await setTimeout(1)
      tail = (tail + slow.received()).slice(-100)
    }
    return pieces
  }
  for (const command of [
    'FETCH 1:* FLAGS',
    'UID FETCH 1:* (FLAGS MODSEQ)',
    'FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)',
  ]) {
    assert.ok((await taken(command)) > 2, command)
  }
  await said(other, 'STORE 1:* +FLAGS.SILENT (\\Seen)')
  assert.ok((await taken('NOOP')) > 2)
  assert.ok(largest < 200_000, `${largest} bytes at once`)
})
