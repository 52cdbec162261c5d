// What the store's tests share: messages and summaries in one line.

import { createHash } from 'node:crypto'
import type { Command, CommandResult } from './commands.ts'
import type { EmailSummary } from './nouns/mail.ts'
import type { Store } from './store.ts'

export const nowMs = Date.UTC(2026, 10, 23)

export function summary(fields: Partial<EmailSummary> = {}): EmailSummary {
  const nobody = { to: [], cc: [], bcc: [], replyTo: [], sender: [] }
  return {
    subject: 'Greetings',
    from: [{ name: 'Alice', email: 'alice@sender.test' }],
    ...nobody,
    sentAtMs: nowMs,
    messageId: [],
    inReplyTo: [],
    references: [],
    preview: 'Hello.',
    hasAttachment: false,
    ...fields,
  }
}

export type Made = Extract<CommandResult, { ok: true }>

/** Bytes that nothing makes smaller, the same for the same name. */
export function noise(name: string | number, bytes: number): Buffer {
  return createHash('shake256', { outputLength: bytes }).update(String(name)).digest()
}

/** Commits one command that must succeed. */
export async function done(store: Store, command: Command): Promise<Made> {
  const [result] = await store.commit([command])
  if (!result?.ok) throw new Error(`${command.kind} was refused: ${result?.message}`)
  return result
}

export async function makeAccount(store: Store, address = 'bob@here.test'): Promise<number> {
  const made = await done(store, { kind: 'account.create', address, displayName: 'Bob', credentials: null, nowMs })
  return made.id!
}

type Delivery = Extract<Command, { kind: 'email.deliver' }>

/** Puts the text as a message and gives the command that delivers it. */
export async function delivery(
  store: Store,
  account: number,
  text: string | Buffer,
  more: Partial<Delivery> = {},
): Promise<Delivery> {
  const blob = await store.putBlob([typeof text === 'string' ? Buffer.from(text) : text])
  const rest = { flags: [], receivedAtMs: nowMs, verdict: null, summary: summary() }
  return { kind: 'email.deliver', account, mailboxes: ['inbox'], blob, ...rest, ...more }
}

export async function deliver(store: Store, account: number, text: string | Buffer, more: Partial<Delivery> = {}) {
  return done(store, await delivery(store, account, text, more))
}
