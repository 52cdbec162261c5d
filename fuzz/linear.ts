// npm run fuzz:linear [-- NAME…] [--max MB]: does the time that a parser takes grow no faster than its input? Each parser
// reads each hostile repetition in sizes that double, up to 64 MB or to where its own bound cuts; time(2n)/time(n) must
// stay at or below 2.3. Time is CPU time of this process, so that other work on the machine hardly counts; the fastest of
// some runs is taken, and a ratio that is too large is measured again. Small times say nothing and are passed over.

import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PATTERNS, type Pattern } from './patterns.ts'

const MB = 1024 * 1024
const FIRST_BYTES = 64 * 1024
const MAX_RATIO = 2.3
/** Below this a time is noise. */
const MIN_MS = 30
/** Longer than this, and the next size is not tried. */
const MAX_MS = 20_000
/** Below this each size is run three times from the start. */
const SHORT_MS = 500
/** How often both times of a ratio that is too large are measured again. */
const AGAIN = 6

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

interface Row {
  readonly name: string
  readonly largestBytes: number
  readonly largestMs: number
  /** The worst of the last two doublings (an early one may be a cache that was left). */
  readonly ratio: number | undefined
}

/**
 * CPU time of one run in user mode (the kernel's part is for pages of memory that are new), all threads of the process
 * together. What earlier runs left is cleared away before it.
 */
async function timeOf(pattern: Pattern, input: Buffer): Promise<number> {
  gc()
  const before = process.cpuUsage()
  await pattern.run(input)
  return process.cpuUsage(before).user / 1000
}

/** The fastest of some: what else the machine does only adds. */
async function bestTimeOf(pattern: Pattern, bytes: number, tries: number): Promise<number> {
  const input = pattern.input(bytes)
  let best = await timeOf(pattern, input)
  for (let n = 1; n < tries; n++) best = Math.min(best, await timeOf(pattern, input))
  return best
}

async function measure(pattern: Pattern, maxBytes: number): Promise<Row> {
  const end = Math.min(pattern.maxBytes ?? maxBytes, maxBytes)
  const times: { bytes: number; ms: number }[] = []
  for (let bytes = Math.min(FIRST_BYTES, end / 4); bytes <= end; bytes *= 2) {
    const before = times.at(-1)?.ms ?? 0
    const ms = await bestTimeOf(pattern, bytes, before < SHORT_MS ? 3 : 1)
    times.push({ bytes, ms })
    if (ms > MAX_MS) break
  }
  let ratio: number | undefined
  for (let i = Math.max(1, times.length - 2); i < times.length; i++) {
    const [half, whole] = [times[i - 1]!, times[i]!]
    if (half.ms < MIN_MS) continue
    // Measured again, one beside the other, before it is believed.
    for (let again = 0; again < AGAIN && whole.ms / half.ms > MAX_RATIO; again++) {
      half.ms = Math.min(half.ms, await bestTimeOf(pattern, half.bytes, 1))
      whole.ms = Math.min(whole.ms, await bestTimeOf(pattern, whole.bytes, 1))
    }
    ratio = Math.max(ratio ?? 0, whole.ms / half.ms)
  }
  const last = times.at(-1)!
  return { name: pattern.name, largestBytes: last.bytes, largestMs: last.ms, ratio }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { max: { type: 'string', default: '64' } },
})
const chosen = PATTERNS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.startsWith(word)),
)
let bad = 0
console.log('| what | largest | time | time(2n)/time(n) | |\n|---|---|---|---|---|')
for (const pattern of chosen) {
  const { name, largestBytes, largestMs, ratio } = await measure(pattern, Number(values.max) * MB)
  const isBad = ratio !== undefined && ratio > MAX_RATIO
  if (isBad) bad++
  const size = largestBytes >= MB ? `${largestBytes / MB} MB` : `${Math.round(largestBytes / 1024)} KB`
  const note = isBad ? 'NOT LINEAR' : (pattern.bound ?? '')
  const shown = ratio === undefined ? `under ${MIN_MS} ms` : ratio.toFixed(2)
  console.log(`| ${name} | ${size} | ${Math.round(largestMs)} ms | ${shown} | ${note} |`)
}
process.exitCode = bad === 0 ? 0 : 1
