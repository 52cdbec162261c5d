// The store in memory against the store with a disk: the same commands, drawn at random, give the same results, and afterwards
// both say the same. What is committed outlives a crash; what the disk refuses is not there.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulate } from '../../world/simulated/simulation.ts'
import { testWorld } from '../../world/testing.ts'
import type { Command } from '../commands.ts'
import type { BlobRef } from '../nouns/bodies.ts'
import type { NewQueueEntry, QueueEntry } from '../nouns/queue.ts'
import { openKeptStore } from '../open.ts'
import type { Store } from '../store.ts'
import { nowMs, summary } from '../testing.ts'
import { State } from './state.ts'
import { openMemoryStore } from './store.ts'

const STAYS = { mail: 'stays', eventsKept: 1000 } as const
const DOMAINS = ['one.test', 'two.test', 'three.test']

const SHARES = ['', 'acme', 'pool bulk']
const LANES = DOMAINS.flatMap((at) => SHARES.map((share) => ({ domain: at, share })))

/** Bodies are put before each run; a command names one by its number. */
type Drawn = (bodies: readonly BlobRef[]) => Command

const entryOf = (blob: BlobRef, domain: string, atMs: number, sender: string): NewQueueEntry => ({
  trace: `trace ${atMs % 5}`,
  blob,
  reversePath: 'anna@here.test',
  forwardPath: `bob@${domain}`,
  domain,
  acceptedAtMs: nowMs,
  nextAttemptAtMs: nowMs + atMs,
  expiresAtMs: nowMs + 1000 * atMs,
  attempts: 0,
  state: 'waiting',
  lastReply: '',
  parameters: { sender, ...(atMs % 3 === 0 ? { contract: 'acme' } : atMs % 7 === 0 ? { pool: 'bulk' } : {}) },
  origin: atMs % 2 === 0 ? 'forwarder' : 'msa',
})

const domain = fc.constantFrom(...DOMAINS)
const atMs = fc.integer({ min: 0, max: 20 })
const id = fc.integer({ min: 1, max: 12 })
const body = fc.integer({ min: 0, max: 2 })
const account = fc.integer({ min: 1, max: 4 })
const name = fc.constantFrom('anna', 'bob', 'Carla', 'anna+list')
const HOUR = { acquainted: 1, recipients: 2, strangers: 1, suspects: 0, refused: 0, complaints: 0 }

