// A process that pours messages into a store is killed at random moments; every message whose commit it had reported
// is there afterwards, once, and the store is sound.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskError } from '../world/disk.ts'
import { realWorld } from '../world/real/world.ts'
import { testPostgres } from '../world/testing/postgres.ts'
import type { World } from '../world/world.ts'
import { openStore } from './embedded.ts'
import { openSharedStore } from './shared/store.ts'
import { delivery, makeAccount, nowMs } from './testing.ts'
import { checkStore } from './upkeep/check.ts'

const rounds = 10
const address = 'bob@here.test'

function worldAt(folder: string): World {
  return realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })
}

/** Of its own, or one that PostgreSQL holds. */
const open = (folder: string, url: string | undefined) =>
  url === undefined ? openStore(worldAt(folder)) : openSharedStore(worldAt(folder), { url, shard: 'kill' })

// What the child does: deliver and queue each message in one commit, and report it once that is durable.
async function pour(folder: string, round: string, url: string | undefined): Promise<void> {
  const store = await open(folder, url)
  const bob = store.accountByAddress(address)?.id ?? (await makeAccount(store, address))
  let count = 0
  const worker = async () => {
    for (;;) {
      const name = `${round}-${++count}`
      // Now and then one too large for a segment.
      const text = `${name}\r\n${'x'.repeat(count % 100 === 0 ? 300_000 : 2000)}`
      const deliver = await delivery(store, bob, text)
      const path = { reversePath: 'alice@sender.test', forwardPath: 'bob@else.test', domain: 'else.test' }
      const times = { acceptedAtMs: nowMs, nextAttemptAtMs: nowMs, expiresAtMs: nowMs, attempts: 0 }
      const rest = { state: 'waiting', lastReply: '', parameters: {}, origin: 'msa', trace: name } as const
      await store.commit([deliver, { kind: 'queue.add', entry: { blob: deliver.blob, ...path, ...times, ...rest } }])
      writeSync(1, `${name}\n`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

function startPouring(folder: string, round: number, url?: string) {
  const more = url === undefined ? [] : [url]
  return spawn(process.execPath, [import.meta.filename, 'pour', folder, String(round), ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function pourAndKill(folder: string, round: number, url?: string): Promise<string[]> {
  const child = startPouring(folder, round, url)
  let output = ''
  let complaint = ''
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  child.stderr.on('data', (bytes) => {
    complaint += bytes
  })
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), 20 + Math.random() * 250))
  child.stdout.on('data', (bytes) => {
    output += bytes
  })
  await ended
  assert.equal(child.signalCode, 'SIGKILL', complaint)
  return output.split('\n').slice(0, -1)
}

async function verify(folder: string, acknowledged: readonly string[], url?: string): Promise<void> {
  const store = await open(folder, url)
  try {
    const bob = store.accountByAddress(address)!.id
    const found = new Map<string, number>()
    for (const email of store.emails(bob, store.listEmails(bob, {}, 'oldest'))) {
      const body = String(await store.readBlob(email.blob, { offset: 0, length: 40 }))
      const name = body.slice(0, body.indexOf('\r'))
      found.set(name, (found.get(name) ?? 0) + 1)
    }
    for (const name of acknowledged) assert.equal(found.get(name), 1, `message ${name}`)
    const queued = store.queue.entries({}, 1_000_000).map(({ trace }) => trace)
    assert.deepEqual(queued.sort(), [...found.keys()].sort(), 'a batch is kept whole or not at all')
    assert.deepEqual(await checkStore(store), [])
  } finally {
    await store.close()
  }
}

/** Makes the account, so that two children do not both. */
async function makeRecipient(folder: string, url: string): Promise<void> {
  const store = await open(folder, url)
  await makeAccount(store, address)
  await store.close()
}

if (process.argv[2] === 'pour') {
  await pour(process.argv[3]!, process.argv[4]!, process.argv[5]).catch((error) => {
    writeSync(2, String(error))
    process.exit(error instanceof DiskError && error.code === 'locked' ? 3 : 1)
  })
} else {
  test('nothing acknowledged is lost when the process is killed', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'borderpost-kill-'))
    try {
      const acknowledged: string[] = []
      for (let round = 0; round < rounds; round++) {
        acknowledged.push(...(await pourAndKill(folder, round)))
        await verify(folder, acknowledged)
      }
      assert.ok(acknowledged.length > rounds)
      t.diagnostic(`${acknowledged.length} messages acknowledged in ${rounds} lives`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('nor when nodes that share a store are killed, two at a time', async (t) => {
    const postgres = await testPostgres()
    if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
    const folder = mkdtempSync(join(tmpdir(), 'borderpost-kill-nodes-'))
    try {
      const acknowledged: string[] = []
      await makeRecipient(join(folder, 'begin'), postgres.url)
      for (let round = 0; round < 4; round++) {
        const lives = ['one', 'two'].map((node, n) => pourAndKill(join(folder, node), 2 * round + n, postgres.url))
        acknowledged.push(...(await Promise.all(lives)).flat())
        // Seen by a node that was there, and by one that is new.
        await verify(join(folder, 'one'), acknowledged, postgres.url)
        await verify(join(folder, `new ${round}`), acknowledged, postgres.url)
      }
      assert.ok(acknowledged.length > 8)
      t.diagnostic(`${acknowledged.length} messages acknowledged in 8 lives`)
    } finally {
      await postgres.end()
      rmSync(folder, { recursive: true })
    }
  })

  test('a second process is refused, and told who has the store', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'borderpost-second-'))
    const store = await openStore(worldAt(folder))
    try {
      const child = startPouring(folder, 0)
      let complaint = ''
      child.stderr.on('data', (bytes) => {
        complaint += bytes
      })
      const code = await new Promise((resolve) => child.on('close', resolve))
      assert.equal(code, 3)
      assert.match(complaint, new RegExp(`held by process ${process.pid}`))
    } finally {
      await store.close()
      rmSync(folder, { recursive: true })
    }
  })
}
