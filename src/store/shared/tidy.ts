// What one node does for all that share a store (it holds the lease for it): the journal is cut off behind snapshots, and
// bodies that nobody names, and nobody was about to name for a day, go.

import type { Disk } from '../../world/disk.ts'
import { textOf } from '../journal/entry.ts'
import { shareView } from './snapshot.ts'
import type { SharedStore } from './store.ts'

/** A snapshot is made when so much was written since the last. */
const JOURNAL_BYTES = 256 * 1024 * 1024
const atOnce = 1000

/** One pass. @throws DiskError */
export async function tidyShared(
  store: SharedStore,
  disk: Disk,
  path = 'store/store.db',
  journalBytes = JOURNAL_BYTES,
): Promise<void> {
  for (let after = 0; ; ) {
    const page = store.deadBlobs(after, atOnce)
    const last = page.at(-1)
    if (last === undefined) break
    after = last.id
    await store.decide(textOf({ sweep: page.map(({ ref }) => ref.hash) }).toString())
  }
  for (let after = ''; ; ) {
    const stale = await store.log.staleBodies(after, atOnce)
    const last = stale.at(-1)
    if (last === undefined) break
    after = last
    // Whoever names one later has touched it before, and then it stays; or he finds that it is gone, and puts it again.
    await store.bodies.remove(stale.filter((hash) => store.findBlob(hash) === undefined))
  }
  const [newest] = await store.log.snapshots()
  if ((await store.log.bytesAfter(newest?.position ?? 0)) > journalBytes) await shareView(disk, store.log, path)
}
