// Keeps the journal from growing without end: when it is larger than the view that it would rebuild, and not small, the view
// is copied (snapshot.ts) and the parts before that go. Mail is taken meanwhile.

import { type Disk, DiskError } from '../../world/disk.ts'
import type { EngineRequest, Position } from '../engine.ts'
import { JOURNAL, partNumber, partPath } from './journal.ts'
import { newestSnapshot, takeSnapshot } from './snapshot.ts'

/** A smaller journal is left alone. */
const SMALL_BYTES = 256 * 1024 * 1024
/** After a snapshot that failed, the next try comes when so much more was written. */
const RETRY_BYTES = 64 * 1024 * 1024

interface Parts {
  readonly disk: Disk
  readonly folder: string
  readonly ask: (request: EngineRequest) => Promise<unknown>
  readonly viewBytes: () => number
  readonly smallBytes?: number
}

export class JournalKeeper {
  readonly #parts: Parts
  #journalBytes = 0
  #limitBytes = 0
  #running: Promise<void> | undefined
  #isClosed = false
  /** Why the last snapshot could not be taken. */
  problem: string | undefined

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  /** @throws DiskError */
  static async open(parts: Parts): Promise<JournalKeeper> {
    const keeper = new JournalKeeper(parts)
    await keeper.#measure()
    const { first, last } = (await parts.ask({ kind: 'position' })) as Position
    const snapshot = await newestSnapshot(parts.disk, parts.folder)
    // A store older than its journal, or one whose journal has a hole, rests on nothing yet.
    if (first > (snapshot?.position ?? 0) + 1 && last > 0) keeper.#run()
    return keeper
  }

  /** So many bytes were written. */
  grew(bytes: number): void {
    this.#journalBytes += bytes
    if (this.#journalBytes > this.#limitBytes) this.#run()
  }

  /** A snapshot now (or the one that is being taken). Afterwards `problem` says whether it could be. */
  async snapshot(): Promise<void> {
    this.#run()
    await this.#running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  #run(): void {
    if (this.#isClosed) return
    this.#running ??= this.#take().finally(() => {
      this.#running = undefined
    })
  }

  async #take(): Promise<void> {
    const { disk, folder, ask } = this.#parts
    try {
      const { position } = await takeSnapshot(disk, folder)
      await ask({ kind: 'forget', through: position })
      await this.#measure()
      this.problem = undefined
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.problem = `No snapshot of the store could be taken, so its journal grows: ${error.message}`
      this.#limitBytes = this.#journalBytes + RETRY_BYTES
    }
  }

  async #measure(): Promise<void> {
    const { disk, folder, viewBytes, smallBytes } = this.#parts
    let bytes = 0
    for (const name of await disk.list(`${folder}/${JOURNAL}`)) {
      const number = partNumber(name)
      if (number !== undefined) bytes += await sizeOf(disk, `${folder}/${partPath(number)}`)
    }
    this.#journalBytes = bytes
    // What is left after a snapshot is at most a part.
    this.#limitBytes = Math.max(smallBytes ?? SMALL_BYTES, viewBytes())
  }
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  try {
    const file = await disk.open(path, false)
    const { size } = file
    await file.close()
    return size
  } catch (error) {
    if (error instanceof DiskError && error.code === 'missing') return 0
    throw error
  }
}
