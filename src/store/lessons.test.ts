// What people do with their mail, and what is noted as a lesson of it: one row each. The store must be sound after all.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import { compact } from './bodies/compact.ts'
import { EmbeddedStore, openStore } from './embedded.ts'
import type { SpecialUse, Verdict } from './nouns/mail.ts'
import { deliver, done, makeAccount, nowMs } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'
import { checkStore } from './upkeep/check.ts'
import type { KeptStore } from './view.ts'

const DAY_MS = 86_400_000

function inStore(work: (store: KeptStore, bob: number) => Promise<void>) {
  return onBothEngines(async (store) => {
    await work(store, await makeAccount(store))
    assert.deepEqual(await checkStore(store), [])
  })
}

const across = (outcome: 'accept' | 'junk'): Verdict => ({
  outcome,
  reason: '',
  spf: 'pass',
  dkim: 'none',
  dmarc: 'none',
  arc: 'none',
  steps: [],
})

/** A person's mailboxes, and one message that came across the Border into one of them. */
class Person {
  readonly store: KeptStore
  readonly account: number
  email = 0

  constructor(store: KeptStore, account: number) {
    this.store = store
    this.account = account
  }

  async gets(into: 'inbox' | 'junk' = 'inbox', text = 'one'): Promise<void> {
    const verdict = across(into === 'junk' ? 'junk' : 'accept')
    this.email = (await deliver(this.store, this.account, text, { mailboxes: [into], verdict })).emailId!
  }

  box = (use: SpecialUse) => this.store.mailboxByUse(this.account, use)!.id

  uids(use: SpecialUse): (readonly [number, number])[] {
    const placed = this.store.placements(this.account, this.box(use)).filter(({ email }) => email === this.email)
    return placed.map(({ uid }) => [uid, uid] as const)
  }

  copy = (from: SpecialUse, to: SpecialUse | number, move = false) =>
    done(this.store, {
      kind: 'placement.copy',
      account: this.account,
      mailbox: this.box(from),
      uids: this.uids(from),
      to: typeof to === 'number' ? to : this.box(to),
      move,
    })

  move = (from: SpecialUse, to: SpecialUse | number) => this.copy(from, to, true)

  flag = (use: SpecialUse, mode: 'add' | 'remove', ...flags: string[]) =>
    done(this.store, {
      kind: 'flags.store',
      account: this.account,
      mailbox: this.box(use),
      uids: this.uids(use),
      mode,
      flags,
    })

  async expunge(use: SpecialUse): Promise<void> {
    await this.flag(use, 'add', '\\Deleted')
    const { account } = this
    const uids = this.uids(use)
    await done(this.store, { kind: 'placement.expunge', account, mailbox: this.box(use), uids, onlyDeleted: true })
  }

  update = (...mailboxes: SpecialUse[]) =>
    done(this.store, {
      kind: 'email.update',
      account: this.account,
      email: this.email,
      mailboxes: mailboxes.map((use) => this.box(use)),
    })

  /** What waits to be learned: spam or wanted, with an exclamation mark when it was said outright. */
  lessons = () =>
    this.store.lessons(0, 100).map(({ isSpam, told }) => `${isSpam ? 'spam' : 'wanted'}${told ? '!' : ''}`)
}

