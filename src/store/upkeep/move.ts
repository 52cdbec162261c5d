// A store that changes its engine: from a node's own folder into PostgreSQL (and S3), or back; and bodies of a shared store that
// change their place. Bodies are copied first, then the view as it is, so every account, UIDVALIDITY, UID and MODSEQ stays.
// Everything is read back and compared before one statement makes the new place the store; until then the old one is
// untouched, and a move that was broken off goes on where it stopped. The old folder is kept under another name.

import { type Disk, DiskError } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { type BlobIndex, Blobs, type PendingBlob } from '../bodies/blobs.ts'
import { openStore } from '../embedded.ts'
import { mustNotBeEncrypted } from '../encryption.ts'
import type { BlobHash, BlobRef } from '../nouns/bodies.ts'
import { BLOB_COLUMNS, blobOf } from '../read/rows.ts'
import { SharedBodies } from '../shared/bodies.ts'
import { SharedLog } from '../shared/log.ts'
import { sendView, viewArrived } from '../shared/snapshot.ts'
import { openSharedStore, type SharedOptions } from '../shared/store.ts'
import type { KeptStore } from '../view.ts'
import { checkStore } from './check.ts'
import { copyView, viewDifference } from './move-view.ts'

/** Where a view begins that was moved: a journal goes on after it. */
const POSITION = 1
const ARRIVING = 'store-arriving'
/** Says, in the folder, which move is about to be finished. */
const INTENT = 'moving.json'
const pageOf = 500
const atOnce = 8

export type MoveStep = 'copied' | 'verified'
/** `done` of `all` bodies. */
export type OnMoved = (step: MoveStep, done: number, all: number) => void

export interface Moved {
  readonly emails: number
  readonly bodies: number
  /** The name under which the old folder is kept. */
  readonly old: string
}

/**
 * From the node's own folder to PostgreSQL; the agent is stopped.
 * @throws DiskError: then the store is where it was, unless it says otherwise
 */
export async function moveToShared(world: World, options: SharedOptions, onMoved: OnMoved, folder = 'store') {
  await mustNotBeEncrypted(world.disk, folder)
  const { disk } = world
  const log = await SharedLog.open(world, options.url, options.shard)
  try {
    const { first, last, id } = await log.extent()
    const intent = String(await disk.readFile(`${folder}/${INTENT}`))
    const store = await openStore(world, folder)
    // A log that a node began has a first group.
    const isDone = intent === id && last > 0 && first > POSITION
    let moved: Omit<Moved, 'old'>
    try {
      if (last > 0 && !isDone) {
        throw new DiskError('exists', `PostgreSQL has a store of ${options.shard} already: nothing was changed.`)
      }
      moved = countsOf(store)
      if (!isDone) {
        await copyOut(world, log, store, options, (step, done) => onMoved(step, done, moved.bodies))
        await sendOut(disk, log, folder)
        await disk.writeFile(`${folder}/${INTENT}`, Buffer.from(id))
        await log.begin(POSITION).catch(async (error: unknown) => {
          const { first, last } = await log.extent()
          if (last > 0 && first <= POSITION) await disk.remove(`${folder}/${INTENT}`)
          throw error
        })
      }
    } finally {
      await store.close()
    }
    const old = await setAside(world, folder)
    // Its first node.
    await (await openSharedStore(world, options, folder)).close()
    return { ...moved, old } satisfies Moved
  } finally {
    await log.close()
  }
}

/**
 * From PostgreSQL to the node's own folder; every node is stopped.
 * @throws DiskError: then the store is where it was, unless it says otherwise
 */
export async function moveToOwn(world: World, options: SharedOptions, onMoved: OnMoved, folder = 'store') {
  await mustNotBeEncrypted(world.disk, folder)
  const { disk } = world
  const log = await SharedLog.open(world, options.url, options.shard)
  try {
    const { id } = await log.extent()
    const intent = await disk.readFile(`${ARRIVING}/${INTENT}`)
    if (intent === undefined || id !== String(intent)) await copyIn(world, log, options, onMoved, folder)
    const old = (await disk.list(folder)).length > 0 ? await setAside(world, folder) : ''
    await disk.remove(`${ARRIVING}/${INTENT}`)
    await disk.rename(ARRIVING, folder)
    const store = await openStore(world, folder)
    const counts = countsOf(store)
    await store.close()
    return { ...counts, old } satisfies Moved
  } finally {
    await log.close()
  }
}

