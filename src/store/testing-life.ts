// A store's life in miniature, for tests that compare what came of it: every kind of thing that is kept, and deletions.

import type { Database } from '../world/disk.ts'
import type { Command } from './commands.ts'
import type { Store } from './store.ts'
import { deliver, delivery, done, type Made, makeAccount, nowMs, summary } from './testing.ts'

/** Everything that a database holds, table by table. */
export function contentOf(database: Database): Record<string, unknown[]> {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
  return Object.fromEntries(tables.map(({ name }) => [name, database.prepare(`SELECT * FROM ${name}`).all()]))
}

/** Lives `days` days with two people. The same number always gives the same life. */
export async function liveSome(store: Store, days: number, name = 'bob'): Promise<void> {
  const address = `${name}@here.test`
  const bob = store.accountByAddress(address)?.id ?? (await makeAccount(store, address))
  const [inbox, junk] = [store.mailboxByUse(bob, 'inbox')!.id, store.mailboxByUse(bob, 'junk')!.id]
  for (let day = 0; day < days; day++) {
    const atMs = nowMs + day * 86_400_000
    const id = `<${day}@sender.test>`
    const about = summary({ subject: `Grüße ${day} \ud800`, messageId: [id], references: [`<${day - 1}@sender.test>`] })
    const mail = await delivery(store, bob, `${name} ${day} ${'x'.repeat(day * 37)}`, {
      summary: about,
      receivedAtMs: atMs,
    })
    const path = { reversePath: 'alice@sender.test', forwardPath: 'bob@else.test', domain: 'else.test' }
    const times = { acceptedAtMs: atMs, nextAttemptAtMs: atMs, expiresAtMs: atMs, attempts: 0 }
    const rest = { state: 'waiting', lastReply: '', parameters: {}, origin: 'msa', trace: `${name}${day}` } as const
    const [made, queued] = (await store.commit([
      mail,
      { kind: 'queue.add', entry: { blob: mail.blob, ...path, ...times, ...rest } },
      { kind: 'arrival.add', digest: `${day}`.padStart(64, 'a'), trace: `${name}${day}`, atMs },
      { kind: 'remembered.put', changes: [{ key: `stranger ${day}`, value: '1', expiresAtMs: atMs }] },
    ])) as Made[]
    const email = made!.emailId!
    const { uid } = made!.placements![0]!
    const later: Command[] = [
      {
        kind: 'flags.store',
        account: bob,
        mailbox: inbox,
        uids: [[uid, uid]],
        mode: 'add',
        flags: ['\\Seen', 'Töpfe'],
      },
      { kind: 'setting.put', key: `day ${day % 3}`, value: `${day}` },
      {
        kind: 'learned.put',
        states: [{ owner: bob, state: Buffer.from([0, 255, day % 256]) }],
        throughLesson: day - 2,
      },
    ]
    const note = { reader: 0, entry: '/shared/comment', value: Buffer.from([1, 0, 254, day % 256]) } as const
    later.push({ kind: 'metadata.put', account: bob, mailbox: junk, entries: [note], most: 9 })
    if (day % 2 === 0) {
      later.push({
        kind: 'placement.copy',
        account: bob,
        mailbox: inbox,
        uids: [[uid, uid]],
        to: junk,
        move: day % 4 === 0,
      })
      later.push({ kind: 'queue.remove', id: queued!.id! })
    }
    if (day % 5 === 0) {
      later.push({ kind: 'mailbox.create', account: bob, path: `Jahr/${day}`, nowMs: atMs })
      later.push({ kind: 'mailbox.subscribe', account: bob, path: `Jahr/${day}`, subscribed: true })
    }
    await store.commit(later)
    if (day % 3 === 0) await done(store, { kind: 'email.destroy', account: bob, email })
    if (day % 7 === 0) await deliver(store, bob, `${name} large ${day}${'y'.repeat(300_000)}`)
    await store.commit([{ kind: 'email.destroy', account: bob, email: 10_000_000 }])
  }
}
