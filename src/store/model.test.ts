// Random commands against the store and against a model of a few plain maps: the same views after each command, and
// after closing and opening; what changed since any earlier state is what the difference of the two states says.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Command, CommandResult, UidSet } from './commands.ts'
import type { EmailCondition } from './read/email-query.ts'
import { makeAccount, nowMs, summary } from './testing.ts'
import { type OpenAgain, overEngines } from './testing-engines.ts'
import { checkStore } from './upkeep/check.ts'
import type { KeptStore } from './view.ts'

interface ModelEmail {
  readonly text: string
  readonly receivedAtMs: number
  readonly thread: number
}
interface ModelPlacement {
  readonly uid: number
  readonly email: number
  flags: string[]
}
interface ModelMailbox {
  path: string
  uidNext: number
  placements: ModelPlacement[]
}

// What one account should hold.
class Model {
  emails = new Map<number, ModelEmail>()
  mailboxes = new Map<number, ModelMailbox>()
  threadOf = new Map<string, number>()

  place(mailbox: ModelMailbox, email: number, flags: readonly string[]): number {
    mailbox.placements.push({ uid: mailbox.uidNext, email, flags: [...flags] })
    return mailbox.uidNext++
  }

  placementsOf(email: number): ModelPlacement[] {
    return [...this.mailboxes.values()].flatMap(({ placements }) => placements.filter((one) => one.email === email))
  }

  forgetHomeless(): void {
    for (const id of this.emails.keys()) if (this.placementsOf(id).length === 0) this.emails.delete(id)
  }

  selected(mailbox: ModelMailbox, uids: UidSet): ModelPlacement[] {
    return mailbox.placements.filter(({ uid }) => uids.some(([first, last]) => uid >= first && uid <= last))
  }

  /** What clients can see, as text for each email, mailbox and placement. */
  view() {
    const emails = new Map([...this.emails.keys()].map((id) => [id, JSON.stringify(this.placedAt(id))]))
    const placements = new Map(
      [...this.mailboxes].flatMap(([id, { placements }]) =>
        placements.map(({ uid, email, flags }) => [`${id}/${uid}`, JSON.stringify([email, flags])] as const),
      ),
    )
    const threads = new Map<number, string>()
    for (const [id, { thread }] of this.emails) threads.set(thread, `${threads.get(thread) ?? ''} ${id}`)
    const mailboxes = new Map([...this.mailboxes].map(([id, { path }]) => [id, path]))
    return { emails, placements, threads, mailboxes }
  }

  placedAt(email: number) {
    return [...this.mailboxes]
      .flatMap(([id, { placements }]) =>
        placements.filter((one) => one.email === email).map((one) => [id, one] as const),
      )
      .map(([id, { uid, flags }]) => [id, uid, flags])
  }
}

type View = ReturnType<Model['view']>

function applyFlags(old: readonly string[], mode: 'add' | 'remove' | 'replace', flags: readonly string[]): string[] {
  if (mode === 'replace') return [...new Set(flags)].sort()
  if (mode === 'add') return [...new Set([...old, ...flags])].sort()
  return old.filter((flag) => !flags.includes(flag))
}

