// vacation (RFC 5230), in seconds (RFC 6131), with a copy of the answer kept (RFC 8580). What the script says is only that
// an answer is wanted: to whom one may go, and that nobody gets it twice, the MDA sees to (§4.5, §4.6).

import { createHash } from 'node:crypto'
import { checkWhere, FCC, fccOf, soleMailbox } from './deliver.ts'
import { constantText, constantTexts, type Spec } from './language.ts'
import type { Run } from './run.ts'

const DAY_S = 86_400
const DEFAULT_S = 7 * DAY_S
const LONGEST_S = 365 * DAY_S
/** RFC 6131 §2: the shortest that this site has; two systems that answer each other must not ring like a bell. */
const SHORTEST_S = 60

export const VACATION: readonly Spec[] = [
  {
    name: 'vacation',
    kind: 'command',
    needs: ['vacation'],
    tags: {
      days: { value: 'number', group: 'period' },
      seconds: { value: 'number', group: 'period', needs: 'vacation-seconds' },
      subject: { value: 'string' },
      from: { value: 'string' },
      addresses: { value: 'strings' },
      mime: {},
      handle: { value: 'string' },
      ...FCC,
    },
    args: [{ label: 'reason', type: 'string' }],
    check(call, checker) {
      const from = constantText(call.tags.get('from'))
      if (from !== undefined && soleMailbox(from) === undefined)
        checker.fail(call.at, `'${from.slice(0, 100)}' is no address to answer from`)
      for (const { source, at } of constantTexts(call.tags.get('addresses')))
        if (soleMailbox(source) === undefined) checker.fail(at, `'${source.slice(0, 100)}' is no address`)
      checkWhere(call, checker)
      return undefined
    },
    run(run, call) {
      const { tags, at, args } = call
      const days = run.number(tags.get('days'))
      const seconds = run.number(tags.get('seconds')) ?? (days === undefined ? undefined : days * DAY_S)
      const from = run.optionalText(tags.get('from'))
      if (from !== undefined && soleMailbox(from) === undefined)
        run.fail(at, `'${from.slice(0, 100)}' is no address to answer from`)
      const subject = run.optionalText(tags.get('subject'))
      const mime = tags.has('mime')
      const reason = run.text(args[0])
      const handle = run.optionalText(tags.get('handle'))
      run.add(at, {
        kind: 'vacation',
        periodS: Math.min(LONGEST_S, Math.max(SHORTEST_S, seconds ?? DEFAULT_S)),
        subject,
        from,
        addresses: run.texts(tags.get('addresses')),
        mime,
        reason,
        handle: keyOf(run, handle === undefined ? ['arguments', subject, from, mime, reason] : ['handle', handle]),
        fcc: fccOf(run, call),
      })
    },
  },
]

/** RFC 5230 §4.2: without a handle, answers that are alike are one. */
function keyOf(run: Run, parts: readonly unknown[]): string {
  const text = JSON.stringify(parts)
  run.charge(text.length)
  return createHash('sha256').update(text).digest('hex')
}
