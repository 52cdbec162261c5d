// N2: does the time that an answer takes tell who exists? Median times for known and unknown names, asked in turn: the
// password check behind AUTH, IMAP, POP3 and web sign-in, SCRAM's first answer, and where a recipient's mail goes (RCPT).
//
//   npm run bench:who -- [how many of each, default 2000] [PBKDF2 iterations, default 100000]

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '../src/notation/parse.ts'
import { forwardPathOf, wayFor } from '../src/roles/routing.ts'
import { RunningAgent } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { realWorld } from '../src/world/real/world.ts'

const [count = 2000, iterations = 100_000] = process.argv.slice(2).map(Number)
/** Enough names that none is asked for too often. */
const PEOPLE = Math.ceil(count / 10)
const DESCRIPTION = `
--> / --> Receiver/MDA@recipient ==> Recipient@bob
recipient: domain=recipient.test, ip=127.0.20.1
bob: address=bob@recipient.test, password=demo
`

type Ask = (name: string, from: string) => unknown

const folder = mkdtempSync(join(process.cwd(), '.bench-'))
try {
  const [plan] = planSystem(parse(DESCRIPTION).model).plan.agents
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) })
  const running = await RunningAgent.start(plan!, world, { iterations, transmitterPort: 25, log: () => {} })
  const { store } = running.agent
  const { credentials } = store.accountByAddress('bob@recipient.test')!
  for (let n = 0; n < PEOPLE; n++) {
    const account = { address: `known${n}@recipient.test`, displayName: '', credentials, nowMs: Date.now() }
    await store.commit([{ kind: 'account.create', ...account }])
  }
  const asks: Record<string, Ask> = {
    'password (AUTH, IMAP, POP3, web)': (name, from) => running.accounts.checkPassword(name, 'wrong', from),
    'SCRAM, first answer': (name, from) => running.accounts.scramCredentials(name, from),
    'recipient (RCPT)': (name) => wayFor(running.agent, forwardPathOf(name)),
  }
  console.log('| what | known | unknown | difference |\n|---|---|---|---|')
  for (const [what, ask] of Object.entries(asks)) {
    const times = { known: [] as number[], unknown: [] as number[] }
    for (let n = 0; n < 2 * count; n++) {
      // Now the one first, now the other; each from another network.
      const kind = (n % 2 === 0) === ((n >> 1) % 2 === 0) ? 'known' : 'unknown'
      const from = `10.${(n >> 8) & 255}.${n & 255}.1`
      const before = performance.now()
      await ask(`${kind}${(n >> 1) % PEOPLE}@recipient.test`, from)
      times[kind].push(performance.now() - before)
    }
    const [known, unknown] = [median(times.known), median(times.unknown)]
    console.log(`| ${what} | ${ms(known)} | ${ms(unknown)} | ${ms(known - unknown)} |`)
  }
  await running.stop()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

function ms(value: number): string {
  return `${value.toFixed(4)} ms`
}
