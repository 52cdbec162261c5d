// The gallery: every description in it is written in its normal form, drawn, explained, checked and can be run.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { completed } from '../src/lab/simulate/completed.ts'
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
