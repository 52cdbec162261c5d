import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runSuite, suites } from './index.ts'

const root = fileURLToPath(new URL('../../../../shared/suites/', import.meta.url))
const exceptions = readFileSync(new URL('./exceptions.md', import.meta.url), 'utf8')

/** What the names of the cases that exceptions.md lists for a suite begin with. */
function excepted(suite: string): string[] {
  const section = exceptions.split(/^## /m).find((text) => text.startsWith(`${suite}\n`)) ?? ''
  return [...section.matchAll(/^- `([^`]+)`/gm)].map((match) => match[1]!)
}

for (const name of Object.keys(suites)) {
  test(`conformance suite ${name}: only the named exceptions fail`, async (t) => {
    const dir = `${root}${name}`
    if (!existsSync(dir)) return t.skip(`no ${dir}`)
    const { passed, lines } = await suites[name]!(dir)
    const failed = lines.filter((line) => line.startsWith('FAILED ')).map((line) => line.slice(7))
    const known = excepted(name)
    assert.deepEqual(
      failed.filter((failure) => !known.some((start) => failure.startsWith(start))),
      [],
    )
    assert.ok(passed > 0)
  })
}

test('an unknown suite is named, and nothing passes', async () => {
  const lines: string[] = []
  assert.equal(await runSuite('nonsense', '/', (line) => lines.push(line)), 2)
  assert.match(lines[0]!, /no suite named nonsense/)
})
