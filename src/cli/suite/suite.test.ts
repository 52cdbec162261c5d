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
  if (name === 'corpus-spamassassin') continue
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

// A learner errs, above all on the first messages of its life: here it is what share that counts.
test('corpus-spamassassin: from nothing, in order of arrival, nine of ten are right and hardly any mail is lost', async (t) => {
  const dir = `${root}corpus-spamassassin`
  if (!existsSync(dir)) return t.skip(`no ${dir}`)
  const { passed, failed, lines } = await suites['corpus-spamassassin']!(dir)
  assert.ok(passed >= 9 * failed, `${passed} passed, ${failed} failed`)
  const lost = lines.filter((line) => /^FAILED .*ham/.test(line)).length
  assert.ok(lost <= 5, `${lost} lost`)
  assert.match(lines.at(-3)!, /^\(1-AUC\)% \d/)
})

test('an unknown suite is named, and nothing passes', async () => {
  const lines: string[] = []
  assert.equal(await runSuite('nonsense', '/', (line) => lines.push(line)), 2)
  assert.match(lines[0]!, /no suite named nonsense/)
})