// Tells the model what the store answered `ok` to.
function follow(model: Model, command: Command, result: Extract<CommandResult, { ok: true }>): void {
  const box = (id: number | string | object) => model.mailboxes.get(id as number)!
  switch (command.kind) {
    case 'mailbox.create':
      for (const [id, path] of created.splice(0)) model.mailboxes.set(id, { path, uidNext: 1, placements: [] })
      break
    case 'mailbox.delete':
      model.mailboxes.delete(command.mailbox)
      break
    case 'email.deliver': {
      const { subject, messageId, references } = command.summary
      const keys = [...messageId, ...references].map((id) => `${id} ${subject}`)
      const alive = keys
        .map((key) => model.threadOf.get(key))
        .filter((id) => id !== undefined && [...model.emails.values()].some(({ thread }) => thread === id)) as number[]
      const thread = alive.length === 0 ? result.emailId! : Math.min(...alive)
      for (const key of keys) {
        const known = model.threadOf.get(key)
        if (known === undefined || !alive.includes(known)) model.threadOf.set(key, thread)
      }
      assert.equal(result.threadId, thread)
      model.emails.set(result.emailId!, { text: subject, receivedAtMs: command.receivedAtMs, thread })
      for (const id of new Set(command.mailboxes)) model.place(box(id), result.emailId!, [...command.flags].sort())
      break
    }
    case 'flags.store':
      for (const placed of model.selected(box(command.mailbox), command.uids)) {
        placed.flags = applyFlags(placed.flags, command.mode, command.flags)
      }
      break
    case 'placement.copy': {
      const source = model.selected(box(command.mailbox), command.uids)
      for (const { email, flags } of source) model.place(box(command.to), email, flags)
      const from = box(command.mailbox)
      if (command.move) from.placements = from.placements.filter((placed) => !source.includes(placed))
      break
    }
    case 'placement.expunge': {
      const from = box(command.mailbox)
      const gone = model
        .selected(from, command.uids)
        .filter(({ flags }) => !command.onlyDeleted || flags.includes('\\Deleted'))
      assert.deepEqual(
        result.changed,
        gone.map(({ uid }) => uid),
      )
      from.placements = from.placements.filter((placed) => !gone.includes(placed))
      break
    }
    case 'email.update': {
      for (const { mailbox, uid } of result.placements ?? []) {
        assert.equal(uid, model.place(box(mailbox), command.email, homeFlags.get(command.email)!))
      }
      for (const [id, mailbox] of model.mailboxes) {
        if (command.mailboxes === undefined || command.mailboxes.includes(id)) continue
        mailbox.placements = mailbox.placements.filter(({ email }) => email !== command.email)
      }
      if (command.flags === undefined) break
      for (const placed of model.placementsOf(command.email)) {
        placed.flags = applyFlags(placed.flags, command.flags.mode, command.flags.flags)
      }
      break
    }
    case 'email.destroy':
      for (const mailbox of model.mailboxes.values()) {
        mailbox.placements = mailbox.placements.filter(({ email }) => email !== command.email)
      }
      break
  }
  model.forgetHomeless()
}

// Two things the model takes from the store, because any choice of the store would be right: the ids of mailboxes
// made on the way, and which placement's flags a new placement of the same email gets.
const created: [number, string][] = []
const homeFlags = new Map<number, string[]>()

function assertSameView(store: KeptStore, account: number, model: Model): void {
  const mailboxes = store.mailboxes(account)
  assert.deepEqual(new Map(mailboxes.map(({ id, path }) => [id, path])).size, model.mailboxes.size)
  for (const mailbox of mailboxes) {
    const expected = model.mailboxes.get(mailbox.id)!
    assert.equal(mailbox.path, expected.path)
    assert.equal(mailbox.uidNext, expected.uidNext)
    assert.equal(mailbox.total, expected.placements.length)
    assert.equal(mailbox.unseen, expected.placements.filter(({ flags }) => !flags.includes('\\Seen')).length)
    const placements = store
      .placements(account, mailbox.id)
      .map(({ uid, email, flags }) => ({ uid, email, flags: [...flags] }))
    assert.deepEqual(placements, expected.placements)
  }
  const emails = [...model.emails].sort((a, b) => b[1].receivedAtMs - a[1].receivedAtMs || b[0] - a[0])
  assert.deepEqual(
    store.listEmails(account, {}, 'newest'),
    emails.map(([id]) => id),
  )
  assertLists(store, account, model)
  const threads = model.view().threads
  for (const [thread, members] of threads)
    assert.equal(
      store
        .thread(account, thread)
        .sort((a, b) => a - b)
        .join(' '),
      members.trim(),
    )
}

