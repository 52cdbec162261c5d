// Replies (replies.txt) and whole messages (messages.txt) of many systems, each with what a person read in it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readBounce } from './read.ts'
import { reasonOf, statusIn } from './reasons.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

for (const section of read('replies.txt').split(/^## /m).slice(1)) {
  const [system, ...lines] = section.trim().split('\n')
  test(`replies of ${system}`, () => {
    assert.ok(lines.length > 0)
    for (const line of lines) {
      const [wanted, command, ...rest] = line.split(' | ')
      const text = rest.join(' | ')
      const said = { text, status: statusIn(text), ...(command !== '-' && { command }) }
      assert.equal(reasonOf(said), wanted, line)
    }
  })
}

for (const section of read('messages.txt').split(/^@@ /m).slice(1)) {
  const end = section.indexOf('\n')
  const [name, wanted] = section.slice(0, end).split(' | ')
  test(`bounces: ${name}`, () => {
    const bounce = readBounce(Buffer.from(section.slice(end + 1).replaceAll('\n', '\r\n')))
    const of = (value: (one: NonNullable<typeof bounce>['recipients'][number]) => string) =>
      bounce!.recipients.map(value).join()
    const got = bounce
      ? [
          bounce.kind,
          of(({ reason }) => reason),
          of(({ isHard }) => (isHard ? 'hard' : 'soft')),
          of(({ address }) => address),
        ].join(' ')
      : 'none'
    assert.equal(got, wanted)
  })
}
