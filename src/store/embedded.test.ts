import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { realWorld } from '../world/real/world.ts'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { type EmbeddedStore, openStore } from './embedded.ts'
import type { Change } from './store.ts'
import { deliver, delivery, done, makeAccount, nowMs } from './testing.ts'

const worlds: Record<string, (work: (world: World) => Promise<void>) => Promise<void>> = {
  simulated: async (work) => {
    const { world, run } = testWorld()
    await run(work(world))
  },
  real: async (work) => {
    const folder = mkdtempSync(join(tmpdir(), 'borderpost-store-'))
    try {
      await work(realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) }))
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

for (const [name, inWorld] of Object.entries(worlds)) {
  describe(`the store in the ${name} world`, () => {
    test('who is here is known anew after every change', () =>
      inWorld(async (world) => {
        const store = await openStore(world)
        const bob = await makeAccount(store)
        const [idOf, trustedBy] = [
          (address: string) => store.accountByAddress(address)?.id,
          () => store.trustedForwarders(bob).map(({ domain }) => domain),
        ]
        const forwarder = { account: bob, domain: 'old.test', oldAddress: 'bob@old.test', addedAtMs: nowMs }
        assert.deepEqual([idOf('bob@here.test'), idOf('bobby@here.test'), trustedBy()], [bob, undefined, []])
        await done(store, { kind: 'alias.put', alias: 'bobby@here.test', account: bob })
        await done(store, { kind: 'trust.put', forwarder })
        assert.deepEqual([idOf('bobby@here.test'), trustedBy()], [bob, ['old.test']])
        store.trustedForwarders(bob).pop()
        assert.deepEqual(trustedBy(), ['old.test'])
        await done(store, { kind: 'account.credentials', account: bob, credentials: 'secret' })
        assert.equal(store.accountByAddress('bob@here.test')?.credentials, 'secret')
        await done(store, { kind: 'alias.remove', alias: 'bobby@here.test' })
        await done(store, { kind: 'trust.remove', account: bob, domain: 'old.test' })
        assert.deepEqual([idOf('bobby@here.test'), trustedBy()], [undefined, []])
        await store.close()
      }))

    test('many commits at once: each answered, in the order of their asking, also while the store closes', () =>
      inWorld(async (world) => {
        const store = await openStore(world)
        const bob = await makeAccount(store)
        const deliveries = await Promise.all(
          Array.from({ length: 200 }, (_, n) => delivery(store, bob, `Subject: ${n}\r\n\r\n`)),
        )
        const commits = deliveries.map((command) => store.commit([command]))
        await store.close()
        const results = (await Promise.all(commits)).map(([result]) => result?.ok && result.placements?.[0]?.uid)
        assert.deepEqual(
          results,
          deliveries.map((_, n) => n + 1),
        )
      }))

    test('keeps what was committed, over close and open', () =>
      inWorld(async (world) => {
        let store: EmbeddedStore = await openStore(world)
        const bob = await makeAccount(store)
        const made = await deliver(store, bob, 'Subject: one\r\n\r\nHello')
        assert.deepEqual(
          made.placements?.map(({ uid }) => uid),
          [1],
        )
        const large = 'x'.repeat(300_000)
        await deliver(store, bob, large, { flags: ['\\Seen', 'Work'] })
        await store.close()

        store = await openStore(world)
        assert.equal(store.accountByAddress('Bob+tag@HERE.test')?.id, bob)
        const inbox = store.mailboxByUse(bob, 'inbox')!
        assert.equal(inbox.total, 2)
        assert.equal(inbox.unseen, 1)
        assert.equal(inbox.uidNext, 3)
        assert.deepEqual(
          store.placements(bob, inbox.id).map(({ flags }) => flags),
          [[], ['Work', '\\Seen']],
        )
        const [first, second] = store.emails(bob, store.listEmails(bob, {}, 'oldest'))
        assert.equal(String(await store.readBlob(first!.blob)), 'Subject: one\r\n\r\nHello')
        assert.equal(String(await store.readBlob(first!.blob, { offset: 9, length: 3 })), 'one')
        assert.equal(String(await store.readBlob(second!.blob)), large)
        await store.close()
      }))

    test('one body for the same content, announcements after the commit', () =>
      inWorld(async (world) => {
        const store = await openStore(world)
        const bob = await makeAccount(store)
        const changes: Change[] = []
        const stop = store.watch(bob, (change) => changes.push(change))
        await deliver(store, bob, 'same')
        await deliver(store, bob, 'same', { mailboxes: ['junk', 'archive'] })
        stop()
        const [a, b] = store.emails(bob, store.listEmails(bob, {}, 'oldest'))
        assert.deepEqual(a?.blob, b?.blob)
        assert.equal(changes.length, 2)
        assert.deepEqual(changes[1]?.mailboxes.length, 2)
        assert.equal(changes[1]?.modseq, store.modseq(bob))
        await done(store, { kind: 'email.destroy', account: bob, email: a!.id })
        assert.equal(store.mailboxByUse(bob, 'inbox')?.total, 0)
        assert.equal(store.mailboxByUse(bob, 'inbox')?.sizeBytes, 0)
        assert.equal(String(await store.readBlob(b!.blob)), 'same')
        await store.close()
        await assert.rejects(store.commit([{ kind: 'setting.put', key: 'a', value: 'b' }]), { name: 'DiskError' })
      }))

    test('many commits at once', () =>
      inWorld(async (world) => {
        const store = await openStore(world)
        const bob = await makeAccount(store)
        const made = await Promise.all(Array.from({ length: 500 }, (_, i) => deliver(store, bob, `message ${i}`)))
        assert.equal(new Set(made.map((one) => one.placements![0]!.uid)).size, 500)
        assert.equal(store.mailboxByUse(bob, 'inbox')?.total, 500)
        await store.close()
      }))
  })
}