/** Every list that JMAP can ask of the index is what one gets by looking at each email. */
function assertLists(store: KeptStore, account: number, model: Model): void {
  const has = (email: number, flag: string) => model.placementsOf(email).some(({ flags }) => flags.includes(flag))
  const isIn = (email: number, id: number) =>
    model.mailboxes.get(id)!.placements.some((placed) => placed.email === email)
  const thread = (email: number) =>
    [...model.emails].filter(([, { thread }]) => thread === model.emails.get(email)!.thread)
  const boxes = [...model.mailboxes.keys()].slice(0, 3)
  const questions: [EmailCondition, (email: number) => boolean][] = [
    [{ is: 'and', of: [] }, () => true],
    [{ is: 'flagged', flag: '\\Seen' }, (id) => has(id, '\\Seen')],
    [{ is: 'not', of: [{ is: 'flagged', flag: 'work' }] }, (id) => !has(id, 'Work')],
    [
      { is: 'thread-flagged', flag: '\\Flagged', how: 'all' },
      (id) => thread(id).every(([other]) => has(other, '\\Flagged')),
    ],
    [
      { is: 'thread-flagged', flag: '\\Flagged', how: 'some' },
      (id) => thread(id).some(([other]) => has(other, '\\Flagged')),
    ],
    [{ is: 'received-since', ms: 500 }, (id) => model.emails.get(id)!.receivedAtMs >= 500],
    [
      { is: 'in-other-than', mailboxes: boxes },
      (id) => [...model.mailboxes.keys()].some((box) => !boxes.includes(box) && isIn(id, box)),
    ],
    ...boxes.map((box): [EmailCondition, (email: number) => boolean] => [
      { is: 'in', mailbox: box },
      (id) => isIn(id, box),
    ]),
    [
      {
        is: 'and',
        of: [
          { is: 'in', mailbox: boxes[0]! },
          { is: 'not', of: [{ is: 'flagged', flag: '\\Seen' }] },
        ],
      },
      (id) => isIn(id, boxes[0]!) && !has(id, '\\Seen'),
    ],
    [
      {
        is: 'or',
        of: [
          { is: 'in', mailbox: boxes[1]! },
          { is: 'flagged', flag: '$forwarded' },
        ],
      },
      (id) => isIn(id, boxes[1]!) || has(id, '$Forwarded'),
    ],
  ]
  const all = [...model.emails].sort((a, b) => b[1].receivedAtMs - a[1].receivedAtMs || b[0] - a[0])
  for (const [where, test] of questions) {
    for (const collapse of [false, true]) {
      const seen = new Set<number>()
      const wanted = all
        .filter(([id]) => test(id))
        .filter(([, { thread }]) => !collapse || (!seen.has(thread) && seen.add(thread)))
        .map(([id]) => id)
      const query = { where, order: [], collapse }
      assert.deepEqual(store.lists.everyEmail(account, query), wanted, JSON.stringify(where))
      assert.deepEqual(store.lists.firstEmails(account, query, 3), wanted.slice(0, 3), JSON.stringify(where))
      assert.deepEqual(store.lists.firstEmails(account, query, 2, 2), wanted.slice(2, 4), JSON.stringify(where))
      assert.equal(store.lists.countEmails(account, query), wanted.length, JSON.stringify(where))
    }
  }
  for (const box of boxes) {
    const { placements } = model.mailboxes.get(box)!
    const count = (some: typeof placements) => new Set(some.map(({ email }) => model.emails.get(email)!.thread)).size
    assert.equal(store.lists.countThreads(account, box, false), count(placements))
    const unseen = placements.filter(({ flags }) => !flags.includes('\\Seen'))
    assert.equal(store.lists.countThreads(account, box, true), count(unseen))
  }
}

/** Told a few at a time, the changes lead to the same. */
function assertSteps<T>(
  old: ReadonlyMap<T, string>,
  current: ReadonlyMap<T, string>,
  ask: (since: number) => { created: T[]; updated: T[]; destroyed: T[]; modseq: number; hasMore: boolean } | undefined,
  sinceModseq: number,
): void {
  const known = new Set(old.keys())
  for (let since = sinceModseq; ; ) {
    const told = ask(since)
    // More than wanted happened at one moment.
    if (told === undefined) return
    for (const id of told.created) known.add(id)
    for (const id of told.destroyed) known.delete(id)
    if (!told.hasMore) break
    assert.ok(told.modseq > since)
    since = told.modseq
  }
  assert.deepEqual([...known].sort(), [...current.keys()].sort())
}

