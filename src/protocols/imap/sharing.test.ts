// Quotas, access rights and shared mailboxes: what one person may do in another's mailboxes, and what both then see.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendAll, ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

test('a quota is told, and what does not fit is refused with OVERQUOTA', async () => {
  const { name, account } = await tests.person()
  const client = await tests.session(name)
  assert.match((await said(client, 'GETQUOTAROOT INBOX'))[1]!, /^\* QUOTA "person\d+@here.test" \(\)$/)
  await tests.apply({ kind: 'quota.put', account, bytes: 10_240, messages: 2 })
  await appendAll(client, 'INBOX', 'one', 'two')
  const told = await said(client, 'GETQUOTAROOT INBOX')
  assert.equal(told[0], `* QUOTAROOT "INBOX" "${name}"`)
  assert.equal(told[1], `* QUOTA "${name}" (STORAGE 1 10 MESSAGE 2 2)`)
  assert.match((await said(client, 'APPEND INBOX {1}\r\nx', 'NO')).at(-1)!, /\[OVERQUOTA\]/)
  await said(client, 'SELECT INBOX')
  assert.match((await said(client, 'COPY 1 Trash', 'NO')).at(-1)!, /\[OVERQUOTA\]/)
  await said(client, 'MOVE 1 Trash')
  assert.match((await said(client, `SETQUOTA "${name}" (MESSAGE 9)`, 'NO')).at(-1)!, /\[NOPERM\]/)
  await said(client, 'GETQUOTA nobody@here.test', 'NO')
  await said(client, 'SELECT Trash')
  await said(client, 'STORE 1 +FLAGS (\\Deleted)')
  assert.match((await said(client, 'STATUS Trash (DELETED DELETED-STORAGE)'))[0]!, /DELETED 1 DELETED-STORAGE \d\d+/)
})

test('rights are given, listed and taken away; without any a mailbox does not exist for others', async () => {
  await tests.person('owner')
  await tests.person('guest')
  const [owner, guest] = [await tests.session('owner@here.test'), await tests.session('guest@here.test')]
  await said(owner, 'CREATE Shared')
  await appendAll(owner, 'Shared', 'one')
  await said(guest, 'SELECT "#user/owner/Shared"', 'NO')
  assert.match((await said(guest, 'MYRIGHTS "#user/owner/Shared"', 'NO')).at(-1)!, /NONEXISTENT/)
  await said(owner, 'SETACL Shared guest lr')
  assert.equal(
    (await said(owner, 'GETACL Shared'))[0],
    '* ACL "Shared" owner@here.test lrswipkxteacd guest@here.test lr',
  )
  assert.equal((await said(guest, 'MYRIGHTS "#user/owner/Shared"'))[0], '* MYRIGHTS "#user/owner/Shared" "lr"')
  assert.ok((await said(guest, 'LIST "" *')).includes('* LIST (\\HasNoChildren) "/" "#user/owner/Shared"'))
  assert.ok((await said(guest, 'LIST "" %')).includes('* LIST (\\Noselect \\HasChildren) "/" "#user"'))
  assert.equal((await said(guest, 'NAMESPACE'))[0], '* NAMESPACE (("" "/")) (("#user/" "/")) NIL')
  await said(guest, 'SETACL "#user/owner/Shared" guest +a', 'NO')
  await said(owner, 'SETACL Shared guest +ws')
  assert.equal((await said(guest, 'MYRIGHTS "#user/owner/Shared"'))[0], '* MYRIGHTS "#user/owner/Shared" "lrsw"')
  await said(owner, 'SETACL Shared -guest s')
  assert.equal((await said(guest, 'MYRIGHTS "#user/owner/Shared"'))[0], '* MYRIGHTS "#user/owner/Shared" "lrw"')
  await said(owner, 'SETACL Shared guest ?', 'BAD')
  await said(owner, 'SETACL Shared owner l', 'NO')
  await said(owner, 'DELETEACL Shared guest')
  await said(guest, 'SELECT "#user/owner/Shared"', 'NO')
  assert.match((await said(owner, 'LISTRIGHTS Shared guest'))[0]!, /^\* LISTRIGHTS "Shared" guest "" l r s w/)
})

