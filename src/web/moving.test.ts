// Bringing and taking mail over HTTP: a system with everything behind it, over a real socket.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { strFromU8, unzipSync } from 'fflate'
import { parse } from '../notation/parse.ts'
import { deliver } from '../store/testing.ts'
import { RunningAgent } from '../system/agent.ts'
import { planSystem } from '../system/description.ts'
import { TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'

const BOB = 'bob@recipient.test'

async function atServer(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-moving-web-'))
  const { plan } = planSystem(parse(TWO_AGENTS).model)
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) })
  const agentPlan = plan.agents.find(({ id }) => id === 'recipient')!
  const running = await RunningAgent.start(agentPlan, world, { iterations: 10, transmitterPort: 25, log: () => {} })
  const app = createWeb({ world, serverFactory: httpServer, backends: backendsOf([running]) })
  const base = await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    await app.close()
    await running.stop(0)
    rmSync(folder, { recursive: true })
  })
  const json = { 'content-type': 'application/json' }
  const signIn = await fetch(`${base}/api/sign-in`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ address: BOB, password: 'demo' }),
  })
  const cookie = String(signIn.headers.get('set-cookie')).split(';')[0]!
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(base + path, { ...init, headers: { cookie, ...(init.headers as Record<string, string>) } })
  const act = (wish: object) => ask('/api/moving', { method: 'POST', headers: json, body: JSON.stringify(wish) })
  return { base, running, ask, act }
}

test('a file is uploaded in pieces and brought in; all mail is taken; programs may do neither', async (t) => {
  const { base, ask, act } = await atServer(t)
  const text = Array.from(
    { length: 30 },
    (_, at) => `From a@b.test Mon Nov 23 10:00:00 2026\nSubject: ${at}\n\n${'x'.repeat(5000)}\n\n`,
  ).join('')
  assert.equal((await act({ action: 'toString' })).status, 404)
  assert.equal((await act({ action: 'upload', name: 'mail', sizeBytes: text.length })).status, 200)
  const put = (at: number, body: string) => ask(`/api/moving/upload?offset=${at}`, { method: 'PUT', body })
  assert.equal(
    ((await (await put(0, text.slice(0, 60_000))).json()) as { receivedBytes: number }).receivedBytes,
    60_000,
  )
  assert.equal((await act({ action: 'bring' })).status, 400)
  assert.equal((await put(60_000, text.slice(60_000))).status, 200)
  assert.equal((await act({ action: 'bring' })).status, 200)
  type View = { run: { state: string; brought: number } }
  let view: View
  do view = (await (await ask('/api/moving')).json()) as View
  while (view.run.state === 'running')
  assert.deepEqual([view.run.state, view.run.brought], ['done', 30])
  assert.equal((await put(0, 'x')).status, 409)

  const answer = await ask('/api/moving/mail.zip?format=mbox')
  assert.match(answer.headers.get('content-disposition') ?? '', /attachment; filename="mail-mbox.zip"/)
  const files = unzipSync(new Uint8Array(await answer.arrayBuffer()))
  assert.equal(strFromU8(files['INBOX.mbox']!).match(/^Subject: /gm)?.length, 30)
  assert.equal((await ask('/api/moving/mail.zip?format=tar')).status, 400)

  const headers = { authorization: `Basic ${Buffer.from(`${BOB}:demo`).toString('base64')}` }
  for (const path of ['/api/moving', '/api/moving/mail.zip?format=mbox'])
    assert.deepEqual([(await fetch(base + path, { headers })).status, (await fetch(base + path)).status], [403, 401])
})

test('an archive that nobody takes any more is not made to its end, and another one can be taken', async (t) => {
  const { running, ask } = await atServer(t)
  const { store } = running.agent
  const bob = store.accountByAddress(BOB)!
  const noise = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251)).toString('base64')
  for (let at = 0; at < 40; at++) await deliver(store, bob.id, `Subject: ${at}\r\n\r\n${noise}${at}\r\n`)
  const stop = new AbortController()
  const answer = await ask('/api/moving/mail.zip?format=maildir', { signal: stop.signal })
  await answer.body!.getReader().read()
  assert.equal((await ask('/api/moving/mail.zip?format=maildir')).status, 409)
  stop.abort()
  while (running.moving.isTaking(bob)) await new Promise((resolve) => setTimeout(resolve, 10))
  const again = unzipSync(new Uint8Array(await (await ask('/api/moving/mail.zip?format=maildir')).arrayBuffer()))
  assert.equal(Object.keys(again).filter((path) => path.startsWith('cur/')).length, 40)
})