// `sinceModseq`: the state in which `before` was seen.
function assertChanges(store: KeptStore, account: number, sinceModseq: number, before: View, now: View): void {
  const compare = <T>(
    name: string,
    old: Map<T, string>,
    current: Map<T, string>,
    told: { created: T[]; updated: T[]; destroyed: T[] },
  ) => {
    const sorted = (ids: Iterable<T>) => [...ids].sort()
    assert.deepEqual(sorted(told.created), sorted([...current.keys()].filter((id) => !old.has(id))), `${name} created`)
    assert.deepEqual(
      sorted(told.destroyed),
      sorted([...old.keys()].filter((id) => !current.has(id))),
      `${name} destroyed`,
    )
    for (const [id, value] of current) {
      if (old.has(id) && old.get(id) !== value) assert.ok(told.updated.includes(id), `${name} ${id} updated`)
    }
    for (const id of told.updated) assert.ok(old.has(id) && current.has(id), `${name} ${id} was and is there`)
  }
  compare('email', before.emails, now.emails, store.changes.emails(account, sinceModseq)!)
  compare('thread', before.threads, now.threads, store.changes.threads(account, sinceModseq)!)
  compare('mailbox', before.mailboxes, now.mailboxes, store.changes.mailboxes(account, sinceModseq)!)
  const { changes } = store
  assertSteps(before.emails, now.emails, (since) => changes.emails(account, since, 3), sinceModseq)
  assertSteps(before.threads, now.threads, (since) => changes.threads(account, since, 3), sinceModseq)
  assertSteps(before.mailboxes, now.mailboxes, (since) => changes.mailboxes(account, since, 3), sinceModseq)
  for (const id of now.mailboxes.keys()) {
    const { changed, expunged } = store.placementsSince(account, id, sinceModseq)
    const keys = changed.map(({ uid }) => `${id}/${uid}`)
    for (const [key, value] of now.placements) {
      if (key.startsWith(`${id}/`) && before.placements.get(key) !== value)
        assert.ok(keys.includes(key), `${key} changed`)
    }
    for (const { modseq } of changed) assert.ok(modseq > sinceModseq)
    for (const key of before.placements.keys()) {
      const [mailbox, uid] = key.split('/').map(Number)
      if (mailbox === id && !now.placements.has(key)) assert.ok(expunged.includes(uid!), `${key} expunged`)
    }
    for (const uid of expunged) assert.ok(!now.placements.has(`${id}/${uid}`), `${id}/${uid} is gone`)
  }
}

const flag = fc.constantFrom('\\Seen', '\\Deleted', '\\Flagged', 'Work', '$Forwarded')
const flags = fc.uniqueArray(flag, { maxLength: 3 })
const mode = fc.constantFrom('add', 'remove', 'replace')
const pick = fc.nat(99)
const range = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.nat(4))
  .map(([first, more]) => [first, first + more] as const)
const uids = fc.array(range, { minLength: 1, maxLength: 2 })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ what: fc.constant('deliver'), a: pick, b: pick, c: pick, flags, both: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('flags'), a: pick, uids, mode, flags }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('copy'), a: pick, b: pick, uids, move: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('expunge'), a: pick, uids, onlyDeleted: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('update'), a: pick, b: pick, c: pick, mode, flags, both: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('destroy'), a: pick }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('create'), a: pick }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('delete'), a: pick }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('reopen') }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('compact') }) },
)
// biome-ignore lint/suspicious/noExplicitAny: the union of the records above, read by `what`
type Step = any

