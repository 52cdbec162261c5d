// Each command as its sentence in commands.ts has it, and what it refuses.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { openStore } from './embedded.ts'
import type { NewQueueEntry } from './nouns/queue.ts'
import { EVENTS, QUEUE } from './nouns/watched.ts'
import { deliver, delivery, done, makeAccount, nowMs, summary } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'
import { checkStore } from './upkeep/check.ts'
import type { KeptStore } from './view.ts'

/** A store with one account; it must be sound at the end. */
function inStore(work: (store: KeptStore, bob: number, world: World) => Promise<void>) {
  return onBothEngines(async (store, world) => {
    await work(store, await makeAccount(store), world)
    assert.deepEqual(await checkStore(store), [])
  })
}

const idOf = (store: KeptStore, account: number, path: string) => store.mailboxByPath(account, path)!.id
const paths = (store: KeptStore, account: number) => store.mailboxes(account).map(({ path }) => path)
const uidsIn = (store: KeptStore, account: number, mailbox: number) =>
  store.placements(account, mailbox).map(({ uid }) => uid)

async function refused(store: KeptStore, command: Parameters<KeptStore['commit']>[0][number]): Promise<string> {
  const [result] = await store.commit([command])
  assert.ok(!result!.ok, `${command.kind} should be refused`)
  return result!.reason
}

