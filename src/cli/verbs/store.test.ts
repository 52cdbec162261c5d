import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import { openKeptStore } from '../../store/open.ts'
import { contentOf, liveSome } from '../../store/testing-life.ts'
import { testPostgres } from '../../world/testing/postgres.ts'
import { worldOf } from '../agents-in.ts'
import { account } from './account.ts'
import { backup, move, rebuild, restore, verify } from './store.ts'

/** The exit code and what was printed. */
async function say(verb: (print: (text: string) => void) => Promise<number>): Promise<[number, string]> {
  let text = ''
  const code = await verb((more) => {
    text += more
  })
  return [code, text]
}

test('an agent is backed up while it runs, loses its database, is rebuilt; another place gets the backup', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-care-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  const [agent, kept, elsewhere] = [join(folder, 'MDA@here'), join(folder, 'kept'), join(folder, 'elsewhere')]
  const store = await openStore(worldOf(agent))
  await liveSome(store, 12)
  const [, saved] = await say((print) => backup(agent, kept, print))
  assert.match(saved, /^MDA@here: backed up to record \d+; \d+ bytes were new\n$/)
  const before = contentOf(store.database)
  assert.match(
    (await say((print) => verify(folder, print)))[1],
    /^MDA@here: \d+ emails, \d+ bodies, .*\n {2}All is sound\.\n/,
  )
  assert.equal((await say((print) => rebuild(agent, print)))[0], 1)
  assert.match(complaints.join(), /is held by/)
  await store.close()

  for (const name of readdirSync(join(agent, 'store'))) {
    if (name.startsWith('store.db')) writeFileSync(join(agent, 'store', name), 'noise'.repeat(5000))
  }
  assert.equal((await say((print) => verify(agent, print)))[0], 1)
  const [code, rebuilt] = await say((print) => rebuild(agent, print))
  assert.deepEqual([code, /^MDA@here: \d+ emails, from the journal to \d+\n$/.test(rebuilt)], [0, true], rebuilt)
  const again = await openStore(worldOf(agent))
  assert.deepEqual(contentOf(again.database), before)
  await again.close()

  assert.equal((await say((print) => restore(kept, elsewhere, print)))[0], 0)
  const other = await openStore(worldOf(elsewhere))
  const there = contentOf(other.database)
  await other.close()
  // What was handed out since is not known here, so the counters of accounts and mailboxes have gone on (upkeep/backup.ts).
  const { account, mailbox, change, uid_gap, journal, ...mail } = before
  for (const [table, rows] of Object.entries(mail)) assert.deepEqual(there[table], rows, table)
  assert.deepEqual([there.account!.length, there.mailbox!.length], [account!.length, mailbox!.length])
  assert.equal((await say((print) => verify(elsewhere, print)))[0], 0)
  assert.equal((await say((print) => verify(join(folder, 'nothing'), print)))[0], 2)
})

test('an agent moves into PostgreSQL and back; its people are looked after where they are', async (t) => {
  const postgres = await testPostgres()
  if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-move-'))
  t.after(async () => {
    await postgres.end()
    rmSync(folder, { recursive: true })
  })
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  const agent = join(folder, 'MDA@here')
  const store = await openStore(worldOf(agent))
  await liveSome(store, 6, 'postmaster')
  const { journal: _, blob: _b, ...before } = contentOf(store.database)
  await store.close()
  const to = { to: postgres.url }
  assert.equal((await say((print) => move(agent, { to: 'mysql://here' }, print)))[0], 2)
  assert.equal((await say((print) => move(agent, { to: 'folder' }, print)))[0], 2)
  assert.equal((await say((print) => move(agent, {}, print)))[0], 2)
  const [code, moved] = await say((print) => move(agent, to, print))
  assert.equal(code, 0, complaints.join())
  assert.match(moved, /^MDA@here: \d+ emails, \d+ bodies, to PostgreSQL\n {2}Put store="postgres:/)

  const carl = { verb: 'add', address: 'carl@here.test', name: 'Carl', password: 'a long one 17' } as const
  assert.deepEqual((await say((print) => account(agent, carl, print)))[0], 0, complaints.join())
  assert.match((await say((print) => account(agent, { verb: 'list' }, print)))[1], /carl@here\.test/)
  const other = join(folder, 'elsewhere')
  const second = await openKeptStore(worldOf(other), { url: postgres.url, shard: 'here.test' })
  assert.ok(second.store.accountByAddress('carl@here.test'))
  await second.store.close()

  assert.equal((await say((print) => move(agent, to, print)))[0], 2)
  assert.equal((await say((print) => move(agent, { to: 'folder' }, print)))[0], 0, complaints.join())
  const own = await openStore(worldOf(agent))
  assert.ok(own.accountByAddress('carl@here.test'))
  assert.deepEqual(contentOf(own.database).placement?.length, before.placement?.length)
  await own.close()
  assert.equal((await say((print) => verify(agent, print)))[0], 0)
  assert.equal((await say((print) => account(other, { verb: 'list' }, print)))[0], 1)
  assert.match(complaints.at(-1)!, /was moved out of PostgreSQL/)
})
