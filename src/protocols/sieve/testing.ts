// What the tests of Sieve share: a script run on a message in a few words.

import assert from 'node:assert/strict'
import { type Checked, checkScript } from './check.ts'
import { type Outcome, type RunContext, type RunLimits, runScript } from './run.ts'
import { findingText } from './syntax.ts'

export const MESSAGE = [
  'From: Anna <anna@sender.test>',
  'To: bob+lists@here.test, carl@other.test',
  'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from =?utf-8?b?w4RubmE=?=',
  'Date: Tue, 24 Nov 2026 10:11:12 +0100',
  'Message-ID: <one@sender.test>',
  'X-Count: 007',
  '',
  'Hello Bob,',
  'this is the body.',
  '',
].join('\r\n')

const CONTEXT: RunContext = {
  envelopeFrom: 'anna@sender.test',
  envelopeTo: 'bob+lists@here.test',
  nowMs: Date.UTC(2026, 10, 24, 12),
  offsetMinutes: 60,
  environment: { location: 'MDA', domain: 'here.test' },
  delimiter: '+',
  mailboxExists: (name) => name === 'INBOX' || name === 'Known',
  mailboxIdExists: (id) => id === 'M7',
  specialUseExists: (use) => use === '\\Junk',
  metadata: () => undefined,
  list: (name) =>
    name === ':addrbook:default' ? { has: (address) => address === 'anna@sender.test', members: [] } : undefined,
  isDuplicate: () => false,
  spam: undefined,
  virus: undefined,
}

/** What is wrong with a script, one line for each finding. */
export function findingsOf(script: string | Buffer): string[] {
  return checkScript(Buffer.from(script)).findings.map(findingText)
}

export interface Given {
  readonly message?: string | Buffer
  readonly context?: Partial<RunContext>
  readonly limits?: Partial<RunLimits>
  readonly scripts?: Readonly<Record<string, string>>
}

/** Runs a script that must be right. */
export function run(script: string, { message = MESSAGE, context, limits, scripts = {} }: Given = {}): Outcome {
  const known = new Map(Object.entries(scripts).map(([name, text]) => [name, Buffer.from(text)]))
  const { program, findings }: Checked = checkScript(Buffer.from(script), { script: (_where, name) => known.get(name) })
  assert.ok(program, findings.map(findingText).join('\n'))
  return runScript(program, Buffer.from(message), { ...CONTEXT, ...context }, limits)
}

/** Its actions in a few words: `fileinto Known [\Seen]`, `redirect a@b`, `keep`. */
export function actionsOf(script: string, given: Given = {}): string[] {
  const { actions, failure } = run(script, given)
  const words = actions.map((action) => {
    if (action.kind === 'keep' || action.kind === 'fileinto') {
      const flags = action.flags.length > 0 ? ` [${action.flags.join(' ')}]` : ''
      return action.kind === 'keep' ? `keep${flags}` : `fileinto ${action.mailbox}${flags}`
    }
    if (action.kind === 'redirect') return `redirect ${action.address}`
    if (action.kind === 'reject' || action.kind === 'ereject') return `${action.kind} ${action.reason}`
    return action.kind
  })
  return failure === undefined ? words : [...words, `failed in line ${failure.line}: ${failure.message}`]
}

/** Whether a test is true. */
export function isTrue(require: string, test: string, given: Given = {}): boolean {
  const needs =
    require === ''
      ? ''
      : `require [${require
          .split(' ')
          .map((one) => `"${one}"`)
          .join(', ')}];`
  return actionsOf(`${needs} if ${test} { discard; }`, given).length === 0
}
