// Mail that people bring and take themselves, at an agent that runs: a file that they upload or an account at another IMAP
// server comes in, all their mail goes out as an archive. One import of an account at a time; each can be stopped and run
// again, and brings nothing twice.

import { isPrivateIp } from '../message/ip.ts'
import type { Account, AccountId } from '../store/nouns/people.ts'
import type { Store } from '../store/store.ts'
import { DiskError, type DiskFile } from '../world/disk.ts'
import { NetworkError } from '../world/network.ts'
import type { World } from '../world/world.ts'
import type { ExportOptions } from './export.ts'
import { ImapRefusal } from './imap-client.ts'
import { ImapSource } from './imap-source.ts'
import { bringIn } from './import.ts'
import type { IncomingMailbox, Place } from './place.ts'
import { bytesAt, mailboxesAt, placedIn } from './sources.ts'
import { spillPath, type Upload, Uploads } from './uploads.ts'
import { ZipError, zipPlace } from './zip.ts'
import { diskSpill, takeOutAsZip } from './zip-sink.ts'
import type { Appender } from './zip-writer.ts'

/** How an import stands. */
export interface MovingRun {
  /** What comes, for people. */
  readonly from: string
  readonly state: 'running' | 'done' | 'stopped' | 'failed'
  readonly mailbox: string
  readonly brought: number
  readonly known: number
  readonly bytes: number
  /** Undefined: nobody knows. */
  readonly totalBytes?: number
  readonly notes: readonly string[]
  readonly moreNotes: number
  /** Why it ended before its end. */
  readonly reason?: string
}

export interface MovingView {
  readonly upload: Upload | null
  readonly run: MovingRun | null
}

/** What an account at another server needs; the password is known until the run ends, and written nowhere. */
export interface OtherServer {
  readonly host: string
  readonly user: string
  readonly password: string
}

export interface MovingOptions {
  readonly store: Store
  readonly world: World
  /** For laboratories. */
  readonly privateDestinations: boolean
  /** Trust anchors (PEM) instead of the system's. */
  readonly trusted?: readonly string[]
  readonly onFault: (error: unknown) => void
}

interface Running {
  view: MovingRun
  isStopped: boolean
  stop: () => void
  ended: Promise<void>
}

type Complaint = string | undefined
type Tell = (more: Partial<MovingRun>) => void

/** Each reads and writes much. */
const MOST_AT_ONCE = 4
const IMAPS_PORT = 993
const SHOWN_NOTES = 50
const HOST_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/i
const NO_MAIL = 'It holds no mail that is known here: mbox files, Maildirs, folders or a zip of them.'

export class MovingDesk {
  readonly #options: MovingOptions
  readonly #uploads: Uploads
  readonly #runs = new Map<AccountId, Running>()
  readonly #taking = new Map<AccountId, Promise<unknown>>()
  #isClosed = false

  constructor(options: MovingOptions) {
    this.#options = options
    this.#uploads = new Uploads(options.world.disk)
  }

  async view({ id }: Account): Promise<MovingView> {
    return { upload: (await this.#uploads.get(id)) ?? null, run: this.#runs.get(id)?.view ?? null }
  }

  async beginUpload({ id }: Account, name: string, sizeBytes: number): Promise<Complaint> {
    if (this.#isRunning(id)) return 'Mail of yours is coming in just now: wait until it is here.'
    if (name === '' || !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) return 'That file is empty.'
    const limit = this.#options.store.access.quota(id)?.bytes ?? null
    if (limit !== null && sizeBytes > limit) return 'That file is larger than what your account may hold.'
    const nowMs = this.#options.world.clock.now()
    await this.#uploads.tidy(nowMs, (account) => this.#taking.has(account))
    return this.#uploads.begin(id, name, sizeBytes, nowMs)
  }

  /** Gives how much of the file is here. */
  async addToUpload({ id }: Account, offset: number, bytes: Uint8Array): Promise<Upload | undefined> {
    return this.#isRunning(id) ? undefined : this.#uploads.add(id, offset, bytes)
  }

  /** Brings in what was uploaded. */
  async bring({ id }: Account): Promise<Complaint> {
    const upload = await this.#uploads.get(id)
    if (upload === undefined || upload.receivedBytes < upload.sizeBytes) return 'The file is not here as a whole.'
    return this.#start(id, upload.name, async (tell, isStopped) => {
      const result = await this.#uploads.read(id, async (file) => {
        const place = await placeOf(file, this.#options.world.clock.now())
        const mailboxes = placedIn(await mailboxesAt(place.place), place.isFolder)
        if (mailboxes.length === 0) throw new ZipError(NO_MAIL)
        tell({ totalBytes: await bytesAt(place.place) })
        return this.#bringIn(id, mailboxes, tell, isStopped)
      })
      // What the account had no room for waits.
      if (result?.stopped === undefined) await this.#uploads.remove(id)
    })
  }

  /** Copies an account at another server, over TLS that proves it. */
  async copy({ id }: Account, { host, user, password }: OtherServer): Promise<Complaint> {
    const name = host.trim().toLowerCase()
    if (!HOST_NAME.test(name)) return 'Name the server as imap.example.com.'
    if (user === '' || password === '') return 'Name the account there, and its password.'
    const { world, privateDestinations, trusted } = this.#options
    let source: ImapSource | undefined
    const work = async (tell: Tell, isStopped: () => boolean) => {
      const address = await this.#addressOf(name, privateDestinations)
      source = new ImapSource({
        host: {
          network: world.network,
          endpoint: { address, port: IMAPS_PORT },
          tls: { role: 'client', serverName: name, mustAuthenticate: true, ...(trusted && { trusted }) },
          isImplicit: true,
        },
        name,
        user,
        password,
        clock: world.clock,
      })
      try {
        await this.#bringIn(id, await source.mailboxes(), tell, isStopped)
      } finally {
        source.stop()
      }
    }
    return this.#start(id, `${user} at ${name}`, work, () => source?.stop())
  }