const drawn: fc.Arbitrary<Drawn> = fc.oneof(
  fc.tuple(name, domain).map(
    ([who, at]): Drawn =>
      () => ({
        kind: 'account.create',
        address: `${who}@${at}`,
        displayName: who,
        credentials: null,
        nowMs,
      }),
  ),
  fc.tuple(name, domain, account).map(
    ([who, at, one]): Drawn =>
      () => ({
        kind: 'alias.put',
        alias: `${who}@${at}`,
        account: one,
      }),
  ),
  fc.tuple(name, domain).map(
    ([who, at]): Drawn =>
      () => ({ kind: 'alias.remove', alias: `${who}@${at}` }),
  ),
  fc.tuple(account, domain).map(
    ([one, at]): Drawn =>
      () => ({
        kind: 'trust.put',
        forwarder: { account: one, domain: at, oldAddress: '', addedAtMs: nowMs },
      }),
  ),
  fc.tuple(account, fc.integer({ min: 0, max: 40 })).map(
    ([one, bytes]): Drawn =>
      () => ({
        kind: 'quota.put',
        account: one,
        bytes,
        messages: null,
      }),
  ),
  fc.tuple(account, body, fc.constantFrom('inbox' as const, 'junk' as const), fc.boolean()).map(
    ([one, n, where, isSeen]): Drawn =>
      (bodies) => ({
        kind: 'email.deliver',
        account: one,
        mailboxes: [where],
        blob: bodies[n]!,
        summary: summary({ subject: `number ${n}`, messageId: [`${n}@here.test`] }),
        flags: isSeen ? ['\\Seen'] : [],
        receivedAtMs: nowMs + n,
        verdict: null,
      }),
  ),
  fc.tuple(account, fc.constantFrom('A', 'A/B', 'inbox/C')).map(
    ([one, path]): Drawn =>
      () => ({
        kind: 'mailbox.create',
        account: one,
        path,
        nowMs,
        orExisting: true,
      }),
  ),
  fc.tuple(body, domain, atMs, name).map(
    ([n, at, ms, sender]): Drawn =>
      (bodies) => ({ kind: 'queue.add', entry: entryOf(bodies[n]!, at, ms, sender) }),
  ),
  fc.tuple(id, atMs, fc.boolean(), fc.constantFrom('waiting' as const, 'held' as const)).map(
    ([one, ms, countAttempt, state]): Drawn =>
      () => ({
        kind: 'queue.reschedule',
        id: one,
        nextAttemptAtMs: nowMs + ms,
        lastReply: `450 ${ms}`,
        countAttempt,
        state,
      }),
  ),
  id.map(
    (one): Drawn =>
      () => ({ kind: 'queue.remove', id: one }),
  ),
  fc.tuple(id, domain).map(
    ([one, at]): Drawn =>
      () => ({ kind: 'queue.steer', ids: [one], domain: at }),
  ),
  fc.tuple(domain, atMs).map(
    ([at, ms]): Drawn =>
      () => ({
        kind: 'queue.rest',
        domain: at,
        ...(ms % 2 === 0 && { share: SHARES[ms % 3]! }),
        untilMs: nowMs + ms,
        failures: ms,
        lastReply: 'silent',
      }),
  ),
  fc.tuple(domain, atMs).map(
    ([at, ms]): Drawn =>
      () => ({ kind: 'source.count', address: '192.0.2.1', provider: at, day: 6 + (ms % 3), count: ms + 1 }),
  ),
  fc.tuple(domain, atMs).map(
    ([at, ms]): Drawn =>
      () => ({
        kind: 'source.rest',
        rest: { address: '192.0.2.1', provider: at, untilMs: ms % 4 === 0 ? 0 : nowMs + ms, failures: ms, said: 'no' },
      }),
  ),
  fc.tuple(atMs, fc.boolean()).map(
    ([ms, isLater]): Drawn =>
      () => ({
        kind: 'queue.reclock',
        nowMs: nowMs + ms - 4_000_000,
        latestMs: nowMs + ms,
        periodMs: 5000,
        isLater,
      }),
  ),
  fc.tuple(name, atMs).map(
    ([sender, hour]): Drawn =>
      () => ({
        kind: 'outgoing.count',
        sender,
        hour,
        counts: HOUR,
        prints: [hour, hour + 1, hour + 2, hour + 3],
      }),
  ),
  fc.tuple(name, domain).map(
    ([author, at]): Drawn =>
      () => ({
        kind: 'bounced.note',
        author,
        reason: 'no-such-mailbox',
        atMs: nowMs,
        suppress: { address: `bob@${at}`, said: 'no' },
      }),
  ),
)

/** Everything that agents which carry mail ask. */
function viewOf(store: Store) {
  const accounts = store.accounts().map(({ id, address, displayName }) => ({ id, address, displayName }))
  const people = accounts.map(({ id: one }) => ({
    addresses: store.addresses(one),
    trusts: store.trustedForwarders(one),
    quota: store.access.quota(one),
    modseq: store.modseq(one),
    mailboxes: store.mailboxes(one).map((box) => ({
      path: box.path,
      use: box.specialUse,
      uidNext: box.uidNext,
      counts: [box.total, box.unseen, box.sizeBytes, box.modseq, box.highestModseq],
      placements: store.placements(one, box.id),
    })),
    emails: store.emails(one, store.listEmails(one, {}, 'oldest')).map(({ blob, ...email }) => [blob.hash, email]),
  }))
  const entries = (list: readonly QueueEntry[]) => list.map(({ blob, ...entry }) => [blob.hash, entry])
  const byMs = (list: readonly QueueEntry[]) => entries(list.toSorted((a, b) => a.id - b.id))
  return {
    people,
    who: DOMAINS.map((at) => store.accountByAddress(`anna+x@${at}`)?.id),
    queue: entries(store.queue.entries()),
    after: entries(store.queue.after(3, 2)),
    asked: entries(store.queue.asked(0, 100)),
    due: LANES.map((lane) => byMs(store.queue.due(lane, nowMs + 10, 100))),
    lanes: store.queue.lanes(10),
    lanesDue: SHARES.map((share) =>
      store.queue
        .lanesDue(share, nowMs + 10, 10)
        .map(({ domain: at }) => at)
        .sort(),
    ),
    lanesOf: DOMAINS.map((at) => store.queue.lanesOf(at)),
    shares: [store.queue.shares(), SHARES.map((share) => store.queue.share(share))],
    sources: [
      DOMAINS.map((at) => store.sources.count('192.0.2.1', at, 7)),
      store.sources.day('192.0.2.1', 7, 2),
      store.sources.firstDay('192.0.2.1'),
      DOMAINS.map((at) => store.sources.rest('192.0.2.1', at)),
      store.sources.rests('192.0.2.1', 1).map(({ untilMs }) => untilMs),
    ],
    next: store.queue.nextDueMs(),
    counts: [store.queue.length(), store.queue.lastId()],
    waits: DOMAINS.map((at) => store.queue.waits(2, at)),
    outgoing: ['anna', 'bob'].map((who) => [
      store.outgoing.hours(who, 3),
      store.outgoing.alike(who, [5, 6, 7, 8], 0),
      store.outgoing.waiting(who),
      store.outgoing.entries(who, 0, 5).map((one) => one.id),
    ]),
    suppressed: DOMAINS.map((at) => store.bounces.suppressed('anna', `BOB@${at}`)),
    ofAnna: store.bounces.suppressedOf('Anna', 2),
    tally: [...store.bounces.tally('anna', 0)],
  }
}

