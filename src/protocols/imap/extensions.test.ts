// Extensions that stand on their own: each as its standard's examples go, and what it refuses.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendAll, ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

test('IMAP4rev2: no \\Recent, ESEARCH for every search, LIST and no UNSEEN at SELECT, names in UTF-8', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'one', 'two')
  await said(client, 'ENABLE IMAP4rev2')
  const selected = await said(client, 'SELECT INBOX')
  assert.ok(selected.includes('* LIST () "/" "INBOX"'))
  assert.ok(!selected.some((line) => /RECENT|UNSEEN/.test(line)))
  assert.deepEqual((await said(client, 'SEARCH ALL'))[0], '* ESEARCH (TAG "x") ALL 1:2')
  assert.deepEqual((await said(client, 'SEARCH SUBJECT none'))[0], '* ESEARCH (TAG "x")')
  assert.match((await said(client, 'FETCH 1 FLAGS'))[0]!, /FLAGS \(\)/)
  const umlaut = Buffer.from('Entwürfe & mehr').toString('latin1')
  await said(client, `CREATE "${umlaut}"`)
  assert.ok((await said(client, 'LIST "" *')).includes(`* LIST (\\HasNoChildren) "/" "${umlaut}"`))
  assert.match((await said(client, 'SELECT INBOX')).join('\n'), /\* OK \[CLOSED\]/)
})

test('UIDONLY: no message numbers in any answer, and none are taken', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'one', 'two', 'three')
  await said(client, 'ENABLE UIDONLY')
  await said(client, 'SELECT INBOX')
  for (const command of ['FETCH 1 FLAGS', 'STORE 1 +FLAGS (\\Seen)', 'SEARCH ALL', 'UID SEARCH 1:2', 'COPY 1 INBOX']) {
    assert.match((await said(client, command, 'BAD')).at(-1)!, /\[UIDREQUIRED\]/, command)
  }
  assert.match((await said(client, 'UID FETCH 2 (FLAGS UID)'))[0]!, /^\* 2 UIDFETCH \(FLAGS \(\\Recent\) UID 2\)$/)
  assert.match((await said(client, 'UID STORE 2 +FLAGS (\\Deleted)'))[0]!, /^\* 2 UIDFETCH \(FLAGS \(\\Deleted/)
  assert.equal((await said(client, 'EXPUNGE'))[0], '* VANISHED 2')
})

test('PARTIAL: a part of the results, from either end, in SEARCH and in FETCH', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'a', 'b', 'c', 'd', 'e')
  await said(client, 'SELECT INBOX')
  const part = async (range: string) =>
    (await said(client, `UID SEARCH RETURN (PARTIAL ${range} COUNT) NOT SUBJECT c`))[0]!.replace(/.* UID /, '')
  assert.equal(await part('1:2'), 'COUNT 4 PARTIAL (1:2 1:2)')
  assert.equal(await part('-1:-2'), 'COUNT 4 PARTIAL (-1:-2 4:5)')
  assert.equal(await part('-2:-9'), 'COUNT 4 PARTIAL (-2:-9 1:2,4)')
  assert.equal(await part('7:9'), 'COUNT 4 PARTIAL (7:9 NIL)')
  await said(client, 'SEARCH RETURN (PARTIAL 1:2 ALL) ALL', 'BAD')
  const fetched = await said(client, 'UID FETCH 1:* (UID) (PARTIAL -1:-2)')
  assert.deepEqual(fetched.slice(0, -1), ['* 4 FETCH (UID 4)', '* 5 FETCH (UID 5)'])
})

