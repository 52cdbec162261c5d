// The commands and tests of Pigeonhole's `vnd.dovecot.testsuite`, as words of the language for its test scripts alone.

import { ACTION_LIMITS, type Action, withAction } from '../../../protocols/sieve/actions.ts'
import { checkScript } from '../../../protocols/sieve/check.ts'
import { type Call, MATCHING, type Program, type Spec, type TagSpec } from '../../../protocols/sieve/language.ts'
import { isCount, isMatch } from '../../../protocols/sieve/match.ts'
import { Message } from '../../../protocols/sieve/message.ts'
import { Run, Stop } from '../../../protocols/sieve/run.ts'
import type { SuiteReport } from '../report.ts'
import type { Bed } from './bed.ts'

const NEEDS = ['vnd.dovecot.testsuite']

interface Words {
  readonly specs: Spec[]
  readonly capabilities: readonly string[]
  readonly namespaces: readonly string[]
}

/** A test has failed, and why. */
class TestFailed extends Error {}
/** A test asks for a file that is not among the suite's data. */
class DataMissing extends Error {}

const ACTION_NAMES: Record<Action['kind'], string> = {
  keep: 'keep',
  fileinto: 'store',
  redirect: 'redirect',
  reject: 'reject',
  ereject: 'reject',
  vacation: 'vacation',
  notify: 'notify',
}

const SOURCES: Readonly<Record<string, TagSpec>> = {
  smtp: { group: 'source' },
  folder: { value: 'string', group: 'source' },
}
const INDEXED: Readonly<Record<string, TagSpec>> = { ...MATCHING, index: { value: 'number' } }

/** One file of tests: runs it and counts. */
export function runTests(name: string, source: Buffer, bed: Bed, report: SuiteReport, mustFail: boolean): void {
  const extra = wordsFor(name, bed, report, mustFail)
  const { program, findings } = checkScript(source, { extra, script: (where, script) => bed.script(where, script) })
  if (program === undefined) {
    report.fail(`${name} (is read)`, 'no error', findings.map(({ line, message }) => `${line}: ${message}`).join('; '))
    return
  }
  const run = new Run(bed.message, bed.context(), { ...bed.runLimits(), work: Number.POSITIVE_INFINITY })
  try {
    const { failure } = run.whole(program)
    if (failure !== undefined) report.fail(`${name} (runs)`, 'to its end', `line ${failure.line}: ${failure.message}`)
  } catch (error) {
    if (!(error instanceof TestFailed) && !(error instanceof DataMissing)) throw error
    report.fail(`${name} (runs)`, 'to its end', error.message)
  }
}

