// `borderpost check FILE`: what is wrong with a description, where, and what to do.

import { isMeantToRun, planSystem } from '../../system/description.ts'
import { EXIT, mendFile, printFindings, readDescription } from '../read-description.ts'

export function checkVerb(file: string, options: { json: boolean; fix: boolean }): number {
  if (options.fix && file === '-') {
    console.error('--fix needs a file that it can write into.')
    return EXIT.usage
  }
  if (options.fix && !mendFile(file)) return EXIT.usage
  const description = readDescription(file)
  if (description === undefined) return EXIT.usage
  const { source, model } = description
  // Say what would keep it from running, too.
  const findings = [...description.findings, ...(isMeantToRun(model) ? planSystem(model).findings : [])]
  if (options.json) console.log(JSON.stringify(findings))
  else printFindings(findings, source, file, (text) => process.stdout.write(text))
  const errors = findings.filter(({ severity }) => severity === 'error').length
  if (!options.json)
    console.log(
      findings.length === 0
        ? 'No findings.'
        : `${findings.length} finding${findings.length === 1 ? '' : 's'}, ${errors} of them errors.`,
    )
  return errors > 0 ? EXIT.findings : EXIT.ok
}
