// The folders that agents write into, for verbs that look at what an agent keeps.

import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { realWorld } from '../world/real/world.ts'
import type { World } from '../world/world.ts'

/** The folders of agents in this folder: itself, or those of a system. */
export function agentsIn(folder: string): string[] {
  const hasStore = (path: string) =>
    ['store.db', 'journal', 'bodies'].some((name) => existsSync(join(path, 'store', name)))
  if (existsSync(join(folder, 'store.db'))) return [resolve(folder, '..')]
  if (hasStore(folder)) return [folder]
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter(hasStore)
}

/** This machine, with this folder as the disk, and nobody to ask. */
export function worldOf(folder: string): World {
  const noDns = { resolve: async () => ({ status: 'no-answer' as const, reason: 'nothing is asked here' }) }
  return realWorld({ folder, dns: () => noDns })
}
