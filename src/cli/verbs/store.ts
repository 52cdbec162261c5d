// `borderpost store`: what an agent keeps, verified, rebuilt, backed up, restored, encrypted. Verify and backup work while
// the agent runs; the others need it stopped.

import { basename } from 'node:path'
import { mustNotBeEncrypted } from '../../store/encryption.ts'
import { sharedOptionsOf } from '../../store/shared/store.ts'
import { backUpStore, restoreStore } from '../../store/upkeep/backup.ts'
import { type MoveStep, moveBodies, moveToOwn, moveToShared } from '../../store/upkeep/move.ts'
import { rebuildStore } from '../../store/upkeep/rebuild.ts'
import { rekeyStore } from '../../store/upkeep/rekey.ts'
import { verifyStore } from '../../store/upkeep/verify.ts'
import * as values from '../../system/values.ts'
import { type Disk, DiskError } from '../../world/disk.ts'
import { agentsIn, noStoreIn, worldOf } from '../agents-in.ts'
import { ProgressLine } from '../progress-line.ts'
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

export interface MoveWish {
  /** postgres://…, or 'folder'; undefined: only bodies move. */
  readonly to?: string
  /** An S3 bucket, or 'database'. */
  readonly bodies?: string
  /** The agent's domain, where its postmaster does not say it. */
  readonly domain?: string
}

/** From one engine to another, or bodies from one place to another. */
export function move(folder: string, wish: MoveWish, print: Print): Promise<number> {
  return attempt(async () => {
    const agent = theAgent(folder)
    const world = worldOf(agent)
    const line = new ProgressLine()
    const onMoved = (step: MoveStep, done: number, all: number) =>
      line.show(done / all, `${step} ${done} of ${plural(all, 'body', 'bodies')}`)
    const bucket = wish.bodies === 'database' ? undefined : wish.bodies
    if (bucket !== undefined && !values.bucket(bucket).ok)
      throw new NoStore(`${bucket} is no bucket: https://host/bucket`)
    await mustNotBeEncrypted(world.disk, 'store')
    const node = await sharedOptionsOf(world.disk)
    try {
      if (wish.to === undefined) {
        if (node === undefined || wish.bodies === undefined) {
          throw new NoStore(
            'Say where to: --to postgres://…, --to folder, or, for a node of a shared store, --bodies …',
          )
        }
        const to = bucket === undefined ? 'database' : 's3'
        const moved = await moveBodies(world, { ...node, bodies: bucket ?? node.bodies }, to, onMoved)
        line.clear()
        print(
          `${basename(agent)}: ${plural(moved, 'body', 'bodies')} moved; say bodies= in the description accordingly\n`,
        )
        return EXIT.ok
      }
      if (wish.to === 'folder') {
        if (node === undefined) throw new NoStore(`${agent} is no node of a shared store: there is nothing to move.`)
        const { emails, bodies, old } = await moveToOwn(world, node, onMoved)
        line.clear()
        print(`${basename(agent)}: ${plural(emails, 'email')}, ${plural(bodies, 'body', 'bodies')}, from PostgreSQL\n`)
        print(`  Take store= out of the description. What the node kept before is in ${old}.\n`)
        return EXIT.ok
      }
      if (!values.sharedStore(wish.to).ok) throw new NoStore(`${wish.to} is no store: postgres://user@host/database`)
      if (node !== undefined) throw new NoStore(`${agent} is a node of a shared store already.`)
      const shard = wish.domain?.toLowerCase() ?? (await domainIn(world.disk))
      const { emails, bodies, old } = await moveToShared(world, { url: wish.to, shard, bodies: bucket }, onMoved)
      line.clear()
      print(`${basename(agent)}: ${plural(emails, 'email')}, ${plural(bodies, 'body', 'bodies')}, to PostgreSQL\n`)
      print(`  Put store="${wish.to}"${bucket === undefined ? '' : `, bodies="${bucket}"`} into the description.`)
      print(` What was moved is still in ${old}.\n`)
      return EXIT.ok
    } finally {
      line.clear()
    }
  })
}

/** Of the postmaster that every agent has. */
async function domainIn(disk: Disk): Promise<string> {
  const database = disk.openDatabase('store/store.db', 'read')
  try {
    const rows = database.prepare("SELECT address FROM address WHERE address LIKE 'postmaster@%'").all()
    const domains = rows.map(({ address }) => String(address).slice('postmaster@'.length))
    if (domains.length === 1) return domains[0]!
  } finally {
    database.close()
  }
  throw new NoStore('The domain of the agent is not clear: name it with --domain.')
}

export function rekey(folder: string, place: string, print: Print): Promise<number> {
  return attempt(async () => {
    const agent = theAgent(folder)
    const { bodies, key, others } = await rekeyStore(worldOf(agent), place)
    print(`${basename(agent)}: ${plural(bodies, 'body', 'bodies')} and everything else encrypted with the key ${key}\n`)
    if (others.length > 0) print(`  Needed no more, except for older backups: the key ${others.join(', ')}\n`)
    return EXIT.ok
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
  throw new NoStore(noStoreIn(folder))
}

function theAgent(folder: string): string {
  const [first, ...others] = agents(folder)
  if (others.length === 0) return first!
  const names = [first!, ...others].map((path) => basename(path)).join(', ')
  throw new NoStore(`${folder} holds several stores (${names}). Name one of them: each has a backup of its own.`)
}

const plural = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`
