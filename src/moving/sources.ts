// What lies at a place: Maildirs and mbox files in any arrangement that programs make of folders. Names of mailboxes come
// from names of folders and files.

import { createHash } from 'node:crypto'
import { decodeMailboxName } from '../protocols/imap/mutf7.ts'
import { EXPORT_STATE, exportState } from './export-state.ts'
import {
  dovecotUidl,
  parseFileName,
  parseKeywords,
  parseSubscriptions,
  parseUidList,
  partsOfFolder,
} from './maildir.ts'
import { readMbox } from './mbox.ts'
import { statusFlags, withoutStatus } from './mbox-status.ts'
import { type Incoming, type IncomingMailbox, MAX_MESSAGE_BYTES, type Place, readSmall } from './place.ts'

const MAX_DEPTH = 20
const numbered = new Intl.Collator('en', { numeric: true })
const MAX_MAILBOXES = 10_000
const MAX_NOTES_BYTES = 512 * 1024 * 1024
/** What lies beside mail. */
const NOT_MAIL = /^(dovecot|maildirsize|maildirfolder|courier|\.(mbsync|isync|uidvalidity|DS_Store)|borderpost-export)/i

/** The mailboxes of a place, INBOX first. */
export async function mailboxesAt(place: Place): Promise<IncomingMailbox[]> {
  const exported = await exportedAt(place)
  const found: IncomingMailbox[] = exported ?? []
  if (exported === undefined) await look(place, '', [], found, 0)
  const listed = exported ? undefined : await readSmall(place, 'subscriptions', 16 * 1024 * 1024)
  const subscribed = listed && new Set(parseSubscriptions(listed.toString()).map((parts) => parts.join('/')))
  const isInbox = ({ parts }: IncomingMailbox) => parts.length === 1 && parts[0]!.toUpperCase() === 'INBOX'
  return found
    .map((one) => (subscribed === undefined ? one : { ...one, isSubscribed: subscribed.has(one.parts.join('/')) }))
    .sort((a, b) => Number(isInbox(b)) - Number(isInbox(a)))
}

/** An export of ours says what its files are; undefined: it is none. */
async function exportedAt(place: Place): Promise<IncomingMailbox[] | undefined> {
  const text = await readSmall(place, EXPORT_STATE, 64 * 1024 * 1024)
  const state = text && exportState(text)
  return state?.mailboxes.map(({ path, use, location, isSubscribed }) => {
    const parts = path.split('/')
    const source = state.format === 'mbox' ? mboxAt(place, location, parts, false) : maildirAt(place, location, parts)
    return { ...source, isExact: true, isSubscribed, ...(use !== null && { use }) }
  })
}

async function look(place: Place, folder: string, parts: string[], found: IncomingMailbox[], depth: number) {
  if (depth > MAX_DEPTH || found.length >= MAX_MAILBOXES) return
  const entries = await place.list(folder)
  const isMaildir = entries.some(({ name, isFolder }) => isFolder && (name === 'cur' || name === 'new'))
  if (isMaildir) found.push(maildirAt(place, folder, parts.length === 0 ? ['INBOX'] : parts))
  for (const { name, isFolder } of entries) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (!isFolder) {
      if (!isMaildir && !NOT_MAIL.test(name) && (await isMbox(place, path)))
        found.push(mboxAt(place, path, [...parts, nameOf(name, /\.mbox$/i)]))
    } else if (isMaildir && name.startsWith('.') && name.length > 1) {
      await look(place, path, partsOfFolder(name), found, depth + 1)
    } else if (!isMaildir || !['cur', 'new', 'tmp'].includes(name)) {
      // Thunderbird keeps what is below a mailbox X in X.sbd; Apple Mail a mailbox X in X.mbox/mbox.
      await look(place, path, [...parts, nameOf(name, /\.(sbd|mbox)$/i)], found, depth + 1)
    }
  }
}

/** Dovecot and mbsync write names in modified UTF-7 as IMAP has them; what is not in its one right form is as it is. */
function nameOf(file: string, ending: RegExp): string {
  const name = file.replace(ending, '')
  return decodeMailboxName(name) ?? name
}

async function isMbox(place: Place, path: string): Promise<boolean> {
  for await (const piece of place.stream(path)) return Buffer.from(piece.subarray(0, 5)).toString('latin1') === 'From '
  return false
}

