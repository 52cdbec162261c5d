// The engine behind a fault: tests put something between it and its database and files.

import type { Database, OwnerFiles, OwnerModule } from '../world/disk.ts'
import { serve as serveEngine } from './engine.ts'

/** For Disk.ownDatabase instead of the engine's own. */
export const FAULTY_ENGINE: OwnerModule = { url: import.meta.url, load: () => import('./testing-engine.ts') }

interface Surroundings {
  readonly database: Database
  readonly files: OwnerFiles
}

/** What the next engine that starts gets. */
export const between: { wrap: (inner: Surroundings) => Surroundings } = { wrap: (inner) => inner }

export function serve(database: Database, files: OwnerFiles): (message: unknown) => unknown {
  const wrapped = between.wrap({ database, files })
  return serveEngine(wrapped.database, wrapped.files)
}
