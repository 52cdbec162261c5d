// The webmail speaks JMAP to its server and nothing else (RFC 8620, RFC 8621).

import type { Verdict } from '../../src/store/nouns/mail.ts'
import { ApiError, request } from './api.ts'

export interface Address {
  readonly name: string | null
  readonly email: string
}

export type Keywords = Readonly<Record<string, true>>

export interface Mailbox {
  readonly id: string
  readonly name: string
  readonly parentId: string | null
  readonly role: string | null
  readonly sortOrder: number
  readonly totalEmails: number
  readonly unreadEmails: number
}

export interface BodyPart {
  readonly partId: string | null
  readonly blobId: string | null
  readonly size: number
  readonly name: string | null
  readonly type: string
  readonly cid: string | null
  readonly disposition: string | null
}

/** What a row of a list shows. */
export interface EmailRow {
  readonly id: string
  readonly threadId: string
  readonly mailboxIds: Readonly<Record<string, true>>
  readonly keywords: Keywords
  readonly receivedAt: string
  readonly from: readonly Address[] | null
  readonly to: readonly Address[] | null
  readonly subject: string
  readonly preview: string
  readonly hasAttachment: boolean
}
export const ROW_PROPERTIES = [
  'id',
  'threadId',
  'mailboxIds',
  'keywords',
  'receivedAt',
  'from',
  'to',
  'subject',
  'preview',
  'hasAttachment',
]

/** What the reader shows. */
export interface Email extends EmailRow {
  readonly blobId: string
  readonly cc: readonly Address[] | null
  readonly bcc: readonly Address[] | null
  readonly replyTo: readonly Address[] | null
  readonly messageId: readonly string[] | null
  readonly references: readonly string[] | null
  readonly inReplyTo: readonly string[] | null
  readonly sentAt: string | null
  readonly verdict: Verdict | null
  readonly 'header:ARC-Seal:all'?: readonly string[]
  readonly textBody: readonly BodyPart[]
  readonly htmlBody: readonly BodyPart[]
  readonly attachments: readonly BodyPart[]
  readonly bodyValues: Readonly<Record<string, { readonly value: string; readonly isTruncated: boolean }>>
}
export const READ_PROPERTIES = [
  ...ROW_PROPERTIES,
  'blobId',
  'cc',
  'bcc',
  'replyTo',
  'messageId',
  'references',
  'inReplyTo',
  'sentAt',
  'verdict',
  'header:ARC-Seal:all',
  'textBody',
  'htmlBody',
  'attachments',
  'bodyValues',
]

export interface Identity {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly textSignature: string
}

type Args = Record<string, unknown>
export type Call = readonly [method: string, args: Args]
// biome-ignore lint/suspicious/noExplicitAny: answers are read by whoever asked
export type Answer = any

const USING = [
  'urn:ietf:params:jmap:core',
  'urn:ietf:params:jmap:mail',
  'urn:ietf:params:jmap:submission',
  'urn:ietf:params:jmap:contacts',
  'urn:ietf:params:jmap:vacationresponse',
  'urn:ietf:params:jmap:sieve',
  'urn:borderpost:jmap:deleted',
]

export class Jmap {
  readonly accountId: string

  constructor(accountId: string) {
    this.accountId = accountId
  }

  /** Runs the calls in order; the answers by position. Call ids are '0', '1', … for references. @throws Error for people */
  async call(...calls: Call[]): Promise<Answer[]> {
    const methodCalls = calls.map(([method, args], i) => [method, { accountId: this.accountId, ...args }, String(i)])
    const { methodResponses } = await request<{ methodResponses: [string, Answer, string][] }>('POST', '/jmap/api', {
      using: USING,
      methodCalls,
    })
    return calls.map((_, i) => {
      const [name, args] = methodResponses.find((response) => response[2] === String(i)) ?? [
        'error',
        { type: 'serverFail' },
      ]
      if (name === 'error') throw new ApiError(400, args.description ?? args.type)
      return args
    })
  }

  /** A /set whose refusals are errors for people. */
  async set(method: string, args: Args): Promise<Answer> {
    const [answer] = await this.call([method, args])
    const refused = answer.notCreated ?? answer.notUpdated ?? answer.notDestroyed
    if (refused) throw new Error(describeSetError(Object.values(refused)[0] as Answer))
    return answer
  }

  async upload(file: Blob): Promise<{ blobId: string; size: number }> {
    const response = await fetch(`/jmap/upload/${this.accountId}`, {
      method: 'POST',
      headers: { 'content-type': file.type || 'application/octet-stream' },
      body: file,
    })
    if (!response.ok)
      throw new Error(response.status === 413 ? 'The file is too large.' : 'The file could not be uploaded.')
    return response.json()
  }

  downloadUrl(blobId: string, name: string, type: string): string {
    return `/jmap/download/${this.accountId}/${blobId}/${encodeURIComponent(name)}?type=${encodeURIComponent(type)}`
  }

  /** Calls back when anything changed or may have: whenever the connection is there. Gives the function that stops it. */
  watch(changed: () => void): () => void {
    let source: EventSource
    let timer = 0
    const open = (): void => {
      source = new EventSource('/jmap/eventsource?types=Email,Mailbox&closeafter=no&ping=60')
      source.addEventListener('state', changed)
      // Also at the first time: something may have changed since the page read what it shows.
      source.addEventListener('open', changed)
      // The browser tries again by itself, but not after an answer that is no stream (a proxy's 502, a lost sign-in).
      source.addEventListener('error', () => {
        if (source.readyState !== EventSource.CLOSED) return
        changed()
        timer = window.setTimeout(open, REOPEN_MS)
      })
    }
    open()
    return () => {
      clearTimeout(timer)
      source.close()
    }
  }
}

const REOPEN_MS = 5000

export function describeSetError(error: { type: string; description?: string; properties?: string[] }): string {
  const known: Record<string, string> = {
    noRecipients: 'Nobody to send to: fill in To, Cc or Bcc.',
    forbiddenFrom: 'This sender address is not yours.',
    tooLarge: 'The message is too large.',
    blobNotFound: 'An attachment is no longer there. Add it again.',
  }
  return error.description ?? known[error.type] ?? `Refused (${[error.type, ...(error.properties ?? [])].join(' ')}).`
}
