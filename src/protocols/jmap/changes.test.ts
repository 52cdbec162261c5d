// What changed, told so that a client that applies it has what the server has (RFC 8620 §5.2, §5.6).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { atDesk, type Desk, type Loose } from './testing.ts'

const message = (n: number, of = n): string =>
  `From: a@sender.test\nTo: bob@recipient.test\nSubject: topic ${of}\nMessage-ID: <m${n}@sender.test>\n` +
  `${of === n ? '' : `In-Reply-To: <m${of}@sender.test>\n`}\nHello.\n`

const step = fc.oneof(
  fc.record({ do: fc.constant('deliver' as const), of: fc.nat(5), at: fc.nat(5), seen: fc.boolean() }),
  fc.record({ do: fc.constant('flag' as const), which: fc.nat(20), keyword: fc.constantFrom('$seen', '$flagged') }),
  fc.record({ do: fc.constant('move' as const), which: fc.nat(20), to: fc.constantFrom('inbox', 'archive') }),
  fc.record({ do: fc.constant('destroy' as const), which: fc.nat(20) }),
)

let delivered = 0

async function take(desk: Desk, one: Loose): Promise<void> {
  if (one.do === 'deliver') {
    const flags = one.seen ? ['\\Seen'] : []
    await desk.deliver(message(delivered++, Math.max(0, delivered - 1 - one.of)), {
      receivedAtMs: one.at * 1000,
      flags,
    })
    return
  }
  const { ids } = await desk.one('Email/query')
  const id = ids[one.which % Math.max(1, ids.length)]
  if (id === undefined) return
  if (one.do === 'flag') await desk.one('Email/set', { update: { [id]: { [`keywords/${one.keyword}`]: true } } })
  if (one.do === 'move') await desk.one('Email/set', { update: { [id]: { mailboxIds: { [desk.box(one.to)]: true } } } })
  if (one.do === 'destroy') await desk.one('Email/set', { destroy: [id] })
}

/** RFC 8620 §5.6: what a client does with the answer. */
function applied(old: readonly string[], { removed, added }: Loose): string[] {
  const ids = old.filter((id) => !removed.includes(id))
  for (const { id, index } of added) ids.splice(index, 0, id)
  return ids
}

test('Email/queryChanges leads from the old result to the new one, whatever happened', async () => {
  const inbox = (desk: Desk) => ({ inMailbox: desk.box('inbox') })
  const questions = (desk: Desk): object[] => [
    {},
    { filter: inbox(desk), collapseThreads: true },
    { filter: { ...inbox(desk), notKeyword: '$seen' }, sort: [{ property: 'receivedAt', isAscending: true }] },
    { filter: { someInThreadHaveKeyword: '$flagged' } },
    { sort: [{ property: 'hasKeyword', keyword: '$flagged', isAscending: false }], collapseThreads: true },
    { filter: { subject: 'topic 1' }, sort: [{ property: 'subject' }] },
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.array(step, { maxLength: 8 }), (before, after) =>
      atDesk(async (desk) => {
        delivered = 0
        for (const one of before) await take(desk, one)
        const old = []
        for (const question of questions(desk)) old.push(await desk.one('Email/query', question))
        for (const one of after) await take(desk, one)
        for (const [index, question] of questions(desk).entries()) {
          const sinceQueryState = old[index].queryState
          const change = await desk.one('Email/queryChanges', { ...question, sinceQueryState, calculateTotal: true })
          const now = await desk.one('Email/query', { ...question, calculateTotal: true })
          assert.deepEqual(applied(old[index].ids, change), now.ids, JSON.stringify(question))
          assert.equal(change.total, now.total)
          // The window that is read from the index is that of the whole list.
          const window = await desk.one('Email/query', { ...question, position: 1, limit: 2 })
          assert.deepEqual(window.ids, now.ids.slice(1, 3))
          // An anchor stands where it stands in the whole list.
          for (const [place, anchor] of now.ids.entries()) {
            const from = await desk.one('Email/query', { ...question, anchor, anchorOffset: -1, limit: 3 })
            const first = Math.max(0, place - 1)
            assert.deepEqual([from.position, from.ids], [first, now.ids.slice(first, first + 3)], `${place}`)
          }
        }
      }),
    ),
    { numRuns: 12 },
  )
})

