// Reads a description file for a verb: its findings go to standard error as people read them.

import { readFileSync, writeFileSync } from 'node:fs'
import { turned } from '../lab/simulate/what-if.ts'
import { check } from '../notation/check.ts'
import { renderFinding } from '../notation/findings.ts'
import { mend } from '../notation/mend.ts'
import type { Finding, SystemModel } from '../notation/model.ts'
import { parse } from '../notation/parse.ts'
import { planSystem } from '../system/description.ts'
import type { SystemPlan } from '../system/plan.ts'

/** Exit codes of the command, the same for every verb. */
export const EXIT = { ok: 0, findings: 1, usage: 2, description: 3, unreachable: 4 } as const

/** The text of FILE, or of standard input for '-'. Undefined, with a message, when it cannot be read. */
export function readInput(file: string): Buffer | undefined {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    console.error(
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error)}`,
    )
    return undefined
  }
}

export interface Description {
  readonly source: string
  readonly model: SystemModel
  readonly findings: readonly Finding[]
}

export function readDescription(file: string): Description | undefined {
  const source = readInput(file)?.toString('utf8')
  if (source === undefined) return undefined
  const { model } = parse(source)
  return { source, model, findings: check(model) }
}

/** The system of a description file, or the exit code that its findings ask for. */
export function planOf(file: string): SystemPlan | number {
  const plans = plansOf(file, '')
  return typeof plans === 'number' ? plans : plans.written
}

/** The same, and with switches turned (`--what-if`). */
export function plansOf(file: string, whatIf: string): { written: SystemPlan; turned: SystemPlan } | number {
  const source = readInput(file)?.toString('utf8')
  if (source === undefined) return EXIT.usage
  const { model } = parse(source)
  const other = turned(model, whatIf)
  if (typeof other === 'string') {
    console.error(other)
    return EXIT.usage
  }
  const written = planSystem(model)
  const changed = other === model ? written : planSystem(other)
  const findings = [...check(model), ...(written.findings.length > 0 ? written : changed).findings]
  const errors = findings.filter(({ severity }) => severity === 'error')
  if (printFindings(errors, source, file, (text) => process.stderr.write(text)) > 0) return EXIT.description
  return { written: written.plan, turned: changed.plan }
}

/** Writes into FILE what there is only one way to mend, and says what. False, with a message, when it cannot be read. */
export function mendFile(file: string): boolean {
  const source = readInput(file)?.toString('utf8')
  if (source === undefined) return false
  const { text, mended } = mend(source)
  for (const { span, code, message, fixes } of mended)
    console.error(`${file}:${span.line}:${span.column}: mended ${code} (${message}): ${fixes[0]!.label}`)
  if (text !== source) writeFileSync(file, text)
  return true
}

/** The findings as text, errors first as they stand; the number of errors. */
export function printFindings(
  findings: readonly Finding[],
  source: string,
  file: string,
  print: (text: string) => void,
): number {
  for (const finding of findings) print(`${renderFinding(source, finding, file)}\n`)
  return findings.filter(({ severity }) => severity === 'error').length
}
