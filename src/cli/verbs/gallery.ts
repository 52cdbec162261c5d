// `borderpost gallery`: every description of a folder, simulated and run for real, and compared in every cell.

import { readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { check } from '../../notation/check.ts'
import type { Finding } from '../../notation/model.ts'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import { home } from '../home.ts'
import { EXIT, readInput } from '../read-description.ts'
import { compare, onLoopback } from '../real-stage.ts'

/** Systems that run beside each other. */
const AT_ONCE = 3
const OTHER_FILES = new Set(['.md', '.svg', '.png', '.json', '.html', '.ts', '.js'])

/** The exit code: whether prediction and reality agree everywhere. */
export async function gallery(folder = join(home, 'gallery'), seed = '1', out = print): Promise<number> {
  let names: string[]
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !OTHER_FILES.has(extname(entry.name)))
      .map(({ name }) => name)
      .sort()
  } catch {
    console.error(`${folder} is no folder that can be read.`)
    return EXIT.usage
  }
  const sum = { passed: 0, failed: 0, skipped: 0 }
  const waiting = [...names]
  const done = new Map<string, Told>()
  let next = 0
  // Much of a letter's time is waiting for disks and timers: some systems run beside each other, and are told in order.
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      done.set(name, await tell(folder, name, seed))
      for (let told = done.get(names[next]!); told !== undefined; told = done.get(names[++next]!)) {
        out(told.text)
        sum.passed += told.passed
        sum.failed += told.failed
        sum.skipped += told.skipped
        done.delete(names[next]!)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  out(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`)
  return sum.failed === 0 ? EXIT.ok : EXIT.findings
}

interface Told {
  readonly text: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

async function tell(folder: string, name: string, seed: string): Promise<Told> {
  const none = { passed: 0, failed: 0, skipped: 1 }
  const source = readInput(join(folder, name))?.toString('utf8')
  if (source === undefined) return { ...none, text: `${name}: cannot be read\n` }
  const { model: written } = parse(source)
  const { model } = onLoopback(written)
  const [error] = [...check(written), ...planSystem(model).findings].filter(isError)
  if (error !== undefined) return { ...none, text: `${name}: cannot be run: ${error.message}\n` }
  const { cells, real } = await compare(model, seed)
  const wrong = cells.filter((one) => one.predicted !== one.real)
  const agree = cells.length - wrong.length
  const lines = [
    `${name}: ${agree} of ${cells.length} cells agree`,
    ...wrong.map(({ cell, predicted, real: found }) => `  ${cell}: predicted ${predicted}, really ${found}`),
    ...real.skipped.map(({ flow, why }) => `  flow ${flow + 1}: no letter was sent: ${why}`),
  ]
  return { text: `${lines.join('\n')}\n`, passed: agree, failed: wrong.length, skipped: real.skipped.length }
}

/** A password in a description harms nobody on loopback. */
const isError = ({ severity, code }: Finding) => severity === 'error' && code !== 'S07'

const print = (text: string) => process.stdout.write(text)
