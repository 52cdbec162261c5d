// Drafts: new ones, answers, forwards, from mailto: links; and how a draft becomes JMAP's Email.

import { fullDate, looksLikeAddress, nameOf, readAddresses, writeAddress } from '../format.ts'
import type { Address, BodyPart, Email, Identity } from '../jmap.ts'

export interface DraftFile {
  readonly blobId: string
  readonly name: string
  readonly type: string
  readonly size: number
}

export interface Draft {
  /** The stored draft this one replaces when it is saved. */
  readonly emailId?: string
  readonly identityId?: string
  readonly to: string
  readonly cc: string
  readonly bcc: string
  readonly subject: string
  readonly body: string
  readonly files: readonly DraftFile[]
  readonly inReplyTo?: readonly string[]
  readonly references?: readonly string[]
  /** The email that is answered or forwarded: it gets this keyword when the draft is sent. */
  readonly origin?: { readonly emailId: string; readonly keyword: '$answered' | '$forwarded' }
}

const EMPTY: Draft = { to: '', cc: '', bcc: '', subject: '', body: '', files: [] }

const signatureOf = (identity: Identity | undefined): string =>
  identity?.textSignature ? `\n\n-- \n${identity.textSignature}` : ''

export const newDraft = (identity: Identity | undefined): Draft => ({
  ...EMPTY,
  identityId: identity?.id,
  body: signatureOf(identity),
})

const prefixed = (prefix: string, subject: string): string =>
  new RegExp(`^${prefix}:`, 'i').test(subject) ? subject : `${prefix}: ${subject}`

const write = (list: readonly Address[]): string => list.map(writeAddress).join(', ')

/** The plain text of an email, made from its HTML where there is no other. */
function plainText(email: Email): string {
  return email.textBody
    .map((part: BodyPart) => {
      const value = part.partId === null ? '' : (email.bodyValues[part.partId]?.value ?? '')
      return part.type === 'text/html' ? htmlToPlain(value) : value
    })
    .join('\n')
}

function htmlToPlain(html: string): string {
  const { body } = new DOMParser().parseFromString(html, 'text/html')
  for (const element of body.querySelectorAll('script, style, title')) element.remove()
  for (const element of body.querySelectorAll('br, p, div, tr, li, h1, h2, h3, blockquote')) element.append('\n')
  return (body.textContent ?? '')
    .replace(/[ \t]+/g, ' ')
    .replace(/\n\s*\n\s*/g, '\n\n')
    .trim()
}

const quote = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (line.startsWith('>') ? `>${line}` : `> ${line}`))
    .join('\n')

/** An answer to the sender, or to everybody who is not oneself. */
export function answerTo(email: Email, toAll: boolean, identities: readonly Identity[]): Draft {
  const own = new Set(identities.map((identity) => identity.email.toLowerCase()))
  const isOwn = ({ email: address }: Address): boolean => own.has(address.toLowerCase())
  const sender = email.replyTo ?? email.from ?? []
  // Answering what one wrote oneself continues with the same people.
  const to = sender.every(isOwn) ? (email.to ?? sender) : sender
  const known = new Set(to.map((address) => address.email.toLowerCase()))
  const others = [...(email.to ?? []), ...(email.cc ?? [])].filter(
    (address) => !isOwn(address) && !known.has(address.email.toLowerCase()) && known.add(address.email.toLowerCase()),
  )
  const addressed = [...(email.to ?? []), ...(email.cc ?? [])].map((address) => address.email.toLowerCase())
  const identity = identities.find((candidate) => addressed.includes(candidate.email.toLowerCase())) ?? identities[0]
  const wrote = `On ${fullDate(email.sentAt ?? email.receivedAt)}, ${nameOf(email.from?.[0])} wrote:`
  return {
    ...EMPTY,
    identityId: identity?.id,
    to: write(to),
    cc: toAll ? write(others) : '',
    subject: prefixed('Re', email.subject),
    body: `${signatureOf(identity)}\n\n${wrote}\n${quote(plainText(email))}\n`,
    inReplyTo: email.messageId ?? undefined,
    // RFC 5322 §3.6.4: the parent's references, then the parent.
    references: [...(email.references ?? email.inReplyTo ?? []), ...(email.messageId ?? [])],
    origin: { emailId: email.id, keyword: '$answered' },
  }
}

