// What the tests of a shared store have in common: a real PostgreSQL for a file of tests, nodes in folders of their own, and
// whether all of them have the same in the end.

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { RealS3 } from '../../world/real/s3.ts'
import { realWorld } from '../../world/real/world.ts'
import { type TestPostgres, temporaryFolder, testPostgres } from '../../world/testing/postgres.ts'
import type { World } from '../../world/world.ts'
import { contentOf } from '../testing-life.ts'
import { checkStore } from '../upkeep/check.ts'
import { openSharedStore, type SharedStore } from './store.ts'

export let postgres: TestPostgres | undefined
const { folder, remove } = temporaryFolder()
let nodes = 0
before(async () => {
  postgres = await testPostgres()
})
after(async () => {
  await postgres?.end()
  remove()
})

export const keys = { accessKey: 'ours', secretKey: 'known to both', region: 'here-1' }

/** `patienceMs`: how long S3 is asked again. */
export function newNode(patienceMs?: number): World {
  const noDns = { resolve: () => Promise.reject(new Error('No DNS here.')) }
  const world = realWorld({ folder: `${folder}/node${++nodes}`, dns: () => noDns })
  return { ...world, s3: (url) => new RealS3(url, keys, patienceMs) }
}

export type Open = (world?: World, bodies?: string) => Promise<SharedStore>

/** A test with a shared store of its own. */
export function sharedTest(name: string, work: (open: Open, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
    const shard = name
    const stores: SharedStore[] = []
    try {
      const open: Open = async (world = newNode(), bodies) => {
        const store = await openSharedStore(world, { url: postgres!.url, shard, bodies })
        stores.push(store)
        return store
      }
      await work(open, t)
    } finally {
      for (const store of stores) await store.close()
    }
  })
}

/** Every view has what the log has. */
export async function sameEverywhere(stores: readonly SharedStore[]): Promise<void> {
  for (const store of stores) await store.follow()
  const [first, ...others] = stores.map((store) => contentOf(store.database))
  for (const other of others) assert.deepEqual(other, first)
  for (const store of stores) assert.deepEqual(await checkStore(store), [])
}
