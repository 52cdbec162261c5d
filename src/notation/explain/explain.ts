// A system explained: who is there, who answers for what, who can trust whom, who may bounce, what to whitelist, and what is
// wrong, as data and as text for a person. Computed from the drawing and its attribute lines alone; what really happens to
// authentication is found out by running it (src/lab/simulate).

import { check } from '../check.ts'
import { describe } from '../describe.ts'
import { Facts } from '../facts.ts'
import type { Finding, SystemModel } from '../model.ts'
import { type DutyRow, dutiesOf } from './duties.ts'
import { type BounceRow, bouncesOf, type TrustRow, trustOf, type WhitelistRow, whitelistsOf } from './trust.ts'

export interface Explanation {
  /** The system in a few sentences. */
  readonly summary: string
  readonly duties: readonly DutyRow[]
  readonly trust: readonly TrustRow[]
  readonly bounces: readonly BounceRow[]
  readonly whitelists: readonly WhitelistRow[]
  readonly findings: readonly Finding[]
}

export function explain(model: SystemModel): Explanation {
  const facts = new Facts(model)
  return {
    summary: describe(model),
    duties: dutiesOf(model, facts),
    trust: trustOf(model),
    bounces: bouncesOf(model, facts),
    whitelists: whitelistsOf(model, facts),
    findings: check(model),
  }
}

const MARK = { kept: 'ok', broken: '!!', nobody: '--' } as const

/** For a terminal. Findings are not in it: their places need the source (renderFinding). */
export function explanationText({ summary, duties, trust, bounces, whitelists }: Explanation): string {
  const width = Math.max(0, ...duties.map(({ role }) => role.length))
  const parts = [
    `${summary}\n`,
    section(
      'Who answers for what',
      duties.flatMap(({ role, duty, state, who, faults, why }) => [
        `${MARK[state]}  ${role.padEnd(width)}  ${duty}: ${who.length === 0 ? 'nobody' : who.join(', ')}`,
        ...faults.map((fault) => `    ${' '.repeat(width)}  ${fault}`),
        ...(state === 'kept' ? [] : [`    ${' '.repeat(width)}  why: ${why}`]),
      ]),
    ),
    section(
      'Who can trust whom',
      trust.map(({ sentence }) => sentence),
    ),
    section(
      'Who may send a bounce',
      bounces.map(({ may, sentence }) => `${may ? 'yes' : 'no '}  ${sentence}`),
    ),
    section(
      'What to whitelist',
      whitelists.map(
        ({ who, whom, by, isDone, line }) =>
          `${isDone ? 'ok' : '!!'}  ${who} should have ${whom} trusted, known by ${by}${isDone ? '.' : `: write "${line}".`}`,
      ),
    ),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`
}