export function forwardOf(email: Email, identity: Identity | undefined): Draft {
  const head = [
    '-------- Forwarded message --------',
    `From: ${write(email.from ?? [])}`,
    `Date: ${fullDate(email.sentAt ?? email.receivedAt)}`,
    `Subject: ${email.subject}`,
    `To: ${write(email.to ?? [])}`,
  ]
  return {
    ...EMPTY,
    identityId: identity?.id,
    subject: prefixed('Fwd', email.subject),
    body: `${signatureOf(identity)}\n\n${head.join('\n')}\n\n${plainText(email)}`,
    files: filesOf(email),
    origin: { emailId: email.id, keyword: '$forwarded' },
  }
}

const filesOf = (email: Email): DraftFile[] =>
  email.attachments
    .filter((part) => part.blobId !== null)
    .map((part) => ({ blobId: part.blobId!, name: part.name ?? 'attachment', type: part.type, size: part.size }))

/** Goes on with a stored draft. */
export function draftFrom(email: Email, identities: readonly Identity[]): Draft {
  const from = email.from?.[0]?.email.toLowerCase()
  return {
    emailId: email.id,
    identityId: (identities.find((identity) => identity.email.toLowerCase() === from) ?? identities[0])?.id,
    to: write(email.to ?? []),
    cc: write(email.cc ?? []),
    bcc: write(email.bcc ?? []),
    subject: email.subject,
    body: plainText(email),
    files: filesOf(email),
    inReplyTo: email.inReplyTo ?? undefined,
    references: email.references ?? undefined,
  }
}

/** RFC 6068: only addresses, subject and body are taken; a link cannot set what the person does not see. */
export function draftFromMailto(link: string, identity: Identity | undefined): Draft {
  const draft = newDraft(identity)
  const match = /^mailto:([^?#]*)(?:\?([^#]*))?/i.exec(link)
  if (!match) return draft
  const fields = new Map<string, string>()
  for (const pair of (match[2] ?? '').split('&')) {
    const [name = '', value = ''] = pair.split('=')
    const key = decode(name).toLowerCase()
    const text = decode(value).replace(/\r\n/g, '\n')
    fields.set(key, fields.has(key) && /^(to|cc|bcc)$/.test(key) ? `${fields.get(key)}, ${text}` : text)
  }
  const line = (name: string): string => (fields.get(name) ?? '').replace(/[\r\n]+/g, ' ')
  return {
    ...draft,
    to: [decode(match[1]!), line('to')].filter((text) => text !== '').join(', '),
    cc: line('cc'),
    bcc: line('bcc'),
    subject: line('subject'),
    body: (fields.get('body') ?? '') + draft.body,
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Addresses in the draft that cannot be right. */
export const badAddresses = (draft: Draft): string[] =>
  [draft.to, draft.cc, draft.bcc]
    .flatMap(readAddresses)
    .map(({ email }) => email)
    .filter((email) => !looksLikeAddress(email))

export const isEmpty = (draft: Draft, identity: Identity | undefined): boolean =>
  draft.to + draft.cc + draft.bcc + draft.subject === '' &&
  draft.files.length === 0 &&
  draft.body.trim() === signatureOf(identity).trim()

/** The draft as the `create` of an Email/set. */
export function emailOf(draft: Draft, identity: Identity, mailboxId: string): object {
  const list = (text: string) => (text.trim() === '' ? null : readAddresses(text))
  return {
    mailboxIds: { [mailboxId]: true },
    keywords: { $draft: true, $seen: true },
    from: [{ name: identity.name || null, email: identity.email }],
    to: list(draft.to),
    cc: list(draft.cc),
    bcc: list(draft.bcc),
    subject: draft.subject,
    inReplyTo: draft.inReplyTo?.length ? draft.inReplyTo : null,
    references: draft.references?.length ? draft.references : null,
    textBody: [{ partId: 'text', type: 'text/plain' }],
    attachments: draft.files.map(({ blobId, name, type }) => ({ blobId, name, type, disposition: 'attachment' })),
    bodyValues: { text: { value: draft.body } },
  }
}