test('Email/changes tells as many as are wanted, and goes on from there', () =>
  atDesk(async ({ one, deliver }) => {
    const { state } = await one('Email/get', { ids: [] })
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push(await deliver(message(n)))
    await one('Email/set', { update: { [ids[0]!]: { 'keywords/$seen': true } }, destroy: [ids[1]] })
    const known: string[] = []
    let since = state
    let asked = 0
    for (let hasMore = true; hasMore; asked++) {
      const { created, destroyed, updated, newState, hasMoreChanges } = await one('Email/changes', {
        sinceState: since,
        maxChanges: 2,
      })
      assert.ok(created.length + updated.length + destroyed.length <= 2)
      known.push(...created)
      since = newState
      hasMore = hasMoreChanges
    }
    assert.ok(asked > 1)
    assert.deepEqual(known, [ids[0], ids[2], ids[3], ids[4]])
    assert.equal(since, (await one('Email/get', { ids: [] })).state)
    // What happened at one moment cannot be told in parts.
    await one('Email/set', { update: Object.fromEntries(known.map((id) => [id, { 'keywords/$flagged': true }])) })
    assert.equal((await one('Email/changes', { sinceState: since, maxChanges: 0 })).type, 'invalidArguments')
    assert.equal((await one('Email/changes', {})).type, 'invalidArguments')
  }))

test('mailboxes: a tree sorted, filtered, and how its list changed', () =>
  atDesk(async ({ one, box }) => {
    const made = await one('Mailbox/set', {
      create: {
        leaf: { name: 'Apples', parentId: '#tree', sortOrder: 3 },
        tree: { name: 'Trees', sortOrder: 40, isSubscribed: true },
        other: { name: 'Zoo', sortOrder: 30 },
      },
    })
    assert.equal(made.notCreated, null)
    const [leaf, tree, other] = ['leaf', 'tree', 'other'].map((key) => made.created[key].id)
    const sort = [{ property: 'sortOrder' }, { property: 'name' }]
    const flat = await one('Mailbox/query', { sort })
    assert.deepEqual(flat.ids.slice(-2), [other, tree])
    const inTree = await one('Mailbox/query', { sort, sortAsTree: true })
    assert.deepEqual(inTree.ids.slice(-3), [other, tree, leaf])
    const named = { operator: 'OR', conditions: [{ name: 'app' }, { name: 'zoo' }] }
    assert.deepEqual((await one('Mailbox/query', { filter: named, sort })).ids, [leaf, other])
    assert.deepEqual((await one('Mailbox/query', { filter: named, sort, filterAsTree: true })).ids, [other])
    assert.equal((await one('Mailbox/get', { ids: [leaf] })).list[0].sortOrder, 3)

    await one('Mailbox/set', { update: { [other]: { sortOrder: 50, name: 'Zebras' } }, destroy: [leaf] })
    const change = await one('Mailbox/queryChanges', { sort, sinceQueryState: flat.queryState })
    const now = await one('Mailbox/query', { sort })
    assert.deepEqual(applied(flat.ids, change), now.ids)
    assert.deepEqual(now.ids.slice(-2), [tree, other])
    const none = { update: { [box('inbox')]: { sortOrder: -1 } } }
    assert.equal((await one('Mailbox/set', none)).notUpdated[box('inbox')].type, 'invalidProperties')
  }))

test('identities: one for each address, and more that the person makes', () =>
  atDesk(async ({ one, backend }) => {
    const before = await one('Identity/get')
    assert.deepEqual(
      before.list.map(({ email, mayDelete }: Loose) => [email, mayDelete]),
      [
        ['bob@recipient.test', false],
        ['robert@recipient.test', false],
      ],
    )
    const [bob] = before.list
    const made = await one('Identity/set', {
      create: {
        work: { name: 'Bob at work', email: 'Bob@recipient.test', replyTo: [{ name: null, email: 'x@y.test' }] },
        foreign: { name: 'Anna', email: 'anna@sender.test' },
      },
      update: { [bob.id]: { name: 'Bob Underwood', email: bob.email } },
    })
    const { id } = made.created.work
    assert.equal(made.notCreated.foreign.type, 'forbiddenFrom')
    const after = await one('Identity/get')
    assert.deepEqual(
      after.list.map(({ name }: Loose) => name),
      ['Bob Underwood', bob.name, 'Bob at work'],
    )
    const changes = await one('Identity/changes', { sinceState: before.state })
    assert.deepEqual([changes.created, changes.updated, changes.newState], [[id], [bob.id], after.state])
    const gone = await one('Identity/set', { destroy: [id, bob.id], ifInState: after.state })
    assert.deepEqual([gone.destroyed, gone.notDestroyed[bob.id].type], [[id], 'forbidden'])
    assert.deepEqual((await one('Identity/changes', { sinceState: after.state })).destroyed, [id])
    await backend.store.commit([{ kind: 'alias.put', alias: 'b@recipient.test', account: backend.account.id }])
    assert.equal((await one('Identity/changes', { sinceState: after.state })).type, 'cannotCalculateChanges')
  }))
