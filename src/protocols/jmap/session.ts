// The session object (RFC 8620 §2): what this server can do, for which account, and where. One table of capabilities:
// what is not in it is `unknownCapability`.

import { createHash } from 'node:crypto'
import { CONTACTS_ACCOUNT } from './address-book.ts'
import { BLOB_ACCOUNT } from './blob-methods.ts'
import { formatId, formatState } from './ids.ts'
import { EMAIL_SORTS } from './query.ts'
import { isReadOnly, sharedAccounts, sharingState } from './shared.ts'
import { SIEVE_ACCOUNT, SIEVE_SERVER } from './sieve.ts'
import { SUBMISSION_ACCOUNT } from './submission.ts'
import {
  BLOB,
  CONTACTS,
  CORE,
  DELETED,
  type JmapBackend,
  type Json,
  LIMITS,
  MAIL,
  MDN,
  PRINCIPALS,
  QUOTA,
  SIEVE,
  SUBMISSION,
  VACATION,
  VAPID,
  WEBSOCKET,
} from './types.ts'

interface Capability {
  /** What is said of the server, and of the account. */
  readonly server: Json
  readonly account: Json
}

const MAIL_ACCOUNT = {
  maxMailboxesPerEmail: null,
  maxMailboxDepth: null,
  maxSizeMailboxName: 255,
  maxSizeAttachmentsPerEmail: LIMITS.maxSizeUpload,
  emailQuerySortOptions: EMAIL_SORTS,
  mayCreateTopLevelMailbox: true,
}

const CAPABILITIES: Readonly<Record<string, Capability>> = {
  [CORE]: { server: { ...LIMITS, collationAlgorithms: ['i;unicode-casemap'] }, account: {} },
  [MAIL]: { server: {}, account: MAIL_ACCOUNT },
  [SUBMISSION]: { server: {}, account: SUBMISSION_ACCOUNT },
  [VACATION]: { server: {}, account: {} },
  [SIEVE]: { server: SIEVE_SERVER, account: SIEVE_ACCOUNT },
  [BLOB]: { server: {}, account: BLOB_ACCOUNT },
  [QUOTA]: { server: {}, account: {} },
  [DELETED]: { server: {}, account: {} },
  [MDN]: { server: {}, account: {} },
  [CONTACTS]: { server: {}, account: CONTACTS_ACCOUNT },
  [PRINCIPALS]: { server: {}, account: {} },
}

export const isCapability = (name: string): boolean =>
  Object.hasOwn(CAPABILITIES, name) || name === VAPID || name === WEBSOCKET

/** Changes when the session object would: with the account, and with what others share. */
export function sessionState(backend: JmapBackend): string {
  const shared = createHash('sha256').update(sharingState(backend)).digest('hex').slice(0, 12)
  return `${formatId('a', backend.account.id)}-${shared}`
}

/** Accounts of others, as far as they let this person read. */
function othersOf(backend: JmapBackend): Record<string, Json> {
  const accountCapabilities = {
    [CORE]: {},
    [MAIL]: { ...MAIL_ACCOUNT, mayCreateTopLevelMailbox: false },
    [BLOB]: BLOB_ACCOUNT,
  }
  const shown = [...sharedAccounts(backend)].map(([id, rights]) => {
    const name = backend.store.account(id)?.address ?? ''
    return [
      formatId('a', id),
      { name, isPersonal: false, isReadOnly: isReadOnly(rights), accountCapabilities },
    ] as const
  })
  return Object.fromEntries(shown)
}

/** `base` is 'https://host', as the client sees this server, or '': then the URLs are relative to it. */
export function sessionObject(backend: JmapBackend, base: string): Json {
  const accountId = formatId('a', backend.account.id)
  const names = Object.keys(CAPABILITIES)
  const currentUserPrincipalId = formatId('u', backend.account.id)
  const { pushKey } = backend
  return {
    capabilities: {
      ...Object.fromEntries(names.map((name) => [name, CAPABILITIES[name]!.server])),
      // RFC 9749: clients subscribe with it, and the push service takes messages of nobody else.
      [WEBSOCKET]: { url: `${base.replace(/^http/, 'ws')}/jmap/ws`, supportsPush: true },
      ...(pushKey === undefined ? {} : { [VAPID]: { applicationServerKey: pushKey } }),
    },
    accounts: {
      [accountId]: {
        name: backend.account.address,
        isPersonal: true,
        isReadOnly: false,
        accountCapabilities: {
          ...Object.fromEntries(names.map((name) => [name, CAPABILITIES[name]!.account])),
          [PRINCIPALS]: { currentUserPrincipalId },
        },
      },
      ...othersOf(backend),
    },
    primaryAccounts: Object.fromEntries(names.map((name) => [name, accountId])),
    username: backend.account.address,
    apiUrl: `${base}/jmap/api`,
    downloadUrl: `${base}/jmap/download/{accountId}/{blobId}/{name}?type={type}`,
    uploadUrl: `${base}/jmap/upload/{accountId}`,
    eventSourceUrl: `${base}/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}`,
    state: sessionState(backend),
  }
}

/** The types whose states push tells (RFC 8620 §7.1), all from one MODSEQ. */
const PUSHED = [
  'Mailbox',
  'Email',
  'Thread',
  'EmailDelivery',
  'EmailSubmission',
  'Identity',
  'VacationResponse',
  'SieveScript',
  'Quota',
  'AddressBook',
  'ContactCard',
  'ShareNotification',
]

/** `types`: those that somebody wants to hear of. */
export function stateChange(backend: Pick<JmapBackend, 'store' | 'account'>, types: readonly string[] = PUSHED): Json {
  const state = formatState(backend.store.modseq(backend.account.id))
  const states = Object.fromEntries(PUSHED.filter((type) => types.includes(type)).map((type) => [type, state]))
  return { '@type': 'StateChange', changed: { [formatId('a', backend.account.id)]: states } }
}
