// Runs one target on one input after another in a thread of its own, guided by what the inputs reach. The input under way stands in shared memory, so
// that the main thread can keep it when this thread never comes back.

import { parentPort, workerData } from 'node:worker_threads'
import { Coverage } from './coverage.ts'
import { MAX_INPUT_BYTES, Mutator } from './mutate.ts'
import { TARGETS } from './targets.ts'

export interface Job {
  readonly name: string
  readonly seed: string
  readonly seconds: number
  /** [runs, bytes of the input], then the input. */
  readonly shared: SharedArrayBuffer
}

export type Message =
  | { readonly kind: 'finding'; readonly what: string; readonly input: Uint8Array }
  | { readonly kind: 'done'; readonly runs: number; readonly kept: number; readonly blocks: number }

const SLOW_MS = 1000
const MAX_FINDINGS = 20
const TURN_EVERY = 100
/** So long it is looked for inputs that reach something new; what was found is then changed at full speed. */
const GUIDED_SHARE = 0.4

async function work({ name, seed, seconds, shared }: Job): Promise<void> {
  const state = new Int32Array(shared, 0, 2)
  const place = new Uint8Array(shared, 8, MAX_INPUT_BYTES)
  const target = TARGETS[name]!
  const mutator = new Mutator(target, seed)
  const told = new Set<string>()
  const tell = (what: string, input: Buffer): void => {
    const kind = what
      .split('\n')
      .slice(0, 2)
      .join('')
      .replace(/[\d"'].*/, '')
    if (told.has(kind) || told.size >= MAX_FINDINGS) return
    told.add(kind)
    parentPort!.postMessage({ kind: 'finding', what, input: Uint8Array.from(input) } satisfies Message)
  }
  /** Tells who watches what is under way, and that it goes on. */
  const begin = (input: Buffer): void => {
    place.set(input)
    Atomics.store(state, 1, input.length)
    Atomics.add(state, 0, 1)
  }
  // What it throws was told when it was run first.
  const coverage = new Coverage(async (input) => {
    begin(input)
    try {
      await target.fuzz(input)
    } catch {}
  })
  const beganMs = performance.now()
  const end = beganMs + 1000 * seconds
  const guidedEnd = beganMs + 1000 * seconds * GUIDED_SHARE
  let isGuided = true
  let runs = 0
  for (; performance.now() < end; runs++) {
    // Native memory (zlib's) is given back on a turn of the event loop only, as there is one between any two messages.
    if (runs % TURN_EVERY === 0) await new Promise((resolve) => setImmediate(resolve))
    const input = mutator.next().subarray(0, MAX_INPUT_BYTES)
    begin(input)
    // A machine that is busy with something else is slow once, not three times.
    for (let tries = 0, tookMs = SLOW_MS; tookMs >= SLOW_MS; tries++) {
      if (tries === 3) {
        tell(`slow: ${Math.round(tookMs)} ms for ${input.length} bytes`, input)
        break
      }
      const before = performance.now()
      try {
        await target.fuzz(Buffer.from(input))
      } catch (error) {
        tell(error instanceof Error ? (error.stack ?? error.message) : String(error), input)
        break
      }
      tookMs = performance.now() - before
    }
    if (!isGuided) continue
    for (const reaching of await coverage.ran(input)) mutator.keep(reaching)
    if (performance.now() < guidedEnd) continue
    coverage.stop()
    isGuided = false
  }
  const { kept } = mutator
  parentPort!.postMessage({ kind: 'done', runs, kept, blocks: coverage.size } satisfies Message)
}

await work(workerData as Job)