test(
  'accounts: the first mailboxes, addresses in any case, aliases, +detail, credentials',
  inStore(async (store, bob) => {
    assert.deepEqual(paths(store, bob), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
    assert.deepEqual(store.subscriptions(bob), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
    assert.equal(store.mailboxByPath(bob, 'inbox')?.specialUse, 'inbox')
    const again = { kind: 'account.create', displayName: '', credentials: null, nowMs } as const
    assert.equal(await refused(store, { ...again, address: 'BOB@here.test' }), 'exists')
    const eve = await makeAccount(store, 'Eve@here.test')
    await done(store, { kind: 'alias.put', alias: 'Postmaster@here.test', account: bob })
    await done(store, { kind: 'alias.put', alias: 'postmaster@here.test', account: bob })
    assert.equal(await refused(store, { kind: 'alias.put', alias: 'postmaster@here.test', account: eve }), 'exists')
    assert.equal(await refused(store, { kind: 'alias.put', alias: 'x@here.test', account: 99 }), 'no-account')
    assert.equal(store.accountByAddress('POSTMASTER+x@here.test')?.id, bob)
    assert.equal(store.accountByAddress('nobody@here.test'), undefined)
    assert.deepEqual(store.addresses(bob), ['bob@here.test', 'postmaster@here.test'])
    assert.deepEqual(store.addresses(eve), ['Eve@here.test'])
    assert.equal(await refused(store, { kind: 'alias.remove', alias: 'eve@here.test' }), 'forbidden')
    await done(store, { kind: 'alias.remove', alias: 'postmaster@here.test' })
    assert.equal(store.accountByAddress('postmaster@here.test'), undefined)
    await done(store, { kind: 'account.credentials', account: eve, credentials: 'secret' })
    assert.equal(store.account(eve)?.credentials, 'secret')
    assert.equal(await refused(store, { kind: 'account.credentials', account: 99, credentials: '' }), 'no-account')
    assert.equal(store.accounts().length, 2)
  }),
)

test(
  'forwards belong to one account each, and remember how their target answers',
  inStore(async (store, bob) => {
    const eve = (
      await done(store, {
        kind: 'account.create',
        address: 'eve@here.test',
        displayName: 'Eve',
        credentials: null,
        nowMs,
      })
    ).id!
    const forward = {
      account: bob,
      from: 'Bob@here.test',
      to: 'bob@new.test',
      keep: true,
      state: 'unverified',
      code: 'abc',
      probe: null,
      addedAtMs: nowMs,
    } as const
    await done(store, { kind: 'forward.put', forward })
    const kept = { ...forward, from: 'bob@here.test' }
    assert.deepEqual(store.forward('bob@here.test'), kept)
    const probe = { id: 'p', sentAtMs: nowMs, told: null }
    await done(store, { kind: 'forward.put', forward: { ...forward, state: 'active', keep: false, probe } })
    assert.deepEqual(store.forwards(bob), [{ ...kept, state: 'active', keep: false, probe }])
    assert.equal(await refused(store, { kind: 'forward.put', forward: { ...forward, account: eve } }), 'exists')
    const health = { refusals: 3, pausedAtMs: nowMs, lastReply: '550 no' }
    await done(store, { kind: 'forward.health', from: 'bob@here.test', health })
    assert.deepEqual(store.forwardHealth('bob@here.test'), health)
    await done(store, { kind: 'forward.remove', account: eve, from: 'bob@here.test' })
    assert.equal(store.forwards(bob).length, 1)
    await done(store, { kind: 'forward.remove', account: bob, from: 'bob@HERE.test' })
    assert.equal(store.forward('bob@here.test'), undefined)
    assert.equal(store.forwardHealth('bob@here.test'), undefined)
  }),
)

test(
  'trusted Forwarders and settings',
  inStore(async (store, bob) => {
    const forwarder = { account: bob, domain: 'Old.test', oldAddress: 'bob@old.test', addedAtMs: nowMs }
    await done(store, { kind: 'trust.put', forwarder })
    await done(store, { kind: 'trust.put', forwarder: { ...forwarder, oldAddress: 'b@old.test' } })
    assert.deepEqual(store.trustedForwarders(bob), [{ ...forwarder, domain: 'old.test', oldAddress: 'b@old.test' }])
    await done(store, { kind: 'trust.remove', account: bob, domain: 'OLD.test' })
    assert.deepEqual(store.trustedForwarders(bob), [])
    const remembered = { key: 'grey:1', value: 'passed', expiresAtMs: nowMs }
    const other = { ...remembered, key: 'grey:2' }
    await done(store, { kind: 'remembered.put', changes: [{ ...remembered, value: '1' }, other] })
    await done(store, { kind: 'remembered.put', changes: [remembered, { ...other, value: undefined }] })
    assert.deepEqual(store.remembered(), [remembered])
    await done(store, { kind: 'setting.put', key: 'a', value: '1' })
    await done(store, { kind: 'setting.put', key: 'a', value: '2' })
    assert.equal(store.setting('a'), '2')
    assert.equal(store.setting('b'), undefined)
  }),
)

test(
  'a batch: later commands name what earlier ones made; a refused one keeps nothing, the others stay',
  inStore(async (store) => {
    const blob = await store.putBlob([Buffer.from('one')])
    const eve = { kind: 'account.create', address: 'eve@here.test', displayName: '', credentials: null, nowMs } as const
    const mail = { blob, flags: [], receivedAtMs: nowMs, verdict: null, summary: summary() }
    const results = await store.commit([
      eve,
      { kind: 'mailbox.create', account: { from: 0 }, path: 'A/B', nowMs },
      { kind: 'email.deliver', account: { from: 0 }, mailboxes: [{ from: 1 }, 'inbox'], ...mail },
      eve,
      { kind: 'alias.put', alias: 'e@here.test', account: { from: 3 } },
      { kind: 'setting.put', key: 'kept', value: 'yes' },
    ])
    assert.deepEqual(
      results.map(({ ok }) => ok),
      [true, true, true, false, false, true],
    )
    const id = store.accountByAddress('eve@here.test')!.id
    assert.equal(store.mailboxByPath(id, 'A/B')?.total, 1)
    assert.equal(store.mailboxByPath(id, 'INBOX')?.total, 1)
    assert.equal(store.setting('kept'), 'yes')
    assert.equal(store.accountByAddress('e@here.test'), undefined)
  }),
)

test(
  'mailboxes: parents are made, UIDVALIDITY rises whatever the clock says, names are checked',
  inStore(async (store, bob) => {
    const create = { kind: 'mailbox.create', account: bob, nowMs } as const
    await done(store, { ...create, path: 'Work/2026/Q1' })
    assert.ok(paths(store, bob).includes('Work/2026'))
    assert.equal(await refused(store, { ...create, path: 'Work' }), 'exists')
    for (const path of ['', '/a', 'a/', 'a//b', 'a\x00', 'x'.repeat(1001)]) {
      assert.equal(await refused(store, { ...create, path }), 'forbidden')
    }
    assert.equal(await refused(store, { ...create, path: 'inbox' }), 'exists')
    assert.equal(await refused(store, { ...create, path: 'Second', specialUse: 'junk' }), 'exists')
    assert.equal(await refused(store, { ...create, account: 99, path: 'a' }), 'no-account')
    const before = Math.max(...store.mailboxes(bob).map(({ uidValidity }) => uidValidity))
    await done(store, { ...create, path: 'Earlier', nowMs: 0 })
    assert.ok(store.mailboxByPath(bob, 'Earlier')!.uidValidity > before)
    await done(store, { kind: 'mailbox.delete', account: bob, mailbox: idOf(store, bob, 'Earlier') })
    await done(store, { ...create, path: 'Earlier', nowMs: 0 })
    assert.ok(store.mailboxByPath(bob, 'Earlier')!.uidValidity > before + 1)
  }),
)

test(
  'rename takes the children along; INBOX keeps its name and gives its messages',
  inStore(async (store, bob) => {
    const create = { kind: 'mailbox.create', account: bob, nowMs } as const
    const rename = { kind: 'mailbox.rename', account: bob, nowMs } as const
    for (const path of ['Work/2026', 'Workshop', 'Other/2026']) await done(store, { ...create, path })
    const work = idOf(store, bob, 'Work')
    const { uidValidity } = store.mailbox(bob, work)!
    assert.equal(await refused(store, { ...rename, mailbox: work, path: 'Work/Below' }), 'forbidden')
    assert.equal(await refused(store, { ...rename, mailbox: work, path: 'Workshop' }), 'exists')
    await done(store, { ...rename, mailbox: work, path: 'Old/Work' })
    assert.deepEqual(
      paths(store, bob).filter((path) => /Work|Old/.test(path)),
      ['Old', 'Old/Work', 'Old/Work/2026', 'Workshop'],
    )
    assert.equal(store.mailbox(bob, work)?.uidValidity, uidValidity)

    await done(store, { ...create, path: 'INBOX/Child' })
    await deliver(store, bob, 'one', { flags: ['\\Seen'] })
    await deliver(store, bob, 'two')
    const made = await done(store, { ...rename, mailbox: idOf(store, bob, 'INBOX'), path: 'Kept' })
    assert.deepEqual(store.mailbox(bob, made.id!)?.total, 2)
    assert.equal(store.mailboxByPath(bob, 'INBOX')?.total, 0)
    assert.equal(store.mailboxByPath(bob, 'INBOX')?.uidNext, 3)
    assert.ok(paths(store, bob).includes('INBOX/Child'))
    assert.equal(store.mailboxByUse(bob, 'inbox')?.path, 'INBOX')
  }),
)

test(
  'delete: messages go, unless they are elsewhere too; children and subscription stay',
  inStore(async (store, bob) => {
    await done(store, { kind: 'mailbox.create', account: bob, path: 'A/B', nowMs })
    const a = idOf(store, bob, 'A')
    await done(store, { kind: 'mailbox.subscribe', account: bob, path: 'A', subscribed: true })
    const only = await deliver(store, bob, 'only here', { mailboxes: [a] })
    const both = await deliver(store, bob, 'both', { mailboxes: [a, 'inbox'] })
    const before = store.modseq(bob)
    await done(store, { kind: 'mailbox.delete', account: bob, mailbox: a })
    assert.equal(store.email(bob, only.emailId!), undefined)
    assert.deepEqual(store.placementsOf(bob, both.emailId!).length, 1)
    assert.ok(paths(store, bob).includes('A/B'))
    assert.ok(store.subscriptions(bob).includes('A'))
    assert.deepEqual(store.changes.mailboxes(bob, before)?.destroyed, [a])
    assert.deepEqual(store.changes.emails(bob, before)?.destroyed, [only.emailId])
    assert.deepEqual(store.changes.emails(bob, before)?.updated, [both.emailId])
    const inbox = idOf(store, bob, 'INBOX')
    assert.equal(await refused(store, { kind: 'mailbox.delete', account: bob, mailbox: inbox }), 'forbidden')
    assert.equal(await refused(store, { kind: 'mailbox.delete', account: bob, mailbox: a }), 'no-mailbox')
    // Where junk goes when there is no Junk.
    await done(store, { kind: 'mailbox.delete', account: bob, mailbox: idOf(store, bob, 'Junk') })
    const fallen = await deliver(store, bob, 'junk', { mailboxes: ['junk'] })
    assert.equal(fallen.placements?.[0]?.mailbox, inbox)
  }),
)

test(
  'flags: add, remove, replace; sorted; without regard to case; UNCHANGEDSINCE',
  inStore(async (store, bob) => {
    const inbox = idOf(store, bob, 'INBOX')
    await deliver(store, bob, 'one', { flags: ['work', '\\seen', '\\Recent', 'bad flag', 'Work'] })
    await deliver(store, bob, 'two')
    const flagsOf = (uid: number) => store.placements(bob, inbox, uid, uid)[0]!.flags
    assert.deepEqual(flagsOf(1), ['\\Seen', 'work'])
    assert.equal(store.mailbox(bob, inbox)?.unseen, 1)
    const change = { kind: 'flags.store', account: bob, mailbox: inbox } as const
    const all = [[1, 4294967295]] as const
    const added = await done(store, { ...change, uids: all, mode: 'add', flags: ['WORK', '\\Flagged'] })
    assert.deepEqual(added.changed, [1, 2])
    assert.deepEqual(flagsOf(1), ['\\Flagged', '\\Seen', 'work'])
    assert.deepEqual(flagsOf(2), ['WORK', '\\Flagged'])
    const nothing = await done(store, { ...change, uids: all, mode: 'add', flags: ['\\Flagged'] })
    assert.deepEqual([nothing.changed, nothing.modseq], [[], added.modseq])
    const one = await done(store, { ...change, uids: [[1, 1]], mode: 'remove', flags: ['Work', '\\Seen'] })
    assert.equal(store.mailbox(bob, inbox)?.unseen, 2)
    const late = { ...change, uids: all, mode: 'replace', flags: [], unchangedSince: added.modseq! } as const
    const some = await done(store, late)
    assert.deepEqual([some.changed, some.unchanged], [[2], [1]])
    assert.deepEqual(flagsOf(2), [])
    assert.deepEqual(
      store.placementsSince(bob, inbox, one.modseq! - 1).changed.map(({ uid }) => uid),
      [1, 2],
    )
    assert.equal(store.mailbox(bob, inbox)?.highestModseq, store.modseq(bob))
    assert.equal(await refused(store, { ...change, mailbox: 99, uids: all, mode: 'add', flags: [] }), 'no-mailbox')
  }),
)

test(
  'copy, move and expunge: same email, new UIDs, expunged UIDs are remembered',
  inStore(async (store, bob) => {
    const inbox = idOf(store, bob, 'INBOX')
    const archive = idOf(store, bob, 'Archive')
    const { emailId } = await deliver(store, bob, 'one', { flags: ['\\Seen'] })
    for (const text of ['two', 'three']) await deliver(store, bob, text)
    const before = store.modseq(bob)
    const copy = { kind: 'placement.copy', account: bob, mailbox: inbox, to: archive } as const
    const copied = await done(store, { ...copy, uids: [[1, 1]], move: false })
    assert.deepEqual(
      copied.placements?.map(({ uid, sourceUid }) => [uid, sourceUid]),
      [[1, 1]],
    )
    assert.equal(store.placements(bob, archive)[0]?.email, emailId)
    assert.deepEqual(store.placements(bob, archive)[0]?.flags, ['\\Seen'])
    const moved = await done(store, {
      ...copy,
      uids: [
        [2, 3],
        [3, 9],
      ],
      move: true,
    })
    assert.deepEqual(
      moved.placements?.map(({ uid, sourceUid }) => [uid, sourceUid]),
      [
        [2, 2],
        [3, 3],
      ],
    )
    assert.deepEqual(uidsIn(store, bob, inbox), [1])
    assert.deepEqual(store.placementsSince(bob, inbox, before).expunged, [2, 3])
    assert.equal(store.changes.emails(bob, before)?.updated.length, 3)
    const none = await done(store, { ...copy, uids: [[50, 60]], move: true })
    assert.deepEqual(none.placements, [])
    assert.equal(await refused(store, { ...copy, to: 99, uids: [[1, 1]], move: false }), 'no-mailbox')

    const expunge = { kind: 'placement.expunge', account: bob, mailbox: archive } as const
    const flag = { kind: 'flags.store', account: bob, mailbox: archive, mode: 'add', flags: ['\\Deleted'] } as const
    await done(store, { ...flag, uids: [[1, 2]] })
    assert.deepEqual((await done(store, { ...expunge, uids: [[2, 3]], onlyDeleted: true })).changed, [2])
    assert.deepEqual((await done(store, { ...expunge, uids: [[1, 9]], onlyDeleted: false })).changed, [1, 3])
    assert.deepEqual(store.listEmails(bob, {}, 'oldest'), [emailId])
    assert.equal(store.mailbox(bob, archive)?.sizeBytes, 0)
    assert.equal(store.mailbox(bob, archive)?.uidNext, 4)
  }),
)

test(
  'an email whole: its mailboxes, its keywords in all of them, its end',
  inStore(async (store, bob) => {
    const inbox = idOf(store, bob, 'INBOX')
    const archive = idOf(store, bob, 'Archive')
    const { emailId: email } = await deliver(store, bob, 'one', { flags: ['\\Seen'] })
    const update = { kind: 'email.update', account: bob, email: email! } as const
    const start = store.modseq(bob)
    await done(store, { ...update, mailboxes: [inbox, archive], flags: { mode: 'add', flags: ['\\Flagged'] } })
    assert.deepEqual(
      store.placementsOf(bob, email!).map(({ mailbox, flags }) => [mailbox, flags]),
      [
        [inbox, ['\\Flagged', '\\Seen']],
        [archive, ['\\Flagged', '\\Seen']],
      ],
    )
    const before = store.modseq(bob)
    const verdict = { outcome: 'accept', reason: 'r', spf: 'pass', dkim: 'none', dmarc: 'pass', arc: 'none', steps: [] }
    await done(store, { ...update, verdict: { ...verdict, outcome: 'accept' } })
    assert.deepEqual(store.email(bob, email!)?.verdict, verdict)
    assert.deepEqual(store.changes.emails(bob, before)?.updated, [email])
    await done(store, { ...update, mailboxes: [archive] })
    assert.deepEqual(uidsIn(store, bob, inbox), [])
    const state = store.modseq(bob)
    await done(store, { ...update, mailboxes: [archive], flags: { mode: 'add', flags: ['\\Seen'] } })
    assert.equal(store.modseq(bob), state, 'nothing changed')
    assert.equal(await refused(store, { ...update, mailboxes: [] }), 'forbidden')
    assert.equal(await refused(store, { ...update, mailboxes: [99] }), 'no-mailbox')
    assert.equal(await refused(store, { ...update, email: 99 }), 'no-email')
    await done(store, { kind: 'email.destroy', account: bob, email: email! })
    assert.equal(store.email(bob, email!), undefined)
    const nothing = { created: [], updated: [], destroyed: [], modseq: store.modseq(bob), hasMore: false }
    assert.deepEqual(store.changes.emails(bob, start), { ...nothing, destroyed: [email] })
    assert.deepEqual(store.changes.emails(bob, 1), nothing)
    assert.equal(await refused(store, { kind: 'email.destroy', account: bob, email: email! }), 'no-email')
  }),
)

test(
  'threads: by Message-ID and base subject, whichever came first; a full Email row',
  inStore(async (store, bob) => {
    const reply = { subject: 'Re: [list] Plans', messageId: ['b@x'], inReplyTo: ['a@x'], references: ['a@x'] }
    const first = await deliver(store, bob, 'reply', { summary: summary(reply), receivedAtMs: nowMs + 1 })
    const parent = await deliver(store, bob, 'parent', { summary: summary({ subject: 'plans', messageId: ['a@x'] }) })
    assert.equal(parent.threadId, first.threadId)
    const other = await deliver(store, bob, 'x', { summary: summary({ ...reply, subject: 'Quite another' }) })
    assert.notEqual(other.threadId, first.threadId)
    assert.deepEqual(store.thread(bob, first.threadId!), [parent.emailId, first.emailId])
    const state = store.modseq(bob)
    await done(store, { kind: 'email.destroy', account: bob, email: first.emailId! })
    assert.deepEqual(store.changes.threads(bob, state)?.updated, [first.threadId])
    await done(store, { kind: 'email.destroy', account: bob, email: parent.emailId! })
    assert.deepEqual(store.changes.threads(bob, state)?.destroyed, [first.threadId])
    const fresh = await deliver(store, bob, 'again', { summary: summary(reply) })
    assert.equal(fresh.threadId, fresh.emailId, 'a thread that ended does not come back')

    const verdict = { outcome: 'accept', reason: 'r', spf: 'pass', dkim: 'pass', dmarc: 'pass', arc: 'none', steps: [] }
    const read = summary({ subject: 'Grüße', to: [{ name: null, email: 'bob@here.test' }], hasAttachment: true })
    const made = await deliver(store, bob, 'full', { summary: read, verdict: verdict as never })
    const email = store.email(bob, made.emailId!)!
    const { id, blob, thread, sizeBytes, receivedAtMs, modseq, createdModseq, verdict: kept, ...rest } = email
    assert.deepEqual(rest, read)
    assert.deepEqual(kept, verdict)
    assert.deepEqual([id, thread, sizeBytes, receivedAtMs], [made.emailId, made.threadId, 4, nowMs])
    assert.deepEqual([modseq, createdModseq, blob.sizeBytes], [made.modseq, made.modseq, 4])
  }),
)

test(
  'lists: by mailbox, time and flag, in both orders',
  inStore(async (store, bob) => {
    const junk = idOf(store, bob, 'Junk')
    const a = await deliver(store, bob, 'a', { receivedAtMs: nowMs + 2, flags: ['\\Seen'] })
    const b = await deliver(store, bob, 'b', { receivedAtMs: nowMs + 1, flags: ['$Work'] })
    const c = await deliver(store, bob, 'c', { receivedAtMs: nowMs + 3, mailboxes: [junk, 'inbox'] })
    const ids = [a, b, c].map(({ emailId }) => emailId!)
    const list = (filter: Parameters<KeptStore['listEmails']>[1]) =>
      store.listEmails(bob, filter, 'oldest').map((id) => 'abc'[ids.indexOf(id)])
    assert.deepEqual(list({}), ['b', 'a', 'c'])
    assert.deepEqual(store.listEmails(bob, {}, 'newest'), [ids[2], ids[0], ids[1]])
    assert.deepEqual(list({ mailbox: junk }), ['c'])
    assert.deepEqual(list({ afterMs: nowMs + 2 }), ['a', 'c'])
    assert.deepEqual(list({ beforeMs: nowMs + 2 }), ['b'])
    assert.deepEqual(list({ flag: '$work' }), ['b'])
    assert.deepEqual(list({ notFlag: '\\SEEN' }), ['b', 'c'])
  }),
)

test(
  'the queue: due order, rescheduling, holding, removal; the body lives as long as an entry names it',
  inStore(async (store) => {
    const blob = await store.putBlob([Buffer.from('to be sent')])
    const entry: NewQueueEntry = {
      trace: 't1',
      blob,
      reversePath: '',
      forwardPath: 'x@else.test',
      domain: 'else.test',
      acceptedAtMs: nowMs,
      nextAttemptAtMs: nowMs + 5,
      expiresAtMs: nowMs + 100,
      attempts: 0,
      state: 'waiting',
      lastReply: '',
      parameters: { smtputf8: true, notify: ['NEVER'] },
      origin: 'msa',
    }
    const results = await store.commit([
      { kind: 'queue.add', entry },
      { kind: 'queue.add', entry: { ...entry, trace: 't2', domain: 'other.test', nextAttemptAtMs: nowMs + 1 } },
    ])
    const [first, second] = results.map((result) => (result.ok ? result.id! : 0))
    assert.equal(store.queue.nextDueMs(), nowMs + 1)
    const dueAt = (ms: number) => store.queue.lanesDue('', ms, 9).map(({ domain }) => domain)
    assert.deepEqual(dueAt(nowMs), [])
    assert.deepEqual(dueAt(nowMs + 9), ['other.test', 'else.test'])
    assert.deepEqual(store.queue.due({ domain: 'else.test', share: '' }, nowMs, 9), [])
    assert.deepEqual(
      store.queue.due({ domain: 'else.test', share: '' }, nowMs + 9, 9).map(({ id }) => id),
      [first],
    )
    assert.deepEqual(store.queue.entries({ domain: 'ELSE.test' })[0], { ...entry, id: first, share: '' })
    assert.equal(store.queue.entries({ trace: 't2' })[0]?.id, second)
    const change = { kind: 'queue.reschedule', id: second!, lastReply: '451 later', countAttempt: true } as const
    await done(store, { ...change, nextAttemptAtMs: nowMs + 50, state: 'held' })
    assert.deepEqual(dueAt(nowMs + 99), ['else.test'])
    assert.deepEqual(store.queue.due({ domain: 'other.test', share: '' }, nowMs + 99, 9), [])
    const { held, nextAttemptAtMs } = store.queue.lane({ domain: 'other.test', share: '' })!
    assert.deepEqual([held, nextAttemptAtMs], [1, null])
    // A domain that rests: its mail waits, whatever its own time is.
    const rest = {
      kind: 'queue.rest',
      domain: 'else.test',
      untilMs: nowMs + 70,
      failures: 2,
      lastReply: '421',
    } as const
    await done(store, rest)
    assert.deepEqual(dueAt(nowMs + 69), [])
    assert.equal(store.queue.nextDueMs(), nowMs + 70)
    assert.deepEqual(dueAt(nowMs + 70), ['else.test'])
    assert.deepEqual(store.queue.lanesDue('', nowMs + 70, 9, ['else.test']), [])
    await done(store, { ...change, nextAttemptAtMs: nowMs + 50, state: 'waiting', countAttempt: false })
    const now = store.queue.entries({ trace: 't2' })[0]!
    assert.deepEqual([now.attempts, now.state, now.lastReply], [1, 'waiting', '451 later'])
    await done(store, { kind: 'queue.remove', id: first! })
    assert.equal(await refused(store, { kind: 'queue.remove', id: first! }), 'conflict')
    assert.equal(await refused(store, { ...change, id: first!, nextAttemptAtMs: 0 }), 'conflict')
    assert.equal(store.queue.length(), 1)
    assert.equal(String(await store.readBlob(now.blob)), 'to be sent')
    await done(store, { kind: 'queue.remove', id: second! })
    assert.equal(store.queue.nextDueMs(), undefined)
    const unknown = { ...entry, blob: { hash: '00'.repeat(32), sizeBytes: 1, segment: 1, offset: 0 } }
    await assert.rejects(store.commit([{ kind: 'queue.add', entry: unknown }]), { code: 'failed' })
    assert.equal(await store.readBlob(unknown.blob), undefined)
  }),
)

test(
  'the queue after the clock was set: nothing waits for a far day, nothing is out of time; what was scheduled stays so',
  inStore(async (store) => {
    const DAY = 86_400_000
    const blob = await store.putBlob([Buffer.from('to be sent')])
    const entry: NewQueueEntry = {
      ...{
        trace: 'tried',
        blob,
        reversePath: '',
        forwardPath: 'x@else.test',
        domain: 'else.test',
        acceptedAtMs: nowMs,
      },
      ...{ nextAttemptAtMs: nowMs + 3000 * DAY, expiresAtMs: nowMs + 3005 * DAY, attempts: 1, state: 'waiting' },
      ...{ lastReply: '', parameters: {}, origin: 'msa' },
    }
    const scheduled = {
      ...{ trace: 'scheduled', attempts: 0, nextAttemptAtMs: nowMs + 30 * DAY, expiresAtMs: nowMs + 35 * DAY },
    }
    const fromThen = {
      ...{ trace: 'from then', attempts: 0, acceptedAtMs: nowMs + 3000 * DAY, nextAttemptAtMs: nowMs + 3001 * DAY },
      ...{ expiresAtMs: nowMs + 3005 * DAY },
    }
    const late = { trace: 'late', nextAttemptAtMs: nowMs - 9 * DAY, expiresAtMs: nowMs - DAY }
    for (const changes of [{}, scheduled, fromThen, late])
      await done(store, { kind: 'queue.add', entry: { ...entry, ...changes } })
    const rest = { kind: 'queue.rest', domain: 'else.test', failures: 3, lastReply: '421' } as const
    await done(store, { ...rest, untilMs: nowMs + 3000 * DAY })
    const days = (trace: string) => {
      const { acceptedAtMs, nextAttemptAtMs, expiresAtMs } = store.queue.entries({ trace })[0]!
      return [acceptedAtMs, nextAttemptAtMs, expiresAtMs].map((ms) => (ms - nowMs) / DAY)
    }
    const reclock = { kind: 'queue.reclock', nowMs, latestMs: nowMs + DAY, periodMs: 5 * DAY } as const
    await done(store, { ...reclock, isLater: false })
    assert.deepEqual(days('tried'), [0, 0, 5])
    assert.deepEqual(days('scheduled'), [0, 30, 35])
    assert.deepEqual(days('from then'), [0, 1, 5])
    assert.deepEqual(days('late'), [0, -9, -1])
    assert.equal(store.queue.lane({ domain: 'else.test', share: '' })?.restsUntilMs, nowMs)
    await done(store, { ...reclock, isLater: true })
    assert.deepEqual(days('late'), [0, -9, 5])
    assert.deepEqual(days('scheduled'), [0, 30, 35])
  }),
)

test(
  'submissions and events; logs that are pruned say so',
  inStore(async (store, bob) => {
    const mail = await delivery(store, bob, 'sent', { mailboxes: ['sent'] })
    const fields = { account: bob, identity: 'I1', trace: 't', reversePath: 'b@x', sendAtMs: nowMs } as const
    const submission = { ...fields, forwardPaths: ['a@y'], undoStatus: 'pending', email: { from: 0 } } as const
    const [made, added] = await store.commit([mail, { kind: 'submission.add', submission }])
    assert.ok(made?.ok && added?.ok)
    assert.deepEqual(store.submissions(bob), [{ ...submission, id: added.id, email: made.emailId }])
    const event = {
      atMs: nowMs,
      trace: 't',
      role: 'MSA',
      kind: 'accepted',
      messageId: 'm@x',
      reversePath: 'b@x',
      forwardPath: 'a@y',
      text: 'Accepted.',
      detail: { a: 1 },
    } as const
    for (let n = 0; n < 5; n++) await done(store, { kind: 'event.add', event: { ...event, atMs: nowMs + n } })
    const events = store.events({ trace: 't' })
    assert.deepEqual({ ...events[0] }, { ...event, id: events[0]!.id })
    assert.equal(store.events({ messageId: 'm@x', limit: 2 }).length, 2)
    assert.equal(store.events({ afterId: events[2]!.id }).length, 2)
    await done(store, { kind: 'event.prune', beforeMs: nowMs + 1, keep: 3 })
    assert.deepEqual(
      store.events({}).map(({ atMs }) => atMs),
      [nowMs + 2, nowMs + 3, nowMs + 4],
    )
    const policy = { domain: 'far.test', id: '1', policy: '{}', fetchedMs: nowMs, expiresMs: nowMs + 10 }
    await done(store, { kind: 'policy.put', policy: { ...policy, id: '0' } })
    await done(store, { kind: 'policy.put', policy })
    await done(store, { kind: 'policy.put', policy: { ...policy, domain: 'other.test', fetchedMs: nowMs - 1 } })
    assert.deepEqual(store.stsPolicy('far.test'), policy)
    assert.deepEqual(store.stsPoliciesBefore(nowMs + 1, 9), ['other.test', 'far.test'])
    assert.deepEqual(store.stsPoliciesBefore(nowMs, 9), ['other.test'])
    await done(store, { kind: 'policy.remove', domain: 'far.test' })
    assert.equal(store.stsPolicy('far.test'), undefined)
    const old = store.modseq(bob)
    for (let n = 0; n < 5; n++) await deliver(store, bob, `${n}`)
    await done(store, { kind: 'change.prune', account: bob, keep: 3 })
    assert.equal(store.changes.emails(bob, old), undefined)
    assert.equal(store.changes.emails(bob, store.modseq(bob) - 3)?.created.length, 3)
    assert.equal(store.changes.emails(bob, store.modseq(bob) + 1), undefined, 'a state that never was')
    assert.equal(store.placementsSince(bob, idOf(store, bob, 'INBOX'), old).changed.length, 5)
  }),
)

test('commits are grouped: one request to the engine and one sync for many', async () => {
  const { world, run, simulation } = testWorld()
  const kinds: string[] = []
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store)
    const mails = await Promise.all(Array.from({ length: 200 }, (_, n) => delivery(store, bob, `mail ${n}`)))
    simulation.trace(({ kind }) => kinds.push(kind))
    const results = await Promise.all(mails.map((mail) => store.commit([mail])))
    assert.deepEqual(
      results.map(([result]) => (result!.ok ? result!.placements![0]!.uid : 0)),
      Array.from({ length: 200 }, (_, n) => n + 1),
      'in the order they came',
    )
    await store.close()
  })
  assert.ok(kinds.filter((kind) => kind === 'request').length <= 2)
  assert.ok(kinds.filter((kind) => kind === 'sync').length <= 4)
})