test('MULTISEARCH: one answer for each mailbox in which something was found', async () => {
  const client = await tests.session()
  for (const name of ['Work', 'Work/Old', 'Play']) await said(client, `CREATE ${name}`)
  await appendAll(client, 'Work/Old', 'plan', 'other')
  await appendAll(client, 'Work', 'plan')
  await appendAll(client, 'Play', 'plan')
  const answers = await said(client, 'ESEARCH IN (subtree Work) RETURN (COUNT ALL) SUBJECT plan')
  assert.deepEqual(
    answers.slice(0, -1).map((line) => line.replace(/UIDVALIDITY \d+/, 'UIDVALIDITY n')),
    [
      '* ESEARCH (TAG "x" MAILBOX "Work" UIDVALIDITY n) UID ALL 1 COUNT 1',
      '* ESEARCH (TAG "x" MAILBOX "Work/Old" UIDVALIDITY n) UID ALL 1 COUNT 1',
    ],
  )
  assert.equal((await said(client, 'ESEARCH IN (personal) SUBJECT plan')).length, 4)
  assert.equal((await said(client, 'ESEARCH IN (mailboxes (Play Nowhere)) SUBJECT plan')).length, 2)
  await said(client, 'ESEARCH IN (selected) ALL', 'BAD')
  await said(client, 'ESEARCH IN (personal) RETURN (SAVE) ALL', 'BAD')
})

test('SAVEDATE, PREVIEW, WITHIN, OBJECTID: what FETCH and SEARCH know of a message', async () => {
  const client = await tests.session()
  const old = 'Subject: old\r\n\r\nSome text to look at.\r\n'
  await said(client, `APPEND INBOX "01-Feb-2020 10:00:00 +0000" {${old.length}}\r\n${old}`)
  await said(client, 'SELECT INBOX')
  const [answer] = await said(client, 'FETCH 1 (SAVEDATE INTERNALDATE PREVIEW (LAZY) EMAILID)')
  const year = new Date(tests.bench.world.clock.now()).getUTCFullYear()
  assert.match(answer!, new RegExp(`SAVEDATE "[ 0-9]{2}-\\w{3}-${year} .*INTERNALDATE " 1-Feb-2020`))
  assert.match(answer!, /PREVIEW "Some text to look at\." EMAILID \(M\d+\)/)
  assert.equal((await said(client, 'SEARCH OLDER 100000'))[0], '* SEARCH 1')
  assert.equal((await said(client, 'SEARCH YOUNGER 100000'))[0], '* SEARCH')
  assert.equal((await said(client, 'SEARCH SAVEDSINCE 1-Jan-2021 BEFORE 1-Jan-2021'))[0], '* SEARCH 1')
  await said(client, 'SEARCH OLDER 0', 'BAD')
})

test('MULTIAPPEND and CATENATE: all of a command or nothing', async () => {
  const client = await tests.session()
  const [one, two] = ['Subject: 1\r\n\r\none\r\n', 'Subject: 2\r\n\r\ntwo\r\n']
  const both = await said(client, `APPEND INBOX (\\Seen) {${one.length}}\r\n${one} {${two.length}}\r\n${two}`)
  assert.match(both.at(-1)!, /^x OK \[APPENDUID \d+ 1:2\]/)
  const head = 'Subject: joined\r\n\r\n'
  await said(client, `APPEND INBOX CATENATE (TEXT {${head.length}}\r\n${head} URL "/INBOX/;UID=2/;SECTION=TEXT")`)
  await said(client, 'SELECT INBOX')
  assert.match((await said(client, 'FETCH 3 BODY.PEEK[]'))[0]!, /\{24\}\r\nSubject: joined\r\n\r\ntwo\r\n\)$/)
  const bad = `APPEND INBOX CATENATE (TEXT {${head.length}}\r\n${head} URL "/INBOX/;UID=99")`
  assert.match((await said(client, bad, 'NO')).at(-1)!, /\[BADURL "\/INBOX\/;UID=99"\]/)
  const { account } = await tests.person('full')
  const full = await tests.session('full@here.test')
  await tests.apply({ kind: 'quota.put', account, bytes: null, messages: 1 })
  assert.match(
    (await said(full, `APPEND INBOX {${one.length}}\r\n${one} {${two.length}}\r\n${two}`, 'NO')).at(-1)!,
    /OVERQUOTA/,
  )
  assert.match((await said(full, 'STATUS INBOX (MESSAGES)'))[0]!, /MESSAGES 0/)
})

