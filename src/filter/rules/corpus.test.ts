// The weights against real mail: how much spam is Junk, how much wanted mail is not. The corpus brings no identity (no
// DNS of its time), so only what stands in the messages counts: with identity both figures are better.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { JUNK_POINTS, MailView, weigh } from './rules.ts'

const SUITES = join(import.meta.dirname, '../../../../shared/suites')
const CORPUS = join(SUITES, 'corpus-spamassassin')
const FIXTURES = join(SUITES, 'spam-fixtures')

/** The weight of a message as it arrived at the time of its newest trace. */
function weightOf(message: Buffer): number {
  const { received, date } = new MailView({ message, nowMs: 0 })
  const nowMs = received.find((line) => line.date !== undefined)?.date?.epochMs ?? date?.epochMs ?? 0
  return weigh(new MailView({ message, nowMs })).points
}

const shareOf = (weights: number[]): number => weights.filter((points) => points >= JUNK_POINTS).length / weights.length

test('of the SpamAssassin corpus at most 1 % of the wanted mail is Junk, and most of the spam', (t) => {
  if (!existsSync(CORPUS)) return t.skip('the corpus is not here')
  const weights = { ham: [] as number[], spam: [] as number[] }
  for (const folder of readdirSync(CORPUS).filter((name) => /-\d$/.test(name))) {
    for (const file of readdirSync(join(CORPUS, folder))) {
      weights[folder.startsWith('spam') ? 'spam' : 'ham'].push(weightOf(readFileSync(join(CORPUS, folder, file))))
    }
  }
  const [ham, spam] = [shareOf(weights.ham), shareOf(weights.spam)]
  t.diagnostic(
    `Junk: ${(ham * 100).toFixed(2)} % of ${weights.ham.length} wanted, ${(spam * 100).toFixed(1)} % of ${weights.spam.length} spam`,
  )
  assert.ok(ham <= 0.01, `${ham}`)
  assert.ok(spam >= 0.68, `${spam}`)
})

test('the messages with which other filters test themselves are weighed without harm', (t) => {
  if (!existsSync(FIXTURES)) return t.skip('the fixtures are not here')
  for (const entry of readdirSync(FIXTURES, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const points = weightOf(readFileSync(join(entry.parentPath, entry.name)))
    assert.ok(Number.isFinite(points), entry.name)
  }
})