/** The messages of one mbox file. */
function mboxAt(place: Place, path: string, parts: readonly string[], believesLength = true): IncomingMailbox {
  async function* messages(): AsyncGenerator<Incoming> {
    for await (const { offset, atMs, content, sizeBytes } of readMbox(place.stream(path), believesLength)) {
      const digest = createHash('sha256')
        .update(content ?? '')
        .digest('hex')
      yield {
        key: `mbox ${offset} ${digest}`,
        name: `${path || 'mbox'}, byte ${offset}`,
        flags: content === undefined ? [] : statusFlags(content),
        receivedAtMs: atMs,
        sizeBytes,
        content: async () => content && withoutStatus(content),
      }
    }
  }
  return { parts, messages, identity: async () => ({}) }
}

function maildirAt(place: Place, folder: string, parts: readonly string[]): IncomingMailbox {
  const at = (name: string) => (folder === '' ? name : `${folder}/${name}`)
  // Read when it is its turn, and again at each look: little is held of a place with many mailboxes.
  const notes = async () => {
    const list = await readSmall(place, at('dovecot-uidlist'), MAX_NOTES_BYTES)
    const keywords = await readSmall(place, at('dovecot-keywords'), 1024 * 1024)
    return {
      list: list && parseUidList(list.toString('latin1')),
      keywords: keywords ? parseKeywords(keywords.toString()) : [],
    }
  }
  async function* messages(): AsyncGenerator<Incoming> {
    const { list, keywords } = await notes()
    const files: { path: string; base: string; flags: string[]; uid: number; uidl: string | undefined }[] = []
    for (const sub of ['cur', 'new']) {
      for (const { name, isFolder } of await place.list(at(sub))) {
        if (isFolder || name.startsWith('.')) continue
        const { base, flags } = parseFileName(name, keywords)
        const known = list?.uids.get(base)
        const uid = known?.uid ?? Number.POSITIVE_INFINITY
        const uidl = known && (known.uidl ?? (list?.uidValidity && dovecotUidl(known.uid, list.uidValidity)))
        files.push({ path: at(`${sub}/${name}`), base, flags, uid, uidl: uidl || undefined })
      }
    }
    // A name begins with the second in which it was made.
    const second = ({ base }: { base: string }) => Number.parseInt(base, 10) || 0
    // Of one second those with the lower numbers came first.
    const byName = (a: { base: string }, b: { base: string }) => numbered.compare(a.base, b.base)
    files.sort((a, b) => (a.uid === b.uid ? second(a) - second(b) || byName(a, b) : a.uid - b.uid))
    for (const { path, base, flags, uid, uidl } of files) {
      const there = await place.stat(path)
      if (there === undefined) continue
      yield {
        key: `maildir ${base}`,
        name: path,
        flags,
        receivedAtMs: there.modifiedMs,
        ...(Number.isFinite(uid) && { uid }),
        ...(uidl !== undefined && { uidl }),
        sizeBytes: there.sizeBytes,
        content: () => readSmall(place, path, MAX_MESSAGE_BYTES),
      }
    }
  }
  return {
    parts,
    messages,
    identity: async () => {
      const { list } = await notes()
      return { uidValidity: list?.uidValidity, uidNext: list?.uidNext }
    },
  }
}

/** Bytes that lie there, for progress. */
export async function bytesAt(place: Place, folder = '', depth = 0): Promise<number> {
  let sum = 0
  if (depth > MAX_DEPTH) return sum
  for (const { name, isFolder } of await place.list(folder)) {
    const path = folder === '' ? name : `${folder}/${name}`
    sum += isFolder ? await bytesAt(place, path, depth + 1) : ((await place.stat(path))?.sizeBytes ?? 0)
  }
  return sum
}

/** A single file is the inbox; with `into` everything goes below that mailbox. */
export function placedIn(mailboxes: IncomingMailbox[], isFolder: boolean, into?: string): IncomingMailbox[] {
  if (into !== undefined) {
    const below = into.split('/')
    return mailboxes.map((one) => ({ ...one, parts: isFolder ? [...below, ...one.parts] : below }))
  }
  return isFolder ? mailboxes : mailboxes.map((one) => ({ ...one, parts: ['INBOX'] }))
}