test('APPENDs sent one behind the other are answered in order, each for itself, and what follows them is carried out', async () => {
  const client = await tests.session()
  await said(client, 'SELECT INBOX')
  const text = 'Subject: x\r\n\r\nx\r\n'
  const one = (tag: string, box: string): string => `${tag} APPEND ${box} {${text.length}+}\r\n${text}\r\n`
  client.send(
    `${one('1', 'INBOX')}${one('2', 'Nowhere')}${one('3', 'INBOX')}4 APPEND\r\n${one('5', 'Trash')}6 SEARCH ALL\r\n`,
  )
  const answers = (await client.until(/^6 /)).filter((line) => /^\d |EXISTS|SEARCH/.test(line))
  assert.deepEqual(
    answers.map((line) => /^\* .*|^\d \w+( \[\w+)?/.exec(line)?.[0]),
    [
      '* 2 EXISTS',
      '1 OK [APPENDUID',
      '2 NO [TRYCREATE',
      '3 OK [APPENDUID',
      '4 BAD',
      '5 OK [APPENDUID',
      '* SEARCH 1 2',
      '6 OK',
    ],
  )
})

test('REPLACE puts the new message before the old one goes; not when the old one is gone', async () => {
  const { name } = await tests.person()
  const [one, two] = [await tests.session(name), await tests.session(name)]
  await appendAll(one, 'Drafts', 'draft')
  await said(one, 'SELECT Drafts')
  await said(two, 'SELECT Drafts')
  const better = 'Subject: better\r\n\r\nbetter\r\n'
  const answers = await said(one, `REPLACE 1 Drafts (\\Draft) {${better.length}}\r\n${better}`)
  assert.match(answers[0]!, /^\* OK \[APPENDUID \d+ 2\]/)
  assert.deepEqual(
    answers.filter((line) => /EXISTS|EXPUNGE/.test(line)),
    ['* 2 EXISTS', '* 1 EXPUNGE'],
  )
  await said(two, `UID REPLACE 1 Drafts {${better.length}}\r\n${better}`, 'NO')
  assert.match((await said(two, 'STATUS Drafts (MESSAGES)'))[0]!, /MESSAGES 1/)
})

test('BINARY: decoded parts and their sizes, an encoding that is not known, NUL kept in base64', async () => {
  const client = await tests.session()
  const text = 'Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n'
  await said(client, `APPEND INBOX {${text.length}}\r\n${text}`)
  const odd = 'Content-Transfer-Encoding: x-odd\r\n\r\nwhat\r\n'
  await said(client, `APPEND INBOX {${odd.length}}\r\n${odd}`)
  const raw = 'Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\x01\x02'
  await said(client, `APPEND INBOX ~{${raw.length}}\r\n${raw}`)
  await said(client, 'SELECT INBOX')
  assert.equal((await said(client, 'FETCH 1 BINARY.SIZE[1]'))[0], '* 1 FETCH (BINARY.SIZE[1] 4)')
  assert.equal((await said(client, 'FETCH 1 BINARY.PEEK[1]'))[0], '* 1 FETCH (BINARY[1] ~{4}\r\n\0\x01\x02\x03)')
  assert.equal((await said(client, 'FETCH 1 BINARY.PEEK[1]<1.2>'))[0], '* 1 FETCH (BINARY[1]<1> {2}\r\n\x01\x02)')
  assert.match((await said(client, 'FETCH 2 BINARY.PEEK[1]', 'NO')).at(-1)!, /\[UNKNOWN-CTE\]/)
  assert.match((await said(client, 'FETCH 3 (BODY.PEEK[])'))[0]!, /base64\r\n\r\nAAEC\r\n\)$/)
  await said(client, 'APPEND INBOX ~{3}\r\n\0\0\0', 'NO')
})

