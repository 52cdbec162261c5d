// The gallery: every description in it is written in its normal form, drawn, explained, checked, and simulated: what became
// of its letters stands in gallery/README.md (GALLERY_TABLE=write writes it there, else the two are compared).

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { completed } from '../src/lab/simulate/completed.ts'
import { PROOFS, type Survival, survival } from '../src/lab/simulate/survival.ts'
import { simulatedStage } from '../src/lab/simulate/world.ts'
import { check } from '../src/notation/check.ts'
import { describe as explain } from '../src/notation/describe.ts'
import { draw } from '../src/notation/draw.ts'
import { format } from '../src/notation/format.ts'
import { parse } from '../src/notation/parse.ts'
import { planSystem } from '../src/system/description.ts'

const FOLDER = join(import.meta.dirname, '..', 'gallery')
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.borderpost'))

test('there are at least twenty systems', () => assert.ok(files.length >= 20, `${files.length}`))

describe('each', () => {
  for (const file of files)
    test(file, () => {
      const source = readFileSync(join(FOLDER, file), 'utf8')
      const { model } = parse(source)
      assert.match(source, /^# .+\.\n\n/, 'begins with a sentence about it')
      assert.deepEqual(
        check(model).filter(({ severity }) => severity === 'error'),
        [],
      )
      assert.equal(format(model), source)
      const svg = draw(model)
      for (const role of ['MDA', 'Recipient']) assert.ok(svg.includes(role), `the picture shows no ${role}`)
      assert.match(explain(model), /Mail flows from .+ across the Border to /)
      const { plan, findings } = planSystem(completed(model).model)
      assert.deepEqual(
        findings.map(({ message }) => message),
        [],
      )
      assert.ok(plan.agents.length >= 1)
    })
})

const PAGE = join(FOLDER, 'README.md')

function chapter(file: string, { results, skipped }: Survival): string {
  const source = readFileSync(join(FOLDER, file), 'utf8')
  const rows = results.flatMap(({ letter, hops, end, where }) =>
    hops.map(({ agent, proofs, does }, i) => {
      const isLast = i === hops.length - 1
      const said = end === 'refused' ? `refused: ${/\d{3} \d\.\d+\.\d+/.exec(where)![0]}` : end
      const cells = [
        i === 0 ? `\`${letter.to}\`` : '',
        agent,
        ...PROOFS.map((proof) => proofs[proof]),
        does,
        isLast ? said : '',
      ]
      return `| ${cells.join(' | ')} |`
    }),
  )
  assert.equal(skipped.length, 0, file)
  return [
    `## [${file.replace('.borderpost', '')}](${file})`,
    '',
    /^# (.*)$/m.exec(source)![1]!,
    '',
    '| letter to | at | SPF | HELO | DKIM | DMARC | ARC | does | ends |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

test('each is simulated: what became of its letters is what gallery/README.md says', async () => {
  const chapters: string[] = []
  for (const file of files.toSorted()) {
    const { model } = completed(parse(readFileSync(join(FOLDER, file), 'utf8')).model)
    const stage = await simulatedStage(planSystem(model).plan, { seed: 1 })
    chapters.push(chapter(file, await survival(stage)))
  }
  const page = [
    '# Gallery',
    '',
    'Email systems in the notation, and what became of an honest letter along each of their flows: computed by running them (`borderpost simulate FILE`). A pass for another domain than the Author’s names it. Written by test/gallery.test.ts.',
    '',
    ...chapters,
  ].join('\n')
  if (process.env.GALLERY_TABLE === 'write') writeFileSync(PAGE, page)
  else assert.equal(readFileSync(PAGE, 'utf8'), page, 'run this test with GALLERY_TABLE=write')
})
