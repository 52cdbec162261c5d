// What became of a message, in the words of the report: a table of what DMARC asks and what was done.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Identity } from '../../identity/authenticate.ts'
import type { ForwarderMatch } from '../../identity/trusted.ts'
import { dispositionOf, type Judged } from './disposition.ts'

const forwarder: ForwarderMatch = { domain: 'old.test', how: 'arc', provenDomain: 'old.test', seen: undefined }

const CASES: readonly {
  readonly what: string
  readonly dmarc: 'pass' | 'fail'
  readonly policy?: Identity['dmarc']['policy']
  readonly judged: readonly Judged['judgement']['outcome'][]
  readonly code: number
  readonly through?: ForwarderMatch
  readonly overrides?: 'trusted_forwarder' | 'local_policy'
  readonly testing?: boolean
  readonly is: string
}[] = [
  { what: 'proven', dmarc: 'pass', judged: ['accept'], code: 250, is: 'pass' },
  { what: 'proven, and spam', dmarc: 'pass', judged: ['refuse'], code: 550, is: 'pass' },
  { what: 'refused as asked', dmarc: 'fail', policy: 'reject', judged: ['refuse'], code: 550, is: 'reject' },
  { what: 'set aside as asked', dmarc: 'fail', policy: 'quarantine', judged: ['junk'], code: 250, is: 'quarantine' },
  { what: 'let through as asked', dmarc: 'fail', policy: 'none', judged: ['accept'], code: 250, is: 'none' },
  {
    what: 'a trusted Forwarder',
    dmarc: 'fail',
    policy: 'reject',
    judged: ['accept'],
    code: 250,
    through: forwarder,
    is: 'none trusted_forwarder (passed on by old.test)',
  },
  {
    what: 'the allow list',
    dmarc: 'fail',
    policy: 'reject',
    judged: ['accept'],
    code: 250,
    overrides: 'local_policy',
    is: 'none local_policy (on our list of senders always let in)',
  },
  {
    what: 'a seal that is believed here',
    dmarc: 'fail',
    policy: 'reject',
    judged: ['accept'],
    code: 250,
    overrides: 'trusted_forwarder',
    is: 'none trusted_forwarder (sealed by sealer.test (ARC))',
  },
  {
    what: 'stricter than asked',
    dmarc: 'fail',
    policy: 'none',
    judged: ['refuse'],
    code: 550,
    is: 'reject local_policy (our own rules speak against it)',
  },
  {
    what: 'a target that refuses what we would take',
    dmarc: 'fail',
    policy: 'none',
    judged: ['accept'],
    code: 550,
    is: 'reject local_policy (our own rules speak against it)',
  },
  {
    what: 'the mildest of several Recipients',
    dmarc: 'fail',
    policy: 'quarantine',
    judged: ['junk', 'accept', 'refuse'],
    code: 250,
    through: forwarder,
    is: 'none trusted_forwarder (passed on by old.test)',
  },
  {
    what: 'junk instead of a refusal, because others get it',
    dmarc: 'fail',
    policy: 'reject',
    judged: ['junk', 'refuse'],
    code: 250,
    is: 'quarantine local_policy (our own rules speak for it)',
  },
  {
    what: 'a record that is only tried out',
    dmarc: 'fail',
    policy: 'quarantine',
    judged: ['junk'],
    code: 250,
    testing: true,
    is: 'quarantine policy_test_mode ()',
  },
]

for (const { what, dmarc: result, policy = 'none', judged, code, through, overrides, testing, is } of CASES)
  test(`${what}: ${is}`, () => {
    const steps = testing ? [{ what: 't=y: one step milder' }] : []
    const dmarc = { result, policy, steps } as unknown as Identity['dmarc']
    const arc = { hops: [{ domain: 'sealer.test' }] } as unknown as Identity['arc']
    const all = judged.map((outcome): Judged => {
      const isAccepted = outcome === 'accept'
      return {
        judgement: { outcome, ...(isAccepted && overrides && { overrides }) },
        forwarder: isAccepted ? through : undefined,
      }
    })
    const done = dispositionOf({ dmarc, arc }, all, { code })
    const reasons = done.reasons.map(({ type, comment }) => `${type} (${comment})`)
    assert.equal([done.disposition, ...reasons].join(' '), is)
  })
