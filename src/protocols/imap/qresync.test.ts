// CONDSTORE and QRESYNC (RFC 7162): a client that comes back hears what changed, and nothing else.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { delivery } from '../../store/testing.ts'
import { appendAll, ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

const codeOf = (answers: readonly string[], name: string): number =>
  Number(new RegExp(`\\[${name} (\\d+)\\]`).exec(answers.join('\n'))?.[1])

test('SELECT with QRESYNC tells what vanished and what changed since, once', async () => {
  const { name } = await tests.person()
  const here = await tests.session(name)
  await appendAll(here, 'INBOX', 'one', 'two', 'three', 'four', 'five')
  const before = await said(here, 'SELECT INBOX')
  const [uidValidity, modseq] = [codeOf(before, 'UIDVALIDITY'), codeOf(before, 'HIGHESTMODSEQ')]
  await said(here, 'STORE 2,4 +FLAGS (\\Deleted)')
  await said(here, 'EXPUNGE')
  await said(here, 'STORE 1 +FLAGS (\\Flagged)')
  await appendAll(here, 'INBOX', 'six')

  const back = await tests.session(name)
  await said(back, `SELECT INBOX (QRESYNC (${uidValidity} ${modseq}))`, 'BAD')
  assert.deepEqual((await said(back, 'ENABLE QRESYNC')).slice(0, -1), ['* ENABLED QRESYNC'])
  const told = await said(back, `SELECT INBOX (QRESYNC (${uidValidity} ${modseq}))`)
  assert.ok(told.includes('* VANISHED (EARLIER) 2,4'), told.join('\n'))
  const fetches = told.filter((line) => line.includes('FETCH'))
  assert.match(fetches[0]!, /^\* 1 FETCH \(FLAGS \(\\Flagged\) UID 1 MODSEQ \(\d+\)\)$/)
  assert.match(fetches[1]!, /^\* 4 FETCH \(FLAGS \(.*\) UID 6 MODSEQ/)
  assert.equal(fetches.length, 2)

  // Of the UIDs that the client knows, and below those that still have their numbers.
  const known = await said(back, `SELECT INBOX (QRESYNC (${uidValidity} ${modseq} 1:3))`)
  assert.ok(known.includes('* VANISHED (EARLIER) 2'), known.join('\n'))
  const matched = await said(back, `SELECT INBOX (QRESYNC (${uidValidity} ${modseq} 1:5 (1,2 1,3)))`)
  assert.ok(matched.includes('* VANISHED (EARLIER) 4'), matched.join('\n'))
  // Another UIDVALIDITY: nothing of what the client knows counts.
  const other = await said(back, `SELECT INBOX (QRESYNC (${uidValidity + 1} ${modseq}))`)
  assert.ok(!other.some((line) => /VANISHED|FETCH/.test(line)))
})

test('with QRESYNC on, VANISHED takes the place of EXPUNGE, and answers say where the client stands', async () => {
  const { name } = await tests.person()
  const [one, two] = [await tests.session(name), await tests.session(name)]
  await appendAll(one, 'INBOX', 'one', 'two', 'three')
  await said(two, 'ENABLE QRESYNC')
  await said(one, 'SELECT INBOX')
  await said(two, 'SELECT INBOX')
  await said(one, 'STORE 1:2 +FLAGS.SILENT (\\Deleted)')
  assert.deepEqual((await said(one, 'EXPUNGE')).slice(0, 2), ['* 1 EXPUNGE', '* 1 EXPUNGE'])
  const heard = await said(two, 'NOOP')
  assert.ok(heard.includes('* VANISHED 1:2'), heard.join('\n'))
  await said(two, 'UID STORE 3 +FLAGS (\\Deleted)')
  const expunged = await said(two, 'UID EXPUNGE 3')
  assert.deepEqual(expunged[0], '* VANISHED 3')
  assert.match(expunged.at(-1)!, /^x OK \[HIGHESTMODSEQ \d+\]/)
  assert.match((await said(two, 'CLOSE')).at(-1)!, /^x OK closed/)
})

test('UID FETCH with CHANGEDSINCE and VANISHED names what is gone since', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'one', 'two', 'three')
  const modseq = codeOf(await said(client, 'SELECT INBOX'), 'HIGHESTMODSEQ')
  await said(client, `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${modseq} VANISHED)`, 'BAD')
  await said(client, 'ENABLE QRESYNC')
  await said(client, 'STORE 2 +FLAGS (\\Deleted)')
  await said(client, 'EXPUNGE')
  await said(client, 'STORE 2 +FLAGS (\\Seen)')
  const answers = await said(client, `UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${modseq} VANISHED)`)
  assert.equal(answers[0], '* VANISHED (EARLIER) 2')
  assert.match(answers[1]!, /^\* 2 FETCH \(FLAGS \(.*\\Seen.*\) MODSEQ \(\d+\) UID 3\)$/)
  assert.equal(answers.length, 3)
  await said(client, `FETCH 1:* (FLAGS) (CHANGEDSINCE ${modseq} VANISHED)`, 'BAD')
})

