// Where the project lies: beside src/, or, in a packed release, above dist/src/.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

/** The folder that holds package.json. */
export const home = [join(here, '..', '..'), join(here, '..', '..', '..')].find((folder) =>
  existsSync(join(folder, 'package.json')),
)!