/** Of each: where the message came to, what is done with it, what is noted. */
const HANDLING: readonly (readonly [string, 'inbox' | 'junk', (person: Person) => Promise<unknown>, string[]])[] = [
  ['our own verdict', 'junk', async () => {}, []],
  ['IMAP MOVE to Junk', 'inbox', (p) => p.move('inbox', 'junk'), ['spam!']],
  ['COPY to Junk', 'inbox', (p) => p.copy('inbox', 'junk'), ['spam!']],
  ['COPY and EXPUNGE', 'inbox', (p) => p.copy('inbox', 'junk').then(() => p.expunge('inbox')), ['spam!']],
  ['MOVE out of Junk', 'junk', (p) => p.move('junk', 'inbox'), ['wanted!']],
  ['MOVE out of Junk to Archive', 'junk', (p) => p.move('junk', 'archive'), ['wanted!']],
  ['COPY out of Junk, it stays there', 'junk', (p) => p.copy('junk', 'inbox'), []],
  [
    'COPY out of Junk and EXPUNGE there',
    'junk',
    (p) => p.copy('junk', 'inbox').then(() => p.expunge('junk')),
    ['wanted!'],
  ],
  ['deleted from Junk', 'junk', (p) => p.move('junk', 'trash'), []],
  ['expunged from Junk', 'junk', (p) => p.expunge('junk'), []],
  ['copied to Trash and expunged from Junk', 'junk', (p) => p.copy('junk', 'trash').then(() => p.expunge('junk')), []],
  ['deleted unread', 'inbox', (p) => p.move('inbox', 'trash'), []],
  ['JMAP to Junk', 'inbox', (p) => p.update('junk'), ['spam!']],
  ['JMAP into Junk too', 'inbox', (p) => p.update('inbox', 'junk'), ['spam!']],
  ['JMAP out of Junk', 'junk', (p) => p.update('inbox'), ['wanted!']],
  ['JMAP from Junk to Trash', 'junk', (p) => p.update('trash'), []],
  [
    'JMAP destroys Junk',
    'junk',
    (p) => done(p.store, { kind: 'email.destroy', account: p.account, email: p.email }),
    [],
  ],
  ['$Junk', 'inbox', (p) => p.flag('inbox', 'add', '$Junk'), ['spam!']],
  ['$NotJunk', 'junk', (p) => p.flag('junk', 'add', '$notjunk'), ['wanted!']],
  [
    '$Junk taken away',
    'inbox',
    (p) => p.flag('inbox', 'add', '$Junk').then(() => p.flag('inbox', 'remove', '$junk')),
    ['wanted!'],
  ],
  [
    'JMAP keywords',
    'inbox',
    (p) =>
      done(p.store, {
        kind: 'email.update',
        account: p.account,
        email: p.email,
        flags: { mode: 'add', flags: ['$junk'] },
      }),
    ['spam!'],
  ],
  ['read', 'inbox', (p) => p.flag('inbox', 'add', '\\Seen'), []],
  ['answered', 'inbox', (p) => p.flag('inbox', 'add', '\\Answered'), ['wanted']],
  ['flagged', 'inbox', (p) => p.flag('inbox', 'add', '\\Flagged'), ['wanted']],
  ['flagged in Junk', 'junk', (p) => p.flag('junk', 'add', '\\Flagged'), []],
  ['filed unread', 'inbox', (p) => p.move('inbox', 'archive'), []],
  ['filed', 'inbox', (p) => p.flag('inbox', 'add', '\\Seen').then(() => p.move('inbox', 'archive')), ['wanted']],
  ['a change of mind', 'inbox', (p) => p.move('inbox', 'junk').then(() => p.move('junk', 'inbox')), ['wanted!']],
  [
    'told, then shown otherwise',
    'inbox',
    (p) => p.flag('inbox', 'add', '$Junk').then(() => p.flag('inbox', 'add', '\\Answered')),
    ['spam!'],
  ],
]

for (const [what, into, handle, expected] of HANDLING) {
  test(
    `lessons: ${what}`,
    inStore(async (store, bob) => {
      const person = new Person(store, bob)
      await person.gets(into)
      await handle(person)
      assert.deepEqual(person.lessons(), expected)
    }),
  )
}

test(
  'what a person brings into Junk is a lesson, what they bring elsewhere is not, whatever its flags say they say',
  inStore(async (store, bob) => {
    const person = new Person(store, bob)
    await deliver(store, bob, 'from another account', { mailboxes: ['junk'] })
    await deliver(store, bob, 'a draft', { mailboxes: ['drafts'], flags: ['\\Flagged'] })
    await deliver(store, bob, 'old', { mailboxes: ['inbox'], flags: ['\\Seen'] })
    await deliver(store, bob, 'answered', { mailboxes: ['archive'], flags: ['\\Answered'] })
    assert.deepEqual(person.lessons(), ['spam!', 'wanted'])
  }),
)

test(
  'what was read and kept is looked at once, when it is old enough',
  inStore(async (store, bob) => {
    const person = new Person(store, bob)
    const get = (text: string, days: number, flags: string[]) =>
      deliver(store, bob, text, { receivedAtMs: nowMs - days * DAY_MS, flags, verdict: across('accept') })
    await get('read', 9, ['\\Seen'])
    await get('unread', 8, [])
    await get('said to be junk', 7, ['\\Seen', '$Junk'])
    await get('read too', 6, ['\\Seen'])
    await get('young', 1, ['\\Seen'])
    const season = (limit: number) =>
      done(store, { kind: 'lesson.season', account: bob, beforeMs: nowMs - 3 * DAY_MS, limit })
    assert.deepEqual((await season(3)).changed, [1, 2, 3])
    assert.deepEqual(person.lessons(), ['wanted'])
    assert.deepEqual((await season(3)).changed, [4])
    assert.deepEqual((await season(3)).changed, [])
    assert.deepEqual(person.lessons(), ['wanted', 'wanted'])
    await done(store, { kind: 'lesson.season', account: bob, beforeMs: nowMs, limit: 3 })
    assert.equal(person.lessons().length, 3)
  }),
)

