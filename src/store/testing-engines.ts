// The same test over both engines: a store of its own in the simulated world, and one that PostgreSQL holds, in the real one.

import { after, type TestContext } from 'node:test'
import { realWorld } from '../world/real/world.ts'
import { type TestPostgres, temporaryFolder, testPostgres } from '../world/testing/postgres.ts'
import { testWorld } from '../world/testing.ts'
import type { World } from '../world/world.ts'
import { type OpenedStore, openKeptStore } from './open.ts'
import type { KeptStore } from './view.ts'

let cluster: Promise<TestPostgres | undefined> | undefined
let count = 0
after(async () => (await cluster)?.end())

/** Opens the store, also again after it was closed. */
export type OpenAgain = () => Promise<OpenedStore<KeptStore>>

interface Engine {
  /** Gives a new store to the work; false where the engine is missing. */
  inNew(work: (open: OpenAgain, world: World) => Promise<void>, seed?: number): Promise<boolean>
}

export const ENGINES: Readonly<Record<'embedded' | 'shared', Engine>> = {
  embedded: {
    inNew: async (work, seed) => {
      const { world, run } = testWorld(seed)
      await run(() => work(() => openKeptStore(world, undefined), world))
      return true
    },
  },
  shared: {
    inNew: async (work) => {
      cluster ??= testPostgres()
      const postgres = await cluster
      if (postgres === undefined) return false
      const { folder, remove } = temporaryFolder()
      const noDns = { resolve: () => Promise.reject(new Error('No DNS here.')) }
      const world = realWorld({ folder, dns: () => noDns })
      const options = { url: postgres.url, shard: `${process.pid} ${++count}` }
      try {
        await work(() => openKeptStore(world, options), world)
      } finally {
        remove()
      }
      return true
    },
  },
}

/** For `test`: the work is done over each engine. */
export function overEngines(work: (engine: Engine, name: keyof typeof ENGINES) => Promise<boolean>) {
  return async (t: TestContext) => {
    for (const [name, engine] of Object.entries(ENGINES)) {
      await t.test(name, async (t) => {
        if (!(await work(engine, name as keyof typeof ENGINES))) t.skip('needs PostgreSQL (Debian: postgresql)')
      })
    }
  }
}

/** For `test`: the work gets a new store of each engine. It is closed afterwards. */
export function onBothEngines(work: (store: KeptStore, world: World) => Promise<void>) {
  return overEngines((engine) =>
    engine.inNew(async (open, world) => {
      const { store } = await open()
      try {
        await work(store, world)
      } finally {
        await store.close()
      }
    }),
  )
}