test('METADATA: shared and private annotations, depth, sizes, limits, and of the account', async () => {
  const client = await tests.session(undefined, { limits: { annotations: 3, annotationBytes: 20 } })
  await said(client, 'SETMETADATA INBOX (/shared/comment "for all" /private/comment/more "mine")')
  assert.deepEqual((await said(client, 'GETMETADATA INBOX /shared/comment')).slice(0, -1), [
    '* METADATA "INBOX" (/shared/comment "for all")',
  ])
  assert.equal((await said(client, 'GETMETADATA INBOX /private/comment')).length, 1)
  assert.match((await said(client, 'GETMETADATA (DEPTH infinity) INBOX /private/comment'))[0]!, /more "mine"/)
  assert.match((await said(client, 'GETMETADATA (MAXSIZE 5) INBOX (/shared/comment)')).at(-1)!, /LONGENTRIES 7/)
  assert.match((await said(client, `SETMETADATA INBOX (/shared/x "${'y'.repeat(21)}")`, 'NO')).at(-1)!, /MAXSIZE 20/)
  await said(client, 'SETMETADATA INBOX (/shared/a "1")')
  assert.match((await said(client, 'SETMETADATA INBOX (/shared/b "1")', 'NO')).at(-1)!, /METADATA TOOMANY/)
  await said(client, 'SETMETADATA INBOX (/shared/a NIL)')
  await said(client, 'SETMETADATA "" (/private/vendor/x/theme "dark")')
  assert.equal(
    (await said(client, 'GETMETADATA "" /private/vendor/x/theme'))[0],
    '* METADATA "" (/private/vendor/x/theme "dark")',
  )
  const listed = await said(client, 'LIST "" INBOX RETURN (METADATA (/shared/comment /shared/none))')
  assert.equal(listed[1], '* METADATA "INBOX" (/shared/comment "for all" /shared/none NIL)')
})

test('UIDBATCHES cuts the mailbox from the newest down', async () => {
  const { name, account } = await tests.person()
  const { store } = tests.bench
  const blob = await store.putBlob([Buffer.from('Subject: x\r\n\r\nx')])
  const summary = {
    subject: 'x',
    from: [],
    to: [],
    cc: [],
    bcc: [],
    replyTo: [],
    sender: [],
    sentAtMs: null,
    messageId: [],
    inReplyTo: [],
    references: [],
    preview: '',
    hasAttachment: false,
  }
  const deliver = {
    kind: 'email.deliver',
    account,
    mailboxes: ['inbox'],
    blob,
    summary,
    flags: [],
    receivedAtMs: 1,
    verdict: null,
  } as const
  await store.commit(Array.from({ length: 1_203 }, () => deliver))
  const inbox = store.mailboxByPath(account, 'INBOX')!.id
  await tests.apply({ kind: 'placement.expunge', account, mailbox: inbox, uids: [[700, 701]], onlyDeleted: false })
  const client = await tests.session(name)
  await said(client, 'SELECT INBOX')
  assert.equal((await said(client, 'UIDBATCHES 500'))[0], '* UIDBATCHES (TAG "x") 1203:704,703:202,201:1')
  assert.equal((await said(client, 'UIDBATCHES 600 2:9'))[0], '* UIDBATCHES (TAG "x") 601:2,1')
  assert.equal((await said(client, 'UIDBATCHES 5000'))[0], '* UIDBATCHES (TAG "x") 1203:1')
  await tests.apply({ kind: 'placement.expunge', account, mailbox: inbox, uids: [[1, 5]], onlyDeleted: false })
  await said(client, 'NOOP')
  assert.equal((await said(client, 'UIDBATCHES 5000'))[0], '* UIDBATCHES (TAG "x") 1203:1')
  assert.equal((await said(client, 'UIDBATCHES 600 7:7'))[0], '* UIDBATCHES (TAG "x")')
  assert.match((await said(client, 'UIDBATCHES 10', 'NO')).at(-1)!, /\[TOOSMALL\]/)
  for (const wrong of ['', ' X', ' 600 6:', ' 600 6:5', ' 600 5:6 X']) await said(client, `UIDBATCHES${wrong}`, 'BAD')
})

