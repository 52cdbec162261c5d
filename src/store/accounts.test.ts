import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliver, done, makeAccount } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'
import { checkStore } from './upkeep/check.ts'

test(
  'an account goes with all that is its own; its id and what was shared with it are nobody’s afterwards',
  onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    const dora = await makeAccount(store, 'dora@here.test')
    await deliver(store, bob, 'to both')
    await deliver(store, dora, 'to both')
    await deliver(store, dora, 'to dora alone', { flags: ['\\Flagged'] })
    const inbox = store.mailboxByUse(bob, 'inbox')!.id
    await done(store, { kind: 'alias.put', alias: 'd@here.test', account: dora })
    await done(store, { kind: 'acl.put', account: bob, mailbox: inbox, identifier: 'dora@here.test', rights: 'lr' })
    await done(store, { kind: 'acl.put', account: bob, mailbox: inbox, identifier: 'anyone', rights: 'l' })
    const [gone, later] = await store.commit([
      { kind: 'account.remove', account: dora },
      { kind: 'mailbox.create', account: dora, path: 'Late', nowMs: 0 },
    ])
    assert.deepEqual([gone!.ok, later!.ok], [true, false])
    assert.deepEqual([store.account(dora), store.accountByAddress('d@here.test')], [undefined, undefined])
    assert.deepEqual(store.mailboxes(dora), [])
    assert.deepEqual(await checkStore(store), [])
    assert.equal(store.placements(bob, inbox).length, 1)
    assert.deepEqual(
      store.access.rights(bob, inbox).map(({ identifier }) => identifier),
      ['anyone'],
    )
    const other = await makeAccount(store, 'dora@here.test')
    assert.ok(other > dora)
    assert.equal((await store.commit([{ kind: 'account.remove', account: dora }]))[0]!.ok, false)
  }),
)

test(
  'an address is of one account or one group, and what is for nobody else can be caught',
  onBothEngines(async (store) => {
    const bob = await makeAccount(store)
    const dora = await makeAccount(store, 'dora@here.test')
    const group = { address: 'ALL@here.test', owner: 'bob@here.test', members: ['Bob@here.test', 'bob@here.test'] }
    await done(store, { kind: 'group.put', group })
    const kept = { address: 'all@here.test', owner: 'bob@here.test', members: ['bob@here.test'] }
    assert.deepEqual(store.group('all@HERE.test'), kept)
    const refused = await store.commit([
      { kind: 'alias.put', alias: 'all@here.test', account: bob },
      { kind: 'account.create', address: 'All@here.test', displayName: '', credentials: null, nowMs: 0 },
      { kind: 'group.put', group: { ...group, address: 'dora@here.test' } },
      { kind: 'alias.put', alias: 'dora@here.test', account: bob },
      { kind: 'group.remove', address: 'none@here.test' },
    ])
    assert.deepEqual(
      refused.map((one) => (one.ok ? 'ok' : one.reason)),
      ['exists', 'exists', 'exists', 'exists', 'no-account'],
    )
    await done(store, { kind: 'alias.put', alias: '@here.test', account: bob })
    assert.equal((await store.commit([{ kind: 'alias.put', alias: '@here.test', account: dora }]))[0]!.ok, false)
    assert.equal(store.accountByAddress('@here.test')?.id, bob)
    assert.equal(store.accountByAddress('nobody@here.test'), undefined)
    assert.deepEqual(store.addresses(bob), ['bob@here.test'])
    await done(store, { kind: 'group.remove', address: 'all@here.test' })
    assert.deepEqual(store.groups(), [])
  }),
)
