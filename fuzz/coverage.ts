// Which pieces of our code have run, as V8 itself counts them (blocks, in every file below src). An input that reaches a
// new one is worth keeping. Asking costs some ten milliseconds, so inputs are run in batches and asked about together;
// where a batch reached something new, halves of it are run again until the input is found.

import { type Profiler, Session } from 'node:inspector'

/** Of the time of a run, what asking may take. */
const SHARE = 0.3
const MAX_BATCH = 4096

export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()
  readonly #run: (input: Buffer) => Promise<void>
  #batch: Buffer[] = []
  #batchSize = 16
  #batchBeganMs = performance.now()

  /** `run` never rejects. */
  constructor(run: (input: Buffer) => Promise<void>) {
    this.#run = run
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** No more is counted: the code runs at its full speed from now on. */
  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** Blocks that have run. */
  get size(): number {
    return this.#seen.size
  }

  /** An input was run. Gives those of the batch that reached something new, once the batch is full. */
  async ran(input: Buffer): Promise<Buffer[]> {
    this.#batch.push(Buffer.from(input))
    if (this.#batch.length < this.#batchSize) return []
    const batch = this.#batch
    const beganMs = performance.now()
    const isFirst = this.#seen.size === 0
    const fresh = new Set([...this.#take()].filter((block) => !this.#seen.has(block)))
    for (const block of fresh) this.#seen.add(block)
    // What the first batch reaches is where everything begins.
    const found = isFirst ? [] : await this.#locate(batch, fresh)
    const askedMs = performance.now() - beganMs
    const wholeMs = performance.now() - this.#batchBeganMs
    this.#batchSize = Math.min(
      MAX_BATCH,
      Math.max(1, Math.round(this.#batchSize * (askedMs > SHARE * wholeMs ? 4 : 0.7))),
    )
    this.#batch = []
    this.#batchBeganMs = performance.now()
    return found
  }

  /** The inputs of the batch that reach these blocks. */
  async #locate(batch: readonly Buffer[], blocks: ReadonlySet<string>): Promise<Buffer[]> {
    if (blocks.size === 0) return []
    if (batch.length === 1) return [...batch]
    const half = batch.slice(0, batch.length >> 1)
    for (const input of half) await this.#run(Buffer.from(input))
    const there = this.#take()
    const [first, second] = [new Set<string>(), new Set<string>()]
    for (const block of blocks) (there.has(block) ? first : second).add(block)
    return [...(await this.#locate(half, first)), ...(await this.#locate(batch.slice(half.length), second))]
  }

  /** The blocks that ran since the last call. */
  #take(): Set<string> {
    let scripts: readonly Profiler.ScriptCoverage[] = []
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error === null) scripts = answer.result
    })
    const blocks = new Set<string>()
    for (const { url, scriptId, functions } of scripts) {
      if (!url.includes('/src/')) continue
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) blocks.add(`${scriptId} ${startOffset} ${endOffset}`)
    }
    return blocks
  }
}
