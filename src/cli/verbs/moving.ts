// `borderpost import`: mail of other programs into an account of an agent that is stopped.

import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { bringIn, type ImportResult } from '../../moving/import.ts'
import type { IncomingMailbox } from '../../moving/place.ts'
import { bytesAt, mailboxesAt } from '../../moving/sources.ts'
import { type EmbeddedStore, openStore } from '../../store/embedded.ts'
import type { Account } from '../../store/types.ts'
import { DiskError } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { agentsIn, worldOf } from '../agents-in.ts'
import { filePlace, folderPlace } from '../foreign.ts'
import { ProgressLine } from '../progress-line.ts'
import { EXIT } from '../read-description.ts'

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
    const place = there.isDirectory() ? folderPlace(from) : filePlace(from)
    const mailboxes = placed(await mailboxesAt(place), there.isDirectory(), options.into)
    if (mailboxes.length === 0)
      throw new Usage(`${from} holds no mail that is known here: an mbox file, a Maildir, or folders of them.`)
    return bring({ store, world, account }, mailboxes, await bytesAt(place), options.json, print)
  })
}

/** A single file is the inbox; with --into everything goes below that mailbox. */
function placed(mailboxes: IncomingMailbox[], isFolder: boolean, into: string | undefined): IncomingMailbox[] {
  if (into !== undefined) {
    const below = into.split('/')
    return mailboxes.map((one) => ({ ...one, parts: isFolder ? [...below, ...one.parts] : below }))
  }
  return isFolder ? mailboxes : mailboxes.map((one) => ({ ...one, parts: ['INBOX'] }))
}

/** Somebody's account in an agent's store. */
interface At {
  readonly store: EmbeddedStore
  readonly world: World
  readonly account: Account
}

/** Brings mailboxes in, tells how far it is, and what came of it. */
async function bring(
  { store, world, account }: At,
  mailboxes: readonly IncomingMailbox[],
  totalBytes: number | undefined,
  isJson: boolean,
  print: Print,
): Promise<number> {
  const line = new ProgressLine()
  let isStopped = false
  // What is under way is finished; a second wish ends the process at once, which loses nothing either.
  const stop = () => {
    isStopped = true
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const result = await bringIn(
    {
      store,
      clock: world.clock,
      account: account.id,
      isStopped: () => isStopped,
      progress: ({ mailbox, brought, known, bytes }) =>
        line.show(totalBytes ? bytes / totalBytes : undefined, `${brought + known} messages, ${mailbox}`),
    },
    mailboxes,
  )
  process.off('SIGINT', stop).off('SIGTERM', stop)
  line.clear()
  if (isJson) print(`${JSON.stringify(result)}\n`)
  else tell(result, account.address, print)
  return result.stopped !== undefined || result.notes.length > 0 ? EXIT.findings : EXIT.ok
}

function tell(result: ImportResult, address: string, print: Print): void {
  const { brought, known, mailboxes, notes, moreNotes, stopped } = result
  print(`${address}: ${plural(brought, 'message')} came, in ${plural(mailboxes, 'mailbox', 'mailboxes')}`)
  print(known > 0 ? `; ${known} had come before.\n` : '.\n')
  for (const note of notes) print(`  ${clean(note)}\n`)
  if (moreNotes > 0) print(`  and ${moreNotes} more.\n`)
  if (stopped !== undefined) print(`Not everything: ${stopped} Run it again: it goes on from here.\n`)
}

class Usage extends Error {}

/** Opens the store of an agent that is stopped, for one account. */
async function withAccount(folder: string, address: string, work: (at: At) => Promise<number>): Promise<number> {
  let store: EmbeddedStore | undefined
  try {
    const [agent, ...others] = agentsIn(folder)
    if (agent === undefined) throw new Usage(`${folder} holds no store. Name the folder of an agent.`)
    if (others.length > 0) {
      const names = [agent, ...others].map((path) => basename(path)).join(', ')
      throw new Usage(`${folder} holds several stores (${names}). Name one of them.`)
    }
    const world = worldOf(agent)
    store = await openStore(world)
    const account = store.accountByAddress(address)
    if (account === undefined) {
      const known = store.accounts().map((one) => one.address)
      throw new Usage(
        `${address} has no account in ${basename(agent)}. It has: ${known.slice(0, 20).join(', ') || 'none'}.`,
      )
    }
    return await work({ store, world, account })
  } catch (error) {
    if (error instanceof DiskError && error.code === 'locked') {
      console.error(`${error.message} A store has one writer: stop the agent, run this again, and start it.`)
      return EXIT.usage
    }
    if (!(error instanceof DiskError || error instanceof Usage)) throw error
    console.error(error.message)
    return error instanceof Usage ? EXIT.usage : EXIT.findings
  } finally {
    await store?.close()
  }
}

const clean = (text: string) => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')
const plural = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`
