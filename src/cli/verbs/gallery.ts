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
  let [passed, failed, skipped] = [0, 0, 0]
  for (const name of names) {
    const source = readInput(join(folder, name))?.toString('utf8')
    if (source === undefined) return EXIT.usage
    const { model: written } = parse(source)
    const { model } = onLoopback(written)
    const [error] = [...check(written), ...planSystem(model).findings].filter(isError)
    if (error !== undefined) {
      skipped++
      out(`${name}: cannot be run: ${error.message}\n`)
      continue
    }
    const { cells, real } = await compare(model, seed)
    const wrong = cells.filter((one) => one.predicted !== one.real)
    passed += cells.length - wrong.length
    failed += wrong.length
    skipped += real.skipped.length
    out(`${name}: ${cells.length - wrong.length} of ${cells.length} cells agree\n`)
    for (const { cell, predicted, real: found } of wrong) out(`  ${cell}: predicted ${predicted}, really ${found}\n`)
    for (const { flow, why } of real.skipped) out(`  flow ${flow + 1}: no letter was sent: ${why}\n`)
  }
  out(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  return failed === 0 ? EXIT.ok : EXIT.findings
}

/** A password in a description harms nobody on loopback. */
const isError = ({ severity, code }: Finding) => severity === 'error' && code !== 'S07'

const print = (text: string) => process.stdout.write(text)
