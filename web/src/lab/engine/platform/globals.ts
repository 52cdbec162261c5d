// What Node has and a browser's worker has not, under the names that the code uses. Imported before everything else.

import { Buffer } from './buffer.ts'

// A task each, as in Node: all promises settle between two of them. (A timer would wait for 4 ms.)
const { port1, port2 } = new MessageChannel()
const waiting: (() => void)[] = []
port1.onmessage = () => waiting.shift()?.()

Object.assign(globalThis, {
  Buffer,
  setImmediate(action: (...given: unknown[]) => void, ...given: unknown[]) {
    waiting.push(() => action(...given))
    port2.postMessage(null)
  },
})
