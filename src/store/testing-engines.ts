// The same test over both engines: a store of its own in the simulated world, and one that PostgreSQL holds, in the real one.

import { after, type TestContext } from 'node:test'
import { realWorld } from '../world/real/world.ts'
import { type TestPostgres, temporaryFolder, testPostgres } from '../world/testing/postgres.ts'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { openStore } from './embedded.ts'
import { openSharedStore } from './shared.ts'
import type { KeptStore } from './view.ts'

let cluster: Promise<TestPostgres | undefined> | undefined
let count = 0
after(async () => (await cluster)?.end())

/** For `test`: the work gets a new store of each engine. It is closed afterwards. */
export function onBothEngines(work: (store: KeptStore, world: World) => Promise<void>) {
  return async (t: TestContext) => {
    await t.test('embedded', async () => {
      const { world, run } = testWorld()
      await run(async () => {
        const store = await openStore(world)
        await work(store, world)
        await store.close()
      })
    })
    await t.test('shared', async (t) => {
      cluster ??= testPostgres()
      const postgres = await cluster
      if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
      const { folder, remove } = temporaryFolder()
      const noDns = { resolve: () => Promise.reject(new Error('No DNS here.')) }
      const world = realWorld({ folder, dns: () => noDns })
      const store = await openSharedStore(world, { url: postgres.url, shard: `${process.pid} ${++count}` })
      try {
        await work(store, world)
      } finally {
        await store.close()
        remove()
      }
    })
  }
}
