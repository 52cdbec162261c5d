// For the tests of the rules: an honest message, and honest messages with one thing changed.

import { type MailFacts, MailView, type ProvenIdentity } from './view.ts'

export interface TestFile {
  name?: string
  /** Default application/octet-stream. */
  type?: string
  bytes: Buffer | string
  /** Default attachment. */
  disposition?: string
}

export interface Draft {
  /** Replaces or adds fields; undefined leaves one out. An array writes the field several times. */
  fields?: Record<string, string | string[] | undefined>
  text?: string
  html?: string
  files?: TestFile[]
  /** The body as it is, with the Content-Type among `fields`. */
  body?: string | Buffer
  identity?: Partial<ProvenIdentity> | 'none'
  facts?: Partial<MailFacts>
}

export const NOW_MS = Date.UTC(2026, 10, 23, 12, 0, 0)

const HONEST_FIELDS: Record<string, string> = {
  Received:
    'from mail.sender.example (mail.sender.example [192.0.2.10]) by mx.home.example with ESMTPS id 4f3a; Mon, 23 Nov 2026 11:59:58 +0000',
  From: 'Alice Meier <alice@sender.example>',
  To: 'Bob Huber <bob@home.example>',
  Subject: 'Minutes of the meeting on Tuesday',
  Date: 'Mon, 23 Nov 2026 12:59:30 +0100',
  'Message-ID': '<5d1c2f7e-0b6a-4a70-9d7c-1f4f0e1f2a3b@sender.example>',
  'MIME-Version': '1.0',
}

const HONEST_TEXT =
  'Dear Bob,\r\n\r\nhere are the minutes of our meeting. Please tell me by Friday if something is missing;\r\nthe plans lie at https://www.sender.example/plans as before.\r\n\r\nRegards\r\nAlice\r\n'

export const PROVEN: ProvenIdentity = {
  ip: '192.0.2.10',
  helo: 'mail.sender.example',
  reversePath: 'alice@sender.example',
  spf: { result: 'pass', domain: 'sender.example' },
  dkim: [{ result: 'pass', domain: 'sender.example', keyBits: 2048, unsignedBytes: 0 }],
  dmarc: {
    result: 'pass',
    policy: 'none',
    domain: 'sender.example',
    aligned: { spf: 'sender.example', dkim: 'sender.example' },
  },
  arc: { result: 'none' },
  iprev: { result: 'pass', name: 'mail.sender.example' },
}

/** Nothing proves anything, and nothing speaks against it. */
export const UNPROVEN: Partial<ProvenIdentity> = {
  spf: { result: 'none', domain: 'sender.example' },
  dkim: [],
  dmarc: { result: 'none', policy: 'none', domain: 'sender.example', aligned: { spf: undefined, dkim: undefined } },
}

/** The message of a draft, as bytes. */
export function messageOf(draft: Draft): Buffer {
  const { html, files = [] } = draft
  const text = draft.text ?? (html === undefined ? HONEST_TEXT : undefined)
  const fields: Record<string, string | string[] | undefined> = { ...HONEST_FIELDS }
  let body: string | Buffer
  if (draft.body !== undefined) body = draft.body
  else {
    const parts = [
      ...(text === undefined ? [] : [`Content-Type: text/plain; charset=utf-8\r\n\r\n${text}`]),
      ...(html === undefined ? [] : [`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`]),
    ]
    const alternative = parts.length > 1 ? multipart('alternative', 'a1', parts) : parts[0]!
    const whole = files.length === 0 ? alternative : multipart('mixed', 'm1', [alternative, ...files.map(filePart)])
    const end = whole.indexOf('\r\n\r\n')
    fields['Content-Type'] = whole.slice('Content-Type: '.length, end)
    body = whole.slice(end + 4)
  }
  Object.assign(fields, draft.fields)
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((each) => `${name}: ${each}\r\n`),
  )
  return Buffer.concat([Buffer.from(`${lines.join('')}\r\n`), Buffer.from(body)])
}

/** The view of a draft: proven, unless it says otherwise. */
export function viewOf(draft: Draft): MailView {
  const identity = draft.identity === 'none' ? undefined : { ...PROVEN, ...draft.identity }
  return new MailView({
    message: messageOf(draft),
    nowMs: NOW_MS,
    recipients: ['bob@home.example'],
    ownDomains: ['home.example'],
    identity,
    ...draft.facts,
  })
}

function multipart(subtype: string, boundary: string, parts: string[]): string {
  return `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`
}

function filePart({ name, type = 'application/octet-stream', bytes, disposition = 'attachment' }: TestFile): string {
  const encoded = Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n')
  const parameter =
    name === undefined
      ? ''
      : /^[ -~]*$/.test(name)
        ? `; filename="${name}"`
        : `; filename*=utf-8''${encodeURIComponent(name)}`
  return `Content-Type: ${type}\r\nContent-Disposition: ${disposition}${parameter}\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}`
}
