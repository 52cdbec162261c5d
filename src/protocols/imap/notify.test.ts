// NOTIFY (RFC 5465), CONTEXT=SEARCH (RFC 5267), COMPRESS (RFC 4978): what comes without being asked for, and how.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { appendAll, ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

test('NOTIFY: other mailboxes are told of as they change, without a command', async () => {
  const { name } = await tests.person()
  const [client, other] = [await tests.session(name), await tests.session(name)]
  await said(other, 'CREATE Work')
  const events = 'MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange'
  const first = await said(client, `NOTIFY SET STATUS (personal (${events}))`)
  assert.ok(
    first.some((line) => /^\* STATUS "Work" \(MESSAGES 0 UIDNEXT 1 UIDVALIDITY \d+ UNSEEN 0 HIGHESTMODSEQ/.test(line)),
  )
  await appendAll(other, 'Work', 'one')
  assert.match((await client.until(/STATUS "Work"/)).at(-1)!, /MESSAGES 1 UIDNEXT 2/)
  await said(other, 'CREATE Play')
  assert.equal((await client.until(/Play/)).at(-1), '* LIST () "/" "Play"')
  await said(other, 'RENAME Play Fun')
  assert.equal((await client.until(/Fun/)).at(-1), '* LIST () "/" "Fun" ("OLDNAME" ("Play"))')
  await said(other, 'SUBSCRIBE Fun')
  assert.equal((await client.until(/Fun/)).at(-1), '* LIST (\\Subscribed) "/" "Fun"')
  await said(other, 'DELETE Fun')
  assert.equal((await client.until(/Fun/)).at(-1), '* LIST (\\NonExistent) "/" "Fun"')
  await said(client, 'NOTIFY NONE')
  await appendAll(other, 'Work', 'two')
  assert.deepEqual((await said(client, 'NOOP')).length, 1)
})

test('NOTIFY: of the selected mailbox, with what the client wants to know of new messages', async () => {
  const { name } = await tests.person()
  const [client, other] = [await tests.session(name), await tests.session(name)]
  await said(client, 'SELECT INBOX')
  await said(client, 'NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge))')
  await appendAll(other, 'INBOX', 'news')
  assert.match((await client.until(/FETCH/)).at(-1)!, /^\* 1 FETCH \(UID 1 BODY\[HEADER.FIELDS \(SUBJECT\)\] \{17\}$/)
  await said(other, 'SELECT INBOX')
  await said(other, 'STORE 1 +FLAGS (\\Deleted)')
  await said(other, 'EXPUNGE')
  assert.equal((await client.until(/EXPUNGE/)).at(-1), '* 1 EXPUNGE')
  assert.match((await said(client, 'NOTIFY SET (personal (Nonsense))', 'NO')).at(-1)!, /\[BADEVENT \(MessageNew/)
  await said(client, 'NOTIFY SET (personal (MessageNew))', 'BAD')
  await said(client, 'NOTIFY SET (personal (FlagChange))', 'BAD')
})

test('CONTEXT=SEARCH: too many searches, and sorted ones, are not kept up to date', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'one')
  await said(client, 'SELECT INBOX')
  assert.match((await said(client, 'SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 ALL'))[1]!, /^\* NO \[NOUPDATE "x"\]/)
  for (let i = 0; i < 8; i++) {
    client.send(`t${i} SEARCH RETURN (UPDATE) UNSEEN\r\n`)
    await client.until(new RegExp(`^t${i} OK`))
  }
  assert.match((await said(client, 'SEARCH RETURN (UPDATE) ALL'))[1]!, /NOUPDATE/)
  assert.equal(
    (await said(client, 'STORE 1 +FLAGS.SILENT (\\Seen)')).filter((line) => /REMOVEFROM/.test(line)).length,
    8,
  )
  await said(client, 'CANCELUPDATE "t0" "t1"')
  assert.equal((await said(client, 'STORE 1 -FLAGS.SILENT (\\Seen)')).filter((line) => /ADDTO/.test(line)).length, 6)
})

test('COMPRESS: both ways deflated; a command behind it, and what is not deflated, ends the session', async () => {
  const client = await tests.session()
  client.send('c COMPRESS DEFLATE\r\n')
  assert.match((await client.until(/^c /)).at(-1)!, /^c OK/)
  const deflated = deflateRawSync('d CAPABILITY\r\n', { finishFlush: constants.Z_SYNC_FLUSH })
  client.send(deflated.toString('latin1'))
  let answer = ''
  for (let received = ''; !answer.includes('d OK'); ) {
    await client.more()
    received += client.received()
    answer = inflateRawSync(Buffer.from(received, 'latin1'), { finishFlush: constants.Z_SYNC_FLUSH }).toString()
  }
  assert.match(answer, /^\* CAPABILITY (?!.*COMPRESS).*\r\nd OK/)
  client.send('not deflated at all')
  while (!client.closed) await client.more()

  const eager = await tests.session()
  eager.send('c COMPRESS DEFLATE\r\nd NOOP\r\n')
  await eager.until(/^c OK/)
  assert.equal(await eager.line(), undefined)
})

test('COMPRESS: what a few bytes become is taken in slices, and a line without end is refused', async () => {
  const client = await tests.session()
  client.send('c COMPRESS DEFLATE\r\n')
  await client.until(/^c OK/)
  client.send(
    deflateRawSync(Buffer.alloc(200_000_000, 'a'), { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1'),
  )
  const before = process.memoryUsage().arrayBuffers
  while (!client.closed) {
    await client.more()
    assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000)
  }
})
