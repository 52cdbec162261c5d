// A store in memory for simulated agents, of which ten thousand fit into one process: the same commands, results and reads as
// the store with a disk, as far as they concern carrying mail, over plain maps. A commit still takes a disk's time, meets its
// faults, and is there after a crash or not at all; commits of the same turn share it.

import { hash } from 'node:crypto'
import { DiskError, type DiskFile } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { bodyGone } from '../bodies/bodies-of.ts'
import type { Command, CommandResult } from '../commands.ts'
import type { BlobRef } from '../nouns/bodies.ts'
import type { AccountId } from '../nouns/people.ts'
import type { OpenedStore } from '../open.ts'
import type { Change, Store } from '../store.ts'
import { applyBatch, changesOf, type Touched } from './apply.ts'
import {
  absent,
  absentRead,
  accessReads,
  bounceReads,
  listReads,
  mailReads,
  outgoingReads,
  peopleReads,
  queueReads,
  reportReads,
  sentReads,
  sourceReads,
} from './reads.ts'
import type { State } from './state.ts'

/** A body that nobody names is forgotten after this time. */
const UNNAMED_KEPT_MS = 600_000
const FILE = 'store/memory'
const NOTHING = [Buffer.alloc(0)]

interface Commit {
  readonly batch: readonly Command[]
  readonly resolve: (results: CommandResult[]) => void
  readonly reject: (error: unknown) => void
}

/** The store over what an earlier incarnation left. @throws DiskError */
export async function openMemoryStore(
  { disk, clock }: Pick<World, 'disk' | 'clock'>,
  state: State,
): Promise<OpenedStore> {
  return {
    store: memoryStore(
      state,
      await disk.open(FILE, true),
      () => disk.open(FILE, true),
      () => clock.now(),
    ),
    isAlone: () => true,
    vault: undefined,
    tidy: async () => [],
    alone: (work) => {
      work.begin()
      return { stop: () => work.end() }
    },
  }
}

function memoryStore(state: State, first: DiskFile, open: () => Promise<DiskFile>, now: () => number): Store {
  const listeners = new Map<AccountId, Set<(change: Change) => void>>()
  let file = first
  let collected: Commit[] = []
  let committing: Promise<void> | undefined
  let isClosed = false

  /** Group after group: a sync each, then they are true. */
  const work = async () => {
    // One turn later, so that commits of the same turn go together.
    await undefined
    while (collected.length > 0) {
      const group = collected
      collected = []
      try {
        await file.append(NOTHING)
        await file.sync()
      } catch (error) {
        for (const { reject } of group) reject(error)
        // After a sync that failed a file is given up.
        file = await open().catch(() => file)
        continue
      }
      const touched: Touched = new Map()
      for (const { batch, resolve, reject } of group)
        try {
          resolve(applyBatch(state, batch, now(), touched))
        } catch (error) {
          reject(error)
        }
      tell(changesOf(state, touched))
      forgetUnnamed()
    }
    committing = undefined
  }
  const tell = (changes: readonly Change[]) => {
    for (const change of changes)
      for (const listener of listeners.get(change.account) ?? []) void Promise.resolve(change).then(listener)
  }
  const forgetUnnamed = () => {
    const beforeMs = now() - UNNAMED_KEPT_MS
    for (const [body, sinceMs] of state.unnamed) {
      if (sinceMs > beforeMs) break
      state.unnamed.delete(body)
      state.bodies.delete(body)
    }
  }
  const find = (id: string): BlobRef | undefined => {
    const body = state.bodies.get(id)
    return body && { hash: id, sizeBytes: body.bytes.length, segment: 1, offset: 0 }
  }

  return {
    ...peopleReads(state),
    ...mailReads(state),
    queue: queueReads(state),
    sources: sourceReads(state),
    placementsSince: absentRead('placementsSince'),
    changes: absent('changes'),
    contents: absent('contents'),
    where: absent('where'),
    deleted: { list: () => [], since: () => [] },
    lists: listReads(state),
    access: accessReads(state),
    sent: sentReads(state),
    bounces: bounceReads(state),
    reports: reportReads(state),
    outgoing: outgoingReads(state),
    mayHold: async () => undefined,
    commit(batch) {
      if (isClosed) return Promise.reject(new DiskError('failed', 'The store is closed.'))
      if (batch.length === 0) return Promise.resolve([])
      const gone = bodyGone(batch, ({ hash: id }) => state.bodies.has(id))
      if (gone !== undefined) return Promise.reject(gone)
      return new Promise((resolve, reject) => {
        collected.push({ batch, resolve, reject })
        committing ??= work()
      })
    },
    async putBlob(content) {
      const bytes = Buffer.concat(content)
      const id = hash('sha256', bytes)
      if (!state.bodies.has(id)) state.bodies.set(id, { bytes, refs: 0 })
      // Whoever asks will name it soon.
      if (state.bodies.get(id)!.refs === 0) {
        state.unnamed.delete(id)
        state.unnamed.set(id, now())
      }
      return find(id)!
    },
    async readBlob({ hash: id }, range) {
      const bytes = state.bodies.get(id)?.bytes
      return range === undefined ? bytes : bytes?.subarray(range.offset, range.offset + range.length)
    },
    findBlob: find,
    watch(account, listener) {
      const known = listeners.get(account) ?? new Set()
      listeners.set(account, known)
      // Wrapped, so that the same function can watch twice.
      const entry = (change: Change) => listener(change)
      known.add(entry)
      return () => known.delete(entry)
    },
    async close() {
      isClosed = true
      await committing
      await file.close()
    },
  }
}
