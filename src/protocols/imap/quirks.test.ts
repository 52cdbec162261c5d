// What real clients say that no standard foresees, as recorded sessions: they must get on.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImapSession } from './session.ts'
import { appendAll, ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

test('iOS Mail asks for everything that changed since 0, which is no MODSEQ', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'one')
  await said(client, 'SELECT "INBOX" (CONDSTORE)')
  const answers = await said(client, 'UID FETCH 1:* (FLAGS) (CHANGEDSINCE 0)')
  assert.match(answers[0]!, /^\* 1 FETCH \(FLAGS \(.*\) MODSEQ \(\d+\) UID 1\)$/)
})

test('Thunderbird enables UTF8=ACCEPT and says "&" as it is; before that it says it in modified UTF-7', async () => {
  const client = await tests.session()
  await said(client, 'CREATE "A &- B"')
  await said(client, 'ENABLE UTF8=ACCEPT')
  assert.ok((await said(client, 'LIST "" "A*"')).includes('* LIST (\\HasNoChildren) "/" "A & B"'))
  await said(client, 'CREATE "C & D"')
  await said(client, 'SELECT "C & D"')
  await said(client, 'SEARCH CHARSET UTF-8 SUBJECT x', 'BAD')
})

test('Outlook sends spaces too many, macros in parentheses, and EXAMINEs without end', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'one')
  await said(client, 'EXAMINE  INBOX')
  await said(client, 'FETCH  1  (FAST)')
  await said(client, 'UID  FETCH  1:*  (UID  FLAGS)')
  await said(client, 'EXAMINE INBOX ')
  await said(client, 'STATUS "INBOX" ( MESSAGES  UNSEEN )')
})

test('mbsync and offlineimap read UIDs from APPENDUID and COPYUID; MOVE is one step for every other session', async () => {
  const { name } = await tests.person()
  const [client, other] = [await tests.session(name), await tests.session(name)]
  await said(other, 'SELECT INBOX')
  const text = 'X-TUID: abc\r\nSubject: x\r\n\r\nx\r\n'
  const appended = await said(
    client,
    `APPEND "INBOX" (\\Seen) "24-Nov-2026 10:00:00 +0100" {${text.length}}\r\n${text}`,
  )
  const uid = /APPENDUID \d+ (\d+)/.exec(appended.at(-1)!)![1]
  await said(client, 'SELECT INBOX')
  assert.equal((await said(client, `UID SEARCH HEADER X-TUID abc`))[0], `* SEARCH ${uid}`)
  assert.match((await said(client, `UID MOVE ${uid} Archive`)).join(), /COPYUID/)
  // The other session may have been told of the message or not; in the end it is not there.
  await said(other, 'NOOP')
  assert.equal((await said(other, 'SEARCH ALL'))[0], '* SEARCH')
})

test('a client that asks by number right after SELECT of an empty mailbox gets nothing, and no error', async () => {
  const client = await tests.session()
  await said(client, 'SELECT INBOX')
  assert.equal((await said(client, 'FETCH 1:* (UID FLAGS)')).length, 1)
  assert.equal((await said(client, 'UID FETCH 1:* FLAGS')).length, 1)
  await said(client, 'FETCH 1 FLAGS', 'BAD')
})

test('a long command says that it is alive, by its tag, and not too often', () => {
  let now = 0
  const { store, accounts, world } = tests.bench
  const session = new ImapSession({
    store,
    accounts,
    random: world.random,
    tlsAvailable: false,
    allowPlaintext: true,
    tls: undefined,
    delimiter: '/',
    jmapUrl: undefined,
    now: () => now,
    monotonic: () => now,
    limits: {
      messageBytes: 1,
      messagesPerCommand: 1,
      annotations: 1,
      annotationBytes: 1,
      literalBytesBeforeSignIn: 1,
      literalBytes: 1,
      idleMs: 1,
      signInMs: 1,
      failures: 1,
      failureDelayMs: 1,
    },
  })
  const heard: string[] = []
  for (now = 0; now < 35_000; now += 1_000) {
    for (const effect of session.progress('a"1', now, 40_000)) {
      if (effect.kind === 'send') heard.push(Buffer.concat(effect.chunks).toString())
    }
  }
  assert.deepEqual(
    heard,
    [10_000, 20_000, 30_000].map((done) => `* OK [INPROGRESS ("a\\"1" ${done} 40000)] still at it\r\n`),
  )
})
