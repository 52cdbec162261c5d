// The commands themselves, killed at random moments and run again: nothing twice, nothing missing.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { worldOf } from '../../src/cli/agents-in.ts'
import { openStore } from '../../src/store/embedded.ts'
import { makeAccount } from '../../src/store/testing.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const MESSAGES = 2_000

/** Runs the command; after `killMs` it is killed. Gives whether it came to its end. */
function run(args: readonly string[], killMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += bytes))
  const timer = setTimeout(() => child.kill('SIGKILL'), killMs)
  return new Promise((resolve, reject) =>
    child.on('close', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(true)
      else if (code === null) resolve(false)
      else reject(new Error(`exit code ${code}: ${output}`))
    }),
  )
}

/** Longer each time, so that one is long enough on any machine. */
async function untilDone(args: readonly string[]): Promise<number> {
  for (let kills = 0; ; kills++) if (await run(args, (300 + Math.random() * 400) * 1.3 ** kills)) return kills
}

test('import, export and import again, killed at random moments: nothing twice, nothing missing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-killed-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const agent = join(folder, 'agent')
  const store = await openStore(worldOf(agent))
  for (const name of ['bob', 'anna']) await makeAccount(store, `${name}@here.test`)
  await store.close()
  const text = (at: number) =>
    `From a@b.test Mon Nov 23 10:00:00 2026\nSubject: ${at}\n\n>From ${'x'.repeat(at % 3000)}\n\n`
  writeFileSync(join(folder, 'mbox'), Array.from({ length: MESSAGES }, (_, at) => text(at)).join(''))
  const kills = [
    await untilDone(['import', agent, 'bob@here.test', join(folder, 'mbox')]),
    await untilDone(['export', agent, 'bob@here.test', join(folder, 'out'), '--format', 'maildir']),
    await untilDone(['import', agent, 'anna@here.test', join(folder, 'out')]),
  ]
  t.diagnostic(`killed ${kills.join(', ')} times`)
  const after = await openStore(worldOf(agent))
  const [bob, anna] = ['bob', 'anna'].map((name) => {
    const account = after.accountByAddress(`${name}@here.test`)!.id
    const { id } = after.mailboxByUse(account, 'inbox')!
    return after.placements(account, id).map(({ uid, email }) => [uid, after.email(account, email)!.blob.hash])
  })
  assert.equal(bob!.length, MESSAGES)
  assert.equal(new Set(bob!.map(([, hash]) => hash)).size, MESSAGES)
  assert.deepEqual(anna, bob)
  await after.close()
})