test('MESSAGELIMIT: a command works on the newest messages, and says where it stopped', async () => {
  const client = await tests.session(undefined, { limits: { messagesPerCommand: 2 } })
  await appendAll(client, 'INBOX', 'a', 'b', 'c')
  await said(client, 'SELECT INBOX')
  const fetched = await said(client, 'FETCH 1:* (UID)')
  assert.deepEqual(fetched.slice(0, -1), ['* 2 FETCH (UID 2)', '* 3 FETCH (UID 3)'])
  assert.match(fetched.at(-1)!, /^x OK \[MESSAGELIMIT 2 2\]/)
  assert.match((await said(client, 'UID STORE 1:* +FLAGS.SILENT (\\Seen)')).at(-1)!, /\[MESSAGELIMIT 2 2\]/)
  assert.equal((await said(client, 'SEARCH UNSEEN'))[0], '* SEARCH 1')
  assert.match((await said(client, 'MOVE 1:* Trash')).at(-1)!, /^x OK \[MESSAGELIMIT 2 2\]/)
})

test('UNAUTHENTICATE: the next person begins with nothing of the one before', async () => {
  const client = await tests.session()
  await appendAll(client, 'INBOX', 'secret')
  await said(client, 'ENABLE CONDSTORE')
  await said(client, 'SELECT INBOX')
  await said(client, 'UNAUTHENTICATE')
  await said(client, 'FETCH 1 FLAGS', 'BAD')
  await said(client, 'SELECT INBOX', 'BAD')
  const { name } = await tests.person()
  await said(client, `LOGIN ${name} x`)
  await said(client, 'CHECK', 'BAD')
  const selected = await said(client, 'SELECT INBOX')
  assert.ok(selected.includes('* 0 EXISTS'))
  assert.ok(!selected.join().includes('CLOSED'), 'CONDSTORE is off again')
})

test('CREATE with a special use that is taken is refused with USEATTR; LIST shows uses and rights', async () => {
  const client = await tests.session()
  assert.match((await said(client, 'CREATE More (USE (\\Sent))', 'NO')).at(-1)!, /\[USEATTR\]/)
  await said(client, 'DELETE Sent')
  await said(client, 'CREATE Gesendet (USE (\\Sent))')
  const listed = await said(client, 'LIST (SPECIAL-USE) "" * RETURN (MYRIGHTS STATUS (MESSAGES))')
  const at = listed.indexOf('* LIST (\\HasNoChildren \\Sent) "/" "Gesendet"')
  assert.ok(at >= 0, listed.join('\n'))
  assert.deepEqual(listed.slice(at + 1, at + 3), [
    '* STATUS "Gesendet" (MESSAGES 0)',
    '* MYRIGHTS "Gesendet" "lrswipkxteacd"',
  ])
})

test('JMAPACCESS tells where JMAP is, and is offered only then', async () => {
  const without = await tests.session()
  assert.doesNotMatch((await said(without, 'CAPABILITY'))[0]!, /JMAPACCESS/)
  await said(without, 'GETJMAPACCESS', 'NO')
  const client = await tests.session(undefined, { jmapUrl: 'https://here.test/.well-known/jmap' })
  assert.match((await said(client, 'CAPABILITY'))[0]!, / JMAPACCESS /)
  assert.equal((await said(client, 'GETJMAPACCESS'))[0], '* JMAPACCESS "https://here.test/.well-known/jmap"')
})
