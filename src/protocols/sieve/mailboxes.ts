// Tests on mailboxes: mailbox, mboxmetadata and servermetadata (RFC 5490), special-use (RFC 8579), mailboxid (RFC 9042).

import { isSpecialUse } from './deliver.ts'
import { constantTexts, MATCHING, type Spec } from './language.ts'
import { isMatch } from './match.ts'

/** RFC 5464 §3.2: `/private/…` or `/shared/…`, no part empty, no wildcards. */
const ANNOTATION = /^\/(?:private|shared)(?:\/[^/*%\0-\x1f\x7f-\uffff]+)+$/i

export const MAILBOXES: readonly Spec[] = [
  {
    name: 'mailboxexists',
    kind: 'test',
    needs: ['mailbox'],
    args: [{ label: 'mailbox names', type: 'strings' }],
    run: (run, { args }) => run.texts(args[0]).every((name) => name.isWellFormed() && run.context.mailboxExists(name)),
  },
  {
    name: 'mailboxidexists',
    kind: 'test',
    needs: ['mailboxid'],
    args: [{ label: 'mailbox ids', type: 'strings' }],
    run: (run, { args }) => run.texts(args[0]).every((id) => run.context.mailboxIdExists(id)),
  },
  {
    name: 'specialuse_exists',
    kind: 'test',
    needs: ['special-use'],
    args: [
      { label: 'mailbox', type: 'string', optional: true },
      { label: 'special uses', type: 'strings' },
    ],
    check({ args }, checker) {
      for (const { source, at } of constantTexts(args.at(-1)))
        if (!isSpecialUse(source)) checker.error(at, `'${source.slice(0, 60)}' is no special use of a mailbox`)
      return undefined
    },
    run(run, { args }) {
      const mailbox = args.length < 2 ? undefined : run.text(args[0])
      return run.texts(args.at(-1)).every((use) => isSpecialUse(use) && run.context.specialUseExists(use, mailbox))
    },
  },
  {
    name: 'metadata',
    kind: 'test',
    needs: ['mboxmetadata'],
    tags: MATCHING,
    args: [
      { label: 'mailbox', type: 'string' },
      { label: 'annotation name', type: 'string' },
      { label: 'key list', type: 'strings' },
    ],
    run(run, call) {
      const [mailbox, name] = [run.text(call.args[0]), run.text(call.args[1])]
      const value = ANNOTATION.test(name) ? run.context.metadata(mailbox, name) : undefined
      return isMatch(run, call, value === undefined ? [] : [value], run.texts(call.args[2]))
    },
  },
  {
    name: 'metadataexists',
    kind: 'test',
    needs: ['mboxmetadata'],
    args: [
      { label: 'mailbox', type: 'string' },
      { label: 'annotation names', type: 'strings' },
    ],
    run(run, { args }) {
      const mailbox = run.text(args[0])
      return run
        .texts(args[1])
        .every((name) => ANNOTATION.test(name) && run.context.metadata(mailbox, name) !== undefined)
    },
  },
  {
    name: 'servermetadata',
    kind: 'test',
    needs: ['servermetadata'],
    tags: MATCHING,
    args: [
      { label: 'annotation name', type: 'string' },
      { label: 'key list', type: 'strings' },
    ],
    run(run, call) {
      const name = run.text(call.args[0])
      const value = ANNOTATION.test(name) ? run.context.metadata(undefined, name) : undefined
      return isMatch(run, call, value === undefined ? [] : [value], run.texts(call.args[1]))
    },
  },
  {
    name: 'servermetadataexists',
    kind: 'test',
    needs: ['servermetadata'],
    args: [{ label: 'annotation names', type: 'strings' }],
    run: (run, { args }) =>
      run.texts(args[0]).every((name) => ANNOTATION.test(name) && run.context.metadata(undefined, name) !== undefined),
  },
]
