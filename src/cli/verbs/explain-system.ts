// `borderpost explain FILE`: a description in plain words: who answers for what, who can trust whom, who may bounce, what to
// whitelist, what is wrong; and, where it can be run, what its records in DNS prove.

import { explain, explanationText } from '../../notation/explain/explain.ts'
import { isMeantToRun } from '../../system/description.ts'
import { EXIT, printFindings, readDescription } from '../read-description.ts'
import { type ExplainOptions, explain as explainRecords } from './explain.ts'

/** The exit code: findings when something is wrong. */
export async function explainSystem(
  file: string,
  options: ExplainOptions,
  print: (text: string) => void,
): Promise<number> {
  const description = readDescription(file)
  if (description === undefined) return EXIT.usage
  const explanation = explain(description.model)
  const isWrong = explanation.findings.some(({ severity }) => severity === 'error')
  const hasRecords = options.json && file !== '-' && !isWrong && isMeantToRun(description.model)
  const records: string[] = []
  const code = hasRecords ? await explainRecords(file, undefined, options, (text) => records.push(text)) : EXIT.ok
  if (options.json) {
    const proofs: unknown = code === EXIT.ok && records.length > 0 ? JSON.parse(records.join('')) : []
    print(`${JSON.stringify({ ...explanation, records: proofs }, null, 2)}\n`)
  } else {
    print(explanationText(explanation))
    if (explanation.findings.length > 0) print('\nWhat is wrong, and what to do\n')
    printFindings(explanation.findings, description.source, file, print)
    const [domain] = description.model.attributes
      .flatMap(({ entries }) => entries)
      .filter(({ key }) => key === 'domain')
    if (domain !== undefined)
      print(`\nWhat stands in DNS, and what it proves: borderpost explain ${file} ${domain.value}\n`)
  }
  return isWrong ? EXIT.findings : code
}
