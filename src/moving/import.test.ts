import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EmbeddedStore, openStore } from '../store/embedded.ts'
import { makeAccount } from '../store/testing.ts'
import { checkStore } from '../store/upkeep/check.ts'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { bringIn } from './import.ts'
import type { Place } from './place.ts'
import { mailboxesAt } from './sources.ts'
import { atMs, memoryPlace } from './testing.ts'

const letter = (name: string) => `From: alice@sender.test\nSubject: ${name}\n\nHello ${name}.\n`

/** Everything of an account, as a person sees it. */
async function seen(store: EmbeddedStore, account: number) {
  const found: [string, number, string, string, number][] = []
  for (const { id, path } of store.mailboxes(account)) {
    for (const { uid, email, flags } of store.placements(account, id)) {
      const { blob, receivedAtMs } = store.email(account, email)!
      found.push([path, uid, (await store.readBlob(blob))!.toString('latin1'), flags.join(' '), receivedAtMs])
    }
  }
  return found
}

const run = async (world: World, store: EmbeddedStore, account: number, place: Place) =>
  bringIn({ store, clock: world.clock, account }, await mailboxesAt(place))

const dovecot: Record<string, string> = {
  'cur/1700000000.M1P1.host,S=9:2,S': letter('one'),
  'cur/1700000005.M1P1.host:2,FSab': letter('five'),
  'new/1700000009.M1P1.host': letter('new'),
  'new/1600000000.M1P1.host': letter('not in the list'),
  'dovecot-uidlist':
    '3 V1600000001 N20 G0123456789abcdef0123456789abcdef\n5 P4711 W99 :1700000005.M1P1.host\n3 :1700000000.M1P1.host,S=9\n9 :1700000009.M1P1.host\n',
  'dovecot-keywords': '0 $Label1\n1 Wichtig\n',
  subscriptions: 'V\t2\n\nSent\nFamilie\tBr&APw-der\n',
  '.Sent/cur/1700000001.x:2,S': letter('sent'),
  '.Familie.Br&APw-der/cur/1700000002.x:2,RT': letter('brother'),
  '.Familie.Br&APw-der/dovecot-uidlist': '3 V1600000002 N8\n7 :1700000002.x\n',
}

test('a Maildir of Dovecot comes with UIDVALIDITY, UIDs, POP3 names, flags, keywords, dates and subscriptions', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    const result = await run(there.world, store, bob, memoryPlace(dovecot))
    assert.deepEqual(result.notes, [])
    assert.deepEqual([result.brought, result.known, result.mailboxes, result.stopped], [6, 0, 3, undefined])
    const crlf = (name: string) => letter(name).replaceAll('\n', '\r\n')
    assert.deepEqual(await seen(store, bob), [
      ['Familie/Brüder', 7, crlf('brother'), '\\Answered \\Deleted', atMs],
      ['INBOX', 3, crlf('one'), '\\Seen', atMs],
      ['INBOX', 5, crlf('five'), '$Label1 Wichtig \\Flagged \\Seen', atMs],
      ['INBOX', 9, crlf('new'), '', atMs],
      ['INBOX', 20, crlf('not in the list'), '', atMs],
      ['Sent', 1, crlf('sent'), '\\Seen', atMs],
    ])
    const inbox = store.mailboxByPath(bob, 'INBOX')!
    assert.deepEqual([inbox.uidValidity, inbox.uidNext], [1600000001, 21])
    const brothers = store.mailboxByPath(bob, 'Familie/Brüder')!
    assert.deepEqual([brothers.uidValidity, brothers.uidNext, brothers.subscribed], [1600000002, 8, true])
    assert.deepEqual(
      store.lists.maildrop(bob, inbox.id).map(({ uidl }) => uidl),
      ['000000035f5e1001', '4711', '000000095f5e1001', null],
    )
    // Again, with one more: only that one comes, and where it was in the list.
    const more: Record<string, string> = { ...dovecot, 'cur/1700000030.x:2,': letter('late') }
    more['dovecot-uidlist'] = `${dovecot['dovecot-uidlist']}30 :1700000030.x\n`
    const again = await run(there.world, store, bob, memoryPlace(more))
    assert.deepEqual([again.brought, again.known, again.notes], [1, 6, []])
    assert.equal(store.placements(bob, inbox.id).at(-1)!.uid, 30)
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test('an account that has mail already gets the messages, and hears that UIDs are new', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    await run(
      there.world,
      store,
      bob,
      memoryPlace({ 'INBOX.mbox': `From a Mon Jan  1 00:00:00 2024\n${letter('old')}\n` }),
    )
    const result = await run(there.world, store, bob, memoryPlace(dovecot))
    assert.equal(result.brought, 6)
    assert.match(
      result.notes.join(),
      /^INBOX: UIDs are new, clients will load it again\. INBOX has given UIDs already\.$/,
    )
    await store.close()
  })
})

test('a full account stops the import, and says so; with more room it goes on', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    await store.commit([{ kind: 'quota.put', account: bob, bytes: null, messages: 2 }])
    const first = await run(there.world, store, bob, memoryPlace(dovecot))
    assert.deepEqual([first.brought, first.stopped], [2, 'The account is full. The account has no room for this.'])
    await store.commit([{ kind: 'quota.put', account: bob, bytes: null, messages: null }])
    const second = await run(there.world, store, bob, memoryPlace(dovecot))
    assert.deepEqual([second.brought, second.known, second.stopped], [4, 2, undefined])
    await store.close()
  })
})

test('the machine stops at any instant of an import; run again, everything is there once', async () => {
  const files: Record<string, string> = { ...dovecot }
  for (let at = 0; at < 150; at++) files[`.Archive/cur/17000${String(at).padStart(5, '0')}.y:2,S`] = letter(`old ${at}`)
  files['Lists/news.mbox'] = Array.from(
    { length: 90 },
    (_, at) => `From a Mon Jan  1 00:00:00 2024\n${letter(`news ${at}`)}\n`,
  ).join('')
  let crashes = 0
  for (let seed = 1; seed <= 10; seed++) {
    const there = testWorld(seed)
    await there.run(async () => {
      const store = await openStore(there.world)
      await makeAccount(store)
      await store.close()
    })
    let events = 0
    there.simulation.trace(() => events++)
    let isDone = false
    for (let life = 1; !isDone; life++) {
      const { world } = there
      void (async () => {
        const store = await openStore(world)
        await run(world, store, store.accountByAddress('bob@here.test')!.id, memoryPlace(files))
        await store.close()
        isDone = true
      })()
      // A life is longer each time, so that one is long enough.
      const end = events + 5 * life + seed
      await there.simulation.run(() => isDone || events >= end)
      if (isDone) break
      crashes++
      there.host.crash()
      there.host.restart()
    }
    assert.ok(isDone)
    await there.run(async () => {
      const store = await openStore(there.world)
      const bob = store.accountByAddress('bob@here.test')!.id
      const texts = (await seen(store, bob)).map(([path, , text]) => `${path} ${text}`)
      assert.equal(texts.length, 6 + 150 + 90)
      assert.equal(new Set(texts).size, texts.length)
      assert.deepEqual(await checkStore(store), [])
      await store.close()
    })
  }
  assert.ok(crashes > 20, `only ${crashes} crashes`)
})
