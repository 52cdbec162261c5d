// Commands on reports, in a store in memory: what is counted for those that we owe, and what others sent. They say and refuse
// what apply/reports.ts of the store does; only the limits that keep strangers from filling a disk are missing.

import { noEmail, resolveId } from '../apply/apply.ts'
import { noDay } from '../apply/reports.ts'
import type { ReportDay, ReportSighting } from '../nouns/reports.ts'
import { REPORTS } from '../nouns/watched.ts'
import type { Handlers } from './apply.ts'
import type { State } from './state.ts'

const DAY_MS = 86_400_000

export const reports: Handlers<
  | 'report.observe'
  | 'report.postpone'
  | 'report.close'
  | 'report.forget'
  | 'report.arrive'
  | 'report.keep'
  | 'report.prune'
> = {
  'report.observe'(state, { sightings }) {
    for (const sighting of sightings) observe(state, sighting)
    return { ok: true }
  },
  'report.postpone'(state, { of, dueMs, outcome }) {
    const duty = collecting(state, of)
    if (duty === undefined) return noDay
    Object.assign(duty, { dueMs, outcome, attempts: duty.attempts + 1 })
    return { ok: true }
  },
  'report.close'(state, { of, state: closed, outcome }) {
    const duty = collecting(state, of)
    if (duty === undefined) return noDay
    Object.assign(duty, { state: closed, outcome })
    state.duties.get(keyOf(of))!.rows.clear()
    return { ok: true }
  },
  'report.forget'(state, { of }) {
    if (collecting(state, of) === undefined) return noDay
    state.duties.delete(keyOf(of))
    return { ok: true }
  },
  'report.arrive'(state, { account, email, provenDomain }, { made, touch }) {
    const id = resolveId(email, made)
    if (id === undefined) return noEmail
    // What its Recipient has taken away nobody looks into.
    if (state.options.mail === 'stays')
      state.pendingReports.push({ id: ++state.lastReportId, account, email: id, provenDomain })
    touch(REPORTS)
    return { ok: true }
  },
  'report.keep'(state, { pending, report }) {
    state.pendingReports = state.pendingReports.filter(({ id }) => id !== pending)
    if (report === null || state.reportKeys.has(report.key)) return { ok: true }
    state.reportKeys.add(report.key)
    return { ok: true, id: ++state.lastReportId }
  },
  'report.prune'(state, { beforeMs }) {
    for (const [key, { duty }] of state.duties)
      if (duty.state !== 'collecting' && duty.day < Math.floor(beforeMs / DAY_MS)) state.duties.delete(key)
    return { ok: true }
  },
}

const keyOf = ({ kind, domain, day }: ReportDay) => `${kind} ${domain} ${day}`

function collecting(state: State, of: ReportDay) {
  const duty = state.duties.get(keyOf(of))?.duty
  return duty?.state === 'collecting' ? duty : undefined
}

function observe(state: State, { kind, domain, about, row, count, worthy, ...when }: ReportSighting): void {
  let { day, dueMs } = when
  let known = state.duties.get(keyOf({ kind, domain, day }))
  // The clock was set back: that day's report is out, and a report says nothing twice.
  while (known !== undefined && known.duty.state !== 'collecting') {
    day++
    dueMs += DAY_MS
    known = state.duties.get(keyOf({ kind, domain, day }))
  }
  if (known === undefined) {
    const counts = { attempts: 0, messages: 0, worthy: 0, omitted: 0 }
    known = {
      duty: { kind, domain, day, state: 'collecting', dueMs, ...counts, outcome: '', about },
      rows: new Map(),
    }
    state.duties.set(keyOf({ kind, domain, day }), known)
  }
  const { duty, rows } = known
  rows.set(row, (rows.get(row) ?? 0) + count)
  duty.messages += count
  duty.worthy += worthy
  duty.about = about
}
