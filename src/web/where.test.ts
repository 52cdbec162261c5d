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
})
