// The folders that agents write into, for verbs that look at what an agent keeps.

import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { lockedView, unlocked } from '../store/encryption.ts'
import { isCurrent } from '../store/schema.ts'
import { type Database, DiskError } from '../world/disk.ts'
import { NetworkError } from '../world/network.ts'
import { realWorld } from '../world/real/world.ts'
import type { World } from '../world/world.ts'
import { EXIT } from './read-description.ts'

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

export const noStoreIn = (folder: string) =>
  `${folder} holds no store. Name the folder of an agent, or the folder that a system writes into.`

/** The exit code of a verb over the agents of a folder. That there are none, or that one cannot be asked, is said. */
export async function overAgents(
  folder: string,
  work: (agents: readonly string[]) => Promise<number>,
): Promise<number> {
  const agents = agentsIn(folder)
  if (agents.length === 0) {
    console.error(noStoreIn(folder))
    return EXIT.usage
  }
  try {
    return await work(agents)
  } catch (error) {
    if (!(error instanceof DiskError || error instanceof NetworkError)) throw error
    console.error(error.message)
    return EXIT.findings
  }
}

/** What an agent keeps, to be looked at: no lock is taken, so it may run meanwhile. @throws DiskError */
export async function databaseOf(agent: string): Promise<Database> {
  const { disk } = await unlocked(worldOf(agent))
  await lockedView(disk, 'store')
  const database = disk.openDatabase('store/store.db', 'read')
  if (isCurrent(database)) return database
  database.close()
  throw new DiskError('failed', `${agent} was written by another version of Borderpost. Start it once with this one.`)
}
