// How long JMAP takes in a large mailbox: what a webmail asks for, in the process, without HTTP. One account, one inbox, in
// conversations of three or so, one in ten unread. Median and 95th of a hundred, each after a change of one message, so that
// nothing that was kept for the state before helps.
//
//   npm run bench:jmap -- [messages, default 100000]

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeDesk } from '../src/protocols/jmap/testing.ts'
import { summary } from '../src/store/testing.ts'
import { realWorld } from '../src/world/real/world.ts'

const [messages = 100_000] = process.argv.slice(2).map(Number)
const ROUNDS = 100
const AT_ONCE = 500

const folder = mkdtempSync(join(process.cwd(), '.bench-'))
try {
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) })
  const desk = await makeDesk(world)
  const { store, account } = desk.backend
  const inbox = desk.box('inbox')
  const filled = performance.now()
  const blob = await store.putBlob([Buffer.from('Subject: x\r\n\r\nHello.\r\n')])
  for (let n = 0; n < messages; n += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, messages - n) }, (_, i) => {
      const about = n + i
      const answers = about > 10 && about % 3 !== 0 ? [`m${about - 1 - (about % 7)}@x.test`] : []
      return {
        kind: 'email.deliver',
        account: account.id,
        mailboxes: ['inbox'],
        blob,
        summary: summary({ subject: `Topic ${about}`, messageId: [`m${about}@x.test`], inReplyTo: answers }),
        flags: about % 10 === 0 ? [] : ['\\Seen'],
        receivedAtMs: 1_700_000_000_000 + about * 60_000,
        verdict: null,
      } as const
    })
    await store.commit(batch)
  }
  console.log(`${messages} messages put in ${Math.round(performance.now() - filled)} ms\n`)
  const { state } = await desk.one('Email/get', { ids: [] })
  const { ids } = await desk.one('Email/query', { limit: 1000 })
  const sort = [{ property: 'receivedAt', isAscending: false }]
  const page = { filter: { inMailbox: inbox }, sort, limit: 50 }
  const list = { ...page, collapseThreads: true, calculateTotal: true }
  const deep = ids.at(-1)
  let since = state
  const asks: Record<string, () => [string, object]> = {
    'Email/query, first 50': () => ['Email/query', page],
    'Email/query, first 50 conversations, with their number': () => ['Email/query', list],
    'Email/query, first 50 of all mailboxes': () => ['Email/query', { sort, limit: 50 }],
    'Email/query, first 50 unread': () => [
      'Email/query',
      { ...page, filter: { inMailbox: inbox, notKeyword: '$seen' } },
    ],
    'Email/query, 50 from the middle': () => ['Email/query', { ...page, position: Math.floor(messages / 2) }],
    'Email/query, around an anchor': () => ['Email/query', { ...page, anchor: deep, anchorOffset: -10 }],
    'Email/queryChanges, conversations': () => [
      'Email/queryChanges',
      { ...list, limit: undefined, sinceQueryState: since },
    ],
    'Email/changes': () => ['Email/changes', { sinceState: since }],
    'Mailbox/get': () => ['Mailbox/get', {}],
    'Mailbox/changes': () => ['Mailbox/changes', { sinceState: since }],
    'Email/get of 50, as in a list': () => [
      'Email/get',
      {
        ids: ids.slice(0, 50),
        properties: ['threadId', 'mailboxIds', 'keywords', 'receivedAt', 'from', 'subject', 'preview'],
      },
    ],
  }
  console.log('| what | median ms | 95th ms |\n|---|---|---|')
  for (const [index, [what, ask]] of Object.entries(asks).entries()) {
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      since = String(store.modseq(account.id))
      const value = index % 2 === 0 ? true : null
      await desk.one('Email/set', { update: { [ids[round % ids.length]]: { 'keywords/$flagged': value } } })
      const [method, args] = ask()
      const before = performance.now()
      const answer = await desk.one(method, args)
      times.push(performance.now() - before)
      if (answer.type) throw new Error(`${what}: ${answer.type} ${answer.description ?? ''}`)
    }
    times.sort((a, b) => a - b)
    console.log(`| ${what} | ${times[ROUNDS >> 1]!.toFixed(2)} | ${times[Math.floor(ROUNDS * 0.95)]!.toFixed(2)} |`)
  }
  await desk.close()
} finally {
  rmSync(folder, { recursive: true })
}
