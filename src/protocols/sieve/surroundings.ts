// Tests on what is around the message: environment (RFC 5183), duplicate (RFC 7352), spamtest and virustest (RFC 5235),
// valid_ext_list (RFC 6134 §2.4).

import { type Call, MATCHING, type Spec } from './language.ts'
import { isMatch } from './match.ts'
import { decodedValue } from './message.ts'
import type { Run } from './run.ts'

const DAY_S = 86_400
const LONGEST_S = 30 * DAY_S

export const SURROUNDINGS: readonly Spec[] = [
  {
    name: 'environment',
    kind: 'test',
    needs: ['environment'],
    tags: MATCHING,
    args: [
      { label: 'name', type: 'string' },
      { label: 'key list', type: 'strings' },
    ],
    run(run, call) {
      const name = run.text(call.args[0]).toLowerCase()
      const { environment } = run.context
      // What is not known matches nothing, and is not counted (RFC 5183 §4).
      return Object.hasOwn(environment, name) && isMatch(run, call, [environment[name]!], run.texts(call.args[1]))
    },
  },
  {
    name: 'duplicate',
    kind: 'test',
    needs: ['duplicate'],
    tags: {
      handle: { value: 'string' },
      header: { value: 'string', group: 'identity' },
      uniqueid: { value: 'string', group: 'identity' },
      seconds: { value: 'number' },
      last: {},
    },
    run(run, { tags }) {
      const id = identity(run, tags)
      if (id === undefined) return false
      const key = `duplicate ${JSON.stringify([run.optionalText(tags.get('handle')) ?? '', id])}`
      const periodS = Math.min(LONGEST_S, run.number(tags.get('seconds')) ?? DAY_S)
      const isDuplicate = run.context.isDuplicate(key)
      // The period runs from the first, with :last from the latest (RFC 7352 §3.3).
      if ((!isDuplicate || tags.has('last')) && !run.seen.some((one) => one.key === key))
        run.seen.push({ key, periodS })
      return isDuplicate
    },
  },
  {
    name: 'spamtest',
    kind: 'test',
    needs: ['spamtest'],
    tags: { ...MATCHING, percent: { needs: 'spamtestplus' } },
    args: [{ label: 'key list', type: 'string' }],
    run(run, call) {
      const { spam } = run.context
      if (spam === undefined) return tested(run, call, undefined)
      const share = Math.min(1, Math.max(0, spam))
      return tested(run, call, call.tags.has('percent') ? Math.round(share * 100) : 1 + Math.floor(share * 9 + 1e-9))
    },
  },
  {
    name: 'virustest',
    kind: 'test',
    needs: ['virustest'],
    tags: MATCHING,
    args: [{ label: 'key list', type: 'string' }],
    run: (run, call) => tested(run, call, run.context.virus),
  },
  {
    name: 'valid_ext_list',
    kind: 'test',
    needs: ['extlists'],
    args: [{ label: 'lists', type: 'strings' }],
    run: (run, { args }) => run.texts(args[0]).every((name) => run.context.list(name) !== undefined),
  },
]

/** RFC 5235 §2.1: "0" says that nothing was tested, and then nothing is counted either. */
function tested(run: Run, call: Call, value: number | undefined): boolean {
  const values = call.tags.has('count') && value === undefined ? [] : [String(value ?? 0)]
  return isMatch(run, call, values, run.texts(call.args[0]))
}

/** What the message is known by: undefined where it has no such field. */
function identity(run: Run, tags: Call['tags']): string | undefined {
  if (tags.has('uniqueid')) return run.text(tags.get('uniqueid'))
  const name = tags.has('header') ? run.text(tags.get('header')) : 'message-id'
  const [field] = run.message.named(name)
  return field === undefined ? undefined : decodedValue(field)
}
