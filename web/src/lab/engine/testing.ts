// For tests: the engine at hand in a page.

import { createEngine } from './client.ts'

Object.assign(globalThis, { createEngine })
