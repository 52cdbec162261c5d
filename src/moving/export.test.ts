import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EmbeddedStore, openStore } from '../store/embedded.ts'
import { done, makeAccount, nowMs, summary } from '../store/testing.ts'
import { testWorld } from '../world/testing.ts'
import { NotOurs, takeOut } from './export.ts'
import { bringIn } from './import.ts'
import { mailboxesAt } from './sources.ts'
import { MemorySink } from './testing.ts'

interface Letter {
  readonly path: string
  readonly text: string
  readonly flags: readonly string[]
  readonly receivedAtMs: number
}

async function fill(store: EmbeddedStore, account: number, letters: readonly Letter[]) {
  for (const { path, text, flags, receivedAtMs } of letters) {
    const { id } = await done(store, { kind: 'mailbox.create', account, path, nowMs, orExisting: true })
    const blob = await store.putBlob([Buffer.from(text, 'latin1')])
    const rest = { summary: summary(), verdict: null, flags, receivedAtMs }
    await done(store, { kind: 'email.deliver', account, mailboxes: [id!], blob, ...rest })
  }
}

async function seen(store: EmbeddedStore, account: number) {
  const found: (Letter & { uid: number })[] = []
  for (const { id, path } of store.mailboxes(account)) {
    for (const { uid, email, flags } of store.placements(account, id)) {
      const { blob, receivedAtMs } = store.email(account, email)!
      found.push({ path, uid, text: (await store.readBlob(blob))!.toString('latin1'), flags, receivedAtMs })
    }
  }
  return found
}

const line = fc.oneof(
  fc.constantFrom(
    '',
    'From ',
    '>From x',
    'From a Mon Jan  1 00:00:00 2024',
    'Subject: x',
    'Content-Length: 40',
    '.',
    '\r',
    '\0',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 30 }).map((text) => text.replaceAll('\n', '')),
)
const text = fc.array(line, { minLength: 1, maxLength: 10 }).map((lines) => lines.map((one) => `${one}\r\n`).join(''))
const letter: fc.Arbitrary<Letter> = fc.record({
  path: fc.constantFrom(
    'INBOX',
    'Sent',
    'Junk',
    'Familie/Brüder',
    'INBOX/below',
    'a.b/..',
    '%41',
    '.cur',
    'new',
    'x/cur/y',
    '日本語',
  ),
  text,
  flags: fc.uniqueArray(
    fc.constantFrom('\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '$Forwarded', '$MDNSent', 'Wichtig'),
  ),
  receivedAtMs: fc.integer({ min: 0, max: 2_000_000_000 }).map((seconds) => seconds * 1000),
})

const sorted = (flags: readonly string[]) => [...flags].sort()

for (const format of ['mbox', 'maildir'] as const) {
  test(`any mail goes out to ${format} and comes back as it was; what would not is named`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(letter, { maxLength: 12 }), async (letters) => {
        const there = testWorld()
        await there.run(async () => {
          const store = await openStore(there.world)
          const [bob, anna] = [await makeAccount(store), await makeAccount(store, 'anna@here.test')]
          await fill(store, bob, letters)
          const sink = new MemorySink()
          const result = await takeOut({ store, account: store.account(bob)!, sink, format })
          assert.equal(result.messages, letters.length)
          const named = new Set(result.notes.map((note) => note.slice(0, note.indexOf(':'))))
          const came = await bringIn({ store, clock: there.world.clock, account: anna }, await mailboxesAt(sink.place))
          assert.deepEqual([came.brought, came.notes, came.stopped], [letters.length, [], undefined])
          const [given, got] = [await seen(store, bob), await seen(store, anna)]
          assert.equal(got.length, given.length)
          for (const [index, one] of given.entries()) {
            if (named.has(`${one.path}, UID ${one.uid}`)) continue
            const other = got[index]!
            assert.deepEqual({ ...other, flags: sorted(other.flags) }, { ...one, flags: sorted(one.flags) })
          }
          // Ordinary lines are never named.
          if (format === 'maildir') assert.deepEqual(result.notes, [])
          await store.close()
        })
      }),
      { numRuns: 60 },
    )
  })

  test(`an export to ${format} is killed at any step; run again, everything is there once`, async () => {
    const there = testWorld()
    await there.run(async () => {
      const store = await openStore(there.world)
      const [bob, anna] = [await makeAccount(store), await makeAccount(store, 'anna@here.test')]
      const letters = Array.from({ length: 40 }, (_, at) => ({
        path: at % 2 ? 'INBOX' : 'Old/letters',
        text: `Subject: ${at}\r\n\r\n${'x'.repeat(at * 50)}\r\n`,
        flags: at % 3 ? ['\\Seen'] : [],
        receivedAtMs: nowMs + at * 1000,
      }))
      await fill(store, bob, letters)
      const account = store.account(bob)!
      const sink = new MemorySink()
      let kills = 0
      for (let steps = 1; ; steps += 3) {
        let left = steps
        const dying = new Proxy(sink, {
          get: (target, name) => {
            const value = Reflect.get(target, name, target) as unknown
            if (typeof value !== 'function') return value
            return (...args: unknown[]) => {
              if (left-- <= 0) throw new Error('killed')
              return value.apply(target, args)
            }
          },
        })
        try {
          await takeOut({ store, account, sink: dying, format })
          break
        } catch (error) {
          assert.equal((error as Error).message, 'killed')
          kills++
          sink.crash(() => there.world.random.float() < 0.5)
        }
      }
      assert.ok(kills > 3)
      const more = { path: 'INBOX', text: 'Subject: late\r\n\r\n', flags: [], receivedAtMs: nowMs }
      await fill(store, bob, [more])
      const last = await takeOut({ store, account, sink, format })
      assert.equal(last.messages, 1)
      await bringIn({ store, clock: there.world.clock, account: anna }, await mailboxesAt(sink.place))
      assert.deepEqual(await seen(store, anna), await seen(store, bob))
      const [inbox, copy] = [bob, anna].map((one) => store.mailboxByUse(one, 'inbox')!)
      if (format === 'maildir') {
        assert.equal(copy!.uidValidity, inbox!.uidValidity)
        const [given, got] = [store.lists.maildrop(bob, inbox!.id), store.lists.maildrop(anna, copy!.id)]
        assert.deepEqual(
          got.map(({ uid, uidl }) => [uid, uidl]),
          given.map(({ uid, uidl }) => [uid, uidl]),
        )
      }
      await store.close()
    })
  })
}