test('who watches is told after the commit, until they stop', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store)
    const eve = await makeAccount(store, 'eve@here.test')
    const seen: string[] = []
    store.watch(eve, () => seen.push('eve'))
    store.watch(EVENTS, () => seen.push('events'))
    store.watch(QUEUE, () => seen.push('queue'))
    const stop = store.watch(bob, ({ mailboxes, modseq }) => {
      assert.equal(modseq, store.modseq(bob), 'durable and visible already')
      seen.push(`bob ${mailboxes.length}`)
    })
    await deliver(store, bob, 'one', { mailboxes: ['inbox', 'junk'] })
    const blank = { messageId: '', reversePath: '', forwardPath: '', text: '', detail: {} }
    const event = { atMs: nowMs, trace: 't', role: 'MSA', kind: 'accepted', ...blank } as const
    await done(store, { kind: 'event.add', event })
    stop()
    await deliver(store, bob, 'two')
    await store.close()
    assert.deepEqual(seen, ['bob 2', 'events'])
  })
})

test('a mailbox that is copied into itself again and again has an end', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store)
    const inbox = store.mailboxByUse(bob, 'inbox')!.id
    await deliver(store, bob, 'one')
    const uids = [[1, 1000]] as const
    const copy = {
      kind: 'placement.copy',
      account: bob,
      mailbox: inbox,
      uids,
      to: inbox,
      move: false,
      atMost: 5,
    } as const
    await done(store, copy)
    await done(store, copy)
    const [refused] = await store.commit([copy])
    assert.ok(refused?.ok === false && refused.reason === 'over-quota')
    assert.equal(store.mailboxByUse(bob, 'inbox')!.total, 4)
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test('an email and its copy in the same mailbox are expunged together and leave nothing behind', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store)
    const inbox = store.mailboxByUse(bob, 'inbox')!.id
    const archive = store.mailboxByUse(bob, 'archive')!.id
    const { emailId } = await deliver(store, bob, 'one')
    const all = [[1, 9]] as const
    await done(store, { kind: 'placement.copy', account: bob, mailbox: inbox, uids: all, to: inbox, move: false })
    await done(store, { kind: 'placement.copy', account: bob, mailbox: inbox, uids: all, to: archive, move: true })
    assert.deepEqual(await checkStore(store), [])
    await done(store, { kind: 'placement.expunge', account: bob, mailbox: archive, uids: all, onlyDeleted: false })
    assert.equal(store.email(bob, emailId!), undefined)
    assert.deepEqual(await checkStore(store), [])
    await store.close()
  })
})

