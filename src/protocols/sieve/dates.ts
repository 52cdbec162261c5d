// date and currentdate (RFC 5260 §4, §5).

import { formatDate, parseDate } from '../../message/date.ts'
import type { Checker } from './check.ts'
import { checkIndex, headerFields } from './headers.ts'
import { type Call, constantText, INDEX, MATCHING, type Spec, type TagSpec } from './language.ts'
import { isMatch } from './match.ts'
import type { Run } from './run.ts'

interface Moment {
  /** The wall clock of the zone, as if it were UTC. */
  readonly local: Date
  readonly epochMs: number
  readonly offsetMinutes: number
}

const two = (value: number) => String(value).padStart(2, '0')
const four = (value: number) => String(value).padStart(4, '0')
const isoDay = ({ local }: Moment) =>
  `${four(local.getUTCFullYear())}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())}`
const clock = ({ local }: Moment) =>
  `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`

function zoneText(minutes: number, colon = ''): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${colon}${two(size % 60)}`
}

/** RFC 5260 §4.2: name → what of the moment it is. */
const PARTS: Readonly<Record<string, (moment: Moment) => string>> = {
  year: ({ local }) => four(local.getUTCFullYear()),
  month: ({ local }) => two(local.getUTCMonth() + 1),
  day: ({ local }) => two(local.getUTCDate()),
  date: isoDay,
  // Days since 17 November 1858, in the zone (RFC 5260, appendix B).
  julian: ({ local }) => String(Math.floor(local.getTime() / 86_400_000) + 40_587),
  hour: ({ local }) => two(local.getUTCHours()),
  minute: ({ local }) => two(local.getUTCMinutes()),
  second: ({ local }) => two(local.getUTCSeconds()),
  time: clock,
  iso8601: (moment) => `${isoDay(moment)}T${clock(moment)}${zoneText(moment.offsetMinutes, ':')}`,
  std11: ({ epochMs, offsetMinutes }) => formatDate(epochMs, offsetMinutes),
  zone: ({ offsetMinutes }) => zoneText(offsetMinutes),
  weekday: ({ local }) => String(local.getUTCDay()),
}

const ZONES: Readonly<Record<string, TagSpec>> = {
  zone: { value: 'string', group: 'zone' },
  originalzone: { group: 'zone' },
}

function offsetOf(text: string): number | undefined {
  const found = /^([+-])([0-9]{2})([0-9]{2})$/.exec(text)
  if (found === null || Number(found[2]) > 23 || Number(found[3]) > 59) return undefined
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]))
}

function checkParts(call: Call, part: number, checker: Checker): undefined {
  checkIndex(call, checker)
  const zone = constantText(call.tags.get('zone'))
  if (zone !== undefined && offsetOf(zone) === undefined)
    checker.fail(call.at, `'${zone}' is no time zone: it is written like "+0100"`)
  const name = constantText(call.args[part])
  if (name !== undefined && !Object.hasOwn(PARTS, name.toLowerCase()))
    checker.fail(call.args[part]!.at, `a date has no part '${name.slice(0, 40)}'`)
  return undefined
}

function partOf(run: Run, { tags }: Call, name: string, epochMs: number, originalMinutes: number): string[] {
  const part = Object.hasOwn(PARTS, name.toLowerCase()) ? PARTS[name.toLowerCase()] : undefined
  const chosen = tags.has('zone') ? offsetOf(run.text(tags.get('zone'))) : undefined
  const offsetMinutes = chosen ?? (tags.has('originalzone') ? originalMinutes : run.context.offsetMinutes)
  const local = new Date(epochMs + offsetMinutes * 60_000)
  if (part === undefined || Number.isNaN(local.getTime())) return []
  return [part({ local, epochMs, offsetMinutes })]
}

export const DATES: readonly Spec[] = [
  {
    name: 'date',
    kind: 'test',
    needs: ['date'],
    tags: { ...MATCHING, ...INDEX, ...ZONES },
    args: [
      { label: 'header name', type: 'string' },
      { label: 'date part', type: 'string' },
      { label: 'key list', type: 'strings' },
    ],
    check: (call, checker) => checkParts(call, 1, checker),
    run(run, call) {
      // Without :index the first field of the name counts (RFC 5260 §4).
      const fields = headerFields(run, call, [run.text(call.args[0])])
      const values = fields.slice(0, 1).flatMap(({ value }) => {
        // Of Received and its like the date stands behind the last semicolon.
        const found = parseDate(value.slice(value.lastIndexOf(';') + 1))
        return found === undefined ? [] : partOf(run, call, run.text(call.args[1]), found.epochMs, found.offsetMinutes)
      })
      return isMatch(run, call, values, run.texts(call.args[2]))
    },
  },
  {
    name: 'currentdate',
    kind: 'test',
    needs: ['date'],
    tags: { ...MATCHING, zone: ZONES.zone! },
    args: [
      { label: 'date part', type: 'string' },
      { label: 'key list', type: 'strings' },
    ],
    check: (call, checker) => checkParts(call, 0, checker),
    run(run, call) {
      const { nowMs, offsetMinutes } = run.context
      const values = partOf(run, call, run.text(call.args[0]), nowMs, offsetMinutes)
      return isMatch(run, call, values, run.texts(call.args[1]))
    },
  },
]