test('what is there already is not touched', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const account = store.account(await makeAccount(store))!
    const sink = new MemorySink()
    await takeOut({ store, account, sink, format: 'mbox' })
    await assert.rejects(takeOut({ store, account, sink, format: 'maildir' }), NotOurs)
    const other = new MemorySink()
    await other.keep('letter.txt', Buffer.from('Dear Bob'))
    await assert.rejects(takeOut({ store, account, sink: other, format: 'mbox' }), NotOurs)
    await store.close()
  })
})

test('a message that a format cannot hold is named', () => {
  const there = testWorld()
  return there.run(async () => {
    const store = await openStore(there.world)
    const bob = await makeAccount(store)
    const one = (content: string) => ({ path: 'INBOX', text: content, flags: ['\\Seen'], receivedAtMs: nowMs })
    await fill(store, bob, [
      one('A: b\n\nLF\n'),
      one('A: b\r\n\r\nno end'),
      one('Status: R\r\n\r\n'),
      one(' x\r\n\r\n'),
    ])
    const { notes } = await takeOut({ store, account: store.account(bob)!, sink: new MemorySink(), format: 'mbox' })
    assert.deepEqual(notes, [
      'INBOX, UID 1: its lines end in LF; brought in again they will end in CRLF.',
      'INBOX, UID 2: its last line has no end; in an mbox file it gets one.',
      'INBOX, UID 3: it has Status fields of its own, which mbox takes for flags.',
      'INBOX, UID 4: its flags are lost, because it begins with white space.',
    ])
    await store.close()
  })
})
