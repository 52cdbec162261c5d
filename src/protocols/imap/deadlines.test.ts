// Deadlines, in the simulated world: half an hour passes in a moment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import type { Stream } from '../../world/network.ts'
import { testWorld } from '../../world/testing.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { serveImap } from './serve.ts'

const USER = 'bob@here.test'
const accounts: SaslAccounts = {
  mechanisms: ['PLAIN'],
  checkPassword: () => ({ state: 'ok', user: USER }),
  scramCredentials: () => ({ state: 'unavailable' }),
}

interface Setting {
  readonly client: Stream
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  /** Resolves when the server has done with the connection. */
  readonly served: Promise<void>
  readonly bugs: unknown[]
}

/** A client connected to a server in a world of their own. */
async function withServer(work: (setting: Setting) => Promise<void>): Promise<void> {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const create = { kind: 'account.create', address: USER, displayName: 'Bob', credentials: null, nowMs: 0 } as const
    await store.commit([create])
    const bugs: unknown[] = []
    let served: Promise<void> | undefined
    const at = { address: '192.0.2.1', port: 143 }
    const listener = await world.network.listen(at, (stream) => {
      const report = (error: unknown): number => bugs.push(error)
      served = serveImap(stream, { store, accounts, allowPlaintext: true, report }, world)
    })
    const client = await world.network.connect(at, { timeoutMs: 1_000 })
    await heard(client, /ready/)
    await work({
      client,
      now: () => world.clock.monotonic(),
      sleep: (ms) => world.clock.sleep(ms),
      served: served!,
      bugs,
    })
    client.destroy()
    await listener.close()
    await store.close()
  })
}

const say = (client: Stream, text: string): Promise<void> => client.write(Buffer.from(`${text}\r\n`))

/** What the server says up to a text that matches, or to the end. */
async function heard(client: Stream, wanted: RegExp): Promise<string> {
  let text = ''
  while (!wanted.test(text)) {
    const bytes = await client.read()
    if (bytes === null) break
    text += Buffer.from(bytes).toString('latin1')
  }
  return text
}

test('before sign-in a minute is given, however the client spends it', async () => {
  await withServer(async ({ client, now, sleep, bugs }) => {
    const start = now()
    void (async () => {
      for (let i = 0; i < 30; i++) {
        await sleep(5_000)
        await say(client, 'a NOOP')
      }
    })().catch(() => {})
    assert.match(await heard(client, /BYE/), /BYE/)
    assert.ok(now() - start >= 59_000 && now() - start < 62_000)
    assert.deepEqual(bugs, [])
  })
})

test('who is signed in may be silent for half an hour, in IDLE too', async () => {
  await withServer(async ({ client, now, bugs }) => {
    await say(client, `a LOGIN ${USER} x`)
    await heard(client, /a OK/)
    await say(client, 'b SELECT INBOX\r\nc IDLE')
    await heard(client, /\+ idling/)
    const start = now()
    assert.match(await heard(client, /BYE/), /BYE/)
    assert.ok(now() - start >= 29 * 60_000 && now() - start < 31 * 60_000)
    assert.deepEqual(bugs, [])
  })
})

test('a client that asks and never reads is dropped', async () => {
  await withServer(async ({ client, now, served, bugs }) => {
    await say(client, `a LOGIN ${USER} x`)
    await heard(client, /a OK/)
    const message = 'x'.repeat(900_000)
    await say(client, `b APPEND INBOX {${message.length}+}\r\n${message}`)
    await heard(client, /b OK/)
    const start = now()
    await say(client, `c SELECT INBOX\r\n${'d FETCH 1 BODY.PEEK[]\r\n'.repeat(50)}`)
    await served
    assert.ok(now() - start < 10 * 60_000)
    assert.deepEqual(bugs, [])
  })
})
