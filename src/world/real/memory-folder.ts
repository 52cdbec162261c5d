// A folder in memory, for what must not lie on a disk: the databases of a store that is encrypted. It is there until the
// machine is started again, also when this process has ended.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { DiskError } from '../disk.ts'

const TMPFS = 0x01_02_19_94
const RAMFS = 0x85_84_58_f6

/** Makes or finds the folder of this name, for this user alone. @throws DiskError when there is no memory to lie in */
export function memoryFolder(name: string): string {
  const places = [process.env.BORDERPOST_MEMORY, process.env.RUNTIME_DIRECTORY, process.env.XDG_RUNTIME_DIR, '/dev/shm']
  const place = places.find((one) => one !== undefined && one !== '' && isMemory(one))
  if (place === undefined) {
    throw new DiskError(
      'failed',
      'An encrypted store keeps its databases in memory, and no file system in memory (tmpfs) was found: /dev/shm, $RUNTIME_DIRECTORY and $BORDERPOST_MEMORY were tried.',
    )
  }
  const folder = join(place, `borderpost-${name}`)
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = fs.lstatSync(folder)
  // Others may write into the place, and may have been quicker.
  if (!fs.lstatSync(folder).isDirectory() || (mode & 0o077) !== 0 || uid !== process.getuid?.()) {
    throw new DiskError('failed', `${folder} is not a folder of this user alone: remove it.`)
  }
  return folder
}

function isMemory(place: string): boolean {
  try {
    fs.accessSync(place, fs.constants.W_OK)
    return [TMPFS, RAMFS].includes(fs.statfsSync(place).type)
  } catch {
    return false
  }
}

/** Does this lie in memory, where databases do? Snapshots do not, nor does the lock, in which nothing is. */
export const isDatabase = (path: string): boolean =>
  /\.db(?:-wal|-shm|-journal|\.part|\.copy)*$/.test(path) && !/(?:^|\/)(?:snapshot\/[^/]*|lock\.db.*)$/.test(path)