  cancel({ id }: Account): void {
    const run = this.#runs.get(id)
    if (run?.view.state === 'running') run.stop()
  }

  /** Drops an upload, and how the last import ended. */
  async forget({ id }: Account): Promise<Complaint> {
    if (this.#isRunning(id)) return 'Mail of yours is coming in just now: stop it first.'
    this.#runs.delete(id)
    await this.#uploads.remove(id)
    return undefined
  }

  isTaking({ id }: Account): boolean {
    return this.#taking.has(id)
  }

  /** Writes all mail of an account as an archive. @throws what `out` throws, DiskError, ZipError */
  async take(account: Account, format: ExportOptions['format'], out: Appender): Promise<void> {
    const { store, world } = this.#options
    const spill = (name: string) => diskSpill(world.disk, spillPath(account.id, name))
    const isStopped = () => this.#isClosed
    const nowMs = world.clock.now()
    const work = takeOutAsZip({ store, account, format, out, spill, nowMs, isStopped })
    this.#taking.set(account.id, work)
    try {
      await work
    } finally {
      this.#taking.delete(account.id)
    }
  }

  /** Stops everything after what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const run of this.#runs.values()) run.stop()
    await Promise.allSettled([...[...this.#runs.values()].map(({ ended }) => ended), ...this.#taking.values()])
  }

  #isRunning(id: AccountId): boolean {
    return this.#runs.get(id)?.view.state === 'running'
  }

  #start(
    id: AccountId,
    from: string,
    work: (tell: Tell, isStopped: () => boolean) => Promise<void>,
    stop?: () => void,
  ): Complaint {
    if (this.#isClosed) return 'The agent stops just now.'
    if (this.#isRunning(id)) return 'Mail of yours is coming in already.'
    const running = [...this.#runs.values()].filter(({ view }) => view.state === 'running').length
    if (running >= MOST_AT_ONCE) return 'Others bring their mail just now. Try again in some minutes.'
    const empty = { mailbox: '', brought: 0, known: 0, bytes: 0, notes: [], moreNotes: 0 }
    const run: Running = {
      view: { from, state: 'running', ...empty },
      isStopped: false,
      stop: () => {
        run.isStopped = true
        stop?.()
      },
      ended: Promise.resolve(),
    }
    this.#runs.set(id, run)
    const tell: Tell = (more) => {
      run.view = { ...run.view, ...more }
    }
    run.ended = work(tell, () => run.isStopped).then(
      () => tell({ state: run.view.reason === undefined ? 'done' : 'stopped' }),
      (error: unknown) => {
        if (run.isStopped) tell({ state: 'stopped', reason: 'It was stopped.' })
        else tell({ state: 'failed', reason: this.#reasonOf(error) })
      },
    )
    return undefined
  }

  async #bringIn(id: AccountId, mailboxes: readonly IncomingMailbox[], tell: Tell, isStopped: () => boolean) {
    const { store, world } = this.#options
    const result = await bringIn({ store, clock: world.clock, account: id, progress: tell, isStopped }, mailboxes)
    const { brought, known, bytes, notes, moreNotes, stopped } = result
    const shown = notes.slice(0, SHOWN_NOTES)
    const more = { notes: shown, moreNotes: moreNotes + notes.length - shown.length }
    tell({ brought, known, bytes, ...more, ...(stopped !== undefined && { reason: stopped }) })
    return result
  }

  async #addressOf(host: string, mayBePrivate: boolean): Promise<string> {
    const { dns } = this.#options.world
    const answers = await Promise.all([dns.resolve(host, 'A'), dns.resolve(host, 'AAAA')])
    const found = answers.flatMap((answer) => (answer.status === 'records' ? answer.records : []))
    const address = found.find((one) => mayBePrivate || !isPrivateIp(one))
    if (address === undefined) throw new ImapRefusal(`${host} has no address that can be reached from here.`)
    return address
  }

  #reasonOf(error: unknown): string {
    const isKnown = [ImapRefusal, NetworkError, ZipError, DiskError].some((kind) => error instanceof kind)
    if (isKnown) return (error as Error).message
    this.#options.onFault(error)
    return 'Something went wrong here. What came is kept; try again.'
  }
}

/** A zip of files, or one file of mail. */
async function placeOf(file: DiskFile, nowMs: number): Promise<{ place: Place; isFolder: boolean }> {
  const read = (offset: number, length: number) => file.read(offset, length)
  if ((await read(0, 4)).toString('latin1') === 'PK\x03\x04')
    return { place: await zipPlace({ sizeBytes: file.size, read }), isFolder: true }
  const pieceBytes = 1024 * 1024
  const place: Place = {
    list: async (path) => (path === '' ? [{ name: 'mail', isFolder: false }] : []),
    stat: async (path) => (path === 'mail' ? { sizeBytes: file.size, modifiedMs: nowMs } : undefined),
    async *stream() {
      for (let at = 0; at < file.size; at += pieceBytes) yield await read(at, pieceBytes)
    },
  }
  return { place, isFolder: false }
}
