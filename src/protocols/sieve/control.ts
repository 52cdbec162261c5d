// Control (RFC 5228 §3, §5.2, §5.3, §5.8 to §5.10), ihave and error (RFC 5463), include, return and global (RFC 6609).

import { constantText, constantTexts, type Spec } from './language.ts'
import { isVariableName } from './text.ts'

export const CONTROL: readonly Spec[] = [
  // `require` is kept by the checker: it changes how the rest is read.
  { name: 'require', kind: 'command', args: [{ label: 'capabilities', type: 'strings' }] },
  {
    name: 'if',
    kind: 'command',
    tests: 'one',
    block: true,
    run: (run, { tests, block, otherwise }) => run.calls(run.test(tests[0]!) ? block : otherwise),
  },
  {
    name: 'elsif',
    kind: 'command',
    tests: 'one',
    block: true,
    run: (run, { tests, block, otherwise }) => run.calls(run.test(tests[0]!) ? block : otherwise),
  },
  { name: 'else', kind: 'command', block: true },
  { name: 'stop', kind: 'command', run: (run) => run.stop() },
  { name: 'true', kind: 'test', run: () => true },
  { name: 'false', kind: 'test', run: () => false },
  { name: 'not', kind: 'test', tests: 'one', run: (run, { tests }) => !run.test(tests[0]!) },
  { name: 'allof', kind: 'test', tests: 'list', run: (run, { tests }) => tests.every((test) => run.test(test)) },
  { name: 'anyof', kind: 'test', tests: 'list', run: (run, { tests }) => tests.some((test) => run.test(test)) },
  {
    name: 'ihave',
    kind: 'test',
    needs: ['ihave'],
    args: [{ label: 'capabilities', type: 'strings' }],
    check({ args }, checker) {
      const names = constantTexts(args[0]).map(({ source }) => source)
      // These change how strings are read: they must be known before (RFC 5463 §4).
      const isLate = (name: string) => ['variables', 'encoded-character'].includes(name) && !checker.has(name)
      const answer = names.every((name) => checker.isKnown(name) && !isLate(name))
      if (answer) for (const name of names) checker.enable(name)
      return { answer }
    },
    run: (_run, { answer }) => answer,
  },
  {
    name: 'error',
    kind: 'command',
    needs: ['ihave'],
    args: [{ label: 'message', type: 'string' }],
    run: (run, { at, args }) => run.fail(at, run.text(args[0])),
  },
  {
    name: 'include',
    kind: 'command',
    needs: ['include'],
    tags: {
      personal: { group: 'location' },
      global: { group: 'location' },
      once: {},
      optional: {},
    },
    args: [{ label: 'script name', type: 'string' }],
    check({ at, tags, args }, checker) {
      const name = constantText(args[0])
      if (name === undefined) return checker.fail(at, 'the name of an included script cannot hold variables')
      if (!isScriptName(name)) checker.fail(at, `${JSON.stringify(name.slice(0, 60))} cannot be the name of a script`)
      return {
        included: checker.include(at, tags.has('global') ? 'global' : 'personal', name, {
          once: tags.has('once'),
          optional: tags.has('optional'),
        }),
      }
    },
    run(run, { included, tags, at, args }) {
      if (included === undefined) {
        if (!tags.has('optional')) run.fail(at, `there is no script named '${run.text(args[0])}' to include`)
        return
      }
      const isDone = run.done.has(included)
      run.done.add(included)
      if (!tags.has('once') || !isDone) run.included(included)
    },
  },
  { name: 'return', kind: 'command', needs: ['include'], run: (run) => run.return() },
  {
    name: 'global',
    kind: 'command',
    needs: ['include'],
    args: [{ label: 'variable names', type: 'strings' }],
    check({ at, args }, checker) {
      if (!checker.has('variables')) checker.fail(at, 'the global command needs require "variables"')
      for (const { source, at: place } of constantTexts(args[0])) {
        if (!isVariableName(source)) checker.error(place, `'${source}' is no name for a variable`)
        else if (checker.variables.has(source.toLowerCase()) && !checker.globals.has(source.toLowerCase()))
          checker.error(place, `the variable '${source}' is a local one already`)
        else {
          checker.globals.add(source.toLowerCase())
          checker.declare(place, source.toLowerCase())
        }
      }
      return undefined
    },
    run(run, { args }) {
      for (const name of run.texts(args[0])) run.declareGlobal(name.toLowerCase())
    },
  },
]

/** RFC 6609 §3.1 and RFC 5804 §1.6: what a script may be called. */
export function isScriptName(name: string): boolean {
  return (
    name !== '' &&
    Buffer.byteLength(name) <= 512 &&
    name.isWellFormed() &&
    !/[\0-\x1f\x7f-\x9f\u2028\u2029/]/.test(name)
  )
}