test('STORE UNCHANGEDSINCE leaves alone what somebody else changed, and names it', async () => {
  const { name } = await tests.person()
  const [one, two] = [await tests.session(name), await tests.session(name)]
  await appendAll(one, 'INBOX', 'one', 'two')
  const modseq = codeOf(await said(one, 'SELECT INBOX'), 'HIGHESTMODSEQ')
  await said(two, 'SELECT INBOX')
  await said(two, 'STORE 1 +FLAGS (\\Answered)')
  const answers = await said(one, `STORE 1:2 (UNCHANGEDSINCE ${modseq}) +FLAGS (\\Deleted)`)
  assert.match(answers.at(-1)!, /^x OK \[MODIFIED 1\]/)
  assert.match(answers.join('\n'), /\* 2 FETCH \(FLAGS \(\\Deleted.*\) UID 2 MODSEQ/)
  assert.deepEqual((await said(two, 'FETCH 1 (FLAGS)'))[0]?.includes('Deleted'), false)
})

test('a client that comes along from another system hears which UIDs it knows from there are gone', async () => {
  const { name, account } = await tests.person()
  const { store } = tests.bench
  const inbox = store.mailboxByUse(account, 'inbox')!.id
  const highest = 70_000
  await tests.apply({ kind: 'mailbox.adopt', account, mailbox: inbox, uidValidity: 77, modseq: highest })
  for (const uid of [3, 4, 900]) {
    const brought = { item: uid.toString(16).padStart(32, '0'), uid }
    await tests.apply({ ...(await delivery(store, account, `${uid}\r\n`)), brought })
  }
  await tests.apply({ kind: 'mailbox.adopt', account, mailbox: inbox, uidNext: 1000 })
  const client = await tests.session(name)
  await said(client, 'ENABLE QRESYNC')
  const told = await said(client, `SELECT INBOX (QRESYNC (77 ${highest}))`)
  assert.ok(told.includes('* VANISHED (EARLIER) 1:2,5:899,901:999'), told.join('\n'))
  assert.equal(told.filter((line) => line.includes('FETCH')).length, 3)
  const known = await said(client, `SELECT INBOX (QRESYNC (77 ${highest} 2:4,890:895))`)
  assert.ok(known.includes('* VANISHED (EARLIER) 2,890:895'), known.join('\n'))
  const fetched = await said(client, `UID FETCH 1:10 (FLAGS) (CHANGEDSINCE ${highest} VANISHED)`)
  assert.ok(fetched.includes('* VANISHED (EARLIER) 1:2,5:10'), fetched.join('\n'))
  const now = codeOf(told, 'HIGHESTMODSEQ')
  const later = await said(client, `SELECT INBOX (QRESYNC (77 ${now}))`)
  assert.ok(!later.some((line) => /VANISHED|FETCH/.test(line)), later.join('\n'))
})