test(
  'reports: rows are counted by day and row, a day that is out takes no more, and closing forgets its rows',
  inStore(async (store) => {
    const of = { kind: 'dmarc', domain: 'sender.test', day: 20_000 } as const
    const seen = { ...of, about: '{"a":1}', dueMs: 500, row: '{"ip":1}', count: 2, worthy: 1 }
    await done(store, { kind: 'report.observe', sightings: [seen, { ...seen, row: '{"ip":2}' }] })
    await done(store, { kind: 'report.observe', sightings: [{ ...seen, about: '{"a":2}', count: 1, worthy: 0 }] })
    assert.deepEqual(store.reports.rows(of), [
      { row: '{"ip":1}', count: 3 },
      { row: '{"ip":2}', count: 2 },
    ])
    assert.deepEqual(store.reports.due(499, 10), [])
    const [duty] = store.reports.due(500, 10)
    const { messages, worthy, omitted, about, state } = duty!
    assert.deepEqual([messages, worthy, omitted, about, state], [5, 2, 0, '{"a":2}', 'collecting'])
    await done(store, { kind: 'report.postpone', of, dueMs: 700, outcome: 'later' })
    assert.deepEqual([store.reports.nextDueMs(), store.reports.due(600, 10)], [700, []])
    await done(store, { kind: 'report.close', of, state: 'sent', outcome: 'gone' })
    assert.deepEqual(store.reports.rows(of), [])
    assert.equal(await refused(store, { kind: 'report.close', of, state: 'sent', outcome: '' }), 'conflict')
    assert.equal(await refused(store, { kind: 'report.postpone', of, dueMs: 1, outcome: '' }), 'conflict')
    // The clock was set back.
    await done(store, { kind: 'report.observe', sightings: [seen] })
    assert.deepEqual(
      store.reports.days(0, 10).map(({ day, state, messages: count, dueMs }) => [day, state, count, dueMs]),
      [
        [20_001, 'collecting', 2, 500 + 86_400_000],
        [20_000, 'sent', 5, 700],
      ],
    )
    const other = { ...seen, domain: 'nobody.test' }
    await done(store, { kind: 'report.observe', sightings: [other] })
    await done(store, { kind: 'report.forget', of: { ...of, domain: other.domain } })
    assert.deepEqual(store.reports.rows(other), [])
    assert.equal(await refused(store, { kind: 'report.forget', of }), 'conflict')
    await done(store, { kind: 'report.prune', beforeMs: 20_001 * 86_400_000 })
    assert.deepEqual(
      store.reports.days(0, 10).map(({ day }) => day),
      [20_001],
    )
  }),
)

