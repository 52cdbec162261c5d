// How long full-text search takes in a large mailbox, with and without the index, and what the index costs: messages of
// 300 words of a vocabulary of 50,000 (Zipf), in one account, on this disk.
//
//   node bench/search.ts [messages]

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../src/store/embedded.ts'
import { summarise } from '../src/store/summary.ts'
import { TextIndex } from '../src/store/text/text-index.ts'
import { realWorld } from '../src/world/real/world.ts'
import { DnsTable } from '../src/world/simulated/dns.ts'

const count = Number(process.argv[2] ?? 20_000)
const folder = mkdtempSync(join(process.cwd(), '.bench-search-'))
const world = realWorld({ folder, dns: () => new DnsTable() })
const store = await openStore(world)
try {
  const create = { kind: 'account.create', address: 'bob@here.test', displayName: 'Bob', credentials: null } as const
  const [made] = await store.commit([{ ...create, nowMs: world.clock.now() }])
  const account = made?.ok ? made.id! : 0
  let seed = 1
  const chance = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
  const word = () => `w${Math.floor(50_000 ** chance()).toString(36)}x`
  const letter = (i: number) => {
    const words = Array.from({ length: 300 }, (_, at) => (at % 14 === 13 ? `${word()}.\r\n` : word()))
    return Buffer.from(
      `From: anna${i % 500}@sender.test\r\nSubject: ${word()} ${word()}\r\n\r\n${words.join(' ')}\r\nneedle${i % 10_000}end\r\n`,
    )
  }
  let began = performance.now()
  for (let at = 0; at < count; at += 200) {
    const batch = Array.from({ length: Math.min(200, count - at) }, async (_, i) => {
      const source = letter(at + i)
      const blob = await store.putBlob([source])
      return store.commit([
        {
          kind: 'email.deliver',
          account,
          mailboxes: ['inbox'],
          blob,
          summary: summarise(source),
          flags: [],
          receivedAtMs: world.clock.now(),
          verdict: null,
        },
      ])
    })
    await Promise.all(batch)
  }
  const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
  console.log(`${count} messages delivered in ${took()}`)
  began = performance.now()
  store.text = await TextIndex.open(world, store, (error) => console.error(error))
  await store.text.catchUp()
  const perMessage = (((performance.now() - began) * 1000) / count).toFixed(0)
  const bytes = statSync(join(folder, 'store/text.db')).size
  console.log(`indexed in ${took()} (${perMessage} us a message), ${(bytes / 1e6).toFixed(0)} MB`)
  for (const [about, needle] of [
    ['a rare word', 'needle1234end'],
    ['the middle of a rare word', 'edle1234'],
    ['the end of one and the beginning of the next', 'x w1a'],
    ['a word of every second message', 'w1x'],
    ['nothing', 'zzzzzz'],
  ] as const) {
    const times: number[] = []
    let found = 0
    for (let i = 0; i < 9; i++) {
      const start = performance.now()
      found = (await store.mayHold(account, needle))?.size ?? count
      times.push(performance.now() - start)
    }
    times.sort((a, b) => a - b)
    console.log(`${about}: ${times[4]!.toFixed(1)} ms, ${found} messages to look into`)
  }
} finally {
  await store.close()
  rmSync(folder, { recursive: true })
}