test(
  'a lesson keeps the body until it is learned, and states come with what they hold',
  inStore(async (store, bob) => {
    const person = new Person(store, bob)
    await person.gets('inbox', 'the first'.repeat(100))
    await person.move('inbox', 'junk')
    await person.expunge('junk')
    if (store instanceof EmbeddedStore) await compact(store)
    const [lesson] = store.lessons(0, 10)
    assert.equal((await store.readBlob(lesson!.blob))!.toString(), 'the first'.repeat(100))
    assert.deepEqual(lesson!.verdict, across('accept'))
    await person.gets('inbox', 'the second')
    await person.move('inbox', 'junk')
    const states = [0, bob, 99].map((owner) => ({ owner, state: Buffer.from([owner, 1, 2]) }))
    await done(store, { kind: 'learned.put', states, throughLesson: lesson!.id })
    assert.deepEqual(person.lessons(), ['spam!'])
    assert.deepEqual([...store.learnedState(bob)!], [bob, 1, 2])
    // There is no such account (any more).
    assert.equal(store.learnedState(99), undefined)
  }),
)

test('what a person taught goes with the account', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const bob = await makeAccount(store)
    const eve = await makeAccount(store, 'eve@here.test')
    for (const account of [bob, eve]) {
      const person = new Person(store, account)
      // The same body twice, and in both accounts.
      for (let i = 0; i < 2; i++) {
        await person.gets()
        await person.move('inbox', 'junk')
      }
    }
    const states = [bob, eve].map((owner) => ({ owner, state: Buffer.from([1]) }))
    await done(store, { kind: 'learned.put', states, throughLesson: 0 })
    await store.close()
    const database = world.disk.openDatabase('store/store.db', 'write')
    const count = (sql: string) => Object.values(database.prepare(sql).get()!)[0]
    database.exec(`DELETE FROM account WHERE id = ${bob}`)
    assert.equal(count('SELECT count(*) FROM lesson'), 2)
    assert.equal(count('SELECT count(*) FROM learned'), 1)
    // Four emails and two lessons name it still.
    assert.equal(count('SELECT refs FROM blob'), 6)
    database.close()
  })
})

test(
  'flagged many at once: lessons are noted afterwards, of what is still as it was, in Junk of none',
  inStore(async (store, bob) => {
    const inbox = store.mailboxByUse(bob, 'inbox')!.id
    const junk = store.mailboxByUse(bob, 'junk')!.id
    for (let i = 1; i <= 7; i++) await deliver(store, bob, `${i}`, { verdict: across('accept') })
    await deliver(store, bob, 'spam', { mailboxes: ['junk'], verdict: across('junk') })
    const flag = (mailbox: number, uids: [number, number][], mode: 'add' | 'remove', ...flags: string[]) =>
      done(store, { kind: 'flags.store', account: bob, mailbox, uids, mode, flags, lessons: 'later' })
    await flag(inbox, [[2, 2]], 'add', '\\Flagged')
    assert.equal(store.lessons(0, 100).length, 0)
    assert.equal(store.isTaughtLater(), true)
    await done(store, { kind: 'lesson.unfold', limit: 100 })
    assert.equal(store.isTaughtLater(), false)
    const all: [number, number][] = [[1, 100]]
    const { changed, modseq } = await flag(inbox, all, 'add', '\\Flagged')
    assert.deepEqual(changed, [1, 3, 4, 5, 6, 7])
    assert.equal(store.mailbox(bob, inbox)?.highestModseq, modseq)
    await flag(junk, all, 'add', '\\Flagged')
    await flag(inbox, [[4, 4]], 'remove', '\\Flagged')
    await done(store, { kind: 'placement.expunge', account: bob, mailbox: inbox, uids: [[5, 5]], onlyDeleted: false })
    assert.equal(store.lessons(0, 100).length, 1)
    // \Seen shows nothing by itself: not known later which of the two it was, so it is noted at once.
    await flag(inbox, [[4, 4]], 'add', '\\Seen', '\\Answered')
    assert.equal(store.lessons(0, 100).length, 2)
    for (let rounds = 0; store.isTaughtLater(); rounds++) {
      assert.ok(rounds < 10)
      await done(store, { kind: 'lesson.unfold', limit: 2 })
    }
    assert.equal(store.lessons(0, 100).length, store.placements(bob, inbox).length)
    assert.deepEqual(
      new Set(store.lessons(0, 100).map((lesson) => `${lesson.isSpam} ${lesson.told}`)),
      new Set(['false false']),
    )
  }),
)

test(
  'a body that waits in a range of flagged messages is not held by it, and goes with its account',
  inStore(async (store, bob) => {
    const inbox = store.mailboxByUse(bob, 'inbox')!.id
    await deliver(store, bob, 'one', { verdict: across('accept') })
    await done(store, {
      kind: 'flags.store',
      account: bob,
      mailbox: inbox,
      uids: [[1, 1]],
      mode: 'add',
      flags: ['\\Flagged'],
      lessons: 'later',
    })
    await done(store, { kind: 'account.remove', account: bob })
    assert.equal(store.isTaughtLater(), false)
  }),
)
