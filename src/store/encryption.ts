// Encryption at rest: which key a store is sealed with, and the disk that seals. Bodies, journal and snapshots are sealed as
// they are written; the databases, which SQLite cannot seal, lie in memory, and are made anew from snapshot and journal after
// a power cut. `encryption.json` in the store's folder says where the key is, and nothing of it.

import { type Disk, DiskError } from '../world/disk.ts'
import { KEY_BYTES, keyId, Seal } from '../world/seal.ts'
import type { World } from '../world/world.ts'
import { ENDS, newestSnapshot, restoreSnapshot, snapshotDamage } from './journal/snapshot.ts'

export const MARKER = 'encryption.json'
/** Beside the store's folder: a copy of that alone tells nothing. */
const KEY_FILE = 'store.key'

/** Where the key is: 'folder' (KEY_FILE), the absolute path of a file, or `env:NAME`. */
export type KeyPlace = string

interface Marker {
  readonly key: KeyPlace
  /** Of the folder in memory. */
  readonly name: string
  /** Names a key without which not everything can be read. */
  readonly id: string
}

/**
 * The world whose disk seals, if the store is encrypted, or is to be (`wanted`; then it must hold nothing yet).
 * @throws DiskError when there is no key, or mail that is not encrypted
 */
export async function unlocked(world: World, folder = 'store', wanted?: KeyPlace): Promise<World> {
  const { disk } = world
  if (disk.seal !== undefined) return world
  let marker = await markerOf(disk, folder)
  if (marker === undefined) {
    if (wanted === undefined) return world
    if (await holdsMail(disk, folder)) {
      throw new DiskError(
        'failed',
        `encrypt= is set, and ${folder} holds mail that is not encrypted: \`borderpost store rekey\` encrypts it while the agent is stopped.`,
      )
    }
    marker = await begin(world, folder, wanted)
    await forgetPlainViews(disk, folder)
  }
  const keys = await mustHaveKey(world, { ...marker, key: wanted ?? marker.key })
  return { ...world, disk: disk.sealed(new Seal(keys), marker.name) }
}

/** Notes that the store is encrypted from now on, with a key of its own where none is there. @throws DiskError */
export async function begin(world: World, folder: string, key: KeyPlace): Promise<Marker> {
  if (key === 'folder' && (await world.disk.readFile(KEY_FILE)) === undefined) {
    await writeKeys(world.disk, [world.random.bytes(KEY_BYTES)])
  }
  return mark(world, folder, key)
}

/** Databases from before: what is in them is in a snapshot, or shared. */
export async function forgetPlainViews(disk: Disk, folder: string): Promise<void> {
  for (const name of ['store.db', 'text.db', 'rebuilt.db']) {
    for (const end of ENDS) await disk.remove(`${folder}/${name}${end}`)
  }
}

/** Says that all is under the first key. `name`: of the folder in memory, another one for another store. */
export async function mark(
  world: World,
  folder: string,
  key: KeyPlace,
  name = world.random.bytes(8).toString('hex'),
): Promise<Marker> {
  const [first] = await keysAt(world, key)
  const marker = { key, name, id: keyId(first!) }
  await world.disk.writeFile(`${folder}/${MARKER}`, Buffer.from(`${JSON.stringify(marker)}\n`))
  return marker
}

/** Undefined: it is not encrypted. @throws DiskError when that cannot be read */
export async function markerOf(disk: Disk, folder: string): Promise<Marker | undefined> {
  const bytes = await disk.readFile(`${folder}/${MARKER}`)
  if (bytes === undefined) return undefined
  try {
    const { key, name, id } = JSON.parse(bytes.toString()) as Partial<Marker>
    if (typeof key === 'string' && /^[0-9a-f]{16}$/.test(name ?? '') && typeof id === 'string')
      return { key, name: name!, id }
  } catch {
    // As below.
  }
  throw new DiskError('failed', `${folder}/${MARKER} is damaged: it says where the key is, as {"key":"folder",…}.`)
}

/** For what cannot be done with sealed bytes. @throws DiskError */
export async function mustNotBeEncrypted(disk: Disk, folder: string): Promise<void> {
  if ((await markerOf(disk, folder)) === undefined) return
  throw new DiskError('failed', 'An encrypted store cannot be moved from one engine to the other. Nothing was changed.')
}

/** The keys, of which one is the marker's. @throws DiskError */
export async function mustHaveKey(world: World, marker: Pick<Marker, 'key' | 'id'>): Promise<Buffer[]> {
  const keys = await keysAt(world, marker.key)
  if (keys.some((key) => keyId(key) === marker.id)) return keys
  const ours = keys.map(keyId).join(', ')
  throw new DiskError(
    'failed',
    `The store is encrypted with the key ${marker.id}, and here is only ${ours}. Nothing was changed.`,
  )
}

/** In order: the first seals. @throws DiskError when there is none */
export async function keysAt(world: World, place: KeyPlace): Promise<Buffer[]> {
  const text = place === 'folder' ? (await world.disk.readFile(KEY_FILE))?.toString() : await world.secret(place)
  const where = place === 'folder' ? `${KEY_FILE}, beside the store's folder` : place
  if (text === undefined) {
    throw new DiskError(
      'failed',
      `The store is encrypted, and its key is not there: ${where}. Without it nothing can be read.`,
    )
  }
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  if (words.length === 0 || words.some((word) => !/^[0-9a-f]{64}$/i.test(word))) {
    throw new DiskError('failed', `${where} must hold keys of 64 hex digits, one a line, the newest first.`)
  }
  return words.map((word) => Buffer.from(word, 'hex'))
}

export async function writeKeys(disk: Disk, keys: readonly Uint8Array[]): Promise<void> {
  const text = keys.map((key) => `${Buffer.from(key).toString('hex')}\n`).join('')
  await disk.writeFile(KEY_FILE, Buffer.from(text), { secret: true })
}

/** The databases of an encrypted store are gone after a power cut: the view begins with the snapshot again. @throws DiskError */
export async function lockedView(disk: Disk, folder: string): Promise<void> {
  if (await hasView(disk, folder)) return
  const release = await disk.lock(folder)
  try {
    await ensureView(disk, folder)
  } finally {
    release()
  }
}

const hasView = async (disk: Disk, folder: string) =>
  disk.seal === undefined || (await disk.list(folder)).includes('store.db')

/** The same, for whoever holds the lock. @throws DiskError */
export async function ensureView(disk: Disk, folder: string): Promise<void> {
  if (await hasView(disk, folder)) return
  const snapshot = await newestSnapshot(disk, folder)
  if (snapshot === undefined) return
  const damage = await snapshotDamage(disk, folder, snapshot)
  if (damage !== undefined) throw new DiskError('failed', `${damage}. A backup has the store.`)
  const path = `${folder}/restored.db`
  for (const end of ENDS) await disk.remove(`${path}${end}`)
  await restoreSnapshot(disk, folder, snapshot, path)
  for (const end of ENDS) await disk.remove(`${folder}/store.db${end}`)
  await disk.rename(path, `${folder}/store.db`)
}

async function holdsMail(disk: Disk, folder: string): Promise<boolean> {
  const names = await disk.list(folder)
  // A view of a shared store is no mail.
  if (names.includes('store.db.log')) return false
  if (names.includes('store.db')) return true
  for (const name of ['journal', 'bodies', 'snapshot'])
    if ((await disk.list(`${folder}/${name}`)).length > 0) return true
  return false
}
