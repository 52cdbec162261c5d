// The Email methods, by name (RFC 8621 §4).

import { emailGet, emailParse } from './email-get.ts'
import { emailCopy, emailImport, emailSet } from './email-set.ts'
import { emailQuery, emailQueryChanges } from './query.ts'
import { snippetGet } from './snippet.ts'
import { changesMethod } from './standard.ts'
import { MAIL, type Method } from './types.ts'

export const EMAIL_METHODS: Record<string, Method> = {
  'Email/get': { capability: MAIL, run: emailGet },
  'Email/changes': {
    capability: MAIL,
    run: changesMethod('e', ({ backend }, modseq, most) =>
      backend.store.changes.emails(backend.account.id, modseq, most),
    ),
  },
  'Email/query': { capability: MAIL, run: emailQuery },
  'Email/queryChanges': { capability: MAIL, run: emailQueryChanges },
  'Email/set': { capability: MAIL, run: emailSet },
  'Email/copy': { capability: MAIL, run: emailCopy },
  'Email/import': { capability: MAIL, run: emailImport },
  'SearchSnippet/get': { capability: MAIL, run: snippetGet },
  'Email/parse': { capability: MAIL, run: emailParse },
}
