// `/api/where`: asked by whoever is signed in, about his own mail alone.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { findStories, visibleTo } from '../roles/where/find.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'
import { PASSWORD, POSTMASTER, type SmallSystem, smallSystem } from './testing.ts'

describe('where', () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-where-'))
  let system: SmallSystem
  let web: FastifyInstance

  before(async () => {
    const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
    const world = realWorld({ folder, dns })
    system = await smallSystem(world)
    const event = {
      atMs: world.clock.now(),
      trace: '0123456789ab',
      messageId: 'one@far.test',
      reversePath: 'eve@far.test',
      detail: { spf: 'pass' },
    }
    await system.store.commit(
      ['bob@recipient.test', 'carl@recipient.test'].map((forwardPath) => ({
        kind: 'event.add' as const,
        event: {
          ...event,
          forwardPath,
          role: 'MDA' as const,
          kind: 'delivered' as const,
          text: `Put into the inbox of ${forwardPath}.`,
        },
      })),
    )
    const { store } = system
    web = createWeb({
      world,
      serverFactory: httpServer,
      backends: {
        ...system.backends,
        where: ({ account }, question) =>
          findStories(
            [{ agent: 'recipient', reads: store.where }],
            question,
            10,
            visibleTo(store.addresses(account.id), () => false),
          ),
      },
    })
  })
  after(async () => {
    await web?.close()
    await system?.store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const ask = (address: string, query: string) => {
    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD}`).toString('base64')}`
    return web.inject({ url: `/api/where${query}`, headers: { authorization } })
  }

  test('a person hears of his own mail, in a sentence and role by role, and nobody else does', async () => {
    assert.equal((await web.inject('/api/where?q=eve@far.test')).statusCode, 401)
    assert.equal((await ask('bob@recipient.test', '')).statusCode, 400)
    const { stories } = (await ask('bob@recipient.test', '?q=eve@far.test')).json()
    assert.equal(stories.length, 1)
    assert.match(stories[0].sentence, /^Delivered .* to bob@recipient\.test/)
    assert.deepEqual(stories[0].lines.length, 1)
    assert.doesNotMatch(JSON.stringify(stories), /carl@/)
    assert.deepEqual((await ask(POSTMASTER.address, '?q=eve@far.test')).json().stories, [])
  })

  test('an address that failed twice is told beside the story, and its Author takes it off, nobody else', async () => {
    const address = 'gone@far.test'
    const said = '550 5.1.1 no such mailbox'
    const nowMs = Date.now()
    const note = { kind: 'bounced.note', author: 'bob@recipient.test', reason: 'user-unknown', atMs: nowMs } as const
    await system.store.commit([
      { ...note, suppress: { address, said } },
      { ...note, suppress: { address, said } },
      { ...note, suppress: { address: 'once@far.test', said } },
    ])
    const call = (who: string, body?: object) => {
      const authorization = `Basic ${Buffer.from(`${who}:${PASSWORD}`).toString('base64')}`
      const method = body === undefined ? 'GET' : 'POST'
      return web.inject({ method, url: '/api/suppressed', headers: { authorization }, ...(body && { payload: body }) })
    }
    assert.equal((await web.inject('/api/suppressed')).statusCode, 401)
    const { addresses } = (await call('bob@recipient.test')).json()
    assert.deepEqual(
      addresses.map((one: { address: string; stoppedUntilMs: number | null }) => [one.address, one.stoppedUntilMs]),
      [
        [address, nowMs + 86_400_000],
        ['once@far.test', null],
      ],
    )
    await system.store.commit([
      {
        kind: 'event.add',
        event: {
          ...{ atMs: nowMs, trace: '0123456789ac', messageId: 'two@recipient.test', reversePath: 'bob@recipient.test' },
          ...{ forwardPath: address, role: 'Transmitter', kind: 'bounced', text: 'Given up.', detail: {} },
        },
      },
    ])
    const web2 = createWeb({
      world: realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) }),
      serverFactory: httpServer,
      backends: {
        ...system.backends,
        where: (_person, question) => findStories([{ agent: 'recipient', reads: system.store.where }], question, 10),
      },
    })
    const told = await web2.inject({
      url: '/api/where?q=two@recipient.test',
      headers: { authorization: `Basic ${Buffer.from(`bob@recipient.test:${PASSWORD}`).toString('base64')}` },
    })
    await web2.close()
    assert.deepEqual(told.json().stories[0].stopped, [address])
    assert.equal((await call('anna@sender.test', { address })).statusCode, 404)
    assert.equal((await call('bob@recipient.test', {})).statusCode, 400)
    assert.equal((await call('bob@recipient.test', { address })).statusCode, 200)
    assert.equal((await call('bob@recipient.test', { address })).statusCode, 404)
    assert.equal(system.store.bounces.suppressed('bob@recipient.test', address), undefined)
  })
})
