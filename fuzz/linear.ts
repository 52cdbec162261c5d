// npm run fuzz:linear [-- NAME…] [--max MB]: does the time that a parser takes grow no faster than its input? Each parser
// reads each hostile repetition in sizes that double, up to 64 MB or to where its own bound cuts; time(2n)/time(n) must
// stay at or below 2.3. Small times say nothing and are passed over; of several tries the fastest counts.

import { parseArgs } from 'node:util'
import { PATTERNS, type Pattern } from './patterns.ts'

const MB = 1024 * 1024
const FIRST_BYTES = 64 * 1024
const MAX_RATIO = 2.3
/** Below this a time is noise. */
const MIN_MS = 15
/** Longer than this, and the next size is not tried. */
const MAX_MS = 8000

interface Row {
  readonly name: string
  readonly largestBytes: number
  readonly largestMs: number
  /** The worst of the last two doublings (an early one may be a cache that was left). */
  readonly ratio: number | undefined
}

async function timeOf(pattern: Pattern, bytes: number): Promise<number> {
  const input = pattern.input(bytes)
  let best = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3; tries++) {
    const before = performance.now()
    await pattern.run(input)
    best = Math.min(best, performance.now() - before)
    if (best > 2000) break
  }
  return best
}

async function measure(pattern: Pattern, maxBytes: number): Promise<Row> {
  const end = Math.min(pattern.maxBytes ?? maxBytes, maxBytes)
  const times: { bytes: number; ms: number }[] = []
  for (let bytes = Math.min(FIRST_BYTES, end / 4); bytes <= end; bytes *= 2) {
    const ms = await timeOf(pattern, bytes)
    times.push({ bytes, ms })
    if (ms > MAX_MS) break
  }
  const ratioAt = (i: number) => times[i]!.ms / times[i - 1]!.ms
  const telling = times.map((_, i) => i).filter((i) => i > 0 && times[i - 1]!.ms >= MIN_MS)
  let ratio: number | undefined
  for (const i of telling.slice(-2)) {
    let here = ratioAt(i)
    // Measured again before it is believed.
    for (let again = 0; here > MAX_RATIO && again < 2 && times[i]!.ms < MAX_MS; again++) {
      const [half, whole] = [await timeOf(pattern, times[i - 1]!.bytes), await timeOf(pattern, times[i]!.bytes)]
      here = Math.min(here, whole / half)
    }
    ratio = Math.max(ratio ?? 0, here)
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
