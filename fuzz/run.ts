// npm run fuzz [-- TARGET…] [--seconds N] [--seed S], or npm run fuzz -- TARGET FILE to repeat one input.
// Findings: an exception, more than a second for 64 KiB, no end at all, more than 512 MB of memory. Each input that
// found something is kept as a file, with the command that repeats it. Exit code 1 when there was a finding.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { MAX_INPUT_BYTES } from './mutate.ts'
import { TARGETS } from './targets.ts'
import type { Job, Message } from './worker.ts'

const HANG_MS = 20_000
const MAX_RSS_BYTES = 512 * 1024 * 1024

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
})
const [first, file] = positionals
const isReplay = file !== undefined && TARGETS[file] === undefined
const unknown = (isReplay ? [first!] : positionals).find((name) => TARGETS[name] === undefined)

if (unknown !== undefined) {
  console.error(`There is no target '${unknown}'. There are:\n  ${Object.keys(TARGETS).join('\n  ')}`)
  process.exitCode = 2
} else if (isReplay) {
  const before = performance.now()
  await TARGETS[first!]!.fuzz(readFileSync(file))
  console.log(`${first}: nothing was found in ${Math.round(performance.now() - before)} ms`)
} else {
  const seed = values.seed ?? String(Date.now())
  const names = positionals.length > 0 ? positionals : Object.keys(TARGETS)
  if (names.length > 1 || values.seed === undefined)
    console.log(`seed ${seed}, ${values.seconds} s for each of ${names.length} targets`)
  if (names.length === 1) process.exitCode = (await fuzz(names[0]!, seed, Number(values.seconds))) === 0 ? 0 : 1
  else {
    // Each in a process of its own, so that memory is its own too.
    const command = [...process.execArgv, process.argv[1]!]
    const run = (name: string) =>
      spawnSync(process.execPath, [...command, name, '--seed', seed, '--seconds', values.seconds], { stdio: 'inherit' })
    const found = names.filter((name) => run(name).status !== 0)
    console.log(found.length === 0 ? 'Nothing was found.' : `Findings in: ${found.join(', ')}`)
    process.exitCode = found.length === 0 ? 0 : 1
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}

/** Runs one target for its time; the number of findings. */
async function fuzz(name: string, seed: string, seconds: number): Promise<number> {
  const shared = new SharedArrayBuffer(8 + MAX_INPUT_BYTES)
  const state = new Int32Array(shared, 0, 2)
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { name, seed, seconds, shared } satisfies Job,
  })
  let findings = 0
  let runs = 0
  let reached = ''
  let largestRss = 0
  const keep = (what: string, input: Uint8Array): void => {
    findings++
    const path = join(mkdtempSync(join(tmpdir(), 'borderpost-fuzz-')), `${name}.input`)
    writeFileSync(path, input)
    console.log(`FOUND ${name}: ${what}\n  repeat: npm run fuzz -- ${name} ${path}`)
  }
  const underWay = () => new Uint8Array(shared, 8, state[1]!).slice()
  await new Promise<void>((resolve) => {
    let last = -1
    let sinceMs = performance.now()
    const watch = setInterval(() => {
      const { rss } = process.memoryUsage()
      if (rss > MAX_RSS_BYTES && largestRss <= MAX_RSS_BYTES) keep(`${megabytes(rss)} MB of memory`, underWay())
      largestRss = Math.max(largestRss, rss)
      const now = Atomics.load(state, 0)
      if (now !== last) {
        last = now
        sinceMs = performance.now()
      } else if (performance.now() - sinceMs > HANG_MS) {
        keep('no end', underWay())
        void worker.terminate()
      }
    }, 200)
    worker.on('message', (message: Message) => {
      if (message.kind === 'finding') keep(message.what, message.input)
      else {
        runs = message.runs
        reached = `, ${message.blocks} blocks of code reached, ${message.kept} inputs kept for it`
      }
    })
    worker.on('error', (error) => keep(String(error), underWay()))
    worker.on('exit', () => {
      clearInterval(watch)
      resolve()
    })
  })
  console.log(
    `${name.padEnd(24)} ${String(runs || state[0]).padStart(9)} inputs, ${megabytes(largestRss)} MB${reached}, ${findings} findings`,
  )
  return findings
}
