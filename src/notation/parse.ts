// The notation's front door: text in, model and findings out. Always a model, whatever is written; linear in the text.
// text.ts reads lines, lexer.ts tokens, rows.ts drawings, flow.ts blocks and hops, build.ts the model.

import { resolveAttributes } from './attributes.ts'
import { buildModel } from './build.ts'
import { byPlace, finding } from './findings.ts'
import type { Edit, Finding, Report, SystemModel } from './model.ts'
import { readRows } from './rows.ts'
import { readLines } from './text.ts'

export type ParseResult = { model: SystemModel; findings: Finding[] }

/** More findings than this help nobody. */
const MAX_FINDINGS = 1000
const NOWHERE = { start: 0, end: 0, line: 1, column: 1 }

/** Reads notation text. Never throws. The findings are those of reading (N codes); check() tells the rest. */
export function parse(source: string): ParseResult {
  let findings: Finding[] = []
  let dropped = 0
  const spelling: Edit[] = []
  const report: Report = (found) => {
    // A hint's first fix is the normal spelling, of however many.
    if (found.severity === 'hint') for (const edit of found.fixes[0]?.edits ?? []) spelling.push(edit)
    if (findings.length < MAX_FINDINGS) findings.push(found)
    else dropped++
  }
  const entities: Edit[] = []
  const lines = readLines(source, entities)
  if (entities.length > 0)
    report(
      finding('N01', 'hint', entities[0]!.span, 'HTML entities are read as the characters they stand for', [
        { label: 'Write the characters', edits: entities },
      ]),
    )
  const rows = readRows(lines, report)
  const model = buildModel(source, rows.diagrams, report)
  if (rows.title !== undefined) model.title = rows.title
  model.attributes = resolveAttributes(model, rows.attributes, report)
  findings = placeByAttribute(model, findings)
  if (dropped > 0) findings.push(finding('N99', 'hint', NOWHERE, `${dropped} more findings are not shown`))
  findings.sort(byPlace)
  model.findings = findings
  model.spelling = spelling
  return { model, findings }
}

const MAX_PLACES = 200

/** `Role: in="Network"` says what brackets cannot (rule A6). Returns the findings that it does not answer. */
function placeByAttribute(model: SystemModel, findings: Finding[]): Finding[] {
  const places = model.attributes.flatMap((line) => {
    const name = line.entries.find((entry) => entry.key === 'in')?.value
    const network = name === undefined ? undefined : model.networks.find((known) => known.name === name)
    return network === undefined ? [] : [{ network, refs: new Set(line.refs) }]
  })
  const answered = new Set<number>()
  for (const { network, refs } of places.slice(0, MAX_PLACES)) {
    const moved = new Set(
      model.actors
        .filter(({ id, blocks }) => refs.has(id) || blocks.some((block) => refs.has(block)))
        .map(({ id }) => id),
    )
    for (const actor of model.actors) if (moved.has(actor.id)) actor.network = network.id
    for (const block of model.blocks) {
      if (!moved.has(block.actor)) continue
      block.network = network.id
      answered.add(block.span.start)
    }
    for (const { start } of network.spans) answered.add(start)
    for (const other of model.networks) other.actors = other.actors.filter((id) => !moved.has(id))
    network.actors.push(...moved)
  }
  if (places.length === 0) return findings
  model.networks = model.networks.filter(({ named, actors }) => named || actors.length > 0)
  return findings.filter(({ code, span }) => !((code === 'N07' || code === 'N08') && answered.has(span.start)))
}
