// Remedies that need no decision, carried out: where a finding has exactly one, and it says what to write. A remedy can bring
// another finding to light, so it is looked again, a bounded number of times, and only as long as something gets better.

import { check } from './check.ts'
import type { Finding } from './model.ts'
import { parse } from './parse.ts'
import { applyEdits } from './text.ts'

const ROUNDS = 100

export interface Mended {
  readonly text: string
  /** What was mended, in order. */
  readonly mended: readonly Finding[]
}

/** The text with every remedy that is the only one of its finding. */
export function mend(source: string): Mended {
  const mended: Finding[] = []
  let text = source
  for (let round = 0; round < ROUNDS; round++) {
    const findings = check(parse(text).model)
    const one = findings.find((finding) => isPlain(finding) && isBetter(text, finding, findings.length))
    if (one === undefined) break
    mended.push(one)
    text = applyEdits(text, one.fixes[0]!.edits)
  }
  return { text, mended }
}

/** There is one remedy only, and it says what to write. */
export const isPlain = ({ fixes: [fix, other] }: Finding): boolean =>
  fix !== undefined && other === undefined && fix.edits.length > 0 && !fix.isDecision

function isBetter(text: string, finding: Finding, before: number): boolean {
  const after = applyEdits(text, finding.fixes[0]!.edits)
  return after !== text && check(parse(after).model).length < before
}
