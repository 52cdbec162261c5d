// `borderpost store`: what an agent keeps, verified, rebuilt, backed up, restored. Verify and backup work while the agent
// runs; rebuild and restore need it stopped.

import { basename } from 'node:path'
import { backUpStore, restoreStore } from '../../store/backup.ts'
import { rebuildStore } from '../../store/rebuild.ts'
import { verifyStore } from '../../store/verify.ts'
import { DiskError } from '../../world/disk.ts'
import { agentsIn, worldOf } from '../agents-in.ts'
import { EXIT } from '../read-description.ts'

type Print = (text: string) => void

export function verify(folder: string, print: Print): Promise<number> {
  return attempt(async () => {
    let found = 0
    for (const agent of agents(folder)) {
      const { emails, bodies, position, findings } = await verifyStore(worldOf(agent))
      print(
        `${basename(agent)}: ${plural(emails, 'email')}, ${plural(bodies, 'body', 'bodies')}, journal to ${position}\n`,
      )
      for (const finding of findings) print(`  ${finding}\n`)
      print(findings.length === 0 ? '  All is sound.\n' : `  ${plural(findings.length, 'finding')}.\n`)
      found += findings.length
    }
    return found === 0 ? EXIT.ok : EXIT.findings
  })
}

export function rebuild(folder: string, print: Print): Promise<number> {
  return attempt(async () => {
    let lostBodies = 0
    for (const agent of agents(folder)) {
      const { from, last, emails, moved, lost } = await rebuildStore(worldOf(agent))
      const base = from === 0 ? 'the journal' : `a snapshot at ${from} and the journal`
      print(`${basename(agent)}: ${plural(emails, 'email')}, from ${base} to ${last}\n`)
      if (moved > 0) print(`  ${plural(moved, 'body was', 'bodies were')} found elsewhere than the index said.\n`)
      for (const hash of lost)
        print(`  the body ${hash} is nowhere: \`store restore\` into another folder may have it\n`)
      lostBodies += lost.length
    }
    return lostBodies === 0 ? EXIT.ok : EXIT.findings
  })
}

export function backup(folder: string, to: string, print: Print): Promise<number> {
  return attempt(async () => {
    const agent = theAgent(folder)
    const { position, copiedBytes } = await backUpStore(worldOf(agent), worldOf(to).disk)
    print(`${basename(agent)}: backed up to record ${position}; ${copiedBytes} bytes were new\n`)
    return EXIT.ok
  })
}

export function restore(from: string, folder: string, print: Print): Promise<number> {
  return attempt(async () => {
    const { position, atMs, emails, lost } = await restoreStore(worldOf(from).disk, worldOf(folder))
    print(`${plural(emails, 'email')} of ${new Date(atMs).toISOString()}, record ${position}\n`)
    for (const hash of lost) print(`  the body ${hash} is not in the backup\n`)
    return lost.length === 0 ? EXIT.ok : EXIT.findings
  })
}

async function attempt(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DiskError || error instanceof NoStore)) throw error
    console.error(error.message)
    return error instanceof NoStore ? EXIT.usage : EXIT.findings
  }
}

class NoStore extends Error {}

function agents(folder: string): string[] {
  const found = agentsIn(folder)
  if (found.length > 0) return found
  throw new NoStore(`${folder} holds no store. Name the folder of an agent, or the folder that a system writes into.`)
}

function theAgent(folder: string): string {
  const [first, ...others] = agents(folder)
  if (others.length === 0) return first!
  const names = [first!, ...others].map((path) => basename(path)).join(', ')
  throw new NoStore(`${folder} holds several stores (${names}). Name one of them: each has a backup of its own.`)
}

const plural = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`