test(
  'reports: a domain that is seen in too many ways is counted, and not listed without end',
  inStore(async (store) => {
    const of = { kind: 'dmarc', domain: 'sender.test', day: 20_000 } as const
    const sightings = Array.from({ length: 5010 }, (_, n) => ({
      ...of,
      about: '',
      dueMs: 1,
      row: `{"n":${n}}`,
      count: 1,
      worthy: 1,
    }))
    for (const part of [sightings.slice(0, 3000), sightings.slice(3000)])
      await done(store, { kind: 'report.observe', sightings: part })
    const [duty] = store.reports.due(1, 1)
    assert.deepEqual([store.reports.rows(of).length, duty!.messages, duty!.omitted], [5000, 5010, 10])
  }),
)

test(
  'reports: what came is looked into once, and the same report again is known',
  inStore(async (store, bob) => {
    const made = await delivery(store, bob, 'report')
    const [, arrived] = await store.commit([
      made,
      { kind: 'report.arrive', account: bob, email: { from: 0 }, provenDomain: 'there.test' },
    ])
    assert.ok(arrived!.ok)
    const [pending] = store.reports.pending(10)
    assert.equal(store.email(bob, pending!.email)?.blob.hash, made.blob.hash)
    const report = {
      key: 'ab'.repeat(32),
      kind: 'feedback',
      about: 'anna@here.test',
      organization: 'There',
      provenDomain: 'there.test',
      beginMs: 1,
      endMs: 2,
      receivedAtMs: 3,
      content: '{}',
    } as const
    for (let times = 0; times < 2; times++) await done(store, { kind: 'report.keep', pending: pending!.id, report })
    await done(store, { kind: 'report.keep', pending: 7, report: { ...report, key: 'cd', provenDomain: '' } })
    await done(store, { kind: 'report.keep', pending: 8, report: null })
    assert.deepEqual(store.reports.pending(10), [])
    assert.deepEqual(
      store.reports.received(0, 10).map(({ key }) => key),
      ['cd', 'ab'.repeat(32)],
    )
    // What is not proven is no complaint that counts against an Author.
    assert.deepEqual(
      [store.reports.complaints('Anna@here.test', 0), store.reports.complaints('anna@here.test', 4)],
      [1, 0],
    )
    const large = { ...report, content: 'x'.repeat(9 * 1024 * 1024) }
    for (const key of ['ee', 'ff']) await done(store, { kind: 'report.keep', pending: 9, report: { ...large, key } })
    assert.deepEqual(
      store.reports.received(0, 10).map(({ key }) => key),
      ['ff'],
    )
    await done(store, { kind: 'report.prune', beforeMs: 4 })
    assert.deepEqual(store.reports.received(0, 10), [])
  }),
)
