// For tests: the engine at hand in a page, and its platform.

import './platform/globals.ts'
import { createEngine } from './client.ts'
import { isAscii, isUtf8 } from './platform/buffer.ts'
import { domainToASCII, domainToUnicode } from './platform/url.ts'

Object.assign(globalThis, { createEngine, platform: { isAscii, isUtf8, domainToASCII, domainToUnicode } })