/** Bodies of a shared store change to where the options say, while nodes run. Gives how many did. @throws DiskError */
export async function moveBodies(world: World, options: SharedOptions, to: 's3' | 'database', onMoved: OnMoved) {
  await mustNotBeEncrypted(world.disk, 'store')
  const log = await SharedLog.open(world, options.url, options.shard)
  const bodies = new SharedBodies(world, log, options.bodies)
  try {
    await log.mustBeHere()
    const all = await log.countBodies(to === 's3' ? 'database' : 's3')
    let done = 0
    for (let after = ''; ; ) {
      const page = await log.bodiesIn(to === 's3' ? 'database' : 's3', after, pageOf)
      const last = page.at(-1)
      if (last === undefined) return done
      after = last
      await each(page, async (hash) => {
        await bodies.bring(hash, to)
        onMoved('copied', ++done, all)
      })
    }
  } finally {
    await log.close()
  }
}

function countsOf({ database }: KeptStore): { emails: number; bodies: number } {
  const count = (sql: string) => Number(Object.values(database.prepare(sql).get()!)[0])
  return {
    emails: count('SELECT count(*) FROM email'),
    bodies: count('SELECT count(*) FROM blob WHERE refs > 0'),
  }
}

/** Every body that something names. */
function* pagesOf({ database }: KeptStore): Generator<BlobRef[]> {
  const page = database.prepare(
    `SELECT blob.id AS id, ${BLOB_COLUMNS} FROM blob WHERE blob.id > ? AND refs > 0 ORDER BY blob.id LIMIT ${pageOf}`,
  )
  for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)!.id as number)) yield rows.map(blobOf)
}

async function copyOut(
  world: World,
  log: SharedLog,
  store: KeptStore,
  { bodies: url }: SharedOptions,
  onMoved: (step: MoveStep, done: number) => void,
): Promise<void> {
  const bodies = new SharedBodies(world, log, url)
  let done = 0
  for (const page of pagesOf(store)) {
    await each(page, async (ref) => {
      // One that an earlier try brought is there.
      if (!(await log.touchBody(ref.hash))) await bodies.put(ref.hash, await bodyOf(store, ref))
      onMoved('copied', ++done)
    })
  }
  // Not what was just put, but what is there.
  const there = new SharedBodies(world, log, url)
  done = 0
  for (const page of pagesOf(store)) {
    await each(page, async ({ hash }) => {
      if ((await there.read(hash)) === undefined) throw new DiskError('failed', `The body ${hash} did not arrive.`)
      onMoved('verified', ++done)
    })
  }
}

async function bodyOf(store: KeptStore, ref: BlobRef): Promise<Buffer> {
  const content = await store.readBlob(ref)
  if (content !== undefined) return content
  throw new DiskError('failed', `The body ${ref.hash} is not there: \`store verify\` says what else is wrong.`)
}

/** The view, as a snapshot from which nodes begin. */
async function sendOut(disk: Disk, log: SharedLog, folder: string): Promise<void> {
  const copy = `${folder}/moving.db`
  await copyView(disk, `${folder}/store.db`, copy, POSITION, (database) => {
    database.exec('UPDATE blob SET segment = 0, offset = 0, stored = 0')
  })
  mustBeSame(disk, `${folder}/store.db`, copy)
  // What an earlier try left.
  await log.dropThrough(Number.MAX_SAFE_INTEGER)
  await sendView(disk, log, copy, POSITION)
  if (!(await viewArrived(disk, log, copy, POSITION))) {
    throw new DiskError('failed', 'PostgreSQL has another view than was sent to it: nothing was changed.')
  }
  await disk.remove(copy)
}

