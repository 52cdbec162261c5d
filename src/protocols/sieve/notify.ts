// enotify (RFC 5435) with the mailto method (RFC 5436): the command and its two tests.

import type { Checker } from './check.ts'
import { checkWhere, FCC, fccOf, soleMailbox } from './deliver.ts'
import { constantText, constantTexts, MATCHING, type Spec, type Text } from './language.ts'
import { parseMailto } from './mailto.ts'
import { isMatch } from './match.ts'

const IMPORTANCE: Record<string, 1 | 2 | 3> = { '1': 1, '2': 2, '3': 3 }

function checkMethod({ source, at }: Text, checker: Checker): void {
  const parsed = parseMailto(source)
  if ('error' in parsed) checker.error(at, parsed.error)
}

/** `name=value` (RFC 5435 §3.4). */
const isOption = (text: string) => /^[A-Za-z0-9][A-Za-z0-9._-]*=[^\r\n\0]*$/.test(text)

export const NOTIFY: readonly Spec[] = [
  {
    name: 'notify',
    kind: 'command',
    needs: ['enotify'],
    tags: {
      from: { value: 'string' },
      importance: { value: 'string' },
      options: { value: 'strings' },
      message: { value: 'string' },
      ...FCC,
    },
    args: [{ label: 'method', type: 'string' }],
    check(call, checker) {
      const { tags, at, args } = call
      if (checker.limits.notifications === 0) checker.fail(at, 'local policy prohibits the use of a notify action')
      for (const method of constantTexts(args[0])) checkMethod(method, checker)
      const from = constantText(tags.get('from'))
      if (from !== undefined && soleMailbox(from) === undefined)
        checker.fail(at, `'${from.slice(0, 100)}' is no address to notify from`)
      for (const { source, at: place } of constantTexts(tags.get('options')))
        if (!isOption(source))
          checker.error(place, `'${source.slice(0, 60)}' is no option: it is written like "name=value"`)
      const importance = constantText(tags.get('importance'))
      if (importance !== undefined && !Object.hasOwn(IMPORTANCE, importance))
        checker.fail(at, ':importance is "1" (high), "2" or "3" (low)')
      checkWhere(call, checker)
      return undefined
    },
    run(run, call) {
      const { tags, at, args } = call
      const method = run.text(args[0])
      const parsed = parseMailto(method)
      if ('error' in parsed) run.fail(at, parsed.error)
      const from = run.optionalText(tags.get('from'))
      if (from !== undefined && soleMailbox(from) === undefined)
        run.fail(at, `'${from.slice(0, 100)}' is no address to notify from`)
      run.add(at, {
        kind: 'notify',
        method,
        from,
        importance: IMPORTANCE[run.text(tags.get('importance'))] ?? 2,
        message: run.optionalText(tags.get('message')),
        options: run.texts(tags.get('options')),
        fcc: fccOf(run, call),
      })
    },
  },
  {
    name: 'valid_notify_method',
    kind: 'test',
    needs: ['enotify'],
    args: [{ label: 'methods', type: 'strings' }],
    run: (run, { args }) => run.texts(args[0]).every((method) => 'mailto' in parseMailto(method)),
  },
  {
    name: 'notify_method_capability',
    kind: 'test',
    needs: ['enotify'],
    tags: MATCHING,
    args: [
      { label: 'method', type: 'string' },
      { label: 'capability', type: 'string' },
      { label: 'key list', type: 'strings' },
    ],
    run(run, call) {
      const parsed = parseMailto(run.text(call.args[0]))
      if ('error' in parsed || run.text(call.args[1]).toLowerCase() !== 'online') return false
      // Nobody knows whether the reader of a mailbox is there (RFC 5436 §2.2).
      return isMatch(run, call, ['maybe'], run.texts(call.args[2]))
    },
  },
]
