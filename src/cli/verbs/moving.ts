// `borderpost import` and `borderpost export`: mail of other programs into an account of an agent, through the door in its
// folder while it runs, and an account's mail out into files.

import { createReadStream, existsSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { type ExportResult, NotOurs, takeOut } from '../../moving/export.ts'
import { ImapRefusal } from '../../moving/imap-client.ts'
import { bringIn, type ImportResult, type ImportStore } from '../../moving/import.ts'
import type { IncomingMailbox } from '../../moving/place.ts'
import { bytesAt, mailboxesAt, placedIn } from '../../moving/sources.ts'
import { ZipError, zipPlace } from '../../moving/zip.ts'
import { zipUp } from '../../moving/zip-writer.ts'
import { contractOf } from '../../roles/contract-account.ts'
import { openStore } from '../../store/embedded.ts'
import type { Account } from '../../store/nouns/people.ts'
import { openReading } from '../../store/reading.ts'
import type { Store } from '../../store/store.ts'
import { ADMIN_SOCKET, courierAtDoor } from '../../system/admin-door.ts'
import { DiskError } from '../../world/disk.ts'
import { NetworkError } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { agentsIn, worldOf } from '../agents-in.ts'
import { filePlace, folderPlace, randomFile } from '../foreign.ts'
import { ProgressLine } from '../progress-line.ts'
import { EXIT } from '../read-description.ts'
import { folderSink } from '../sink.ts'

type Print = (text: string) => void

export interface ImportVerbOptions {
  readonly into?: string
  readonly json: boolean
}

/** The exit code: findings when something did not come, or not as it was. */
export function importMail(
  folder: string,
  address: string,
  from: string,
  options: ImportVerbOptions,
  print: Print,
): Promise<number> {
  return withAccount(folder, address, async ({ store, world, account }) => {
    const there = statSync(from, { throwIfNoEntry: false })
    if (there === undefined) throw new Usage(`${from} is not there.`)
    const zip = there.isDirectory() ? undefined : await zipAt(from)
    try {
      const isFolder = there.isDirectory() || zip !== undefined
      const place = zip?.place ?? (isFolder ? folderPlace(from) : filePlace(from))
      const mailboxes = placedIn(await mailboxesAt(place), isFolder, options.into)
      if (mailboxes.length === 0)
        throw new Usage(`${from} holds no mail that is known here: mbox files, Maildirs, folders or a zip of them.`)
      return await bring({ store, world, account }, mailboxes, await bytesAt(place), options.json, print)
    } finally {
      await zip?.close()
    }
  })
}

/** Undefined when it is no zip. */
async function zipAt(path: string) {
  const file = await randomFile(path)
  if ((await file.read(0, 4)).toString('latin1') === 'PK\x03\x04') {
    return { place: await zipPlace(file), close: () => file.close() }
  }
  await file.close()
  return undefined
}

export interface ExportVerbOptions {
  readonly format: string
  readonly zip: boolean
  readonly json: boolean
}

/** The exit code: findings when something is not in the files as it is in the store. */
export function exportMail(
  folder: string,
  address: string,
  to: string,
  options: ExportVerbOptions,
  print: Print,
): Promise<number> {
  return explained(async () => {
    const { format } = options
    if (format !== 'mbox' && format !== 'maildir') throw new Usage('A format is mbox or maildir.')
    if (options.zip && existsSync(to)) throw new Usage(`${to} is there already.`)
    const agent = theAgent(folder)
    const { store, close } = await openReading(worldOf(agent))
    const line = new ProgressLine()
    const stopping = whenAsked()
    try {
      const account = theAccount(store, address, agent)
      // A zip cannot go on in the middle: what goes into it is collected beside it.
      const files = options.zip ? `${to}.parts` : to
      const total = store.mailboxes(account.id).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      const progress = ({ mailbox, messages, bytes }: { mailbox: string; messages: number; bytes: number }) =>
        line.show(bytes / total, `${messages} messages, ${mailbox}`)
      const sink = folderSink(files)
      const result = await takeOut({ store, account, sink, format, progress, isStopped: stopping.isAsked })
      if (options.zip && result.stopped === undefined) await pack(files, to, line)
      line.clear()
      if (options.json) print(`${JSON.stringify(result)}\n`)
      else tellExport(result, account.address, print)
      return result.stopped !== undefined || result.notes.length > 0 ? EXIT.findings : EXIT.ok
    } finally {
      line.clear()
      stopping.end()
      await close()
    }
  })
}

async function pack(files: string, to: string, line: ProgressLine): Promise<void> {
  const [zip, list] = [`${to}.new`, `${to}.list`]
  const out = await open(zip, 'w', 0o600)
  const directory = await open(list, 'w', 0o600)
  try {
    const append = (file: typeof out) => async (bytes: Uint8Array) => void (await file.writeFile(bytes))
    const spill = { append: append(directory), stream: () => createReadStream(list) }
    await zipUp(folderPlace(files), { append: append(out) }, spill, (bytes) =>
      line.show(undefined, `packing, ${bytes} bytes`),
    )
    await out.sync()
  } finally {
    await out.close()
    await directory.close()
    await rm(list)
  }
  await rename(zip, to)
  await rm(files, { recursive: true })
}

function tellExport(
  { messages, mailboxes, notes, moreNotes, stopped }: ExportResult,
  address: string,
  print: Print,
): void {
  print(`${address}: ${plural(messages, 'message')} written, of ${plural(mailboxes, 'mailbox', 'mailboxes')}.\n`)
  tellNotes(notes, moreNotes, print)
  if (stopped !== undefined) print(`Not everything: ${stopped} Run it again: it goes on from here.\n`)
}

/** The first wish to stop ends the work after what is under way; a second one ends the process, which loses nothing either. */
function whenAsked() {
  let isAsked = false
  const stop = () => {
    isAsked = true
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  return { isAsked: () => isAsked, end: () => void process.off('SIGINT', stop).off('SIGTERM', stop) }
}

/** Somebody's account in an agent's store. */
interface At {
  readonly store: ImportStore
  readonly world: World
  readonly account: Account
}

/** Brings mailboxes in, tells how far it is, and what came of it. */
export async function bring(
  { store, world, account }: At,
  mailboxes: readonly IncomingMailbox[],
  totalBytes: number | undefined,
  isJson: boolean,
  print: Print,
): Promise<number> {
  const line = new ProgressLine()
  const stopping = whenAsked()
  const result = await bringIn(
    {
      store,
      clock: world.clock,
      account: account.id,
      isStopped: stopping.isAsked,
      progress: ({ mailbox, brought, known, bytes }) =>
        line.show(totalBytes ? bytes / totalBytes : undefined, `${brought + known} messages, ${mailbox}`),
    },
    mailboxes,
  )
  stopping.end()
  line.clear()
  if (isJson) print(`${JSON.stringify(result)}\n`)
  else tell(result, account.address, print)
  return result.stopped !== undefined || result.notes.length > 0 ? EXIT.findings : EXIT.ok
}

function tell(result: ImportResult, address: string, print: Print): void {
  const { brought, known, mailboxes, notes, moreNotes, stopped } = result
  print(`${address}: ${plural(brought, 'message')} came, in ${plural(mailboxes, 'mailbox', 'mailboxes')}`)
  print(known > 0 ? `; ${known} had come before.\n` : '.\n')
  tellNotes(notes, moreNotes, print)
  if (stopped !== undefined) print(`Not everything: ${stopped} Run it again: it goes on from here.\n`)
}

function tellNotes(notes: readonly string[], moreNotes: number, print: Print): void {
  for (const note of notes) print(`  ${clean(note)}\n`)
  if (moreNotes > 0) print(`  and ${moreNotes} more.\n`)
}

export class Usage extends Error {}

function theAgent(folder: string): string {
  const [agent, ...others] = agentsIn(folder)
  if (agent === undefined) throw new Usage(`${folder} holds no store. Name the folder of an agent.`)
  if (others.length === 0 && isView(agent))
    throw new Usage(
      `${folder} is a node of a store that several share; its mail is in PostgreSQL. A client can move it over IMAP.`,
    )
  if (others.length === 0) return agent
  const names = [agent, ...others].map((path) => basename(path)).join(', ')
  throw new Usage(`${folder} holds several stores (${names}). Name one of them.`)
}

/** A node of a shared store has an index here and nothing else: what is written beside it would be nobody's. */
function isView(agent: string): boolean {
  const has = (name: string) => existsSync(join(agent, 'store', name))
  return has('store.db') && !has('journal') && !has('bodies')
}

function theAccount(store: Pick<Store, 'accountByAddress' | 'accounts'>, address: string, agent: string): Account {
  const account = store.accountByAddress(address)
  if (account !== undefined) return account
  const known = store.accounts().flatMap(({ address }) => (contractOf(address) === undefined ? [address] : []))
  throw new Usage(
    `${address} has no account in ${basename(agent)}. It has: ${known.slice(0, 20).join(', ') || 'none'}.`,
  )
}

/** For one account of an agent: with its store if it is stopped, through its door while it runs. */
export function withAccount(folder: string, address: string, work: (at: At) => Promise<number>): Promise<number> {
  return explained(async () => {
    const agent = theAgent(folder)
    const world = worldOf(agent)
    const running = await atDoor(world, agent, address)
    if (running !== undefined) {
      try {
        return await work({ ...running, world })
      } finally {
        await running.close()
      }
    }
    const store = await openStore(world)
    try {
      return await work({ store, world, account: theAccount(store, address, agent) })
    } finally {
      await store.close()
    }
  })
}

/** The agent's files are read here; what is to be kept, the agent keeps. Undefined: it does not run, or has no door. */
async function atDoor(world: World, agent: string, address: string) {
  const courier = await courierAtDoor(world, join(resolve(agent), ADMIN_SOCKET), address).catch((error: unknown) => {
    if (error instanceof NetworkError && error.code === 'refused') return undefined
    throw error
  })
  if (courier === undefined) return undefined
  const { store: reads, close } = await openReading(world)
  const store: ImportStore = {
    commit: courier.commit,
    putBlob: courier.putBlob,
    lists: reads.lists,
    mailbox: (account, id) => reads.mailbox(account, id),
    mailboxByUse: (account, use) => reads.mailboxByUse(account, use),
    mailboxByPath: (account, path) => reads.mailboxByPath(account, path),
  }
  const account = theAccount(reads, address, agent)
  const leave = async () => {
    courier.close()
    await close()
  }
  return { store, account, close: leave }
}

async function explained(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DiskError && error.code === 'locked') {
      console.error(
        `${error.message} It has no door for mail that is brought: stop the agent, run this again, and start it.`,
      )
      return EXIT.usage
    }
    const isUsage = error instanceof Usage || error instanceof NotOurs
    const isOfFiles =
      error instanceof DiskError ||
      error instanceof ZipError ||
      error instanceof NetworkError ||
      error instanceof ImapRefusal ||
      (error as { syscall?: string }).syscall !== undefined
    if (!isUsage && !isOfFiles) throw error
    console.error((error as Error).message)
    return isUsage ? EXIT.usage : EXIT.findings
  }
}

const clean = (text: string) => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')
const plural = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`
