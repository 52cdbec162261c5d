// A folder for one test in the real world, gone when the test is over.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function testFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'borderpost-'))
  return { path, remove: () => rmSync(path, { recursive: true }) }
}