test('a guest does what the rights allow and nothing else, and both see it at once', async () => {
  await tests.person('host')
  await tests.person('visitor')
  const [host, visitor] = [await tests.session('host@here.test'), await tests.session('visitor@here.test')]
  await said(host, 'CREATE Team')
  await appendAll(host, 'Team', 'one', 'two')
  await said(host, 'SETACL Team visitor lrw')
  await said(host, 'SELECT Team')
  const selected = await said(visitor, 'SELECT "#user/host/Team"')
  assert.match(selected.at(-1)!, /READ-WRITE/)
  assert.match(selected.join('\n'), /PERMANENTFLAGS \(\\Answered \\Draft \\Flagged \\\*\)/)
  await said(visitor, 'STORE 1 +FLAGS (\\Flagged)')
  assert.ok((await said(host, 'NOOP')).some((line) => /^\* 1 FETCH \(FLAGS \(.*\\Flagged/.test(line)))
  assert.match((await said(visitor, 'STORE 1 +FLAGS (\\Seen)', 'NO')).at(-1)!, /NOPERM/)
  assert.match((await said(visitor, 'STORE 1 +FLAGS (\\Deleted)', 'NO')).at(-1)!, /NOPERM/)
  assert.match((await said(visitor, 'EXPUNGE', 'NO')).at(-1)!, /NOPERM/)
  assert.match((await said(visitor, 'FETCH 2 BODY[TEXT]'))[0]!, /Body of two/)
  assert.doesNotMatch((await said(host, 'FETCH 2 FLAGS'))[0]!, /Seen/, 'without the right s nothing is marked as seen')
  await said(visitor, 'APPEND "#user/host/Team" {1}\r\nx', 'NO')
  await said(visitor, 'DELETE "#user/host/Team"', 'NO')
  await said(visitor, 'CREATE "#user/host/Team/Sub"', 'NO')

  // IDLE hears of another person's mailbox, too.
  visitor.send('i IDLE\r\n')
  await visitor.until(/^\+ /)
  await appendAll(host, 'Team', 'three')
  assert.match((await visitor.until(/EXISTS/)).at(-1)!, /^\* 3 EXISTS/)
  visitor.send('DONE\r\n')
  await visitor.until(/^i OK/)
})

test('a guest who replaces flags replaces those that the rights allow, and leaves the others', async () => {
  await tests.person('lender')
  await tests.person('borrower')
  const [owner, reader] = [await tests.session('lender@here.test'), await tests.session('borrower@here.test')]
  await said(owner, 'CREATE Box')
  await appendAll(owner, 'Box', 'one')
  await said(owner, 'SELECT Box')
  const flags = async (): Promise<string> => /FLAGS \(([^)]*)\)/.exec((await said(owner, 'FETCH 1 FLAGS'))[0]!)![1]!
  for (const [rights, before, replacement, after] of [
    ['lrs', '\\Seen \\Flagged $one', '', '$one \\Flagged'],
    ['lrs', '\\Flagged', '\\Seen \\Deleted', '\\Flagged \\Seen'],
    ['lrt', '\\Seen \\Deleted', '', '\\Seen'],
    ['lrw', '\\Seen \\Draft $one', '\\Answered $two', '$two \\Answered \\Seen'],
    ['lrst', '\\Draft \\Deleted $one', '\\Seen', '$one \\Draft \\Seen'],
  ] as const) {
    await said(owner, `SETACL Box borrower ${rights}`)
    await said(owner, `STORE 1 FLAGS (${before})`)
    await said(reader, 'SELECT "#user/lender/Box"')
    await said(reader, `STORE 1 FLAGS (${replacement})`)
    assert.equal((await flags()).replace(/ ?\\Recent/, '').trim(), after, `${rights}: ${replacement}`)
  }
  await said(reader, 'STORE 1 FLAGS (\\Answered)', 'NO')
})

test('messages go from one person to another with COPY and MOVE, within what the receiver may hold', async () => {
  await tests.person('giver')
  const { account } = await tests.person('taker')
  const [giver, taker] = [await tests.session('giver@here.test'), await tests.session('taker@here.test')]
  await said(taker, 'CREATE Drop')
  await said(taker, 'SETACL Drop giver lrisw')
  await appendAll(giver, 'INBOX', 'one', 'two', 'three')
  await said(giver, 'SELECT INBOX')
  await said(giver, 'STORE 1 +FLAGS (\\Flagged \\Deleted)')
  assert.match((await said(giver, 'COPY 1 "#user/taker/Drop"')).at(-1)!, /\[COPYUID \d+ 1 1\]/)
  await said(taker, 'SELECT Drop')
  assert.match(
    (await said(taker, 'FETCH 1 (FLAGS BODY.PEEK[TEXT])'))[0]!,
    /FLAGS \(\\Flagged( \\Recent)?\) .*Body of one/s,
  )
  await tests.apply({ kind: 'quota.put', account, bytes: null, messages: 2 })
  assert.match((await said(giver, 'MOVE 2:3 "#user/taker/Drop"', 'NO')).at(-1)!, /\[OVERQUOTA\]/)
  assert.match((await said(giver, 'STATUS INBOX (MESSAGES)'))[0]!, /MESSAGES 3/, 'nothing is lost')
  assert.match((await said(taker, 'STATUS Drop (MESSAGES)'))[0]!, /MESSAGES 1/, 'and nothing came')
  const moved = await said(giver, 'MOVE 2 "#user/taker/Drop"')
  assert.match(moved.join('\n'), /\[COPYUID \d+ 2 \d\][\s\S]*\* 2 EXPUNGE/)
  assert.match((await said(taker, 'STATUS Drop (MESSAGES)'))[0]!, /MESSAGES 2/)
})

test('a new mailbox below a shared one is shared with the same people', async () => {
  await tests.person('boss')
  await tests.person('clerk')
  const [boss, clerk] = [await tests.session('boss@here.test'), await tests.session('clerk@here.test')]
  await said(boss, 'CREATE Office')
  await said(boss, 'SETACL Office clerk lrkx')
  await said(clerk, 'CREATE "#user/boss/Office/2026"')
  assert.equal(
    (await said(clerk, 'MYRIGHTS "#user/boss/Office/2026"'))[0],
    '* MYRIGHTS "#user/boss/Office/2026" "lrkxc"',
  )
  assert.ok((await said(boss, 'LIST "" *')).includes('* LIST (\\HasNoChildren) "/" "Office/2026"'))
  await said(clerk, 'RENAME "#user/boss/Office/2026" "#user/boss/Office/2027"')
  await said(clerk, 'RENAME "#user/boss/Office/2027" Mine', 'NO')
  await said(clerk, 'DELETE "#user/boss/Office/2027"')
})
