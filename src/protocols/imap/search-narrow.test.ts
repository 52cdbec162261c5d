// What the store finds by itself is what looking at each message finds, for chance searches of a mailbox with gaps.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { deliver } from '../../store/testing.ts'
import type { Dialogue } from '../dialogue.ts'
import { OWNER } from './rights.ts'
import { scopeOf } from './scope.ts'
import type { SearchKey } from './search-keys.ts'
import { Searching } from './searching.ts'
import { ImapTests, said } from './testing.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

const DAY_MS = 86_400_000
const FLAGS = ['\\Seen', '\\Flagged', '\\Deleted', '$Junk', '$NotJunk', 'Work']
const NOW = 20_005 * DAY_MS

const number = fc.integer({ min: 1, max: 45 })
const leaf: fc.Arbitrary<SearchKey> = fc.oneof(
  fc.constant<SearchKey>({ kind: 'all' }),
  fc.constant<SearchKey>({ kind: 'recent' }),
  fc.constantFrom(...FLAGS, 'junk', 'nowhere').map((flag): SearchKey => ({ kind: 'flag', flag: flag.toLowerCase() })),
  fc
    .tuple(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([set, byUid]): SearchKey => ({ kind: 'set', set, byUid })),
  fc.constant<SearchKey>({ kind: 'set', set: 'saved', byUid: false }),
  fc.tuple(fc.boolean(), number).map(([larger, n]): SearchKey => ({ kind: 'size', larger, sizeBytes: n + 40 })),
  fc
    .tuple(
      fc.constantFrom('received' as const, 'saved' as const),
      fc.constantFrom('before' as const, 'on' as const, 'since' as const),
      fc.integer({ min: 19_998, max: 20_007 }),
    )
    .map(([kind, test, day]): SearchKey => ({ kind, test, day })),
  fc
    .tuple(fc.boolean(), fc.integer({ min: 1, max: 600_000 }))
    .map(([older, seconds]): SearchKey => ({ kind: 'age', older, seconds })),
  number.map((modseq): SearchKey => ({ kind: 'modseq', modseq })),
  fc
    .tuple(fc.constantFrom('M', 'T', 'X'), number, fc.boolean())
    .map(
      ([letter, n, isEmail]): SearchKey => ({ kind: 'object', of: isEmail ? 'email' : 'thread', id: `${letter}${n}` }),
    ),
  fc.constantFrom('greet', 'nothing').map((text): SearchKey => ({ kind: 'subject', text })),
)
const { key } = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('key'), { minLength: 1, maxLength: 3 }).map((keys): SearchKey => ({ kind: 'and', keys })),
    fc.tuple(tie('key'), tie('key')).map((keys): SearchKey => ({ kind: 'or', keys })),
    tie('key').map((inner): SearchKey => ({ kind: 'not', key: inner })),
  ),
}))

/** No body is read here. */
function performed(dialogue: Dialogue): void {
  for (let next = dialogue.next(); !next.done; next = dialogue.next(undefined)) {
    assert.ok(next.value.kind === 'pause' || next.value.kind === 'may-hold', next.value.kind)
  }
}

test('the store and a look at each message agree', async () => {
  const { store } = tests.bench
  const { account } = await tests.person()
  const inbox = store.mailboxByUse(account, 'inbox')!
  for (let i = 0; i < 40; i++) {
    // Few are not seen: then an index leads to them.
    const flags = FLAGS.filter((flag, bit) => (flag === '\\Seen' ? i % 9 > 0 : (i * 2_654_435_761) & (1 << (bit + 3))))
    await deliver(store, account, `Subject: x\r\n\r\n${'x'.repeat(i)}`, {
      flags,
      receivedAtMs: NOW - i * 6 * 3_600_000,
    })
  }
  await store.commit([
    {
      kind: 'placement.expunge',
      account,
      mailbox: inbox.id,
      onlyDeleted: false,
      uids: [
        [3, 4],
        [9, 9],
        [38, 40],
      ],
    },
  ])
  const place = { account, mailbox: store.mailbox(account, inbox.id)!, rights: OWNER, path: 'INBOX' }
  const recentRanges = [
    [5, 12],
    [30, 35],
  ] as const
  const isRecent = (uid: number) => recentRanges.some(([first, last]) => first <= uid && uid <= last)
  const scope = {
    ...scopeOf(store, place),
    saved: [
      [2, 6],
      [20, 21],
    ] as const,
    recentRanges,
    isRecent,
  }
  const everything = store.placements(account, inbox.id)
  assert.equal(everything.length, 34)
  assert.ok(store.mailbox(account, inbox.id)!.unseen * 4 < everything.length)
  let some = 0
  fc.assert(
    fc.property(key, (wanted) => {
      const byStore = new Searching(scope, wanted, NOW)
      performed(byStore.run(function* () {}))
      const byLooking = new Searching(scope, wanted, NOW)
      performed(byLooking.among(everything))
      const uids = byStore.found.map(({ uid }) => uid)
      assert.deepEqual(
        uids,
        byLooking.found.map(({ uid }) => uid),
      )
      if (uids.length > 0 && uids.length < everything.length) some++
    }),
    { numRuns: 1_500 },
  )
  assert.ok(some > 300, `only ${some} searches found some and not all`)
})

test('a search of very many keys is answered, too', async () => {
  const { name, account } = await tests.person()
  for (const flags of [['\\Seen'], []]) await deliver(tests.bench.store, account, 'Subject: x\r\n\r\n', { flags })
  const client = await tests.session(name)
  await said(client, 'SELECT INBOX')
  const [line] = await said(client, `SEARCH ${'UNSEEN SMALLER 5000 '.repeat(1_200)}ALL`)
  assert.equal(line, '* SEARCH 2')
})
