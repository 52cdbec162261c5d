// The store of an agent, with the engine that its description names.

import type { World } from '../world/world.ts'
import { compact } from './bodies/compact.ts'
import { openStore } from './embedded.ts'
import { Lease } from './shared/lease.ts'
import { openSharedStore, type SharedOptions, sharedOptionsOf } from './shared/store.ts'
import { tidyShared } from './shared/tidy.ts'
import type { Store } from './store.ts'
import type { KeptStore } from './view.ts'

export interface OpenedStore<S extends Store = Store> {
  readonly store: S
  /** Wins space back; gives what could not be done, one sentence each. @throws DiskError */
  tidy(): Promise<readonly string[]>
  /** Work that only one may do: begun now, or when its turn comes. Gives what ends it. */
  alone(work: { begin(): void; end(): Promise<void> }): { stop(): Promise<void> }
  /** Nobody else can be doing that work now. */
  isAlone(): boolean
  /** Where nodes find the secrets that they share, sealed; undefined: they are this node's alone. */
  readonly vault: Vault | undefined
}

export interface Vault {
  read(): Promise<Buffer | undefined>
  /** In place of what was read; not when there is something else by now. @throws DiskError */
  keep(sealed: Buffer, insteadOf?: Buffer): Promise<void>
}

/** The store of an agent that is stopped, in the engine in which it was last opened. @throws DiskError */
export async function openStopped(world: World): Promise<OpenedStore<KeptStore>> {
  return openKeptStore(world, await sharedOptionsOf(world.disk))
}

/** `shared`: what nodes share; undefined: SQLite and files of this one. @throws DiskError */
export async function openKeptStore(world: World, shared: SharedOptions | undefined): Promise<OpenedStore<KeptStore>> {
  if (shared !== undefined) {
    const store = await openSharedStore(world, shared)
    let lease: Lease | undefined
    return {
      store,
      isAlone: () => lease?.isSure ?? true,
      tidy: async () => {
        await tidyShared(store, world.disk)
        return []
      },
      vault: {
        read: () => store.log.sealedSecrets(),
        keep: (sealed, insteadOf) => store.log.keepSecrets(sealed, insteadOf),
      },
      alone: (work) => {
        const held = new Lease(world, store.log, 'work', {
          begin: () => {
            store.holder = held.holder
            work.begin()
          },
          end: async () => {
            await work.end()
            store.holder = ''
          },
        })
        lease = held
        held.start()
        return held
      },
    }
  }
  const store = await openStore(world)
  return {
    store,
    isAlone: () => true,
    vault: undefined,
    tidy: async () => {
      const { problems } = await compact(store)
      return store.journalProblem === undefined ? problems : [...problems, store.journalProblem]
    },
    alone: (work) => {
      work.begin()
      return { stop: () => work.end() }
    },
  }
}
