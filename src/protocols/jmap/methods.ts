// Every method there is, by name (RFC 8620 §3.6.2: what is not here is `unknownMethod`).

import { ADDRESS_BOOK_METHODS } from './address-book.ts'
import { BLOB_METHODS } from './blob-methods.ts'
import { CONTACT_CARD_METHODS } from './contact-card.ts'
import { DELETED_METHODS } from './deleted.ts'
import { EMAIL_METHODS } from './email.ts'
import { IDENTITY_METHODS } from './identity.ts'
import { MAILBOX_METHODS } from './mailbox.ts'
import { MDN_METHODS } from './mdn.ts'
import { PRINCIPAL_METHODS } from './principal.ts'
import { PUSH_METHODS } from './push-subscription.ts'
import { QUOTA_METHODS } from './quota.ts'
import { SHARE_NOTIFICATION_METHODS } from './share-notification.ts'
import { SIEVE_METHODS } from './sieve.ts'
import { SUBMISSION_METHODS } from './submission.ts'
import { THREAD_METHODS } from './thread.ts'
import { CORE, type Method } from './types.ts'
import { VACATION_METHODS } from './vacation.ts'

export const METHODS: Readonly<Record<string, Method>> = {
  'Core/echo': { capability: CORE, run: (args) => ({ args }) },
  ...PUSH_METHODS,
  ...BLOB_METHODS,
  ...QUOTA_METHODS,
  ...DELETED_METHODS,
  ...MDN_METHODS,
  ...ADDRESS_BOOK_METHODS,
  ...CONTACT_CARD_METHODS,
  ...PRINCIPAL_METHODS,
  ...SHARE_NOTIFICATION_METHODS,
  ...MAILBOX_METHODS,
  ...EMAIL_METHODS,
  ...THREAD_METHODS,
  ...IDENTITY_METHODS,
  ...SUBMISSION_METHODS,
  ...VACATION_METHODS,
  ...SIEVE_METHODS,
}
