// `borderpost fmt FILE`: its normal form.

import { writeFileSync } from 'node:fs'
import { format, type Style } from '../../notation/format.ts'
import { EXIT, printFindings, readDescription } from '../read-description.ts'

export function fmtVerb(file: string, options: { style?: string; write: boolean }): number {
  if (options.style !== undefined && !['flat', 'drawn'].includes(options.style)) {
    console.error('A style is flat or drawn.')
    return EXIT.usage
  }
  const description = readDescription(file)
  if (description === undefined) return EXIT.usage
  const text = format(description.model, options.style as Style | undefined)
  if (options.write && file !== '-') writeFileSync(file, text)
  else process.stdout.write(text)
  const errors = description.model.findings.filter(({ severity }) => severity === 'error')
  return printFindings(errors, description.source, file, (line) => process.stderr.write(line)) > 0
    ? EXIT.findings
    : EXIT.ok
}
