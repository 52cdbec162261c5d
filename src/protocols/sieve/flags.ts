// imap4flags (RFC 5232): flag lists in variables, and in the one that keep and fileinto use by themselves.

import type { Checker } from './check.ts'
import { type Call, constantTexts, MATCHING, type Spec, type Value } from './language.ts'
import { isMatch } from './match.ts'
import type { Run } from './run.ts'
import { isVariableName, variableOf } from './text.ts'

const MAX_FLAGS = 100

/** The flags in these texts, each once, in the order in which they came; what is no flag is left out (RFC 5232 §2). */
export function flagsOf(texts: readonly string[]): string[] {
  const flags = new Map<string, string>()
  for (const flag of texts.flatMap((text) => text.split(/\s+/))) {
    const key = flag.toLowerCase()
    if (isFlag(flag) && !flags.has(key) && flags.size < MAX_FLAGS) flags.set(key, flag)
  }
  return [...flags.values()]
}

const SYSTEM_FLAGS = /^\\(?:answered|flagged|deleted|seen|draft)$/i

/** RFC 9051: a keyword is an atom; of the flags with a backslash only those can be set that a client can set. */
function isFlag(flag: string): boolean {
  if (flag.startsWith('\\')) return SYSTEM_FLAGS.test(flag)
  return /^[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]{1,128}$/.test(flag)
}

const ARGUMENTS = [
  { label: 'variable name', type: 'string', optional: true },
  { label: 'list of flags', type: 'strings' },
] as const

function checkVariable(args: readonly Value[], checker: Checker): undefined {
  if (args.length < 2) return undefined
  for (const { source, at } of constantTexts(args[0])) {
    if (!checker.has('variables')) checker.fail(at, 'flags in a variable need require "variables"')
    const named = variableOf(source, checker.required)
    if ('error' in named) checker.fail(at, named.error)
    if (!isVariableName(source.replace(/^global\./i, ''))) checker.fail(at, `'${source}' is no name for a variable`)
  }
  return undefined
}

function read(run: Run, name: string): string {
  const piece = variableOf(name, new Set(['include', 'variables']))
  return 'error' in piece ? '' : run.fill({ source: '', pieces: [piece], at: { line: 1, column: 1 } })
}

/** `setflag` and its sisters: `change` gives what the flags are then. */
function changing(name: string, change: (before: readonly string[], given: readonly string[]) => string[]): Spec {
  return {
    name,
    kind: 'command',
    needs: ['imap4flags'],
    args: ARGUMENTS,
    check: ({ args }, checker) => checkVariable(args, checker),
    run(run, { args }) {
      const given = flagsOf(run.texts(args.at(-1)))
      if (args.length < 2) {
        run.flags = change(run.flags, given)
        return
      }
      const name = run.text(args[0])
      const piece = variableOf(name, new Set(['include', 'variables']))
      if (!('error' in piece)) run.set(piece, change(flagsOf([read(run, name)]), given).join(' '))
    },
  }
}

const without = (flags: readonly string[], gone: readonly string[]) => {
  const keys = new Set(gone.map((flag) => flag.toLowerCase()))
  return flags.filter((flag) => !keys.has(flag.toLowerCase()))
}

export const FLAGS: readonly Spec[] = [
  changing('setflag', (_before, given) => [...given]),
  changing('addflag', (before, given) => flagsOf([...before, ...given])),
  changing('removeflag', (before, given) => without(before, given)),
  {
    name: 'hasflag',
    kind: 'test',
    needs: ['imap4flags'],
    tags: MATCHING,
    args: [
      { label: 'variable names', type: 'strings', optional: true },
      { label: 'key list', type: 'strings' },
    ],
    run: (run, call) => isMatch(run, call, heldFlags(run, call), keysOf(run, call)),
  },
]

function heldFlags(run: Run, { args }: Call): readonly string[] {
  if (args.length < 2) return run.flags
  return flagsOf(run.texts(args[0]).map((name) => read(run, name)))
}

/** Keys are flag lists, too, but for :count and :matches, which compare with something else. */
function keysOf(run: Run, { args, tags }: Call): string[] {
  const keys = run.texts(args.at(-1))
  return tags.has('count') || tags.has('regex')
    ? keys
    : keys.flatMap((key) => key.split(/\s+/)).filter((key) => key !== '')
}
