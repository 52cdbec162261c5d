// `borderpost explain FILE`: a description in plain words: who answers for what, who can trust whom, who may bounce, what to
// whitelist, what is wrong; and, where it can be run, what its records in DNS prove.

import { turned } from '../../lab/simulate/what-if.ts'
import { explain, explanationText } from '../../notation/explain/explain.ts'
import type { Finding } from '../../notation/model.ts'
import { isMeantToRun } from '../../system/description.ts'
import { differences, differencesText } from '../differences.ts'
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
  const { whatIf } = options
  const model = turned(description.model, whatIf ?? '')
  if (typeof model === 'string') {
    console.error(model)
    return EXIT.usage
  }
  const explanation = explain(model)
  const changes =
    whatIf === undefined ? [] : differences(linesOf(explain(description.model).findings), linesOf(explanation.findings))
  const isWrong = explanation.findings.some(({ severity }) => severity === 'error')
  const hasRecords = options.json && file !== '-' && !isWrong && isMeantToRun(model)
  const records: string[] = []
  const code = hasRecords ? await explainRecords(file, undefined, options, (text) => records.push(text)) : EXIT.ok
  if (options.json) {
    const said: unknown = code === EXIT.ok && records.length > 0 ? JSON.parse(records.join('')) : undefined
    const proofs = whatIf === undefined ? { records: said ?? [] } : { ...(said ?? { records: [], changes: [] }) }
    print(
      `${JSON.stringify({ ...explanation, ...proofs, ...(whatIf !== undefined && { findingChanges: changes }) }, null, 2)}\n`,
    )
  } else {
    if (whatIf !== undefined) print(`With ${whatIf}:\n\n`)
    print(explanationText(explanation))
    if (explanation.findings.length > 0) print('\nWhat is wrong, and what to do\n')
    printFindings(explanation.findings, description.source, file, print)
    if (whatIf !== undefined) print(`\n${differencesText('of the findings', changes)}`)
    const [domain] = model.attributes.flatMap(({ entries }) => entries).filter(({ key }) => key === 'domain')
    const words = whatIf === undefined ? '' : ` --what-if "${whatIf}"`
    if (domain !== undefined)
      print(`\nWhat stands in DNS, and what it proves: borderpost explain ${file} ${domain.value}${words}\n`)
  }
  return isWrong ? EXIT.findings : code
}

const linesOf = (findings: readonly Finding[]) => findings.map(({ code, message }) => `${code} ${message}`)