test('random commands: the store in memory answers, refuses and holds what the store with a disk does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(drawn, { minLength: 1, maxLength: 3 }), { maxLength: 25 }), async (batches) => {
      const { world, run } = testWorld(1)
      const memory = testWorld(1)
      const open = [
        { run, opened: () => openKeptStore(world, undefined) },
        { run: memory.run, opened: () => openMemoryStore(memory.world, new State(STAYS)) },
      ]
      const said = await Promise.all(
        open.map(({ run, opened }) =>
          run(async () => {
            const { store } = await opened()
            const bodies = await Promise.all(
              ['', 'a', 'bb'].map((text) => store.putBlob([Buffer.from(`body ${text}`)])),
            )
            const results = []
            for (const batch of batches) {
              const made = await store.commit(batch.map((one) => one(bodies)))
              results.push(made.map((one) => (one.ok ? { ok: true, id: one.id, email: one.emailId } : one)))
            }
            const view = viewOf(store)
            await store.close()
            return { results, view }
          }),
        ),
      )
      assert.deepEqual(said[1], said[0])
    }),
    { numRuns: 60, seed: 7 },
  )
})

const SETTING: Command = { kind: 'setting.put', key: 'a', value: 'b' }

test('a crash: what was promised is there afterwards, what was not is not', async () => {
  const simulation = simulate({ seed: 1 })
  const host = simulation.host('house', ['192.0.2.1'])
  const state = new State(STAYS)
  const { store } = await simulation.finish(openMemoryStore(host.world, state))
  await simulation.finish(store.commit([SETTING]))
  let isPromised = false
  void store.commit([{ ...SETTING, key: 'c' }]).then(() => {
    isPromised = true
  })
  await simulation.runFor(0.5)
  host.crash()
  const { store: again } = await simulation.finish(openMemoryStore(host.restart(), state))
  await simulation.runFor(1000)
  assert.equal(isPromised, false)
  assert.deepEqual([again.setting('a'), again.setting('c')], ['b', undefined])
})

test('a full disk refuses a commit, and takes it again when there is room', async () => {
  const simulation = simulate({ seed: 1 })
  const host = simulation.host('house', ['192.0.2.1'])
  const { store } = await simulation.finish(openMemoryStore(host.world, new State(STAYS)))
  host.disk.fault({ operation: 'append', code: 'full' })
  await simulation.finish(assert.rejects(store.commit([SETTING]), { code: 'full' }))
  assert.equal(store.setting('a'), undefined)
  host.disk.fault({ operation: 'sync', code: 'failed' })
  await simulation.finish(assert.rejects(store.commit([SETTING]), { code: 'failed' }))
  await simulation.finish(store.commit([SETTING]))
  assert.equal(store.setting('a'), 'b')
})

test('mail that its Recipient takes away leaves no body behind, and who counts it hears of it', async () => {
  const { world, run } = testWorld(1)
  const state = new State({ mail: 'is taken away', eventsKept: 0 })
  const seen: string[] = []
  state.observer = { delivered: (person, box, email) => seen.push(`${person.address} ${box.path} ${email.subject}`) }
  await run(async () => {
    const { store } = await openMemoryStore(world, state)
    await store.commit([
      { kind: 'account.create', address: 'anna@one.test', displayName: '', credentials: null, nowMs },
    ])
    const blob = await store.putBlob([Buffer.from('a letter')])
    const [result] = await store.commit([
      {
        kind: 'email.deliver',
        account: 1,
        mailboxes: ['inbox'],
        blob,
        summary: summary({ subject: 'Hello' }),
        flags: [],
        receivedAtMs: nowMs,
        verdict: null,
      },
    ])
    assert.equal(result?.ok, true)
    assert.deepEqual(store.listEmails(1, {}, 'oldest'), [])
    await world.clock.sleep(3_600_000)
    await store.commit([SETTING])
    assert.equal(store.findBlob(blob.hash), undefined)
  })
  assert.deepEqual(seen, ['anna@one.test INBOX Hello'])
})
