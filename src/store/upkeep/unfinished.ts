// A store that is being brought back is not opened before it is whole: until then a file beside it says so, and what of.

import { type Disk, DiskError } from '../../world/disk.ts'

/** Holds the manifest of the backup. */
export const unfinishedPath = (folder: string) => `${folder}/restoring.json`

/** @throws DiskError when a restore into the folder was not finished */
export async function mustBeWhole(disk: Disk, folder: string): Promise<void> {
  if ((await disk.readFile(unfinishedPath(folder))) === undefined) return
  const what = 'The restore of this store was not finished, and UIDs would be given twice.'
  throw new DiskError('failed', `${what} Run \`store restore\` again, from the same backup.`)
}

export async function markWhole(disk: Disk, folder: string): Promise<void> {
  // Renamed, which is durable: what is removed may be there again after a power cut.
  const whole = `${folder}/restored.json`
  await disk.rename(unfinishedPath(folder), whole)
  await disk.remove(whole)
}
