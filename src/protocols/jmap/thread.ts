// Threads: get and changes (RFC 8621 §3).

import type { ThreadId } from '../../store/nouns/mail.ts'
import { readArguments } from './arguments.ts'
import { firstEmails } from './email-get.ts'
import { formatId } from './ids.ts'
import { accountIdOf, changesMethod, GET_ARGUMENTS, getObjects } from './standard.ts'
import { MAIL, type Method, MethodError } from './types.ts'

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const { store, account } = context.backend
  const load = (id: ThreadId) => ({ id, emails: store.thread(account.id, id) })
  return getObjects(args, context, {
    kind: 't',
    properties: ['id', 'emailIds'],
    all: () => firstEmails(context.backend, true).map(({ thread }) => load(thread)),
    load: (ids) => {
      const threads = ids.map(load)
      return new Map(threads.filter(({ emails }) => emails.length > 0).map((thread) => [thread.id, thread]))
    },
    show: ({ id, emails }) => ({ id: formatId('t', id), emailIds: emails.map((email) => formatId('e', email)) }),
  })
}

export const THREAD_METHODS: Record<string, Method> = {
  'Thread/get': { capability: MAIL, run: get },
  'Thread/changes': {
    capability: MAIL,
    run: changesMethod('t', ({ backend }, modseq, most) =>
      backend.store.changes.threads(backend.account.id, modseq, most),
    ),
  },
}