function wordsFor(file: string, bed: Bed, report: SuiteReport, mustFail: boolean): Words {
  let compiled: Program | undefined
  /** How the script that ran last left the message, if it was not the test itself. */
  let kept: Pick<Run, 'message' | 'flags'> | undefined
  const words: Words = { specs: [], capabilities: ['vnd.dovecot.testsuite', 'vnd.dovecot.debug'], namespaces: ['tst'] }

  const setMessage = (run: Run, message: Message) => {
    bed.message = message
    run.message = message
  }

  const compile = (path: string): Program | undefined => {
    const source = bed.read(path)
    if (source === undefined) throw new DataMissing(`there is no ${path}`)
    const { program, findings } = checkScript(source, {
      extra: words,
      limits: bed.checkLimits(),
      script: (where, name) => bed.script(where, name),
    })
    const errors = findings.filter(({ level }) => level === 'error').map(({ message }) => message)
    // Pigeonhole ends its list with one that says that the script is no good.
    bed.errors = program === undefined ? [...errors, 'the script is not valid'] : []
    return program
  }

  /** Runs a script on the message as the scripts before it left it. */
  const execute = (run: Run, program: Program, append: boolean): boolean => {
    const inner = new Run(bed.message, bed.context(), bed.runLimits())
    if (append) inner.flags = run.flags
    const outcome = inner.whole(program)
    bed.errors = outcome.failure === undefined ? [] : [outcome.failure.message]
    if (outcome.failure !== undefined) return false
    bed.errors = outcome.warnings.map(({ message }) => message)
    const explicit = inner.keepsImplicitly ? outcome.actions.slice(0, -1) : outcome.actions
    run.actions = append ? appended(run.actions, explicit) : explicit
    run.keepsImplicitly = inner.keepsImplicitly && (!append || run.keepsImplicitly)
    kept = { message: inner.message, flags: inner.flags }
    if (append) {
      run.message = bed.message = inner.message
      run.flags = inner.flags
    }
    return true
  }

  const perform = (run: Run): boolean => {
    if (run.keepsImplicitly) {
      const { message, flags } = kept ?? run
      const keep = { kind: 'keep', ...run.inbox(flags), message } as const
      const added = withAction(run.actions, keep, ACTION_LIMITS)
      if ('actions' in added) run.actions = added.actions
      run.keepsImplicitly = false
    }
    return bed.execute(run.actions)
  }

  const find = (run: Run, call: Call): boolean => {
    const index = run.number(call.args.at(-1)) ?? 0
    if (call.tags.has('smtp')) {
      const mail = bed.sent[index]
      if (mail === undefined) return false
      setMessage(run, Message.of(mail.message))
      bed.envelope = { ...bed.envelope, from: mail.reversePath, to: mail.forwardPath }
      return true
    }
    const stored = bed.mailboxes.get(run.text(call.tags.get('folder')))?.[index]
    if (stored === undefined) return false
    setMessage(run, Message.of(stored.message))
    run.flags = stored.flags
    return true
  }

  const command = (name: string, rest: Partial<Spec>): Spec => ({ name, kind: 'command', needs: NEEDS, ...rest })
  const test = (name: string, rest: Partial<Spec>): Spec => ({ name, kind: 'test', needs: NEEDS, ...rest })
  const ignored = (name: string, args: Spec['args'] = []): Spec => command(name, { args, run: () => undefined })

  words.specs.push(
    command('test', {
      args: [{ label: 'name', type: 'string' }],
      block: true,
      run(run, { args, block }) {
        const name = `${file}: ${run.text(args[0])}`
        let failed: string | undefined
        if (bed.missing !== undefined) {
          report.skip(name, `there is no ${bed.missing}`)
          return
        }
        try {
          run.calls(block)
        } catch (error) {
          if (error instanceof DataMissing) {
            report.skip(name, error.message)
            return
          }
          if (!(error instanceof Stop)) failed = error instanceof Error ? error.message.trim() : String(error)
        }
        if (mustFail) report.check(name, 'fails', failed === undefined ? 'passes' : 'fails')
        else if (failed === undefined) report.check(name, 'passes', 'passes')
        else report.fail(name, 'passes', failed)
      },
    }),
    command('test_fail', {
      args: [{ label: 'reason', type: 'string' }],
      run(run, { args }) {
        throw new TestFailed(run.text(args[0]))
      },
    }),
    command('test_set', {
      args: [
        { label: 'what', type: 'string' },
        { label: 'value', type: 'string' },
      ],
      run(run, { args }) {
        bed.set(run.text(args[0]), run.text(args[1]))
        run.message = bed.message
      },
    }),
    command('test_config_set', {
      args: [
        { label: 'setting', type: 'string' },
        { label: 'value', type: 'string' },
      ],
      run(run, { args }) {
        const value = run.text(args[1])
        if (value.endsWith('.dict') && bed.read(value.replace(/^.*?\}\/|^.*\/(?=[^/]*\/?[^/]*$)/, '')) === undefined)
          bed.missing = value
        bed.config.set(run.text(args[0]), value)
      },
    }),
    command('test_config_unset', {
      args: [{ label: 'setting', type: 'string' }],
      run: (run, { args }) => bed.config.delete(run.text(args[0])),
    }),
    command('test_config_reload', {
      tags: { extension: { value: 'string' } },
      run(run) {
        Object.assign(run.limits, { ...bed.runLimits(), work: run.limits.work })
      },
    }),
    command('test_mailbox_create', {
      args: [{ label: 'mailbox', type: 'string' }],
      run(run, { args }) {
        const name = run.text(args[0])
        if (!bed.mailboxes.has(name)) bed.mailboxes.set(name, [])
      },
    }),
    command('test_mailbox_delete', {
      args: [{ label: 'mailbox', type: 'string' }],
      run: (run, { args }) => bed.mailboxes.delete(run.text(args[0])),
    }),
    command('test_imap_metadata_set', {
      tags: { mailbox: { value: 'string' } },
      args: [
        { label: 'annotation', type: 'string' },
        { label: 'value', type: 'string' },
      ],
      run: (run, { args, tags }) =>
        bed.annotations.set(`${run.text(tags.get('mailbox'))} ${run.text(args[0])}`, run.text(args[1])),
    }),
    command('test_result_reset', {
      run(run) {
        run.actions = []
        run.keepsImplicitly = true
        kept = undefined
        bed.reset()
        bed.errors = []
        // A script that changed the message by itself begins anew, too.
        run.message = bed.message
        run.flags = []
      },
    }),
    command('test_message', {
      tags: SOURCES,
      args: [{ label: 'index', type: 'number' }],
      run(run, call) {
        if (!find(run, call)) throw new TestFailed('there is no such message')
      },
    }),
    ignored('test_result_print'),
    ignored('test_binary_save', [{ label: 'name', type: 'string' }]),
    ignored('test_binary_load', [{ label: 'name', type: 'string' }]),
    ignored('debug_log', [{ label: 'text', type: 'string' }]),
    test('test_script_compile', {
      args: [{ label: 'script', type: 'string' }],
      run(run, { args }) {
        compiled = compile(run.text(args[0]))
        return compiled !== undefined
      },
    }),
    test('test_script_run', {
      tags: { append_result: {} },
      run: (run, { tags }) => compiled !== undefined && execute(run, compiled, tags.has('append_result')),
    }),
    test('test_multiscript', {
      args: [{ label: 'scripts', type: 'strings' }],
      run(run, { args }) {
        run.keepsImplicitly = true
        for (const path of run.texts(args[0])) {
          const program = compile(path)
          if (program === undefined || !execute(run, program, true)) return false
        }
        return perform(run)
      },
    }),
    test('test_result_execute', { run: perform }),
    test('test_result_action', {
      tags: INDEXED,
      args: [{ label: 'key list', type: 'strings' }],
      run: (run, call) =>
        isIndexed(
          run,
          call,
          run.actions.map(({ kind }) => ACTION_NAMES[kind]),
        ),
    }),
    test('test_message', { tags: SOURCES, args: [{ label: 'index', type: 'number' }], run: find }),
    test('test_error', {
      tags: INDEXED,
      args: [{ label: 'key list', type: 'strings' }],
      run: (run, call) => isIndexed(run, call, bed.errors),
    }),
  )
  return words
}