async function copyIn(world: World, log: SharedLog, options: SharedOptions, onMoved: OnMoved, folder: string) {
  const { disk } = world
  await log.mustBeHere()
  const holder = world.random.bytes(8).toString('hex')
  if (!(await log.lease('work', holder, 1000))) {
    throw new DiskError('locked', 'A node of this store runs, or did a few seconds ago: stop all, and try again.')
  }
  await log.release('work', holder)
  const store = await openSharedStore(world, options, folder)
  try {
    const { bodies: all } = countsOf(store)
    const known = await takeBodies(world, store, (done) => onMoved('copied', done, all))
    const path = `${ARRIVING}/store.db`
    const copied = await copyView(disk, `${folder}/store.db`, path, POSITION, (database) => {
      const place = database.prepare('UPDATE blob SET segment = ?, offset = ?, stored = ? WHERE hash = ?')
      for (const { hash, segment, offset, storedBytes } of known.values()) {
        place.run(segment, offset, storedBytes ?? 0, Buffer.from(hash, 'hex'))
      }
    })
    mustBeSame(disk, `${folder}/store.db`, path)
    const own = await openStore(world, ARRIVING)
    try {
      const problem = await own.snapshot()
      let done = 0
      const readBlob = (ref: BlobRef) => {
        onMoved('verified', ++done, all)
        return own.readBlob(ref)
      }
      const findings = problem === undefined ? await checkStore({ database: own.database, readBlob }) : [problem]
      if (findings.length > 0) throw new DiskError('failed', `What arrived is not sound: ${findings.join('; ')}`)
    } finally {
      await own.close()
    }
    const left = `moved ${holder}`
    await disk.writeFile(`${ARRIVING}/${INTENT}`, Buffer.from(left))
    if (!(await log.leave(left, copied))) {
      throw new DiskError('failed', 'A node has written meanwhile: stop all, and try again. Nothing was changed.')
    }
  } finally {
    await store.close()
  }
}

/** Bodies into segments and files of their own. Gives where each lies. */
async function takeBodies(world: World, store: KeptStore, onTaken: (done: number) => void) {
  const folder = `${ARRIVING}/bodies`
  const known = new Map<BlobHash, BlobRef>()
  const last = new Map<number, BlobRef>()
  const index: BlobIndex = { blob: (hash) => known.get(hash), lastBlobIn: (segment) => last.get(segment) }
  const note = (ref: BlobRef) => {
    known.set(ref.hash, ref)
    if (ref.offset >= (last.get(ref.segment)?.offset ?? 0)) last.set(ref.segment, ref)
  }
  // What an earlier try has brought, and is whole.
  const earlier = Blobs.reading(world, folder, index)
  for await (const ref of earlier.everywhere()) {
    if ((await earlier.read(ref).catch(ifRefused)) !== undefined) note(ref)
  }
  await earlier.close()
  const blobs = await Blobs.open(world, folder, index)
  try {
    let done = 0
    for (const page of pagesOf(store)) {
      const fresh: PendingBlob[] = []
      await each(page, async (ref) => {
        if (!known.has(ref.hash)) {
          await blobs.put([await bodyOf(store, ref)])
          fresh.push(blobs.pending(ref.hash)!)
        }
        onTaken(++done)
      })
      await blobs.sync(fresh)
      for (const one of fresh) {
        const lost = blobs.lost(one)
        if (lost !== undefined) throw lost
        note(one.ref)
        blobs.committed(one.ref.hash)
      }
    }
  } finally {
    await blobs.close()
  }
  return known
}

function mustBeSame(disk: Disk, one: string, other: string): void {
  const difference = viewDifference(disk, one, other)
  if (difference !== undefined) throw new DiskError('failed', `The copy differs: ${difference}. Nothing was changed.`)
}

/** The folder goes under another name, so that a new one can begin. */
async function setAside(world: World, folder: string): Promise<string> {
  const old = `${folder}-before-${world.clock.now()}`
  // A node's folder has nothing that is not elsewhere, but nobody is hurt by it.
  await world.disk.rename(folder, old)
  return old
}

async function each<T extends object | string>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        await work(item)
      } catch (error) {
        left.length = 0
        throw error
      }
    }
  }
  // Whatever fails, nothing goes on behind the back of whoever closes what is used here.
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

function ifRefused(error: unknown): undefined {
  if (!(error instanceof DiskError)) throw error
}
