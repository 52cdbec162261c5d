// What the rows of a report mean, in plain words: a table of what was proven from one address.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AggregateRow } from '../../identity/reports/aggregate.ts'
import { sourcesOf } from './sources.ts'
import { rowOf } from './testing.ts'

const passes = (domain: string) => [{ domain, scope: 'mfrom' as const, result: 'pass' }]
const byForwarder: Partial<AggregateRow> = { spf: 'fail', spfResults: passes('old.test') }
const unsigned: Partial<AggregateRow> = { dkim: 'fail', dkimResults: [] }
const forged: Partial<AggregateRow> = { ...unsigned, spf: 'fail', spfResults: [], disposition: 'reject' }
const broken: Partial<AggregateRow> = {
  ...forged,
  dkimResults: [{ domain: 'mail.sender.test', selector: 's', result: 'fail', humanResult: '' }],
}

const CASES: readonly [
  what: string,
  rows: readonly [count: number, more: Partial<AggregateRow>][],
  meaning: RegExp,
  advice: RegExp,
][] = [
  ['all of it, twice', [[9, {}]], /^Yours: proven by signature and by address\.$/, /^$/],
  [
    'signature, some addresses',
    [
      [9, {}],
      [1, byForwarder],
    ],
    /^Yours: all of it is proven by signature, a part by address/,
    /^$/,
  ],
  ['signature alone', [[9, byForwarder]], /^Yours by its signature, from a machine that is not on your list/, /^$/],
  ['address alone', [[9, unsigned]], /^Yours by its address, not signed\.$/, /^Let it sign as sender\.test/],
  [
    'one or the other',
    [
      [9, unsigned],
      [1, byForwarder],
    ],
    /^Yours: each message is proven by its signature or its address/,
    /some signatures/i,
  ],
  [
    'a broken signature',
    [[9, broken]],
    /^Signed in your name, but the signature does not hold/,
    /key of that selector/,
  ],
  [
    'some broken',
    [
      [9, broken],
      [1, {}],
    ],
    /^1 of 10 are proven, others signed in your name/,
    /key of that selector/,
  ],
  [
    'some forged',
    [
      [9, forged],
      [1, {}],
    ],
    /^Partly yours: 1 of 10 are proven\.$/,
    /your policy \(p=reject\) deals with it/,
  ],
  [
    'somebody known',
    [[9, { ...forged, spfResults: passes('mailer.test') }]],
    /^Sent by mailer\.test with your domain in From\.$/,
    /list its address/,
  ],
  ['nobody known', [[9, forged]], /^Nothing proves that it is yours/, /your policy \(p=reject\)/],
]

for (const [what, rows, meaning, advice] of CASES)
  test(`${what}: ${meaning.source}`, () => {
    const list = rows.map(([count, more]) => rowOf('192.0.2.1', count, more))
    const [source, ...others] = sourcesOf({ domain: 'sender.test', policy: 'reject' }, list)
    assert.equal(others.length, 0)
    assert.match(source!.meaning, meaning)
    assert.match(source!.advice, advice)
    assert.equal(
      source!.messages,
      rows.reduce((sum, [count]) => sum + count, 0),
    )
  })

test('without a policy the advice is the way to one; sources stand by their size', () => {
  const rows = [rowOf('192.0.2.1', 1, forged), rowOf('192.0.2.2', 5), rowOf('192.0.2.1', 2, forged)]
  const sources = sourcesOf({ domain: 'sender.test', policy: 'none' }, rows)
  assert.deepEqual(
    sources.map(({ ip, messages, refused }) => [ip, messages, refused]),
    [
      ['192.0.2.2', 5, 0],
      ['192.0.2.1', 3, 3],
    ],
  )
  assert.match(sources[1]!.advice, /publish p=quarantine, then p=reject\.$/)
})