function isIndexed(run: Run, call: Call, values: readonly string[]): boolean {
  const index = run.number(call.tags.get('index'))
  const chosen = index === undefined ? values : values.slice(index - 1, index)
  const keys = run.texts(call.args[0])
  return call.tags.has('count') ? isCount(run, call, String(chosen.length), keys) : isMatch(run, call, chosen, keys)
}

/** A later script's actions beside those that are done: what is alike is done once, a second refusal not at all. */
function appended(before: readonly Action[], more: readonly Action[]): Action[] {
  let actions = [...before]
  for (const action of more) {
    const isRefusal = action.kind === 'reject' || action.kind === 'ereject'
    if (isRefusal && actions.some(({ kind }) => kind === 'reject' || kind === 'ereject')) continue
    const added = withAction(
      isRefusal ? [] : actions.filter(({ kind }) => kind !== 'reject' && kind !== 'ereject'),
      action,
      ACTION_LIMITS,
    )
    if ('error' in added) continue
    actions = isRefusal ? [...actions, action] : merged(actions, added.actions)
  }
  return actions
}

function merged(before: readonly Action[], after: readonly Action[]): Action[] {
  const refusals = before.filter(({ kind }) => kind === 'reject' || kind === 'ereject')
  return [...after, ...refusals]
}