async function commandOf(store: KeptStore, account: number, model: Model, step: Step): Promise<Command | undefined> {
  const boxes = [...model.mailboxes.keys()]
  const emails = [...model.emails.keys()]
  const box = (n: number) => boxes[n % boxes.length]!
  const email = emails[step.a % (emails.length || 1)]
  const mailbox = box(step.a ?? 0)
  switch (step.what) {
    case 'deliver': {
      const blob = await store.putBlob([Buffer.from(`body ${step.b % 5}`)])
      const ids = { messageId: [`id${step.b % 12}`], references: step.c % 3 === 0 ? [`id${step.c % 12}`] : [] }
      const mailboxes = step.both ? [mailbox, box(step.b)] : [mailbox]
      const read = summary({ subject: `subject ${step.c % 2}`, ...ids })
      const receivedAtMs = nowMs + step.c * 1000
      return {
        kind: 'email.deliver',
        account,
        mailboxes,
        blob,
        flags: step.flags,
        receivedAtMs,
        verdict: null,
        summary: read,
      }
    }
    case 'flags':
      return { kind: 'flags.store', account, mailbox, uids: step.uids, mode: step.mode, flags: step.flags }
    case 'copy':
      return { kind: 'placement.copy', account, mailbox, uids: step.uids, to: box(step.b), move: step.move }
    case 'expunge':
      return { kind: 'placement.expunge', account, mailbox, uids: step.uids, onlyDeleted: step.onlyDeleted }
    case 'update': {
      if (email === undefined) return undefined
      const mailboxes = step.both ? { mailboxes: [box(step.b), box(step.c)] } : {}
      const home = store.email(account, email)!
      const { mailbox: at, uid } = store.database
        .prepare('SELECT mailbox, uid FROM email WHERE account = ? AND id = ?')
        .get(account, home.id) as { mailbox: number; uid: number }
      homeFlags.set(email, model.mailboxes.get(at)!.placements.find((placed) => placed.uid === uid)!.flags)
      return { kind: 'email.update', account, email, ...mailboxes, flags: { mode: step.mode, flags: step.flags } }
    }
    case 'destroy':
      return email === undefined ? undefined : { kind: 'email.destroy', account, email }
    case 'create':
      return { kind: 'mailbox.create', account, path: `Box ${step.a % 4}/Sub ${step.a % 3}`, nowMs }
    case 'delete':
      return { kind: 'mailbox.delete', account, mailbox }
  }
  return undefined
}

/** Over a real database each run takes longer. */
const RUNS = { embedded: Number(process.env.STORE_MODEL_RUNS ?? 100), shared: 15 }

test(
  'random commands: the store and the model show the same',
  overEngines(async (engine, name) => {
    let isThere = true
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.nat(), async (steps: Step[], seed) => {
        isThere = await engine.inNew((open) => runSteps(open, steps), seed)
      }),
      { numRuns: RUNS[name] },
    )
    return isThere
  }),
)

async function runSteps(open: OpenAgain, steps: readonly Step[]): Promise<void> {
  let { store, tidy } = await open()
  const account = await makeAccount(store)
  const model = new Model()
  for (const { id, path } of store.mailboxes(account)) model.mailboxes.set(id, { path, uidNext: 1, placements: [] })
  const states: { modseq: number; view: View }[] = [{ modseq: store.modseq(account), view: model.view() }]
  for (const one of steps) {
    if (one.what === 'compact') await tidy()
    if (one.what === 'reopen') {
      await store.close()
      ;({ store, tidy } = await open())
    }
    const command = await commandOf(store, account, model, one)
    if (command === undefined) continue
    const known = new Set(model.mailboxes.keys())
    const [result] = await store.commit([command])
    for (const { id, path } of store.mailboxes(account)) if (!known.has(id)) created.push([id, path])
    if (result!.ok) follow(model, command, result!)
    created.length = 0
    assertSameView(store, account, model)
    states.push({ modseq: store.modseq(account), view: model.view() })
  }
  const now = model.view()
  for (const { modseq, view } of states) assertChanges(store, account, modseq, view, now)
  assert.deepEqual(await checkStore(store), [])
  await store.close()
}
