// Threads: get and changes (RFC 8621 §3), and which thread an email is in, remembered: it never changes.

import type { EmailId, ThreadId } from '../../store/types.ts'
import { readArguments } from './arguments.ts'
import { formatId } from './ids.ts'
import { accountIdOf, changesMethod, GET_ARGUMENTS, getObjects } from './standard.ts'
import { type JmapBackend, MAIL, type Method, MethodError } from './types.ts'

// An email's threadId is immutable (RFC 8621 §4.1.1), so a list of 10,000 conversations is read from the store once.
const known = new WeakMap<JmapBackend, Map<EmailId, ThreadId>>()
const MAX_KNOWN = 500_000

/** The thread of each email, in the order given; an email that is gone gives 0. */
export function threadsOf(backend: JmapBackend, ids: readonly EmailId[]): ThreadId[] {
  let threads = known.get(backend)
  if (!threads || threads.size > MAX_KNOWN) known.set(backend, (threads = new Map()))
  const missing = ids.filter((id) => !threads.has(id))
  if (missing.length > 0)
    for (const email of backend.store.emails(backend.account.id, missing)) threads.set(email.id, email.thread)
  return ids.map((id) => threads.get(id) ?? 0)
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const { store, account } = context.backend
  return getObjects(args, context, {
    kind: 't',
    properties: ['id', 'emailIds'],
    load: (ids) => {
      const threads = ids.map((id) => ({ id, emails: store.emails(account.id, store.thread(account.id, id)) }))
      return new Map(threads.filter((thread) => thread.emails.length > 0).map((thread) => [thread.id, thread]))
    },
    show: ({ id, emails }) => ({
      id: formatId('t', id),
      // Oldest first (RFC 8621 §3).
      emailIds: emails
        .sort((a, b) => a.receivedAtMs - b.receivedAtMs || a.id - b.id)
        .map((email) => formatId('e', email.id)),
    }),
  })
}

export const THREAD_METHODS: Record<string, Method> = {
  'Thread/get': { capability: MAIL, run: get },
  'Thread/changes': {
    capability: MAIL,
    run: changesMethod('t', ({ backend }, modseq) => backend.store.threadChanges(backend.account.id, modseq)),
  },
}
